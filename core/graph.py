# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job as tasks for many machines, and what each waits for. Each is a command of the engine, and they meet in the job's folder alone."""

from __future__ import annotations

import os
import shlex
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from .job import Job
from .part import Finish, Part
from .passes import Step, path, schedule
from .preroll import part_starts, warmed

__all__ = ["CHUNK", "Division", "Task", "common_folder", "longest_way", "tasks", "unique"]

CHUNK = 24
"""Frames of a task that could have any number of them."""
_PAIR = {"dis": 0.1, "large": 1.0, "raft": 3.0}
"""What finding the motion of a pair weighs, both directions and masks, in iterations on a frame of the same size."""


@dataclass(frozen=True)
class Task:
    """One command of the engine. It may be run again at any time: what it has finished is kept."""

    id: str
    job: str
    """Path of the job file."""
    kind: Literal["flow", "paint", "finish"]
    part: Part | Finish
    """What it does of the job."""
    first: int
    """Number of its first frame, as in the name of the file that is written."""
    last: int
    pass_number: int | None
    """The pass that it paints of a job of many passes."""
    needs: tuple[str, ...]
    """The tasks that have to be done before, by `id`."""
    weight: float
    """Megapixel iterations at the most, which time goes along with."""
    gpu: Literal["no", "useful", "needed"]
    """Whether a graphics card makes it faster, or the job asks for one."""
    warming: int | None = None
    """How many frames it paints before its own and throws away."""

    @property
    def options(self) -> tuple[str, ...]:
        """What of the command follows the path of the job."""
        return tuple(self.part.arguments())

    @property
    def command(self) -> tuple[str, ...]:
        """What follows `python -m core`."""
        return "run", self.job, *self.options

    def as_dict(self) -> dict[str, Any]:
        """The fields, as JSON takes them, with the command for the part; None is left out."""
        values = {"command" if name == "part" else name: value for name, value in asdict(self).items() if value is not None}
        return {**values, "command": list(self.command), "needs": list(self.needs), "weight": round(self.weight, 4)}

    def __str__(self) -> str:
        return f"python -m core {shlex.join(self.command)}"


@dataclass(frozen=True)
class Division:
    """How jobs are divided.

    Args:
        chunk: frames of a task of motion or of a pass of many.
        chain: frames of a task of a single pass, whose tasks follow one after the other in a shot; None for the whole shot.
        flow_apart: whether motion is found by tasks of its own; None decides by what finding it takes.
        preroll: how many frames before its own a chunk of a single pass begins, to warm up; the chunks of a shot then wait for nothing.
            None leaves shots whole.
    """

    chunk: int = CHUNK
    chain: int | None = None
    flow_apart: bool | None = None
    preroll: int | None = None


