# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two small jobs in a shared folder, and the farms' own tools where they are: the session `farm` has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.graph import Division, Task
from core.plan import plan
from tests.faults import record

__all__ = ["record"]

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 4


@pytest.fixture
def farm_tool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python in the environment of the farms' tools."""
    python = os.environ.get("BRUSHFLOW_FARM_PYTHON")
    if not python:
        pytest.skip("BRUSHFLOW_FARM_PYTHON names no interpreter with the packages of requirements-farm.txt")

    def run(*arguments: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([python, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=600, **more)

    return run


@pytest.fixture
def jobs(tmp_path: Path, weights: Path) -> list[Path]:
    """Job files: a shot in a single pass with a cut, and one in two passes."""
    random = np.random.default_rng(4)
    painting = tmp_path / "painting.png"
    cv2.imwrite(str(painting), random.integers(0, 256, (20, 24, 3)).astype(np.uint8))
    places = []
    for name, settings in (("one", {"cuts": [3]}), ("two", {"cuts": "none", "passes": 2, "iterations": 3})):
        wide = cv2.resize(random.integers(0, 256, (6, 12, 3)).astype(np.uint8), (40, 24))
        folder = tmp_path / "film" / name
        folder.mkdir(parents=True)
        for number in range(1, FRAMES + 1):
            cv2.imwrite(str(folder / f"in_{number:04d}.png"), np.ascontiguousarray(wide[:, 6 - number : 38 - number]))
        job = {
            "schema": 1,
            "content": {"pattern": "in_####.png"},
            "styles": [{"path": str(painting)}],
            "output": {"folder": "out", "name": name},
            "settings": {"device": "cpu", "threads": 1, "iterations_first": 4, "iterations": 3, **settings},
        }
        places.append(folder / "shot.json")
        places[-1].write_text(json.dumps(job), "utf-8")
    return places


@pytest.fixture
def graph(jobs: list[Path]) -> list[Task]:
    return plan(jobs, Division(chunk=2))


def painted(jobs: list[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for place in jobs for path in sorted((place.parent / "out").glob("*.exr"))}


@pytest.fixture
def undisturbed(jobs: list[Path], tmp_path: Path) -> dict[str, bytes]:
    """What one machine paints."""
    copies = []
    for place in jobs:
        job = json.loads(place.read_text("utf-8"))
        job["content"]["pattern"] = str(place.parent / "in_####.png")
        copies.append(tmp_path / "alone" / place.parent.name / "shot.json")
        copies[-1].parent.mkdir(parents=True)
        copies[-1].write_text(json.dumps(job), "utf-8")
    done = subprocess.run([sys.executable, "-I", "-B", str(ROOT / "core"), "run", *map(str, copies)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    frames = painted(copies)
    assert len(frames) == 2 * FRAMES
    return frames
