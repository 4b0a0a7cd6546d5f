# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cell of the benchmark's table: a job of the engine in a folder of its own, and what was measured of it.

A cell whose settings, scene, painting and algorithm are those of its record is not painted again; one that was interrupted goes on
where it stopped, since the engine keeps the frames that fit.
"""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quality_scenes import Scene

from core.evaluate import evaluate
from core.files import write_json
from core.fingerprint import ALGORITHM
from core.job import SCHEMA
from core.settings import make_settings

__all__ = ["Cell", "Failed", "Record"]

ROOT = Path(__file__).resolve().parents[1]
_RECORD = "measured.json"
_SECONDS = "seconds.json"
_JOB = "cell.json"
_FLOAT32_COST = 2.2
"""What an iteration in float32 takes, against one in bfloat16."""


class Failed(Exception):
    """The engine refused the job; the message is its own sentence."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Record:
    """What is known of a finished cell."""

    key: str
    seconds: float
    """Painting alone, summed over the frames."""
    iterations: int
    measures: dict[str, Any]
    """As `core.evaluate.Measures.as_dict`; the style and content losses of later frames are in the lists."""

    @property
    def temporal_error(self) -> float:
        return float(self.measures["temporal_error"])

    def later(self, name: str) -> float:
        """Mean of `style_losses` or `content_losses` over all frames but the first."""
        values = self.measures[name][1:]
        return float(sum(values) / len(values))


@dataclass(frozen=True)
class Cell:
    """A job: the frames of `scene` painted with `settings`, for the `row` of the table or of a study."""

    row: str
    scene: Scene
    settings: Mapping[str, Any]
    style: Path
    style_digest: str
    cache: Path

    @property
    def folder(self) -> Path:
        return self.cache / "cells" / self.scene.name / self.row

    @property
    def frames(self) -> str:
        """Pattern of the painted frames."""
        return str(self.folder / "shot_####.exr")

    @property
    def key(self) -> str:
        facts = {
            "algorithm": ALGORITHM,
            "settings": make_settings(self.settings).changing_pixels(),
            "scene": self.scene.digest,
            "style": self.style_digest,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def cost(self) -> float:
        """Work, in iterations of bfloat16 times pixels."""
        settings = make_settings(self.settings)
        count = math.ceil(len(self.scene.numbers) / settings.every)
        if settings.passes > 1:
            iterations = settings.passes * count * settings.iterations
        else:
            iterations = settings.iterations_first + (count - 1) * settings.iterations
        width, height = self.scene.size
        return iterations * width * height * (_FLOAT32_COST if settings.precision == "float32" else 1.0)

    def record(self) -> Record | None:
        """What an earlier run has measured, where it still fits."""
        try:
            found = Record(**json.loads((self.folder / _RECORD).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if found.key == self.key else None

    def run(self) -> Record:
        """Paint and measure; raises Failed where the engine gives a reason why not."""
        frames = self._paint()
        scene = self.scene
        measures = evaluate(
            self.frames, flow=scene.flow_pattern, mask=scene.mask_pattern, content=scene.content, style=str(self.style)
        )
        seconds = sum(one["seconds"] for one in frames.values())
        iterations = int(sum(one["iterations"] for one in frames.values()))
        record = Record(self.key, seconds, iterations, measures.as_dict())
        write_json(self.folder / _RECORD, vars(record))
        return record

    def job(self) -> dict[str, Any]:
        """The engine's job file."""
        numbers = self.scene.numbers
        given = {"flow": {"vectors": self.scene.vectors}} if self.settings.get("flow") == "vectors" else {}
        return {
            "schema": SCHEMA,
            "content": {"pattern": self.scene.content, "first": numbers[0], "last": numbers[-1]},
            "styles": [{"path": str(self.style)}],
            "output": {"folder": str(self.folder), "name": "shot", "existing": "resume"},
            "settings": dict(self.settings),
            **given,
        }

    def _paint(self) -> dict[str, dict[str, float]]:
        """Iterations and seconds of each frame and pass, those of interrupted runs included."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._drop_others()
        path, job = self.folder / _SECONDS, self.folder / _JOB
        known: dict[str, dict[str, float]] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        error: dict[str, Any] = {}
        write_json(job, self.job())
        # Supervised: the engine ends with whoever started it, so that no two ever paint the same frames.
        command = [sys.executable, "-m", "core", "run", str(job), "--supervised"]
        with (
            (self.folder / "log.txt").open("w", encoding="utf-8") as log,
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as engine,
        ):
            assert engine.stdout is not None
            for line in engine.stdout:
                event = json.loads(line)
                if event["event"] in ("frame_done", "pass_frame_done") and not event["kept"]:
                    known[f"{event['frame']} {event.get('pass', 1)}"] = {name: event[name] for name in ("seconds", "iterations")}
                    write_json(path, known)
                elif event["event"] == "error":
                    error = event
        if engine.returncode:
            words = (self.folder / "log.txt").read_text("utf-8").strip().splitlines()
            raise Failed(error.get("message") or (words[-1] if words else "the engine ended"), error.get("code", "internal"))
        return known

    def _drop_others(self) -> None:
        """Frames of a longer shot painted here before would be measured as well."""
        wanted = {f"shot_{number:04d}.exr" for number in self.scene.numbers}
        for path in self.folder.glob("shot_*.exr"):
            if path.name not in wanted:
                path.unlink()
