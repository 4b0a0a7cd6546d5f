# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory plan: what painting a frame takes by which plan, and the fastest plan that fits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .devices import DeviceError, Plan, available, choose
from .resident import resident
from .settings import Settings
from .vgg import CHANNELS, layers

__all__ = ["OutOfMemory", "Work", "fitting", "free_memory", "needed", "next_smaller", "planned", "remembered"]

_ITEM_BYTES = {"float32": 4, "bfloat16": 2}
_PICTURE = 12
"""Bytes of a pixel of a picture, three channels in float32."""
_ENGINE = {"cpu": 1_100_000_000}
"""What the process takes without any frame: PyTorch, the network, and what the allocator holds on to."""
_WORKSPACES = 400_000_000
"""The same of a graphics card's memory."""
_SHARE = 0.9
"""Of what is free, so that other programs can go on."""


class OutOfMemory(DeviceError):
    """No plan fits; the message says what is needed and what is there, and `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Work:
    """What has to be done for a frame, as far as it takes memory.

    Args:
        size: working width and height.
        layers: the layers of content and style.
        content: those of content.
        held_to: most earlier frames that a frame is held to.
        pairs: most steps that L-BFGS can have to remember; 0 for Adam.
        style: pixels of a painting.
    """

    size: tuple[int, int]
    network: str
    layers: tuple[str, ...]
    content: tuple[str, ...]
    held_to: int
    pairs: int
    style: float

    @classmethod
    def of(cls, settings: Settings, size: tuple[int, int]) -> Work:
        longest = max(settings.iterations_first, settings.iterations)
        return cls(
            size, settings.network, (*settings.content_layers, *settings.style_layers), settings.content_layers,
            held_to=len(settings.long_term) if settings.temporal_weight else 0,
            pairs=longest if settings.optimizer == "lbfgs" else 0, style=size[0] * size[1] * settings.style_scale**2,
        )  # fmt: skip

    @property
    def pixels(self) -> int:
        return self.size[0] * self.size[1]


def planned(settings: Settings, size: tuple[int, int], earlier: dict[str, object] | None = None, *, smaller: int = 0) -> Plan:
    """The plan of a job that paints at `size`, in the memory that is there or that `memory_limit` leaves.

    Args:
        earlier: the plan of the run that is resumed, taken up as far as the settings leave it open and it fits.
        smaller: how many plans to go below the first that fits, for what fits has been tried.

    Raises DeviceError where the device is not there, and OutOfMemory where no plan fits.
    """
    plan = choose(settings, earlier)
    free = free_memory(plan)
    limit = None if free is None else _SHARE * free
    if settings.memory_limit:
        # A limit is a promise to others, more memory than there is cannot be promised.
        limit = min(settings.memory_limit * 1e9, limit or float("inf"))
    plan = fitting(plan, Work.of(settings, size), limit)
    for _ in range(smaller):
        plan = next_smaller(plan, size)
    return plan


def next_smaller(plan: Plan, size: tuple[int, int]) -> Plan:
    """The plan to go on by where memory has run out for frames of `size`; raises OutOfMemory where there is none."""
    smaller = plan.smaller()
    if smaller is None:
        raise OutOfMemory(
            f"There is not enough memory for frames of {size[0]}×{size[1]}, even by the plan that takes least.",
            "Lower resolution, or close other programs; finished frames are kept.",
        )
    return smaller


def fitting(plan: Plan, work: Work, limit: float | None) -> Plan:
    """The first of `plan` and its next smaller ones that needs no more than `limit` bytes; raises OutOfMemory."""
    if limit is None:
        return plan
    chosen: Plan | None = plan
    while chosen is not None and needed(chosen, work) > limit:
        plan, chosen = chosen, chosen.smaller()
    if chosen is None:
        raise OutOfMemory(
            f"Frames of {work.size[0]}×{work.size[1]} need {needed(plan, work) / 1e9:.1f} GB of memory at least, "
            f"where {max(limit, 0) / 1e9:.1f} GB are left.",
            "Lower resolution, close other programs, or raise memory_limit.",
        )
    return chosen


def needed(plan: Plan, work: Work) -> int:
    """Bytes of the device's memory that painting takes at its peak; on the processor those of the whole process."""
    pixels, kind = work.pixels, plan.torch_device.type
    optimizer = (13 if work.pairs else 8) * _PICTURE
    # Content, start, result, and what is read ahead, written and delivered; earlier frames with their flow, mask and warped picture.
    frame = 14 * _PICTURE + 5 * _PICTURE * work.held_to if kind == "cpu" else 4 * _PICTURE + 2 * _PICTURE * work.held_to
    terms = 3 * _PICTURE if plan.checkpointing else (9 + 4 * work.held_to) * _PICTURE
    content = sum(CHANNELS[_block(layer)] / 4 ** _block(layer) for layer in work.content) * _ITEM_BYTES[plan.precision]
    network = max(_network(plan, work), _forward(plan, work))
    total = (optimizer + frame + terms + content) * pixels + network
    return int(total) + remembered(plan, work) + _ENGINE.get(kind, _WORKSPACES)


