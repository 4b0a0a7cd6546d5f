# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.color import display_from_linear
from core.content import Contents
from core.exr import read_exr, read_exr_attributes
from core.frames import open_source
from core.job import load_job, make_job
from core.pixels import FrameError
from core.run import Run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.exr"))}


def display(folder: Path, count: int = 4) -> list[np.ndarray]:
    with open_source(str(folder / "shot_####.exr")) as source:
        assert len(source.numbers) == count
        return [display_from_linear(source.read(number)).rgb for number in source.numbers]


@pytest.fixture
def half_done(make, run, tmp_path):
    """A job cancelled when its third frame began, beside the same job undisturbed."""
    assert run(make(folder="whole"))[0] == 0
    cancel = threading.Event()

    def stop(event):
        if event["event"] == "frame_started" and event["index"] == 3:
            cancel.set()

    status, events = run(make(), listener=stop, cancel=cancel)
    assert status == 130
    return events


def test_a_job_paints_its_frames_and_leaves_a_job_that_resumes(make, run, tmp_path):
    status, events = run(make())
    assert status == 0
    assert sorted(contents(tmp_path / "out")) == [f"shot_{number:04d}.exr" for number in range(1, 5)]
    assert [event["event"] for event in events if event["event"] in ("ready", "done")] == ["ready", "done"]
    assert events[-1]["event"] == "done" and events[-1]["painted"] == 4
    status, events = run(load_job(tmp_path / "out" / "job.json"))
    assert status == 0
    assert (events[-1]["painted"], events[-1]["kept"]) == (0, 4)


def test_painting_lowers_the_loss_that_it_is_told_to(make, run):
    _, none = run(make(folder="none", iterations_first=0, iterations=0))
    _, some = run(make(folder="some", iterations_first=30, iterations=30))
    for before, after in zip(none.of("frame_done"), some.of("frame_done"), strict=True):
        assert after["losses"]["total"] < before["losses"]["total"] / 2


def test_events_tell_each_frame_in_order_with_its_losses(make, run):
    _, events = run(make(tolerance=0))
    ready = events.of("ready")[0]
    assert ready["protocol"] == 1 and ready["total"] == 4 and ready["device"] == "cpu" and ready["plan"]["precision"]
    assert (ready["first"], ready["last"]) == (1, 4)
    assert all(event["job"] == "shot" for event in events)
    done = events.of("frame_done")
    assert [event["frame"] for event in done] == [1, 2, 3, 4]
    assert [event["index"] for event in done] == [1, 2, 3, 4]
    assert [event["iterations"] for event in done] == [6, 4, 4, 4]
    assert all(Path(event["path"]).is_file() and not event["kept"] and event["eta"] >= 0 for event in done)
    for event in done:
        losses = event["losses"]
        assert losses["total"] == pytest.approx(sum(losses[name] for name in ("content", "style", "temporal", "tv")))
    assert done[0]["losses"]["temporal"] == 0 and done[1]["losses"]["temporal"] > 0
    assert {(event["frame"], event["to"]) for event in events.of("flow")} == {(2, 1), (3, 2), (4, 3)}
    assert events.of("iteration")
    json.dumps(events)
    # Pickled on Ray: what hands them on shall not have to load what their values come from.
    assert set(kinds(list(events))) <= {dict, list, tuple, str, int, float, bool, type(None)}


def kinds(value: object) -> Iterator[type]:
    """The types of a value and of all that it holds."""
    if isinstance(value, dict | list | tuple):
        yield type(value)
        for one in value.values() if isinstance(value, dict) else value:
            yield from kinds(one)
    else:
        yield type(value)


def test_a_small_picture_of_the_newest_frame_lies_in_the_cache(make, run, tmp_path):
    run(make())
    small = cv2.imread(str(tmp_path / "out" / "cache" / "thumbnail.bmp"))[..., ::-1] / 255
    assert np.abs(small - display(tmp_path / "out")[-1]).max() < 0.01


@pytest.mark.parametrize(
    "settings",
    [{}, {"passes": 2}, {"every": 2, "between": "warped"}, {"every": 2, "between": "held"}, {"iterations_first": 0, "iterations": 0}],
)
def test_other_threads_begin_with_the_optimizer_and_none_waits_in_vain(make, run, monkeypatch, settings):
    at_work = []

    def watched(method):
        def call(job, *arguments):
            at_work.append(job._optimizing.is_set())
            return method(job, *arguments)

        return call

    monkeypatch.setattr("core.run._MOMENTS", 30.0)
    monkeypatch.setattr(Run, "_look_ahead", watched(Run._look_ahead))
    monkeypatch.setattr(Run, "_write", watched(Run._write))
    status, events = run(make(**settings))
    assert status == 0 and len(events.of("frame_done")) == 4
    assert at_work and all(at_work)


