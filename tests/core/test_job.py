# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.job import JobError, load_job, make_job

VALID = {
    "schema": 1,
    "content": {"pattern": "shot_####.png"},
    "styles": [{"path": "painting.png"}],
    "output": {"folder": "out", "name": "shot"},
}


def test_relative_paths_are_taken_from_the_job_files_folder(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps(VALID))
    job = load_job(tmp_path / "job.json")
    assert job.content.pattern == str(tmp_path / "shot_####.png")
    assert job.styles[0].path == str(tmp_path / "painting.png")
    assert job.folder == tmp_path / "out"


def test_a_job_survives_its_own_file(make, tmp_path):
    job = make(per_frame={"style_weight": [1, 2, 3, 4]}, long_term=[1, 2])
    (tmp_path / "copy.json").write_text(json.dumps(job.as_json()))
    assert load_job(tmp_path / "copy.json") == job


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema"),
        ({"content": {}}, "either a path or a pattern"),
        ({"content": {"path": "a", "pattern": "b"}}, "either a path or a pattern"),
        ({"styles": []}, "styles"),
        ({"styles": [{"path": "a", "weight": -1}]}, "weight"),
        ({"styles": [{"path": "a", "weight": float("nan")}]}, "weight"),
        ({"output": {"folder": "out", "name": "../elsewhere"}}, "name"),
        ({"output": {"folder": "out", "name": "shot", "existing": "maybe"}}, "existing"),
        ({"settings": {"styl_weight": 1}}, "did you mean 'style_weight'"),
        ({"settings": {"resolution": 7}}, "between 0.05 and 1"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_job_that_is_wrong_is_refused_with_the_place(change, words):
    with pytest.raises(JobError, match=words):
        make_job({**VALID, **change})


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "\x00", '"job"'])
def test_a_file_that_is_no_job_is_refused_by_name(tmp_path, text):
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(JobError, match=r"job\.json"):
        load_job(tmp_path / "job.json")


def test_a_missing_job_file_is_named(tmp_path):
    with pytest.raises(JobError, match="There is no job file"):
        load_job(tmp_path / "none.json")


def checked(job):
    with job.open_content() as source:
        job.check(source)


def test_a_good_job_passes_its_check(make):
    checked(make())


def test_missing_content_is_refused(make, tmp_path):
    with pytest.raises(JobError, match="does not exist"):
        make(str(tmp_path / "nowhere" / "shot_####.png")).open_content()


def test_a_missing_style_is_refused_by_name(make, painting):
    job = make()
    Path(painting).unlink()
    with pytest.raises(JobError, match=r"no style image .*painting\.png"):
        checked(job)


def test_a_style_that_is_no_picture_is_refused_by_name(make, painting):
    job = make()
    Path(painting).write_text("not a picture")
    with pytest.raises(JobError, match=r"painting\.png"):
        checked(job)


def test_frames_that_are_there_are_not_touched_unasked(make, tmp_path):
    job = make()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "shot_0003.exr").write_bytes(b"precious")
    with pytest.raises(JobError, match=r"1 of 4 frames are already .*shot_0003\.exr") as refusal:
        checked(job)
    assert "Resume" in refusal.value.hint
    assert (tmp_path / "out" / "shot_0003.exr").read_bytes() == b"precious"


def test_an_output_that_is_a_file_is_refused(make, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(JobError, match="cannot be written to"):
        checked(make())


def test_keyframes_need_a_value_for_every_frame(make):
    with pytest.raises(JobError, match="3 values of style_weight for 4 frames"):
        checked(make(per_frame={"style_weight": [1, 2, 3]}))


def test_only_some_settings_can_be_keyframed(make):
    with pytest.raises(JobError, match="iterations cannot change from frame to frame"):
        checked(make(per_frame={"iterations": [1, 2, 3, 4]}))


def test_a_keyframe_out_of_range_is_refused_before_the_start(make):
    with pytest.raises(JobError, match="strength must lie between 0 and 1"):
        checked(make(per_frame={"strength": [0, 1, 2, 1]}))


def test_frames_are_named_after_their_numbers_and_the_offset(make, tmp_path):
    assert make(offset=100).frame_path(7) == tmp_path / "out" / "shot_0107.exr"


def test_jobs_are_checked_without_torch():
    code = "import sys; import core.job, core.command_line; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
