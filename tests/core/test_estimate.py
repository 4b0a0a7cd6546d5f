# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job will take, held against what it does take. Times are not: what else runs on the machine decides them."""

import json
import shutil
from pathlib import Path

import pytest

import core.estimate
import core.probe
from core import weights as stored
from core.command_line import main
from core.estimate import Estimate, Rendering, Unmeasured, estimate
from core.memory import OutOfMemory, Work, needed, planned


@pytest.fixture
def told(weights):
    """The estimate of a job."""

    def tell(job, **more) -> Estimate:
        with job.open_content() as source:
            return estimate(job, source, stored.verify("vgg16"), **more)

    return tell


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_iterations_and_bytes_are_those_that_the_job_then_takes(make, run, told):
    job = make(tolerance=0.0, long_term=[1, 2])
    before = told(job)
    assert not job.folder.exists()
    _, events = run(job)
    assert before.evaluations == sum(event["iterations"] for event in events.of("frame_done")) == 6 + 3 * 4
    pictures = sum(path.stat().st_size for path in job.folder.glob("*.exr"))
    assert pictures / 2 < before.disk_pictures < pictures * 2
    cache = size_of(job.folder / "cache")
    # Beside arrays of this size the headers count.
    assert cache * 0.9 < before.disk - before.disk_pictures < cache * 1.3
    assert before.seconds > before.evaluations * before.seconds_evaluation > 0
    assert before.memory > 1e8 and before.memory_free > 0


def test_it_is_an_upper_bound_where_frames_may_settle_earlier(make, told):
    assert told(make(tolerance=1e-4)).text.startswith("Up to ")
    exact = told(make(tolerance=0.0))
    assert not exact.is_upper_bound
    assert exact.text.startswith("About ") and " for 4 frames · " in exact.text and exact.text.endswith(" memory")


@pytest.mark.parametrize(
    ("settings", "evaluations"),
    [
        ({"cuts": [3]}, 2 * 6 + 2 * 4),
        ({"every": 2}, 6 + 4),
        ({"passes": 3}, 3 * 4 * 4),
        ({"optimizer": "adam", "init": "random"}, 6 + 3 * 4),
        ({"long_term_every": 1, "debug": True, "keep_colors": "match"}, 6 + 3 * 4),
    ],
)
def test_the_order_of_the_work_decides_how_many_there_are(make, told, settings, evaluations):
    assert told(make(**settings)).evaluations == evaluations


def test_both_sides_of_a_matte_are_tried(make, told, painting):
    styles = [{"path": painting}, {"path": painting, "region": "outside"}]
    assert told(make(styles=styles, matte={"source": "alpha"})).evaluations == 6 + 3 * 4


def test_frames_that_are_there_and_fit_do_not_count(make, run, told, shot):
    pattern = shot(4)
    part = make(pattern)
    run(part.model_copy(update={"content": part.content.model_copy(update={"last": 2})}))
    job = make(pattern, existing="resume")
    half = told(job)
    assert (half.frames, half.kept, half.painted, half.evaluations) == (4, 2, 2, 2 * 4)
    assert " for 2 of 4 frames · " in half.text
    assert told(make(pattern, existing="overwrite")).kept == 0
    assert told(make(pattern, existing="resume", style_weight=50)).kept == 0
    run(job)
    done = told(job)
    assert (done.painted, done.evaluations, done.disk, done.text) == (0, 0, 0, "All 4 frames are there already")


def test_one_picture_stands_for_frames_that_are_still_to_be_rendered(make, told):
    job = make(tolerance=0.0)
    job = job.model_copy(update={"content": job.content.model_copy(update={"last": 1})})
    alone = told(job)
    all_of_them = told(job, numbers=range(1, 101), rendering=Rendering(7.0, 1000))
    assert (all_of_them.frames, all_of_them.evaluations) == (100, 6 + 99 * 4)
    assert all_of_them.seconds > 700
    assert all_of_them.disk >= 100 * (alone.disk_pictures + 1000)


def test_memory_that_is_short_is_told(make, told, monkeypatch):
    monkeypatch.setattr(core.estimate, "free_memory", lambda plan: 2_000_000)
    (sentence,) = told(make()).warnings
    assert sentence.startswith("The job needs about") and "of the memory of this machine, where 2.0 MB are free." in sentence


