# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's operators, and its sub-panel in the sequencer's sidebar."""

from __future__ import annotations

from functools import partial
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from . import ADDON_ID, Refused, collect, compat, farm, queue, reach, runtime, submission
from .operators import active_strip, chosen_strips, hindrance, polled, start
from .order import Order
from .panels import SEQUENCER_PT_brushflow, characters
from .preferences import draw_sentence
from .properties import claim_job_id
from .source import obstacle

__all__ = ["register", "unregister"]


class SEQUENCER_OT_brushflow_submit(bpy.types.Operator):
    """Hand the selected strips to the farm. What the engine cannot read by itself is rendered first, into the folder of the frames"""

    bl_idname = "sequencer.brushflow_submit"
    bl_label = "Submit"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return polled(cls, hindrance(context))

    def execute(self, context: bpy.types.Context) -> set[Any]:
        try:
            chosen = farm.chosen()
        except Refused as refused:
            self.report({"ERROR"}, str(refused))
            return {"CANCELLED"}
        return start(self, compat.edit_scene(context), chosen_strips(context), partial(farm.new_job, farm=chosen))


class _OnSubmitted:
    """Operators on strips that may have been handed to a farm."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reasons = [obstacle(strip) for strip in chosen_strips(context)] or [obstacle(None)]
        return polled(cls, reasons[0] if all(reasons) else "")

    @staticmethod
    def due(context: bpy.types.Context) -> list[Order]:
        reach.allow()
        scene = compat.edit_scene(context)
        strips = [strip for strip in chosen_strips(context) if not obstacle(strip)]
        return [order for strip in strips for order in collect.due(strip, claim_job_id(scene, strip))]


class SEQUENCER_OT_brushflow_collect(_OnSubmitted, bpy.types.Operator):
    """Show what the farm has painted of the selected strips, above them; the strips fill while more frames arrive"""

    bl_idname = "sequencer.brushflow_collect"
    bl_label = "Bring In Results"

    def execute(self, context: bpy.types.Context) -> set[Any]:
        orders = self.due(context)
        if not orders:
            self.report({"ERROR"}, rpt_("None of these strips was handed to a farm that paints into their folders."))
            return {"CANCELLED"}
        for order in orders:
            if not bpy.app.background:
                collect.watch(order)
                continue
            collector = collect.Collector(order)
            collector.look()
            collector.bring_in()
            self.report({"WARNING"} if collector.problem else {"INFO"}, collector.problem or collector.headline())
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_forget(_OnSubmitted, bpy.types.Operator):
    """Wait no longer for what the farm paints of the selected strips. Frames that are there stay, and Stylize goes on from them"""

    bl_idname = "sequencer.brushflow_forget"
    bl_label = "Forget Submission"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        for order in self.due(context):
            submission.forget(order)
            collect.drop(order.folder)
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_copy_command(bpy.types.Operator):
    """Copy the command that submits the job of the active strip to the clipboard"""

    bl_idname = "sequencer.brushflow_copy_command"
    bl_label = "Copy Command"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        is_written = _written(active_strip(context)) is not None
        return polled(cls, "" if is_written else rpt_("No job of this strip has been written for a farm; press Submit first."))

    def execute(self, context: bpy.types.Context) -> set[Any]:
        job = _written(active_strip(context))
        assert job
        context.window_manager.clipboard = job.command
        self.report({"INFO"}, rpt_("The command is in the clipboard"))
        return {"FINISHED"}


def _written(strip: bpy.types.Strip | None) -> farm.BundleJob | None:
    """The latest job of a strip, where it was written for somebody to submit."""
    job = queue.job_of(strip)
    return job if isinstance(job, farm.BundleJob) and job.state == "done" and job.command else None


class SEQUENCER_PT_brushflow_farm(bpy.types.Panel):
    bl_label = "Farm"
    bl_parent_id = SEQUENCER_PT_brushflow.bl_idname
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Brushflow"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 1  # below what is looked at while a job runs

    layout: bpy.types.UILayout

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not obstacle(active_strip(context)) and runtime.preferences() is not None

    def draw(self, context: bpy.types.Context) -> None:
        strip, preferences, width = active_strip(context), runtime.preferences(), characters(context)
        assert strip and preferences
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        _draw_choice(layout, preferences, width)
        count = len(chosen_strips(context))
        row = layout.row()
        row.scale_y = 1.5
        text = iface_("Submit {count} Strips").format(count=count) if count > 1 else "Submit"
        row.operator("sequencer.brushflow_submit", text=text, icon="EXPORT")
        if job := _written(strip):
            draw_sentence(layout, job.advice(), "INFO", width)
            layout.operator("sequencer.brushflow_copy_command", icon="COPYDOWN")
        layout.operator("sequencer.brushflow_collect", icon="IMPORT")
        for collector in collect.watched(strip):
            _draw_collector(layout, collector, width)


def _draw_choice(layout: bpy.types.UILayout, preferences: Any, width: int) -> None:
    """Which farm, and how it is reached."""
    chosen = preferences.farm
    layout.prop(chosen, "engine")
    if chosen.engine == "RAY":
        layout.prop(chosen, "address", placeholder="This Machine")
    else:
        layout.prop(chosen, "folder")
    if chosen.engine == "FLAMENCO":
        layout.prop(chosen, "manager", placeholder="Only Write Files")
        if chosen.manager and not bpy.app.online_access:
            layout.operator("extensions.userpref_allow_online", text="Allow Online Access", icon="INTERNET")
    row = layout.row()
    column = row.column(align=True)
    try:
        pairs = farm.chosen().paths.pairs
    except Refused as refused:
        draw_sentence(column, str(refused), "ERROR", width)
        return
    for here, there in pairs:
        text = rpt_("Workers see {here} as {there}.") if here != there else rpt_("Workers see {here} under the same path.")
        draw_sentence(column, text.format(here=here, there=there), "NETWORK_DRIVE", width - 4)
    if not pairs:
        draw_sentence(column, rpt_("Workers see everything under the paths of this machine."), "NETWORK_DRIVE", width - 4)
    row.operator("preferences.addon_show", text="", icon="PREFERENCES").module = ADDON_ID


def _draw_collector(layout: bpy.types.UILayout, collector: collect.Collector, width: int) -> None:
    row = layout.row(align=True)
    if collector.is_done:
        row.label(text=collector.headline(), icon="CHECKMARK")
        return
    row.progress(factor=collector.there / collector.total, type="BAR", text=collector.headline())
    row.operator("sequencer.brushflow_forget", text="", icon="X")
    if collector.damaged:
        text = rpt_("Frame {number} is not whole yet, and is left out.").format(number=min(collector.damaged))
        draw_sentence(layout, text, "INFO", width)
    if collector.problem:
        draw_sentence(layout, collector.problem, "ERROR", width)


_CLASSES = (
    SEQUENCER_OT_brushflow_submit,
    SEQUENCER_OT_brushflow_collect,
    SEQUENCER_OT_brushflow_forget,
    SEQUENCER_OT_brushflow_copy_command,
    SEQUENCER_PT_brushflow_farm,
)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
