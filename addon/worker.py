# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One job: start, watch and end its processes, first the windowless Blender that renders frames, then the engine.

As in Blender's own extension system: Popen, JSON messages, and no thread touches bpy. The same code serves the window, where a
timer pumps it, and `blender -b`, which waits.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, result, runtime, source, submission, thumbnails
from .motion import estimated
from .order import Order, take
from .process import Process, is_running, was_killed
from .thumbnails import Thumbnail
from .wording import joined

__all__ = ["Job", "Progress", "hands_off", "left_running"]

log = logging.getLogger(__name__)

PROTOCOL = 1
GROWTH = 2.0
"""Least number of seconds between two looks at the painted frames: each makes Blender read those anew that it shows."""
FAILED, CANCELLED = 1, 130
"""Exit codes of the engine."""
_UNRENDERED = {
    "frames": n_("Blender could not render the strip's frames"),
    "matte": n_("Blender could not render the matte"),
    "vectors": n_("Blender could not render the scene's motion"),
}
_DEAF = {"rendering", "planning"}
"""States whose process does not listen to its standard input."""
_SILENT = n_("The engine stopped without a word")


@dataclass
class Progress:
    """What is known of a running job."""

    reading: str = "frames"
    """Kind of what is rendered for the engine: frames, matte or vectors."""
    index: int = 0
    """Number of the frame in work, from 1, in the order of its pass; the engine writes a frame while it paints the next."""
    total: int = 0
    pass_number: int = 1
    passes: int = 1
    iteration: int = 0
    limit: int = 0
    loss: float | None = None
    seconds: float | None = None
    """Time that the last frame took."""
    eta: float | None = None
    """Seconds left."""
    painted: int = 0
    kept: int = 0
    device: str = ""
    thumbnail: Thumbnail | None = None
    """The newest frame."""
    message: str = ""
    hint: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def factor(self) -> float:
        """Share of the work that is done, 0..1."""
        if not self.total:
            return 0.0
        within = self.iteration / self.limit if self.limit else 0.0
        frames = (self.pass_number - 1) * self.total + max(self.index - 1, 0)
        return min(1.0, (frames + within) / (self.passes * self.total))


_numbers = itertools.count(1)