def test_a_large_frame_that_is_computed_in_strips_is_measured_smaller(make, told, monkeypatch):
    monkeypatch.setattr(core.probe, "_LARGEST", 1000)
    size = 48, 40
    whole = planned(make().resolved_settings(), size)
    job = make(memory_limit=needed(whole, Work.of(make().resolved_settings(), size)) / 1e9 - 1e-6)
    plan = planned(job.resolved_settings(), size)
    assert plan.checkpointing
    assert told(job).memory == needed(plan, Work.of(job.resolved_settings(), size))


def test_frames_that_no_plan_has_room_for_are_refused(make, told):
    with pytest.raises(OutOfMemory, match="Frames of 48×40 need"):
        told(make(memory_limit=0.1))


@pytest.mark.parametrize(("share", "is_sure"), [(0.25, False), (0.75, True)])
def test_a_disk_that_is_too_small_is_told_and_surely_too_small_refused(make, told, monkeypatch, share, is_sure):
    needed = told(make())
    usage = shutil.disk_usage("/")._replace(free=needed.disk - int(needed.disk_pictures * share))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    job = make()
    found = told(job)
    (sentence,) = [found.problem] if is_sure else found.warnings
    assert f"on the disk of {job.folder}, where" in sentence and sentence.endswith("choose another folder.")
    assert bool(found.problem) is is_sure


def test_a_picture_that_cannot_be_read_is_one_sentence(make, told, shot):
    pattern = shot(2)
    job = make(pattern)
    first = Path(pattern.replace("####", "0001"))
    first.write_bytes(first.read_bytes()[:200])
    with pytest.raises(Unmeasured, match=r"shot_0001\.png"):
        told(job)


def written(job, folder: Path) -> str:
    path = folder / "job.json"
    path.write_text(json.dumps(job.as_json()))
    return str(path)


def test_the_command_prints_an_object_for_programs_and_a_line_for_people(make, weights, shot, tmp_path, capfd):
    pattern = shot(2)
    frame = pattern.replace("####", "0001")
    job = make(str(tmp_path / "gone" / "shot_####.exr"))
    content = job.content.model_copy(update={"first": 1, "last": 30})
    path = written(job.model_copy(update={"content": content}), tmp_path)
    assert main(["estimate", path, "--frame", frame, "--rendering-seconds", "2", "--json"]) == 0
    (line,) = capfd.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["event"], found["job"], found["frames"]) == ("estimate", "shot", 30)
    assert found["seconds"] > 60 and found["device"] == "cpu" and found["problem"] == "" and found["warnings"] == []
    assert main(["estimate", path, "--frame", frame]) == 0
    assert " for 30 frames · " in capfd.readouterr().out
    assert not job.folder.exists()


def test_the_command_refuses_a_stand_in_for_unnumbered_frames_and_frames_that_are_gone(make, shot, tmp_path, capfd):
    path = written(make(), tmp_path)
    assert main(["estimate", path, "--frame", str(tmp_path / "x.png")]) == 2
    assert "the first and the last" in capfd.readouterr().err
    gone = written(make(str(tmp_path / "gone" / "shot_####.exr")), tmp_path)
    assert main(["estimate", gone, "--json"]) == 2
    assert json.loads(capfd.readouterr().out)["event"] == "error"


def test_a_dry_run_tells_it_and_goes_without_where_the_weights_are_missing(weights, shot, painting, tmp_path, monkeypatch, capfd):
    line = ["stylize", shot(2), "--style", painting, "--output", str(tmp_path / "out"), "--device", "cpu", "--dry-run"]
    assert main([*line, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["estimate"]["frames"] == 2
    usage = shutil.disk_usage("/")._replace(free=10)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda folder: usage)
        assert main(line) == 1
    assert "where 10 bytes are free" in capfd.readouterr().err
    monkeypatch.setenv("BRUSHFLOW_CACHE", str(tmp_path / "empty"))
    assert main([*line, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["estimate"] is None
    assert main(line) == 0
    assert "none: The weights of vgg16 are not on this machine" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "5 s"), (41, "45 s"), (100, "2 min"), (720, "12 min"), (8000, "2.2 hours"), (400000, "4.6 days")]
)
def test_times_are_told_as_coarsely_as_they_are_known(seconds, words):
    assert core.estimate._time(seconds) == words
