# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory a process has, and the most that painting takes, each engine in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from reference_engine import HISTORY, ReferenceEngine
from speed_engine import Engine
from speed_shots import Shot, framed, style_tensor

from core import weights
from core.devices import choose, configure
from core.settings import make_settings

__all__ = ["PeakMemory", "peak_memory", "resident_memory"]

Array = NDArray[np.float32]


class PeakMemory:
    """The most memory in use since it was made: resident on the CPU, allocated on a GPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type != "cpu":
            torch.accelerator.reset_peak_memory_stats(device)
        elif os.access(reset := Path("/proc/self/clear_refs"), os.W_OK):
            reset.write_text("5")

    def read(self) -> int | None:
        """In bytes; None where the system does not tell."""
        if self._device.type != "cpu":
            return int(torch.accelerator.max_memory_allocated(self._device))
        return _status("VmHWM")


def resident_memory() -> int | None:
    """Bytes of memory that this process has; None where the system does not tell."""
    return _status("VmRSS")


def _status(name: str) -> int | None:
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    lines = (line.split() for line in status.read_text("utf-8").splitlines())
    return next(1024 * int(line[1]) for line in lines if line[0] == f"{name}:")


def peak_memory(shot: Shot, style: Array, settings: Mapping[str, Any], history: int | None = None) -> tuple[int | None, int | None]:
    """Bytes while the first frame is painted until the optimizer's history is full: this engine's and the reference's.

    Args:
        history: how much of a history is filled; None fills it.
    """
    sizes = []
    for work in (_ours, _reference):
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            sizes.append(process.submit(work, shot, style, settings, history).result())
    return sizes[0], sizes[1]


def _ours(shot: Shot, style: Array, settings: Mapping[str, Any], history: int | None) -> int | None:
    engine = Engine(shot, style, weights.load(weights.ensure("vgg16")), settings)
    peak = PeakMemory(engine.plan.torch_device)
    pairs = engine.plan.history if history is None else history
    engine.race(0, None, pairs + 2, lambda count, image: False, bounded=True)
    return peak.read()


def _reference(shot: Shot, style: Array, settings: Mapping[str, Any], history: int | None) -> int | None:
    plan = choose(make_settings(settings))
    configure(plan)
    device = plan.torch_device
    loaded = weights.load(weights.ensure("vgg16"))
    engine = ReferenceEngine(loaded, style_tensor(style, shot.size, device))
    peak = PeakMemory(device)
    for _ in engine.paint(framed(shot, 0, None, device), (HISTORY if history is None else history) + 2):
        pass
    return peak.read()
