# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the work: which frame comes next, what it holds to and what it starts from. Knows nothing of pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .settings import Settings

__all__ = ["Step", "memory", "single_pass"]


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
        """All earlier results that it reads, nearest first."""
        others = {
            "previous": {self.previous},
            "previous_warped": {self.previous},
            "first": {self.shot},
            "blend": {self.index, *(neighbor for neighbor, _ in self.blended)},
        }.get(self.start, set())
        return tuple(sorted({*self.held_to, *others}, key=lambda other: (abs(other - self.index), other)))


def memory(settings: Settings) -> int:
    """How many of the latest results later frames can still ask for."""
    return max(settings.long_term)


def single_pass(count: int, is_cut: Callable[[int], bool], settings_at: Callable[[int], Settings]) -> Iterator[Step]:
    """The frames one after the other.

    Args:
        is_cut: whether a new shot begins at a frame; asked once for each but the first, in order.
        settings_at: the settings of a frame.
    """
    shot = 0
    for index in range(count):
        settings = settings_at(index)
        if index and is_cut(index):
            shot = index
        if index == shot:
            yield Step(index, shot, (), settings.init_first, settings.iterations_first)
        else:
            distances = settings.long_term if settings.temporal_weight else ()
            held_to = tuple(index - distance for distance in distances if index - distance >= shot)
            yield Step(index, shot, held_to, settings.init, settings.iterations)
