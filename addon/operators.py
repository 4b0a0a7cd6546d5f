# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sequencer's operators: check, call, report."""

# mypy: disable-error-code="valid-type"

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import CollectionProperty, EnumProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from . import Refused, compat, queue, reach, versions, wording, worker
from .order import take
from .properties import absolute, stored_path, strips_of
from .report import report_of
from .source import obstacle

__all__ = ["active_strip", "chosen_strips", "hindrance", "polled", "register", "start", "unregister"]


def active_strip(context: bpy.types.Context) -> bpy.types.Strip | None:
    """The strip that the sequencer's panels and operators are about."""
    scene = compat.edit_scene(context)
    return scene.sequence_editor.active_strip if scene and scene.sequence_editor else None


def chosen_strips(context: bpy.types.Context) -> list[bpy.types.Strip]:
    """The strips that are to be painted, in their order in time: the active one and, if it is selected, all others that are.

    Sound is left out, since movies are mostly selected with theirs.
    """
    active = active_strip(context)
    if active is None:
        return []
    editor: Any = compat.edit_scene(context).sequence_editor
    level = editor.meta_stack[-1].strips if editor.meta_stack else editor.strips
    others = [strip for strip in level if strip.select and strip.type != "SOUND" and strip != active] if active.select else []
    return sorted([active, *others], key=lambda strip: (compat.left_handle(strip), strip.channel))


def polled(operator: Any, hindrance: str) -> bool:
    """What the `poll` of an operator gives: whether nothing hinders it. Else Blender's tooltip says what does."""
    if hindrance:
        operator.poll_message_set(hindrance)
    return not hindrance


