# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole job by the engine's own worker, and where its time goes."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from speed_convolutions import Clock
from speed_engine import Minimize, around_minimize
from speed_peak import resident_memory

from core.devices import choose
from core.job import SCHEMA, make_job
from core.optimizer import Result
from core.painter import Painter
from core.settings import make_settings
from core.worker import run_job

__all__ = ["Job", "there_and_back", "work"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Job:
    """The seconds of a job.

    Attributes:
        between: from the optimizer's end of a frame to its beginning of the next, without `features`.
        features: of that, the network's pass over the content, whose features the loss compares with.
        start: from the job's beginning to the first evaluation, all that is made once included.
        frame: from one delivered frame to the next.
        memory: bytes that the process has when a frame is delivered; empty where the system does not tell.
    """

    between: tuple[float, ...]
    features: tuple[float, ...]
    start: float
    frame: tuple[float, ...]
    iterations: tuple[int, ...]
    memory: tuple[int, ...]
    seconds: float


def there_and_back(frames: Sequence[Array], count: int) -> list[Array]:
    """`count` frames: the given ones forward and backward by turns."""
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    return [frames[order[index % len(order)]] for index in range(count)]


def work(frames: Sequence[Array], style: Path, settings: Mapping[str, Any]) -> Job:
    """Paint `frames`, (H, W, 3) display sRGB each, from files to files."""
    device = choose(make_settings(settings)).torch_device
    clock = Clock(device)
    spans: list[tuple[float, float]] = []
    delivered: list[float] = []
    iterations: list[int] = []
    memory: list[int] = []
    problems: list[str] = []

    def timed(minimize: Minimize, *arguments: Any, **named: Any) -> Result:
        begun = clock()
        result = minimize(*arguments, **named)
        spans.append((begun, clock()))
        return result

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "frame_done":
            delivered.append(time.perf_counter())
            iterations.append(event["iterations"])
            memory.extend(filter(None, [resident_memory()]))
        elif event["event"] == "error":
            problems.append(event["message"])

    with tempfile.TemporaryDirectory(prefix="brushflow-") as folder:
        for number, frame in enumerate(frames, 1):
            data = cv2.imencode(".png", np.rint(255 * frame[..., ::-1]).astype(np.uint8))[1]
            Path(folder, f"shot_{number:04d}.png").write_bytes(data.tobytes())
        job = make_job({
            "schema": SCHEMA,
            "content": {"pattern": str(Path(folder, "shot_####.png"))},
            "styles": [{"path": str(style)}],
            "output": {"folder": str(Path(folder, "painted")), "name": "shot"},
            "settings": {"cuts": "none", **settings},
        })  # fmt: skip
        with _features_timed(clock) as features, around_minimize(timed), job.open_content() as source:
            job.check(source)
            begun = clock()
            run_job(job, source, listen, threading.Event())
            seconds = clock() - begun
    if problems:
        raise RuntimeError(problems[0])
    gaps = [following[0] - before[1] for before, following in pairwise(spans)]
    return Job(
        between=tuple(gap - one for gap, one in zip(gaps, features[1:], strict=True)), features=tuple(features), start=spans[0][0] - begun,
        frame=tuple(there - here for here, there in pairwise(delivered)), iterations=tuple(iterations),
        memory=tuple(memory), seconds=seconds,
    )  # fmt: skip


@contextmanager
def _features_timed(clock: Clock) -> Iterator[list[float]]:
    """The seconds of each frame's content features."""
    seconds: list[float] = []
    targets = Painter._content_targets

    def timed(painter: Painter, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        begun = clock()
        found = targets(painter, picture)
        seconds.append(clock() - begun)
        return found

    Painter._content_targets = timed  # type: ignore[assignment, method-assign]
    try:
        yield seconds
    finally:
        Painter._content_targets = targets  # type: ignore[method-assign]
