# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The style explorer's operators, and its sub-panel in the sequencer's sidebar: a sheet of pictures to choose from."""

# mypy: disable-error-code="valid-type"

from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import EnumProperty, IntProperty, PointerProperty, StringProperty

from ..core.settings import SettingsError
from . import Refused, compat, explorer, preview, thumbnails
from .explorer import Sheet, Tile
from .operators import active_strip, polled
from .panels import characters
from .preferences import draw_sentence
from .preview_panel import draw_progress, obstacle_at_playhead, paintings_obstacle
from .properties import absolute
from .source import obstacle

__all__ = ["register", "unregister"]

_PLAIN: set[str] = set()  # not animatable
_TILE = 7
"""Least width of a tile, in the units of Blender's buttons."""


class BrushflowExplorer(bpy.types.PropertyGroup):
    """What the explorer looks at. It belongs to the window manager, so it is no part of the project."""

    among: EnumProperty(
        name="Among",
        description="What to choose from",
        items=[
            ("PAINTINGS", "Paintings", "Those of the strip, each alone"),
            ("FOLDER", "Folder", "All pictures of a folder"),
            ("PRESETS", "Presets", "Those that come with Brushflow, and your own, with the strip's paintings"),
        ],
        options=_PLAIN,
    )
    folder: StringProperty(
        name="Folder",
        description=f"Folder of pictures; the first {explorer.MOST} are looked at",
        subtype="DIR_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )


def _options(context: bpy.types.Context) -> Any:
    return context.window_manager.brushflow_explorer


def _obstacle(context: bpy.types.Context) -> str:
    """Why the explorer cannot begin, as a sentence; empty where it can."""
    if reason := obstacle_at_playhead(context):
        return reason
    options = _options(context)
    if options.among != "FOLDER":
        return paintings_obstacle(active_strip(context))
    if not options.folder:
        return rpt_("Choose a folder of pictures.")
    if not absolute(options.folder).is_dir():
        return rpt_("The folder {folder} does not exist; choose another.").format(folder=options.folder)
    return ""


class SEQUENCER_OT_brushflow_explore(bpy.types.Operator):
    """Paint the active strip's frame at the playhead in several styles or presets, small and one after the other, to choose from"""

    bl_idname = "sequencer.brushflow_explore"
    bl_label = "Explore"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return polled(cls, _obstacle(context))

    def execute(self, context: bpy.types.Context) -> set[Any]:
        strip, options = active_strip(context), _options(context)
        assert strip
        try:
            match options.among:
                case "PAINTINGS":
                    tiles = explorer.of_paintings(strip)
                case "FOLDER":
                    tiles = explorer.of_folder(strip, options.folder)
                case _:
                    tiles = explorer.of_presets(strip)
            sheet = Sheet(compat.edit_scene(context), strip, tiles)
            if bpy.app.background:
                preview.run(sheet)
            else:
                preview.start(sheet)
        except Refused as refused:
            self.report({"ERROR"}, str(refused))
            return {"CANCELLED"}
        explorer.keep(sheet)
        if sheet.state == "failed":
            self.report({"ERROR"}, sheet.message)
            return {"CANCELLED"}
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_explore_take(bpy.types.Operator):
    """Give the active strip what this picture was painted with, and show the picture as the preview"""

    bl_idname = "sequencer.brushflow_explore_take"
    bl_label = "Take"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return polled(cls, obstacle(active_strip(context)))

    def execute(self, context: bpy.types.Context) -> set[Any]:
        strip, sheet = active_strip(context), explorer.current()
        if strip is None or sheet is None or not 0 <= self.index < len(sheet.tiles):
            return {"CANCELLED"}
        tile = sheet.tiles[self.index]
        try:
            explorer.choose(sheet, tile, strip)
        except SettingsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, rpt_("'{strip}' has taken {label}").format(strip=strip.name, label=tile.label))
        return {"FINISHED"}


class SEQUENCER_PT_brushflow_explorer(bpy.types.Panel):
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Brushflow"
    bl_label = "Style Explorer"
    bl_parent_id = "SEQUENCER_PT_brushflow"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not obstacle(active_strip(context))

    def draw(self, context: bpy.types.Context) -> None:
        layout: Any = self.layout
        options, sheet, width = _options(context), explorer.current(), characters(context)
        layout.row().prop(options, "among", expand=True)
        if options.among == "FOLDER":
            layout.prop(options, "folder", text="")
        if sheet is not None and not sheet.ended:
            draw_progress(layout.row(align=True), sheet)
        else:
            layout.operator("sequencer.brushflow_explore", icon="IMGDISPLAY")
            if reason := _obstacle(context):
                draw_sentence(layout, reason, "INFO", width)
            elif sheet is not None and sheet.state == "failed":
                draw_sentence(layout.box(), sheet.message, "ERROR", width)
            elif sheet is not None:
                layout.label(text=preview.headline(sheet))
        if sheet is not None:
            _draw_sheet(layout, sheet, context, width)


def _draw_sheet(layout: Any, sheet: Sheet, context: bpy.types.Context, width: int) -> None:
    units = context.region.width / (20 * (context.preferences.system.ui_scale or 1.0)) - 2
    columns = max(1, int(units / _TILE))
    grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, even_rows=True, align=True)
    for index, tile in enumerate(sheet.tiles):
        _draw_tile(grid.box().column(align=True), index, tile, max(3.0, units / columns - 1))
    for tile in sheet.tiles:
        if tile.message:
            draw_sentence(layout, f"{tile.label}: {tile.message}", "ERROR", width)


def _draw_tile(column: Any, index: int, tile: Tile, scale: float) -> None:
    if tile.thumbnail is not None:
        column.template_icon(icon_value=thumbnails.icon(f"tile {index}", tile.thumbnail), scale=scale)
    else:
        room = column.row()
        room.alignment, room.scale_y = "CENTER", scale
        room.label(text="", icon="ERROR" if tile.message else "SORTTIME")
    row = column.row()
    row.enabled = not tile.message
    row.operator("sequencer.brushflow_explore_take", text=tile.label).index = index


_CLASSES = (BrushflowExplorer, SEQUENCER_OT_brushflow_explore, SEQUENCER_OT_brushflow_explore_take, SEQUENCER_PT_brushflow_explorer)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    _register_classes()
    bpy.types.WindowManager.brushflow_explorer = PointerProperty(type=BrushflowExplorer, options={"SKIP_SAVE"})


def unregister() -> None:
    del bpy.types.WindowManager.brushflow_explorer
    _unregister_classes()
