# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.color import display_from_linear
from core.consistency import Reliability, reliability
from core.flow import DIS, FlowError, estimator
from core.flow_files import read_flo
from core.frames import open_source
from core.large_motion import LargeMotion

Array = NDArray[np.float32]

HEIGHT, WIDTH = 96, 160
MARGIN = 48


@pytest.fixture(scope="module")
def large(weights: Path) -> LargeMotion:
    return LargeMotion.with_published_weights()


def cells(seed: int, height: int = HEIGHT + 2 * MARGIN, width: int = WIDTH + 2 * MARGIN) -> Array:
    """A patchwork of colors with a grain, (H, W, 3) in 0..1."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    count = height * width // 200
    places, colors = random.random((count, 2)) * (height, width), random.random((count, 3))
    nearest = np.stack([(y - top) ** 2 + (x - left) ** 2 for top, left in places]).argmin(0)
    grain = cv2.GaussianBlur(random.random((height, width)), (0, 0), 1)[..., np.newaxis]
    return cv2.GaussianBlur(np.clip(colors[nearest] * 0.8 + grain * 0.6 - 0.2, 0, 1).astype(np.float32), (0, 0), 0.6)


def fast_disks() -> tuple[Array, Array, Array, Array]:
    """Two frames of disks that fly against a ground, at a tenth of the width a frame, and the exact flows between them, both ways."""
    layers = [(cells(0), None, (-16, 2)), (cells(1), (40, 50, 22), (15, -7)), (cells(2), (58, 118, 20), (-5, 16))]
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    frames, flows = [], []
    for time in (0, 1):
        frame, flow = np.zeros((HEIGHT, WIDTH, 3), np.float32), np.zeros((HEIGHT, WIDTH, 2), np.float32)
        for texture, disk, (dx, dy) in layers:
            top, left = MARGIN - time * dy, MARGIN - time * dx
            seen = np.ones((HEIGHT, WIDTH), bool)
            if disk:
                seen = (y - time * dy - disk[0]) ** 2 + (x - time * dx - disk[1]) ** 2 < disk[2] ** 2
            frame[seen] = texture[top : top + HEIGHT, left : left + WIDTH][seen]
            flow[seen] = (dx, dy) if time == 0 else (-dx, -dy)
        frames.append(frame)
        flows.append(flow)
    return frames[0], frames[1], flows[0], flows[1]


def seen_in_both(flow: Array, inverse: Array) -> NDArray[np.bool_]:
    classes = reliability(flow, inverse)
    return (classes == Reliability.RELIABLE) | (classes == Reliability.MOTION_BOUNDARY)


def error(estimated: Array, exact: Array, where: NDArray[np.bool_]) -> float:
    return float(np.linalg.norm(estimated - exact, axis=2)[where].mean())


def test_fast_objects_over_a_fast_ground_are_found_at_a_quarter_of_the_error_of_dis(large: LargeMotion) -> None:
    a, b, forward, backward = fast_disks()
    seen = seen_in_both(forward, backward)
    found = error(large.estimate(a, b), forward, seen)
    assert found < 1.0  # 0.4 here
    assert found < error(DIS().estimate(a, b), forward, seen) / 4


def test_the_flow_back_confirms_the_flow(large: LargeMotion) -> None:
    a, b, forward, backward = fast_disks()
    confirmed = seen_in_both(large.estimate(a, b), large.estimate(b, a))
    seen = seen_in_both(forward, backward)
    assert confirmed[seen].mean() > 0.9 and confirmed[~seen].mean() < 0.4


def test_slow_motion_is_found_better_than_by_dis(large: LargeMotion, data: Path) -> None:
    exact = read_flo(data / "sintel_alley_1" / "flow_0001.flo")
    with open_source(data / "sintel_alley_1" / "frame_####.png") as source:
        frames = [display_from_linear(source.read(number)).rgb for number in (1, 2)]
    a, b = (cv2.resize(frame, None, fx=0.375, fy=0.375, interpolation=cv2.INTER_AREA).astype(np.float32) for frame in frames)
    height, width = a.shape[:2]
    exact = np.asarray(cv2.resize(exact, (width, height), interpolation=cv2.INTER_AREA) * 0.375, np.float32)
    y, x = np.mgrid[0:height, 0:width]
    inside = (x + exact[..., 0] >= 0) & (x + exact[..., 0] <= width - 1) & (y + exact[..., 1] >= 0) & (y + exact[..., 1] <= height - 1)
    assert error(large.estimate(a, b), exact, inside) < error(DIS().estimate(a, b), exact, inside)


def test_what_rests_has_no_motion(large: LargeMotion) -> None:
    frame = cells(3)[:64, :80]
    assert np.abs(large.estimate(frame, frame)).max() < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_chance_matches_on_a_flat_wall_move_it_no_further_than_dis_does(large: LargeMotion, seed: int) -> None:
    """With the grain of a film, other in each frame, above a patchwork that rests."""
    random = np.random.default_rng(seed)
    scene = cells(3)[:96, :128]
    scene[:60] = np.linspace(0.3, 0.7, 128, dtype=np.float32)[:, np.newaxis]
    a, b = (np.clip(scene + random.normal(0, 0.004, scene.shape), 0, 1).astype(np.float32) for _ in range(2))
    moved, by_dis = (np.linalg.norm(method.estimate(a, b), axis=2) for method in (large, DIS()))
    assert moved[:56].mean() < by_dis[:56].mean() + 1
    assert moved[64:].mean() < 0.1


@pytest.mark.parametrize("size", [(1, 1), (12, 48), (11, 64), (24, 480), (31, 33), (37, 61), (33, 700), (480, 24)])
@pytest.mark.parametrize("content", ["flat", "noise"])
def test_tiny_flat_and_odd_frames_do_not_end_the_process(large: LargeMotion, size: tuple[int, int], content: str) -> None:
    a, b = (np.random.default_rng(seed).random((*size, 3), dtype=np.float32) for seed in (0, 1))
    if content == "flat":
        a = b = np.full((*size, 3), 0.5, np.float32)
    flow = large.estimate(a, b)
    assert flow.shape == (*size, 2) and flow.dtype == np.float32
    assert np.isfinite(flow).all()


def test_equal_frames_give_equal_bits(large: LargeMotion) -> None:
    a, b, _, _ = fast_disks()
    before = cv2.getNumThreads()
    first = large.estimate(a, b)
    try:
        for threads in (1, 2, 3):
            cv2.setNumThreads(threads)
            assert np.array_equal(LargeMotion.with_published_weights().estimate(a, b), first)  # features made anew
            assert np.array_equal(large.estimate(a, b), first)  # features remembered
    finally:
        cv2.setNumThreads(before)


def test_frames_of_different_sizes_are_refused(large: LargeMotion) -> None:
    with pytest.raises(ValueError, match="one size"):
        large.estimate(cells(0, 32, 32), cells(0, 32, 33))


def test_the_estimator_is_found_by_name(weights: Path) -> None:
    assert estimator("large").name == "large"


def test_weights_that_cannot_be_used_are_a_problem_of_the_flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUSHFLOW_CACHE", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vgg16.safetensors").write_bytes(b"no weights")
    with pytest.raises(FlowError, match=r"vgg16\.safetensors is damaged"):
        estimator("large")
