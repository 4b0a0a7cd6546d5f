# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of speed, at sizes and efforts at which it says nothing of speed but does all that it does."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import speed
import torch
from reference_engine import ReferenceEngine
from speed_report import markdown
from speed_shots import Shot, style_tensor

from core import weights as stored
from core.devices import Plan

CPU = torch.device("cpu")
PLAN = Plan("cpu", "float32", 1, 20, True)
TINY = speed.Effort(limits=(24, 12), repeats=2, evaluations=3, job_size=(48, 32), job_frames=3, job_iterations=2, rate_frames=3, matrix=64,
                    history=2, large=())  # fmt: skip


def frames(count: int = 3, width: int = 48, height: int = 32) -> tuple[np.ndarray, ...]:
    """A texture that moves two pixels a frame."""
    wide = np.random.default_rng(1).random((height // 4, (width + 8) // 4, 3), np.float32)
    wide = np.clip(cv2.resize(wide, (width + 8, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    return tuple(np.ascontiguousarray(wide[:, 2 * index : 2 * index + width]) for index in range(count))


@pytest.fixture
def shot() -> Shot:
    return Shot("texture", frames())


@pytest.fixture
def style() -> np.ndarray:
    return cv2.resize(np.random.default_rng(2).random((6, 6, 3), np.float32), (40, 40), interpolation=cv2.INTER_NEAREST)


@pytest.fixture
def painting(style: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "style.png"
    assert cv2.imwrite(str(path), np.rint(255 * style).astype(np.uint8))
    return path


@pytest.fixture(scope="session")
def loaded(weights: Path) -> dict[str, torch.Tensor]:
    return stored.load(stored.ensure("vgg16"))


@pytest.fixture
def reference(loaded: dict[str, torch.Tensor], shot: Shot, style: np.ndarray) -> ReferenceEngine:
    return ReferenceEngine(loaded, style_tensor(style, shot.size, CPU))


# Everything


def test_both_engines_are_measured_on_the_same_frames_and_the_trajectory_is_kept(shot: Shot, painting: Path, tmp_path: Path) -> None:
    said: list[str] = []
    found = speed.measure([shot], shot.frames, painting, "cpu", TINY, tmp_path / "cache", said.append)
    assert [one.frame for one in found.whole] == [1, 2, 3]
    assert [one.reference_evaluations for one in found.whole] == [24, 12, 12]
    assert all(0 < one.seconds.low <= one.seconds.median <= one.seconds.high for one in found.whole)
    assert {(one.frame, one.factor, one.delivered) for one in found.races} == {
        (frame, factor, delivered) for frame in (1, 2, 3) for factor in (1.05, 1.01, 1.003) for delivered in (True, False)
    }
    assert any(one.seconds for one in found.races)
    assert all(one.reference_evaluations <= 24 for one in found.races)
    (evaluation,) = found.evaluations
    assert evaluation.ratio > 0 and evaluation.peak_share > 0
    assert evaluation.memory and evaluation.reference_memory
    assert found.outside and found.outside.frames == 3

    values = json.loads(json.dumps(found.as_dict()))
    assert {"first_frame_speedup", "later_frame_speedup", "equal_loss_speedup", "seconds_per_evaluation", "convolution_ratio",
            "peak_memory_bytes", "outside_optimizer_ms_per_frame"} < values.keys()  # fmt: skip
    assert values["equal_loss_speedup"].keys() == {"1.05", "1.01", "1.003"}
    text = markdown(found)
    assert "texture, 48×32, frame 3" in text and "cut after 24 evaluations of the first frame and 12" in text
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 3