class _OnStrip:
    """Operators on a strip that can be painted."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return polled(cls, obstacle(active_strip(context)))


class SEQUENCER_OT_brushflow_stylize(bpy.types.Operator):
    """Paint the selected strips, each in the style of its own paintings, and lay the results above them"""

    bl_idname = "sequencer.brushflow_stylize"
    bl_label = "Stylize"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return polled(cls, hindrance(context))

    def execute(self, context: bpy.types.Context) -> set[Any]:
        return start(self, compat.edit_scene(context), chosen_strips(context), _local_job)


def hindrance(context: bpy.types.Context) -> str:
    """Why none of the chosen strips can be painted now; empty where one can."""
    reasons = [_reason(strip) for strip in chosen_strips(context)] or [obstacle(None)]
    return reasons[0] if all(reasons) else ""


def _local_job(scene: bpy.types.Scene, strip: bpy.types.Strip) -> worker.Job:
    return worker.Job(take(scene, strip), keep_running=strip.brushflow.keep_running)


def _reason(strip: bpy.types.Strip) -> str:
    """Why a strip cannot be painted now; empty where it can."""
    job = queue.job_of(strip)
    return rpt_("The strip is being painted.") if job is not None and not job.ended else obstacle(strip)


def start(
    operator: bpy.types.Operator,
    scene: bpy.types.Scene,
    strips: Sequence[bpy.types.Strip],
    new_job: Callable[[bpy.types.Scene, bpy.types.Strip], worker.Job],
) -> set[Any]:
    """Put strips into the queue, or do their jobs at once where there is no window; strips that cannot be painted are named."""
    jobs, refusals = [], []
    for strip in strips:
        try:
            if reason := _reason(strip):
                raise Refused(rpt_("'{strip}' is left out. {reason}").format(strip=strip.name, reason=reason))
            job = new_job(scene, strip)
            if not bpy.app.background:
                queue.enqueue(job)
            jobs.append(job)
        except Refused as refused:
            refusals.append(str(refused))
            continue
        if job.order.motion.warning:
            operator.report({"WARNING"}, job.order.motion.warning)
    for refusal in refusals:
        operator.report({"WARNING"} if jobs else {"ERROR"}, refusal)
    if bpy.app.background:
        jobs = [job for job in jobs if _run(operator, job)]
    elif len(jobs) > 1:
        operator.report({"INFO"}, iface_("{count} strips are in the queue").format(count=len(jobs)))
    return {"FINISHED"} if jobs else {"CANCELLED"}


def _run(operator: bpy.types.Operator, job: worker.Job) -> bool:
    """Paint a strip to its end and say how it went; whether it is done."""
    try:
        queue.run(job)
    except Refused as refused:
        operator.report({"ERROR"}, str(refused))
        return False
    operator.report(*wording.outcome(job))
    return job.state == "done"


class SEQUENCER_OT_brushflow_cancel(bpy.types.Operator):
    """Stop painting the active strip; finished frames are kept, and the same settings go on from there"""

    bl_idname = "sequencer.brushflow_cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        job = queue.job_of(active_strip(context))
        return polled(cls, rpt_("The strip is not being painted.") if job is None or job.ended else "")

    def execute(self, context: bpy.types.Context) -> set[Any]:
        job = queue.job_of(active_strip(context))
        assert job
        job.cancel()
        return {"FINISHED"}


class _OnJob:
    """Operators on a job of the list, whichever strip is active."""

    number: IntProperty(options={"HIDDEN", "SKIP_SAVE"})

    @property
    def job(self) -> worker.Job | None:
        return next((job for job in queue.JOBS if job.number == self.number), None)


class SEQUENCER_OT_brushflow_job_cancel(_OnJob, bpy.types.Operator):
    """Stop this job; finished frames are kept, and the same settings go on from there"""

    bl_idname = "sequencer.brushflow_job_cancel"
    bl_label = "Cancel Job"

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        if self.job is None:
            return {"CANCELLED"}
        self.job.cancel()
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_job_retry(_OnJob, bpy.types.Operator):
    """Paint the strip of this job again with its present settings; finished frames that still fit are kept"""

    bl_idname = "sequencer.brushflow_job_retry"
    bl_label = "Retry Job"

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        if self.job is None:
            return {"CANCELLED"}
        scene, strip = queue.original_of(self.job)
        if scene is None or strip is None:
            self.report(
                {"ERROR"}, rpt_("The strip '{strip}' is gone, so it cannot be painted again.").format(strip=self.job.order.source.strip)
            )
            return {"CANCELLED"}
        return start(self, scene, [strip], self.job.anew)


class SEQUENCER_OT_brushflow_job_report(_OnJob, bpy.types.Operator):
    """Copy what explains this job to the clipboard: versions, system, settings and the end of its log, without your name"""

    bl_idname = "sequencer.brushflow_job_report"
    bl_label = "Copy Report"

    def execute(self, context: bpy.types.Context) -> set[Any]:
        if self.job is None:
            return {"CANCELLED"}
        context.window_manager.clipboard = report_of(self.job)
        self.report({"INFO"}, rpt_("The report is in the clipboard"))
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_job_remove(_OnJob, bpy.types.Operator):
    """Take this job off the list; its frames and its strip stay"""

    bl_idname = "sequencer.brushflow_job_remove"
    bl_label = "Remove Job"

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        if self.job is None or not self.job.ended:
            return {"CANCELLED"}
        queue.JOBS.remove(self.job)
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_reveal(bpy.types.Operator):
    """Open the folder of the painted frames in the file browser of the system"""

    bl_idname = "sequencer.brushflow_reveal"
    bl_label = "Reveal Frames"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return polled(cls, rpt_("Select a strip that was painted.") if cls._folder(context) is None else "")

    @staticmethod
    def _folder(context: bpy.types.Context) -> str | None:
        strip = active_strip(context)
        if strip is None:
            return None
        if strip.brushflow.source_strip:
            return str(absolute(strip.directory))
        job, results = queue.job_of(strip), versions.results_of(strip)
        if job is None and results:
            return str(absolute(results[-1].directory))
        return str(job.order.folder) if job else None

    def execute(self, context: bpy.types.Context) -> set[Any]:
        folder = self._folder(context)
        assert folder
        bpy.ops.wm.path_open(filepath=folder)
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_version(bpy.types.Operator):
    """Let another painted version of the active strip be seen"""

    bl_idname = "sequencer.brushflow_version"
    bl_label = "Swap Painted Version"
    bl_options = {"REGISTER", "UNDO"}

    direction: EnumProperty(
        name="Direction",
        description="Which version is seen next",
        items=[("NEXT", "Next", "The version after the one that is seen"), ("PREVIOUS", "Previous", "The version before it")],
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        strip = active_strip(context)
        count = len(versions.versions_of(strip)) if strip else 0
        lacking = rpt_("The strip has only one painted version.") if count else rpt_("Select a strip that has painted versions.")
        return polled(cls, lacking if count < 2 else "")

    def execute(self, context: bpy.types.Context) -> set[Any]:
        strip = active_strip(context)
        assert strip
        chosen = versions.step(strip, 1 if self.direction == "NEXT" else -1)
        if strip.brushflow.source_strip:
            _activate(compat.edit_scene(context), chosen)
        self.report({"INFO"}, iface_("'{strip}' is seen").format(strip=chosen.name))
        return {"FINISHED"}


def _activate(scene: Any, strip: bpy.types.Strip) -> None:
    """Make `strip` the active one, and the only one that is selected."""
    for other in strips_of(scene):
        other.select = other == strip
    scene.sequence_editor.active_strip = strip


class SEQUENCER_OT_brushflow_restylize(bpy.types.Operator):
    """Give the source of this painted strip the settings, paintings and matte that made it, to paint it again or to change them"""

    bl_idname = "sequencer.brushflow_restylize"
    bl_label = "Restylize"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        strip = active_strip(context)
        return polled(cls, "" if strip is not None and strip.brushflow.source_strip else rpt_("Select a painted strip."))

    def execute(self, context: bpy.types.Context) -> set[Any]:
        try:
            strip, remarks = versions.load_settings(active_strip(context))
        except Refused as refused:
            self.report({"ERROR"}, str(refused))
            return {"CANCELLED"}
        _activate(compat.edit_scene(context), strip)
        for remark in remarks:
            self.report({"WARNING"}, remark)
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_clear_cache(bpy.types.Operator):
    """Delete what the painted versions of the active strip keep for going on: motion, masks and state. Painted frames stay"""

    bl_idname = "sequencer.brushflow_clear_cache"
    bl_label = "Clear Cache"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return polled(cls, rpt_("Select a strip that was painted.") if cls._strip(context) is None else "")

    @staticmethod
    def _strip(context: bpy.types.Context) -> bpy.types.Strip | None:
        """The strip that was painted: the active one, or the source of the active one."""
        strip = active_strip(context)
        if strip is not None and strip.brushflow.source_strip:
            strip = versions.source_of(strip)
        return strip if strip is not None and strip.brushflow.job_id else None

    def execute(self, context: bpy.types.Context) -> set[Any]:
        strip = self._strip(context)
        assert strip
        painted = [job.order.folder for job in queue.JOBS if not job.ended]
        reach.allow()
        base = versions.base_folder(strip)
        found = versions.caches(base, strip.brushflow.job_id, painted)
        freed = versions.clear([cache for cache in found if worker.left_running(cache.parent) is None])
        versions.METER.forget(base)
        self.report({"INFO"}, iface_("Freed {size}").format(size=versions.in_words(freed)))
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_report(bpy.types.Operator):
    """Say how a job ended"""

    bl_idname = "sequencer.brushflow_report"
    bl_label = "Report Job"
    bl_options = {"INTERNAL"}

    kind: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    text: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[Any]:
        # Blender shows what an operator reports only where the window's own events run it, not where a timer of Python's does.
        self._timer = context.window_manager.event_timer_add(0.1, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[Any]:
        context.window_manager.event_timer_remove(self._timer)
        self.report({self.kind}, self.text)
        return {"FINISHED", "PASS_THROUGH"}


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
        reach.allow()
        chosen = [Path(self.directory, one.name) for one in self.files if one.name] or [Path(self.filepath)]
        for path in chosen:
            strip.brushflow.styles.add().path = stored_path(path)
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_look(_OnStrip, bpy.types.Operator):
    """Look at the files that this project names outside of its folder, which is not done before you ask for it"""

    bl_idname = "sequencer.brushflow_look"
    bl_label = "Show Paintings"

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        reach.allow()
        queue.redraw()
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
    SEQUENCER_OT_brushflow_job_cancel,
    SEQUENCER_OT_brushflow_job_retry,
    SEQUENCER_OT_brushflow_job_report,
    SEQUENCER_OT_brushflow_job_remove,
    SEQUENCER_OT_brushflow_reveal,
    SEQUENCER_OT_brushflow_version,
    SEQUENCER_OT_brushflow_restylize,
    SEQUENCER_OT_brushflow_clear_cache,
    SEQUENCER_OT_brushflow_report,
    SEQUENCER_OT_brushflow_style_add,
    SEQUENCER_OT_brushflow_look,
    SEQUENCER_OT_brushflow_style_remove,
)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)
