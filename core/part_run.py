# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a job on its way: other processes, perhaps on other machines, do the rest. All that they share is the job's folder."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import pairwise
from statistics import fmean
from typing import Any

from .content import Contents
from .devices import configure
from .events import PROTOCOL
from .files import write_json
from .frames import FrameSource
from .header import Made
from .job import JOB_FILE, Job, JobError, load_job
from .limits import brief
from .memory import planned
from .motion import EstimatedMotion
from .painter import Painters
from .part import Part
from .passes import Step, memory, path, schedule
from .run import Run, record_job, tidy
from .shortage import RenewedThread
from .survey import Survey
from .versions import versions

__all__ = ["FINISHED", "FinishRun", "FlowRun", "PartRun"]

FINISHED = "finished.json"
"""Its name, in the folder cache/ of the job: tells who waits for it that nothing more will be read or written."""

Place = tuple[int, int]
"""A pass and a frame, counted from 0."""
_PATIENCE = 60.0
"""Seconds."""


class PartRun(Run):
    """Some frames of one pass, made of what other parts have left in the folder.

    A result is let go of once everything that is made of it is done. So a result that is gone is done, too, if that holds for it.
    """

    def __init__(
        self,
        job: Job,
        source: FrameSource,
        tell: Callable[..., None],
        cancel: threading.Event,
        part: Part,
        painters: Painters | None = None,
    ) -> None:
        self._asked = job
        super().__init__(_resuming(job, _recorded_plan(job)), source, tell, cancel, painters)
        self._part = part
        self._indices = frozenset(part.indices(job, source))
        self._todo: list[Step] = []
        self._order: dict[int, int] = {}
        self._consumers: dict[Place, list[Place]] = {}
        self._done: dict[Place, bool] = {}
        self._seconds: list[float] = []

    @property
    def _ours(self) -> Collection[int]:
        return self._order.keys()

    def _open(self) -> None:
        self._agree_on_plan()
        self._survey = self._surveyed()
        steps = self._scheduled()
        for step in steps:
            self._fingerprint(step)
        self._todo = self._chosen(steps)
        if not self._todo:
            hint = "Frames in between belong to the painted ones that they wait for."
            raise JobError(f"Nothing is painted in {self._part}.", hint, "part")
        self._order = {step.index: place for place, step in enumerate(self._todo, 1)}
        self._look_around(steps)
        self._check_needs({_place(step): step for step in steps})

    def _close(self) -> None:
        """Other parts have not done theirs."""

    def _write(self, step: Step, result: Any, seconds: float) -> None:
        """A finished frame waits for its folder: one that is shared is away for moments."""
        until = time.monotonic() + _PATIENCE
        while not self._job.folder.is_dir() and time.monotonic() < until:
            if self._cancel.wait(0.5):
                break
        super()._write(step, result, seconds)

    def _let_go(self, step: Step) -> None:
        self._done[_place(step)] = True
        for place in (_place(step), *_needed(step)):
            if all(self._done.get(one) for one in self._consumers.get(place, ())):
                number = self._contents.number(place[1])
                self._state.remove(place[0], number, self._fingerprints[place])

    def _eta(self, step: Step, iterations: int, seconds: float) -> float | None:
        self._seconds.append(seconds)
        left = sum(not self._done[_place(other)] for other in self._todo[self._order[step.index] :])
        return left * fmean(self._seconds)

    def _steps(self) -> Iterator[Step]:
        return iter(self._todo)

    def _made(self, step: Step) -> Made | None:
        found = super()._made(step)
        return Made() if found is None and self._done.get(_place(step)) else found

    def _is_cut(self, index: int) -> bool:
        return self._survey.is_cut(index) if self._settings.cuts == "auto" else super()._is_cut(index)

    def _count(self, step: Step, *, kept: bool) -> None:
        self._kept += kept
        self._painted += not kept

    def _position(self, step: Step) -> dict[str, int]:
        return {"index": self._order[step.index], "total": len(self._order), "pass": step.pass_number}

    # What others have done

    def _agree_on_plan(self) -> None:
        """The part that begins first decides how all are computed, as far as it is left open, so that bits are those of one machine."""
        record_job(self._asked, self._plan, only_first=True)
        if _recorded_plan(self._asked) is None:  # what is there is another job's
            record_job(self._asked, self._plan)
        agreed = planned(self._settings, self._size, _recorded_plan(self._asked))
        if agreed != self._plan:
            self._plan = agreed
            configure(agreed)

    def _chosen(self, steps: Sequence[Step]) -> list[Step]:
        """What is to be done here."""
        return [step for step in steps if step.pass_number == (self._part.pass_number or 1) and step.reached in self._indices]

    def _surveyed(self) -> Survey:
        survey = Survey(self._job, self._contents, self._size)
        survey.complete(self._known())
        return survey

    def _known(self) -> range:
        """The frames whose contents have to be known."""
        return range(self._horizon())

    def _horizon(self) -> int:
        """How many frames of the job have to be known: those before, and those that are made of ours."""
        if self._passes > 1 or self._settings.long_term_every or self._settings.init == "first":
            return self._total
        return min(max(self._indices) + (memory(self._settings) + 2) * self._settings.every, self._total)

    def _scheduled(self) -> list[Step]:
        return list(schedule(self._horizon(), self._is_cut, self._job.settings_at, self._passes))

    def _look_around(self, steps: Sequence[Step]) -> None:
        """Find out what is made of what, and which of it is done."""
        consumers: defaultdict[Place, list[Place]] = defaultdict(list)
        for step in steps:
            for place in _needed(step):
                consumers[place].append(_place(step))
        self._consumers = dict(consumers)
        near = {place for step in self._todo for place in (_place(step), *_needed(step))}
        near |= {after for place in near for after in consumers[place]}
        names = self._state.names()
        for step in reversed(steps):
            place = _place(step)
            if step.pass_number == self._passes:
                if self._passes > 1 or place in near:
                    self._done[place] = super()._made(step) is not None
                continue
            is_kept = self._state.name(step.pass_number, self._contents.number(step.index), self._fingerprints[place]) in names
            self._done[place] = is_kept or (bool(consumers[place]) and all(self._done[after] for after in consumers[place]))

    def _check_needs(self, steps: Mapping[Place, Step]) -> None:
        """Refuse to begin where others have not made what ours are made of; raises JobError."""
        ours = {_place(step) for step in self._todo}
        missing = set()
        for step in self._todo:
            if self._done[_place(step)]:
                continue
            for place in _needed(step):
                if place in ours:
                    continue
                made = super()._made(steps[place])
                if made is None:
                    missing.add(place)
                elif place[0] == self._passes:
                    self._take_level(steps[place], made)
        if missing:
            earliest = min(missing)[0]
            numbers = sorted(self._contents.number(index) for pass_number, index in missing if pass_number == earliest)
            of_pass = f" of pass {earliest}" if self._passes > 1 else ""
            what = f"{self._part} need frames{of_pass} that are not there: {_listed(numbers)}."
            raise JobError(what[0].upper() + what[1:], "Paint these first.", "part")


