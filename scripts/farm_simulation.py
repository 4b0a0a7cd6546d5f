# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A film on a farm, simulated event by event: the real graph of its shots, with seconds from a model of measured tasks."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from farm_model import Model

from core.graph import Division, Task, tasks
from core.job import make_job

__all__ = ["Film", "Outcome", "Shot", "film", "longest_first", "simulate"]

WIDTH, HEIGHT = 1920, 1080
_STATE, _FLOW = 12, 20
"""Bytes a pixel: of an exact result, and of a pair's motion with its mask, both directions."""


@dataclass(frozen=True)
class Shot:
    frames: int
    settings: dict[str, Any]


def film(count: int, seed: int = 1) -> list[Shot]:
    """Shots as films have them: half are shorter than 80 frames, one in a hundred is longer than 400. One in twenty has five passes."""
    random = np.random.default_rng(seed)
    lengths = np.clip(np.exp(random.normal(np.log(80), 0.7, count)), 8, 2000).astype(int)
    many = random.random(count) < 0.05
    single: dict[str, Any] = {"cuts": "none"}
    passes = {**single, "passes": 5, "blend_next": 0.5}
    return [Shot(int(frames), passes if is_many else single) for frames, is_many in zip(lengths, many, strict=True)]


@dataclass(frozen=True)
class Film:
    """Tasks of many shots, by their place: what each waits for, its seconds, and its bytes from and to the shared folder."""

    needs: list[list[int]]
    seconds: list[float]
    traffic: list[float]
    shots: list[int]
    """The place of each shot's first task."""

    @classmethod
    def of(cls, shots: Sequence[Shot], model: Model, *, speed: float = 1.0, division: Division | None = None, surveys: bool = True) -> Film:
        """
        Args:
            speed: of a worker, in measured cores. Starting takes as long as it was measured on any.
            surveys: whether digests of frames are kept in the folder, or every task reads the frames before its own.
        """
        needs: list[list[int]] = []
        seconds: list[float] = []
        traffic: list[float] = []
        firsts: list[int] = []
        megapixels = WIDTH * HEIGHT / 1e6
        for shot in shots:
            made, start = _tasks(shot, division), len(needs)
            places = {task.id: start + index for index, task in enumerate(made)}
            firsts.append(start)
            for task in made:
                frames = task.last - task.first + 1 + (task.warming or 0)
                needs.append([places[other] for other in task.needs])
                own = 0.0 if task.kind == "finish" else megapixels * frames
                seconds.append(model.start + (model.seconds(own, task.weight) - model.start) / speed)
                traffic.append(_bytes(task, shot, frames, model, surveys=surveys))
        return cls(needs, seconds, traffic, firsts)


@dataclass(frozen=True)
class Outcome:
    """How a farm did. Times in seconds."""

    workers: int
    makespan: float
    busy: float
    traffic: float
    """Bytes through the shared folder."""
    peak: float
    """Bytes a second at the busiest moment, where those of a task are spread evenly over its time."""

    @property
    def idle(self) -> float:
        """Part of the workers' time until the end in which they waited."""
        return max(1 - self.busy / (self.workers * self.makespan), 0.0)


def simulate(film: Film, workers: int, order: Sequence[int] | None = None) -> Outcome:
    """Run a film's tasks on workers: whoever is free takes the first task in order that waits for nothing more.

    Args:
        order: shots by which tasks are handed out; None takes them as they come.
    """
    ranks = _ranks(film, order)
    waiting = [len(needs) for needs in film.needs]
    following: list[list[int]] = [[] for _ in film.needs]
    for task, needs in enumerate(film.needs):
        for other in needs:
            following[other].append(task)
    ready = [(ranks[task], task) for task, count in enumerate(waiting) if not count]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = rate = peak = 0.0
    while ready or running:
        while ready and len(running) < workers:
            _, task = heapq.heappop(ready)
            heapq.heappush(running, (now + film.seconds[task], task))
            rate += film.traffic[task] / film.seconds[task]
        peak = max(peak, rate)
        now, task = heapq.heappop(running)
        rate -= film.traffic[task] / film.seconds[task]
        for other in following[task]:
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready, (ranks[other], other))
    return Outcome(workers, now, sum(film.seconds), sum(film.traffic), peak)


def longest_first(film: Film) -> list[int]:
    """The shots, those first whose tasks take longest one after the other: what `plan` does with jobs."""
    after = [0.0] * len(film.needs)
    ends = [*film.shots[1:], len(film.needs)]
    for task in range(len(film.needs)):
        after[task] = film.seconds[task] + max((after[other] for other in film.needs[task]), default=0.0)
    longest = [max(after[start:end]) for start, end in zip(film.shots, ends, strict=True)]
    return sorted(range(len(longest)), key=lambda shot: -longest[shot])


def _ranks(film: Film, order: Sequence[int] | None) -> list[int]:
    ends = [*film.shots[1:], len(film.needs)]
    ranks = [0] * len(film.needs)
    place = 0
    for shot in range(len(film.shots)) if order is None else order:
        for task in range(film.shots[shot], ends[shot]):
            ranks[task] = place
            place += 1
    return ranks


_made: dict[Any, list[Task]] = {}


def _tasks(shot: Shot, division: Division | None) -> list[Task]:
    """Shots of one length have one graph."""
    key = (shot.frames, repr(shot.settings), division)
    if key not in _made:
        job = make_job({
            "schema": 1, "content": {"path": "shot"}, "styles": [{"path": "style"}], "output": {"folder": "out", "name": "shot"},
            "settings": shot.settings,
        })  # fmt: skip
        _made[key] = tasks(job, Path("job.json"), range(1, shot.frames + 1), WIDTH * HEIGHT, _no_cut, "shot", division)
    return _made[key]


_no_cut: Callable[[int], bool] = lambda index: False  # noqa: E731


def _bytes(task: Task, shot: Shot, frames: int, model: Model, *, surveys: bool) -> float:
    """Through the shared folder: sources (as many bytes as a delivered frame), delivered frames, exact results, motion."""
    pixels, passes = WIDTH * HEIGHT, shot.settings.get("passes", 1)
    source = delivered = model.delivered
    if task.kind == "finish":
        return 0.0
    before = 0 if surveys else (task.first - 1 if passes == 1 else shot.frames - frames)
    if task.kind == "flow":
        return float(pixels * frames * (source + _FLOW))
    read = source * (frames + before) + (_STATE * frames if (task.pass_number or 1) > 1 else 0)
    is_last = (task.pass_number or passes) == passes
    motion = 0 if passes > 1 and task.pass_number == 1 else _FLOW
    return float(pixels * (read + frames * (_STATE + motion + (delivered if is_last else 0))))
