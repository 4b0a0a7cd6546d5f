# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots in parts that wait for nothing: what each paints before its own frames is thrown away, and the joints are measured."""

import json
import shutil
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.command_line import main
from core.consistency import mask
from core.evaluate import temporal_error
from core.flow import DIS
from core.frames import FrameSource
from core.graph import Division, tasks
from core.job import JobError, load_job
from core.part import Finish, Part
from core.plan import cost, plan
from core.preroll import FOLDER, beginning, part_starts, warmed

COUNT = 6


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.exr"))}


def apart(folder: Path) -> Path:
    return folder / "cache" / FOLDER


@pytest.fixture
def beginning_at(shot, tmp_path):
    """The pattern of the frames from a number on, as if the shot began there."""

    def copy(number: int, count: int = COUNT) -> str:
        pattern, folder = Path(shot(count)), tmp_path / f"from{number}"
        folder.mkdir()
        for one in range(number, count + 1):
            shutil.copy(pattern.with_name(f"shot_{one:04d}.png"), folder)
        return str(folder / "shot_####.png")

    return copy


@pytest.mark.parametrize(
    ("settings", "begin"),
    [
        pytest.param({"long_term": [1, 2]}, 3, id="every frame"),
        pytest.param({"long_term_every": 2}, 3, id="held to all before"),
        pytest.param({"every": 2, "between": "warped"}, 3, id="on twos"),
        pytest.param({"every": 2, "between": "held"}, 3, id="on twos, held"),
        pytest.param({"init": "first", "temporal_weight": 0}, 3, id="from the first frame"),
        pytest.param({"cuts": [4]}, 4, id="behind a cut"),
    ],
)
def test_a_part_is_painted_as_if_the_shot_began_where_it_warms_up(make, run, shot, beginning_at, tmp_path, settings, begin):
    assert run(make(beginning_at(begin), folder="whole", **settings))[0] == 0
    status, events = run(make(shot(COUNT), **settings), part=Part(5, COUNT, preroll=2))
    assert status == 0 and not events.of("warning"), events[-1]
    ours, whole = contents(tmp_path / "out"), contents(tmp_path / "whole")
    assert ours and ours.items() <= whole.items()
    assert {"shot_0005.exr", "shot_0006.exr"} <= ours.keys() and "shot_0003.exr" not in ours


def test_colors_are_matched_to_the_first_frame_of_the_shot_and_not_of_what_warms_up(make, run, shot, beginning_at, tmp_path):
    assert run(make(beginning_at(3), folder="whole", keep_colors="match"))[0] == 0
    assert run(make(shot(COUNT), keep_colors="match"), part=Part(5, COUNT, preroll=2))[0] == 0
    assert not contents(tmp_path / "out").items() & contents(tmp_path / "whole").items()


def test_what_does_not_look_back_is_not_warmed_up_and_the_same_as_in_one_run(make, run, shot, tmp_path):
    alone = {"temporal_weight": 0, "init": "content"}
    assert run(make(shot(COUNT), folder="whole", **alone))[0] == 0
    status, events = run(make(shot(COUNT), **alone), part=Part(4, COUNT, preroll=2))
    assert status == 0 and events[-1]["total"] == 3
    assert contents(tmp_path / "out").items() <= contents(tmp_path / "whole").items()


def test_a_part_tells_what_warms_up_as_pass_0_and_leaves_none_of_it(make, run, shot, tmp_path):
    status, events = run(make(shot(COUNT)), part=Part(4, 5, preroll=2))
    assert status == 0
    assert [(event["frame"], event["pass"], event["index"]) for event in events.of("pass_frame_done")] == [(2, 0, 1), (3, 0, 2)]
    assert [(event["frame"], event["pass"], event["index"]) for event in events.of("frame_done")] == [(4, 1, 3), (5, 1, 4)]
    assert {event["total"] for event in events.of("frame_done")} == {4} and events[-1]["painted"] == 4
    assert sorted(contents(tmp_path / "out")) == ["shot_0004.exr", "shot_0005.exr"]
    assert not list((tmp_path / "out" / "cache" / "state").iterdir())
    # The first part of a shot has nothing to warm up, and what it paints is what one run paints.
    status, events = run(make(shot(COUNT)), part=Part(1, 3, preroll=2))
    assert status == 0 and events[-1]["total"] == 3
    assert run(make(shot(COUNT), folder="whole"))[0] == 0
    whole = contents(tmp_path / "whole")
    assert {name for name, frame in contents(tmp_path / "out").items() if whole[name] == frame} == {
        "shot_0001.exr", "shot_0002.exr", "shot_0003.exr",
    }  # fmt: skip


