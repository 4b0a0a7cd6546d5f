# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to compute, and in which number format."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from typing import Any

import torch

from .settings import Settings

__all__ = ["DeviceError", "Plan", "available", "choose", "configure"]


class DeviceError(Exception):
    """The device that was asked for is not there; the message names those that are."""


@dataclass(frozen=True)
class Plan:
    """How a job is computed. Equal plans give equal bits on the CPU, and on a GPU with `deterministic`."""

    device: str
    precision: str
    threads: int
    history: int
    deterministic: bool

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.device)

    @property
    def dtype(self) -> torch.dtype:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[self.precision]

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


def choose(settings: Settings, earlier: dict[str, Any] | None = None) -> Plan:
    """The plan of a job; `earlier` is the plan of the run that is resumed, taken up where the settings leave it open.

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
    precision = settings.precision
    if precision == "auto":
        precision = (earlier or {}).get("precision") or ("bfloat16" if _has_bfloat16(device) else "float32")
    threads = settings.threads or (earlier or {}).get("threads") or _cores()
    return Plan(device, precision, threads, settings.history, settings.deterministic)


def configure(plan: Plan) -> None:
    """Set torch's threads and determinism for this process."""
    torch.set_num_threads(plan.threads)
    if plan.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(plan.deterministic)
    torch.backends.cudnn.benchmark = not plan.deterministic
    torch.backends.cudnn.allow_tf32 = False  # the precision float32 means what it says


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