class FlowRun(PartRun):
    """The motion that painting some frames will ask for, which needs no other part."""

    def work(self) -> int:
        begun = time.monotonic()
        with ExitStack() as stack:
            self._ahead = stack.enter_context(RenewedThread("ahead"))
            self._contents = stack.enter_context(closing(Contents(self._job, self._source, self._size, self._ahead, self._warn)))
            self._survey = self._surveyed()
            pairs = self._pairs()
            numbers = [self._contents.number(index) for index in sorted(self._indices)]
            self._tell(
                "ready", protocol=PROTOCOL, versions=versions(), device=self._plan.device, plan=self._plan.as_dict(), total=len(pairs),
                passes=self._passes, folder=str(self._job.folder), name=self._job.output.name, first=numbers[0], last=numbers[-1],
            )  # fmt: skip
            for place, (here, there) in enumerate(pairs, 1):
                if self._cancel.is_set():
                    self._tell("cancelled", total=len(pairs), painted=self._painted, kept=self._kept, folder=str(self._job.folder))
                    return 130
                self._find_pair(here, there, place, len(pairs))
                self._contents.keep_only(range(here - memory(self._settings), here + memory(self._settings) + 2))
        seconds, folder = time.monotonic() - begun, str(self._job.folder)
        self._tell("done", total=len(pairs), painted=self._painted, kept=self._kept, seconds=seconds, folder=folder)
        return 0

    def _pairs(self) -> list[Place]:
        """The pairs of frames whose motion is kept on the disk, those of a frame one after the other."""
        if not isinstance(self._finder, EstimatedMotion):
            return []
        passes = (self._part.pass_number,) if self._part.pass_number else range(1, self._passes + 1)
        wanted = [step for step in self._scheduled() if step.reached in self._indices and step.pass_number in passes]
        return sorted({pair for step in wanted for other in step.moved for pair in pairwise(path(step.index, other, self._settings))})

    def _find_pair(self, here: int, there: int, place: int, total: int) -> None:
        begun = time.monotonic()
        assert isinstance(self._finder, EstimatedMotion)
        contents = self._contents[here], self._contents[there]
        kept = self._finder.has(*contents)
        if not kept:
            self._finder.find(*contents)
        self._kept += kept
        self._painted += not kept
        self._tell(
            "pair_done", frame=contents[0].number, to=contents[1].number, index=place, total=total,
            seconds=time.monotonic() - begun, kept=kept,
        )  # fmt: skip


class FinishRun(PartRun):
    """Sees that every frame of a job is there and as it would be painted, and lets go of what was kept for other parts."""

    def __init__(self, job: Job, source: FrameSource, tell: Callable[..., None], cancel: threading.Event) -> None:
        numbers = job.delivered_numbers(source)
        super().__init__(job, source, tell, cancel, Part(numbers[0], numbers[-1]))

    def _open(self) -> None:
        self._survey = self._surveyed()
        steps = self._scheduled()
        for step in steps:
            self._fingerprint(step)
        self._todo = [step for step in steps if step.pass_number == self._passes]
        self._order = {step.index: place for place, step in enumerate(self._todo, 1)}
        missing = sorted(self._contents.number(step.index) for step in self._todo if self._made(step) is None)
        if missing:
            hint = "Run their parts again, or the whole job."
            raise JobError(f"Some frames are not there, or are those of other settings: {_listed(missing)}.", hint, "part")

    def _horizon(self) -> int:
        return self._total

    def _close(self) -> None:
        self._state.drop(lambda pass_number, number: True)
        tidy(self._job)
        write_json(self._job.folder / "cache" / FINISHED, {"frames": self._total})


def _place(step: Step) -> Place:
    return step.pass_number, step.index


def _needed(step: Step) -> list[Place]:
    return [(step.pass_of(other), other) for other in step.needs]


def _listed(numbers: Sequence[int]) -> str:
    return brief(", ".join(map(str, numbers)), 80)


def _resuming(job: Job, plan: dict[str, object] | None) -> Job:
    output = job.output.model_copy(update={"existing": "resume"})
    return job.model_copy(update={"output": output, "plan": plan or job.plan})


def _recorded_plan(job: Job) -> dict[str, object] | None:
    """The plan in the job's folder, if it is that of this job."""
    try:
        recorded = load_job(job.folder / JOB_FILE)
    except JobError:
        return None
    return recorded.plan or None if _resuming(recorded, {"": ""}) == _resuming(job, {"": ""}) else None
