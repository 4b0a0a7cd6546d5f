# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to compute, and in which number format."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from . import heap
from .precision import fastest_precision
from .settings import Settings

__all__ = ["DeviceError", "Plan", "available", "choose", "configure"]


_LADDER = (
    # checkpointing, strip_rows, history
    (0, 0, 200), (1, 128, 200), (2, 128, 200), (2, 128, 40), (2, 128, 20), (2, 64, 15), (5, 64, 15), (5, 64, 10), (5, 32, 7), (5, 32, 5),
    (5, 16, 3), (5, 16, 2), (5, 16, 1),
)  # fmt: skip
"""Plans by the memory that they take. The first blocks are the ones that take much of it and little time to compute again."""


class DeviceError(Exception):
    """A device cannot be used as it was asked for; the message says why, and what there is."""


@dataclass(frozen=True)
class Plan:
    """How a job is computed. Equal plans give equal bits on the CPU, and on a GPU with `deterministic`.

    `history` is that of the settings unless the memory does not suffice. For `checkpointing` and `strip_rows` see `losses.Objective`.
    """

    device: str
    precision: str
    threads: int
    history: int
    deterministic: bool
    checkpointing: int = 0
    strip_rows: int = 0

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.device)

    @property
    def dtype(self) -> torch.dtype:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[self.precision]

    def smaller(self) -> Plan | None:
        """The next plan that takes less memory and more time; None where there is none."""
        for checkpointing, rows, history in _LADDER:
            plan = replace(
                self, checkpointing=max(checkpointing, self.checkpointing), history=min(history, self.history),
                strip_rows=min(rows, self.strip_rows) or rows or self.strip_rows,
            )  # fmt: skip
            if plan != self:
                return plan
        return None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def available() -> list[dict[str, Any]]:
    """The devices of this machine, the one that `auto` takes first: id, name and memory in bytes (None where not known)."""
    found: list[dict[str, Any]] = []
    for kind in ("cuda", "xpu"):
        module = getattr(torch, kind, None)
        if module is not None and module.is_available():
            for index in range(module.device_count()):
                properties = module.get_device_properties(index)
                found.append({"id": f"{kind}:{index}", "name": properties.name, "memory": properties.total_memory})
    if torch.backends.mps.is_available():
        found.append({"id": "mps", "name": "Apple GPU", "memory": torch.mps.recommended_max_memory()})
    found.append({"id": "cpu", "name": platform.processor() or platform.machine(), "memory": _physical_memory()})
    return found


def choose(settings: Settings, earlier: Mapping[str, Any] | None = None) -> Plan:
    """The plan of a job where memory is no matter; `earlier` is that of the run that is resumed, taken up where the settings leave it open.

    Raises DeviceError where the device is not there.
    """
    identifiers = [device["id"] for device in available()]
    device = settings.device
    if device == "auto":
        device = identifiers[0]
    elif device in ("cuda", "xpu"):
        device = f"{device}:0"
    if device not in identifiers:
        raise DeviceError(f"There is no device {settings.device} here; this machine has {', '.join(identifiers)}.")
    if earlier and earlier.get("device", "").partition(":")[0] != device.partition(":")[0]:
        earlier = None
    earlier = earlier or {}
    threads = settings.threads or earlier.get("threads") or _cores()
    precision = settings.precision
    if precision == "auto":
        precision = earlier.get("precision") or _fastest(device, threads)
    plan = Plan(device, precision, threads, settings.history, settings.deterministic)
    if not earlier.get("checkpointing"):
        return plan
    # Only where memory was short can the history have been less than the setting's.
    history = min(settings.history, earlier.get("history", settings.history))
    return replace(plan, history=history, checkpointing=earlier["checkpointing"], strip_rows=earlier.get("strip_rows", 0))


def configure(plan: Plan) -> None:
    """Set torch's threads and determinism for this process, and let it keep the memory that it has had."""
    heap.keep()
    torch.set_num_threads(plan.threads)
    if plan.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Asked for, even to stay as it is, it loads PyTorch's compiler, which takes longer than PyTorch itself.
    if torch.are_deterministic_algorithms_enabled() != plan.deterministic:
        torch.use_deterministic_algorithms(plan.deterministic)
    torch.backends.cudnn.benchmark = not plan.deterministic
    torch.backends.cudnn.allow_tf32 = False  # the precision float32 means what it says


def _fastest(device: str, threads: int) -> str:
    if not _has_bfloat16(device):
        return "float32"
    name = _processor() if device == "cpu" else next(one["name"] for one in available() if one["id"] == device)
    return fastest_precision(torch.device(device), name, threads)


def _processor() -> str:
    """Its model where the system tells; users' folders can be on several machines."""
    try:
        facts = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        facts = []
    model = next((line.partition(":")[2].strip() for line in facts if line.startswith("model name")), platform.processor())
    return f"{model} {torch.backends.cpu.get_cpu_capability()}"


def _has_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 in hardware; elsewhere it is slower than float32."""
    kind = device.partition(":")[0]
    if kind == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if kind == "cpu":
        return torch.backends.mkldnn.is_available() and torch.cpu._is_avx512_bf16_supported()
    return kind == "xpu"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
