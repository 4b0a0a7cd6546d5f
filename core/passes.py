# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the work: which frame comes next, what it holds to and what it starts from. Knows nothing of pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .settings import Settings

__all__ = ["Step", "memory", "path", "schedule"]


@dataclass(frozen=True)
class Step:
    """One frame of one pass. Frames are counted from 0 within the job."""

    index: int
    shot: int
    """Index of the first frame of its shot."""
    held_to: tuple[int, ...]
    """Earlier frames that the temporal loss holds it to, nearest first; empty at the start of a shot."""
    start: str
    """What it starts from: content, random, previous, previous_warped, first, or blend: its result of the pass before with `blended`.

    A frame in between is not painted but made of its painted neighbors in `blended`: held, the one as it is, or between, moved by the flow.
    """
    iterations: int
    pass_number: int = 1
    toward: int = 1
    """The direction of the pass: 1 forward, -1 backward."""
    blended: tuple[tuple[int, float], ...] = ()
    """Neighbors that are taken in, with their weights."""
    stride: int = 1
    """Distance of two painted frames."""

    @property
    def is_first(self) -> bool:
        return self.index == self.shot

    @property
    def is_repainted(self) -> bool:
        """Whether it starts from what is painted already."""
        return self.start not in ("content", "random")

    @property
    def is_between(self) -> bool:
        """Whether it is not painted, but made of painted frames."""
        return self.start in ("held", "between")

    @property
    def previous(self) -> int:
        """The painted neighbor that the pass has just come from; of a frame in between the one before it in time."""
        return self.blended[0][0] if self.is_between else self.index - self.toward * self.stride

    @property
    def reached(self) -> int:
        """The latest painted frame of the pass: itself, or of a frame in between the neighbor that was painted last."""
        return max((other for other, _ in self.blended), key=lambda other: other * self.toward) if self.is_between else self.index

    @property
    def needs(self) -> tuple[int, ...]:
        """All earlier results that it reads, nearest first; `pass_of` says of which pass."""
        neighbors = {neighbor for neighbor, _ in self.blended}
        others = {
            "previous": {self.previous},
            "previous_warped": {self.previous},
            "first": {self.shot},
            "blend": {self.index, *neighbors},
            "held": neighbors,
            "between": neighbors,
        }.get(self.start, set())
        return tuple(sorted({*self.held_to, *others}, key=lambda other: (abs(other - self.index), other)))

    @property
    def moved(self) -> tuple[int, ...]:
        """Those of `needs` that reach it along the optical flow."""
        along_flow = {*self.held_to}
        if self.start != "held":
            along_flow |= {neighbor for neighbor, _ in self.blended}
        if self.start == "previous_warped":
            along_flow.add(self.previous)
        return tuple(other for other in self.needs if other in along_flow)

    def pass_of(self, other: int) -> int:
        """The pass whose result of frame `other` it reads: its own pass's where that came first, else the one before."""
        came_first = self.is_between or (other - self.index) * self.toward < 0
        return self.pass_number if came_first else self.pass_number - 1


def memory(settings: Settings) -> int:
    """How many of a pass's latest painted frames are read by nearly every later frame."""
    return max(*settings.long_term, 2 if settings.every > 1 and settings.between == "warped" else 1)


def path(index: int, other: int, settings: Settings) -> Sequence[int]:
    """The frames along which the motion of a pair is found, both included.

    Painted frames and those in between are reached step by step: estimators lose motions that are too long. What lies farther back
    than nearly all frames look is not read again for that.
    """
    if settings.every == 1 or abs(other - index) > memory(settings) * settings.every:
        return index, other
    toward = 1 if other > index else -1
    return range(index, other + toward, toward)


def schedule(count: int, is_cut: Callable[[int], bool], settings_at: Callable[[int], Settings], passes: int = 1) -> Iterator[Step]:
    """The work in its order: the frames one after the other, or in several passes over all of them.

    Frames in between come in the last pass, as soon as the painted frames are there that they are made of.

    Args:
        is_cut: whether a new shot begins at a frame; asked once for each but the first, in order.
        settings_at: the settings of a frame.
    """
    return _single_pass(count, is_cut, settings_at) if passes == 1 else _multi_pass(count, is_cut, settings_at, passes)


