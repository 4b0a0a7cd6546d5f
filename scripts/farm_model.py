# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a farm's task takes: real tasks of the engine are measured, each in a process of its own, and a model is fitted to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np

__all__ = ["CASES", "Case", "Measured", "Model", "fit", "measure"]

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Case:
    """A task to measure: frames of a size, each painted in so many iterations."""

    width: int
    height: int
    frames: int
    iterations: int

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6

    @property
    def work(self) -> float:
        """Megapixel iterations."""
        return self.megapixels * self.frames * self.iterations


_SMALL = (Case(*size, frames, iterations) for size, frames, iterations in product(((128, 96), (256, 192)), (1, 4), (6, 18)))
CASES = (*_SMALL, Case(640, 360, 1, 6), Case(640, 360, 2, 3))


@dataclass(frozen=True)
class Measured:
    """A task that was run: processor seconds on one thread, and bytes of the frames that it left."""

    case: Case
    seconds: float
    delivered: int


@dataclass(frozen=True)
class Model:
    """Seconds of a task on one worker: `start` + `frame` a megapixel of frames + `iteration` a megapixel iteration. And its bytes."""

    start: float
    frame: float
    iteration: float
    delivered: float
    """Bytes a pixel of a frame that is delivered."""
    error: float = 0.0
    """Of the fit: the mean of what it is off, relative."""

    def seconds(self, megapixels: float, work: float) -> float:
        """What a task takes.

        Args:
            megapixels: of its frames together.
            work: megapixel iterations.
        """
        return self.start + self.frame * megapixels + self.iteration * work


def measure(case: Case, style: Path) -> Measured:
    """Run a task; raises RuntimeError where it fails.

    Processor time of a single thread is what the task takes on an idle core, whatever else the machine does meanwhile.
    """
    with tempfile.TemporaryDirectory(prefix="brushflow-") as folder:
        place = _write_job(Path(folder), case, style)
        before = os.times()
        command = [sys.executable, "-I", "-B", str(ROOT / "core"), "run", str(place), f"--only=1-{case.frames}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
        after = os.times()
        if done.returncode:
            raise RuntimeError(f"The task failed: {done.stderr[-500:]}")
        seconds = after.children_user + after.children_system - before.children_user - before.children_system
        return Measured(case, seconds, sum(path.stat().st_size for path in Path(folder, "out").glob("*.exr")))


def fit(measured: Sequence[Measured]) -> Model:
    """The model that fits best, every task counting alike by what it is off in proportion; no part of it is negative."""
    seconds = np.array([one.seconds for one in measured])
    rows = np.array([[1.0, one.case.megapixels * one.case.frames, one.case.work] for one in measured])
    columns = [0, 1, 2]
    while True:
        found, *_ = np.linalg.lstsq(rows[:, columns] / seconds[:, None], np.ones(len(seconds)), rcond=None)
        if (found >= 0).all():
            break
        columns.remove(columns[int(found.argmin())])
    parts = np.zeros(3)
    parts[columns] = found
    error = float(np.abs(rows @ parts / seconds - 1).mean())
    delivered = np.mean([one.delivered / (one.case.megapixels * 1e6 * one.case.frames) for one in measured])
    start, frame, iteration = (float(part) for part in parts)
    return Model(start, frame, iteration, float(delivered), error)


def _write_job(folder: Path, case: Case, style: Path) -> Path:
    random = np.random.default_rng(1)
    wide = cv2.resize(random.integers(0, 256, (9, 16, 3)).astype(np.uint8), (case.width + case.frames, case.height))
    for number in range(1, case.frames + 1):
        cv2.imwrite(str(folder / f"in_{number:04d}.png"), np.ascontiguousarray(wide[:, number : number + case.width]))
    job: dict[str, Any] = {
        "schema": 1,
        "content": {"pattern": "in_####.png"},
        "styles": [{"path": str(style.absolute())}],
        "output": {"folder": "out", "name": "shot"},
        "settings": {
            "device": "cpu", "threads": 1, "precision": "float32", "cuts": "none", "tolerance": 0,
            "iterations_first": case.iterations, "iterations": case.iterations,
        },
    }  # fmt: skip
    place = folder / "job.json"
    place.write_text(json.dumps(job), "utf-8")
    return place


def measure_all(style: Path, cases: Sequence[Case] = CASES) -> list[Measured]:
    """Run all tasks, told on stderr."""
    measured = []
    for case in cases:
        begun = time.monotonic()
        measured.append(measure(case, style))
        print(f"{case}: {measured[-1].seconds:.1f} s of processor, {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
    return measured
