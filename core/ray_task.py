# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task of a job in a worker of Ray, which may be on any machine that sees the job's folder.

What the engine asks for is imported in the task: the process that the task is sent from does without torch.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from .events import Listener
from .graph import Task

if TYPE_CHECKING:
    from .job import Job
    from .painter import Painters

__all__ = ["Unfinished", "work"]

_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds before each new attempt. A shared folder is away for moments, and what others have written is seen with delay."""
_LASTING = frozenset({"device", "diverged", "internal", "memory", "settings", "weights"})
"""Codes of errors that waiting does not mend."""
_PATIENCE = 120.0
"""Seconds in which the relay answers, on however busy a machine."""
_BATCH = 0.4
"""Seconds between two messages of a task."""


class Unfinished(Exception):
    """The task has ended without being done, and has said why; what waits for it is not begun."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def work(task: Task, number: int, cores: int, relay: Any, *needs: None) -> None:
    """Do a task, again and again where what hinders it may pass; raises Unfinished.

    Args:
        number: the task's place among all, by which its events are known.
        cores: processor cores that are its own.
        relay: handle of the Relay.
        needs: what the tasks that it waits for have returned.
    """
    cancel = threading.Event()
    with closing(_Teller(relay, number, cancel)) as tell:
        tries = 0
        while not cancel.is_set():
            attempt = _Attempt(tell)
            status = _do(task, cores, attempt, cancel)
            if status == 0:
                return
            if cancel.is_set() or attempt.error is None:
                break
            tries = 0 if attempt.has_painted else tries
            if attempt.error["code"] in _LASTING or tries == len(_PAUSES):
                tell(attempt.error)
                raise Unfinished(status)
            pause = _PAUSES[tries]
            tell.warn("again", f"{attempt.error['message']} It is tried again in {pause:.0f} s.")
            cancel.wait(pause)
            tries += 1
    raise Unfinished(130)


def _do(task: Task, cores: int, listener: Listener, cancel: threading.Event) -> int:
    import cv2
    import OpenImageIO

    from .job import JobError, load_job
    from .part import Part

    cv2.setNumThreads(cores)
    OpenImageIO.attribute("threads", cores)
    part = task.part
    try:
        # Before anything is made in a folder: where a share is away, another of its name may be there.
        job = load_job(Path(task.job))
        with ExitStack() as stack:
            source = stack.enter_context(job.open_content())
            job.check(source, existing="resume")
            part.check(job, source)
            stack.enter_context(closing(job.claim(shared=isinstance(part, Part))))
            from .worker import run_job

            return run_job(_with_threads(job, cores), source, listener, cancel, part=part, painters=_painters())
    except JobError as problem:
        listener({"event": "error", "code": problem.code, "message": str(problem), "hint": problem.hint, "log": ""})
        return 2


@cache
def _painters() -> Painters:
    """Those of this process, which Ray gives one task after the other."""
    from .painter import Painters

    return Painters()


def _with_threads(job: Job, cores: int) -> Job:
    """Where the job leaves open how many threads it takes, those that are ours."""
    from .devices import available

    chosen = job.resolved_settings().device
    kind = (available()[0]["id"] if chosen == "auto" else chosen).partition(":")[0]
    earlier = job.plan if job.plan.get("device", "").partition(":")[0] == kind else {}
    return job.model_copy(update={"plan": {"device": kind, "threads": cores, **earlier}})


class _Attempt:
    """Hands events on, but an error: it may pass."""

    def __init__(self, tell: Listener) -> None:
        self._tell = tell
        self.error: dict[str, Any] | None = None
        self.has_painted = False

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "error":
            self.error = event
            return
        self.has_painted |= event.get("kept") is False
        self._tell(event)


class _Teller:
    """Sends events a few times a second, of several iterations the last, and hears whether to cancel.

    Where nobody listens any more the task is cancelled, so that none is left alone with a graphics card.
    """

    def __init__(self, relay: Any, number: int, cancel: threading.Event) -> None:
        self._relay, self._number, self._cancel = relay, number, cancel
        self._events: list[dict[str, Any]] = []
        self._lock, self._sending, self._ended = threading.Lock(), threading.Lock(), threading.Event()
        self._send()
        self._thread = threading.Thread(target=self._work, name="teller", daemon=True)
        self._thread.start()

    def __call__(self, event: dict[str, Any]) -> None:
        with self._lock:
            if self._events and event["event"] == self._events[-1]["event"] == "iteration":
                self._events.pop()
            self._events.append(event)
        if event["event"].endswith("frame_done"):
            self._send()  # so that of a worker that dies no finished frame is unheard of

    def warn(self, code: str, message: str) -> None:
        self({"event": "warning", "code": code, "message": message})

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._send()

    def _work(self) -> None:
        while not self._ended.wait(_BATCH):
            self._send()

    def _send(self) -> None:
        with self._sending:
            with self._lock:
                events, self._events = self._events, []
            try:
                # Not by ray.get: while a task waits in there, its core is given to another.
                answer = self._relay.tell.remote([(self._number, event) for event in events]).future()
                if answer.result(_PATIENCE):
                    self._cancel.set()
            except (ray.exceptions.RayError, TimeoutError):
                self._cancel.set()
