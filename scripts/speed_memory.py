# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak memory and seconds of large frames, each painted in a process of its own under a memory limit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from speed_findings import Large
from speed_peak import PeakMemory

from core import weights
from core.devices import configure
from core.memory import Work, needed, planned
from core.painter import Painter
from core.passes import Step
from core.settings import Settings
from core.start import Earlier
from core.styles import StyleImage

__all__ = ["LIMIT", "measure"]

Array = NDArray[np.float32]

LIMIT = 8.0
"""Gigabytes."""


def measure(sizes: Sequence[tuple[int, int]], evaluations: int = 20, limit: float = LIMIT, device: str = "auto") -> list[Large]:
    """Paint a later frame of each size, which is held to one before.

    Args:
        sizes: width and height of the frames.
        evaluations: of the objective, of which the first does not count for the time.
        limit: the setting `memory_limit`, in gigabytes; 0 is what is free.
        device: the setting.
    """
    found = []
    for size in sizes:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            found.append(process.submit(_paint, size, evaluations, limit, device).result())
    return found


def _paint(size: tuple[int, int], evaluations: int, limit: float, device: str) -> Large:
    settings = Settings(memory_limit=limit, tolerance=0.0, device=device)
    plan = planned(settings, size)
    configure(plan)
    width, height = size
    content, painting = _picture(width, height, 1), _picture(512, 384, 2)
    painter = Painter(settings, plan, weights.load(weights.ensure(settings.network)), [StyleImage(painting, 1.0)], size)
    before = Earlier(content[::-1].copy(), np.zeros((height, width, 2), np.float32), np.ones((height, width), np.float32))
    peak, laps = PeakMemory(plan.torch_device), []
    step = Step(1, 0, (0,), "previous_warped", evaluations)
    painter.paint(content, step, {0: before}, settings, 1, check=lambda: laps.append(time.perf_counter()))
    if plan.torch_device.type != "cpu":
        torch.accelerator.synchronize()
    laps.append(time.perf_counter())
    return Large(size, plan.as_dict(), float(np.median(np.diff(laps)[1:])), peak.read(), needed(plan, Work.of(settings, size)))


def _picture(width: int, height: int, seed: int) -> Array:
    """(H, W, 3) in 0..1: smooth colors with grain."""
    generator = np.random.default_rng(seed)
    coarse = generator.random((height // 64 + 2, width // 64 + 2, 3), np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(smooth + generator.random((height, width, 3), np.float32) * 0.1 - 0.05, 0, 1)
