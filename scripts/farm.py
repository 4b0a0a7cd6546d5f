# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures tasks, fits a model to them, simulates a film on farms of many sizes, and writes the tables of docs/farm.md.

    python scripts/farm.py --style painting.jpg --record measured.json
    python scripts/farm.py --measured measured.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

# For core, which a script of this folder does not see.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from farm_model import Case, Measured, Model, fit, measure_all
from farm_simulation import Film, Outcome, film, longest_first, simulate
from settings_table import filled

from core.graph import Division

__all__ = ["PAGE", "main", "model_table", "simulation_table"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "farm.md"
SHOTS, WORKERS = 10_000, (1, 10, 100, 1000)
FAST = 50
"""Cores that a graphics card is taken for. Not measured: it shows what becomes of the rest once painting is fast."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write the tables of docs/farm.md.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--style", type=Path, metavar="IMAGE", help="a painting; tasks are measured with it")
    source.add_argument("--measured", type=Path, metavar="FILE", help="what was measured before")
    parser.add_argument("--record", type=Path, metavar="FILE", help="where to keep what is measured")
    parser.add_argument("--shots", type=int, metavar="N", default=SHOTS, help=f"shots of the film (default: {SHOTS})")
    given = parser.parse_args(arguments)
    measured = measure_all(given.style) if given.style else _read(given.measured)
    if given.record:
        given.record.write_text(json.dumps([asdict(one) for one in measured], indent=1) + "\n", "utf-8")
    model = fit(measured)
    tables = {"tasks": model_table(measured, model), "simulation": simulation_table(model, given.shots)}
    PAGE.write_text(filled(PAGE.read_text("utf-8"), tables), "utf-8")


def model_table(measured: Sequence[Measured], model: Model) -> str:
    """Each task with what the model says of it, and the model."""
    rows = ["| frames | size | iterations | seconds | model |", "| ---: | --- | ---: | ---: | ---: |"]
    for one in measured:
        case = one.case
        told = model.seconds(case.megapixels * case.frames, case.work)
        rows.append(f"| {case.frames} | {case.width}×{case.height} | {case.iterations} | {one.seconds:.1f} | {told:.1f} |")
    rows += [
        "",
        f"A task takes {model.start:.1f} s to start, {model.frame:.1f} s for each megapixel of its frames, and {model.iteration:.2f} s "
        f"for each megapixel iteration; the mean error is {100 * model.error:.0f} %. "
        f"A delivered frame has {model.delivered:.1f} bytes a pixel.",
    ]
    return "\n".join(rows)


def simulation_table(model: Model, count: int) -> str:
    """The film on farms of many sizes, and what changes help."""
    shots = film(count)
    frames = sum(shot.frames for shot in shots)
    lines = [f"{count} shots with {frames} frames of 1920×1080, the longest of {max(shot.frames for shot in shots)}.", ""]
    lines += ["| worker | workers | order of shots | time | idle | traffic | busiest |", "| --- | ---: | --- | ---: | ---: | ---: | ---: |"]
    for speed, name in ((1.0, "a core"), (float(FAST), f"{FAST} cores' worth")):
        one = Film.of(shots, model, speed=speed)
        best = longest_first(one)
        for workers in WORKERS:
            for order, said in ((None, "as they come"), (best, "longest first")):
                lines.append(_row(name, said, simulate(one, workers, order)))
    lines += ["", f"With {WORKERS[-1]} workers of {FAST} cores' worth:", ""]
    lines += ["| change | tasks | time | idle | traffic |", "| --- | ---: | ---: | ---: | ---: |"]
    changes = (
        ("none", Division(), True),
        ("every task reads all frames that its own depend on", Division(), False),
        ("chunks of 6 frames", Division(chunk=6), True),
        ("chunks of 96 frames", Division(chunk=96), True),
        ("chains divided after 24 frames", Division(chain=24), True),
        ("motion in tasks of its own", Division(flow_apart=True), True),
        ("chunks of 24 frames behind 8 that are thrown away", Division(preroll=8), True),
    )
    for name, division, surveys in changes:
        one = Film.of(shots, model, speed=float(FAST), division=division, surveys=surveys)
        done = simulate(one, WORKERS[-1], longest_first(one))
        lines.append(
            f"| {name} | {len(one.needs)} | {_time(done.makespan)} | {100 * done.idle:.0f} % | {done.traffic / 1e12:.1f} TB |"
        )
    return "\n".join(lines)


def _row(name: str, order: str, done: Outcome) -> str:
    return (
        f"| {name} | {done.workers} | {order} | {_time(done.makespan)} | {100 * done.idle:.1f} % | {done.traffic / 1e12:.1f} TB | "
        f"{done.peak / 1e6:.0f} MB/s |"
    )


def _time(seconds: float) -> str:
    days = seconds / 86400
    return f"{days / 365:.1f} years" if days > 730 else f"{days:.1f} days" if days >= 2 else f"{seconds / 3600:.1f} hours"


def _read(path: Path) -> list[Measured]:
    return [Measured(Case(**one.pop("case")), **one) for one in json.loads(path.read_text("utf-8"))]


if __name__ == "__main__":
    main()
