# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Painting on twos, threes and so on: which frames are painted, and what is seen between them."""

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.fingerprint import fingerprint
from core.frames import read_exr, read_exr_attributes
from core.passes import schedule
from core.settings import make_settings

PASSES = {"passes": 3, "iterations": 6, "temporal_from_pass": 3}


def steps(count, cuts=(), **settings):
    chosen = make_settings(settings)
    return list(schedule(count, lambda index: index in cuts, lambda index: chosen, chosen.passes))


def order(made):
    """Painted frames as they are, frames in between in brackets."""
    return [[step.index] if step.is_between else step.index for step in made]


def test_every_shot_begins_with_a_painted_frame_and_counts_from_it():
    assert order(steps(9, cuts=(3,), every=2, between="held")) == [0, [1], 2, 3, [4], 5, [6], 7, [8]]
    assert order(steps(8, cuts=(5,), every=3, between="held")) == [0, [1], [2], 3, [4], 5, [6], [7]]


def test_warped_frames_wait_for_the_painted_frame_after_them_unless_the_shot_ends_before():
    assert order(steps(9, every=3)) == [0, 3, [1], [2], 6, [4], [5], [7], [8]]
    assert order(steps(9, cuts=(5,), every=3)) == [0, 3, [1], [2], [4], 5, 8, [6], [7]]


def test_a_frame_in_between_takes_most_from_the_nearer_neighbor():
    between = {step.index: step.blended for step in steps(6, every=4) if step.is_between}
    assert between[1] == ((0, 0.75), (4, 0.25)) and between[3] == ((0, 0.25), (4, 0.75))
    assert between[5] == ((4, 1.0),)


def test_a_held_frame_knows_only_the_painted_frame_before_it_and_no_flow():
    held = steps(4, every=4, between="held")[1:]
    assert all(step.needs == (0,) and step.moved == () and step.iterations == 0 for step in held)


def test_earlier_frames_are_counted_in_painted_frames():
    painted = [step for step in steps(13, every=3, long_term=(1, 2)) if not step.is_between]
    assert [step.held_to for step in painted] == [(), (0,), (3, 0), (6, 3), (9, 6)]
    assert [step.needs for step in steps(7, every=3, temporal_weight=0) if not step.is_between] == [(), (0,), (3,)]
    assert steps(13, every=3, long_term_every=2)[-3].held_to == (9, 6, 0)


@pytest.mark.parametrize(
    ("settings", "last"),
    [
        ({"passes": 2}, [6, [8], [7], 3, [5], [4], 0, [2], [1]]),
        ({"passes": 3}, [0, 3, [1], [2], 6, [4], [5], [7], [8]]),
        ({"passes": 2, "between": "held"}, [6, [8], [7], 3, [5], [4], 0, [2], [1]]),
        ({"passes": 3, "between": "held"}, [0, [1], [2], 3, [4], [5], 6, [7], [8]]),
    ],
)
def test_several_passes_paint_the_painted_frames_alone_and_fill_the_gaps_in_the_last(settings, last):
    made = steps(9, every=3, **settings)
    number = settings["passes"]
    assert order(step for step in made if step.pass_number == number) == last
    assert all(not step.is_between and step.index % 3 == 0 for step in made if step.pass_number < number)
    assert {other for step in made for other in step.needs} == {0, 3, 6}
    assert all(step.pass_of(other) == number for step in made if step.is_between for other in step.needs)


def test_a_gap_of_several_passes_ends_with_its_shot():
    made = steps(8, cuts=(5,), every=3, passes=2)
    assert order(step for step in made if step.pass_number == 2) == [5, [7], [6], 3, [4], 0, [2], [1]]
    assert {step.index: step.blended for step in made if step.is_between}[4] == ((3, 1.0),)


@pytest.mark.parametrize("passes", [1, 2, 3])
@pytest.mark.parametrize("between", ["warped", "held"])
@pytest.mark.parametrize("every", [1, 2, 5, 12])
def test_every_frame_is_delivered_once_and_reads_only_what_is_painted_before(passes, between, every):
    made = steps(17, cuts=(4, 9), every=every, between=between, passes=passes, long_term=(1, 2), temporal_from_pass=2)
    assert Counter(step.index for step in made if step.pass_number == passes) == Counter(range(17))
    done = set()
    for step in made:
        assert all((step.pass_of(other), other) in done for other in step.needs)
        assert all(made_shot(other) == made_shot(step.index) for other in step.needs)
        assert (step.pass_number, step.reached) in done | {(step.pass_number, step.index)}
        if not step.is_between:
            done.add((step.pass_number, step.index))


def made_shot(index):
    return sum(index >= cut for cut in (4, 9))


def test_on_ones_nothing_depends_on_what_would_be_in_between():
    assert make_settings({"between": "held"}).changing_pixels() == make_settings().changing_pixels()
    assert not {"every", "between"} & set(make_settings().changing_pixels())
    on_twos = make_settings({"every": 2}).changing_pixels()
    assert on_twos["every"] == 2 and on_twos["between"] == "warped"


def test_a_finished_frame_on_ones_fits_as_it_did_before_there_were_twos():
    step = steps(2)[1]
    known = fingerprint(make_settings({"between": "held"}), step, 2, ["content"], [("style", 1.0, "inside")], "weights", ["first"])
    assert known == fingerprint(make_settings(), step, 2, ["content"], [("style", 1.0, "inside")], "weights", ["first"])


def test_events_tell_of_every_frame_as_it_is_delivered(make, run, shot):
    status, events = run(make(shot(6), every=4))
    assert status == 0
    done = events.of("frame_done")
    assert [event["frame"] for event in done] == [1, 5, 2, 3, 4, 6]
    assert [event["index"] for event in done] == [1, 2, 3, 4, 5, 6]
    assert [event["between"] for event in done] == [False, False, True, True, True, True]
    assert [event["iterations"] for event in done] == [12, 8, 0, 0, 0, 0]
    assert [event["index"] for event in events.of("frame_started")] == [1, 2, 3, 4, 5, 6]
    assert all(Path(event["path"]).is_file() and event["eta"] >= 0 for event in done) and done[-1]["eta"] == 0
    assert done[0]["eta"] > done[2]["eta"]
    assert {(event["frame"], event["to"]) for event in events.of("flow")} == {(5, 1), *itertools.product((2, 3, 4), (1, 5)), (6, 5)}
    assert events[-1]["painted"] == 6
    json.dumps(events)


def test_a_held_frame_is_the_painted_one_unchanged(make, run, shot, tmp_path):
    _, events = run(make(shot(5), every=2, between="held"))
    assert [event["frame"] for event in events.of("frame_done")] == [1, 2, 3, 4, 5]
    frames = [read_exr(path) for path in sorted((tmp_path / "out").glob("*.exr"))]
    assert np.array_equal(frames[0], frames[1]) and np.array_equal(frames[2], frames[3])
    assert not np.array_equal(frames[1], frames[2])
    assert read_exr_attributes(tmp_path / "out" / "shot_0002.exr")["brushflow:between"] == "held"
    assert {(event["frame"], event["to"]) for event in events.of("flow")} == {(3, 1), (5, 3)}