class Job:
    """One strip on its way through the processes."""

    def __init__(self, order: Order, *, keep_running: bool = False) -> None:
        self.number = next(_numbers)
        """Tells the jobs of this Blender apart."""
        self.order = order
        self.keep_running = keep_running
        """Whether the engine outlives the project and Blender."""
        self.state = "waiting"
        """waiting, rendering, starting, painting or planning and sending, canceling; at the end done, failed or cancelled."""
        self.progress = Progress()
        if order.motion.warning:
            self._warn(order.motion.warning)
        self.exit_code: int | None = None
        self.listener: Callable[[Job], None] | None = None
        """Called after every message."""
        self._process: Process | None = None
        self._asked_leftover = 0.0
        """When an engine that was left running in the job's folder was last asked to end."""
        self._canceled = False
        self._is_second_try = False
        """Whether the engine was ended by force and begun again."""
        self._delivered: set[int] = set()
        """Content frames that are painted."""
        self._grown = 0.0
        """When their strip was last brought up to date."""
        self._has_news = False
        self.is_laid = False
        """Whether the job has laid a strip of painted frames into the project."""

    @property
    def ended(self) -> bool:
        return self.exit_code is not None

    @property
    def takes_over(self) -> bool:
        """Whether the job waits for an engine that was left running."""
        return self._asked_leftover > 0

    @property
    def has_log(self) -> bool:
        """Whether a process has written a log."""
        return self._process is not None

    def anew(self, scene: bpy.types.Scene, strip: bpy.types.Strip) -> Job:
        """A job that does the same with a strip as it is now; raises Refused."""
        return type(self)(take(scene, strip), keep_running=strip.brushflow.keep_running)

    def prepare(self) -> None:
        """Take a picture of the project as it is now, so that later changes to it do not reach this job; raises Refused."""
        self._check()
        try:
            self.order.folder.mkdir(parents=True, exist_ok=True)
            if self.order.tasks:
                shutil.rmtree(self.order.extracted, ignore_errors=True)
                source.save_copy(self._project)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error).strip()
            raise Refused(
                rpt_("The output folder {folder} cannot be written to ({reason}); choose another.").format(
                    folder=self.order.folder, reason=reason
                )
            ) from error

    def _check(self) -> None:
        """Refuse what must not begin, before anything is written; raises Refused."""
        if submission.is_pending(self.order.folder):
            raise Refused(
                rpt_("The strip '{strip}' is with the farm; bring in its results, or forget that submission in the panel Farm.").format(
                    strip=self.order.source.strip
                )
            )

    @property
    def _project(self) -> Path:
        return self.order.extracted / "project.blend"

    def update(self) -> bool:
        """Read what the processes said and go on; returns at once, and whether there was anything new."""
        before = self.state
        heard = False
        try:
            if self.state == "waiting":
                self._start()
            if self._process is not None:
                for message in self._process.messages():
                    heard = True
                    self._handle(message)
                    if self.listener:
                        self.listener(self)
                if not self.ended and (code := self._process.exit_code) is not None and not hands_off():
                    self._process_ended(code)
        except (OSError, RuntimeError, Refused) as error:  # RuntimeError: an operator of Blender's
            self._end("failed", FAILED, str(error).strip())
        return heard or self.state != before

    def grow(self) -> None:
        """Let the result's strip show the frames that have been painted since, so that they can be looked at while others are painted."""
        if self._has_news and not self.ended and time.monotonic() - self._grown >= GROWTH and not hands_off():
            self._lay_delivered()

    def undone(self) -> None:
        """Undo may have taken the result's strip away; it comes again."""
        self.is_laid, self._has_news, self._grown = False, bool(self._delivered), 0.0

    def _lay_delivered(self) -> None:
        order = self.order
        self._grown, self._has_news = time.monotonic(), False
        # A strip that the user has deleted stays away until the job is done.
        try:
            if self.is_laid and result.find_result(bpy.data.scenes[order.source.scene], order.job_id, order.version) is None:
                return
            self.is_laid = result.lay_part(order, self._delivered) is not None
        except (KeyError, RuntimeError, Refused) as problem:
            # Said when the job is done, if there is still no scene or no room.
            log.info("%s: %s", order.source.strip, problem)

    def cancel(self) -> None:
        """Stop; finished frames stay, and the same settings go on from there."""
        if self.ended or self._canceled:
            return
        self._canceled = True
        if self._process is None:
            self._end("cancelled", CANCELLED)
        elif self.state in _DEAF or self.keep_running:
            self._process.interrupt()
        else:
            self._process.cancel()
        if not self.ended:
            self.state = "canceling"

    def abandon(self) -> threading.Thread | None:
        """End the job's process, for the project or the add-on goes away, unless it is to keep running; finished frames stay.

        Returns at once; the thread ends when the process has.
        """
        process, self._process = self._process, None
        if process is None or self.ended:
            return None
        if self.keep_running and self.state in ("starting", "painting"):
            process.release()
            self.state, self.exit_code = "cancelled", CANCELLED
            return None
        if self.state in _DEAF:
            process.interrupt()
        self._end("cancelled", CANCELLED)
        return process.dismiss(self._clean)

    def _start(self) -> None:
        order = self.order
        if not self._took_over():
            return
        if order.tasks:
            self.state = "rendering"
            command = source.extraction_command(order.tasks, self._project)
            self._process = Process(command, log_file=order.log_file)
        else:
            self._start_engine()

    def _took_over(self) -> bool:
        """Whether no engine is left running in the job's folder; one that is gets asked to end."""
        now = time.monotonic()
        if self._asked_leftover and now - self._asked_leftover < 1.0:
            return False
        if (number := left_running(self.order.folder)) is None:
            return True
        self._asked_leftover = now
        with contextlib.suppress(OSError):
            os.kill(number, signal.SIGTERM)
        return False

    def _start_engine(self) -> None:
        order = self.order
        self.state = "starting"
        self.progress = Progress(warnings=self.progress.warnings)
        options = [*self._options(), "--json" if self.keep_running else "--supervised"]
        if self._is_second_try:
            # The job file is the one that the first try has left, with the plan that took too much.
            options += ["--smaller", "1"]
        else:
            order.job_file.write_text(json.dumps(order.description(), indent=2), encoding="utf-8")
        command = runtime.engine_command("run", *options, str(order.job_file))
        self._process = Process(
            command, folder=order.folder, log_file=order.log_file, environment=runtime.clean_environment(), may_outlive=self.keep_running
        )
        if self.keep_running:
            _marker(order.folder).parent.mkdir(exist_ok=True)
            _marker(order.folder).write_text(str(self._process.number), encoding="utf-8")

    def _options(self) -> list[str]:
        """How the engine is to run the job."""
        return []

    def _handle(self, message: dict[str, Any]) -> None:
        progress = self.progress
        match message["event"]:
            case "extracting":
                progress.reading, progress.index, progress.total = message["kind"], 0, message["total"]
            case "extracted":
                progress.index = message["index"]
            case "ready":
                progress.total, progress.passes, progress.device = message["total"], message.get("passes", 1), message.get("device", "")
                if message["protocol"] != PROTOCOL:
                    progress.message = rpt_(
                        "The engine speaks another protocol than this add-on; install the engine again in the preferences."
                    )
                    self.cancel()
                elif not self._canceled:
                    self.state = "painting"
            case "frame_started":
                progress.index, progress.total = message["index"], message["total"]
                progress.pass_number = message["pass"]
                progress.iteration = 0
            case "iteration":
                progress.iteration, progress.limit = message["iteration"], message["limit"]
                progress.loss = message["losses"]["total"]
            case "frame_done" | "pass_frame_done":
                self._frame_done(message)
            case "warning":
                self._warn(message["message"])
            case "error":
                progress.message, progress.hint = message["message"], message.get("hint") or ""

    def _frame_done(self, message: dict[str, Any]) -> None:
        progress = self.progress
        progress.eta = message["eta"]
        # Of the last frame of a pass it comes when the next pass has begun.
        is_latest = (message["pass"], message["index"]) >= (progress.pass_number, progress.index)
        if is_latest and (message["index"] == progress.total or message["kept"]):
            progress.pass_number, progress.index, progress.iteration, progress.limit = message["pass"], message["index"], 1, 1
        if not message["kept"]:
            progress.seconds = message["seconds"]
        if message["event"] == "frame_done":
            self._delivered.add(message["frame"])
            self._has_news = True
            # Frames that are kept come by the hundred.
            if not message["kept"] or progress.thumbnail is None:
                progress.thumbnail = thumbnails.read(self.order.folder) or progress.thumbnail
            progress.kept += message["kept"]
            progress.painted += not message["kept"]

    def _warn(self, message: str) -> None:
        log.warning("%s: %s", self.order.source.strip, message)
        # Of memory that runs out more than once.
        if message not in self.progress.warnings:
            self.progress.warnings.append(message)

    def _process_ended(self, code: int) -> None:
        assert self._process
        self._process.close()
        if self.state == "rendering" and code == 0:
            self._project.unlink()
            self._start_engine()
        elif self.state == "rendering" and self.progress.reading == "vectors" and self.order.motion.optional:
            self.order = replace(self.order, motion=estimated(rpt_("Blender could not render its motion vectors")))
            self._warn(self.order.motion.warning)
            self._start_engine()
        elif self.progress.message:
            self._lay_delivered()
            self._end("failed", code if 0 < code < CANCELLED else FAILED, self.progress.message)
        elif self._canceled or code == CANCELLED:
            self._lay_delivered()
            self._end("cancelled", CANCELLED)
        elif code == 0:
            try:
                self._succeeded()
            except Refused as refused:
                self._end("failed", FAILED, str(refused))
        elif was_killed(code) and self.state != "rendering":
            self._engine_killed()
        else:
            self._lay_delivered()
            failure = rpt_(_UNRENDERED[self.progress.reading] if self.state == "rendering" else _SILENT)
            if code < 0:
                failure = rpt_("{failure}, ended by signal {number}").format(failure=failure, number=-code)
            self._end(
                "failed", FAILED, rpt_("{failure}; the last lines of {file} say more.").format(failure=failure, file=self.order.log_file)
            )

    def _engine_killed(self) -> None:
        """Begin again once, so that it takes less memory."""
        if not self._is_second_try:
            self._is_second_try = True
            self._warn(
                rpt_(
                    "The system ended the engine, as it does when memory runs out, so the engine was started again: it goes on in a way "
                    "that takes less memory and more time."
                )
            )
            self._start_engine()
            return
        self._lay_delivered()
        self.progress.hint = rpt_("Close other programs or lower Resolution; Stylize goes on from the frames that are finished.")
        self._end("failed", FAILED, rpt_("The system has ended the engine twice, as it does when memory runs out."))

    def _succeeded(self) -> None:
        """Take in what the engine has done; raises Refused."""
        result.lay(self.order)
        self.is_laid = True
        self._end("done", 0)

    def achievement(self) -> str:
        """What a job that is done has done, in a few words."""
        kept = iface_("kept {count}").format(count=self.progress.kept) if self.progress.kept else ""
        return joined(iface_("Painted {count} frames").format(count=self.progress.painted), kept)

    def advice(self) -> str:
        """What is left to do when the job is done, in a sentence or two; empty where nothing is."""
        return ""

    def _clean(self) -> None:
        """Delete what was rendered for the engine, which has no more use for it."""
        shutil.rmtree(self.order.extracted, ignore_errors=True)

    def _end(self, state: str, code: int, message: str = "") -> None:
        self.state, self.exit_code, self.progress.message = state, code, message
        if self._process is not None:
            self._process.close()
        self._clean()
        if self.keep_running:
            _marker(self.order.folder).unlink(missing_ok=True)
        if self.listener:
            self.listener(self)


def _marker(folder: Path) -> Path:
    """Where the number of an engine is noted that may be left running."""
    return folder / "cache" / "engine.pid"


def left_running(folder: Path) -> int | None:
    """The number of the engine that was left running on the job in `folder`; None where there is none."""
    try:
        number = int(_marker(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return number if is_running(number, str(folder / "job.json")) else None


def hands_off() -> bool:
    """Whether the project must not be changed now: it is being rendered, or the user drags strips."""
    if bpy.app.is_job_running("RENDER"):
        return True
    names = [operator.bl_idname for window in bpy.context.window_manager.windows for operator in window.modal_operators]
    return any(name.startswith(("TRANSFORM_OT_", "SEQUENCER_OT_")) and "_brushflow_" not in name for name in names)
