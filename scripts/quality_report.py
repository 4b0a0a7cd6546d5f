# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmark has found: the checks against what the paper says, and everything as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from report import Check, grid, requirements

__all__ = ["FULL", "ROWS", "Estimate", "Figures", "Findings", "Objective", "Uncovered", "checks", "markdown"]

ROWS = {
    "full-dis": "full method, DIS",
    "full-large": "full method, large-motion estimator",
    "full-raft": "full method, RAFT",
    "full-exact": "full method, exact flow given",
    "warped-dis": "from the previous frame, warped; no temporal term",
    "warped-large": "the same with the large-motion estimator",
    "previous": "from the previous frame; no temporal term",
    "noise": "from noise, every frame alone",
}
"""The table's rows and their titles."""
FULL = tuple(row for row in ROWS if row.startswith("full-"))

_TIE = 1.05
_NOISE_SHARE = 20
_STYLE_RANGE = 0.2
_OBJECTIVE_RANGE = 0.05
_DRIFT = 1 / 255
_ESTIMATOR_SHARE = 4


@dataclass(frozen=True)
class Figures:
    """A cell of the table; `reason` says why there is none."""

    temporal: float = 0.0
    style: float = 0.0
    content: float = 0.0
    style_later: float = 0.0
    frames: int = 0
    iterations: int = 0
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Estimate:
    """An estimator on a scene: mean end-point error of unoccluded pixels, seconds per pair."""

    error: float = 0.0
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Uncovered:
    """What came into view, painted from one kind of start."""

    temporal: float
    style: float
    content: float


@dataclass(frozen=True)
class Objective:
    """The mean of what the frames minimize, weighted terms in float32."""

    total: float
    content: float
    style: float
    temporal: float
    tv: float


@dataclass(frozen=True)
class Findings:
    """All figures, as far as they are there."""

    scenes: Mapping[str, str] = field(default_factory=dict)
    """Titles by name, in order."""
    moving: Sequence[str] = ()
    table: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)
    untouched: Mapping[str, float] = field(default_factory=dict)
    estimators: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    long_range: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    drift: float | None = None
    drift_frames: int = 0
    reappearance: Mapping[str, float] = field(default_factory=dict)
    """Error by the setting long_term."""
    border: Mapping[str, float] = field(default_factory=dict)
    """Border contrast of the later frames over the first's: single pass, multi-pass, untouched."""
    uncovered: Mapping[str, Uncovered] = field(default_factory=dict)
    objective: Mapping[str, Objective] = field(default_factory=dict)
    """Ours and the reference."""
    repeated: bool | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def cell(self, row: str, scene: str) -> Figures | None:
        """A painted cell, or None."""
        found = self.table.get(row, {}).get(scene)
        return found if found and not found.reason else None


def checks(found: Findings) -> list[Check]:
    """The requirements that can be judged by the figures that are there."""
    return [
        *_order(found),
        *_shares_of_noise(found),
        *_styles(found),
        *_objective(found),
        *_studies(found),
        *_estimators(found),
    ]


def _order(found: Findings) -> Iterator[Check]:
    for scene in found.moving:
        for row in FULL:
            if scene == "fast" and row == "full-dis":
                continue  # it loses this motion, as the scene is made for
            warped_row = "warped-dis" if scene != "fast" else "warped-large"
            cells = [found.cell(name, scene) for name in (row, warped_row, "previous", "noise")]
            if not all(cells):
                continue
            full, warped, previous, noise = (cell.temporal for cell in cells if cell)
            yield Check(
                f"{found.scenes[scene]}, {ROWS[row]}: order of full, previous warped, previous, noise",
                " / ".join(_error(value) for value in (full, warped, previous, noise)),
                "full ≤ 1.05 × warped < previous < noise",
                full <= _TIE * warped and warped < previous < noise,
            )


def _shares_of_noise(found: Findings) -> Iterator[Check]:
    for scene in ("alley_1", "pan"):
        full, noise = found.cell("full-dis", scene), found.cell("noise", scene)
        if full and noise:
            yield Check(
                f"{found.scenes[scene]}: temporal error of noise over the full method's",
                f"{noise.temporal / full.temporal:.1f}",
                f"at least {_NOISE_SHARE}",
                noise.temporal >= _NOISE_SHARE * full.temporal,
            )


