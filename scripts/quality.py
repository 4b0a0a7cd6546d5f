# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of quality, once its scenes are rendered; started by scripts/benchmark.py in the engine's environment.

Which jobs there are, one after the other; then every figure from the painted frames.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from contact_sheet import labeled, seen, sheet
from numpy.typing import NDArray
from quality_jobs import Cell, Failed, Record
from quality_report import FULL, ROWS, Estimate, Figures, Findings, Objective, Uncovered, checks, markdown
from quality_scenes import ALLEY, SCENES, TITLES, Scene, alley, read_display, rendered
from report import publish, say

from core.consistency import mask
from core.evaluate import temporal_error
from core.files import write_json
from core.fingerprint import ALGORITHM
from core.flow import DIS, FlowError, estimator
from core.frames import read_image
from core.measures import Critic, Held, border_contrast, drift, end_point_error, long_range_error
from core.settings import make_settings
from core.weights import WeightsError

Array = NDArray[np.float32]

FIRST, LATER, ALONE = 180, 40, 120
"""Iterations of a first frame, of a later one, and of one that starts from noise, which needs more for the same style."""
FAST = {"iterations_first": 300, "iterations": 60}
"""The same under fast motion, where most of every frame is new."""
FEW = 4
"""Frames of the rows whose frames do not depend on one another for long, and of the still scene's but one."""
REPEATED = 2
_SECONDS = 3.5e-6
"""A pixel's share of an iteration's time on two cores, to estimate by until it is measured."""
SCALED = ("iterations_first", "iterations")

# No scene has a cut; fast motion could be taken for one.
_BASE: dict[str, Any] = {"cuts": "none", "iterations_first": FIRST, "iterations": LATER}
_FREE = {**_BASE, "temporal_weight": 0.0}
_NOISE = {**_FREE, "init": "random", "iterations_first": ALONE, "iterations": ALONE}

SETTINGS: dict[str, dict[str, Any]] = {
    "full-dis": {**_BASE, "flow": "dis"},
    "full-large": {**_BASE, "flow": "large"},
    "full-raft": {**_BASE, "flow": "raft"},
    "full-exact": {**_BASE, "flow": "vectors"},
    "warped-dis": {**_FREE, "flow": "dis", "init": "previous_warped"},
    "warped-large": {**_FREE, "flow": "large", "init": "previous_warped"},
    "previous": {**_FREE, "flow": "dis", "init": "previous"},
    "noise": {**_NOISE, "flow": "dis"},
}


@dataclass(frozen=True)
class Study:
    """A job beside the table: its scene, what it sets, and how many frames (0: all)."""

    scene: str
    settings: Mapping[str, Any]
    frames: int = 0


STUDIES = {
    "long-term": Study("hidden", {**_BASE, "flow": "dis", "long_term": (1, 2, 4)}),
    "multipass": Study("pan", {"cuts": "none", "flow": "dis", "passes": 6, "iterations": 20, "temporal_from_pass": 4}),
    "uncovered-content": Study("crossing", {**_BASE, "flow": "dis", "uncovered": "content"}),
    "uncovered-warped": Study("crossing", {**_BASE, "flow": "dis", "uncovered": "warped"}),
    "repeat-1": Study("pan", {"cuts": "none", "flow": "dis", "iterations_first": 20, "iterations": 10}, REPEATED),
    "repeat-2": Study("pan", {"cuts": "none", "flow": "dis", "iterations_first": 20, "iterations": 10}, REPEATED),
    "default": Study(ALLEY, {"cuts": "none", "flow": "dis"}, 2),
    "float32": Study(ALLEY, {"cuts": "none", "flow": "dis", "precision": "float32", "iterations_first": 1000, "iterations": 1000,
                             "tolerance": 0.0}, 2),
}  # fmt: skip


def planned(scenes: Mapping[str, Scene], style: Path, cells: Path, effort: float = 1.0) -> list[Cell]:
    """All jobs, the table's first, in the order in which they run."""
    digest = hashlib.sha256(style.read_bytes()).hexdigest()

    def cell(row: str, scene: Scene, settings: Mapping[str, Any]) -> Cell:
        whole = make_settings(settings).as_dict()
        less = {name: max(round(whole[name] * effort), 1) for name in SCALED} if effort != 1 else {}
        return Cell(row, scene, {**settings, **less}, style, digest, cells)

    table = [
        cell(row, scene.first(_frames(row, scene)), {**settings, **FAST} if scene.name == "fast" and row != "noise" else settings)
        for scene in scenes.values()
        for row, settings in SETTINGS.items()
        if _belongs(row, scene)
    ]
    studies = [
        cell(row, scenes[study.scene].first(study.frames or len(scenes[study.scene].numbers)), study.settings)
        for row, study in STUDIES.items()
        if study.scene in scenes
    ]
    return table + studies