def tasks(
    job: Job, place: Path, numbers: Sequence[int], pixels: int, is_cut: Callable[[int], bool], name: str, division: Division | None = None
) -> list[Task]:
    """The tasks of a job, each after those that it waits for.

    Args:
        place: of the job file.
        numbers: those of the frames that are written.
        pixels: of a frame at the working size.
        is_cut: whether a new shot begins at a frame, counted from 0.
        name: what the tasks' ids begin with.
    """
    division = division or Division()
    settings = job.resolved_settings()
    count, passes = len(numbers), settings.passes
    steps = list(schedule(count, is_cut, job.settings_at, passes))
    even = range(0, count, division.chunk)
    preroll = division.preroll if passes == 1 else None
    parts = _parts(steps, count, division, preroll) if passes == 1 else even
    megapixels = pixels / 1e6
    made: list[Task] = []

    def ident(what: str, span: tuple[int, int]) -> str:
        return f"{name}:{what}:{numbers[span[0]]}-{numbers[span[1]]}"

    def add(
        what: str, kind: Literal["flow", "paint"], part: Part, span: tuple[int, int], needs: Iterable[str], weight: float,
        before: Sequence[Step] = (),
    ) -> None:  # fmt: skip
        device = settings.device if kind == "paint" or job.estimator == "raft" else "cpu"
        gpu: Literal["no", "useful", "needed"] = "no" if device == "cpu" else "useful" if device == "auto" else "needed"
        made.append(Task(ident(what, span), str(place), kind, part, part.first, part.last, part.pass_number, tuple(needs),
                         megapixels * weight, gpu, len(before) or None))  # fmt: skip

    has_flow = job.flow is None and (job.estimator != "dis" if division.flow_apart is None else division.flow_apart)
    pairs = _pairs_by_chunk(job, steps, even) if has_flow else {}
    for start, wanted in sorted(pairs.items()):
        span = _span(start, even, count)
        part = Part(numbers[span[0]], numbers[span[1]], flow_only=True)
        add("flow", "flow", part, span, (), _PAIR[job.estimator] * len(wanted))

    # Where a result of a pass comes from.
    makers = {(step.pass_number, step.index): _start(step.reached, parts) for step in steps}
    made_by: defaultdict[tuple[int, int], list[Step]] = defaultdict(list)
    for step in steps:
        made_by[step.pass_number, makers[step.pass_number, step.index]].append(step)
    for number in range(1, passes + 1):
        what = f"pass{number}" if passes > 1 else "paint"
        # The second pass begins at the end, so that is what it waits for.
        is_reversed = number % 2 == 0 or number == 1 < passes
        starts = sorted((start for of_pass, start in made_by if of_pass == number), reverse=is_reversed)
        for start in starts:
            span = _span(start, parts, count)
            before: tuple[Step, ...] = ()
            ours = tuple(made_by[number, start])
            if preroll is not None:
                behind = warmed(job.settings_at, is_cut, count, *span, preroll)
                before, ours = behind.before, behind.own
            here = {(step.pass_number, step.index) for step in (*before, *ours)}
            needs: dict[str, None] = {}
            for step in (*before, *ours):
                if step.moved and has_flow:
                    needs[ident("flow", _span(_start(step.reached, even), even, count))] = None
                for other in step.needs:
                    of_pass = step.pass_of(other)
                    if (of_pass, other) not in here:
                        needs[ident(f"pass{of_pass}" if passes > 1 else "paint", _span(makers[of_pass, other], parts, count))] = None
            part = Part(numbers[span[0]], numbers[span[1]], number if passes > 1 else None, preroll=preroll)
            add(what, "paint", part, span, needs, sum(step.iterations for step in (*before, *ours)), before)
    last = [task.id for task in made if task.kind == "paint" and task.pass_number in (None, passes)]
    finish = Finish() if preroll is None else Finish(preroll, division.chunk)
    made.append(Task(f"{name}:finish", str(place), "finish", finish, numbers[0], numbers[-1], None, tuple(last), 0.0, "no"))
    return made


def _parts(steps: Iterable[Step], count: int, division: Division, preroll: int | None) -> list[int]:
    """Where tasks of a single pass begin: at every shot, and within one where it has more frames than a task takes."""
    shots = sorted({step.shot for step in steps})
    return part_starts(shots, count, division.chain or count) if preroll is None else part_starts(shots, count, division.chunk, preroll)


def _pairs_by_chunk(job: Job, steps: Iterable[Step], starts: Sequence[int]) -> dict[int, set[tuple[int, int]]]:
    settings = job.resolved_settings()
    found: dict[int, set[tuple[int, int]]] = {}
    for step in steps:
        for other in step.moved:
            found.setdefault(_start(step.reached, starts), set()).update(pairwise(path(step.index, other, settings)))
    return found


def _start(index: int, starts: Sequence[int]) -> int:
    return starts[bisect_right(starts, index) - 1]


def _span(start: int, starts: Sequence[int], count: int) -> tuple[int, int]:
    """First and last index of what begins at `start`."""
    following = bisect_right(starts, start)
    return start, (starts[following] if following < len(starts) else count) - 1


def longest_way(tasks: Iterable[Task]) -> float:
    """Megapixel iterations that have to be done one after the other, however many machines there are."""
    ways: dict[str, float] = {}
    for task in tasks:
        ways[task.id] = task.weight + max((ways[other] for other in task.needs), default=0.0)
    return max(ways.values(), default=0.0)


def common_folder(tasks: Iterable[Task]) -> Path:
    """The folder below which the job files of all tasks lie."""
    return Path(os.path.commonpath([Path(task.job).parent for task in tasks]))


def unique(names: Iterable[str]) -> list[str]:
    """The names, with numbers after those that were there before."""
    seen: set[str] = set()
    found = []
    for name in names:
        one, number = name, 2
        while one in seen:
            one, number = f"{name}-{number}", number + 1
        seen.add(one)
        found.append(one)
    return found