def _styles(found: Findings) -> Iterator[Check]:
    for scene in found.moving:
        noise = found.cell("noise", scene)
        for row in FULL:
            full = found.cell(row, scene)
            if full and noise:
                share = full.style_later / noise.style_later
                yield Check(
                    f"{found.scenes[scene]}, {ROWS[row]}: style loss of later frames over the noise row's",
                    f"{share:.2f}",
                    f"{1 - _STYLE_RANGE:.2f} to {1 + _STYLE_RANGE:.2f}",
                    abs(share - 1) <= _STYLE_RANGE,
                )


def _objective(found: Findings) -> Iterator[Check]:
    if found.objective:
        share = found.objective["ours"].total / found.objective["reference"].total
        yield Check(
            "objective of the default settings over that of float32 with 1000 iterations",
            f"{share:.3f}",
            f"at most {1 + _OBJECTIVE_RANGE:.2f}",
            share <= 1 + _OBJECTIVE_RANGE,
        )


def _studies(found: Findings) -> Iterator[Check]:
    if found.reappearance:
        short, long = found.reappearance["1"], found.reappearance["1,2,4"]
        yield Check("hidden object: error of its reappearance with J = {1, 2, 4} over that with {1}", f"{long / short:.2f}", "at most 0.50",
                    long <= short / 2)  # fmt: skip
    if found.border:
        single, multi = found.border["single pass"], found.border["multi-pass"]
        yield Check("camera pan: contrast at the borders against frame 1, multi-pass and single pass", f"{multi:.3f} and {single:.3f}",
                    "multi-pass loses less", multi > single)  # fmt: skip
    if found.drift is not None:
        yield Check(f"still scene, {found.drift_frames} frames: drift of the mean color", f"{255 * found.drift:.2f}/255", "at most 1/255",
                    found.drift <= _DRIFT)  # fmt: skip
    if found.repeated is not None:
        yield Check("two runs on the CPU", "identical files" if found.repeated else "different files", "identical", found.repeated)


def _estimators(found: Findings) -> Iterator[Check]:
    def both(scene: str) -> tuple[Estimate, Estimate] | None:
        pair = [found.estimators.get(name, {}).get(scene) for name in ("large", "dis")]
        return (pair[0], pair[1]) if all(one and not one.reason for one in pair) else None  # type: ignore[return-value]

    if pair := both("fast"):
        large, dis = pair
        yield Check("fast motion: end-point error of the large-motion estimator over that of DIS", f"{large.error / dis.error:.2f}",
                    "at most 0.25", large.error <= dis.error / _ESTIMATOR_SHARE)  # fmt: skip
    if pair := both("alley_1"):
        large, dis = pair
        yield Check("alley_1: end-point error of the large-motion estimator and of DIS", f"{large.error:.3f} and {dis.error:.3f} px",
                    "not worse", large.error <= dis.error)  # fmt: skip


