# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets: those of `core.settings`, and the user's own, which are kept and shown as Blender keeps and shows its presets.

A preset of the user's is a Python file, as all of Blender's are, but it is read, not run: so it fits any strip, sets all or nothing, and
one that came from somebody else can do nothing but set settings.
"""

# mypy: disable-error-code="valid-type"

import ast
import difflib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, StringProperty

from ..core.settings import PRESETS, SettingsError, specs
from .operators import active_strip, polled
from .properties import absolute, apply, exact, flat_name, keyframed, preset_values, stored_path, value_of

__all__ = ["Preset", "SEQUENCER_PT_brushflow_presets", "apply_preset", "find", "labels", "register", "unregister", "write"]

log = logging.getLogger(__name__)

SUBDIR = "brushflow"
"""Folder of the user's presets among those of Blender."""

_KEPT = tuple(name for name, one in specs().items() if one.group != "device" and name != "cuts")
"""Settings that a preset of the user's holds: not those of a machine, and not the frames at which one shot is cut."""


@dataclass(frozen=True)
class Preset:
    """What a preset sets."""

    values: dict[str, Any]
    """Of the engine's settings, by name."""
    styles: list[dict[str, Any]] | None = None
    """Attributes of the paintings; None where the preset leaves them as they are."""


def _files() -> dict[str, Path]:
    """The user's presets by the names that they are shown under."""
    found = [path for folder in bpy.utils.preset_paths(SUBDIR) for path in sorted(Path(folder).glob("*.py"))]
    return {bpy.path.display_name(path.name, title_case=False): path for path in found}


def labels() -> dict[str, str]:
    """All presets: what `find` takes, and the name that is shown."""
    return {**{name: preset.label for name, preset in PRESETS.items()}, **{name: name for name in _files() if name not in PRESETS}}


def find(name: str) -> Preset:
    """The preset that is called `name`, as `labels` or as its file is, or the file of one; raises SettingsError where there is none."""
    if name in PRESETS:
        return Preset(preset_values(name))
    files = _files()
    if name.endswith(".py"):
        return _read(Path(name))
    by_name = {**{path.stem: path for path in files.values()}, **files}
    if name not in by_name:
        near = difflib.get_close_matches(name, [*PRESETS, *by_name], 1, 0.5)
        complaint = rpt_("There is no preset '{name}'; did you mean '{near}'?" if near else "There is no preset '{name}'.")
        listed = rpt_("The presets are {names}.").format(names=", ".join([*PRESETS, *files]))
        raise SettingsError(f"{complaint.format(name=name, near=near[0] if near else '')} {listed}")
    return _read(by_name[name])


def apply_preset(strip: bpy.types.Strip, preset: Preset) -> None:
    """Give a strip what a preset sets; raises SettingsError, and changes nothing then."""
    apply(strip, preset.values)
    if preset.styles is not None:
        strip.brushflow.styles.clear()
        for attributes in preset.styles:
            style = strip.brushflow.styles.add()
            style.path = stored_path(Path(attributes["path"]))
            style.weight, style.region = attributes["weight"], attributes["region"]