def _belongs(row: str, scene: Scene) -> bool:
    if row == "warped-large":  # what the others are compared with where DIS is lost
        return scene.name == "fast"
    return row != "full-exact" or scene.has_vectors


def _frames(row: str, scene: Scene) -> int:
    return min(FEW, len(scene.numbers)) if row == "noise" or (scene.name == "still" and row != "full-dis") else len(scene.numbers)


# Running


def run(cells: Sequence[Cell], only: Sequence[str]) -> dict[tuple[str, str], str]:
    """Paint and measure what is not there yet of the chosen cells; the reasons of those that cannot be."""
    chosen = [cell for cell in cells if not only or any(_is_meant(cell, pattern) for pattern in only)]
    missing = [cell for cell in chosen if cell.record() is None]
    say(f"{len(chosen) - len(missing)} of {len(chosen)} jobs are done already")
    reasons: dict[tuple[str, str], str] = {}
    # A guess to begin with, which weighs little against the first cell that is measured.
    done = sum(cell.cost for cell in missing) / 1000
    spent = done * _SECONDS
    for index, cell in enumerate(missing):
        left = sum(one.cost for one in missing[index:])
        if lacking := next((reason for (row, _), reason in reasons.items() if row == cell.row), ""):
            reasons[cell.row, cell.scene.name] = lacking
            continue
        say(f"[{index + 1}/{len(missing)}] {cell.row} on {cell.scene.name}, about {max(left * spent / done / 60, 1):.0f} min left")
        begun = time.monotonic()
        try:
            record = cell.run()
        except Failed as problem:
            # Weights that cannot be had are the machine's lack; anything else is a fault.
            if problem.code not in ("weights", "flow"):
                raise
            reasons[cell.row, cell.scene.name] = str(problem)
            say(f"    left out: {problem}")
            continue
        seconds = time.monotonic() - begun
        done, spent = done + cell.cost, spent + seconds
        found = f"temporal error {1e4 * record.temporal_error:.2f}e-4, style loss {record.measures['style_loss']:.0f}"
        say(f"    {seconds:.0f} s, {record.iterations} iterations; {found}")
    return reasons


def _is_meant(cell: Cell, pattern: str) -> bool:
    return any(fnmatch(name, pattern) for name in (f"{cell.row}/{cell.scene.name}", cell.row, cell.scene.name))


def estimate(scenes: Mapping[str, Scene], folder: Path) -> dict[str, dict[str, Estimate]]:
    """End-point errors of the estimators, from the records where they fit."""
    found: dict[str, dict[str, Estimate]] = {}
    for name in ("dis", "large", "raft"):
        say(f"measuring the estimator {name}")
        found[name] = {}
        for scene in scenes.values():
            found[name][scene.name] = one = _known_estimate(folder / f"{name}-{scene.name}.json", name, scene)
            if one.reason:
                break
    return found


def _known_estimate(record: Path, name: str, scene: Scene) -> Estimate:
    key = f"{ALGORITHM} {scene.digest}"
    try:
        known = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    if known.get("key") == key:
        return Estimate(known["error"], known["seconds"])
    one = _estimate(name, scene.first(FEW) if scene.name == "still" else scene)
    if not one.reason:
        write_json(record, {"key": key, "error": one.error, "seconds": one.seconds})
    return one


def _estimate(name: str, scene: Scene) -> Estimate:
    try:
        method = estimator(name)
        method.estimate(*scene.pictures[:2])  # what is loaded once does not count
        errors, seconds = [], []
        for here, there, exact, visible in zip(scene.pictures, scene.pictures[1:], scene.flows, scene.masks, strict=False):
            begun = time.monotonic()
            flow = method.estimate(here, there)
            seconds.append(time.monotonic() - begun)
            errors.append(end_point_error(flow, exact, visible))
    except (FlowError, WeightsError) as problem:
        return Estimate(reason=str(problem))
    return Estimate(statistics.fmean(errors), statistics.median(seconds))


# Figures


