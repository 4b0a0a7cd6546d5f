# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Painting on twos, threes and so on: which frames are painted, and what is seen between them."""

import itertools
import json
import threading
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

from core.color import display_from_linear
from core.exr import read_exr, read_exr_attributes
from core.fingerprint import fingerprint
from core.flow_files import write_flo
from core.frames import open_source
from core.job import make_job
from core.passes import path, schedule
from core.settings import make_settings

PASSES = {"passes": 3, "iterations": 6, "temporal_from_pass": 3}


def steps(count, cuts=(), **settings):
    chosen = make_settings(settings)
    return list(schedule(count, lambda index: index in cuts, lambda index: chosen, chosen.passes))


def order(made):
    """Painted frames as they are, frames in between in brackets."""
    return [[step.index] if step.is_between else step.index for step in made]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.exr"))}


def display(folder: Path) -> list[np.ndarray]:
    with open_source(str(folder / "shot_####.exr")) as source:
        return [display_from_linear(source.read(number)).rgb for number in source.numbers]


def channels(path: Path) -> dict[str, np.ndarray]:
    """Channels (H, W) of a debug picture, without "Brushflow." before their names."""
    image = oiio.ImageInput.open(str(path))
    names, pixels = image.spec().channelnames, image.read_image("float")
    image.close()
    return {name.removeprefix("Brushflow."): pixels[..., index] for index, name in enumerate(names)}


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
    assert [event["iterations"] for event in done] == [6, 4, 0, 0, 0, 0]
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


def test_a_held_frame_keeps_the_colors_of_the_painted_one(make, run, shot, tmp_path):
    run(make(shot(2), every=2, between="held", keep_colors="luminance", resolution=0.8))
    assert np.array_equal(*(read_exr(path) for path in sorted((tmp_path / "out").glob("*.exr"))))


def test_a_warped_frame_moves_with_the_shot(make, run, shot, tmp_path):
    """The texture moves by one pixel a frame, so the frames in between lie over the painted ones, shifted."""
    run(make(shot(5, width=64, height=48), every=4, iterations_first=60, iterations=40))
    frames = display(tmp_path / "out")

    def distance(index, other):
        left, width = index - other, 64 - 12
        return np.abs(frames[index][4:-4, 6 + left : 6 + left + width] - frames[other][4:-4, 6 : 6 + width]).mean()

    for index in (1, 2, 3):
        assert min(distance(index, 0), distance(index, 4)) < 0.03 < np.abs(frames[index] - frames[0]).mean()
    assert distance(1, 0) < distance(3, 0) and distance(3, 4) < distance(1, 4)


@pytest.mark.parametrize(
    ("settings", "stop_at"),
    [
        ({"every": 2}, 3), ({"every": 3}, 2), ({"every": 3}, 3), ({"every": 3}, 6), ({"every": 3, "between": "held"}, 3),
        ({"every": 2, "cuts": [4]}, 4), ({"every": 2, "long_term": [1, 2]}, 5), ({"every": 2, "init": "first", "cuts": [3]}, 6),
        ({"every": 2, "long_term_every": 1, "debug": True}, 6),
    ],
)  # fmt: skip
def test_resume_at_any_frame_gives_the_bits_of_an_undisturbed_run(make, run, shot, tmp_path, settings, stop_at):
    pattern = shot(7)
    assert run(make(pattern, folder="whole", **settings))[0] == 0
    cancel = threading.Event()

    def stop(event):
        if event["event"] == "frame_started" and event["index"] == stop_at:
            cancel.set()

    assert run(make(pattern, **settings), listener=stop, cancel=cancel)[0] == 130
    assert len([path for path in contents(tmp_path / "out") if "debug" not in path]) in (stop_at - 1, stop_at)
    status, events = run(make(pattern, existing="resume", **settings))
    assert status == 0 and not events.of("warning") and events[-1]["painted"] + events[-1]["kept"] == 7
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert run(make(pattern, existing="resume", **settings))[1][-1]["kept"] == 7


@pytest.mark.parametrize("passes", [2, 3])
@pytest.mark.parametrize("stop_at", [(1, 2), (2, 1), (2, 4)])
def test_resume_of_several_passes_gives_the_bits_of_an_undisturbed_run(make, run, shot, tmp_path, passes, stop_at):
    pattern, settings = shot(5), {**PASSES, "passes": passes, "every": 3}
    assert run(make(pattern, folder="whole", **settings))[0] == 0
    cancel, started = threading.Event(), Counter()

    def stop(event):
        if event["event"] == "frame_started":
            started[event["pass"]] += 1
            if (event["pass"], started[event["pass"]]) == stop_at:
                cancel.set()

    status, _ = run(make(pattern, **settings), listener=stop, cancel=cancel)
    assert status == (130 if cancel.is_set() else 0)
    assert run(make(pattern, existing="resume", **settings))[0] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_chain_goes_on_from_a_part_that_was_painted_before(make, run, shot, tmp_path):
    """The last frame of the part had no painted frame after it; it is made anew once there is one."""
    pattern = shot(7)

    def part(last):
        job = make(pattern, every=3, existing="resume")
        return make_job({**job.as_json(), "content": {"pattern": pattern, "last": last}})

    assert run(part(5))[0] == 0
    status, events = run(part(7))
    assert status == 0 and not events.of("warning")
    assert [event["frame"] for event in events.of("frame_done") if event["kept"]] == [1, 4, 2, 3]
    assert run(make(pattern, every=3, folder="whole"))[0] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_changed_frame_in_between_is_made_anew_with_the_painted_frames_that_it_led_the_motion_to(make, run, shot):
    pattern = shot(5)
    run(make(pattern, every=2))
    fourth = pattern.replace("####", "0004")
    picture = cv2.imread(fourth)
    picture[5:9, 5:9] = 255
    cv2.imwrite(fourth, picture)
    _, events = run(make(pattern, every=2, existing="resume"))
    assert {event["frame"] for event in events.of("frame_done") if event["kept"]} == {1, 2, 3}


