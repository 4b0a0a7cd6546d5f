# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import numpy as np
import pytest

from core import level
from core.losses import Objective


def terms(total: float, temporal: float = 0.0) -> tuple[float, ...]:
    """Loss terms whose level is `total`."""
    shares = {"content": 0.4, "style": 0.5, "tv": 0.1}
    return tuple(temporal if name == "temporal" else total * shares[name] for name in Objective.TERMS)


def test_the_temporal_loss_does_not_count():
    assert level.of(terms(100, temporal=1e6)) == pytest.approx(100)
    assert level.is_reached(100, terms(99, temporal=1e6))


def test_grain_is_no_reason_to_paint_a_frame_anew():
    assert level.is_reached(100, terms(100.4))
    assert not level.is_reached(100, terms(101))


def uncovered(side: int) -> np.ndarray:
    trusted = np.ones((100, 100), np.float32)
    trusted[40 : 40 + side, 40 : 40 + side] = 0
    return trusted


def test_what_comes_into_view_takes_iterations_by_its_area():
    assert level.least(100, uncovered(0)) == 0
    assert 0 < level.least(100, uncovered(5)) < level.least(100, uncovered(7)) < 100
    assert level.least(100, uncovered(10)) == level.least(100, uncovered(50)) == 100


def test_a_thin_strip_that_comes_in_over_the_border_takes_them_too():
    trusted = uncovered(0)
    trusted[:, -2:] = 0
    assert level.least(100, trusted) == 100
    trusted[:, -2] = 1
    assert level.least(100, trusted) == 0


def test_specks_of_an_unsure_flow_take_none():
    trusted = uncovered(0)
    trusted[4::8, 4::8] = trusted[5::8, 4::8] = 0
    assert (trusted < 0.5).mean() > 0.02
    assert level.least(100, trusted) == 0


def test_the_first_frame_of_a_shot_sets_the_level():
    assert level.following(None, terms(100), is_enough=False, is_start=False) == pytest.approx(100)


def test_painting_never_lowers_the_level():
    assert level.following(100, terms(97), is_enough=True, is_start=False) == 100


def test_a_simpler_content_lowers_it():
    assert level.following(100, terms(90), is_enough=True, is_start=True) == pytest.approx(90)
    assert level.following(100, terms(99.7), is_enough=True, is_start=True) == 100


def test_a_harder_content_raises_it_a_little_with_every_frame():
    once = level.following(100, terms(150), is_enough=False, is_start=False)
    assert 100 < once < 101
    assert once < level.following(once, terms(150), is_enough=False, is_start=False) < 102
    assert level.following(100, terms(100.1), is_enough=False, is_start=False) == pytest.approx(100.1)
