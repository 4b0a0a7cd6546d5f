# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import cv2
import numpy as np
import pytest

from core.evaluate import EvaluationError, evaluate
from core.measures import Critic, Held, border_contrast, drift, end_point_error, long_range_error
from core.settings import make_settings


def plane(height: int, width: int, vector: tuple[float, float]) -> np.ndarray:
    return np.broadcast_to(np.asarray(vector, np.float32), (height, width, 2)).copy()


def noise(height: int = 20, width: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


def test_the_end_point_error_is_the_mean_distance_over_the_mask():
    exact, flow = plane(4, 6, (1, 2)), plane(4, 6, (4, 6))
    flow[0] = 100
    mask = np.ones((4, 6), bool)
    mask[0] = False
    assert end_point_error(flow, exact, mask) == pytest.approx(5)


def test_drift_is_the_largest_change_of_a_channels_mean():
    first = noise()
    last = first + np.array([0.01, -0.03, 0.0], np.float32)
    assert drift(first, first) == 0
    assert drift(first, last) == pytest.approx(0.03, abs=1e-6)


def test_the_border_contrast_sinks_where_the_border_is_flat():
    picture = noise(100, 160)
    assert border_contrast(picture) == pytest.approx(1, abs=0.02)
    faded = 0.5 + 0.25 * (picture - 0.5)
    faded[10:90, 16:144] = picture[10:90, 16:144]
    assert border_contrast(faded) == pytest.approx(0.25, abs=0.01)


def test_over_a_long_range_frames_that_move_along_their_flow_have_no_error():
    wide = noise(20, 60)
    frames = [np.ascontiguousarray(wide[:, 20 - 2 * t : 60 - 2 * t]) for t in range(6)]
    flows, masks = [plane(20, 40, (2, 0))] * 5, [np.ones((20, 40), bool)] * 5
    assert long_range_error(frames, flows, masks, 4) == 0
    assert long_range_error(frames[:4] + frames[:2], flows, masks, 4) > 0.05


def test_frames_that_show_nothing_in_common_have_no_long_range_error():
    frames, flows = [noise(seed=t) for t in range(3)], [plane(20, 40, (30, 0))] * 2
    assert long_range_error(frames, flows, [np.ones((20, 40), bool)] * 2, 2) is None


def test_the_objective_is_the_weighted_sum_of_the_measures_and_what_the_frame_is_held_to(weights, painting, shot):
    settings = make_settings({"temporal_weight": 10.0, "tv_weight": 0.0})
    pattern = shot(2)
    content, other = (cv2.imread(pattern.replace("####", f"{t:04d}"))[..., ::-1].astype(np.float32) / 255 for t in (1, 2))
    style = cv2.imread(painting)[..., ::-1].astype(np.float32) / 255
    size = content.shape[1], content.shape[0]
    still = Held(np.clip(other + 0.1, 0, 1), np.zeros((*content.shape[:2], 2), np.float32), np.full(content.shape[:2], 0.5, np.float32))
    terms = Critic(style, size, settings).objective(other, content, [still])
    shown = pattern.replace("####", "0002")
    measures = evaluate(shown, style=painting)
    assert terms["style"] == pytest.approx(settings.style_weight * measures.style_loss, rel=1e-4)
    assert terms["temporal"] == pytest.approx(10 * 0.5 * 255**2 * np.square(still.result - other).mean(), rel=1e-4)
    assert terms["total"] == pytest.approx(terms["content"] + terms["style"] + terms["temporal"])


def test_an_area_of_the_whole_picture_has_the_losses_of_the_picture(weights, painting, shot):
    first, second = (shot(1, seed=seed, folder=f"shot{seed}").replace("####", "0001") for seed in (1, 2))
    picture, content, style = (cv2.imread(path)[..., ::-1].astype(np.float32) / 255 for path in (first, second, painting))
    critic = Critic(style, (picture.shape[1], picture.shape[0]), make_settings())
    everywhere = np.ones(picture.shape[:2], bool)
    found = critic.area_losses([picture], [content], [everywhere])
    measures = evaluate(first, style=painting, content=second)
    assert found == pytest.approx((measures.style_loss, measures.content_loss), rel=1e-4)
    left = everywhere.copy()
    left[:, picture.shape[1] // 2 :] = False
    assert critic.area_losses([picture], [content], [left]) != pytest.approx(found, rel=1e-3)
    with pytest.raises(EvaluationError, match="empty"):
        critic.area_losses([picture], [content], [~everywhere])
