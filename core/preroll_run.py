# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a shot behind frames that are painted to warm up, and the end of a job that was done in such parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from .evaluate import EvaluationError, temporal_error
from .frames import FrameSource
from .job import Job
from .painter import Painters
from .part import Finish, Part
from .part_run import FinishRun, PartRun
from .passes import Step
from .preroll import FOLDER, Warmed, beginning, horizon, needed, part_starts, warmed
from .state import State

__all__ = ["PrerollFinish", "PrerollRun"]

_AROUND = 4
"""How many painted frames on either side of a joint it is compared with."""


class PrerollRun(PartRun):
    """Some frames of a shot, made of nothing that other parts have left.

    What it throws away is written as frames are, but into a folder of its own, so that it goes on like any part. Its exact results lie
    there, too: they are no other part's, though a frame be the same.
    """

    def __init__(
        self, job: Job, source: FrameSource, tell: Callable[..., None], cancel: threading.Event, part: Part,
        painters: Painters | None = None,
    ) -> None:  # fmt: skip
        super().__init__(job, source, tell, cancel, part, painters)
        assert part.preroll is not None
        self._preroll = part.preroll
        self._apart = job.folder / "cache" / FOLDER / f"{part.first}-{part.last}"
        self._own: frozenset[int] = frozenset()

    def _prepare(self) -> None:
        super()._prepare()
        self._state = State(self._apart, self._job.output.name)

    def _horizon(self) -> int:
        return horizon(self._settings, max(self._indices), self._total)

    def _known(self) -> range:
        if self._settings.cuts == "auto":
            return super()._known()
        _, begin = beginning(self._settings, self._is_cut, min(self._indices), self._preroll)
        return range(begin, self._horizon())

    def _scheduled(self) -> list[Step]:
        first, last = min(self._indices), max(self._indices)
        ours = warmed(self._job.settings_at, self._is_cut, self._total, first, last, self._preroll)
        self._shots[ours.begin] = ours.shot
        self._own = frozenset(step.index for step in ours.own)
        return [*ours.before, *ours.own]

    def _chosen(self, steps: Sequence[Step]) -> list[Step]:
        """Those that warm up are painted as far as something is still to be made of them."""
        return needed(steps, self._own, lambda step: self._made(step) is not None) if self._own else []

    def _stays(self, step: Step) -> bool:
        return step.index in self._own

    def _position(self, step: Step) -> dict[str, int]:
        return {**super()._position(step), **({} if self._stays(step) else {"pass": 0})}

    def _frame_path(self, index: int) -> Path:
        path = super()._frame_path(index)
        return path if index in self._own else self._apart / path.name


class PrerollFinish(FinishRun):
    """Sees that every frame is there as its part would paint it, and tells how well the frames at the joints fit."""

    def __init__(self, job: Job, source: FrameSource, tell: Callable[..., None], cancel: threading.Event, finish: Finish) -> None:
        super().__init__(job, source, tell, cancel)
        assert finish.preroll is not None
        self._chunk, self._preroll = finish.chunk, finish.preroll
        self._cuts: list[int] = []
        self._joints: list[int] = []
        """The first frames behind joints."""

    def _scheduled(self) -> list[Step]:
        self._cuts = [0, *filter(self._is_cut, range(1, self._total))]
        starts = part_starts(self._cuts, self._total, self._chunk, self._preroll)
        steps: list[Step] = []
        found: dict[tuple[int, int], str] = {}
        for first, after in pairwise([*starts, self._total]):
            ours = warmed(self._job.settings_at, self._is_cut, self._total, first, after - 1, self._preroll)
            found |= self._fingerprints_of(ours)
            steps += ours.own
            if ours.before and ours.own:
                self._joints.append(min(step.index for step in ours.own))
        self._fingerprints = found
        return steps

    def _fingerprints_of(self, ours: Warmed) -> dict[tuple[int, int], str]:
        """Those of a part's frames; they follow from what it has thrown away."""
        self._shots[ours.begin], self._fingerprints = ours.shot, {}
        for step in (*ours.before, *ours.own):
            self._fingerprint(step)
        own = {(step.pass_number, step.index) for step in ours.own}
        return {place: found for place, found in self._fingerprints.items() if place in own}

    def _steps(self) -> Iterator[Step]:
        yield from super()._steps()
        for index in self._joints:
            self._check_cancelled()
            if (error := self._error(index)) is not None:
                around = [found for found in map(self._error, self._around(index)) if found is not None]
                facts: dict[str, Any] = {"temporal_error": error, "around": fmean(around) if around else None}
                self._tell("joint", frame=self._contents.number(index), **facts)
            self._motions.keep_only(lambda index, other: False)
            self._contents.keep_only(range(0))

    def _around(self, joint: int) -> list[int]:
        """The frames near a joint that no joint and no cut parts from the frame before."""
        reach = _AROUND * self._settings.every
        parted = {*self._cuts, *self._joints}
        return [index for index in range(max(joint - reach, 0), min(joint + reach + 1, self._total)) if index not in parted]

    def _error(self, index: int) -> float | None:
        """The paper's temporal error between a frame and the one before, where the mask trusts their motion; None where it does nowhere."""
        motion = self._motions.ask(index, index - 1).result()
        try:
            return temporal_error(self._delivered(index), self._delivered(index - 1), motion.flow, motion.mask)
        except EvaluationError:
            return None
