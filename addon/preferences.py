# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences: what the engine needs, what of it is missing, and a button that makes it."""

# mypy: disable-error-code="valid-type"

import re
import textwrap
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, EnumProperty, PointerProperty, StringProperty

from . import ADDON_ID, Refused, inspection, installation, runtime
from .activity import Activity
from .farm_preferences import BrushflowFarm, draw_farm
from .translation import CONTEXT

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
    build: EnumProperty(
        name="Build",
        description="Build of PyTorch that the engine's environment is made with",
        items=[(identifier, build.name, build.description) for identifier, build in installation.BUILDS.items()],
        translation_context=CONTEXT,
    )

    use_sound: BoolProperty(name="Sound When Finished", description="Play a sound when a strip is painted, or could not be")
    sound: StringProperty(name="Sound", description="Sound file to play; empty for a chime", subtype="FILE_PATH")

    farm: PointerProperty(type=BrushflowFarm, name="Farm", description="How strips are handed to a farm")

    activity: Activity | None = None
    """The installation that runs or ran last. Kept on the class: processes do not belong into saved preferences."""

    def draw(self, context: bpy.types.Context) -> None:
        _draw_engine(self.layout, self, _characters(context))
        draw_farm(self.layout, self.farm)


def _draw_engine(layout: bpy.types.UILayout, preferences: BrushflowPreferences, width: int) -> None:
    """What the engine needs, and what is done about it."""
    activity = BrushflowPreferences.activity
    settings = layout.column()
    settings.use_property_split = True
    settings.use_property_decorate = False
    settings.enabled = not _is_busy()
    settings.prop(preferences, "python", placeholder="Made by Brushflow")
    if not preferences.python and len(installation.BUILDS) > 1:
        settings.prop(preferences, "build")
    _draw_sound(settings, preferences)
    box = layout.box().column()
    task = _draw_state(box, installation.BUILDS[preferences.build], width)
    if activity is not None and not activity.ended:
        _draw_progress(layout, activity, width)
        return
    row = layout.row()
    if task:
        row.operator("preferences.brushflow_install", text=task)
    elif runtime.is_made() and not _names_python():
        row.operator("preferences.brushflow_install", text="Reinstall Engine", icon="FILE_REFRESH").renew = True
    row.operator("preferences.brushflow_check")
    if task and (reason := runtime.offline_reason()):
        draw_sentence(layout, reason, "INTERNET_OFFLINE", width)
        if not bpy.app.online_access_override:
            layout.operator("extensions.userpref_allow_online", text="Allow Online Access", icon="INTERNET")
    if activity is not None and activity.error:
        draw_sentence(layout, activity.error, "CANCEL" if activity.canceled else "ERROR", width)
    elif activity is not None:
        layout.label(text=iface_("Done in {time}").format(time=_as_clock(activity.seconds)), icon="CHECKMARK")


def _draw_sound(layout: bpy.types.UILayout, preferences: BrushflowPreferences) -> None:
    row = layout.row(heading="Sound When Finished")
    row.prop(preferences, "use_sound", text="")
    file = row.row()
    file.active = preferences.use_sound
    file.prop(preferences, "sound", text="", placeholder="Chime")


def _characters(context: bpy.types.Context) -> int:
    """How many characters of a sentence fit beside its icon."""
    units = context.region.width / (context.preferences.system.ui_scale or 1.0)
    return min(120, max(30, int((units - 90) / 6)))


def _draw_state(column: bpy.types.UILayout, build: installation.Build, width: int) -> str:
    """What the engine needs and whether it is there; returns the name of the button that makes what is missing."""
    try:
        python = runtime.find_python()
    except Refused as refused:
        if _names_python():
            draw_sentence(column, str(refused), "ERROR", width)
            return ""
        lack = rpt_("The engine lacks a Python environment with PyTorch, and perhaps the weights of its network.")
        draw_sentence(column, lack, "INFO", width)
        draw_sentence(column, _need(build), "DISK_DRIVE", width)
        return n_("Install Engine")
    draw_sentence(column, rpt_("The engine runs on {python}").format(python=python), "CHECKMARK", width)
    info = inspection.remembered(python)
    if not info:
        draw_sentence(column, rpt_("Check Engine shows its versions, devices and weights."), "QUESTION", width)
        return ""
    for line in summary(info):
        draw_sentence(column, line, "BLANK1", width)
    if network := inspection.missing_network(info):
        draw_sentence(
            column,
            rpt_("The weights of {network} are missing; they are fetched here, or by the first job.").format(network=network),
            "INFO",
            width,
        )
        return n_("Fetch Weights")
    return ""


def _names_python() -> bool:
    """Whether the user named an interpreter, even one that does not exist."""
    try:
        return runtime.named_python() is not None
    except Refused:
        return True