def markdown(found: Findings) -> str:
    """Everything, for docs/quality.md and to be read on a terminal."""
    parts = [_INTRODUCTION, *_table(found), *requirements(checks(found)), *_study_tables(found), *_made(found)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


_INTRODUCTION = """
# Quality

Made by `python3 scripts/benchmark.py quality`, which renders short scenes in Blender, paints them in many ways and measures the
results along the exact motion of every pixel, as the paper does (Ruder, Dosovitskiy, Brox 2016, section 5).

The **temporal error** is the mean square difference between a frame and the next one brought back along the exact flow, over pixels
that both show, in display colors of 0 to 1; it is given times 10⁴. A blurred film has no flicker either, so the **style loss** and
the **content loss** stand beside it: means over the frames, unweighted, in float32, the content loss in thousands.
"""


def _table(found: Findings) -> Iterator[str]:
    yield "## The table"
    yield "Temporal error · style loss · content loss."
    lines = []
    for row, title in ROWS.items():
        cells = found.table.get(row, {})
        if cells:
            lines.append([title, *(_cell(cells.get(scene)) for scene in found.scenes)])
    if found.untouched:
        lines.append(["*the untouched shot*", *(_error(found.untouched.get(scene)) for scene in found.scenes)])
    yield grid(["", *found.scenes.values()], lines)
    reasons = {(ROWS[row], one.reason) for row, cells in found.table.items() for one in cells.values() if one.reason}
    for title, reason in sorted(reasons):
        yield f"– {title}: {reason}"


def _cell(figures: Figures | None) -> str:
    if figures is None or figures.reason:
        return "–"
    return f"**{_error(figures.temporal)}** · {figures.style:.0f} · {figures.content / 1000:.1f}"


def _study_tables(found: Findings) -> Iterator[str]:
    if found.long_range:
        names = [scene for scene in found.scenes if any(scene in cells for cells in found.long_range.values())]
        yield "## Over a long range"
        yield _LONG_RANGE
        yield grid(
            ["", *(found.scenes[name] for name in names)],
            [[ROWS[row], *(_error(cells.get(name)) for name in names)] for row, cells in found.long_range.items()],
        )
    if found.reappearance:
        yield "## An object that was hidden"
        yield _HIDDEN
        yield grid(["earlier frames", "error"], [[f"{{{name}}}", _error(value)] for name, value in found.reappearance.items()])
    if found.border:
        yield "## Contrast at the borders"
        yield _BORDER
        yield grid(["", "contrast kept"], [[name, f"{value:.3f}"] for name, value in found.border.items()])
    if found.uncovered:
        yield "## What uncovered areas start from"
        yield _UNCOVERED
        yield grid(
            ["", "temporal error", "style loss", "content loss (thousands)"],
            [[name, _error(one.temporal), f"{one.style:.0f}", f"{one.content / 1000:.1f}"] for name, one in found.uncovered.items()],
        )
    if found.estimators:
        yield "## Optical flow"
        yield "Mean end-point error in pixels over pixels that both frames show, and the time per pair."
        yield grid(
            ["", *found.scenes.values()],
            [[name, *(_estimate(cells.get(scene)) for scene in found.scenes)] for name, cells in found.estimators.items()],
        )
        yield from (f"– {name}: {reason}" for name, reason in sorted(_lacking(found)))
    if found.objective:
        yield "## The objective"
        yield _OBJECTIVE
        yield grid(
            ["", "total", "content", "style", "temporal", "total variation"],
            [[name, *(f"{value / 1000:.1f}" for value in vars(one).values())] for name, one in found.objective.items()],
        )


_LONG_RANGE = """
The temporal error (times 10⁴) of frames ten apart, along the chained exact flow, where every frame between shows the same.
"""
_HIDDEN = """
A ship hides a beacon for exactly three frames. Mean square difference (times 10⁴) of the beacon's pixels between the first frame
in which it is back and the last before it went, by the earlier frames that a frame holds to.
"""
_BORDER = """
Standard deviation of the colors in the outer tenth of the picture over that of its center, under the pan: mean of the later
frames' ratios over the first frame's. Where it sinks against the untouched shot's, contrast is lost as new parts come into view.
"""
_UNCOVERED = """
The setting `uncovered`, where an object crosses: temporal error (times 10⁴), style and content loss of the pixels that the
frame before does not show, all frames taken together.
"""
_OBJECTIVE = """
Two frames of alley_1 with the default settings (`ours`), and the same in float32 with 1000 iterations and no early stop (`reference`).
Each frame is judged by what it minimizes, all terms evaluated in float32 from the delivered frames; the temporal term holds a
job's frame to that job's own earlier one. Mean of the frames, in thousands.
"""


def _made(found: Findings) -> Iterator[str]:
    yield "## How it was made"
    lines = [f"- {name}: {text}" for name, text in found.settings.items()]
    if found.machine:
        lines.append(f"- machine: {found.machine}")
    if found.seconds:
        lines.append(f"- painting all of it took {found.seconds / 60:.0f} minutes")
    yield "\n".join(lines)


def _lacking(found: Findings) -> set[tuple[str, str]]:
    return {(name, one.reason) for name, cells in found.estimators.items() for one in cells.values() if one.reason}


def _estimate(one: Estimate | None) -> str:
    if one is None or one.reason:
        return "–"
    return f"{one.error:.3f} ({1000 * one.seconds:.0f} ms)"


def _error(value: float | None) -> str:
    """Times 10⁴, with the digits that matter."""
    if value is None:
        return "–"
    scaled = value * 1e4
    return f"{scaled:.0f}" if scaled >= 100 else f"{scaled:.1f}" if scaled >= 10 else f"{scaled:.2f}"
