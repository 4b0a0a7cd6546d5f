# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab Brushflow in the sequencer's sidebar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_

from ..core.settings import SettingsError, specs
from . import ADDON_ID, Refused, matte, motion, queue, reach, runtime, vectors, versions, wording, worker
from .effect import remarks, without_effect
from .estimate import refusal
from .estimate_panel import draw_estimate
from .operators import active_strip, chosen_strips
from .preferences import draw_sentence
from .presets import SEQUENCER_PT_brushflow_presets
from .properties import absolute, flat_name, keyframed, settings_of, unchecked
from .source import lack, obstacle
from .thumbnails import icon, painting_icon

__all__ = ["characters", "register", "unregister"]

_MAIN_QUALITY = ("resolution", "iterations_first", "iterations")
_NETWORK = ("network", "pooling", "content_layers", "content_layer_weights", "style_layers", "style_layer_weights")
_FLOW = ("flow", "mask", "uncovered")
_LONG_TERM = ("long_term", "long_term_every", "combine")
_SHOTS = ("cuts",)
_OWN_MOTION = n_("The strip's scene renders its own exact motion.")


class _Panel:
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Brushflow"

    layout: bpy.types.UILayout


class SEQUENCER_PT_brushflow(_Panel, bpy.types.Panel):
    bl_label = "Brushflow"
    bl_idname = "SEQUENCER_PT_brushflow"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        if not obstacle(active_strip(context)):
            SEQUENCER_PT_brushflow_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        strip = active_strip(context)
        width = characters(context)
        if strip is None or (reason := obstacle(strip)):
            if strip is not None and strip.brushflow.source_strip:
                _draw_result(layout, strip, width)
            else:
                draw_sentence(layout, rpt_("Select a strip to paint.") if strip is None else reason, "INFO", width)
            return
        layout.use_property_split = True
        layout.use_property_decorate = False
        _draw_styles(layout, strip)
        layout.prop(strip.brushflow, "preset")
        job = queue.job_of(strip)
        if job is not None and not job.ended:
            _draw_running(layout, job, width)
        else:
            _draw_start(layout, strip, job, width)


def _draw_result(layout: bpy.types.UILayout, strip: bpy.types.Strip, width: int) -> None:
    group = strip.brushflow
    draw_sentence(layout, rpt_("Version {number} of {strip}.").format(number=group.version, strip=group.source_strip), "BRUSH_DATA", width)
    row = layout.row(align=True)
    row.operator("sequencer.brushflow_restylize", icon="LOOP_BACK")
    row.operator("sequencer.brushflow_reveal", text="", icon="FILE_FOLDER")
    _draw_versions(layout, strip)


def _draw_versions(layout: bpy.types.UILayout, strip: bpy.types.Strip) -> None:
    if len(versions.versions_of(strip)) < 2:
        return
    seen = [str(result.brushflow.version) for result in versions.results_of(strip) if not result.mute]
    row = layout.row(align=True)
    row.operator("sequencer.brushflow_version", text="", icon="TRIA_LEFT").direction = "PREVIOUS"
    row.label(text=iface_("Version {number} is seen").format(number=seen[-1]) if seen else "No version is seen")
    row.operator("sequencer.brushflow_version", text="", icon="TRIA_RIGHT").direction = "NEXT"


def characters(context: bpy.types.Context) -> int:
    """About how many characters fit into a line of the sidebar."""
    # The scale is 0 where there is no window.
    pixels = context.region.width / (context.preferences.system.ui_scale or 1.0)
    return max(24, int((pixels - 80) / 6))


def _draw_styles(layout: bpy.types.UILayout, strip: bpy.types.Strip) -> None:
    styles = strip.brushflow.styles
    paths = [absolute(style.path) for style in styles if style.path]
    if not all(map(reach.may_look, paths)):
        layout.operator("sequencer.brushflow_look", icon="HIDE_OFF")
    there = [path for path in paths if reach.may_look(path) and path.is_file()]
    if there:
        row = layout.row()
        for path in there:
            row.template_icon(icon_value=painting_icon(path), scale=4.0)
    column = layout.column(align=True)
    column.use_property_split = False
    for index, style in enumerate(styles):
        row = column.row(align=True)
        row.prop(style, "path", text="", icon="ERROR" if style.path and reach.is_missing(absolute(style.path)) else "IMAGE_DATA")
        if strip.brushflow.matte != "NONE":
            side = row.row(align=True)
            side.ui_units_x = 4
            side.prop(style, "region", text="")
        if len(styles) > 1:
            weight = row.row(align=True)
            weight.ui_units_x = 3
            weight.prop(style, "weight", text="")
        row.operator("sequencer.brushflow_style_remove", text="", icon="X").index = index
    column.operator("sequencer.brushflow_style_add", icon="ADD")