def test_a_finished_frame_stays_when_the_next_cannot_be_read(make, run, tmp_path, monkeypatch):
    monkeypatch.setattr("core.run._MOMENTS", 5.0)
    read = Contents._read

    def failing(contents, index):
        if index == 1:
            raise FrameError("the second frame is gone")
        return read(contents, index)

    monkeypatch.setattr(Contents, "_read", failing)
    status, events = run(make(cuts="none"))
    assert status == 1 and "is gone" in events.of("error")[0]["message"]
    assert list(contents(tmp_path / "out")) == ["shot_0001.exr"]


def test_equal_jobs_give_equal_files(make, run, tmp_path):
    run(make(folder="a", init="random"))
    run(make(folder="b", init="random"))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_another_seed_gives_another_picture(make, run, tmp_path):
    run(make(folder="a", init="random"))
    run(make(folder="b", init="random", seed=1))
    assert all((a != b).any() for a, b in zip(display(tmp_path / "a"), display(tmp_path / "b"), strict=True))


def test_resume_gives_the_bits_of_an_undisturbed_run(half_done, make, run, tmp_path):
    status, events = run(make(existing="resume"))
    assert status == 0
    assert events[-1]["kept"] == 2 and events[-1]["painted"] == 2
    assert not events.of("warning")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_resume_without_its_state_says_that_bits_may_differ(half_done, make, run, tmp_path):
    for state in (tmp_path / "out" / "cache" / "state").iterdir():
        state.unlink()
    status, events = run(make(existing="resume"))
    assert status == 0
    assert [event["code"] for event in events.of("warning")] == ["state"]
    for painted, expected in zip(display(tmp_path / "out"), display(tmp_path / "whole"), strict=True):
        assert np.abs(painted - expected).mean() < 0.02


def test_a_cancelled_job_keeps_what_is_done(half_done, tmp_path):
    assert half_done[-1]["event"] == "cancelled" and half_done[-1]["painted"] == 2
    assert sorted(contents(tmp_path / "out")) == ["shot_0001.exr", "shot_0002.exr"]
    assert not [path for path in (tmp_path / "out").rglob("*") if "partial" in path.name]


def test_resume_paints_anew_what_other_settings_would_paint(make, run, tmp_path):
    run(make())
    before = contents(tmp_path / "out")
    _, events = run(make(existing="resume", style_weight=50))
    assert events[-1]["kept"] == 0
    assert contents(tmp_path / "out") != before


def test_resume_keeps_frames_when_only_the_device_settings_change(make, run):
    run(make())
    _, events = run(make(existing="resume", threads=1))
    assert events[-1]["kept"] == 4


def test_a_changed_frame_is_painted_anew_with_all_that_follow_from_it(make, run, shot):
    pattern = shot()
    run(make(pattern))
    third = pattern.replace("####", "0003")
    picture = cv2.imread(third)
    picture[5:9, 5:9] = 255
    cv2.imwrite(third, picture)
    _, events = run(make(pattern, existing="resume"))
    assert [event["kept"] for event in events.of("frame_done")] == [True, True, False, False]


def test_a_damaged_frame_is_painted_anew(make, run, tmp_path):
    run(make())
    expected = contents(tmp_path / "out")
    (tmp_path / "out" / "shot_0002.exr").write_bytes(b"damaged")
    _, events = run(make(existing="resume"))
    assert events[-1]["painted"] == 1
    assert sorted(contents(tmp_path / "out")) == sorted(expected)


def test_overwrite_paints_everything(make, run):
    run(make())
    _, events = run(make(existing="overwrite"))
    assert events[-1]["painted"] == 4


def test_only_the_latest_state_is_kept(make, run, tmp_path):
    run(make(long_term=[1, 2]))
    names = sorted(path.name[:9] for path in (tmp_path / "out" / "cache" / "state").iterdir())
    assert names == ["shot_0003", "shot_0004"]


def test_the_header_tells_fingerprint_and_losses_and_no_clock_host_or_path(make, run, tmp_path):
    _, events = run(make(tolerance=0))
    attributes = read_exr_attributes(tmp_path / "out" / "shot_0002.exr")
    assert len(attributes["brushflow:fingerprint"]) == 64
    assert attributes["brushflow:loss_total"] == pytest.approx(events.of("frame_done")[1]["losses"]["total"], rel=1e-6)
    assert attributes["brushflow:iterations"] == 4
    text = json.dumps({name: value for name, value in attributes.items()})
    assert str(tmp_path) not in text and not {"HostComputer", "Artist"} & set(attributes)


