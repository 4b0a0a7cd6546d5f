# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the device is able to do: the network's convolutions alone, large matrix products, and copies."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from core import vgg
from core.devices import Plan

__all__ = ["Clock", "Convolution", "convolution_seconds", "convolutions", "floor", "memory_bandwidth", "peak_rate"]

_LAYOUTS = (torch.contiguous_format, torch.channels_last)


class Clock:
    """Reads the time once the device has done all that it was told to."""

    def __init__(self, device: torch.device) -> None:
        self._waits = device.type != "cpu"

    def __call__(self) -> float:
        if self._waits:
            torch.accelerator.synchronize()
        return time.perf_counter()

    def laps(self, work: Callable[[], object], count: int) -> list[float]:
        """Seconds that `work` takes, each of `count` times."""
        seconds = []
        for _ in range(count):
            begun = self()
            work()
            seconds.append(self() - begun)
        return seconds

    def median(self, work: Callable[[], object], repeats: int = 5, warm_up: int = 2) -> float:
        """Seconds that `work` takes."""
        return statistics.median(self.laps(work, warm_up + repeats)[warm_up:])


class Convolution(NamedTuple):
    """A layer at its size: its weight is (outputs, inputs, 3, 3), what goes in (1, inputs, height, width)."""

    name: str
    outputs: int
    inputs: int
    height: int
    width: int

    @property
    def operations(self) -> int:
        """Additions and multiplications of one direction."""
        return 2 * 9 * self.outputs * self.inputs * self.height * self.width

    def moved(self, width: int) -> int:
        """Bytes that one direction reads and writes at least, at `width` bytes a value."""
        return width * (self.inputs + self.outputs) * self.height * self.width + width * 9 * self.inputs * self.outputs


def convolutions(network: str, wanted: Collection[str], size: tuple[int, int]) -> list[Convolution]:
    """Those up to the deepest of the `wanted` rectified layers, for a picture of `size` (width, height)."""
    names = vgg.layers(network)
    last = max(names.index(name.replace("relu", "conv")) for name in wanted)
    found = []
    for name in names[: last + 1]:
        halvings = int(name[len("conv")]) - 1
        outputs, inputs, _, _ = vgg.shape(name)
        found.append(Convolution(name, outputs, inputs, size[1] >> halvings, size[0] >> halvings))
    return found


def convolution_seconds(layers: Sequence[Convolution], plan: Plan) -> tuple[float, float]:
    """Seconds of all of them, forward and the gradient of the input, each layer and direction in its best order of memory."""
    forward, backward = zip(*(_best(layer, plan) for layer in layers), strict=True)
    return sum(forward), sum(backward)


def _best(layer: Convolution, plan: Plan) -> tuple[float, float]:
    clock = Clock(plan.torch_device)
    seconds = []
    for order in _LAYOUTS:
        picture = _values((1, layer.inputs, layer.height, layer.width), plan, order)
        weight = _values((layer.outputs, layer.inputs, 3, 3), plan, order)
        bias = torch.zeros(layer.outputs, device=plan.torch_device, dtype=plan.dtype)
        gradient = _values((1, layer.outputs, layer.height, layer.width), plan, order)
        with torch.no_grad():
            seconds.append((
                clock.median(partial(F.conv2d, picture, weight, bias, padding=1)),
                clock.median(partial(_input_gradient, gradient, picture, weight)),
            ))  # fmt: skip
    forward, backward = zip(*seconds, strict=True)
    return min(forward), min(backward)


def _input_gradient(gradient: Tensor, picture: Tensor, weight: Tensor) -> object:
    return torch.ops.aten.convolution_backward(
        gradient, picture, weight, [len(weight)], [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False]
    )


def _values(shape: tuple[int, ...], plan: Plan, order: torch.memory_format) -> Tensor:
    return torch.randn(shape, device=plan.torch_device).to(plan.dtype).contiguous(memory_format=order)


def peak_rate(plan: Plan, side: int) -> float:
    """Operations a second of a matrix product of `side` × `side`, in the plan's precision."""
    a, b = (torch.randn(side, side, device=plan.torch_device).to(plan.dtype) for _ in range(2))
    return 2 * side**3 / Clock(plan.torch_device).median(lambda: a @ b)


def memory_bandwidth(plan: Plan, count: int) -> float:
    """Bytes a second of a copy of `count` bytes, read and written."""
    source = torch.ones(count, dtype=torch.uint8, device=plan.torch_device)
    target = torch.empty_like(source)
    return 2 * count / Clock(plan.torch_device).median(lambda: target.copy_(source))


def floor(layers: Sequence[Convolution], plan: Plan, rate: float, bandwidth: float) -> float:
    """Seconds of an evaluation that computes nothing but its convolutions, at the device's peak, and moves every value once each way."""
    width = plan.dtype.itemsize
    return 2 * sum(max(layer.operations / rate, layer.moved(width) / bandwidth) for layer in layers)
