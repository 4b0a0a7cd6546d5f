# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a job, which processes of their own do: some frames of a pass, or only their motion. They meet in the job's folder alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .frames import FrameSource
from .job import Job, JobError

__all__ = ["Finish", "Part", "frame_range", "refuse_passes"]


@dataclass(frozen=True)
class Part:
    """Some of a job's frames, by the numbers in the names of the frames that are written, both included.

    A frame in between belongs to the painted frame that it waits for. What was there before and fits is kept, whatever the job's
    `output.existing` says: to do a part again is to go on.
    """

    first: int
    last: int
    pass_number: int | None = None
    """Which pass of a multi-pass job; None for the only one, and for the motion of all."""
    flow_only: bool = False
    """Only find the motion that painting these frames will ask for."""
    preroll: int | None = None
    """How many frames before these it paints to warm up and throws away, instead of going on from those that are there."""

    def __str__(self) -> str:
        return f"frames {self.first} to {self.last}"

    def arguments(self) -> list[str]:
        """The options of `python -m core run` that stand for it."""
        options = [f"--only={self.first}-{self.last}"]
        options += [] if self.pass_number is None else [f"--pass={self.pass_number}"]
        options += [] if self.preroll is None else [f"--preroll={self.preroll}"]
        return [*options, *(["--flow-only"] if self.flow_only else [])]

    def indices(self, job: Job, source: FrameSource) -> list[int]:
        """Its frames, counted from 0 within the job."""
        return [index for index, number in enumerate(job.delivered_numbers(source)) if self.first <= number <= self.last]

    def check(self, job: Job, source: FrameSource) -> None:
        """Refuse what is no part of the job; raises JobError."""
        numbers, passes = job.delivered_numbers(source), job.resolved_settings().passes
        if self.preroll is not None:
            refuse_passes(job)
        if not self.indices(job, source):
            raise JobError(f"The job has no {self}.", f"It has {len(numbers)} frames, {numbers[0]} to {numbers[-1]}.", "part")
        if self.pass_number is not None and not 1 <= self.pass_number <= passes:
            raise JobError(f"The job has no pass {self.pass_number}; it has {passes}.", "Name one with --pass.", "part")
        if passes > 1 and self.pass_number is None and not self.flow_only:
            raise JobError(f"The job paints its frames in {passes} passes.", "Name the one to paint with --pass.", "part")


@dataclass(frozen=True)
class Finish:
    """The end of a job that was done in parts: see that every frame is there, and let go of what was kept for other parts."""

    preroll: int | None = None
    """That of the parts."""
    chunk: int = 0
    """Frames of a part, where there is a preroll."""

    def arguments(self) -> list[str]:
        """The options of `python -m core run` that stand for it."""
        return ["--finish", *([] if self.preroll is None else [f"--preroll={self.preroll}", f"--chunk={self.chunk}"])]

    def check(self, job: Job, source: FrameSource) -> None:
        """Refuse what is no end of the job; raises JobError."""
        if self.preroll is not None:
            refuse_passes(job)


def refuse_passes(job: Job) -> None:
    """Refuse a preroll for a job of many passes; raises JobError."""
    if (passes := job.resolved_settings().passes) > 1:
        raise JobError(
            f"{job.identifier} paints its frames in {passes} passes and is divided without a preroll, which is for a single one.",
            "Leave --preroll out.",
            "part",
        )


def frame_range(text: str) -> tuple[int, int]:
    """First and last number of ``A-B`` or ``A``; both may be negative. Raises ValueError."""
    match = re.fullmatch(r"(-?\d{1,12})(?:-(-?\d{1,12}))?", text)
    if not match or (last := int(match[2] or match[1])) < int(match[1]):
        raise ValueError(f"frames are named by A-B, such as 10-48, not by '{text}'")
    return int(match[1]), last
