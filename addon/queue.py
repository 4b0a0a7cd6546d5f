# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of this Blender. They run one after the other, watched by a timer; without a window each is waited for."""

from __future__ import annotations

import threading
import time
from typing import Any

import bpy

from . import result, sound
from .handlers import Handlers
from .wording import outcome
from .worker import Job

__all__ = ["JOBS", "current", "enqueue", "job_of", "original_of", "redraw", "register", "run", "unregister"]

INTERVAL = 0.1
"""Seconds between two looks at the processes."""
FAREWELL = 2.0
"""Most seconds that Blender waits for processes when it is closed; an engine that takes longer ends by itself."""

JOBS: list[Job] = []
"""Jobs of this Blender, in the order in which they run, one at a time; ended ones stay until their strip is painted again."""


def job_of(strip: bpy.types.Strip | None) -> Job | None:
    """The latest job of a strip."""
    if strip is None:
        return None
    job_id, scene = strip.brushflow.job_id, strip.id_data.name
    for job in reversed(JOBS):
        # Undo may have taken the strip's id away.
        source = job.order.source
        if job.order.job_id == job_id or (not job_id and (source.scene, source.strip) == (scene, strip.name)):
            return job
    return None


def original_of(job: Job) -> tuple[bpy.types.Scene | None, bpy.types.Strip | None]:
    """The scene and the strip that a job was taken for, None for what is gone."""
    scene: Any = bpy.data.scenes.get(job.order.source.scene)
    return scene, result.find_original(scene, job.order) if scene else None


def enqueue(job: Job) -> None:
    """Let a job run after those before it, watched by a timer; raises Refused."""
    job.prepare()
    JOBS[:] = [other for other in JOBS if not (other.ended and other.order.job_id == job.order.job_id)]
    JOBS.append(job)
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=INTERVAL, persistent=True)


def _tick() -> float | None:
    job = current()
    if job is not None:
        if job.update():
            redraw()
        job.grow()
        if job.ended:
            _conclude(job)
    return INTERVAL if any(not job.ended for job in JOBS) else None


def _conclude(job: Job) -> None:
    """Make one step for undo of what a job has laid, and say how it ended."""
    (kind,), text = outcome(job)
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        if job.is_laid:
            bpy.ops.ed.undo_push(message="Stylize Strip")
        bpy.ops.sequencer.brushflow_report("INVOKE_DEFAULT", kind=kind, text=f"{job.order.source.strip}: {text}")
    if job.state != "cancelled":
        sound.announce()


def current() -> Job | None:
    """The job in work."""
    return next((job for job in JOBS if not job.ended), None)


def redraw() -> None:
    """Draw the sequencer's sidebars and the status bar anew."""
    for window in bpy.context.window_manager.windows:
        # The hints that an operator shows there while it runs are its own.
        if not window.modal_operators:
            with bpy.context.temp_override(window=window):
                window.workspace.status_text_set_internal(None)
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                for region in area.regions:
                    # The sidebar alone: drawing the preview anew at every message would slow down the job that it waits for.
                    if region.type == "UI":
                        region.tag_redraw()


def run(job: Job) -> None:
    """Run a job to its end, for Blender without a window; Ctrl-C cancels it. Raises Refused."""
    job.prepare()
    while not job.ended:
        try:
            job.update()
            time.sleep(0.02)
        except KeyboardInterrupt:
            job.cancel()


def _abandon_all(*_: object) -> list[threading.Thread]:
    ending = [thread for job in JOBS if (thread := job.abandon())]
    JOBS.clear()
    return ending


def _undone(*_: object) -> None:
    for job in JOBS:
        job.undone()


_HANDLERS = Handlers(load_pre=_abandon_all, undo_post=_undone, redo_post=_undone)


def register() -> None:
    _HANDLERS.register()


def unregister() -> None:
    _HANDLERS.unregister()
    deadline = time.monotonic() + FAREWELL
    for thread in _abandon_all():
        thread.join(max(0.0, deadline - time.monotonic()))
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
