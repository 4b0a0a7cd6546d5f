# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmark of speed finds, piece by piece, and how it is kept."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

__all__ = ["FACTORS", "JOBS", "LARGE", "Evaluation", "Findings", "Large", "Outside", "Race", "Rate", "Spread", "Steady", "Whole",
           "least_speedup"]  # fmt: skip

JOBS, LARGE = "jobs", "large"
"""What is measured besides the shots: whole jobs, and frames of many sizes."""
FACTORS = (1.05, 1.01, 1.003)
"""Of the reference's final loss: what both engines race to."""


@dataclass(frozen=True)
class Spread:
    """The median of what was measured more than once, and the range."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def __mul__(self, factor: float) -> Spread:
        return Spread(self.median * factor, self.low * factor, self.high * factor)

    def text(self, digits: int = 2) -> str:
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}–{self.high:.{digits}f})"


@dataclass(frozen=True)
class Whole:
    """A frame, counted from 1, that each engine painted by its own stop rule and after its own result before; losses in float32.

    The reference's optimizer knows no range of colors: what it ends with is clamped when it is delivered, which changes the loss.
    """

    shot: str
    frame: int
    evaluations: int
    seconds: Spread
    loss: float
    terms: Mapping[str, float]
    """As the engine has them, in its own precision."""
    reference_evaluations: int
    reference_seconds: Spread
    reference_loss: float
    reference_unclamped: float

    @property
    def speedup(self) -> float:
        return self.reference_seconds.median / self.seconds.median


@dataclass(frozen=True)
class Race:
    """The time to `factor` times the reference's final loss, from the same start; without evaluations where it was not reached.

    `delivered` says which loss: of the pictures within the range of colors, or of what the optimizers see where neither knows a range.
    """

    shot: str
    frame: int
    factor: float
    delivered: bool
    reference_evaluations: int
    reference_seconds: Spread
    evaluations: int | None = None
    seconds: Spread | None = None

    @property
    def speedup(self) -> float:
        """0 where it was not reached."""
        return self.reference_seconds.median / self.seconds.median if self.seconds else 0.0


@dataclass(frozen=True)
class Evaluation:
    """Seconds of one evaluation at the size of a shot, its convolutions' alone, and the memory that painting takes at most."""

    shot: str
    objective: Spread
    with_step: Spread
    reference: Spread
    forward: float
    backward: float
    operations: float
    peak_rate: float
    memory: int | None
    reference_memory: int | None

    @property
    def convolutions(self) -> float:
        return self.forward + self.backward

    @property
    def ratio(self) -> float:
        """The optimizer's step included."""
        return self.with_step.median / self.convolutions

    @property
    def peak_share(self) -> float:
        return self.operations / (self.with_step.median * self.peak_rate)


@dataclass(frozen=True)
class Outside:
    """A job's time outside of the optimizer, in ms a frame, while reading, flow, masks and writing overlap with it."""

    size: tuple[int, int]
    frames: int
    iterations: int
    milliseconds: Spread
    features: Spread
    """The network's pass over the content, not contained in `milliseconds`."""
    start: float
    """Seconds until the first evaluation, once a job."""
    share: float
    """Of the wall time from the first evaluation on."""


@dataclass(frozen=True)
class Rate:
    """A job's frames a second on a GPU, and the floor of operations and bytes."""

    size: tuple[int, int]
    frames: int
    iterations: float
    """Mean of the later frames."""
    per_second: float
    floor: float
    """Seconds of an evaluation at the device's peak rates."""
    share: float
    """Of what the floor would allow."""


@dataclass(frozen=True)
class Steady:
    """A long job of small frames: the median seconds of early frames and of the last ones, and by how much the memory grows.

    Args:
        slope: bytes in 100 frames; None where the system does not tell.
    """

    size: tuple[int, int]
    frames: int
    iterations: int
    early: float
    late: float
    slope: float | None

    @property
    def change(self) -> float:
        return self.late / self.early - 1


