# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small footage and jobs for the engine's tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

WIDTH, HEIGHT = 48, 40
QUICK = {"iterations_first": 6, "iterations": 4, "device": "cpu", "cuts": "none"}


def textured(width: int, height: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: smooth random colors with details, which optical flow can follow."""
    generator = np.random.default_rng(seed)
    coarse = cv2.resize(generator.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3)).astype(np.uint8), (width, height))
    fine = cv2.resize(generator.integers(0, 80, (height // 2 + 2, width // 2 + 2, 3)).astype(np.uint8), (width, height))
    return cv2.add(coarse // 2, fine)


@pytest.fixture
def shot(tmp_path: Path) -> Callable[..., str]:
    """Writes frames of a texture that moves one pixel a frame to the right, and gives their pattern."""

    def write(count: int = 4, *, first: int = 1, width: int = WIDTH, height: int = HEIGHT, seed: int = 0, folder: str = "shot") -> str:
        wide = textured(width + count, height, seed)
        (tmp_path / folder).mkdir(exist_ok=True)
        for index in range(count):
            frame = wide[:, count - index : count - index + width]
            assert cv2.imwrite(str(tmp_path / folder / f"shot_{first + index:04d}.png"), frame)
        return str(tmp_path / folder / "shot_####.png")

    return write


@pytest.fixture
def painting(tmp_path: Path) -> str:
    path = tmp_path / "painting.png"
    assert cv2.imwrite(str(path), cv2.applyColorMap(textured(60, 44, seed=9)[..., 0], cv2.COLORMAP_TWILIGHT))
    return str(path)


@pytest.fixture
def make(shot: Callable[..., str], painting: str, tmp_path: Path) -> Callable[..., Any]:
    """A quick job of four frames, with more settings."""
    from core.job import make_job

    def job(
        pattern: str | None = None,
        *,
        existing: str = "error",
        folder: str = "out",
        offset: int = 0,
        per_frame: Any = None,
        styles: Any = None,
        matte: Any = None,
        given: Any = None,
        **settings: Any,
    ):
        return make_job(
            {
                "schema": 1,
                "content": {"pattern": pattern or shot(), "offset": offset},
                "styles": styles or [{"path": painting}],
                "matte": matte,
                "flow": given,
                "output": {"folder": str(tmp_path / folder), "name": "shot", "existing": existing},
                "settings": {**QUICK, **settings},
                "per_frame": per_frame or {},
            }
        )

    return job


@pytest.fixture
def written(make: Callable[..., Any], shot: Callable[..., str]) -> Callable[..., Path]:
    """Writes a job file into its folder, and gives its place."""

    def write(folder: str = "out", count: int = 8, **settings: Any) -> Path:
        job = make(shot(count, folder=f"frames_{folder}"), folder=folder, **settings)
        job.folder.mkdir(exist_ok=True)
        place: Path = job.folder / "asked.json"
        place.write_text(json.dumps(job.as_json()), "utf-8")
        return place

    return write


class Events(list):
    """A listener that keeps what it is told."""

    def __call__(self, event: dict[str, Any]) -> None:
        self.append(event)

    def of(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self if event["event"] == name]


@pytest.fixture
def run(weights: Path) -> Callable[..., tuple[int, Events]]:
    """Checks and runs a job in this process; gives its exit status and events."""

    def run(job: Any, *, listener: Any = None, cancel: threading.Event | None = None, part: Any = None) -> tuple[int, Events]:
        from core.worker import run_job

        events = Events()

        def both(event: dict[str, Any]) -> None:
            events(event)
            if listener:
                listener(event)

        with job.open_content() as source:
            job.check(source, existing="resume" if part else None)
            return run_job(job, source, both, cancel or threading.Event(), part=part), events

    return run


@pytest.fixture(scope="session")
def nineteen(weights: Path) -> dict[str, Any]:
    """A VGG-19 that sees what the published VGG-16 sees: the layers that it has more hand on what they get."""
    import torch

    from core.vgg import layers, shape
    from core.weights import load, verify

    tensors = load(verify("vgg16"))
    for block in (3, 4, 5):
        identity = torch.zeros(shape(f"conv{block}_4"))
        identity[:, :, 1, 1] = torch.eye(len(identity))
        tensors |= {f"conv{block}_4.weight": identity, f"conv{block}_4.bias": torch.zeros(len(identity))}
    return {f"{name}.{part}": tensors[f"{name}.{part}"] for name in layers("vgg19") for part in ("weight", "bias")}


@pytest.fixture(scope="session")
def torchvisions(nineteen: dict[str, Any]) -> dict[str, Any]:
    """The same network as torchvision trains its own: pictures 0..1 with mean and deviation, and some other scale in each layer."""
    import torch

    from core.color import MEAN

    tensors = {name: tensor.double() for name, tensor in nineteen.items()}
    mean, deviation = torch.tensor((0.485, 0.456, 0.406), dtype=torch.float64), torch.tensor((0.229, 0.224, 0.225), dtype=torch.float64)
    first = tensors["conv1_1.weight"]
    tensors["conv1_1.bias"] = tensors["conv1_1.bias"] - (first.sum((2, 3)) * (torch.tensor(MEAN, dtype=torch.float64) - 255 * mean)).sum(1)
    tensors["conv1_1.weight"] = first * (255 * deviation).reshape(1, 3, 1, 1)
    scales = np.random.default_rng(5).uniform(np.log(0.1), np.log(10.0), len(tensors) // 2)
    before = 1.0
    for name, scale in zip(list(tensors)[::2], np.exp(scales), strict=True):
        tensors[name] *= scale / before
        tensors[name.replace("weight", "bias")] *= scale
        before = scale
    return {name: tensor.float() for name, tensor in tensors.items()}
