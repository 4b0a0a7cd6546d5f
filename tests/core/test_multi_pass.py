# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import threading
from pathlib import Path

import numpy as np
import pytest

from core.exr import read_exr

PASSES = {"passes": 3, "iterations": 6, "temporal_from_pass": 3, "blend_next": 0.5}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.exr"))}


def test_every_frame_goes_through_every_pass_and_is_delivered_in_the_last(make, run, tmp_path):
    status, events = run(make(**PASSES))
    assert status == 0
    started = [(event["pass"], event["frame"], event["index"]) for event in events.of("frame_started")]
    assert started == [
        *[(1, number, number) for number in (1, 2, 3, 4)],
        *[(2, number, 5 - number) for number in (4, 3, 2, 1)],
        *[(3, number, number) for number in (1, 2, 3, 4)],
    ]
    assert [(event["pass"], event["passes"]) for event in events.of("pass_frame_done")] == [(1, 3)] * 4 + [(2, 3)] * 4
    assert [(event["pass"], event["frame"]) for event in events.of("frame_done")] == [(3, 1), (3, 2), (3, 3), (3, 4)]
    assert [event["losses"]["temporal"] > 0 for event in events.of("frame_done")] == [False, True, True, True]
    assert all(event["losses"]["temporal"] == 0 for event in events.of("pass_frame_done"))
    assert all(event["iterations"] == 6 for event in [*events.of("pass_frame_done"), *events.of("frame_done")])
    assert len(contents(tmp_path / "out")) == 4
    assert not list((tmp_path / "out" / "cache" / "state").iterdir())


def test_an_even_number_of_passes_delivers_from_the_last_frame_to_the_first(make, run):
    _, events = run(make(**{**PASSES, "passes": 2}))
    assert [(event["frame"], event["index"]) for event in events.of("frame_done")] == [(4, 1), (3, 2), (2, 3), (1, 4)]


@pytest.mark.parametrize("stop_at", [(1, 3), (2, 2), (3, 1), (3, 4)])
def test_resume_at_any_frame_of_any_pass_gives_the_bits_of_an_undisturbed_run(make, run, tmp_path, stop_at):
    settings = {**PASSES, "long_term": [1, 2]}
    assert run(make(folder="whole", **settings))[0] == 0
    cancel = threading.Event()

    def stop(event):
        if event["event"] == "frame_started" and (event["pass"], event["frame"]) == stop_at:
            cancel.set()

    assert run(make(**settings), listener=stop, cancel=cancel)[0] == 130
    status, events = run(make(existing="resume", **settings))
    assert status == 0 and not events.of("warning")
    assert (events.of("frame_started")[0]["pass"], events.of("frame_started")[0]["frame"]) == stop_at
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_finished_multi_pass_job_is_kept_whole_without_its_cache(make, run):
    run(make(**PASSES))
    _, events = run(make(existing="resume", **PASSES))
    assert events[-1]["kept"] == 4 and not events.of("frame_started")


def test_only_the_current_and_the_previous_pass_stay_on_disk(make, run, tmp_path):
    most = 0

    def count(event):
        nonlocal most
        if event["event"] in ("pass_frame_done", "frame_done"):
            most = max(most, len(list((tmp_path / "out" / "cache" / "state").iterdir())))

    run(make(**{**PASSES, "passes": 5}), listener=count)
    assert 4 < most <= 8


def test_a_pass_without_blending_starts_from_the_result_before(make, run, tmp_path):
    """With no iterations in between, passes that blend nothing change nothing."""
    common = {"iterations": 0, "iterations_first": 0, "temporal_weight": 0}
    run(make(folder="one", passes=2, blend_previous=0, **common))
    run(make(folder="three", passes=4, blend_previous=0, **common))
    for one, three in zip(sorted((tmp_path / "one").glob("*.exr")), sorted((tmp_path / "three").glob("*.exr")), strict=True):
        assert np.array_equal(read_exr(one), read_exr(three))


def test_a_temporal_term_that_never_joins_is_told(make, run):
    _, events = run(make(passes=2))
    assert [event["code"] for event in events.of("warning")] == ["passes"]
    assert "lower temporal_from_pass" in events.of("warning")[0]["message"]


def test_passes_keep_to_their_shot(make, run, tmp_path):
    settings = {**PASSES, "cuts": [3]}
    assert run(make(**settings))[0] == 0
    assert len(contents(tmp_path / "out")) == 4
