# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job will take before it starts: time, disk and memory, from what one frame costs and from the order of the work."""

from __future__ import annotations

import math
import shutil
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from .devices import configure
from .flow import FlowError
from .frames import FrameError, FrameSource
from .job import JOB_FILE, Job, JobError, load_job
from .memory import free_memory, planned
from .optimizer import Diverged
from .passes import Step, memory, path, schedule
from .pictures import working_size
from .probe import Cost, probe
from .settings import Settings
from .weights import Weights, WeightsError

__all__ = ["Estimate", "Rendering", "Unmeasured", "estimate"]

_DEBUG_BYTES = 40
"""Of a pixel of a debug picture: ten channels in single precision."""


class Unmeasured(Exception):
    """There is no estimate; the message is one sentence that says why."""


@dataclass(frozen=True)
class Rendering:
    """What it takes to render one frame of the content before the engine begins, in seconds and bytes."""

    seconds: float = 0.0
    size: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a job will take. Sizes are in bytes, times in seconds."""

    frames: int
    """Frames of the shot."""
    kept: int
    """Those that are there already and stay, as far as that shows without reading any."""
    evaluations: int
    """Evaluations of the objective at the most, over all passes."""
    seconds_evaluation: float
    """What one takes."""
    seconds: float
    """What the job takes."""
    is_upper_bound: bool
    """Whether the stop rule may end frames before they have had all their iterations."""
    disk: int
    """What the job needs in its folder at the most, painted frames included."""
    disk_pictures: int
    """What of it the painted frames are."""
    disk_free: int
    """What is free there."""
    memory: int | None
    """What it needs of the device's memory; null where that cannot be told."""
    memory_free: int | None
    """What is free of it; null likewise."""
    device: str
    """Where it computes: cpu, cuda:0, …"""
    problem: str
    """Why the job surely cannot be finished, in a sentence that says what to do; empty where it may."""
    warnings: tuple[str, ...]
    """What may not suffice, in sentences."""

    @property
    def painted(self) -> int:
        """Frames that are still to be made."""
        return self.frames - self.kept

    @property
    def text(self) -> str:
        """All of it in a line for people."""
        if not self.painted:
            return f"All {_counted(self.frames)} are there already" if self.frames > 1 else "The frame is there already"
        whose = _counted(self.frames) if not self.kept else f"{self.painted} of {_counted(self.frames)}"
        parts = [f"{'Up to' if self.is_upper_bound else 'About'} {_time(self.seconds)} for {whose}", f"{_size(self.disk)} on disk"]
        if self.memory is not None:
            parts.append(f"{_size(self.memory)} memory")
        return " · ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The fields, with `text`, as JSON takes them."""
        return {"text": self.text, **asdict(self)}


def estimate(
    job: Job, source: FrameSource, found: Weights, numbers: Sequence[int] | None = None, rendering: Rendering | None = None
) -> Estimate:
    """Measure what one frame of a job costs, and add up what all of them will.

    Time is an upper bound where frames may settle before their last iteration. Cuts that are found on the way are not counted.

    Args:
        source: the job's content, or one picture that stands for it.
        found: the network's weights.
        numbers: those of the frames to paint, where `source` does not hold them all.
        rendering: what precedes.

    Raises Unmeasured, or DeviceError where the job's device is not there or has too little memory.
    """
    settings = job.resolved_settings()
    plan = planned(settings, working_size(source.size, settings.resolution), job.plan)
    configure(plan)
    numbers = source.numbers if numbers is None else numbers
    cuts = settings.cuts if isinstance(settings.cuts, tuple) else ()
    steps = list(schedule(len(numbers), lambda index: numbers[index] + job.content.offset in cuts, job.settings_at, settings.passes))
    free = free_memory(plan)
    try:
        cost = probe(job, source, steps, plan, found)
    except (JobError, FrameError, FlowError, WeightsError) as problem:
        raise Unmeasured(str(problem)) from None
    except (torch.OutOfMemoryError, MemoryError):
        raise Unmeasured("There is not enough memory for frames of this size; lower resolution or history.") from None
    except Diverged as problem:
        raise Unmeasured(f"The first frame cannot be painted: {problem}.") from None

    kept = _kept(job, numbers)
    left = [step for step in steps if step.index not in kept]
    delivered = len(numbers) - len(kept)
    rendering = rendering or Rendering()
    size = working_size(source.size, settings.resolution)
    pictures = cost.picture * delivered
    beside = _cache(job, settings, left, math.prod(size)) + rendering.size * len(numbers)
    if settings.debug:
        beside += _DEBUG_BYTES * math.prod(size) * delivered
    disk_free = _disk_free(job.folder)
    surely_short, warnings = "", []
    if beside + pictures > disk_free:
        short = _short("on the disk", beside + pictures, f"of {job.folder}", disk_free, "Free some, or choose another folder.")
        # Half of what was measured is less than the smoothest pictures take.
        if beside + pictures // 2 > disk_free:
            surely_short = short
        else:
            warnings.append(short)
    if cost.memory is not None and free is not None and cost.memory > free:
        whose = "of this machine" if plan.device == "cpu" else f"of {plan.device}"
        warnings.append(_short("of the memory", cost.memory, whose, free, "Close other programs, or lower resolution or history."))
    return Estimate(
        frames=len(numbers), kept=len(kept), evaluations=sum(step.iterations for step in left), seconds_evaluation=cost.evaluation,
        seconds=_seconds(cost, settings, left, len(kept), delivered, together=plan.device == "cpu") + rendering.seconds * len(numbers),
        is_upper_bound=settings.tolerance > 0, disk=beside + pictures, disk_pictures=pictures, disk_free=disk_free, memory=cost.memory,
        memory_free=free, device=plan.device, problem=surely_short, warnings=tuple(warnings),
    )  # fmt: skip