def _need(build: installation.Build) -> str:
    folder = runtime.environment_folder()
    size = (build.space + installation.WEIGHTS_SPACE) / installation.GB
    free = installation.free_space(folder) / installation.GB
    return rpt_("Install Engine makes both, which takes up to {size:.0f} GB in {folder}, where {free:.0f} GB are free.").format(
        size=size, folder=folder.parent, free=free
    )


def _draw_progress(layout: bpy.types.UILayout, activity: Activity, width: int) -> None:
    row = layout.row(align=True)
    label = iface_("Canceling") if activity.canceling else activity.label
    factor = activity.received / activity.size if activity.size else 0.0
    row.progress(factor=factor, text=", ".join([label, *_downloaded(activity), _as_clock(activity.seconds)]))
    row.operator("preferences.brushflow_install_cancel", text="", icon="X")
    if activity.line:
        layout.label(text=activity.line[:width], icon="BLANK1")


def _downloaded(activity: Activity) -> list[str]:
    """How much the step has downloaded, where it downloads."""
    if activity.size:
        return [iface_("{received:.0f} of {size:.0f} MB").format(received=activity.received / 1e6, size=activity.size / 1e6)]
    return [f"{activity.received / 1e6:.0f} MB"] if activity.received else []


def _as_clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class _Wrapper(textwrap.TextWrapper):
    """Breaks lines in paths, too, after a slash."""

    wordsep_re = re.compile(r"(\s+|[^\s/\\]*[/\\]+)")


def draw_sentence(layout: bpy.types.UILayout, sentence: str, icon: Any = "NONE", width: int = 80) -> None:
    """A sentence over as many lines as it takes; labels do not wrap by themselves."""
    column = layout.column(align=True)
    for number, line in enumerate(_Wrapper(width).wrap(sentence)):
        column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)


def summary(info: dict[str, Any]) -> list[str]:
    """The answer of `core info` in lines: versions, devices with their memory, networks whose weights are here."""
    versions = ", ".join(f"{name} {version}" for name, version in info.get("versions", {}).items())
    devices = [f"{one['id']}: {one['name']}{_memory(one['memory'])}" for one in info.get("devices", [])]
    present = [network for network, facts in info.get("weights", {}).items() if "path" in facts and Path(facts["path"]).is_file()]
    return [versions, *devices, iface_("Networks: {names}").format(names=", ".join(present) or iface_("none yet"))]


def _memory(size: int | None) -> str:
    return f", {size / 2**30:.1f} GB" if size else ""


def _tick() -> float | None:
    activity = BrushflowPreferences.activity
    if activity is None:
        return None
    activity.update()
    # The sequencer's panel says whether there is an engine.
    kinds = {"PREFERENCES", "SEQUENCE_EDITOR"} if activity.ended else {"PREFERENCES"}
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in kinds:
                area.tag_redraw()
    return None if activity.ended else INTERVAL


def _start(activity: Activity) -> None:
    BrushflowPreferences.activity = activity
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=INTERVAL, persistent=True)


def _is_busy() -> bool:
    return BrushflowPreferences.activity is not None and not BrushflowPreferences.activity.ended


class PREFERENCES_OT_brushflow_install(bpy.types.Operator):
    """Make what the engine lacks: a Python environment with its packages in the extension's user folder, and the weights of its network"""

    bl_idname = "preferences.brushflow_install"
    bl_label = "Install Engine"

    renew: BoolProperty(
        name="Renew", description="Make the environment again, with the newest packages that fit", options={"HIDDEN", "SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if reason := runtime.offline_reason():
            cls.poll_message_set(reason)
            return False
        return not _is_busy()

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        chosen = runtime.preferences()
        _start(installation.install(chosen.build if chosen else "AUTO", renew=self.renew))
        return {"FINISHED"}


class PREFERENCES_OT_brushflow_install_cancel(bpy.types.Operator):
    """Stop; what is half made is not used, and what was downloaded is taken up the next time"""

    bl_idname = "preferences.brushflow_install_cancel"
    bl_label = "Cancel Installation"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return _is_busy() and not BrushflowPreferences.activity.canceling

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        assert BrushflowPreferences.activity
        BrushflowPreferences.activity.cancel()
        return {"FINISHED"}


class PREFERENCES_OT_brushflow_check(bpy.types.Operator):
    """Start the engine once and show its versions, its devices and their memory, and the networks whose weights are here"""

    bl_idname = "preferences.brushflow_check"
    bl_label = "Check Engine"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        try:
            runtime.find_python()
        except Refused as refused:
            cls.poll_message_set(str(refused))
            return False
        return not _is_busy()

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        _start(inspection.check())
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
        BrushflowPreferences.activity.abandon()
    _unregister_classes()
