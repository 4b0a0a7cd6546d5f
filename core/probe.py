# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one frame of a job costs, measured by two evaluations of its real objective: the first warms up, the second is timed."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from . import weights
from .color import display_from_linear
from .consistency import mask
from .content import Original
from .delivery import finished
from .devices import Plan
from .exr import write_exr
from .flow import estimator
from .frames import FrameSource
from .job import Job
from .memory import Work, needed, remembered
from .painter import Painter
from .passes import Step
from .pictures import resized, working_size
from .resident import peak
from .scratch import scratch
from .settings import Settings
from .start import Earlier
from .styles import StyleImage

__all__ = ["Cost", "probe"]

Array = NDArray[np.float32]

_LARGEST = 1 << 20
"""Pixels that are tried where strips bound the memory: an evaluation of more would take longer than people wait for an estimate."""


@dataclass(frozen=True)
class Cost:
    """Seconds and bytes."""

    evaluation: float
    """Seconds of an evaluation of the objective, the step that follows it included as far as it counts."""
    start: float
    """Seconds until the first frame can be begun: the network and the paintings."""
    frame: float
    """Seconds of a painted frame besides its evaluations."""
    reading: float
    """Seconds of a frame that is read."""
    writing: float
    """Seconds of a frame that is written."""
    flow: float
    """Seconds of the flow from one frame to another; 0 where it is given or not asked for."""
    mask: float
    """Seconds of the mask that tells where it can be trusted."""
    picture: int
    """Bytes of a painted frame's file."""
    memory: int | None
    """Bytes of the device's memory at the most, None where that cannot be told; of the processor's, all that the engine takes."""


def probe(job: Job, source: FrameSource, steps: Collection[Step], plan: Plan, found: weights.Weights) -> Cost:
    """Paint the first frame of `source` for two evaluations, at the working size and with all that a later frame holds to.

    Of large frames that are computed in strips a smaller one is measured; its cost grows with the pixels.

    Args:
        steps: the job's; the one with the most to hold to is tried.
        found: the network's weights.

    Raises JobError, FrameError, FlowError, WeightsError, or a shortage of memory.
    """
    heaviest = max((step for step in steps if not step.is_between), key=lambda step: (len(step.moved), len(step.needs)))
    settings = job.settings_at(heaviest.index)
    whole = working_size(source.size, settings.resolution)
    shrink = min(math.sqrt(_LARGEST / math.prod(whole)), 1.0) if plan.checkpointing else 1.0
    size = working_size(source.size, settings.resolution * shrink)

    clock = _Clock(plan)
    image = display_from_linear(source.read(source.numbers[0]))
    source.digest(source.numbers[0])
    working = resized(image.rgb, size)
    reading = clock.lap()
    styles = [StyleImage(display_from_linear(frame).rgb, style.weight, style.region) for frame, style in job.read_styles()]
    painter = Painter(settings, plan, weights.load(found), styles, size)
    matte = _half(size) if job.matte else None
    first = _paint(painter, working, heaviest, settings, matte)
    start = clock.lap()
    second = _paint(painter, working, heaviest, settings, matte)
    clock.lap()
    flow, masking = _motion(job, working, settings, plan) if any(step.moved for step in steps) else (0.0, 0.0)
    clock.lap()
    original = Original(image, None if matte is None else resized(matte, source.size))
    look = _look(max(styles, key=lambda style: style.share).rgb, whole)
    picture = _file_size(finished(look, original, settings, {style.region for style in styles}))
    writing = clock.lap()
    more, work = math.prod(whole) / math.prod(size), Work.of(settings, whole)
    return Cost(
        evaluation=second.evaluation * more, start=max(start - first.evaluation - first.setup, 0.0) + first.setup * more,
        frame=second.setup * more, reading=reading, writing=writing, flow=flow * more, mask=masking * more, picture=picture,
        memory=needed(plan, work) if shrink < 1 else _peak_memory(plan, remembered(plan, work)),
    )  # fmt: skip


class _Clock:
    """Seconds between laps, in each of which the device has done all that it was told to."""

    def __init__(self, plan: Plan) -> None:
        self._waits = plan.torch_device.type != "cpu"
        self._begun = time.perf_counter()

    def lap(self) -> float:
        if self._waits:
            torch.accelerator.synchronize()
        before, self._begun = self._begun, time.perf_counter()
        return self._begun - before


@dataclass(frozen=True)
class _Painting:
    """Seconds until the first evaluation, and of one."""

    setup: float
    evaluation: float


def _paint(painter: Painter, working: Array, step: Step, settings: Settings, matte: Array | None) -> _Painting:
    clock, laps = _Clock(painter.plan), []
    still = np.zeros((*working.shape[:2], 2), np.float32)
    # Half of what is seen is new, as where much moves.
    earlier = {other: Earlier(working, still, _half((working.shape[1], working.shape[0])), matte) for other in step.needs}
    painter.paint(
        working, replace(step, iterations=1), earlier, settings, 1, check=lambda: laps.append(clock.lap()),
        matte=matte, colors_of=working if settings.keep_colors == "match" else None,
    )  # fmt: skip
    return _Painting(laps[0], clock.lap() + sum(laps[1:]))


def _half(size: tuple[int, int]) -> Array:
    """(H, W), 1 on the left and 0 on the right."""
    plane = np.zeros(size[::-1], np.float32)
    plane[:, : (size[0] + 1) // 2] = 1
    return plane


def _motion(job: Job, working: Array, settings: Settings, plan: Plan) -> tuple[float, float]:
    """Seconds of a flow and of a mask."""
    moved = np.roll(working, 3, axis=1)
    forward = inverse = np.full((*working.shape[:2], 2), 3, np.float32)
    seconds = 0.0
    if job.flow is None:
        finder = estimator(job.estimator, plan.device)
        forward = finder.estimate(working, moved)
        clock = _Clock(plan)
        inverse = finder.estimate(moved, working)
        seconds = clock.lap()
    clock = _Clock(plan)
    mask(forward, inverse, settings.mask)
    return seconds, clock.lap()


def _look(painting: Array, size: tuple[int, int]) -> Array:
    """A picture that packs as badly as a painted frame, which two evaluations do not make yet.

    It has the painting's strokes, and the grain that the optimizer leaves even where a painting is flat: two codes of 255.
    """
    picture = resized(painting, size)
    grain = np.random.default_rng(0).normal(0, 2 / 255, picture.shape)
    return np.clip(picture + grain, 0, 1).astype(np.float32)


def _file_size(rgba: Array) -> int:
    with scratch() as folder:
        path = folder / "frame.exr"
        write_exr(path, rgba, {})
        return path.stat().st_size


def _peak_memory(plan: Plan, history: int) -> int | None:
    match plan.torch_device.type:
        case "cpu":
            most = peak()
        case "cuda" | "xpu":
            most = torch.accelerator.max_memory_reserved(plan.torch_device)
        case _:
            most = None
    return None if most is None else most + history
