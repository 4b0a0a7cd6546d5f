# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a job, each of which knows of the others by the folder alone."""

import threading
from contextlib import closing
from pathlib import Path

import cv2
import pytest

from core.frames import FrameSource
from core.job import JobError, load_job
from core.lock import FolderLock, Locked
from core.part import Finish, Part, frame_range
from core.part_run import FINISHED

PASSES = {"passes": 3, "iterations": 4, "temporal_from_pass": 3, "blend_next": 0.5}
COUNT, CHUNK = 8, 3


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.exr"))}


def states(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache" / "state").iterdir())


def chunks(count: int = COUNT, size: int = CHUNK) -> list[tuple[int, int]]:
    return [(first, min(first + size - 1, count)) for first in range(1, count + 1, size)]


def in_order(passes: int = 1) -> list[Part]:
    """Parts of a job in an order in which they can be done."""
    parts = []
    for number in range(1, passes + 1):
        ranges = chunks() if number % 2 else chunks()[::-1]
        parts += [Part(first, last, number if passes > 1 else None) for first, last in ranges]
    return parts


@pytest.fixture
def two_shots(shot, tmp_path):
    """A pattern of frames with a cut before frame 5."""
    shot(4, seed=1, folder="film")
    shot(4, seed=77, folder="film", first=5)
    return str(tmp_path / "film" / "shot_####.png")


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"long_term": [1, 2, 4]}, id="single pass"),
        pytest.param({"long_term": [1, 2, 4], "cuts": [5]}, id="cut at a number"),
        pytest.param({"long_term": [1, 2], "cuts": "auto"}, id="cut found"),
        pytest.param({"long_term": [1, 2], "every": 2, "between": "warped"}, id="painted on twos"),
        pytest.param({"long_term": [1], "every": 3, "between": "held", "long_term_every": 2}, id="painted on threes, held"),
        pytest.param({"init": "first", "temporal_weight": 0}, id="from the first frame"),
    ],
)
def test_parts_of_a_single_pass_give_the_bits_of_the_whole_job(make, run, tmp_path, two_shots, settings):
    assert run(make(two_shots, folder="whole", **settings))[0] == 0
    for part in in_order():
        status, events = run(make(two_shots, **settings), part=part)
        assert status == 0, events[-1]
        assert not events.of("warning") and events[-1]["kept"] == 0
        done = events.of("frame_done")
        assert [event["index"] for event in done] == list(range(1, events[-1]["total"] + 1))
        assert {event["total"] for event in done} == {events.of("ready")[0]["total"]}
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert run(make(two_shots, **settings), part=Finish())[0] == 0
    assert states(tmp_path / "out") == []


@pytest.mark.parametrize(
    "settings", [{}, {"every": 2}, {"cuts": [5], "long_term": [1, 2], "temporal_from_pass": 2}, {"passes": 2}], ids=str
)
def test_parts_of_many_passes_give_the_bits_of_the_whole_job(make, run, tmp_path, two_shots, settings):
    settings = {**PASSES, **settings}
    assert run(make(two_shots, folder="whole", **settings))[0] == 0
    for part in in_order(settings["passes"]):
        status, events = run(make(two_shots, **settings), part=part)
        assert status == 0, events[-1]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert len(states(tmp_path / "out")) < COUNT  # let go of as soon as nobody asks for them
    assert run(make(two_shots, **settings), part=Finish())[0] == 0
    assert states(tmp_path / "out") == []


def test_a_part_begins_as_soon_as_its_neighbors_are_there_and_is_refused_before(make, run, shot, tmp_path):
    job = make(shot(COUNT), **PASSES)
    status, events = run(job, part=Part(4, 6, 2))
    assert status == 2 and [event["event"] for event in events] == ["error"]
    assert events[0]["code"] == "part" and "Frames 4 to 6 need frames of pass 1 that are not there: 3, 4, 5, 6." in events[0]["message"]
    for first, last in [(7, 8), (4, 6)]:
        assert run(job, part=Part(first, last, 1))[0] == 0
    assert run(job, part=Part(7, 8, 2))[0] == 0
    status, events = run(job, part=Part(4, 6, 2))
    assert status == 2 and "of pass 1 that are not there: 3." in events[0]["message"]
    assert run(job, part=Part(1, 3, 1))[0] == 0
    assert run(job, part=Part(4, 6, 2))[0] == 0


