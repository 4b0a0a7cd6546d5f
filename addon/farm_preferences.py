# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preferences know of a farm: how jobs get there, and what its workers see."""

# mypy: disable-error-code="valid-type"

from typing import Any

import bpy
from bpy.props import CollectionProperty, EnumProperty, IntProperty, StringProperty

from . import runtime

__all__ = ["BrushflowFarm", "BrushflowFarmFolder", "draw_farm", "register", "unregister"]


class BrushflowFarmFolder(bpy.types.PropertyGroup):
    """A shared folder."""

    here: StringProperty(name="On This Machine", description="A folder that the workers see, with all that is in it", subtype="DIR_PATH")
    there: StringProperty(name="On Workers", description="The path that it has on the workers; empty where that is the same")


class BrushflowFarm(bpy.types.PropertyGroup):
    """How strips are handed to a farm."""

    engine: EnumProperty(
        name="Farm",
        description="What hands the tasks to the workers",
        items=[
            ("RAY", "Ray", "Some machines, or graphics cards of one, that Ray connects; the results come in while it paints"),
            ("OPENJD", "OpenJD", "Farms that take jobs of Open Job Description, such as AWS Deadline Cloud: a job bundle is written"),
            ("FLAMENCO", "Flamenco", "Blender's own render farm, whose Manager is sent the job"),
        ],
        default="OPENJD",
    )
    address: StringProperty(
        name="Address", description="Address of the Ray cluster, such as 10.0.0.7:6379; empty for the Ray that runs on this machine"
    )
    folder: StringProperty(
        name="Job Folder",
        description="Folder in which every strip's job for the farm gets a folder of its own; // is the folder of the project",
        subtype="DIR_PATH",
        default="//farm/",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    manager: StringProperty(
        name="Manager",
        description="Address of Flamenco's Manager, such as http://10.0.0.7:8080; empty only writes the files that are sent to it",
    )
    folders: CollectionProperty(
        type=BrushflowFarmFolder,
        name="Shared Folders",
        description="Folders that the workers see, and where; none where all paths are the same",
    )
    python: StringProperty(
        name="Python on Workers",
        description="Interpreter with the engine's packages, as the workers see it; empty where it is that of this machine",
    )
    core: StringProperty(
        name="Engine on Workers", description="Folder core of the extension, as the workers see it; empty where it is that of this machine"
    )


def draw_farm(layout: Any, farm: Any) -> None:
    """What is the same for all projects: what the workers see."""
    box = layout.box().column()
    row = box.row()
    row.label(text="Shared Folders of a Farm")
    row.operator("preferences.brushflow_farm_folder_add", text="", icon="ADD")
    for index, one in enumerate(farm.folders):
        row = box.row(align=True)
        row.prop(one, "here", text="")
        row.prop(one, "there", text="", icon="FORWARD", placeholder="The Same on Workers")
        row.operator("preferences.brushflow_farm_folder_remove", text="", icon="X").index = index
    if not farm.folders:
        box.label(text="All paths are the same on the workers", icon="INFO")
    column = box.column()
    column.use_property_split = True
    column.prop(farm, "python", placeholder="The Same on Workers")
    column.prop(farm, "core", placeholder="The Same on Workers")


class PREFERENCES_OT_brushflow_farm_folder_add(bpy.types.Operator):
    """Add a folder that this machine shares with the workers of a farm"""

    bl_idname = "preferences.brushflow_farm_folder_add"
    bl_label = "Add Shared Folder"

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        preferences: Any = runtime.preferences()
        preferences.farm.folders.add()
        return {"FINISHED"}


class PREFERENCES_OT_brushflow_farm_folder_remove(bpy.types.Operator):
    """Take a shared folder off the list"""

    bl_idname = "preferences.brushflow_farm_folder_remove"
    bl_label = "Remove Shared Folder"

    index: IntProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        preferences: Any = runtime.preferences()
        preferences.farm.folders.remove(self.index)
        return {"FINISHED"}


_CLASSES = (
    BrushflowFarmFolder,
    BrushflowFarm,
    PREFERENCES_OT_brushflow_farm_folder_add,
    PREFERENCES_OT_brushflow_farm_folder_remove,
)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