def remembered(plan: Plan, work: Work) -> int:
    """Bytes of what L-BFGS keeps once its history is full: two pictures a step, and the latest step and gradient."""
    pairs = min(plan.history, work.pairs)
    return (2 * pairs + 2) * _PICTURE * work.pixels if pairs else 0


def _block(layer: str) -> int:
    """Of "relu2_1" 1, counted from 0."""
    return int(layer[len("relu")]) - 1


def _convolutions(work: Work) -> list[int]:
    """How many of each block are computed."""
    names = [name.replace("conv", "relu") for name in layers(work.network)]
    names = names[: max(map(names.index, work.layers)) + 1]
    return [count for block in range(5) if (count := sum(_block(name) == block for name in names))]


def _network(plan: Plan, work: Work) -> float:
    """Bytes of the activations and their gradients: a block that is computed again has its turn when the later ones have had theirs."""
    item, stored, graphs, recomputed, transients = _ITEM_BYTES[plan.precision], 0.0, 0.0, 0.0, 0.0
    convolutions = _convolutions(work)
    for block, count in enumerate(convolutions):
        layer = CHANNELS[block] / 4**block
        output = item * layer / 4 if block + 1 < len(convolutions) else 0.0
        # A pooling keeps the places of the largest values, in 64 bits.
        graph, transient = (count * item + 8 / 4) * layer, (3 * item + 4) * layer
        if block < plan.checkpointing:
            stored += output
            recomputed = max(recomputed, _share_of_strip(plan, work.size[1] >> block, count) * (graph + transient) + 2 * output)
        else:
            graphs += graph
            transients = max(transients, transient + 2 * output)
    return (stored + max(graphs + transients, recomputed)) * work.pixels


def _share_of_strip(plan: Plan, height: int, halo: int) -> float:
    """How much of a layer of some `height` is computed at a time."""
    if not plan.strip_rows:
        return 1.0
    return min(1.0, (1.5 * plan.strip_rows + 2 * halo) / max(height, 1))


def _forward(plan: Plan, work: Work) -> float:
    """Bytes of looking at a painting, without a way back."""
    item = _ITEM_BYTES[plan.precision]
    return max(
        (_share_of_strip(plan, work.size[1] >> block, count) * (2 * item + 4) + item / 2) * CHANNELS[block] / 4**block * work.style
        for block, count in enumerate(_convolutions(work))
    )


def free_memory(plan: Plan) -> int | None:
    """Bytes of the device's memory that no other program uses, where that can be told, else all of it."""
    kind = plan.torch_device.type
    if kind in ("cuda", "xpu"):
        import torch

        module = getattr(torch, kind)
        free, _ = module.mem_get_info(plan.torch_device)
        return int(free) + int(module.memory_reserved(plan.torch_device))
    if kind == "cpu":
        left = [here for here in (_free_of_machine(), *_left_to_group()) if here is not None]
        if left:
            return min(left) + resident()
    return next((one["memory"] for one in available() if one["id"] == plan.device), None)


def _free_of_machine() -> int | None:
    if (facts := Path("/proc/meminfo")).is_file():
        lines = [line.split() for line in facts.read_text("utf-8").splitlines()]
        return next((int(line[1]) * 1024 for line in lines if line[0] == "MemAvailable:"), None)
    if sys.platform == "win32":
        return _free_of_windows()
    return None


def _free_of_windows() -> int | None:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong), ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "paged", "paged_free", "virtual", "virtual_free", "extended")),
        )  # fmt: skip

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined, unused-ignore]
        return None
    return int(status.free)


def _left_to_group(root: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """What a container's limit leaves, by the second or the first version of control groups."""
    for limit, used in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        try:
            most, now = (root / limit).read_text().strip(), int((root / used).read_text())
        except (OSError, ValueError):
            continue
        if most.isdigit():
            yield max(int(most) - now, 0)
