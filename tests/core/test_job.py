# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
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
        ({"matte": {}}, "the source alpha, a path or a pattern"),
        ({"matte": {"source": "alpha", "path": "a"}}, "the source alpha, a path or a pattern"),
        ({"flow": {"forward": "f_####.flo"}}, "forward and backward, or vectors alone"),
        ({"flow": {"forward": "f_####.flo", "backward": "b_####.flo", "vectors": "v_####.exr"}}, "vectors alone"),
        ({"styles": [{"path": "a", "region": "above"}]}, "region"),
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


def refused(job) -> str:
    with job.open_content() as source, pytest.raises(JobError) as caught:
        job.check(source)
    return str(caught.value)


def mattes(folder: Path, numbers) -> str:
    folder.mkdir()
    for number in numbers:
        assert cv2.imwrite(str(folder / f"matte_{number:04d}.png"), np.full((40, 48), 255, np.uint8))
    return str(folder / "matte_####.png")


def test_a_matte_has_a_frame_for_each_of_the_shots_or_is_a_still(make, tmp_path):
    assert "lacks frame 4 (1 in all)" in refused(make(matte={"pattern": mattes(tmp_path / "short", (1, 2, 3))}))
    for matte in ({"pattern": mattes(tmp_path / "all", (1, 2, 3, 4))}, {"path": mattes(tmp_path / "still", (7,)).replace("####", "0007")}):
        job = make(matte=matte)
        with job.open_content() as source:
            job.check(source)


def test_a_matte_that_is_not_there_is_refused(make, tmp_path):
    assert "The matte cannot be used" in refused(make(matte={"pattern": str(tmp_path / "none_####.png")}))
    assert "alpha, but its frames have none" in refused(make(matte={"source": "alpha"}))


def test_a_style_for_outside_needs_a_matte(make, painting):
    assert "outside of the matte, but there is none" in refused(make(styles=[{"path": painting}, {"path": painting, "region": "outside"}]))


def test_flow_files_and_the_choice_of_flow_fit_each_other(make, tmp_path):
    given = {"forward": str(tmp_path / "f_####.flo"), "backward": str(tmp_path / "b_####.flo")}
    assert "names no such files" in refused(make(flow="files"))
    assert "names no such files" in refused(make(flow="vectors"))
    assert "exclude each other" in refused(make(flow="dis", given=given))
    assert "exclude each other" in refused(make(flow="vectors", given=given))
    assert "does not exist" in refused(make(given=given))


def test_automatic_flow_is_what_is_given_or_else_dis(make):
    assert make().estimator == "dis" and make(flow="large").estimator == "large"
    assert make(given={"vectors": "v_####.exr"}).estimator == "vectors"
    assert make(given={"forward": "f_####.flo", "backward": "b_####.flo"}).estimator == "files"


def test_shares_sum_to_one_on_each_side_of_the_matte(make, painting):
    styles = [{"path": painting, "weight": weight, "region": region} for weight, region in ((3, "inside"), (1, "inside"), (5, "outside"))]
    shares = [(style.region, style.weight) for _, style in make(styles=styles, matte={"source": "alpha"}).read_styles()]
    assert shares == [("inside", 0.75), ("inside", 0.25), ("outside", 1.0)]