def _seconds(cost: Cost, settings: Settings, left: Collection[Step], kept: int, delivered: int, *, together: bool) -> float:
    """Seconds of the steps that are left.

    Args:
        together: whether painting, looking ahead and writing take their time from each other, as on the processor. Beside a graphics card
            the slowest of the three decides.
    """
    painting = sum(step.iterations * cost.evaluation + cost.frame for step in left)
    flows, masks = _pairs(left, settings)
    looking_ahead = cost.reading * (len(left) + kept) + cost.flow * len(flows) + cost.mask * len(masks)
    writing = cost.writing * delivered
    if not left:
        return looking_ahead
    return cost.start + (painting + looking_ahead + writing if together else max(painting, looking_ahead, writing))


def _pairs(steps: Collection[Step], settings: Settings) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """The pairs of frames whose flow is asked for, and those whose mask is: a mask needs the flow in both directions."""
    masks = {pair for step in steps for other in step.moved for pair in pairwise(path(step.index, other, settings))}
    return masks | {(other, index) for index, other in masks}, masks


def _cache(job: Job, settings: Settings, left: Collection[Step], pixels: int) -> int:
    """Bytes of flow, masks and state on the disk: arrays in single precision at the working size of `pixels`."""
    flows, masks = _pairs(left, settings) if job.flow is None else (set(), set())
    painted = len({step.index for step in left if not step.is_between})
    if settings.passes > 1:
        results = 2 * painted
    elif settings.long_term_every:
        results = painted
    else:
        results = min(painted, memory(settings) + 2)  # with the one that is being written, and the first of the shot
    return 4 * pixels * (2 * len(flows) + len(masks) + 3 * results)


def _kept(job: Job, numbers: Sequence[int]) -> set[int]:
    """Indices of frames that are there and stay: painted, as the job beside them says, with the same settings."""
    if job.output.existing != "resume":
        return set()
    try:
        past = load_job(job.folder / JOB_FILE)
    except JobError:
        return set()
    if _look(past) != _look(job):
        return set()
    there = {index for index, number in enumerate(numbers) if job.frame_path(number).is_file()}
    # Of several passes the last one changes every frame.
    return there if job.resolved_settings().passes == 1 or len(there) == len(numbers) else set()


def _look(job: Job) -> tuple[Any, ...]:
    return job.resolved_settings().changing_pixels(), job.styles, job.matte, job.per_frame


def _disk_free(folder: Path) -> int:
    there = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    return shutil.disk_usage(there).free


def _short(what: str, needed: int, whose: str, free: int, remedy: str) -> str:
    return f"The job needs about {_size(needed)} {what} {whose}, where {_size(free)} are free. {remedy}"


def _counted(frames: int) -> str:
    return f"{frames} frame{'s' if frames > 1 else ''}"


def _time(seconds: float) -> str:
    """Rounded as coarsely as it is known."""
    if seconds < 90:
        return f"{math.ceil(seconds / 5) * 5 or 5} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"


def _size(size: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.1f} {unit}" if size < 10 and unit != "bytes" else f"{size:.0f} {unit}"