def _single_pass(count: int, is_cut: Callable[[int], bool], settings_at: Callable[[int], Settings]) -> Iterator[Step]:
    shot = painted = 0
    waiting: list[int] = []
    for index in range(count):
        settings = settings_at(index)
        every = settings.every
        if index and is_cut(index):
            yield from _between(waiting, shot, (painted,), settings)
            waiting, shot = [], index
        if (index - shot) % every:
            waiting.append(index)
            if settings.between == "held":
                yield from _between(waiting, shot, (painted,), settings)
                waiting = []
        elif index == shot:
            yield Step(index, shot, (), settings.init_first, settings.iterations_first, stride=every)
            painted = index
        else:
            held_to = tuple(index - every * distance for distance in _distances(settings, (index - shot) // every))
            yield Step(index, shot, held_to, settings.init, settings.iterations, stride=every)
            yield from _between(waiting, shot, (painted, index), settings)
            waiting, painted = [], index
    yield from _between(waiting, shot, (painted,), settings_at(count - 1))


def _multi_pass(count: int, is_cut: Callable[[int], bool], settings_at: Callable[[int], Settings], passes: int) -> Iterator[Step]:
    """Section 4.5 of the paper: every frame alone, then forward and backward by turns, each from its own result and its neighbors'."""
    shots, painted = [0] * count, []
    for index in range(count):
        settings = settings_at(index)
        if index:
            shots[index] = index if is_cut(index) else shots[index - 1]
        if (index - shots[index]) % settings.every == 0:
            painted.append(index)
            yield Step(index, shots[index], (), settings.init_first, settings.iterations, stride=settings.every)
    ends = {shot: index for index, shot in enumerate(shots)}
    for number in range(2, passes + 1):
        toward = 1 if number % 2 else -1
        for index in painted[::toward]:
            settings, shot, end = settings_at(index), shots[index], ends[shots[index]]
            every = settings.every
            neighbors = ((index - toward * every, settings.blend_previous), (index + toward * every, settings.blend_next))
            blended = tuple((other, weight) for other, weight in neighbors if weight and shot <= other <= end)
            behind = (index - shot if toward > 0 else end - index) // every
            distances = _distances(settings, behind) if number >= settings.temporal_from_pass else ()
            held_to = tuple(index - toward * every * distance for distance in distances)
            yield Step(index, shot, held_to, "blend", settings.iterations, number, toward, blended, every)
            for before in _complete(index, shot, end, toward, settings) if number == passes else ():
                gap = range(before + 1, min(before + every, end + 1))[::toward]
                around = (before, before + every) if before + every <= end else (before,)
                yield from _between(gap, shot, around, settings, number, toward)


def _complete(index: int, shot: int, end: int, toward: int, settings: Settings) -> Iterator[int]:
    """The painted frames of a shot whose frames in between, up to the next painted one, can be made once frame `index` is painted."""
    every = settings.every
    if toward < 0 or settings.between == "held":
        yield index
    else:
        if index > shot:
            yield index - every
        if index + every > end:
            yield index


def _between(
    gap: Sequence[int], shot: int, around: tuple[int, ...], settings: Settings, pass_number: int = 1, toward: int = 1
) -> Iterator[Step]:
    """The frames of a gap, made of the painted frames before and after it; at the end of a shot there is none after."""
    is_held = settings.between == "held"
    neighbors = around[:1] if is_held else around
    for index in gap:
        # Of two neighbors each weighs as much as the other one is far.
        blended = tuple((other, 1.0 if len(neighbors) == 1 else 1 - abs(index - other) / settings.every) for other in neighbors)
        yield Step(index, shot, (), "held" if is_held else "between", 0, pass_number, toward, blended, settings.every)


def _distances(settings: Settings, farthest: int) -> list[int]:
    """How far the frames lie that a frame holds to, nearest first."""
    if not settings.temporal_weight:
        return []
    every = settings.long_term_every
    multiples = range(every, farthest + 1, every) if every else ()
    return sorted(distance for distance in {*settings.long_term, *multiples} if distance <= farthest)
