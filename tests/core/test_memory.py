# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import threading
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import memory
from core.devices import Plan
from core.memory import OutOfMemory, Work, fitting, free_memory, needed, next_smaller, planned
from core.settings import PRESETS, Settings, SettingsError, make_settings

QUICK = {"iterations_first": 6, "iterations": 4}  # of the job that `make` makes
FOUR_K = (3840, 2160)

sizes = st.tuples(st.integers(16, 8192), st.integers(16, 8192))
plans = st.builds(
    Plan, st.sampled_from(["cpu", "cuda:0"]), st.sampled_from(["float32", "bfloat16"]), st.just(2), st.integers(1, 200), st.just(False)
)
choices = st.builds(
    lambda preset, network, optimizer: make_settings({"network": network, "optimizer": optimizer}, preset),
    st.sampled_from(list(PRESETS)), st.sampled_from(["vgg16", "vgg19"]), st.sampled_from(["lbfgs", "adam"]),
)  # fmt: skip


def whole(history=20):
    return Plan("cpu", "bfloat16", 2, history, False)


def just_short_of_whole(size):
    """Gigabytes."""
    return needed(whole(), Work.of(make_settings(QUICK), size)) / 1e9 - 1e-6


def ladder(plan):
    found = [plan]
    while (smaller := found[-1].smaller()) is not None:
        found.append(smaller)
    return found


@given(plans)
def test_plans_get_smaller_in_every_respect_down_to_one_remembered_step(plan):
    found = ladder(plan)
    assert found[-1].history == 1 and found[-1].checkpointing == 5
    for larger, smaller in pairwise(found):
        assert smaller.history <= larger.history and smaller.checkpointing >= larger.checkpointing
        assert smaller.strip_rows and (not larger.strip_rows or smaller.strip_rows <= larger.strip_rows)
        assert replace(smaller, history=1, checkpointing=0, strip_rows=0) == replace(larger, history=1, checkpointing=0, strip_rows=0)


@given(plans, sizes, choices)
def test_a_smaller_plan_needs_no_more(plan, size, settings):
    # Between plans of a picture that is hardly higher than a strip there is nothing to choose.
    size = size[0], size[1] + 512
    work = Work.of(settings, size)
    found = [needed(one, work) for one in ladder(plan)]
    assert found == sorted(found, reverse=True)


@given(plans, sizes, choices, st.floats(0, 200), st.floats(0, 200))
def test_less_memory_never_gives_a_bigger_plan_and_every_plan_fits(plan, size, settings, a, b):
    work, found = Work.of(settings, size), []
    for limit in sorted((1e9 * a, 1e9 * b)):
        try:
            found.append(fitting(plan, work, limit))
            assert needed(found[-1], work) <= limit
        except OutOfMemory as problem:
            assert not found
            assert "GB of memory at least" in str(problem)
    if len(found) == 2:
        assert ladder(plan).index(found[0]) >= ladder(plan).index(found[1])


def test_a_larger_picture_never_gets_a_bigger_plan():
    found = [fitting(whole(), Work.of(Settings(), (side, side)), 8e9) for side in range(256, 3000, 256)]
    places = [ladder(whole()).index(plan) for plan in found]
    assert places == sorted(places) and places[0] == 0 and places[-1] > 0


def test_frames_of_four_thousand_pixels_fit_into_eight_gigabytes():
    plan = fitting(whole(), Work.of(Settings(), FOUR_K), 8e9)
    assert plan.checkpointing == 5 and plan.history >= 7


def test_what_does_not_fit_is_told_in_one_sentence_with_what_helps():
    with pytest.raises(OutOfMemory) as caught:
        planned(Settings(device="cpu", memory_limit=1.5), FOUR_K)
    assert str(caught.value).startswith("Frames of 3840×2160 need") and str(caught.value).endswith("where 1.5 GB are left.")
    assert "raise memory_limit" in caught.value.hint