@dataclass(frozen=True)
class Large:
    """A frame under a memory limit: seconds of an evaluation, bytes at the peak (None where not known), and bytes that were planned."""

    size: tuple[int, int]
    plan: Mapping[str, Any]
    seconds: float
    memory: int | None
    planned: int

    @property
    def rate(self) -> float:
        """Seconds of an evaluation a megapixel."""
        return self.seconds * 1e6 / math.prod(self.size)

    @property
    def way(self) -> str:
        """The plan, as far as it depends on memory."""
        blocks, rows, history = self.plan["checkpointing"], self.plan["strip_rows"], self.plan["history"]
        strips = f" in strips of {rows} rows" if rows else ""
        return f"{f'{blocks} blocks computed again{strips}' if blocks else 'everything kept'}, history {history}"


@dataclass(frozen=True)
class Findings:
    """All figures, as far as they are there."""

    device: str = "cpu"
    machine: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    limits: tuple[int, int] | None = None
    """Of the reference's iterations where its trajectories were cut, first and later."""
    engines: str = ""
    """Versions of both."""
    measured: Mapping[str, str] = field(default_factory=dict)
    """The day on which each shot, by its title, and each of `JOBS` and `LARGE` was measured."""
    whole: Sequence[Whole] = ()
    races: Sequence[Race] = ()
    evaluations: Sequence[Evaluation] = ()
    outside: Outside | None = None
    rate: Rate | None = None
    steady: Steady | None = None
    large: Sequence[Large] = ()

    @classmethod
    def read(cls, file: Path) -> Findings:
        """What `as_dict` was written to; raises ValueError where it was not."""
        return TypeAdapter(cls).validate_json(file.read_bytes())

    def goes_with(self, other: Findings) -> bool:
        """Whether both are of the same machine, the same engines and the same effort."""
        return all(getattr(self, name) == getattr(other, name) for name in ("device", "machine", "limits", "engines"))

    def beside(self, earlier: Findings) -> Findings:
        """These figures, and the earlier ones of what was not measured this time."""

        def together(name: str) -> list[Any]:
            kept = [one for one in getattr(earlier, name) if one.shot not in self.measured]
            return sorted([*kept, *getattr(self, name)], key=lambda one: one.shot)

        whole, races, evaluations = (together(name) for name in ("whole", "races", "evaluations"))
        jobs, large = (self if part in self.measured else earlier for part in (JOBS, LARGE))
        return replace(
            self, measured={**earlier.measured, **self.measured}, whole=whole, races=races, evaluations=evaluations,
            outside=jobs.outside, rate=jobs.rate, steady=jobs.steady, large=large.large,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """What is judged by one number each, the least of all shots and frames; then everything."""
        first, later = ([one.speedup for one in self.whole if (one.frame == 1) is is_first] for is_first in (True, False))
        memories = [one.memory for one in self.evaluations if one.memory is not None]
        return {
            "first_frame_speedup": min(first, default=None),
            "later_frame_speedup": min(later, default=None),
            "equal_loss_speedup": {f"{factor:g}": least_speedup(self.races, factor, delivered=True) for factor in FACTORS},
            "equal_loss_speedup_unclamped": {f"{factor:g}": least_speedup(self.races, factor, delivered=False) for factor in FACTORS},
            "seconds_per_evaluation": self.evaluations[0].with_step.median if self.evaluations else None,
            "convolution_ratio": max((one.ratio for one in self.evaluations), default=None),
            "peak_memory_bytes": max(memories, default=None),
            "outside_optimizer_ms_per_frame": self.outside.milliseconds.median if self.outside else None,
            **asdict(self),
        }


def least_speedup(races: Sequence[Race], factor: float, *, delivered: bool) -> float | None:
    """Over all shots and frames."""
    return min((one.speedup for one in races if one.factor == factor and one.delivered is delivered), default=None)
