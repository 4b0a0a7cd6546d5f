# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the header of a delivered frame tells of how it was made; resuming reads it to see what may stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import __version__
from .exr import read_exr_attributes
from .frames import FrameError
from .losses import Objective
from .painter import Painted

__all__ = ["Made", "attributes", "made"]

_FINGERPRINT = "brushflow:fingerprint"
_ITERATIONS = "brushflow:iterations"
_LEVEL = "brushflow:level"
"""A text, since numbers in a header are rounded to float32 and resume has to decide alike."""
_TERMS = ("total", *Objective.TERMS)


@dataclass(frozen=True)
class Made:
    """How a result was made, as far as it is known: its iterations, weighted losses, and level (see core/level.py)."""

    iterations: int = 0
    losses: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(_TERMS, 0.0))
    level: float | None = None


def attributes(fingerprint: str, painted: Painted, between: str | None) -> dict[str, str | int | float]:
    """The header of a frame.

    Args:
        fingerprint: of everything that it depends on.
        between: how it was made of its painted neighbors, if it was.
    """
    values: dict[str, str | int | float] = {
        _FINGERPRINT: fingerprint,
        "brushflow:version": __version__,
        _ITERATIONS: painted.iterations,
    }
    if between is not None:
        return {**values, "brushflow:between": between}
    losses = {f"brushflow:loss_{name}": value for name, value in painted.losses.items()}
    return {**values, **losses, _LEVEL: repr(painted.level)}


def made(path: Path, fingerprint: str) -> Made | None:
    """How the frame in the file was made; None where there is none that has this fingerprint."""
    if not path.is_file():
        return None
    try:
        values = read_exr_attributes(path)
    except FrameError:
        return None
    if values.get(_FINGERPRINT) != fingerprint:
        return None
    losses = {name: float(values.get(f"brushflow:loss_{name}", 0.0)) for name in _TERMS}
    return Made(int(values.get(_ITERATIONS, 0)), losses, float(values[_LEVEL]) if _LEVEL in values else None)