class Results:
    """What was painted, by row and scene, as far as it is there."""

    def __init__(self, cells: Sequence[Cell], reasons: Mapping[tuple[str, str], str]) -> None:
        self.reasons = reasons
        self.cells = {(cell.row, cell.scene.name): cell for cell in cells}
        self.records = {place: record for place, cell in self.cells.items() if (record := cell.record())}

    def pictures(self, row: str, scene: str) -> list[Array] | None:
        """The painted frames, or None where the cell is not finished."""
        if (row, scene) not in self.records:
            return None
        cell = self.cells[row, scene]
        return [read_display(cell.folder / f"shot_{number:04d}.exr") for number in cell.scene.numbers]

    def table(self) -> dict[str, dict[str, Figures]]:
        found: dict[str, dict[str, Figures]] = {row: {} for row in ROWS}
        for (row, scene), record in self.records.items():
            if row in found:
                found[row][scene] = _figures(record)
        for (row, scene), reason in self.reasons.items():
            if row in found:
                found[row][scene] = Figures(reason=reason)
        return found


def _figures(record: Record) -> Figures:
    measures = record.measures
    return Figures(
        record.temporal_error, measures["style_loss"], measures["content_loss"], record.later("style_losses"),
        measures["frames"], record.iterations, record.seconds,
    )  # fmt: skip


def findings(results: Results, scenes: Mapping[str, Scene], style: Path, estimates: dict[str, dict[str, Estimate]]) -> Findings:
    """Every figure that the finished cells allow."""
    return Findings(
        scenes={name: TITLES[name] for name in scenes},
        moving=[name for name in scenes if name != "still"],
        table=results.table(),
        untouched={name: scene.warping_error() for name, scene in scenes.items()},
        estimators=estimates,
        long_range=_long_range(results, scenes),
        drift=_drift(results),
        drift_frames=len(scenes["still"].numbers) if "still" in scenes else 0,
        reappearance=_reappearance(results, scenes),
        border=_border(results, scenes),
        uncovered=_uncovered(results, scenes, style),
        objective=_objectives(results, scenes, style),
        repeated=_repeated(results),
        settings=_described(),
        machine=f"{os.cpu_count()} cores ({platform.machine()}), torch {torch.__version__}",
        seconds=sum(record.seconds for record in results.records.values()),
    )


def _described() -> dict[str, str]:
    return {
        "iterations": f"{FIRST} for the first frame of a job and {LATER} for each later one; {ALONE} for frames that start from noise",
        "fast motion": f"{FAST['iterations_first']} and {FAST['iterations']}, since most of every frame is new",
        "frames": f"12 of 256×144 a scene, 48 for the still one, 4 of 256×109 for alley_1; rows from noise have {FEW}, and the still "
        "scene's rows but the first too",
        "multi-pass": "{passes} passes of {iterations} iterations, held to earlier results from pass {temporal_from_pass}".format(
            **STUDIES["multipass"].settings
        ),
        "else": "the defaults, without a search for cuts",
    }


