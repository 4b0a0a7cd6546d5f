# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import shutil

import cv2
import numpy as np
import pytest

from core.evaluate import EvaluationError, evaluate, temporal_error
from core.flow_files import write_flo


def test_a_shift_along_its_flow_has_no_error():
    picture = np.random.default_rng(0).random((20, 30, 3)).astype(np.float32)
    moved = np.roll(picture, 2, axis=1)
    flow = np.zeros((20, 30, 2), np.float32)
    flow[..., 0] = 2
    assert temporal_error(picture, moved, flow, np.ones((20, 30))) == 0
    assert temporal_error(picture, picture, flow, np.ones((20, 30))) > 0.05


def test_the_error_is_the_mean_square_over_channels_and_unmasked_pixels():
    here, there = np.zeros((4, 5, 3), np.float32), np.zeros((4, 5, 3), np.float32)
    there[1, 2] = (0.5, 0, 0)
    there[3, 4] = 1
    mask = np.ones((4, 5))
    mask[3, 4] = 0
    assert temporal_error(here, there, np.zeros((4, 5, 2), np.float32), mask) == pytest.approx(0.25 / (3 * 19))


def test_pixels_that_leave_the_frame_do_not_count():
    here = np.zeros((4, 6, 3), np.float32)
    there = np.ones((4, 6, 3), np.float32)
    there[:, 2:] = 0
    flow = np.zeros((4, 6, 2), np.float32)
    flow[..., 0] = 2
    assert temporal_error(here, there, flow, np.ones((4, 6))) == 0


def test_a_mask_that_leaves_nothing_is_refused():
    with pytest.raises(EvaluationError, match="mask leaves none"):
        temporal_error(np.zeros((4, 5, 3), np.float32), np.zeros((4, 5, 3), np.float32), np.zeros((4, 5, 2), np.float32), np.zeros((4, 5)))


def test_unpainted_alley_has_the_known_temporal_error(data, tmp_path):
    """0.0002 with occluded pixels removed."""
    alley = data / "sintel_alley_1"
    for number in (1, 2):
        shutil.copy(alley / f"frame_{number:04d}.png", tmp_path)
    frames = str(tmp_path / "frame_####.png")
    measures = evaluate(frames, flow=str(alley / "flow_####.flo"), content=frames)
    assert len(measures.temporal_errors) == 1
    assert 0.0001 < measures.temporal_error < 0.0004
    assert measures.style_loss is None and measures.content_loss == 0


def test_a_painting_has_its_own_style_and_content(weights, painting, tmp_path):
    still = tmp_path / "still_0001.png"
    shutil.copy(painting, still)
    other = tmp_path / "other_0001.png"
    cv2.imwrite(str(other), 255 - cv2.imread(painting))
    itself = evaluate(str(still), style=painting, content=str(still))
    assert itself.style_loss == pytest.approx(0, abs=1e-6) and itself.content_loss == 0
    inverted = evaluate(str(other), style=painting, content=str(still))
    assert inverted.style_loss > 1 and inverted.content_loss > 1


def test_flow_without_content_or_mask_is_wrong_use(shot):
    with pytest.raises(EvaluationError, match="--content or --mask"):
        evaluate(shot(), flow="flow_####.flo")


def test_flow_of_another_size_is_refused(shot, tmp_path):
    for number in range(1, 5):
        write_flo(tmp_path / f"flow_{number:04d}.flo", np.zeros((10, 10, 2), np.float32))
    pattern = shot()
    with pytest.raises(EvaluationError, match="10×10"):
        evaluate(pattern, flow=str(tmp_path / "flow_####.flo"), content=pattern)
