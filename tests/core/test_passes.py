# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from core.passes import memory, schedule
from core.settings import make_settings


def steps(count=6, cuts=(), **settings):
    chosen = make_settings(settings)
    return list(schedule(count, lambda index: index in cuts, lambda index: chosen, chosen.passes))


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


def test_every_earlier_frame_at_a_multiple_is_held_to_back_to_the_start_of_the_shot():
    by_index = steps(count=8, cuts=(1,), long_term_every=3)
    assert by_index[7].held_to == (6, 4, 1)
    assert by_index[4].held_to == (3, 1) and by_index[3].held_to == (2,)
    assert steps(count=6, long_term=(1, 2), long_term_every=2)[5].held_to == (4, 3, 1)


def by_pass(**settings):
    passes = settings["passes"]
    made = steps(**settings)
    return [[step for step in made if step.pass_number == number] for number in range(1, passes + 1)]


def test_passes_run_forward_and_backward_by_turns_and_the_first_paints_every_frame_alone():
    first, second, third = by_pass(count=3, passes=3, iterations=7)
    assert [step.index for step in first] == [step.index for step in third] == [0, 1, 2]
    assert [step.index for step in second] == [2, 1, 0]
    assert all(step.needs == () and step.start == "content" and step.iterations == 7 for step in first)
    assert all(step.start == "blend" and step.iterations == 7 for step in second + third)


def test_a_frame_of_a_later_pass_takes_in_its_neighbors_each_from_the_pass_that_has_it():
    _, second, third = by_pass(count=3, passes=3, blend_next=0.5)
    middle = second[1]
    assert middle.previous == 2 and middle.blended == ((2, 1.0), (0, 0.5))
    assert {other: middle.pass_of(other) for other in middle.needs} == {1: 1, 2: 2, 0: 1}
    assert middle.moved == (0, 2)
    assert third[0].blended == ((1, 0.5),) and third[2].blended == ((1, 1.0),)
    assert by_pass(count=3, passes=2)[1][1].blended == ((2, 1.0),)


def test_the_temporal_term_joins_from_its_pass_on_and_looks_back_along_the_pass():
    passes = by_pass(count=6, passes=4, temporal_from_pass=3, long_term=(1, 2))
    assert all(step.held_to == () for step in passes[0] + passes[1])
    assert [step.held_to for step in passes[2]] == [(), (0,), (1, 0), (2, 1), (3, 2), (4, 3)]
    assert [step.held_to for step in passes[3]] == [(), (5,), (4, 5), (3, 4), (2, 3), (1, 2)]


def test_no_pass_reaches_across_a_cut():
    _, second, third = by_pass(count=4, passes=3, cuts=(2,), blend_next=1.0, temporal_from_pass=2, long_term=(1, 2))
    for step in second + third:
        assert all((other < 2) == (step.index < 2) for other in step.needs)
    assert [step.shot for step in third] == [0, 0, 2, 2]