@pytest.mark.parametrize("frame", [2, 3, 4, 5])
def test_a_part_that_is_interrupted_goes_on_wherever_it_was_and_its_neighbor_does_not_disturb_it(make, run, shot, tmp_path, frame):
    settings = {"long_term": [1, 2]}
    assert run(make(shot(COUNT), folder="undisturbed", **settings), part=Part(4, COUNT, preroll=3))[0] == 0
    cancel = threading.Event()

    def stop(event):
        if event["event"] == "frame_started" and event["frame"] == frame:
            cancel.set()

    job, part = make(shot(COUNT), **settings), Part(4, COUNT, preroll=3)
    assert run(job, part=part, listener=stop, cancel=cancel)[0] == 130
    assert run(job, part=Part(3, 3, preroll=2))[0] == 0
    status, events = run(job, part=part)
    assert status == 0 and not events.of("warning")
    assert [event["frame"] for event in events.of("frame_started")] == list(range(frame, COUNT + 1))
    assert contents(tmp_path / "undisturbed").items() <= contents(tmp_path / "out").items()
    status, events = run(job, part=part)
    assert status == 0 and (events[-1]["painted"], events[-1]["kept"]) == (0, 3)


def test_the_end_tells_the_temporal_error_at_the_joints_and_around_them(make, run, shot, tmp_path):
    job = make(shot(COUNT))
    finish = Finish(preroll=1, chunk=3)
    assert run(job, part=Part(4, 6, preroll=1))[0] == 0
    status, events = run(job, part=finish)
    assert status == 2 and "not there, or are those of other settings: 1, 2, 3." in events[-1]["message"]
    assert run(job, part=Part(1, 3, preroll=1))[0] == 0
    for other in (Finish(), Finish(preroll=2, chunk=3), Finish(preroll=1, chunk=2)):
        status, events = run(job, part=other)
        assert status == 2 and "those of other settings: " in events[-1]["message"]
    assert apart(tmp_path / "out").is_dir()
    status, events = run(job, part=finish)
    assert status == 0 and (events[-1]["total"], events[-1]["kept"]) == (6, 6)
    assert not apart(tmp_path / "out").exists()
    (told,) = events.of("joint")
    assert told["frame"] == 4 and told["temporal_error"] == pytest.approx(measured(job, 4), rel=1e-3)
    assert told["around"] == pytest.approx(np.mean([measured(job, number) for number in (2, 3, 5, 6)]), rel=1e-3)
    assert told["temporal_error"] > told["around"]


def measured(job, number: int) -> float:
    """The temporal error of a frame against the one before, from the files alone."""
    from core.color import display_from_linear
    from core.frames import read_image

    with job.open_content() as source:
        here, there = (display_from_linear(source.read(one)).rgb for one in (number, number - 1))
        painted = [display_from_linear(read_image(job.frame_path(one))).rgb for one in (number, number - 1)]
    flow, back = DIS().estimate(here, there), DIS().estimate(there, here)
    return temporal_error(*painted, flow, mask(flow, back, "soft"))


def test_a_whole_run_afterwards_keeps_what_is_right_and_paints_the_rest_anew(make, run, shot, tmp_path):
    for part in (Part(4, 6, preroll=1), Part(1, 3, preroll=1)):
        assert run(make(shot(COUNT)), part=part)[0] == 0
    assert apart(tmp_path / "out").is_dir()
    status, events = run(load_job(tmp_path / "out" / "job.json"))
    assert status == 0 and (events[-1]["kept"], events[-1]["painted"]) == (3, 3)
    assert {event["code"] for event in events.of("warning")} == {"state"}
    assert not apart(tmp_path / "out").exists()


def test_a_part_reads_no_frames_but_those_that_it_needs(make, run, shot, monkeypatch):
    read = set()
    pixels = FrameSource._pixels

    def noticed(source, number):
        read.add(number)
        return pixels(source, number)

    pattern = shot(COUNT + 6)
    monkeypatch.setattr(FrameSource, "_pixels", noticed)
    assert run(make(pattern), part=Part(7, 8, preroll=1))[0] == 0
    assert read - {1} == {6, 7, 8}  # 1: checked before the start
    read.clear()
    assert run(make(pattern), part=Part(9, 10, preroll=1))[0] == 0
    assert read - {1} == {8, 9, 10}
    # What one part knows holds for the next.
    survey = json.loads((Path(make(pattern).output.folder) / "cache" / "survey.json").read_text("utf-8"))
    assert sorted(survey["frames"], key=int) == [str(index) for index in range(5, 10)]


@pytest.mark.parametrize("settings", [{}, {"every": 3}, {"every": 2, "between": "held"}, {"long_term": [1, 4]}, {"init": "first"}], ids=str)
@pytest.mark.parametrize("preroll", [1, 2, 5, 40])
def test_every_frame_is_of_one_part_and_what_it_is_made_of_is_painted_there(make, settings, preroll):
    job, count, cuts = make("shot_####.png", **settings), 29, [0, 12, 14]
    starts = part_starts(cuts, count, 4, preroll)
    owned = []
    for first, after in pairwise([*starts, count]):
        ours = warmed(job.settings_at, lambda index: index in cuts, count, first, after - 1, preroll)
        done = set()
        for step in (*ours.before, *ours.own):
            assert done.issuperset(step.needs)
            done.add(step.index)
        assert ours.shot == max(cut for cut in cuts if cut <= first)
        assert all(ours.begin <= step.index < first and step.reached < first for step in ours.before)
        owned += [step.index for step in ours.own]
    assert sorted(owned) == list(range(count))