def _long_range(results: Results, scenes: Mapping[str, Scene]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for row in (*FULL, "warped-dis", "previous"):
        for name, scene in scenes.items():
            pictures = results.pictures(row, name)
            if pictures and name != "fast":  # whose pictures share little after ten frames
                error = long_range_error(pictures, scene.flows[: len(pictures) - 1], scene.masks[: len(pictures) - 1])
                if error is not None:
                    found.setdefault(row, {})[name] = error
    return found


def _drift(results: Results) -> float | None:
    pictures = results.pictures("full-dis", "still")
    return drift(pictures[0], pictures[-1]) if pictures else None


def _reappearance(results: Results, scenes: Mapping[str, Scene]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row, name in (("full-dis", "1"), ("long-term", "1,2,4")):
        pictures = results.pictures(row, "hidden")
        if pictures is None:
            return {}
        seen_twice = scenes["hidden"].reappearance
        here, there = (pictures[number - scenes["hidden"].numbers[0]] for number in (seen_twice.after, seen_twice.before))
        found[name] = temporal_error(here, there, seen_twice.flow, seen_twice.mask)
    return found


def _border(results: Results, scenes: Mapping[str, Scene]) -> dict[str, float]:
    painted = results.pictures("full-dis", "pan"), results.pictures("multipass", "pan")
    if painted[0] is None or painted[1] is None:
        return {}
    shots = {"single pass": painted[0], "multi-pass": painted[1], "the untouched shot": scenes["pan"].pictures}
    ratios = {name: [border_contrast(picture) for picture in pictures] for name, pictures in shots.items()}
    return {name: statistics.fmean(values[1:]) / values[0] for name, values in ratios.items()}


def _uncovered(results: Results, scenes: Mapping[str, Scene], style: Path) -> dict[str, Uncovered]:
    shots = {
        name: results.pictures(row, "crossing")
        for name, row in (("borrowed", "full-dis"), ("content", "uncovered-content"), ("warped", "uncovered-warped"))
    }
    if not all(shots.values()):
        return {}
    scene = scenes["crossing"]
    critic = Critic(read_display(style), scene.size, make_settings())
    found = {}
    for name, pictures in shots.items():
        assert pictures
        errors, weights = [], []
        for index, new in enumerate(scene.uncovered[:-1], 1):
            both = new & scene.masks[index]
            if both.any():
                errors.append(temporal_error(pictures[index], pictures[index + 1], scene.flows[index], both))
                weights.append(float(both.sum()))
        losses = critic.area_losses(pictures[1:], scene.pictures[1:], scene.uncovered)
        found[name] = Uncovered(float(np.average(errors, weights=weights)), *losses)
    return found


def _objectives(results: Results, scenes: Mapping[str, Scene], style: Path) -> dict[str, Objective]:
    shots = {"ours": results.pictures("default", ALLEY), "reference": results.pictures("float32", ALLEY)}
    if not all(shots.values()):
        return {}
    contents = scenes[ALLEY].pictures
    critic = Critic(read_display(style), scenes[ALLEY].size, make_settings())
    found = {}
    for name, pictures in shots.items():
        assert pictures
        terms = []
        for index, picture in enumerate(pictures):
            held = []
            if index:
                flow, inverse = (DIS().estimate(contents[a], contents[b]) for a, b in ((index, index - 1), (index - 1, index)))
                held = [Held(pictures[index - 1], flow, mask(flow, inverse))]
            terms.append(critic.objective(picture, contents[index], held))
        found[name] = Objective(**{term: statistics.fmean(one[term] for one in terms) for term in terms[0]})
    return found


def _repeated(results: Results) -> bool | None:
    rows = ("repeat-1", "repeat-2")
    if any((row, "pan") not in results.records for row in rows):
        return None
    one, other = (
        [(cell.folder / f"shot_{number:04d}.exr").read_bytes() for number in cell.scene.numbers]
        for cell in (results.cells[row, "pan"] for row in rows)
    )
    return one == other


# Contact sheets


def sheets(results: Results, scenes: Mapping[str, Scene], style: Path, folder: Path, width: int = 256) -> Iterator[Path]:
    """A picture for each row of the table: first, middle and last frame of each scene under the source's."""
    folder.mkdir(parents=True, exist_ok=True)
    painting = seen(read_image(style), width)
    for row, title in ROWS.items():
        pairs = []
        for name in scenes:
            if (row, name) not in results.records:
                continue
            cell = results.cells[row, name]
            numbers = cell.scene.numbers
            for number in (numbers[0], numbers[len(numbers) // 2], numbers[-1]):
                source = seen(read_image(cell.scene.folder / f"shot_{number:04d}.png"), width)
                result = seen(read_image(cell.folder / f"shot_{number:04d}.exr"), width)
                pairs.append((source, labeled(result, f"{TITLES[name]}, frame {number}")))
        if pairs:
            path = folder / f"{row}.png"
            picture = sheet(painting, pairs, 3, [part.strip() for part in title.replace(";", ",").split(",")])
            path.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
            yield path


def main() -> int:
    """Run what is missing and report."""
    parser = argparse.ArgumentParser(prog="quality.py")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--alley", type=Path)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--effort", type=float, default=1.0)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    scenes = {name: rendered(asked.cache / "scenes" / name) for name in SCENES}
    if asked.alley:
        scenes[ALLEY] = alley(asked.alley, asked.cache / "scenes" / ALLEY)
    # A trial must not push out the results of the real thing.
    results_folder = asked.cache / ("results" if asked.effort == 1 else f"trial_{asked.effort:g}")
    cells = planned(scenes, asked.style, results_folder, asked.effort)
    try:
        reasons = run(cells, asked.only)
    except Failed as problem:
        say(f"A job failed: {problem}")
        return 1
    say("measuring")
    results = Results(cells, reasons)
    (results_folder / "estimators").mkdir(parents=True, exist_ok=True)
    found = findings(results, scenes, asked.style, estimate(scenes, results_folder / "estimators"))
    for path in sheets(results, scenes, asked.style, results_folder / "sheets"):
        say(f"contact sheet {path}")
    publish(markdown(found), found.as_dict(), checks(found), asked.output, asked.json)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
