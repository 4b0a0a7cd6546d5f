# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.color import display_from_linear
from core.flow import DIS, FlowError, estimator, inverse_search, padded
from core.flow_files import read_flo
from core.frames import open_source

Array = NDArray[np.float32]


def texture(height: int, width: int, seed: int = 0) -> Array:
    """Random blobs that DIS can follow, (H, W, 3) in 0..1."""
    noise = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.asarray((smooth - smooth.min()) / (smooth.max() - smooth.min()), np.float32)


@pytest.mark.parametrize(("x", "y"), [(3, 0), (0, 2), (-2, 1)])
def test_the_flow_points_from_the_first_frame_to_the_second(x: int, y: int) -> None:
    scene = texture(80, 100)
    a, b = scene[8:72, 8:92], scene[8 - y : 72 - y, 8 - x : 92 - x]  # what a shows at p, b shows at p + (x, y)
    flow = DIS().estimate(a, b)
    assert flow.shape == (64, 84, 2) and flow.dtype == np.float32
    np.testing.assert_allclose(np.median(flow[8:-8, 8:-8], axis=(0, 1)), (x, y), atol=0.25)


@pytest.mark.parametrize("size", [(16, 16), (12, 48), (11, 64), (24, 480), (31, 33), (17, 200), (37, 61)])
@pytest.mark.parametrize("content", ["flat", "texture"])
def test_tiny_flat_and_odd_frames_do_not_end_the_process(size: tuple[int, int], content: str) -> None:
    a = np.full((*size, 3), 0.5, np.float32) if content == "flat" else texture(*size)
    flow = DIS().estimate(a, a)
    assert flow.shape == (*size, 2)
    assert np.isfinite(flow).all()


def test_equal_frames_give_equal_bits_whatever_the_number_of_threads() -> None:
    scene = texture(128, 160)
    before = cv2.getNumThreads()
    try:
        flows = []
        for threads in (1, 2, 3, 1):
            cv2.setNumThreads(threads)
            flows.append(DIS().estimate(scene[:-3, :-5], scene[3:, 5:]).tobytes())
    finally:
        cv2.setNumThreads(before)
    assert len(set(flows)) == 1


def test_frames_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        DIS().estimate(texture(32, 32), texture(32, 33))


def test_the_flow_of_alley_1_is_right_within_four_tenths_of_a_pixel(data: Path) -> None:
    exact = read_flo(data / "sintel_alley_1" / "flow_0001.flo")
    with open_source(data / "sintel_alley_1" / "frame_####.png") as source:
        a, b = (display_from_linear(source.read(number)).rgb for number in (1, 2))
    error = np.linalg.norm(DIS().estimate(a, b) - exact, axis=2)
    assert error.mean() < 0.4


def test_a_seed_leads_to_motion_that_is_lost_without_it() -> None:
    scene = texture(120, 200)
    a, b = padded(scene[10:110, 10:130]), padded(scene[4:104, 60:180])
    seed = np.full((100, 120, 2), (-52, 4), np.float32)
    given = seed.copy()
    flow = inverse_search(a, b, given)
    assert np.array_equal(given, seed)
    exact = np.array([-50, 6])
    inside = np.s_[8:-8, 52:-8]
    assert np.linalg.norm(flow - exact, axis=2)[inside].mean() < 1
    assert np.linalg.norm(inverse_search(a, b) - exact, axis=2)[inside].mean() > 20


def test_an_estimator_is_found_by_name() -> None:
    assert estimator("dis").name == "dis"
    with pytest.raises(FlowError, match="no flow estimator 'magic'; choose dis, large or raft"):
        estimator("magic")


def test_dis_is_found_without_torch() -> None:
    program = "import sys; from core.flow import estimator; estimator('dis'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).resolve().parents[2], check=False).returncode == 0
