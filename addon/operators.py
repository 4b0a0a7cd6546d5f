# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sequencer's operators: check, call, report."""

# mypy: disable-error-code="valid-type"

import os
from typing import Any

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from . import Refused, compat, worker
from .order import take
from .properties import absolute
from .source import obstacle

__all__ = ["active_strip", "register", "unregister"]


def active_strip(context: bpy.types.Context) -> bpy.types.Strip | None:
    """The strip that the sequencer's panels and operators are about."""
    scene = compat.edit_scene(context)
    return scene.sequence_editor.active_strip if scene and scene.sequence_editor else None


class _OnStrip:
    """Operators on a strip that can be painted."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = obstacle(active_strip(context))
        if reason:
            cls.poll_message_set(reason)  # type: ignore[attr-defined]
        return not reason


class SEQUENCER_OT_brushflow_stylize(_OnStrip, bpy.types.Operator):
    """Paint the active strip in the style of its paintings and lay the result above it"""

    bl_idname = "sequencer.brushflow_stylize"
    bl_label = "Stylize"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        job = worker.job_of(active_strip(context))
        if job is not None and not job.ended:
            cls.poll_message_set("The strip is being painted.")
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        strip = active_strip(context)
        assert strip
        try:
            job = worker.Job(take(compat.edit_scene(context), strip))
            if job.order.motion.warning:
                self.report({"WARNING"}, job.order.motion.warning)
            if not bpy.app.background:
                worker.enqueue(job)
                return {"FINISHED"}
            worker.run(job)
        except Refused as refused:
            self.report({"ERROR"}, str(refused))
            return {"CANCELLED"}
        progress = job.progress
        if job.state == "failed":
            self.report({"ERROR"}, f"{progress.message} {progress.hint}".strip())
        elif job.state == "cancelled":
            self.report({"WARNING"}, "Canceled; finished frames were kept.")
        else:
            self.report({"INFO"}, f"Painted {progress.painted} frames and kept {progress.kept}")
        return {"FINISHED"} if job.state == "done" else {"CANCELLED"}


class SEQUENCER_OT_brushflow_cancel(bpy.types.Operator):
    """Stop painting the active strip; finished frames are kept, and the same settings go on from there"""

    bl_idname = "sequencer.brushflow_cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        job = worker.job_of(active_strip(context))
        return job is not None and not job.ended

    def execute(self, context: bpy.types.Context) -> set[Any]:
        job = worker.job_of(active_strip(context))
        assert job
        job.cancel()
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_reveal(bpy.types.Operator):
    """Open the folder of the painted frames in the file browser of the system"""

    bl_idname = "sequencer.brushflow_reveal"
    bl_label = "Reveal Frames"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return cls._folder(context) is not None

    @staticmethod
    def _folder(context: bpy.types.Context) -> str | None:
        strip = active_strip(context)
        if strip is None:
            return None
        if strip.brushflow.source_strip:
            return str(absolute(strip.directory))
        job = worker.job_of(strip)
        return str(job.order.folder) if job else None

    def execute(self, context: bpy.types.Context) -> set[Any]:
        folder = self._folder(context)
        assert folder
        bpy.ops.wm.path_open(filepath=folder)
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_style_add(_OnStrip, bpy.types.Operator, ImportHelper):
    """Choose a picture whose style the active strip takes on; several are blended by their weights"""

    bl_idname = "sequencer.brushflow_style_add"
    bl_label = "Add Painting"
    bl_options = {"REGISTER", "UNDO"}

    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in sorted(bpy.path.extensions_image)), options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[Any]:
        strip = active_strip(context)
        assert strip
        chosen = [os.path.join(self.directory, one.name) for one in self.files if one.name] or [self.filepath]  # noqa: PTH118
        relative = bpy.data.filepath and context.preferences.filepaths.use_relative_paths
        for path in chosen:
            strip.brushflow.styles.add().path = bpy.path.relpath(path) if relative else path
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_style_remove(_OnStrip, bpy.types.Operator):
    """Take a painting off the active strip"""

    bl_idname = "sequencer.brushflow_style_remove"
    bl_label = "Remove Painting"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[Any]:
        strip = active_strip(context)
        assert strip
        strip.brushflow.styles.remove(self.index)
        return {"FINISHED"}


_CLASSES = (
    SEQUENCER_OT_brushflow_stylize,
    SEQUENCER_OT_brushflow_cancel,
    SEQUENCER_OT_brushflow_reveal,
    SEQUENCER_OT_brushflow_style_add,
    SEQUENCER_OT_brushflow_style_remove,
)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