def _draw_start(layout: bpy.types.UILayout, strip: bpy.types.Strip, job: worker.Job | None, width: int) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.5
    start = row.row(align=True)
    reason = _missing(strip)
    short = "" if reason else refusal(strip)
    start.enabled = not (reason or short)
    count = len(chosen_strips(bpy.context))
    start.operator(
        "sequencer.brushflow_stylize",
        text=iface_("Stylize {count} Strips").format(count=count) if count > 1 else "Stylize",
        icon="BRUSH_DATA",
    )
    look_ahead = row.row(align=True)
    look_ahead.enabled = not reason
    look_ahead.operator("sequencer.brushflow_estimate", text="", icon="TIME")
    row.operator("sequencer.brushflow_reveal", text="", icon="FILE_FOLDER")
    if reason:
        draw_sentence(layout, reason, "INFO", width)
    else:
        draw_estimate(layout, strip, width)
    try:
        runtime.find_python()
    except Refused as refused:
        draw_sentence(layout, str(refused), "INFO", width)
        layout.operator("preferences.addon_show", text="Open Preferences", icon="PREFERENCES").module = ADDON_ID
    if job is not None:
        _draw_outcome(layout, job, width)
    _draw_versions(layout, strip)


def _missing(strip: bpy.types.Strip) -> str:
    """What has to be given before the strip can be painted."""
    if reason := lack(strip):
        return reason
    styles = [style for style in strip.brushflow.styles if style.path]
    if not styles:
        return rpt_("Add a painting, whose style the strip takes on.")
    absent = next((style.path for style in styles if reach.is_missing(absolute(style.path))), None)
    if absent:
        return rpt_("The painting {file} does not exist; choose another.").format(file=bpy.path.basename(absent))
    if strip.brushflow.output.startswith("//") and not bpy.data.filepath:
        return rpt_("Save the project first: the painted frames go into a folder beside it.")
    try:
        settings_of(strip)
    except SettingsError as error:
        return str(error)
    return matte.obstacle(strip) or motion.obstacle(strip)


def _draw_running(layout: bpy.types.UILayout, job: worker.Job, width: int) -> None:
    progress = job.progress
    row = layout.row(align=True)
    row.progress(factor=progress.factor, type="BAR", text=wording.headline(job))
    row.operator("sequencer.brushflow_cancel", text="", icon="X")
    column = layout.column(align=True)
    if progress.seconds is not None:
        column.label(text=iface_("{seconds:.1f} s a frame on {device}").format(seconds=progress.seconds, device=progress.device))
    if progress.loss is not None:
        column.label(
            text=iface_("Iteration {number} of {limit}, loss {loss:.4g}").format(
                number=progress.iteration, limit=progress.limit, loss=progress.loss
            )
        )
    for warning in progress.warnings:
        draw_sentence(column, warning, "INFO", width)


def _draw_outcome(layout: bpy.types.UILayout, job: worker.Job, width: int) -> None:
    progress = job.progress
    if job.state == "failed":
        box = layout.box()
        draw_sentence(box, progress.message, "ERROR", width)
        if progress.hint:
            draw_sentence(box, progress.hint, "BLANK1", width)
        box.operator("sequencer.brushflow_job_report", icon="COPYDOWN").number = job.number
    elif job.state == "cancelled":
        draw_sentence(layout, rpt_("Canceled. Finished frames are kept; Stylize goes on from there."), "INFO", width)
    else:
        draw_sentence(layout, f"{wording.headline(job)}.", "CHECKMARK", width)
        for warning in progress.warnings:
            draw_sentence(layout, warning, "INFO", width)


_STATES = {"waiting": "SORTTIME", "done": "CHECKMARK", "failed": "ERROR", "cancelled": "CANCEL"}
"""Icons; of jobs in work a brush."""
_THUMBNAIL = 6.0
"""Size of a job's newest frame, in the units of Blender's buttons."""


class SEQUENCER_PT_brushflow_jobs(_Panel, bpy.types.Panel):
    bl_label = "Jobs"
    bl_parent_id = "SEQUENCER_PT_brushflow"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(queue.JOBS)

    def draw(self, _context: bpy.types.Context) -> None:
        for job in queue.JOBS:
            _draw_job(self.layout.box().column(align=True), job)