def test_a_rest_that_is_no_longer_than_what_would_warm_it_up_stays_with_the_part_before():
    assert part_starts([0, 10], 36, 8, 2) == [0, 10, 18, 26]
    assert part_starts([0, 10], 37, 8, 2) == [0, 10, 18, 26, 34]
    assert part_starts([0, 10], 36, 8) == [0, 8, 10, 18, 26, 34]


def test_a_part_on_twos_begins_with_a_frame_that_is_painted_anyway(make):
    settings = make("shot_####.png", every=3).resolved_settings()
    assert beginning(settings, lambda index: index == 10, 20, 4) == (10, 16)
    assert beginning(settings, lambda index: index == 10, 20, 40) == (10, 10)
    assert beginning(settings, lambda index: index == 10, 10, 4) == (10, 10)


def test_the_chunks_of_a_shot_wait_for_nothing_and_say_what_they_throw_away(make):
    job = make("shot_####.png", iterations_first=12, iterations=8)
    made = tasks(job, Path("/film/job.json"), range(1, 23), 10**6, lambda index: index == 12, "shot", Division(chunk=5, preroll=2))
    paint = [task for task in made if task.kind == "paint"]
    assert [(task.id, task.warming) for task in paint] == [
        ("shot:paint:1-5", None), ("shot:paint:6-12", 2), ("shot:paint:13-17", None), ("shot:paint:18-22", 2),
    ]  # fmt: skip
    assert not any(task.needs for task in paint)
    assert paint[1].command == ("run", "/film/job.json", "--only=6-12", "--preroll=2")
    assert paint[1].weight == 12 + 8 * 8 and paint[1].as_dict()["warming"] == 2 and "part" not in paint[1].as_dict()
    assert made[-1].command == ("run", "/film/job.json", "--finish", "--preroll=2", "--chunk=5")
    assert made[-1].needs == tuple(task.id for task in paint)
    flow = tasks(job, Path("/film/job.json"), range(1, 23), 10**6, lambda index: False, "shot", Division(6, None, True, 4))
    assert [task.needs for task in flow if task.id == "shot:paint:13-22"] == [("shot:flow:7-12", "shot:flow:13-18", "shot:flow:19-22")]


def test_the_tasks_of_a_plan_in_whatever_order_make_all_frames(written, capfd):
    place = written(count=COUNT, cuts=[5])
    assert main(["plan", str(place), "--chunk=2", "--preroll=1"]) == 0
    assert "may jump at one place, " in capfd.readouterr().err
    made = plan([place], Division(chunk=2, preroll=1))
    for task in (*made[-2::-1], made[-1]):
        assert main([*task.command, "--json"]) == 0, task
    assert len(contents(place.parent)) == COUNT
    assert [event["frame"] for event in map(json.loads, capfd.readouterr().out.splitlines()) if event["event"] == "joint"] == [3]


def test_what_a_preroll_costs_is_said_in_one_sentence(written, capsys):
    place = written(count=24)
    assert cost(plan([place], Division(chunk=8))) == "" == cost(plan([place], Division(chunk=24, preroll=2)))
    said = cost(plan([place], Division(chunk=8, preroll=2)))
    assert "at 2 places" in said and "4 frames are painted to be thrown away (17 % more than the 24 that stay)." in said
    assert main(["plan", str(place), "--chunk=8", "--preroll=2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cost"] == said and [task.get("warming") for task in told["tasks"]] == [None, 2, 2, None]


def test_jobs_of_many_passes_take_no_preroll(make, written, shot, capsys):
    sentence = "shot paints its frames in 3 passes and is divided without a preroll"
    with pytest.raises(JobError, match=sentence):
        plan([written(count=COUNT, passes=3)], Division(preroll=2))
    job = make(shot(COUNT), passes=3)
    for part in (Part(1, 2, preroll=2), Part(1, 2, 2, preroll=2), Finish(2, 24)):
        with job.open_content() as source, pytest.raises(JobError, match=sentence):
            part.check(job, source)
    assert main(["run", str(written(count=COUNT, passes=3)), "--only=1-2", "--preroll=2"]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--preroll=2"], "goes with --only, --finish or --on"),
        (["run", "--only=1-2", "--preroll=0"], "1 at least"),
        (["run", "--only=1-2", "--flow-only", "--preroll=2"], "leave it out with --flow-only"),
        (["plan", "--preroll=0"], "1 at least"),
        (["plan", "--preroll=2", "--chain=4"], "choose one"),
    ],
    ids=" ".join,
)
def test_a_preroll_where_there_can_be_none_is_refused(arguments, words, tmp_path, capsys):
    assert main([arguments[0], str(tmp_path / "job.json"), *arguments[1:]]) == 2
    assert words in capsys.readouterr().err