def test_a_part_that_is_done_again_keeps_what_is_there(make, run, shot, tmp_path):
    job = make(shot(COUNT), long_term=[1, 2])
    cancel = threading.Event()

    def stop(event):
        if event["event"] == "frame_started" and event["frame"] == 3:
            cancel.set()

    assert run(make(shot(COUNT), folder="whole", long_term=[1, 2]))[0] == 0
    assert run(job, part=Part(1, 4), listener=stop, cancel=cancel)[0] == 130
    status, events = run(job, part=Part(1, 4))
    assert status == 0 and (events[-1]["kept"], events[-1]["painted"]) == (2, 2) and not events.of("warning")
    status, events = run(job, part=Part(5, 8))
    status, events = run(job, part=Part(1, 4))
    assert status == 0 and (events[-1]["kept"], events[-1]["painted"]) == (4, 0)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_results_that_were_let_go_of_are_not_painted_again(make, run, shot, tmp_path):
    job = make(shot(COUNT), **PASSES)
    for part in in_order(3):
        assert run(job, part=part)[0] == 0
    for part in in_order(3):
        status, events = run(job, part=part)
        assert status == 0 and events[-1]["painted"] == 0 and events[-1]["kept"] == events[-1]["total"]


def test_motion_can_be_found_beforehand(make, run, shot, tmp_path):
    job = make(shot(COUNT), long_term=[1, 2])
    status, events = run(job, part=Part(4, 6, flow_only=True))
    assert status == 0
    assert [(event["frame"], event["to"]) for event in events.of("pair_done")] == [(4, 2), (4, 3), (5, 3), (5, 4), (6, 4), (6, 5)]
    assert [event["index"] for event in events.of("pair_done")] == list(range(1, 7)) and events[-1]["painted"] == 6
    assert not contents(tmp_path / "out")
    kept = sorted((tmp_path / "out" / "cache" / "flow").iterdir())
    status, events = run(job, part=Part(4, 6, flow_only=True))
    assert status == 0 and (events[-1]["painted"], events[-1]["kept"]) == (0, 6)
    assert run(job, part=Part(1, 3))[0] == run(job, part=Part(4, 6))[0] == 0
    assert {*kept} <= {*(tmp_path / "out" / "cache" / "flow").iterdir()}
    assert not [path for path in (tmp_path / "out" / "cache" / "flow").iterdir() if path.name.startswith(("mask_0007", "flow_0007"))]


def test_the_end_of_a_job_is_refused_while_frames_are_missing(make, run, shot, tmp_path):
    job = make(shot(COUNT))
    assert run(job, part=Part(1, 6))[0] == 0
    status, events = run(job, part=Finish())
    assert status == 2 and "not there, or are those of other settings: 7, 8." in events[-1]["message"]
    assert run(make(shot(COUNT), style_weight=7), part=Finish())[0] == 2
    assert run(job, part=Part(7, 8))[0] == 0
    status, events = run(job, part=Finish())
    assert status == 0 and (events[-1]["total"], events[-1]["kept"]) == (8, 8)


def test_a_whole_run_goes_on_from_parts(make, run, shot, tmp_path):
    assert run(make(shot(COUNT), folder="whole", long_term=[1, 2]))[0] == 0
    assert run(make(shot(COUNT), long_term=[1, 2]), part=Part(1, 5))[0] == 0
    status, events = run(load_job(tmp_path / "out" / "job.json"))
    assert status == 0 and events[-1]["kept"] == 5 and not events.of("warning")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_part_that_begins_first_decides_how_all_are_computed(make, run, shot, tmp_path):
    assert run(make(shot(COUNT), precision="auto"), part=Part(1, 2))[0] == 0
    recorded = load_job(tmp_path / "out" / "job.json")
    plan = {**recorded.plan, "threads": 1}
    (tmp_path / "out" / "job.json").write_text(recorded.model_copy(update={"plan": plan}).model_dump_json(by_alias=True, exclude_none=True))
    _, events = run(make(shot(COUNT), precision="auto"), part=Part(3, 4))
    assert events.of("ready")[0]["plan"]["threads"] == 1
    # What another job has left there is no plan of this one.
    _, events = run(make(shot(COUNT), precision="float32"), part=Part(1, 2))
    assert events.of("ready")[0]["plan"]["precision"] == "float32"
    assert load_job(tmp_path / "out" / "job.json").settings["precision"] == "float32"