def _draw_job(layout: bpy.types.UILayout, job: worker.Job) -> None:
    row = layout.row(align=True)
    state: Any = _STATES.get(job.state, "BRUSH_DATA")
    row.label(text=job.order.source.strip, icon=state, translate=False)
    if job.state in ("failed", "cancelled"):
        row.operator("sequencer.brushflow_job_retry", text="", icon="FILE_REFRESH").number = job.number
    if job.has_log:
        row.operator("wm.path_open", text="", icon="TEXT").filepath = str(job.order.log_file)
    row.operator("wm.path_open", text="", icon="FILE_FOLDER").filepath = str(job.order.folder)
    name = "sequencer.brushflow_job_remove" if job.ended else "sequencer.brushflow_job_cancel"
    row.operator(name, text="", icon="X").number = job.number
    if job.ended:
        layout.label(text=wording.headline(job))
    else:
        layout.progress(factor=job.progress.factor, type="BAR", text=wording.headline(job))
    if job.progress.thumbnail is not None:
        layout.template_icon(icon_value=icon(f"job {job.number}", job.progress.thumbnail), scale=_THUMBNAIL)


class _SubPanel(_Panel):
    bl_parent_id = "SEQUENCER_PT_brushflow"
    bl_order = 1  # below what is looked at while a job runs

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not obstacle(active_strip(context))

    def column(self) -> bpy.types.UILayout:
        self.layout.use_property_split = True
        return self.layout.column()


def _in_group(group: str) -> list[str]:
    return [name for name, one in specs().items() if one.group == group]


class _SettingsPanel(_SubPanel):
    """Draws the settings `names`; those without effect beside the others are dimmed, as Blender does it."""

    names: tuple[str, ...] = ()

    def draw(self, context: bpy.types.Context) -> None:
        strip = active_strip(context)
        assert strip
        column = self.column()
        _draw_settings(column, strip, self.names)
        self.draw_more(column, strip, characters(context))

    def draw_more(self, column: bpy.types.UILayout, strip: bpy.types.Strip, width: int) -> None:
        """Draw what is no setting of the engine; `width` is in characters."""


def _draw_settings(layout: bpy.types.UILayout, strip: bpy.types.Strip, names: Iterable[str]) -> None:
    idle = without_effect(unchecked(strip), keyframed(strip))
    if strip.brushflow.markers_as_cuts:
        idle.add("cuts")
    if len(strip.brushflow.styles) < 2:
        idle.add("style_blend")
    for name in names:
        one = specs()[name]
        row = layout.row()
        row.active = name not in idle
        if one.animatable:
            row.prop(strip, flat_name(name))
        else:
            row.prop(strip.brushflow, name)


class SEQUENCER_PT_brushflow_style(_SettingsPanel, bpy.types.Panel):
    bl_label = "Style"
    names = tuple(_in_group("style"))


class SEQUENCER_PT_brushflow_matte(_SubPanel, bpy.types.Panel):
    bl_label = "Matte"
    bl_options = {"DEFAULT_CLOSED"}
    bl_parent_id = "SEQUENCER_PT_brushflow_style"

    def draw(self, context: bpy.types.Context) -> None:
        strip = active_strip(context)
        assert strip
        group = strip.brushflow
        column = self.column()
        column.prop(group, "matte")
        if group.matte == "STRIP":
            column.prop_search(group, "matte_strip", strip.id_data.sequence_editor, "strips_all")
        invert = column.row()
        invert.active = group.matte != "NONE"
        invert.prop(group, "matte_invert")


class SEQUENCER_PT_brushflow_consistency(_SettingsPanel, bpy.types.Panel):
    bl_label = "Consistency"
    bl_options = {"DEFAULT_CLOSED"}
    names = tuple(name for name in _in_group("consistency") if name not in (*_FLOW, *_LONG_TERM, *_SHOTS))


class SEQUENCER_PT_brushflow_flow(_SettingsPanel, bpy.types.Panel):
    bl_label = "Optical Flow"
    bl_parent_id = "SEQUENCER_PT_brushflow_consistency"
    names = _FLOW

    def draw_more(self, column: bpy.types.UILayout, strip: bpy.types.Strip, width: int) -> None:
        group = strip.brushflow
        if group.flow == "files":
            column.prop(group, "flow_forward")
            column.prop(group, "flow_backward")
        elif group.flow == "vectors":
            column.prop(group, "flow_vectors", placeholder="Rendered by the strip" if strip.type == "SCENE" else "")
        elif group.flow == "auto" and strip.type == "SCENE" and strip.scene:
            reason = vectors.obstacle(strip)
            draw_sentence(column, motion.estimated(reason).warning if reason else rpt_(_OWN_MOTION), "INFO", width)


class SEQUENCER_PT_brushflow_long_term(_SettingsPanel, bpy.types.Panel):
    bl_label = "Long-Term"
    bl_parent_id = "SEQUENCER_PT_brushflow_consistency"
    names = _LONG_TERM