def test_the_limit_is_what_is_free_unless_it_is_set(monkeypatch):
    for free, limit, expected in ((64e9, 0, 0), (8e9, 0, 5), (64e9, 8, 5), (8e9, 64, 5)):
        monkeypatch.setattr(memory, "free_memory", lambda plan, free=free: int(free))
        assert planned(Settings(device="cpu", precision="bfloat16", memory_limit=limit), FOUR_K).checkpointing == expected
    monkeypatch.setattr(memory, "free_memory", lambda plan: None)
    assert planned(Settings(device="cpu", precision="bfloat16"), FOUR_K) == replace(
        whole(), threads=planned(Settings(device="cpu"), (16, 16)).threads
    )


def test_the_free_memory_of_this_machine_is_known():
    free = free_memory(whole())
    assert free is not None and 100e6 < free < 1e14


def test_the_limit_of_a_container_counts(tmp_path):
    assert list(memory._left_to_group(tmp_path)) == []
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert list(memory._left_to_group(tmp_path)) == [2_000_000]
    (tmp_path / "memory.max").write_text("max\n")
    assert list(memory._left_to_group(tmp_path)) == []


def test_an_earlier_plan_is_taken_up_as_far_as_it_fits():
    settings = Settings(device="cpu", precision="bfloat16")
    earlier = {"device": "cpu", "checkpointing": 2, "strip_rows": 64, "history": 15}
    taken = planned(settings, (64, 48), earlier)
    assert (taken.checkpointing, taken.strip_rows, taken.history) == (2, 64, 15)
    old = planned(settings, (64, 48), {"device": "cpu", "precision": "bfloat16", "threads": 1, "history": 5, "deterministic": False})
    assert (old.checkpointing, old.strip_rows, old.history, old.threads) == (0, 0, 20, 1)
    assert planned(replace(settings, memory_limit=8), FOUR_K, earlier).checkpointing == 5
    assert planned(replace(settings, history=4), (64, 48), earlier).history == 4


def test_a_plan_can_be_asked_for_that_is_some_steps_below_the_one_that_fits():
    settings = Settings(device="cpu", precision="bfloat16")
    steps = ladder(planned(settings, (64, 48)))
    for count in (0, 1, 3):
        assert planned(settings, (64, 48), smaller=count) == steps[count]
    earlier = steps[2].as_dict()
    assert planned(settings, (64, 48), earlier, smaller=1) == steps[3]
    with pytest.raises(OutOfMemory, match="even by the plan that takes least"):
        planned(settings, (64, 48), smaller=len(steps))
    with pytest.raises(OutOfMemory):
        next_smaller(steps[-1], (64, 48))


@pytest.mark.parametrize("value", [-1, float("nan"), "8 GB", 1e6])
def test_a_memory_limit_is_a_number_of_gigabytes(value):
    with pytest.raises(SettingsError, match="memory_limit"):
        Settings(memory_limit=value)


def test_the_memory_limit_leaves_finished_frames_valid():
    assert "memory_limit" not in Settings(memory_limit=3).changing_pixels()


def test_a_job_is_resumed_by_the_plan_that_it_was_begun_with(make, run):
    limit, cancel = just_short_of_whole((48, 40)), threading.Event()
    undisturbed = make(folder="undisturbed", memory_limit=limit)
    assert run(undisturbed)[0] == 0
    begun = make(memory_limit=limit)
    assert run(begun, cancel=cancel, listener=lambda event: event["event"] == "frame_done" and cancel.set())[0] == 130
    recorded = json.loads((begun.folder / "job.json").read_text("utf-8"))["plan"]
    assert recorded["checkpointing"] > 0
    resumed = make(existing="resume").model_copy(update={"plan": recorded})
    status, events = run(resumed)
    (ready,) = events.of("ready")
    assert status == 0 and ready["plan"] == recorded
    assert any(event["kept"] for event in events.of("frame_done"))
    for number in range(1, 5):
        assert resumed.frame_path(number).read_bytes() == undisturbed.frame_path(number).read_bytes()


def test_a_job_without_room_is_refused_before_it_paints(make, run):
    status, events = run(make(memory_limit=0.1))
    (error,) = events.of("error")
    assert status == 1 and error["code"] == "memory" and "need" in error["message"] and "memory_limit" in error["hint"]
    assert not events.of("ready")