def test_the_temporal_loss_holds_a_moving_shot_together(make, run, tmp_path):
    """The texture moves by one pixel: what was painted must move with it."""
    run(make(folder="held", iterations_first=60, iterations=30))
    run(make(folder="free", temporal_weight=0, init="random", iterations_first=60, iterations=60))

    def flicker(folder):
        frames = display(tmp_path / folder)
        pairs = itertools.pairwise(frames)
        return np.mean([np.square(after[4:-4, 5:-4] - before[4:-4, 4:-5]).mean() for before, after in pairs])

    assert flicker("held") < flicker("free") / 4


def test_nothing_reaches_across_a_given_cut(make, run, tmp_path):
    run(make(folder="two", cuts=[3]))
    run(make(folder="one"))
    two, one = contents(tmp_path / "two"), contents(tmp_path / "one")
    assert two["shot_0002.exr"] == one["shot_0002.exr"]
    assert two["shot_0003.exr"] != one["shot_0003.exr"]
    assert read_exr_attributes(tmp_path / "two" / "shot_0003.exr")["brushflow:loss_temporal"] == 0


@pytest.mark.parametrize("init", ["content", "random", "previous", "previous_warped", "first"])
def test_every_start_works(make, run, init):
    status, events = run(make(init=init))
    assert status == 0 and len(events.of("frame_done")) == 4


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"pooling": "average"},
        {"mask": "binary"},
        {"long_term": [1, 3], "combine": "normalize"},
        {"temporal_criterion": "smoothl1"},
        {"normalize_gradients": True, "content_weight": 1e7 / 10, "style_weight": 1e6},
        {"precision": "float32"},
        {"style_weight": 0},
        {"content_weight": 0},
        {"style_scale": 0.5},
        {"content_layers": ["relu3_2"], "style_layers": ["relu2_2", "relu5_3"]},
    ],
)
def test_every_option_paints_finite_pictures(make, run, tmp_path, settings):
    status, _ = run(make(**settings))
    assert status == 0
    assert all(np.isfinite(read_exr(path)).all() for path in (tmp_path / "out").glob("*.exr"))


def test_half_the_resolution_is_delivered_at_full_size(make, run, tmp_path):
    run(make(resolution=0.5))
    assert read_exr(tmp_path / "out" / "shot_0001.exr").shape == (40, 48, 4)


@pytest.mark.parametrize(("width", "height"), [(17, 16), (33, 61), (160, 16)])
def test_odd_and_narrow_frames_are_painted(make, run, shot, tmp_path, width, height):
    status, _ = run(make(shot(2, width=width, height=height)))
    assert status == 0
    assert read_exr(tmp_path / "out" / "shot_0002.exr").shape == (height, width, 4)


def test_a_single_frame_is_a_shot(make, run, shot):
    assert run(make(shot(1)))[0] == 0


def test_a_strength_of_zero_is_the_source(make, run, shot, tmp_path):
    pattern = shot()
    run(make(pattern, strength=0))
    with open_source(pattern) as source:
        for number in source.numbers:
            written = read_exr(tmp_path / "out" / f"shot_{number:04d}.exr")
            assert np.array_equal(written[..., :3], source.read(number).rgb.astype(np.float16).astype(np.float32))


def test_strength_can_change_from_frame_to_frame(make, run, shot, tmp_path):
    pattern = shot()
    run(make(pattern, per_frame={"strength": [0, 0.3, 0.6, 1]}))
    with open_source(pattern) as source:
        sources = [display_from_linear(source.read(number)).rgb for number in source.numbers]
    distances = [np.abs(a - b).mean() for a, b in zip(display(tmp_path / "out"), sources, strict=True)]
    assert distances == sorted(distances) and distances[0] < 1e-3 < distances[1]


def test_kept_colors_are_the_sources(make, run, shot, tmp_path):
    pattern = shot()
    run(make(pattern, keep_colors="luminance"))
    with open_source(pattern) as source:
        original = display_from_linear(source.read(1)).rgb
    painted = display(tmp_path / "out")[0]
    inside = (painted > 0.01).all(2) & (painted < 0.99).all(2)
    chroma = [image[..., 0] - image[..., 2] for image in (painted, original)]
    assert np.abs(chroma[0] - chroma[1])[inside].max() < 0.01