def test_later_parts_do_not_read_the_frames_before_again(make, run, shot, tmp_path, monkeypatch):
    pattern = shot(COUNT)
    assert run(make(pattern), part=Part(1, 6))[0] == 0
    read = set()
    pixels = FrameSource._pixels

    def noticed(source, number):
        read.add(number)
        return pixels(source, number)

    monkeypatch.setattr(FrameSource, "_pixels", noticed)
    assert run(make(pattern), part=Part(7, 8))[0] == 0
    assert read - {1} == {6, 7, 8}  # 1: checked before the start
    # A frame that has changed is noticed.
    path = Path(pattern.replace("####", "0002"))
    assert cv2.imwrite(str(path), 255 - cv2.imread(str(path)))
    status, events = run(make(pattern), part=Part(7, 8))
    assert status == 2 and events[-1]["code"] == "part" and 2 in read


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Part(20, 30), "The job has no frames 20 to 30."),
        (Part(1, 3), "in 3 passes"),
        (Part(1, 3, 4), "no pass 4; it has 3"),
        (Part(1, 3, 0), "no pass 0; it has 3"),
    ],
    ids=str,
)
def test_what_is_no_part_of_the_job_is_refused(make, part, words):
    job = make(**PASSES)
    with job.open_content() as source, pytest.raises(JobError, match=words) as raised:
        part.check(job, source)
    assert raised.value.code == "part" and raised.value.hint


def test_a_part_that_holds_frames_in_between_alone_is_refused(make, run, shot):
    status, events = run(make(shot(COUNT), every=4), part=Part(2, 3))
    assert status == 2 and "Nothing is painted in frames 2 to 3" in events[-1]["message"]


def test_frames_are_those_of_the_files_that_are_written(make, run, shot, tmp_path):
    status, events = run(make(shot(4), offset=-3), part=Part(-2, -1))
    assert status == 0 and [event["frame"] for event in events.of("frame_done")] == [-2, -1]
    assert sorted(contents(tmp_path / "out")) == ["shot_-001.exr", "shot_-002.exr"]


@pytest.mark.parametrize(
    ("text", "numbers"), [("10-48", (10, 48)), ("7", (7, 7)), ("-12--3", (-12, -3)), ("-2-5", (-2, 5)), ("-4", (-4, -4))]
)
def test_frames_are_named_by_first_and_last(text, numbers):
    assert frame_range(text) == numbers


@pytest.mark.parametrize("text", ["", "a-b", "5-", "9-3", "1-2-3", "1 - 2", "--3"])
def test_what_names_no_frames_is_refused(text):
    with pytest.raises(ValueError, match="frames are named by A-B"):
        frame_range(text)


def test_parts_share_the_folder_and_a_whole_run_has_it_alone(tmp_path):
    with closing(FolderLock(tmp_path, shared=True)), closing(FolderLock(tmp_path, shared=True)), pytest.raises(Locked):
        FolderLock(tmp_path)
    with closing(FolderLock(tmp_path)), pytest.raises(Locked):
        FolderLock(tmp_path, shared=True)
    FolderLock(tmp_path).close()


def test_a_part_leaves_the_unfinished_files_of_others_alone_and_the_end_of_the_job_deletes_them(make, run, shot, tmp_path):
    job = make(shot(4))
    folders = [tmp_path / "out", *(tmp_path / "out" / "cache" / name for name in ("", "state", "flow"))]
    unfinished = [folder / ".other.1-2.brushflow-partial.npy" for folder in folders]
    for path in unfinished:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert run(job, part=Part(1, 4))[0] == 0
    assert all(path.is_file() for path in unfinished)
    assert not (tmp_path / "out" / "cache" / FINISHED).exists()
    assert run(job, part=Finish())[0] == 0
    assert not any(path.exists() for path in unfinished)
    assert (tmp_path / "out" / "cache" / FINISHED).is_file()


def test_a_finished_frame_waits_for_a_folder_that_is_away(make, run):
    job = make()
    away = job.folder.with_name("away")
    gone, saved = [], threading.Timer(1.0, lambda: away.rename(job.folder))

    def listener(event):
        if event["event"] == "iteration" and not gone:
            gone.append(event["frame"])
            job.folder.rename(away)
            saved.start()

    status, events = run(job, listener=listener, part=Part(1, 1))
    assert (status, gone) == (0, [1])
    assert [event["frame"] for event in events.of("frame_done")] == [1] and len(contents(job.folder)) == 1


def test_parts_that_follow_one_another_load_the_network_once(make, weights, monkeypatch):
    from core.painter import Painters
    from core.weights import load
    from core.worker import run_job

    loaded, painters, job = [], Painters(), make()

    def counted(which):
        loaded.append(which)
        return load(which)

    monkeypatch.setattr("core.run.weights.load", counted)
    for part in (Part(1, 2), Part(3, 4)):
        with job.open_content() as source:
            job.check(source, existing="resume")
            assert run_job(job, source, lambda event: None, threading.Event(), part=part, painters=painters) == 0
    assert len(loaded) == 1
