# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Blender where there is one, with small shots in its sequencer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.gui.window import Absent, Window, blender, display, opened

COUNT = 5
"""Frames of a shot."""


@pytest.fixture(scope="session")
def program() -> str:
    try:
        return blender()
    except Absent as absent:
        pytest.skip(str(absent))


@pytest.fixture(scope="session")
def screen(program: str) -> Iterator[str]:
    """A display of X."""
    with ExitStack() as stack:
        try:
            name, _ = stack.enter_context(display())
        except Absent as absent:
            pytest.skip(str(absent))
        yield name


@pytest.fixture
def open_blender(program: str, screen: str, engine_python: str, weights: Path, tmp_path: Path) -> Iterator[Callable[[Path | None], Window]]:
    """Opens Blender, on a project if one is given."""
    with ExitStack() as stack:

        def opening(project: Path | None = None) -> Window:
            return stack.enter_context(opened(program, screen, tmp_path / "blender.log", project, python=engine_python))

        yield opening


@pytest.fixture
def prepared(open_blender: Callable[..., Window], tmp_path: Path) -> Callable[..., Window]:
    """Opens Blender on a new project with some shots, each of which is painted with so many iterations a frame."""

    def preparing(shots: int = 1, iterations: int = 3) -> Window:
        window = open_blender()
        files = [write_shot(tmp_path / "plates", f"shot{number}") for number in range(1, shots + 1)]
        window.do("prepare", str(tmp_path / "edit.blend"), files, write_painting(tmp_path / "stripes.png"), iterations)
        return window

    return preparing


def write_shot(folder: Path, name: str) -> list[str]:
    """Frames of a square that moves over a ramp, 64 x 48 pixels; their paths."""
    folder.mkdir(exist_ok=True)
    y, x = np.mgrid[0:48, 0:64].astype(np.float32)
    ramp = np.stack([80 + 0 * x, 255 * y / 48, 255 * x / 64], axis=-1)
    paths = []
    for number in range(1, COUNT + 1):
        frame = ramp.copy()
        frame[12:28, 4 + 3 * number : 20 + 3 * number] = (30, 50, 230)
        paths.append(_write(folder / f"{name}_{number:04d}.png", frame))
    return paths


def write_painting(path: Path) -> str:
    """Stripes in two colors."""
    y, x = np.mgrid[0:64, 0:64].astype(np.float32)
    wave = 127 + 127 * np.sin((x + y) / 3)
    return _write(path, np.stack([wave, 255 - wave, wave / 2], axis=-1))


def _write(path: Path, pixels: np.ndarray) -> str:
    path.write_bytes(cv2.imencode(".png", pixels.astype(np.uint8))[1].tobytes())
    return str(path)
