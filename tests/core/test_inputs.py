# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs with a matte, with given flow, and with colors and earlier frames of their own."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.color import display_from_linear
from core.exr import read_exr, read_exr_attributes
from core.flow_files import write_flo
from core.frames import read_image

WIDTH, HEIGHT = 48, 40  # of `shot`


def frames(folder: Path) -> list[np.ndarray]:
    return [read_exr(path) for path in sorted(folder.glob("shot_[0-9]*.exr"))]


@pytest.fixture
def half(tmp_path: Path) -> dict[str, str]:
    """A matte: the left half is inside."""
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture[:, : WIDTH // 2] = 255
    assert cv2.imwrite(str(tmp_path / "matte.png"), picture)
    return {"path": str(tmp_path / "matte.png")}


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    """The exact flow of `shot`: one pixel to the right a frame."""
    for number in range(1, 5):
        for name, motion in (("forward", 1.0), ("backward", -1.0)):
            write_flo(tmp_path / f"{name}_{number:04d}.flo", np.dstack([np.full((HEIGHT, WIDTH), motion), np.zeros((HEIGHT, WIDTH))]))
    return {name: str(tmp_path / f"{name}_####.flo") for name in ("forward", "backward")}


def test_outside_of_the_matte_the_source_is_kept_exactly(make, run, shot, half, tmp_path):
    pattern = shot()
    assert run(make(pattern, matte=half))[0] == 0
    for number, frame in enumerate(frames(tmp_path / "out"), 1):
        source = read_image(pattern.replace("####", f"{number:04d}")).rgb
        outside = slice(WIDTH // 2, None)
        assert np.abs(frame[:, outside, :3] - source[:, outside]).max() < 1e-3  # half floats
        assert np.abs(frame[:, : WIDTH // 2, :3] - source[:, : WIDTH // 2]).mean() > 0.02


def test_a_matte_can_be_inverted_and_each_side_can_have_its_painting(make, run, half, painting, shot, tmp_path):
    pattern = shot()
    assert run(make(pattern, matte={**half, "invert": True}, folder="inverted"))[0] == 0
    source = read_image(pattern.replace("####", "0001")).rgb
    inverted = frames(tmp_path / "inverted")[0]
    assert np.abs(inverted[:, : WIDTH // 2, :3] - source[:, : WIDTH // 2]).max() < 1e-3
    styles = [{"path": painting}, {"path": pattern.replace("####", "0003"), "region": "outside"}]
    assert run(make(pattern, matte=half, styles=styles, folder="both"))[0] == 0
    both = frames(tmp_path / "both")[0]
    assert np.abs(both[..., :3] - source).mean((0, 2)).min() > 0


def test_a_changed_matte_paints_anew(make, run, half):
    run(make(matte=half))
    assert run(make(existing="resume", matte=half))[1][-1]["kept"] == 4
    assert run(make(existing="resume", matte={**half, "invert": True}))[1][-1]["kept"] == 0


def test_given_flow_moves_the_frames_and_no_flow_is_estimated(make, run, given, tmp_path):
    assert run(make(given=given, long_term=[1, 2], debug=True))[0] == 0
    assert not list((tmp_path / "out" / "cache").glob("flow/*"))
    assert read_exr_attributes(tmp_path / "out" / "shot_0003.exr")["brushflow:loss_temporal"] > 0


def test_changed_flow_files_paint_anew_from_the_frame_that_they_move(make, run, given, tmp_path):
    run(make(given=given))
    assert run(make(existing="resume", given=given))[1][-1]["kept"] == 4
    write_flo(tmp_path / "backward_0003.flo", np.zeros((HEIGHT, WIDTH, 2), np.float32))
    _, events = run(make(existing="resume", given=given))
    assert [event["kept"] for event in events.of("frame_done")] == [True, True, False, False]


def test_every_earlier_frame_is_held_to_and_resume_reads_it_from_the_disk(make, run, shot, tmp_path):
    pattern = shot(7)
    settings = {"long_term_every": 2, "iterations_first": 4, "iterations": 4}
    assert run(make(pattern, folder="whole", **settings))[0] == 0
    cancel = threading.Event()

    def stop(event):
        if event["event"] == "frame_started" and event["index"] == 6:
            cancel.set()

    assert run(make(pattern, **settings), listener=stop, cancel=cancel)[0] == 130
    status, events = run(make(pattern, existing="resume", **settings))
    assert status == 0 and not events.of("warning")
    assert {(event["frame"], event["to"]) for event in events.of("flow") if event["frame"] == 7} == {(7, 6), (7, 5), (7, 3), (7, 1)}
    for path in (tmp_path / "whole").glob("*.exr"):
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()


def test_paintings_matched_to_the_shot_give_its_colors(make, run, shot, tmp_path):
    pattern = shot()
    run(make(pattern, folder="off"))
    run(make(pattern, folder="match", keep_colors="match"))
    source = display_from_linear(read_image(pattern.replace("####", "0002"))).rgb.mean((0, 1))

    def distance(folder):
        painted = display_from_linear(read_image(tmp_path / folder / "shot_0002.exr")).rgb.mean((0, 1))
        return np.abs(painted - source).sum()

    assert distance("match") < distance("off")


def test_debug_pictures_lie_beside_the_frames_and_change_nothing(make, run, tmp_path):
    run(make(folder="plain"))
    run(make(folder="debug", debug=True))
    assert sorted(path.name for path in (tmp_path / "debug").glob("*debug*")) == [f"shot_debug_{number:04d}.exr" for number in (1, 2, 3, 4)]
    for path in (tmp_path / "plain").glob("*.exr"):
        assert path.read_bytes() == (tmp_path / "debug" / path.name).read_bytes()