class SEQUENCER_PT_brushflow_shots(_SettingsPanel, bpy.types.Panel):
    bl_label = "Shots"
    bl_parent_id = "SEQUENCER_PT_brushflow_consistency"
    names = _SHOTS

    def draw_more(self, column: bpy.types.UILayout, strip: bpy.types.Strip, width: int) -> None:
        column.prop(strip.brushflow, "markers_as_cuts")


class SEQUENCER_PT_brushflow_timing(_SettingsPanel, bpy.types.Panel):
    bl_label = "Timing"
    bl_parent_id = "SEQUENCER_PT_brushflow_consistency"
    names = tuple(_in_group("timing"))


class SEQUENCER_PT_brushflow_passes(_SettingsPanel, bpy.types.Panel):
    bl_label = "Multi-Pass"
    bl_options = {"DEFAULT_CLOSED"}
    names = tuple(_in_group("passes"))

    def draw_more(self, column: bpy.types.UILayout, strip: bpy.types.Strip, width: int) -> None:
        for remark in remarks(unchecked(strip)):
            draw_sentence(column, remark, "INFO", width)


class SEQUENCER_PT_brushflow_quality(_SettingsPanel, bpy.types.Panel):
    bl_label = "Quality"
    names = _MAIN_QUALITY


class SEQUENCER_PT_brushflow_optimizer(_SettingsPanel, bpy.types.Panel):
    bl_label = "Optimizer"
    bl_options = {"DEFAULT_CLOSED"}
    bl_parent_id = "SEQUENCER_PT_brushflow_quality"
    names = tuple(name for name in _in_group("quality") if name not in (*_MAIN_QUALITY, *_NETWORK))


class SEQUENCER_PT_brushflow_network(_SettingsPanel, bpy.types.Panel):
    bl_label = "Network"
    bl_options = {"DEFAULT_CLOSED"}
    bl_parent_id = "SEQUENCER_PT_brushflow_quality"
    names = _NETWORK


class SEQUENCER_PT_brushflow_device(_SettingsPanel, bpy.types.Panel):
    bl_label = "Device"
    bl_options = {"DEFAULT_CLOSED"}
    bl_parent_id = "SEQUENCER_PT_brushflow_quality"
    names = tuple(_in_group("device"))


class SEQUENCER_PT_brushflow_output(_SubPanel, bpy.types.Panel):
    bl_label = "Output"

    def draw(self, context: bpy.types.Context) -> None:
        strip = active_strip(context)
        assert strip
        group = strip.brushflow
        column = self.column()
        column.prop(group, "frame_range")
        if group.frame_range == "CUSTOM":
            span = column.column(align=True)
            span.prop(group, "frame_start")
            span.prop(group, "frame_end")
        column.prop(group, "output")
        column.prop(group, "existing")
        column.prop(group, "mute_original")
        column.prop(group, "keep_running")
        column.separator()
        _draw_settings(column, strip, _in_group("output"))
        if group.job_id:
            base = versions.base_folder(strip)
            used = versions.METER.used(base, group.job_id) if reach.may_look(base) else None
            if versions.METER.is_busy and not bpy.app.timers.is_registered(_show_measure):
                bpy.app.timers.register(_show_measure, first_interval=_MEASURE_INTERVAL)
            text = n_("Clear Cache") if used is None else iface_("Clear Cache ({size})").format(size=versions.in_words(used))
            column.operator("sequencer.brushflow_clear_cache", text=text, icon="TRASH")


_MEASURE_INTERVAL = 0.5


def _show_measure() -> float | None:
    queue.redraw()
    return _MEASURE_INTERVAL if versions.METER.is_busy else None


_CLASSES = (
    SEQUENCER_PT_brushflow,
    SEQUENCER_PT_brushflow_jobs,
    SEQUENCER_PT_brushflow_style,
    SEQUENCER_PT_brushflow_matte,
    SEQUENCER_PT_brushflow_consistency,
    SEQUENCER_PT_brushflow_flow,
    SEQUENCER_PT_brushflow_long_term,
    SEQUENCER_PT_brushflow_shots,
    SEQUENCER_PT_brushflow_timing,
    SEQUENCER_PT_brushflow_passes,
    SEQUENCER_PT_brushflow_quality,
    SEQUENCER_PT_brushflow_optimizer,
    SEQUENCER_PT_brushflow_network,
    SEQUENCER_PT_brushflow_device,
    SEQUENCER_PT_brushflow_output,
)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    _register_classes()


def unregister() -> None:
    if bpy.app.timers.is_registered(_show_measure):
        bpy.app.timers.unregister(_show_measure)
    _unregister_classes()
