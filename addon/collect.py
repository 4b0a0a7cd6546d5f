# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that a farm has painted -> the strip that shows them, which fills while they arrive. Asked for by people, never by a file."""

from __future__ import annotations

import _thread
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from . import Refused, exr, queue, result, sound, submission, worker
from .handlers import Handlers
from .order import Order

__all__ = ["WATCHED", "Collector", "due", "register", "unregister", "watch", "watched"]

log = logging.getLogger(__name__)

INTERVAL = 10.0
"""Seconds between two looks into a folder of a farm."""
_SOON = 0.5
"""Seconds between two looks at whether such a look has ended."""
Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds."""


class Collector:
    """Brings in the frames of one order. Holds names, since undo frees strips."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.damaged: set[int] = set()
        """Content frames that lie there, but not whole."""
        self.is_done = False
        """Whether all frames are in, and the farm has nothing more to do."""
        self.problem = ""
        """Why the frames cannot be shown, as a sentence."""
        self.is_laid = False
        """Whether it has laid a strip into the project."""
        self.is_looking = False
        self.has_looked = False
        """Whether it has looked since the last time that frames were brought in."""
        self._whole: dict[int, Stamp] = {}
        self._shown: dict[int, Stamp] = {}
        self._is_finished = False

    @property
    def there(self) -> int:
        """How many frames are there, whole."""
        return len(self._whole)

    @property
    def total(self) -> int:
        return self.order.source.last - self.order.source.first + 1

    def look(self) -> None:
        """See which frames are there. Reads each new one, so the window leaves it to a thread; touches no bpy."""
        finished = submission.is_finished(self.order.folder)
        stamps = self._stamps()
        whole, damaged = {}, set()
        for frame, stamp in stamps.items():
            if self._whole.get(frame) == stamp or exr.is_whole(self.order.frame_file(frame)):
                whole[frame] = stamp
            else:
                damaged.add(frame)
        self._whole, self.damaged, self._is_finished, self.has_looked = whole, damaged, finished, True

    def _stamps(self) -> dict[int, Stamp]:
        """The order's frames that are there, by one look at the folder."""
        order, found = self.order, {}
        frames = {order.frame_file(frame).name: frame for frame in range(order.source.first, order.source.last + 1)}
        try:
            with os.scandir(order.folder) as entries:
                for entry in entries:
                    if entry.name in frames:
                        state = entry.stat()
                        found[frames[entry.name]] = (state.st_size, state.st_mtime_ns)
        except OSError as error:  # a share that is gone for a while
            log.info("%s: %s", order.folder, error)
            return dict(self._whole)
        return found

    def bring_in(self) -> bool:
        """Let the strip show what the last look has found; whether that was anything new."""
        order, is_whole_shot, self.has_looked = self.order, len(self._whole) == self.total, False
        if self.is_done or not self._whole or not (self._whole != self._shown or (is_whole_shot and self._is_finished)):
            return False
        try:
            if is_whole_shot:
                result.lay(order)
            elif self.is_laid and result.find_result(bpy.data.scenes[order.source.scene], order.job_id, order.version) is None:
                # A strip that the user has deleted stays away until all is there.
                return False
            elif result.lay_part(order, self._whole) is None:
                return False
        except (KeyError, RuntimeError, Refused) as problem:  # RuntimeError: an operator of Blender's
            self.problem = str(problem).strip()
            return False
        self.problem, self.is_laid, self._shown = "", True, dict(self._whole)
        self.is_done = is_whole_shot and self._is_finished
        if self.is_done:
            shutil.rmtree(order.extracted, ignore_errors=True)
        return True

    def undone(self) -> None:
        """Undo may have taken the strip away; it comes again."""
        self.is_laid, self._shown = False, {}

    def headline(self) -> str:
        """How far it is, in a few words."""
        if self.is_done:
            return iface_("All {count} frames are in").format(count=self.total)
        return iface_("{there} of {count} frames are there").format(there=self.there, count=self.total)


WATCHED: list[Collector] = []
"""What this Blender waits for, and what it has brought in."""


def due(strip: bpy.types.Strip, job_id: str) -> list[Order]:
    """What was handed to a farm of a strip and is to be brought in: the newest version, and those that no strip shows whole."""
    orders = submission.submissions_of(strip, job_id)
    return [order for order in orders if order == orders[-1] or not _is_in(strip, order)]


def _is_in(strip: bpy.types.Strip, order: Order) -> bool:
    scene: Any = strip.id_data
    shown = result.find_result(scene, order.job_id, order.version)
    return shown is not None and len(shown.elements) == order.source.last - order.source.first + 1 and submission.is_finished(order.folder)


def watched(strip: bpy.types.Strip) -> list[Collector]:
    """What is waited for of a strip, and what was brought in of it."""
    job_id = strip.brushflow.job_id
    return [collector for collector in WATCHED if job_id and collector.order.job_id == job_id]


def watch(order: Order) -> None:
    """Bring in an order's frames from now on, until all are there."""
    drop(order.folder)
    WATCHED.append(Collector(order))
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)


def drop(folder: Path) -> None:
    """Wait no longer for what lies in a folder."""
    WATCHED[:] = [collector for collector in WATCHED if collector.order.folder != folder]


def _tick() -> float | None:
    waiting = [collector for collector in WATCHED if not collector.is_done]
    if any(collector.is_looking for collector in waiting):
        return _SOON
    if any(collector.has_looked for collector in waiting):
        if worker.hands_off():
            return _SOON
        _bring_in(waiting)
        return INTERVAL if any(not collector.is_done for collector in waiting) else None
    if not waiting:
        return None
    for collector in waiting:
        collector.is_looking = True
    # Thread.start() would wait until the thread has begun, which takes long where an engine has all processors.
    _thread.start_new_thread(_look, (waiting,))
    return _SOON


def _look(collectors: Iterable[Collector]) -> None:
    # This thread must never touch bpy.
    for collector in collectors:
        try:
            collector.look()
        finally:
            collector.is_looking = False


def _bring_in(collectors: Iterable[Collector]) -> None:
    for collector in collectors:
        is_first = not collector.is_laid
        if collector.bring_in() and (is_first or collector.is_done):
            with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
                bpy.ops.ed.undo_push(message="Bring In Results")
                if collector.is_done:
                    text = f"{collector.order.source.strip}: {collector.headline()}"
                    bpy.ops.sequencer.brushflow_report("INVOKE_DEFAULT", kind="INFO", text=text)
            if collector.is_done:
                sound.announce()
    queue.redraw()


def _forget_all(*_: object) -> None:
    WATCHED.clear()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def _undone(*_: object) -> None:
    for collector in WATCHED:
        collector.undone()


_HANDLERS = Handlers(load_pre=_forget_all, undo_post=_undone, redo_post=_undone)


def register() -> None:
    _HANDLERS.register()


def unregister() -> None:
    _HANDLERS.unregister()
    _forget_all()
