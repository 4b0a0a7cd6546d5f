# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the work: which frame comes next, what it holds to and what it starts from. Knows nothing of pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .settings import Settings

__all__ = ["Step", "memory", "schedule"]


@dataclass(frozen=True)
class Step:
    """One frame of one pass. Frames are counted from 0 within the job."""

    index: int
    shot: int
    """Index of the first frame of its shot."""
    held_to: tuple[int, ...]
    """Earlier frames that the temporal loss holds it to, nearest first; empty at the start of a shot."""
    start: str
    """What it starts from: content, random, previous, previous_warped, first, or blend: its result of the pass before with `blended`."""
    iterations: int
    pass_number: int = 1
    toward: int = 1
    """The direction of the pass: 1 forward, -1 backward."""
    blended: tuple[tuple[int, float], ...] = ()
    """Neighbors that a start from "blend" takes in, with their weights."""

    @property
    def is_first(self) -> bool:
        return self.index == self.shot

    @property
    def previous(self) -> int:
        """The neighbor that the pass has just come from."""
        return self.index - self.toward

    @property
    def needs(self) -> tuple[int, ...]:
        """All earlier results that it reads, nearest first; `pass_of` says of which pass."""
        others = {
            "previous": {self.previous},
            "previous_warped": {self.previous},
            "first": {self.shot},
            "blend": {self.index, *(neighbor for neighbor, _ in self.blended)},
        }.get(self.start, set())
        return tuple(sorted({*self.held_to, *others}, key=lambda other: (abs(other - self.index), other)))

    @property
    def moved(self) -> tuple[int, ...]:
        """Those of `needs` that reach it along the optical flow."""
        along_flow = {*self.held_to, *(neighbor for neighbor, _ in self.blended)}
        if self.start == "previous_warped":
            along_flow.add(self.previous)
        return tuple(other for other in self.needs if other in along_flow)

    def pass_of(self, other: int) -> int:
        """The pass whose result of frame `other` it reads: its own pass's where that came first, else the one before."""
        return self.pass_number if (other - self.index) * self.toward < 0 else self.pass_number - 1


def memory(settings: Settings) -> int:
    """How many of a pass's latest results are read by nearly every later frame."""
    return max(settings.long_term)


def schedule(count: int, is_cut: Callable[[int], bool], settings_at: Callable[[int], Settings], passes: int = 1) -> Iterator[Step]:
    """The work in its order: the frames one after the other, or in several passes over all of them.

    Args:
        is_cut: whether a new shot begins at a frame; asked once for each but the first, in order.
        settings_at: the settings of a frame.
    """
    return _single_pass(count, is_cut, settings_at) if passes == 1 else _multi_pass(count, is_cut, settings_at, passes)


def _single_pass(count: int, is_cut: Callable[[int], bool], settings_at: Callable[[int], Settings]) -> Iterator[Step]:
    shot = 0
    for index in range(count):
        settings = settings_at(index)
        if index and is_cut(index):
            shot = index
        if index == shot:
            yield Step(index, shot, (), settings.init_first, settings.iterations_first)
        else:
            held_to = tuple(index - distance for distance in _distances(settings, index - shot))
            yield Step(index, shot, held_to, settings.init, settings.iterations)


def _multi_pass(count: int, is_cut: Callable[[int], bool], settings_at: Callable[[int], Settings], passes: int) -> Iterator[Step]:
    """Section 4.5 of the paper: every frame alone, then forward and backward by turns, each from its own result and its neighbors'."""
    shots = [0] * count
    for index in range(count):
        settings = settings_at(index)
        if index:
            shots[index] = index if is_cut(index) else shots[index - 1]
        yield Step(index, shots[index], (), settings.init_first, settings.iterations)
    ends = {shot: index for index, shot in enumerate(shots)}
    for number in range(2, passes + 1):
        toward = 1 if number % 2 else -1
        for index in range(count)[::toward]:
            settings, shot = settings_at(index), shots[index]
            neighbors = ((index - toward, settings.blend_previous), (index + toward, settings.blend_next))
            blended = tuple((other, weight) for other, weight in neighbors if weight and 0 <= other < count and shots[other] == shot)
            behind = index - shot if toward > 0 else ends[shot] - index
            distances = _distances(settings, behind) if number >= settings.temporal_from_pass else ()
            held_to = tuple(index - toward * distance for distance in distances)
            yield Step(index, shot, held_to, "blend", settings.iterations, number, toward, blended)


def _distances(settings: Settings, farthest: int) -> list[int]:
    """How far the frames lie that a frame holds to, nearest first."""
    if not settings.temporal_weight:
        return []
    every = settings.long_term_every
    multiples = range(every, farthest + 1, every) if every else ()
    return sorted(distance for distance in {*settings.long_term, *multiples} if distance <= farthest)