def write(path: Path, strip: bpy.types.Strip, *, with_styles: bool) -> None:
    """Keep a strip's settings, and its paintings if wanted, as a preset."""
    lines = ["import bpy", "", "strip = bpy.context.active_strip"]
    for name in _KEPT:
        attribute = flat_name(name) if specs()[name].animatable else f"brushflow.{name}"
        owner, _, last = attribute.rpartition(".")
        value = getattr(getattr(strip, owner) if owner else strip, last)
        lines.append(f"strip.{attribute} = {exact(value) if isinstance(value, float) else value!r}")
    if with_styles:
        lines.append("strip.brushflow.styles.clear()")
        for style in strip.brushflow.styles:
            lines.append("style = strip.brushflow.styles.add()")
            attributes = {"path": str(absolute(style.path)), "weight": exact(style.weight), "region": style.region}
            lines += [f"style.{name} = {value!r}" for name, value in attributes.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read(path: Path) -> Preset:
    stored: dict[str, Any] = {}
    styles: list[dict[str, Any]] | None = None
    try:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.Expr(ast.Call(ast.Attribute(_, "clear"))):
                    styles = []
                case ast.Assign([ast.Name("style")]) if styles is not None:
                    styles.append({"path": "", "weight": 1.0, "region": "INSIDE"})
                case ast.Assign([ast.Attribute(ast.Name("style"), name)], value) if styles:
                    styles[-1][name] = ast.literal_eval(value)
                case ast.Assign([ast.Attribute(_, name)], value):
                    stored[name.removeprefix("brushflow_")] = ast.literal_eval(value)
    except (OSError, SyntaxError, ValueError) as error:
        raise SettingsError(
            rpt_("The preset {path} cannot be read ({reason}).").format(path=path, reason=getattr(error, "strerror", None) or error)
        ) from error
    if unknown := stored.keys() - specs().keys():
        log.warning("The preset %s sets what there is not in this version: %s", path, ", ".join(sorted(unknown)))
    return Preset({name: value_of(name, value) for name, value in stored.items() if name in specs()}, styles)


class SEQUENCER_OT_brushflow_preset(bpy.types.Operator):
    """Give the active strip the settings of this preset"""

    bl_idname = "sequencer.brushflow_preset"
    bl_label = "Apply Preset"
    bl_options = {"REGISTER", "UNDO"}

    name: StringProperty(name="Name", description="Name of a preset", options={"SKIP_SAVE"})
    filepath: StringProperty(name="File", description="File of a preset", subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return polled(cls, rpt_("Select a strip to paint.") if active_strip(context) is None else "")

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        return PRESETS[properties.name].description if properties.name in PRESETS else ""

    def execute(self, context: bpy.types.Context) -> set[Any]:
        strip = active_strip(context)
        assert strip
        try:
            preset = find(self.filepath or self.name)
            apply_preset(strip, preset)
        except SettingsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if moving := keyframed(strip) & preset.values.keys():
            labels = ", ".join(sorted(iface_(specs()[name].label) for name in moving))
            self.report({"WARNING"}, rpt_("Keyframes are left as they are: {labels}.").format(labels=labels))
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_preset_add(AddPresetBase, bpy.types.Operator):
    """Keep the settings of the active strip as a preset of your own, or remove one"""

    bl_idname = "sequencer.brushflow_preset_add"
    bl_label = "Add Brushflow Preset"
    preset_menu = "SEQUENCER_PT_brushflow_presets"
    preset_subdir = SUBDIR

    with_styles: BoolProperty(
        name="Include Paintings", description="Keep the paintings and their weights in the preset, too", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return polled(cls, rpt_("Select a strip to paint.") if active_strip(context) is None else "")

    def execute(self, context: bpy.types.Context) -> Any:
        if not self.remove_name and self.as_filename(self.name).casefold() in PRESETS:
            self.report(
                {"WARNING"}, rpt_("'{name}' is the name of a preset that comes with Brushflow; choose another").format(name=self.name)
            )
            return {"CANCELLED"}
        panel = SEQUENCER_PT_brushflow_presets
        label = panel.bl_label
        try:
            return super().execute(context)
        finally:
            panel.bl_label = label  # which Blender replaces by the preset's name, as in a menu

    def add(self, context: bpy.types.Context, filepath: str) -> None:
        strip = active_strip(context)
        assert strip
        write(Path(filepath), strip, with_styles=self.with_styles)


class SEQUENCER_PT_brushflow_presets(PresetPanel, bpy.types.Panel):
    bl_space_type = "SEQUENCE_EDITOR"
    bl_label = "Brushflow Presets"
    preset_subdir = SUBDIR
    preset_operator = "sequencer.brushflow_preset"
    preset_add_operator = "sequencer.brushflow_preset_add"

    @property
    def preset_add_operator_properties(self) -> dict[str, Any]:
        return {"with_styles": bpy.context.window_manager.brushflow_preset_styles}

    def draw(self, context: bpy.types.Context) -> None:
        layout: Any = self.layout
        layout.emboss = "PULLDOWN_MENU"
        layout.operator_context = "EXEC_DEFAULT"
        column = layout.column(align=True)
        for name, preset in PRESETS.items():
            column.operator("sequencer.brushflow_preset", text=preset.label).name = name
        layout.separator()
        PresetPanel.draw(self, context)
        row = layout.row()
        row.emboss = "NORMAL"
        row.prop(context.window_manager, "brushflow_preset_styles")


_CLASSES = (SEQUENCER_OT_brushflow_preset, SEQUENCER_OT_brushflow_preset_add, SEQUENCER_PT_brushflow_presets)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    # Blender's own menu complains of a folder that is not there.
    if not bpy.app.background:
        bpy.utils.user_resource("SCRIPTS", path=f"presets/{SUBDIR}", create=True)
    # As Blender keeps the name of a preset that is to be added.
    bpy.types.WindowManager.brushflow_preset_styles = BoolProperty(
        name="Include Paintings", description="Keep the paintings and their weights in a new preset, too", options={"SKIP_SAVE"}
    )
    _register_classes()


def unregister() -> None:
    _unregister_classes()
    del bpy.types.WindowManager.brushflow_preset_styles
