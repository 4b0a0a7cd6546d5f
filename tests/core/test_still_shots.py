# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot in which nothing moves keeps the look of its first frame."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.exr import read_exr


@pytest.fixture
def still(shot, tmp_path):
    """Four equal frames, or frames that differ by grain of a standard deviation in code values."""

    def write(grain: float = 0.0) -> str:
        pattern = shot(4)
        first = cv2.imread(str(tmp_path / "shot" / "shot_0001.png"))
        generator = np.random.default_rng(0)
        for number in range(2, 5):
            noisy = first + grain * generator.standard_normal(first.shape)
            assert cv2.imwrite(str(tmp_path / "shot" / f"shot_{number:04d}.png"), noisy.round().clip(0, 255).astype(np.uint8))
        return pattern

    return write


def painted(folder: Path) -> list[np.ndarray]:
    return [read_exr(folder / f"shot_{number:04d}.exr") for number in range(1, 5)]


def test_held_drawings_are_painted_once(make, run, still, tmp_path):
    _, events = run(make(still()))
    first, *later = painted(tmp_path / "out")
    assert all(np.array_equal(first, picture) for picture in later)
    assert [event["iterations"] for event in events.of("frame_done")] == [6, 1, 1, 1]


def test_grain_does_not_make_the_look_wander(make, run, still, tmp_path):
    pattern = still(grain=1.0)
    run(make(pattern))
    run(make(pattern, folder="on", tolerance=0))
    kept, wandered = (np.abs(pictures[-1] - pictures[0]).mean() for pictures in (painted(tmp_path / "out"), painted(tmp_path / "on")))
    assert kept < 0.5 * wandered


def test_a_tolerance_of_zero_takes_all_iterations(make, run, still, tmp_path):
    _, events = run(make(still(), tolerance=0))
    assert [event["iterations"] for event in events.of("frame_done")] == [6, 4, 4, 4]


def test_other_weights_are_painted_even_where_nothing_moves(make, run, still, tmp_path):
    _, events = run(make(still(), per_frame={"style_weight": [100, 100, 200, 200]}))
    assert [event["iterations"] for event in events.of("frame_done")] == [6, 1, 4, 1]


def test_a_resumed_still_shot_is_held_to_the_same_level(make, run, still, tmp_path):
    pattern, cancel = still(grain=1.0), threading.Event()

    def stop(event):
        if event["event"] == "frame_started" and event["index"] == 3:
            cancel.set()

    run(make(pattern, folder="whole"))
    assert run(make(pattern), listener=stop, cancel=cancel)[0] == 130
    _, events = run(make(pattern, existing="resume"))
    assert events[-1]["kept"] == 2
    for number in range(1, 5):
        name = f"shot_{number:04d}.exr"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
