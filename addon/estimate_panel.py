# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The estimate's operators, and how the panel shows it."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, compat, queue
from .estimate import ESTIMATES, Estimate, estimate_of, is_current, of_strip, run, start
from .operators import active_strip, polled
from .preferences import draw_sentence
from .source import obstacle

__all__ = ["draw_estimate", "register", "unregister"]


class SEQUENCER_OT_brushflow_estimate(bpy.types.Operator):
    """Find out what painting the active strip will take: time, disk and memory. Two iterations are tried on its first frame"""

    bl_idname = "sequencer.brushflow_estimate"
    bl_label = "Estimate"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        strip = active_strip(context)
        job = queue.job_of(strip)
        return polled(cls, obstacle(strip) or (rpt_("The strip is being painted.") if job is not None and not job.ended else ""))

    def execute(self, context: bpy.types.Context) -> set[Any]:
        strip = active_strip(context)
        assert strip
        try:
            one = of_strip(compat.edit_scene(context), strip)
            if not bpy.app.background:
                start(one)
                return {"FINISHED"}
            run(one)
        except Refused as refused:
            self.report({"ERROR"}, str(refused))
            return {"CANCELLED"}
        self.report(*_outcome(one))
        return {"FINISHED"} if one.result else {"CANCELLED"}


def _outcome(one: Estimate) -> tuple[set[Any], str]:
    if one.result is None:
        return {"WARNING"}, one.message or rpt_("Canceled")
    sentences = [sentence for sentence in (one.result["problem"], *one.result["warnings"]) if sentence]
    return ({"WARNING"} if sentences else {"INFO"}), " ".join([f"{one.result['text']}.", *sentences])


class SEQUENCER_OT_brushflow_estimate_cancel(bpy.types.Operator):
    """Stop estimating"""

    bl_idname = "sequencer.brushflow_estimate_cancel"
    bl_label = "Cancel Estimate"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return polled(cls, "" if any(not one.ended for one in ESTIMATES) else rpt_("Nothing is being estimated."))

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        for one in ESTIMATES:
            one.cancel()
        return {"FINISHED"}


def draw_estimate(layout: bpy.types.UILayout, strip: bpy.types.Strip, width: int) -> None:
    """What painting `strip` will take, where that was asked for; `width` is in characters."""
    one = estimate_of(strip)
    if one is None:
        return
    if not one.ended:
        row = layout.row(align=True)
        row.label(text=_doing(one), icon="TIME")
        row.operator("sequencer.brushflow_estimate_cancel", text="", icon="X")
    elif one.result is None:
        draw_sentence(layout, one.message, "ERROR", width)
    elif is_current(one, strip):
        _draw_result(layout, one.result["text"], width)
        for sentence in (one.result["problem"], *one.result["warnings"]):
            if sentence:
                draw_sentence(layout, sentence, "ERROR", width)
    else:
        column = layout.column(align=True)
        column.active = False
        _draw_result(column, one.result["text"], width)
        draw_sentence(layout, rpt_("The settings have changed since this estimate."), "INFO", width)


def _doing(one: Estimate) -> str:
    match one.state:
        case "rendering":
            return iface_("Reading the first frame")
        case "canceling":
            return iface_("Canceling")
    return iface_("Trying two iterations")


def _draw_result(layout: bpy.types.UILayout, text: str, width: int) -> None:
    """In a line where it fits, else time, disk and memory below each other."""
    column = layout.column(align=True)
    for index, part in enumerate([text] if len(text) <= width else text.split(" · ")):
        column.label(text=part, icon="BLANK1" if index else "TIME")


_CLASSES = (SEQUENCER_OT_brushflow_estimate, SEQUENCER_OT_brushflow_estimate_cancel)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
