# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences: which Python the engine uses, and a button that makes one."""

# mypy: disable-error-code="valid-type"

import textwrap
from typing import Any

import bpy
from bpy.props import StringProperty

from . import ADDON_ID, Refused, runtime

__all__ = ["BrushflowPreferences", "draw_sentence", "register", "summary", "unregister"]

INTERVAL = 0.2
"""Seconds between two looks at an installation."""


class BrushflowPreferences(bpy.types.AddonPreferences):
    bl_idname = ADDON_ID

    python: StringProperty(
        name="Python",
        description="Python interpreter that has the engine's packages installed; empty for the environment made here",
        subtype="FILE_PATH",
    )

    activity: runtime.Activity | None = None
    """The installation that runs or ran last. Kept on the class: processes do not belong into saved preferences."""

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "python")
        column = layout.column()
        try:
            column.label(text=f"The engine runs on {runtime.find_python()}", icon="CHECKMARK")
        except Refused as refused:
            draw_sentence(column, str(refused), "INFO")
        activity = BrushflowPreferences.activity
        if activity is not None and not activity.ended:
            row = column.row()
            row.label(text=activity.label, icon="SORTTIME")
            row.operator("preferences.brushflow_install_cancel", text="", icon="X")
            if activity.line:
                column.label(text=activity.line[:100])
            return
        row = column.row()
        row.operator("preferences.brushflow_install")
        row.operator("preferences.brushflow_check")
        if reason := runtime.offline_reason():
            draw_sentence(column, reason, "INTERNET_OFFLINE")
        if activity is not None and activity.error:
            draw_sentence(column, activity.error, "ERROR")
        elif activity is not None:
            for line in summary(activity.info):
                column.label(text=line)


def draw_sentence(layout: bpy.types.UILayout, sentence: str, icon: Any = "NONE", width: int = 80) -> None:
    """A sentence over as many lines as it takes; labels do not wrap by themselves."""
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(sentence, width)):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


def summary(info: dict[str, Any]) -> list[str]:
    """The answer of `core info` in lines."""
    versions = ", ".join(f"{name} {version}" for name, version in info.get("versions", {}).items())
    devices = [f"{one['id']}: {one['name']}{_memory(one['memory'])}" for one in info.get("devices", [])]
    present = [network for network, facts in info.get("weights", {}).items() if "path" in facts]
    return [versions, *devices, f"Networks: {', '.join(present) or 'none yet, they are fetched by the first job'}"]


def _memory(size: int | None) -> str:
    return f", {size / 2**30:.1f} GB" if size else ""


def _tick() -> float | None:
    activity = BrushflowPreferences.activity
    if activity is None:
        return None
    activity.update()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
    return None if activity.ended else INTERVAL


def _start(activity: runtime.Activity) -> None:
    BrushflowPreferences.activity = activity
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=INTERVAL, persistent=True)


def _is_busy() -> bool:
    return BrushflowPreferences.activity is not None and not BrushflowPreferences.activity.ended


class PREFERENCES_OT_brushflow_install(bpy.types.Operator):
    """Make a Python environment with the engine's packages in the extension's user folder; downloads up to 3 GB"""

    bl_idname = "preferences.brushflow_install"
    bl_label = "Install Engine"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if reason := runtime.offline_reason():
            cls.poll_message_set(reason)
            return False
        return not _is_busy()

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        _start(runtime.installation())
        return {"FINISHED"}


class PREFERENCES_OT_brushflow_install_cancel(bpy.types.Operator):
    """Stop the installation"""

    bl_idname = "preferences.brushflow_install_cancel"
    bl_label = "Cancel Installation"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return _is_busy()

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        assert BrushflowPreferences.activity
        BrushflowPreferences.activity.cancel()
        return {"FINISHED"}


class PREFERENCES_OT_brushflow_check(bpy.types.Operator):
    """Start the engine once and show its versions, its devices and their memory"""

    bl_idname = "preferences.brushflow_check"
    bl_label = "Check Engine"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return not _is_busy()

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        _start(runtime.check())
        return {"FINISHED"}


_CLASSES = (
    BrushflowPreferences,
    PREFERENCES_OT_brushflow_install,
    PREFERENCES_OT_brushflow_install_cancel,
    PREFERENCES_OT_brushflow_check,
)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    _register_classes()


def unregister() -> None:
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _is_busy():
        assert BrushflowPreferences.activity
        BrushflowPreferences.activity.cancel()
    _unregister_classes()
