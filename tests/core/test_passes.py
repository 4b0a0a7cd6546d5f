# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from core.passes import memory, single_pass
from core.settings import make_settings


def steps(count=6, cuts=(), **settings):
    chosen = make_settings(settings)
    return list(single_pass(count, lambda index: index in cuts, lambda index: chosen))


def test_every_frame_holds_to_the_one_before():
    first, *later = steps()
    assert first.is_first and first.held_to == () and first.start == "content" and first.needs == ()
    for index, step in enumerate(later, 1):
        assert (step.index, step.held_to, step.start, step.needs) == (index, (index - 1,), "previous_warped", (index - 1,))


def test_the_first_frame_has_its_own_start_and_iterations():
    first, second, *_ = steps(init_first="random", init="content", iterations_first=9, iterations=4)
    assert (first.start, first.iterations) == ("random", 9)
    assert (second.start, second.iterations) == ("content", 4)


def test_earlier_frames_are_nearest_first_and_none_before_the_shot():
    assert [step.held_to for step in steps(long_term=(4, 1, 2))] == [(), (0,), (1, 0), (2, 1), (3, 2, 0), (4, 3, 1)]


def test_nothing_reaches_across_a_cut():
    by_index = steps(cuts=(3,), long_term=(1, 2))
    assert [step.shot for step in by_index] == [0, 0, 0, 3, 3, 3]
    assert by_index[3].is_first and by_index[3].held_to == ()
    assert by_index[4].needs == (3,) and by_index[5].needs == (4, 3)


def test_without_a_temporal_weight_nothing_is_held_to():
    assert all(step.held_to == () for step in steps(temporal_weight=0))
    assert steps(temporal_weight=0, init="random")[2].needs == ()
    assert steps(temporal_weight=0)[2].needs == (1,)  # it still starts from the warped previous frame


def test_the_first_frame_of_the_shot_can_be_the_start_of_all():
    assert [step.needs for step in steps(cuts=(3,), init="first", temporal_weight=0)] == [(), (0,), (0,), (), (3,), (3,)]


def test_the_memory_is_the_farthest_distance():
    assert memory(make_settings({"long_term": (1, 2, 4)})) == 4