def test_alpha_comes_from_the_source(make, run, painting, tmp_path):
    (tmp_path / "cutout").mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (32, 40, 4)).astype(np.uint8)
    picture[:8, :, 3] = 0
    cv2.imwrite(str(tmp_path / "cutout" / "shot_0001.png"), picture)
    assert run(make(str(tmp_path / "cutout" / "shot_####.png")))[0] == 0
    written = read_exr(tmp_path / "out" / "shot_0001.exr")
    np.testing.assert_allclose(written[..., 3], picture[..., 3] / 255, atol=5e-4)
    assert not written[:8].any()


def test_two_styles_are_blended_by_their_weights(make, run, painting, shot, tmp_path):
    other = str(tmp_path / "other.png")
    cv2.imwrite(other, 255 - cv2.imread(painting))
    pattern = shot(1)
    means = []
    for share in (0.0, 1.0, 3.0):
        job = make(pattern, folder=f"out{share}", content_weight=0, iterations_first=60)
        job = make_job({**job.as_json(), "styles": [{"path": painting, "weight": 1}, {"path": other, "weight": share}]})
        run(job)
        means.append(display(tmp_path / f"out{share}", 1)[0].mean())
    first, second = (cv2.imread(path).mean() / 255 for path in (painting, other))
    assert np.sign(second - first) == np.sign(means[2] - means[0])
    assert min(means[0], means[2]) < means[1] < max(means[0], means[2])


def test_the_style_blend_can_change_from_frame_to_frame(make, run, painting, shot, tmp_path):
    other = str(tmp_path / "other.png")
    cv2.imwrite(other, 255 - cv2.imread(painting))
    both = [{"path": painting, "weight": 1}, {"path": other, "weight": 0}]
    more = {"content_weight": 0, "temporal_weight": 0, "init": "content", "iterations": 6}
    run(make(styles=both, per_frame={"style_blend": [0, 0, 1, 1]}, **more))
    run(make(styles=[{"path": painting}], folder="one", **more))
    run(make(styles=[{"path": other}], folder="other", **more))
    blended, one, last = (display(tmp_path / folder) for folder in ("out", "one", "other"))
    for index in range(4):
        assert np.array_equal(blended[index], (one if index < 2 else last)[index])
        assert not np.array_equal(one[index], last[index])


def test_a_painting_of_weight_0_is_not_read_unless_it_is_blended_to(make, painting):
    both = [{"path": painting}, {"path": painting, "weight": 0}]
    assert len(make(styles=both).read_styles()) == 1
    assert len(make(styles=both, style_blend=0.5).read_styles()) == 2
    assert len(make(styles=both, per_frame={"style_blend": [0, 0, 0, 1]}).read_styles()) == 2


def test_an_unreadable_frame_is_named_and_finished_ones_stay(make, run, shot, tmp_path):
    pattern = shot()
    third = Path(pattern.replace("####", "0003"))
    whole = third.read_bytes()
    third.write_bytes(whole[: len(whole) * 2 // 3])
    status, events = run(make(pattern))
    assert status == 1
    assert "shot_0003.png" in events.of("error")[0]["message"]
    assert "shot_0001.exr" in contents(tmp_path / "out")
    third.write_bytes(whole)
    status, events = run(make(pattern, existing="resume"))
    assert status == 0 and events[-1]["kept"] >= 1


def test_a_device_that_is_not_there_is_refused(make, run):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    status, events = run(make(device="cuda:7"))
    assert status == 2
    assert "cuda:7" in events.of("error")[0]["message"] and "cpu" in events.of("error")[0]["message"]


def test_clipped_highlights_are_told_once(make, run, tmp_path):
    from core.exr import write_exr

    (tmp_path / "bright").mkdir()
    for number in (1, 2):
        picture = np.full((24, 32, 4), 0.5, np.float32)
        picture[:4] = (5, 5, 5, 1)
        picture[..., 3] = 1
        write_exr(tmp_path / "bright" / f"shot_{number:04d}.exr", picture)
    pattern = str(tmp_path / "bright" / "shot_####.exr")
    _, events = run(make(pattern))
    assert [event["code"] for event in events.of("warning")] == ["clipped"]
    assert "128 pixels" in events.of("warning")[0]["message"]
    status, events = run(make(pattern, folder="kept", highlights="keep"))
    assert status == 0 and not events.of("warning")
    assert read_exr(tmp_path / "kept" / "shot_0001.exr").max() > 1
