# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what a joint costs: python scripts/farm_joints.py CONTENT --style painting.jpg [--output docs/farm.md]

A shot is painted in two chunks behind prerolls of several lengths, each time by the commands of `plan`. Takes minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# For core, which a script of this folder does not see.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from settings_table import filled

from core.graph import Division
from core.plan import plan
from core.settings import PRESETS

ROOT = Path(__file__).resolve().parents[1]
CHUNK = 9
PREROLLS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Joint:
    """The temporal error at a joint behind a preroll of so many frames, and the mean of that around it."""

    preroll: int
    error: float
    around: float


def measure(content: Path, style: Path, settings: dict[str, Any]) -> list[Joint]:
    """Paint the shot's first frames and measure the joint in their middle."""
    joints = []
    with tempfile.TemporaryDirectory(prefix="brushflow-") as folder:
        job = {
            "schema": 1, "content": {"path": str(content.absolute()), "first": 1, "last": 2 * CHUNK},
            "styles": [{"path": str(style.absolute())}], "output": {"folder": "out", "name": "shot", "existing": "resume"},
            "settings": settings,
        }  # fmt: skip
        place = Path(folder, "job.json")
        place.write_text(json.dumps(job), "utf-8")
        for preroll in PREROLLS:  # the first chunk is kept
            told: list[dict[str, Any]] = []
            for task in plan([place], Division(CHUNK, preroll=preroll)):
                command = [sys.executable, "-I", "-B", str(ROOT / "core"), *task.command, "--json"]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                told += map(json.loads, done.stdout.splitlines())
                if done.returncode:
                    sys.exit(f"{task.id} failed: {told[-1].get('message', done.stderr[-500:])}")
            (joint,) = (event for event in told if event["event"] == "joint")
            joints.append(Joint(preroll, joint["temporal_error"], joint["around"]))
            print(joints[-1], file=sys.stderr, flush=True)
    return joints


def table(joints: Sequence[Joint]) -> str:
    """The figures as Markdown."""
    rows = ["| preroll | temporal error at the joint | around it | times |", "| ---: | ---: | ---: | ---: |"]
    rows += [f"| {one.preroll} | {one.error:.2e} | {one.around:.2e} | {one.error / one.around:.1f} |" for one in joints]
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures what a joint costs.")
    parser.add_argument("content", type=Path, metavar="CONTENT", help="a shot without cuts: a folder of frames or a movie")
    parser.add_argument("--style", type=Path, required=True, metavar="IMAGE", help="a painting")
    parser.add_argument("--preset", choices=PRESETS, default="draft", metavar="NAME", help="of the settings (default: draft)")
    parser.add_argument("--resolution", type=float, default=1.0, metavar="SHARE", help="at which it is painted (default: 1)")
    parser.add_argument("--output", type=Path, metavar="FILE.md", help="write the table between its marks in this page")
    asked = parser.parse_args()
    settings = {**PRESETS[asked.preset].values, "cuts": "none", "resolution": asked.resolution}
    text = table(measure(asked.content, asked.style, settings))
    print(text)
    if asked.output:
        asked.output.write_text(filled(asked.output.read_text("utf-8"), {"joints": text}), "utf-8")


if __name__ == "__main__":
    main()
