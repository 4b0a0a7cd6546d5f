# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot of a single pass in parts that wait for nothing: each begins some frames before its own first, to warm up.

What it paints before its own frames is thrown away. At the joint of two parts the picture may jump, since the frame behind it is held
to another painting of the frame before than the one that is delivered. Knows nothing of pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from .passes import Step, schedule
from .settings import Settings

__all__ = ["FOLDER", "Warmed", "beginning", "horizon", "needed", "part_starts", "warmed"]

FOLDER = "preroll"
"""Its name, in the folder cache/ of the job: holds what nobody but a part itself reads."""


@dataclass(frozen=True)
class Warmed:
    """What a part paints, in its order. Frames are counted from 0 within the job."""

    shot: int
    """The first frame of the shot that it begins in."""
    begin: int
    """The frame that it begins with; as the first of a shot it knows none before it."""
    before: tuple[Step, ...]
    """What is thrown away, and only what the others are made of."""
    own: tuple[Step, ...]


def part_starts(shots: Sequence[int], count: int, longest: int, rest: int = 0) -> list[int]:
    """Where the parts of shots begin.

    Args:
        shots: the first frame of each.
        count: frames of the job.
        longest: frames of a part.
        rest: of a shot's last part; one of no more frames than these stays with the part before.
    """
    return [start for shot, end in pairwise([*shots, count]) for start in range(shot, end, longest) if start == shot or end - start > rest]


def beginning(settings: Settings, is_cut: Callable[[int], bool], first: int, preroll: int) -> tuple[int, int]:
    """The first frame of the shot that frame `first` is in, and the one that a part begins with whose own first it is.

    Frames that are painted are those that would be without parts: on twos a part begins with one of these.
    """
    shot = next((index for index in range(first, 0, -1) if is_cut(index)), 0)
    return shot, shot + max(first - preroll - shot, 0) // settings.every * settings.every


def horizon(settings: Settings, last: int, count: int) -> int:
    """How many frames of a job of `count` decide what is painted for those up to `last`.

    The next frame that is painted tells which frames in between are not theirs.
    """
    return min(last + 1 + (settings.every if settings.every > 1 else 0), count)


def warmed(
    settings_at: Callable[[int], Settings], is_cut: Callable[[int], bool], count: int, first: int, last: int, preroll: int
) -> Warmed:
    """What is painted for the frames from `first` to `last` of a job of `count`.

    Args:
        settings_at: the settings of a frame.
        is_cut: whether a new shot begins at a frame.
        preroll: how many frames before its own a part begins; fewer where its shot does.
    """
    settings = settings_at(first)
    shot, begin = beginning(settings, is_cut, first, preroll)
    end = horizon(settings, last, count)
    found = schedule(end - begin, lambda index: is_cut(begin + index), lambda index: settings_at(begin + index))
    steps = [later for later in (_later(step, begin) for step in found) if later.reached <= last]
    own = {step.index for step in steps if step.reached >= first}
    chosen = needed(steps, own)
    before, ours = (tuple(step for step in chosen if (step.index in own) is is_own) for is_own in (False, True))
    return Warmed(shot, begin, before, ours)


def needed(steps: Sequence[Step], wanted: Collection[int], is_there: Callable[[Step], bool] = lambda step: False) -> list[Step]:
    """Those steps that make the frames `wanted`, and all that these are made of.

    Args:
        steps: of one pass, in their order.
        is_there: whether the result of a step is there, so that what it was made of is not needed.
    """
    asked = set(wanted)
    for step in reversed(steps):
        if step.index in asked and not is_there(step):
            asked.update(step.needs)
    return [step for step in steps if step.index in asked]


def _later(step: Step, by: int) -> Step:
    return replace(
        step,
        index=step.index + by,
        shot=step.shot + by,
        held_to=tuple(index + by for index in step.held_to),
        blended=tuple((index + by, weight) for index, weight in step.blended),
    )
