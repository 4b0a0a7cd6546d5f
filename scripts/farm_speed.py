# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what a second worker brings on Ray: python scripts/farm_speed.py [--output docs/farm.md] [--json FILE]

Two clusters of Ray on this machine lend one core and two. Both paint four shots, and one shot in four passes, in turns and three times;
the medians are compared, and the frames with those of one machine. Needs two cores that nothing else uses, about a quarter of an hour,
and the packages of requirements-engine.txt and requirements-ray.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np

# For core, which a script of this folder does not see.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ray_head import free_port, is_up, start_head
from settings_table import filled

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {"four shots": 0.6, "24 frames in 4 passes": 1.0}
"""Most of the time of one worker that two may take."""
COMMON = {"device": "cpu", "threads": 1, "precision": "float32", "cuts": "none", "tolerance": 0}


@dataclass(frozen=True)
class Work:
    """Jobs that are measured together.

    Args:
        chunk: frames of a task of a pass of many.
    """

    name: str
    shots: int
    frames: int
    size: tuple[int, int]
    settings: dict[str, object]
    chunk: int

    def write(self, folder: Path) -> list[Path]:
        """Footage that moves a pixel a frame, and job files; the places of these."""
        width, height = self.size
        random = np.random.default_rng(4)
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "painting.png"), random.integers(0, 256, (40, 60, 3)).astype(np.uint8))
        places = []
        for shot in range(1, self.shots + 1):
            wide = cv2.resize(random.integers(0, 256, (height // 6, width // 6, 3)).astype(np.uint8), (width + self.frames, height))
            place = folder / f"shot{shot}" / "job.json"
            place.parent.mkdir()
            for number in range(1, self.frames + 1):
                frame = np.ascontiguousarray(wide[:, self.frames - number : self.frames - number + width])
                cv2.imwrite(str(place.parent / f"in_{number:04d}.png"), frame)
            job = {
                "schema": 1, "content": {"pattern": "in_####.png"}, "styles": [{"path": "../painting.png"}],
                "output": {"folder": "painted", "name": place.parent.name}, "settings": {**COMMON, **self.settings},
            }  # fmt: skip
            place.write_text(json.dumps(job), "utf-8")
            places.append(place)
        return places


WORKS = (
    Work("four shots", 4, 4, (160, 96), {"iterations_first": 48, "iterations": 16}, 24),
    Work("24 frames in 4 passes", 1, 24, (64, 48), {"iterations": 6, "passes": 4}, 6),
)


@dataclass(frozen=True)
class Figure:
    """Seconds of one worker and of two, each a median, and whether all frames were those of one machine."""

    name: str
    one: float
    two: float
    same: bool

    @property
    def ratio(self) -> float:
        return self.two / self.one

    @property
    def holds(self) -> bool:
        return self.same and self.ratio <= LIMITS[self.name]


def measure(folder: Path, runs: int) -> list[Figure]:
    """Paint everything on both clusters by turns."""
    figures = []
    with ExitStack() as stack:
        heads = [stack.enter_context(_head(folder / f"r{cores}", cores)) for cores in (1, 2)]
        for work in WORKS:
            alone = _paint(work, folder / "alone")
            seconds: tuple[list[float], list[float]] = ([], [])
            same = True
            for run in range(runs):
                for head, taken in zip(heads, seconds, strict=True):
                    begun = time.monotonic()
                    frames = _paint(work, folder / "film", "--on", f"ray:{head}", "--chunk", str(work.chunk))
                    taken.append(time.monotonic() - begun)
                    same &= frames == alone
                print(f"{work.name}, run {run + 1}: {seconds[0][-1]:.1f} s and {seconds[1][-1]:.1f} s", file=sys.stderr)
            figures.append(Figure(work.name, median(seconds[0]), median(seconds[1]), same))
    return figures


def table(figures: Sequence[Figure], runs: int) -> str:
    """The figures as Markdown."""
    rows = [
        f"| {one.name} | {one.one:.1f} s | {one.two:.1f} s | {one.ratio:.2f} | {LIMITS[one.name]:.1f} | {'yes' if one.same else 'no'} |"
        for one in figures
    ]
    head = [
        f"| median of {runs} | one worker | two | ratio | at most | frames of one machine |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    return "\n".join([*head, *rows])


def _paint(work: Work, folder: Path, *options: str) -> dict[str, bytes]:
    """The frames, of footage that is written anew."""
    shutil.rmtree(folder, ignore_errors=True)
    places = work.write(folder)
    command = [sys.executable, "-I", str(ROOT / "core"), "run", *map(str, places), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{work.name} failed: {done.stderr.strip()[-500:]}")
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*/painted/*.exr"))}


@contextmanager
def _head(folder: Path, cores: int) -> Iterator[str]:
    """A cluster of Ray that lends so many cores; its address."""
    folder.mkdir()
    port = free_port()
    process = start_head(sys.executable, folder, port, cores)
    try:
        while not is_up(folder):
            if process.poll() is not None:
                sys.exit("Ray did not start; see that its packages are beside the engine's.")
            time.sleep(0.2)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    """Measure, print, and write what is asked for; 1 where a requirement does not hold."""
    parser = argparse.ArgumentParser(description="Measures what a second worker brings on Ray.")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="how often everything is painted (3)")
    parser.add_argument("--output", type=Path, metavar="FILE.md", help="write the table between its markers in this page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    asked = parser.parse_args()
    os.environ["RAY_AUTH_MODE"] = "disabled"
    with tempfile.TemporaryDirectory(prefix="farm") as folder:
        figures = measure(Path(folder), asked.runs)
    text = table(figures, asked.runs)
    print(text)
    if asked.json:
        values = [{**asdict(one), "ratio": one.ratio, "holds": one.holds} for one in figures]
        asked.json.write_text(json.dumps(values, indent=1) + "\n", "utf-8")
    if asked.output:
        asked.output.write_text(filled(asked.output.read_text("utf-8"), {"ray speed": text}), "utf-8")
    return 0 if all(one.holds for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
