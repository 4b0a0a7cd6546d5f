# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which number format the network is fastest in on a device, by a measurement that is made once and remembered.

Jobs choose alike only because it is remembered: a device on which the two come close would be measured now this way, now that.
float16 is no choice: gradients of these losses lie below its smallest number, and scaling them would be one more thing to diverge.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from .files import write_json
from .weights import cache_folder

__all__ = ["fastest_precision"]

logger = logging.getLogger(__name__)

_SHAPES = ((64, 96), (256, 32), (512, 16))
"""Channels and side of a block's features, in about equal parts of the work."""
_REPETITIONS = 3
_WORTHWHILE = 1.2
"""How much faster bfloat16 has to be for its rounding."""


def fastest_precision(device: torch.device, name: str, threads: int) -> str:
    """``bfloat16`` where the network's convolutions are at least 1.2 times faster in it than in ``float32``, else that.

    Args:
        name: the device's, for which, with the threads and PyTorch's version, the finding is kept in the user's cache folder.
    """
    path = cache_folder() / "precision.json"
    key = f"{name}, {threads} threads, PyTorch {torch.__version__}"
    known = _read(path)
    if known.get(key) not in ("float32", "bfloat16"):
        threads_before = torch.get_num_threads()
        torch.set_num_threads(threads)
        seconds = {precision: _seconds(device, dtype) for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))}
        torch.set_num_threads(threads_before)
        known[key] = "bfloat16" if seconds["float32"] >= _WORTHWHILE * seconds["bfloat16"] else "float32"
        logger.info("%s: convolutions take %.4f s in float32, %.4f s in bfloat16", key, seconds["float32"], seconds["bfloat16"])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, known)
        except OSError as problem:
            logger.info("the precision is not remembered: %s", problem)
    return known[key]


def _read(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _seconds(device: torch.device, dtype: torch.dtype) -> float:
    """Seconds of a convolution of each shape and of its input's gradient, in the network's order of memory: the best of a few."""
    laps = []
    inputs = [_random((1, channels, side, side), device, dtype).requires_grad_() for channels, side in _SHAPES]
    weights = [_random((channels, channels, 3, 3), device, dtype) for channels, _ in _SHAPES]
    for _ in range(1 + _REPETITIONS):
        begun = time.perf_counter()
        for x, weight in zip(inputs, weights, strict=True):
            with torch.enable_grad():
                torch.autograd.grad(F.conv2d(x, weight, padding=1), x, torch.ones_like(x))
        if device.type != "cpu":
            torch.accelerator.synchronize()
        laps.append(time.perf_counter() - begun)
    return min(laps[1:])


def _random(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    return torch.rand(shape, device=device).to(dtype, memory_format=torch.channels_last)