def test_frames_are_reached_step_by_step_unless_they_lie_farther_back_than_nearly_all_look():
    on_threes = make_settings({"every": 3, "long_term": (1, 2), "long_term_every": 3})
    assert list(path(9, 3, on_threes)) == [9, 8, 7, 6, 5, 4, 3] and list(path(4, 6, on_threes)) == [4, 5, 6]
    assert list(path(9, 0, on_threes)) == [9, 0]
    assert list(path(9, 5, make_settings({"long_term": (1, 4)}))) == [9, 5]


def test_other_timing_is_painted_anew(make, run):
    run(make(every=2))
    assert run(make(existing="resume", every=2))[1][-1]["kept"] == 4
    assert run(make(existing="resume", every=3))[1][-1]["kept"] == 0


def test_only_the_two_latest_painted_frames_keep_their_state(make, run, shot, tmp_path):
    run(make(shot(8), every=3))
    assert sorted(path.name[:9] for path in (tmp_path / "out" / "cache" / "state").iterdir()) == ["shot_0004", "shot_0007"]


def test_a_frame_in_between_has_its_own_strength_matte_and_alpha(make, run, painting, tmp_path):
    (tmp_path / "cutout").mkdir()
    generator = np.random.default_rng(0)
    for number in range(1, 4):
        picture = generator.integers(0, 256, (32, 40, 4)).astype(np.uint8)
        picture[: 4 * number, :, 3] = 0
        cv2.imwrite(str(tmp_path / "cutout" / f"shot_{number:04d}.png"), picture)
    pattern = str(tmp_path / "cutout" / "shot_####.png")
    matte = np.zeros((32, 40), np.uint8)
    matte[:, :20] = 255
    cv2.imwrite(str(tmp_path / "matte.png"), matte)
    for between in ("warped", "held"):
        job = make(pattern, folder=between, every=2, between=between, matte={"path": str(tmp_path / "matte.png")})
        assert run(job)[0] == 0
        written = read_exr(tmp_path / between / "shot_0002.exr")
        with open_source(pattern) as source:
            frame = source.read(2)
        assert frame.alpha is not None
        expected = (frame.rgb * frame.alpha[..., None]).astype(np.float16)
        assert np.array_equal(written[..., 3], frame.alpha.astype(np.float16))
        assert np.array_equal(written[:, 20:, :3], expected[:, 20:]) and not np.array_equal(written[8:, :20, :3], expected[8:, :20])
        run(make(pattern, folder=f"{between}0", every=2, between=between, per_frame={"strength": [1, 0, 1]}))
        assert np.array_equal(read_exr(tmp_path / f"{between}0" / "shot_0002.exr")[8:, :, :3], expected[8:])


def test_given_flow_is_chained_to_both_painted_neighbors(make, run, shot, tmp_path):
    pattern = shot(4)
    for number in range(1, 5):
        for name, toward in (("f", 1), ("b", -1)):
            flow = np.zeros((40, 48, 2), np.float32)
            flow[..., 0] = toward
            write_flo(tmp_path / f"{name}_{number:04d}.flo", flow)
    given = {"forward": str(tmp_path / "f_####.flo"), "backward": str(tmp_path / "b_####.flo")}
    status, events = run(make(pattern, given=given, flow="files", every=3, debug=True))
    assert status == 0
    assert {(event["frame"], event["to"]) for event in events.of("flow")} == {(4, 1), (2, 1), (2, 4), (3, 1), (3, 4)}
    debug = channels(tmp_path / "out" / "shot_debug_0003.exr")
    assert (debug["Flow.X"][:, 4:-4] == -2).all() and not debug["Flow.Y"].any()


def test_debug_pictures_tell_of_frames_in_between_too(make, run, tmp_path):
    run(make(every=3, debug=True, between="held"))
    held = channels(tmp_path / "out" / "shot_debug_0002.exr")
    assert not held["Flow.X"].any() and held["Start.R"].any()
    painted = channels(tmp_path / "out" / "shot_0002.exr")
    for name in "RGB":
        np.testing.assert_allclose(held[f"Start.{name}"], painted[name], atol=2e-3)
    assert sorted(path.name for path in (tmp_path / "out").glob("*debug*")) == [f"shot_debug_{number:04d}.exr" for number in range(1, 5)]
