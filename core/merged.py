# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of jobs tell, told on as one run of each job would tell it: its frames, its totals, the time that is left."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from .events import Listener
from .graph import Task, unique
from .job import Job, load_job

__all__ = ["FAILED", "SKIPPED", "Merged"]

FAILED = 1
SKIPPED = -1
"""Exit status of a task that was not begun, since one that it waits for has failed."""


class Merged:
    """Hands events of tasks on to a listener. A job's events end with one of `done`, `cancelled` and `error`, once no task of it is left.

    Args:
        places: of the job files. An event's `job` is the job's `id` or name, made unique by a number where several have the same.
        tasks: of these jobs.
    """

    def __init__(self, places: Sequence[Path], tasks: Sequence[Task], listener: Listener) -> None:
        jobs = [load_job(place) for place in places]
        names = unique(job.identifier for job in jobs)
        self._jobs = {str(place.absolute()): _Progress(job, name, listener) for place, job, name in zip(places, jobs, names, strict=True)}
        for task in tasks:
            self._jobs[task.job].expect(task)
        self._tasks = tasks
        self._listener = listener

    def told(self, number: int, event: dict[str, Any]) -> None:
        """Take an event of a task, by its place among the tasks from 0."""
        self._jobs[self._tasks[number].job].told(self._tasks[number], event)

    def ended(self, number: int, status: int) -> None:
        """Take the exit status of a task."""
        self._jobs[self._tasks[number].job].ended(self._tasks[number], status)

    def warn(self, code: str, message: str) -> None:
        """Tell what concerns all jobs."""
        self._listener({"event": "warning", "job": "", "code": code, "message": message})

    def end(self, *, lost: dict[str, Any] | None = None) -> int:
        """End the jobs that are still open, as cancelled or with the error `lost`; gives the exit status of all."""
        if lost is not None:
            self._listener({"event": "error", "job": "", "log": "", **lost})
            return FAILED
        for job in self._jobs.values():
            if job.is_open:
                job.cancel()
        worst = max(job.status for job in self._jobs.values())
        return 130 if worst != FAILED and any(job.is_cancelled for job in self._jobs.values()) else worst


class _Progress:
    """One job's."""

    def __init__(self, job: Job, name: str, listener: Listener) -> None:
        self._job, self._name, self._listener = job, name, listener
        with job.open_content() as source:
            numbers = job.delivered_numbers(source)
        self._first, self._last, self._total = numbers[0], numbers[-1], len(numbers)
        self._passes = job.resolved_settings().passes
        self._open: set[str] = set()
        self._left = self._worked = 0.0
        self._shares: dict[str, float] = {}
        """What a frame of a task weighs."""
        self._kept: dict[tuple[int, int], bool] = {}
        """Of the frames that are done, by pass and number, whether they were there before."""
        self._started: set[tuple[int, int]] = set()
        self._begun: float | None = None
        self._warned: set[str] = set()
        self._error: dict[str, Any] | None = None
        self.status, self.is_cancelled = 0, False

    @property
    def is_open(self) -> bool:
        return bool(self._open)

    def expect(self, task: Task) -> None:
        self._open.add(task.id)
        self._left += task.weight

    def told(self, task: Task, event: dict[str, Any]) -> None:
        match event["event"]:
            case "ready":
                self._shares[task.id] = task.weight / max(event["total"], 1)
                self._ready(event)
            case "warning" if event["code"] not in self._warned:
                self._warned.add(event["code"])
                self._tell(event)
            case "error":
                self._error = self._error or event
            case "joint":
                self._tell(event)
            case _ if task.kind == "finish":
                pass  # every frame once more
            case "frame_started" | "pass_frame_done" if event["pass"] == 0:
                if event["event"] == "pass_frame_done":  # and thrown away
                    self._work(task, kept=event["kept"])
            case "pair_done":
                self._work(task, kept=event["kept"])
                self._tell({"event": "flow", "frame": event["frame"], "to": event["to"], "seconds": event["seconds"]})
            case "frame_started":
                self._started.add((event["pass"], event["frame"]))
                self._tell({**event, "index": self._place(event["pass"], self._started), "total": self._total})
            case "frame_done" | "pass_frame_done":
                self._frame_done(task, event)
            case "iteration" | "flow":
                self._tell(event)

    def ended(self, task: Task, status: int) -> None:
        self._open.discard(task.id)
        if status not in (SKIPPED, 130):
            self.status = max(self.status, status)
        if self._open:
            return
        if self._error is not None:
            self._tell(self._error)
        elif status == 0:
            self._tell({"event": "done", "seconds": self._seconds, **self._sums()})
        else:
            self.cancel()

    def cancel(self) -> None:
        """Tell where the job was left, if it was begun."""
        self.is_cancelled = True
        if self._begun is not None:
            self._tell({"event": "cancelled", **self._sums()})

    def _ready(self, event: dict[str, Any]) -> None:
        if self._begun is None:
            self._begun = time.monotonic()
            self._tell({**event, "total": self._total, "passes": self._passes, "first": self._first, "last": self._last})

    def _frame_done(self, task: Task, event: dict[str, Any]) -> None:
        place = event["pass"], event["frame"]
        if place in self._kept:
            return  # a task that is done again finds what it had finished
        self._kept[place] = event["kept"]
        self._started.add(place)
        self._work(task, kept=event["kept"])
        left = None if event["kept"] or not self._worked else self._seconds * max(self._left, 0.0) / self._worked
        self._tell({**event, "index": self._place(event["pass"], self._kept), "total": self._total, "eta": left})

    def _work(self, task: Task, *, kept: bool) -> None:
        share = self._shares.get(task.id, 0.0)
        self._left -= share
        self._worked += 0.0 if kept else share

    @staticmethod
    def _place(of_pass: int, places: Collection[tuple[int, int]]) -> int:
        return sum(one == of_pass for one, _ in places)

    @property
    def _seconds(self) -> float:
        return 0.0 if self._begun is None else time.monotonic() - self._begun

    def _sums(self) -> dict[str, Any]:
        kept = [kept for (of_pass, _), kept in self._kept.items() if of_pass == self._passes]
        return {"total": self._total, "painted": kept.count(False), "kept": kept.count(True), "folder": str(self._job.folder)}

    def _tell(self, event: dict[str, Any]) -> None:
        self._listener({**event, "job": self._name})
