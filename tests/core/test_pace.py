# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest

from core.pace import Pace
from core.passes import schedule
from core.settings import make_settings


def left(seconds, count=9, settings=None, skipped=()):
    """What is told after each step of a job, where a painted frame takes `seconds` and one in between a tenth."""
    chosen = make_settings({"iterations_first": 400, "iterations": 100, **(settings or {})})
    pace, places, told = Pace(chosen, count), 0, []
    for step in schedule(count, lambda index: False, lambda index: chosen, chosen.passes):
        places += step.pass_number == chosen.passes
        if step.index not in skipped:
            took = 4 * seconds if step.is_first and chosen.passes == 1 else seconds / 10 if step.is_between else seconds
            told.append(pace.left(step, places, step.iterations, took))
    return told


def test_the_first_frame_tells_by_its_iterations_what_later_ones_take():
    assert left(10.0) == pytest.approx([80, 70, 60, 50, 40, 30, 20, 10, 0])


def test_only_painted_frames_count_where_the_others_cost_little():
    told = left(10.0, settings={"every": 4})
    # 0, 4, 1-3, 8, 5-7: two, one and then no frame to paint, and six in between, of whose time nothing is known at first.
    assert told == pytest.approx([20, 10, 15, 14, 13, 3, 2, 1, 0])


def test_the_passes_to_come_count_too():
    told = left(10.0, count=4, settings={"passes": 3, "every": 2})
    assert told == pytest.approx([50, 40, 30, 20, 10, 0, 1, 0])
    assert left(10.0, count=3, settings={"passes": 2}) == pytest.approx([50, 40, 30, 20, 10, 0])


def test_nothing_is_told_before_anything_was_painted():
    assert left(10.0, count=7, settings={"every": 3}, skipped=(0, 3))[:2] == [None, None]
