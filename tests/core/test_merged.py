# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of tasks as those of one run."""

import json

import pytest

from core.merged import SKIPPED, Merged
from core.plan import plan
from tests.core.conftest import Events


@pytest.fixture
def merged(make, shot):
    """Two jobs of one name, six frames with a cut and four in two passes: (merged, events, tasks by id of each job)."""
    places = []
    for folder, count, settings in (("one", 6, {"cuts": (4,)}), ("two", 4, {"passes": 2})):
        job = make(shot(count, folder=f"frames_{folder}"), folder=folder, **settings)
        job.folder.mkdir()
        places.append(job.folder / "asked.json")
        places[-1].write_text(json.dumps(job.as_json()), "utf-8")
    tasks, events = plan(places), Events()
    numbers = [{task.id.partition(":")[2]: number for number, task in enumerate(tasks) if task.job == str(place)} for place in places]
    return Merged(places, tasks, events), events, numbers


def ready(total: int) -> dict[str, object]:
    return {"event": "ready", "job": "shot", "total": total, "first": 0, "last": 0, "passes": 9, "name": "shot", "device": "cpu"}


def frame(number: int, of_pass: int = 1, *, kept: bool = False, event: str = "frame_done") -> dict[str, object]:
    return {"event": event, "job": "shot", "frame": number, "pass": of_pass, "index": 1, "total": 3, "kept": kept, "eta": 1.0}


def paint(merged: Merged, number: int, frames: range, **more: object) -> None:
    merged.told(number, ready(len(frames)))
    for one in frames:
        merged.told(number, frame(one, **more))
    merged.ended(number, 0)


def test_a_job_is_told_once_with_all_its_frames_and_ends_with_its_last_task(merged):
    merging, events, (one, _) = merged
    merging.told(one["paint:4-6"], ready(3))
    merging.told(one["paint:4-6"], frame(4))
    paint(merging, one["paint:1-3"], range(1, 4))
    merging.told(one["paint:4-6"], frame(5))
    merging.told(one["paint:4-6"], frame(6, kept=True))
    merging.ended(one["paint:4-6"], 0)
    assert not events.of("done")
    paint(merging, one["finish"], range(1, 7), kept=True)
    (told,) = events.of("ready")
    assert (told["total"], told["first"], told["last"], told["passes"]) == (6, 1, 6, 1)
    assert [(event["frame"], event["index"], event["total"]) for event in events.of("frame_done")] == [
        (4, 1, 6), (1, 2, 6), (2, 3, 6), (3, 4, 6), (5, 5, 6), (6, 6, 6),
    ]  # fmt: skip
    assert events[-1]["event"] == "done" and (events[-1]["painted"], events[-1]["kept"]) == (5, 1)


def test_jobs_of_one_name_are_told_apart(merged):
    merging, events, (one, two) = merged
    merging.told(one["paint:1-3"], ready(3))
    merging.told(two["pass1:1-4"], ready(4))
    assert [event["job"] for event in events] == ["shot", "shot-2"]


def test_frames_of_earlier_passes_are_counted_by_themselves(merged):
    merging, events, (_, two) = merged
    paint(merging, two["pass1:1-4"], range(1, 5), event="pass_frame_done")
    paint(merging, two["pass2:1-4"], range(4, 0, -1), of_pass=2)
    paint(merging, two["finish"], range(0))
    for name in ("pass_frame_done", "frame_done"):
        assert [event["index"] for event in events.of(name)] == [1, 2, 3, 4]
    assert (events[-1]["painted"], events[-1]["kept"]) == (4, 0)


def test_what_warms_up_is_no_frame_of_the_job_and_the_end_tells_of_joints(merged):
    merging, events, (one, _) = merged
    merging.told(one["paint:4-6"], ready(4))
    for event in ("frame_started", "pass_frame_done"):
        merging.told(one["paint:4-6"], frame(3, 0, event=event))
    for number in (4, 5, 6):
        merging.told(one["paint:4-6"], frame(number))
    merging.told(one["finish"], {"event": "joint", "job": "shot", "frame": 4, "temporal_error": 0.2, "around": 0.1})
    assert [event["event"] for event in events[1:]] == ["frame_done"] * 3 + ["joint"]
    assert [event["index"] for event in events.of("frame_done")] == [1, 2, 3]


def test_what_a_task_finds_that_it_had_finished_before_its_worker_died_is_told_no_second_time(merged):
    merging, events, (one, _) = merged
    merging.told(one["paint:1-3"], ready(3))
    merging.told(one["paint:1-3"], frame(1))
    paint(merging, one["paint:1-3"], range(1, 2), kept=True)
    assert [event["kept"] for event in events.of("frame_done")] == [False]
    assert len(events.of("ready")) == 1


def test_the_time_left_is_that_of_the_frames_that_are_left(merged, monkeypatch):
    merging, events, (one, _) = merged
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr("core.merged.time.monotonic", lambda: next(clock))
    paint(merging, one["paint:1-3"], range(1, 4))
    left = [event["eta"] for event in events.of("frame_done")]
    # 10 seconds a frame; a later shot of as many frames weighs the same.
    assert left == pytest.approx([50.0, 40.0, 30.0])


def test_an_error_ends_a_job_once_its_other_tasks_have_ended(merged):
    merging, events, (one, two) = merged
    merging.told(one["paint:1-3"], ready(3))
    merging.told(one["paint:1-3"], {"event": "error", "code": "disk", "message": "No.", "hint": "", "log": ""})
    merging.ended(one["paint:1-3"], 1)
    merging.ended(one["finish"], SKIPPED)
    assert not events.of("error")
    paint(merging, one["paint:4-6"], range(4, 7))
    assert [event["code"] for event in events.of("error")] == ["disk"]
    for name in two:
        paint(merging, two[name], range(0))
    assert [event["job"] for event in events.of("done")] == ["shot-2"]
    assert merging.end() == 1


def test_cancelled_jobs_say_what_is_done_of_them(merged):
    merging, events, (one, two) = merged
    merging.told(one["paint:1-3"], ready(3))
    merging.told(one["paint:1-3"], frame(1))
    for number in (*one.values(), *two.values()):
        merging.ended(number, 130)
    assert merging.end() == 130
    (told,) = events.of("cancelled")
    assert (told["job"], told["painted"], told["kept"], told["total"]) == ("shot", 1, 0, 6)


def test_what_is_lost_is_told_in_one_error(merged):
    merging, events, (one, _) = merged
    merging.told(one["paint:1-3"], ready(3))
    assert merging.end(lost={"code": "ray", "message": "Lost.", "hint": "Again."}) == 1
    assert [(event["event"], event.get("message")) for event in events[1:]] == [("error", "Lost.")]


def test_the_order_of_warnings_is_kept_and_each_kind_comes_once(merged):
    merging, events, (one, _) = merged
    for code in ("a", "b", "a"):
        merging.told(one["paint:1-3"], {"event": "warning", "code": code, "message": code})
    assert [event["code"] for event in events.of("warning")] == ["a", "b"]
