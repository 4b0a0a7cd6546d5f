# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of speed, at sizes and efforts at which it says nothing of speed but does all that it does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import pytest
import speed
import speed_memory
import torch
from reference_engine import Frame, Point, ReferenceEngine
from report import publish
from speed_convolutions import convolution_seconds, convolutions, floor, memory_bandwidth, peak_rate
from speed_engine import Engine, around_minimize
from speed_findings import FACTORS, Evaluation, Findings, Large, Outside, Race, Rate, Spread, Steady, Whole
from speed_jobs import there_and_back, work
from speed_reference import Trajectory, trajectory
from speed_report import checks, markdown
from speed_shots import Shot, framed, shots, style_tensor

from core import weights as stored
from core.devices import Plan
from core.memory import Work, needed
from core.optimizer import Diverged
from core.pictures import tensor
from core.settings import Settings
from core.warp import inside, sharply_warped

CPU = torch.device("cpu")
PLAN = Plan("cpu", "float32", 1, 20, True)
TINY = speed.Effort(limits=(24, 12), repeats=2, evaluations=3, job_size=(48, 32), job_frames=3, job_iterations=2, rate_frames=3, matrix=64,
                    steady_size=(48, 32), steady_frames=24, history=2, large=())  # fmt: skip


def frames(count: int = 3, width: int = 48, height: int = 32) -> tuple[np.ndarray, ...]:
    """A texture that moves two pixels a frame."""
    wide = np.random.default_rng(1).random((height // 4, (width + 8) // 4, 3), np.float32)
    wide = np.clip(cv2.resize(wide, (width + 8, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    return tuple(np.ascontiguousarray(wide[:, 2 * index : 2 * index + width]) for index in range(count))


@pytest.fixture
def shot() -> Shot:
    return Shot("texture", frames())


@pytest.fixture
def style() -> np.ndarray:
    return cv2.resize(np.random.default_rng(2).random((6, 6, 3), np.float32), (40, 40), interpolation=cv2.INTER_NEAREST)


@pytest.fixture
def painting(style: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "style.png"
    assert cv2.imwrite(str(path), np.rint(255 * style).astype(np.uint8))
    return path


@pytest.fixture(scope="session")
def loaded(weights: Path) -> dict[str, torch.Tensor]:
    return stored.load(stored.ensure("vgg16"))


@pytest.fixture
def reference(loaded: dict[str, torch.Tensor], shot: Shot, style: np.ndarray) -> ReferenceEngine:
    return ReferenceEngine(loaded, style_tensor(style, shot.size, CPU))


# Everything


def test_both_engines_are_measured_on_the_same_frames_and_the_trajectory_is_kept(painting: Path, tmp_path: Path) -> None:
    shot = Shot("texture", frames(2))
    found = speed.measure([shot], shot.frames, painting, "cpu", TINY, tmp_path / "cache")
    assert [one.frame for one in found.whole] == [1, 2]
    assert [one.reference_evaluations for one in found.whole] == [24, 12]
    assert all(0 < one.seconds.low <= one.seconds.median <= one.seconds.high for one in found.whole)
    assert {(one.frame, one.factor, one.delivered) for one in found.races} == {
        (frame, factor, delivered) for frame in (1, 2) for factor in FACTORS for delivered in (True, False)
    }
    assert any(one.seconds for one in found.races)
    assert all(one.reference_evaluations <= 24 for one in found.races)
    (evaluation,) = found.evaluations
    assert evaluation.ratio > 0 and evaluation.peak_share > 0
    assert evaluation.memory and evaluation.reference_memory
    assert found.outside and found.outside.frames == 3
    assert found.steady and found.steady.frames == 24 and found.steady.early > 0 and found.steady.late > 0

    values = json.loads(json.dumps(found.as_dict()))
    assert {"first_frame_speedup", "later_frame_speedup", "equal_loss_speedup", "seconds_per_evaluation", "convolution_ratio",
            "peak_memory_bytes", "outside_optimizer_ms_per_frame"} < values.keys()  # fmt: skip
    assert values["equal_loss_speedup"].keys() == {"1.05", "1.01", "1.003"}
    assert found.measured.keys() == {"texture, 48×32", "jobs", "large"}
    text = markdown(found)
    assert "texture, 48×32, frame 2" in text and "cut after 24 evaluations of the first frame and 12" in text
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 2


def test_frames_a_second_are_held_against_the_floor_by_the_same_code_as_on_a_gpu(shot: Shot, painting: Path) -> None:
    found = speed.rate(shot.frames, painting, "cpu", TINY)
    assert found.size == (48, 32) and found.frames == 3 and found.iterations >= 1
    # No bound of 1 for the share: so small a matrix product is far from the device's peak.
    assert found.share == pytest.approx(found.floor * found.iterations * found.per_second) and found.share > 0


# The reference


def _points(reference: ReferenceEngine, frame: Frame, count: int, state: dict | None = None) -> list[Point]:
    return list(reference.paint(frame, count, state))


def test_the_reference_goes_on_from_its_state_as_if_it_had_not_stopped(reference: ReferenceEngine, shot: Shot) -> None:
    frame = framed(shot, 0, None, CPU)
    whole = [point.loss for point in _points(reference, frame, 9)]
    for point in reference.paint(frame, 9):
        if point.evaluations == 4:
            state = point.state()
            break
    assert [point.evaluations for point in _points(reference, frame, 9, state)] == [5, 6, 7, 8, 9]
    assert [point.loss for point in _points(reference, frame, 9, state)] == pytest.approx(whole[4:], rel=1e-4)


class _Interrupted(ReferenceEngine):
    """Stops as Ctrl-C does, once it has made some evaluations."""

    def __init__(self, engine: ReferenceEngine, after: int) -> None:
        self.__dict__.update(engine.__dict__)
        self.after, self.made = after, 0

    def paint(self, *arguments, **named):
        for point in super().paint(*arguments, **named):
            self.made += 1
            yield point
            if self.made == self.after:
                raise KeyboardInterrupt


def test_an_interrupted_trajectory_goes_on_where_it_was_kept_and_a_finished_one_is_read(
    reference: ReferenceEngine, shot: Shot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = framed(shot, 0, None, CPU)
    whole = trajectory(reference, frame, 25, tmp_path / "whole.npz", "one")
    assert whole.evaluations == 25 and whole.delivered_at.tolist() == list(range(1, 26))
    with pytest.raises(KeyboardInterrupt):
        trajectory(_Interrupted(reference, 14), frame, 25, tmp_path / "frame.npz", "one", kept_every=0)
    rest = _Interrupted(reference, 1000)
    resumed = trajectory(rest, frame, 25, tmp_path / "frame.npz", "one")
    assert rest.made == 25 - 14 and "    goes on after 14 evaluations\n" in capsys.readouterr().err
    assert resumed.losses == pytest.approx(whole.losses, rel=1e-3)
    assert [path.name for path in tmp_path.glob("frame.*")] == ["frame.npz"]

    trajectory(again := _Interrupted(reference, 1000), frame, 25, tmp_path / "frame.npz", "one")
    assert again.made == 0
    trajectory(again, frame, 25, tmp_path / "frame.npz", "another")
    assert again.made == 25


def test_the_reference_reaches_a_loss_at_the_first_evaluation_that_it_can_have() -> None:
    losses = np.array([9.0, 7, 5, 6, 4, 3, 2.5, 2.4, 2.2, 2.1, 2.0, 1.9])
    one = Trajectory(losses, np.array([3.0, 2.0]), np.array([10, 12]), np.zeros((1, 3, 2, 2), np.float32))
    assert one.reaches(5.5, delivered=False) == 3
    assert one.reaches(3.0, delivered=True) == 1
    assert one.reaches(2.9, delivered=True) == 11
    assert (one.final(delivered=True), one.final(delivered=False)) == (2.0, 1.9)


# The engine


@pytest.mark.parametrize("index", [0, 1])
def test_both_engines_race_from_the_same_start_for_the_same_loss(
    index: int, reference: ReferenceEngine, loaded: dict[str, torch.Tensor], shot: Shot, style: np.ndarray
) -> None:
    racer = Engine(shot, style, loaded, {"precision": "float32", "uncovered": "warped", "tolerance": 0.0})
    previous = shot.frames[0][:, ::-1].copy() if index else None
    frame = framed(shot, index, previous, CPU)
    seen: list[tuple[int, torch.Tensor]] = []

    def after(count: int, image: torch.Tensor) -> bool:
        seen.append((count, image.clone()))
        return count == 3

    racer.race(index, previous, 10, after, bounded=True)
    assert [count for count, _ in seen] == [0, 1, 2, 3]
    # The engine brings the earlier result more sharply.
    moved = tensor(sharply_warped(previous, shot.motions[0].flow), CPU) if previous is not None else frame.start
    within = inside(torch.from_numpy(shot.motions[0].flow).permute(2, 0, 1)[None]) if index else torch.ones(1, dtype=torch.bool)
    objective, start = racer.objective(index, previous)
    assert torch.equal(seen[0][1], torch.where(within, moved, frame.content)) and torch.equal(start, seen[0][1])
    loss = reference.loss(start, frame, reference.content_features(frame))
    assert float(objective(start)[0].sum()) == pytest.approx(float(loss), rel=1e-4)


def test_what_comes_after_the_timed_evaluations_is_reckoned_at_their_median() -> None:
    laps = [10.0, 11.0, 11.5, 12.0, 14.0]
    assert speed.seconds_to(2, laps) == 1.5
    assert speed.seconds_to(4, laps) == 4.0
    assert speed.seconds_to(7, laps) == 4.0 + 3 * 0.75


def test_only_a_race_without_bounds_leaves_the_range_of_colors(loaded: dict[str, torch.Tensor], shot: Shot, style: np.ndarray) -> None:
    racer = Engine(shot, style, loaded, {"tolerance": 0.0})

    def widest(*, bounded: bool) -> float:
        last: list[torch.Tensor] = []
        racer.race(0, None, 12, lambda count, image: bool(last.append(image.clone())), bounded=bounded)
        return float((last[-1] + torch.tensor([123.68, 116.779, 103.939]).reshape(1, 3, 1, 1)).max())

    assert widest(bounded=True) <= 255.001 < widest(bounded=False)


# The device


def test_the_sum_of_convolutions_has_every_layer_at_its_real_size(loaded: dict[str, torch.Tensor]) -> None:
    from core.vgg import VGG, layers

    names = [name.replace("conv", "relu") for name in layers("vgg16")[:11]]
    features = VGG(loaded, names, device=CPU, dtype=torch.float32)(torch.zeros(1, 3, 45, 51))
    listed = convolutions("vgg16", {"relu1_1", "relu5_1", "relu4_2"}, (51, 45))
    assert {one.name.replace("conv", "relu"): (one.outputs, one.height, one.width) for one in listed} == {
        name: tuple(found.shape[1:]) for name, found in features.items()
    }
    assert [one.inputs for one in listed] == [3, *(one.outputs for one in listed[:-1])]
    forward, backward = convolution_seconds(listed[:3], PLAN)
    assert forward > 0 and backward > 0


def test_the_floor_is_the_slower_of_operations_and_bytes() -> None:
    layers = convolutions("vgg16", {"relu1_1"}, (8, 4))
    assert layers[0].operations == 2 * 9 * 64 * 3 * 8 * 4
    assert floor(layers, PLAN, rate=1.0, bandwidth=1e30) == 2 * layers[0].operations
    assert floor(layers, PLAN, rate=1e30, bandwidth=1.0) == 2 * 4 * (67 * 32 + 9 * 3 * 64)
    assert peak_rate(PLAN, 64) > 0 and memory_bandwidth(PLAN, 4096) > 0


# Shots and jobs


def test_the_test_data_gives_both_shots_and_without_it_the_rendered_scene_stands_in(data: Path, tmp_path: Path) -> None:
    clip, film = shots(data, tmp_path)
    assert (clip.title, film.title) == ("marple8, 450×350", "alley_1, 512×218")
    assert len(clip.frames) == len(film.frames) == 3
    scene = tmp_path / "crossing"
    scene.mkdir()
    for number, frame in enumerate(frames(), 1):
        assert cv2.imwrite(str(scene / f"shot_{number:04d}.png"), np.rint(255 * frame).astype(np.uint8))
    (only,) = shots(tmp_path / "nowhere", scene)
    assert only.title == "crossing, 48×32" and len(only.motions) == 2


def test_a_jobs_frames_go_there_and_back(shot: Shot) -> None:
    first, second, third = shot.frames
    for there, back in zip(there_and_back(shot.frames, 6), (first, second, third, second, first, second), strict=True):
        assert there is back


def test_a_job_that_fails_says_so_in_its_own_words(shot: Shot, painting: Path) -> None:
    def diverge(*arguments: object, **named: object) -> NoReturn:
        raise Diverged("the loss is nan at iteration 1")

    with around_minimize(diverge), pytest.raises(RuntimeError, match="the loss is nan at iteration 1"):
        work(shot.frames, painting, {})


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux")
def test_a_large_frame_stays_below_the_limit(weights: Path) -> None:
    size = (512, 384)
    limit = needed(Plan("cpu", "float32", 2, 10, False, 5, 64), Work.of(Settings(), size))
    (found,) = speed_memory.measure([size], 3, limit / 1e9, "cpu")
    assert found.plan["checkpointing"] > 0
    assert found.memory and found.memory < found.planned <= limit
    assert found.rate > 0


# The report


def _findings(**changes: object) -> Findings:
    flat = Spread.of([1.0])
    whole = [Whole("a shot", frame, 100, flat, 1.004, {}, 500, flat * times, 1.0, 1.0) for frame, times in ((1, 8.0), (2, 20.0), (3, 30.0))]
    races = [
        Race("a shot", 1, factor, delivered, 50, flat * 5.0, 10, flat) for factor in (1.05, 1.01, 1.003) for delivered in (True, False)
    ]
    found = Findings(
        machine={"processor": "one", "features": ["avx512_bf16"]}, whole=whole, races=races,
        evaluations=[Evaluation("a shot", flat, flat * 1.5, flat * 4.0, 0.25, 0.5, 3e9, 4e9, 2_000_000_000, 5_000_000_000)],
        outside=Outside((1024, 436), 4, 6, Spread.of([50.0]), flat, 1.0, 0.05),
        steady=Steady((192, 82), 240, 6, 0.2, 0.21, 0.99e6),
        large=[_large((640, 360), 0.5), _large((1280, 720), 2.39), _large((3840, 2160), 35.9, checkpointing=5, strip_rows=64)],
    )  # fmt: skip
    return replace(found, **changes)


def _large(size: tuple[int, int], seconds: float, memory: int = 8_000_000_000, **plan: int) -> Large:
    return Large(size, {"history": 20, "checkpointing": 0, "strip_rows": 0, **plan}, seconds, memory, 7_900_000_000)


def test_what_just_holds_holds() -> None:
    assert len(checks(_findings())) == 19
    assert all(one.holds for one in checks(_findings()))


def _changed(name: str, **changes: object) -> Findings:
    first, *rest = getattr(_findings(), name)
    return _findings(**{name: [replace(first, **changes), *rest]})


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (_changed("whole", seconds=Spread.of([1.01])), "first frame, each engine"),
        (_changed("whole", loss=1.006), "first frame: loss over"),
        (_changed("races", seconds=Spread.of([1.01])), "to 1.05 times"),
        (_changed("races", seconds=None, evaluations=None), "to 1.05 times"),
        (_changed("evaluations", with_step=Spread.of([1.51])), "an evaluation over"),
        (_findings(outside=Outside((1024, 436), 4, 6, Spread.of([51.0]), Spread.of([1.0]), 1.0, 0.05)), "outside the optimizer"),
        (_findings(large=[_large((640, 360), 0.5), _large((1280, 720), 2.41)]), "seconds a megapixel by the same plan"),
        (_findings(large=[_large((3840, 2160), 36.0, 8_000_000_001)]), "memory of a frame of 3840×2160"),
        (_findings(large=[_large((640, 360), 0.5), _large((3840, 2160), 36.1, checkpointing=1)]), "seconds a megapixel of 3840×2160 over"),
        (_findings(steady=Steady((192, 82), 240, 6, 0.2, 0.211, 0.0)), "the last frames of 240"),
        (_findings(steady=Steady((192, 82), 240, 6, 0.2, 0.2, 1e6)), "growth of memory"),
        (_findings(device="cuda:0", rate=Rate((1024, 436), 24, 30, 9.9, 0.001, 0.5)), "frames a second"),
    ],
)
def test_what_just_does_not_hold_is_said(found: Findings, words: str) -> None:
    failing = [one.text for one in checks(found) if not one.holds]
    assert failing and all(text.startswith(words) for text in failing)
    assert "**does not hold**" in markdown(found)


def test_the_json_has_the_least_of_all_shots_and_frames() -> None:
    values = _findings().as_dict()
    assert values["first_frame_speedup"] == 8 and values["later_frame_speedup"] == 20
    assert values["equal_loss_speedup"] == {"1.05": 5, "1.01": 5, "1.003": 5}
    assert values["seconds_per_evaluation"] == 1.5 and values["convolution_ratio"] == 2
    assert values["peak_memory_bytes"] == 2_000_000_000 and values["outside_optimizer_ms_per_frame"] == 50
    assert _changed("races", seconds=None, evaluations=None).as_dict()["equal_loss_speedup"]["1.05"] == 0
    assert Findings().as_dict()["first_frame_speedup"] is None


def test_pieces_are_put_together_from_the_file_that_an_earlier_run_wrote(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    whole = _findings(measured={"a shot": "2026-01-01", "jobs": "2026-01-01", "large": "2026-01-01"})
    publish("", whole.as_dict(), checks(whole), None, file)
    assert json.loads(json.dumps(Findings.read(file).as_dict())) == json.loads(json.dumps(whole.as_dict()))

    again = replace(whole.whole[0], seconds=Spread.of([0.5]))
    other = replace(whole.whole[0], shot="another")
    found = Findings(whole=[other, again], measured={"another": "2026-02-02", "a shot": "2026-02-02"}).beside(Findings.read(file))
    assert list(found.whole) == [again, other]
    assert not found.races and found.outside == whole.outside and found.steady == whole.steady and len(found.large) == len(whole.large)
    assert found.measured == {"a shot": "2026-02-02", "another": "2026-02-02", "jobs": "2026-01-01", "large": "2026-01-01"}
    assert "- on 2026-01-01: jobs; large" in markdown(found)
    assert Findings(outside=replace(whole.outside, start=9.0), measured={"jobs": "2026-02-02"}).beside(whole).outside.start == 9.0


def test_the_report_says_what_the_figures_say() -> None:
    text = markdown(_findings(command="python3 scripts/benchmark.py speed"))
    assert "| a shot, frame 1 | 100 | 1.00 (1.00–1.00) | 500 | 8.00 (8.00–8.00) | **8.0** | 1.0040 | 1.0040 |" in text
    assert "| a shot, frame 1 | 1.003 | 10 | 1.00 (1.00–1.00) | 50 | 5.00 (5.00–5.00) | **5.0** |" in text
    assert "| 0.250 + 0.500 | **2.00** | 4 GFLOP/s | 50 % |" in text
    assert "| a shot | 2.00 GB | 5.00 GB |" in text
    assert "| 3840×2160 | 5 blocks computed again in strips of 64 rows, history 20 | 35.90 | 4.33 | 8.00 GB | 7.90 GB |" in text
    assert "| 640×360 | everything kept, history 20 |" in text and "200 ms a frame soon after the start, 210 ms at the end" in text
    assert "## What was tried and did not pay" in text and "- command: `python3 scripts/benchmark.py speed`" in text
    assert "neither AMX nor" not in text and "neither AMX nor" in markdown(_findings(machine={"features": []}))
    assert "A quick run" not in text and "A quick run" in markdown(_findings(limits=(150, 100)))
    assert "not reached" in markdown(_changed("races", seconds=None, evaluations=None))
    assert "already as good" not in text and "already as good" in markdown(_changed("races", reference_evaluations=1))


# The command line


def test_figures_of_another_machine_are_not_written_over(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    publish("", _findings(machine={"processor": "abacus"}).as_dict(), [], None, file)
    before = file.read_bytes()
    capsys.readouterr()
    assert _main(monkeypatch, data, "--only", "jobs", "--json", str(file)) == 2
    assert "holds figures of another machine" in capsys.readouterr().err and file.read_bytes() == before


def _main(monkeypatch: pytest.MonkeyPatch, data: Path, *options: str) -> int:
    arguments = ["--cache", "none", "--data", str(data), "--scene", "none", "--style", str(data / "styles" / "starry_night.jpg"), *options]
    monkeypatch.setattr("sys.argv", ["speed.py", *arguments])
    return speed.main()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "crossing"], "There is no shot crossing here"),
        (["--device", "cuda:77"], "no device cuda:77"),
        (["--style", __file__], "test_speed.py cannot be read"),
        (["--only", "marple8", "--json", __file__], "test_speed.py holds no figures of this benchmark"),
    ],
)
def test_what_is_not_there_is_told_in_one_sentence(
    options: list[str], words: str, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(monkeypatch, data, *options) == 2
    said = capsys.readouterr().err.strip()
    assert words in said and "\n" not in said
