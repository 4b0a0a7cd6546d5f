# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of speed; started by scripts/benchmark.py in the engine's environment.

Both engines on the same frames: whole frames, the time to equal loss, the cost of an evaluation, and what a job adds.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import re
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import speed_memory
import torch
from numpy.typing import NDArray
from quality_scenes import ALLEY, read_display
from reference_engine import FIRST, LATER, Frame, ReferenceEngine
from report import publish, say
from speed_convolutions import convolution_seconds, convolutions, floor, memory_bandwidth, peak_rate
from speed_engine import Engine, Run
from speed_findings import FACTORS, JOBS, LARGE, Evaluation, Findings, Large, Outside, Race, Rate, Spread, Steady, Whole
from speed_jobs import there_and_back, work
from speed_peak import peak_memory
from speed_reference import Trajectory, clamped, is_looked_at, judged, trajectory
from speed_report import checks, markdown
from speed_shots import Shot, framed, shots, style_tensor
from torch import Tensor

from core import weights
from core.devices import DeviceError, Plan, choose, configure
from core.fingerprint import ALGORITHM
from core.frames import FrameError
from core.painter import Painted
from core.pictures import resized, tensor
from core.settings import Settings, make_settings

Array = NDArray[np.float32]

_VERSION = 1
"""Of the reference engine's results: to be raised when it computes something else."""
_WARM_UP = 3
TIMED = 50
"""Evaluations of a race that are timed; those that follow take as long."""
_RACE = {"uncovered": "warped", "tolerance": 0.0}
"""The settings with which the engine starts from the same picture as the reference, moved by its own means, and does not stop."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        limits: the reference's iterations of a first and of a later frame.
        repeats: how often this engine paints.
        evaluations: that are timed.
        job_size, job_iterations: of the job whose time outside of the optimizer is measured, of `job_frames` frames.
        rate_frames: of the job whose frames a second are measured on a GPU.
        matrix: side of the product that gives the device's peak.
        steady_size, steady_frames: of the long job whose frames shall all take the same time.
        history: that is filled before the memory is read; None fills it.
        large: sizes whose memory and rate is measured.
    """

    limits: tuple[int, int] = (FIRST, LATER)
    repeats: int = 3
    evaluations: int = 20
    job_size: tuple[int, int] = (1024, 436)
    job_frames: int = 4
    job_iterations: int = 6
    rate_frames: int = 24
    matrix: int = 4096
    steady_size: tuple[int, int] = (192, 82)
    steady_frames: int = 240
    history: int | None = None
    large: tuple[tuple[int, int], ...] = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))

    @property
    def is_cut(self) -> bool:
        return self.limits != (FIRST, LATER)


FULL = Effort()
QUICK = Effort(limits=(80, 40), repeats=2, job_iterations=4, matrix=2048, steady_frames=96, large=())


class Bench:
    """Both engines on one shot.

    Args:
        style: (H, W, 3) display sRGB.
        cache: folder of the reference's trajectories.
    """

    def __init__(self, shot: Shot, style: Array, device: str, effort: Effort, cache: Path) -> None:
        self.shot, self._style, self._effort, self._cache = shot, style, effort, cache
        found = weights.ensure("vgg16")
        loaded = weights.load(found)
        self._device_setting = {"device": device}
        self.engine = Engine(shot, style, loaded, self._device_setting)
        self._racer = Engine(shot, style, loaded, {**self._device_setting, **_RACE})
        self._device = self.engine.plan.torch_device
        painting = style_tensor(style, shot.size, self._device)
        self.reference = ReferenceEngine(loaded, painting)
        style_digest = hashlib.sha256(painting.cpu().contiguous().numpy().tobytes()).hexdigest()
        self._identity = f"{_VERSION} {found.sha256} {style_digest}"

    def trajectories(self) -> list[Trajectory]:
        """The reference's way through each frame of its own chain, as far as it is known from the cache."""
        found: list[Trajectory] = []
        for index in range(len(self.shot.frames)):
            limit = self._effort.limits[min(index, 1)]
            name = f"{self.shot.name}_{self.shot.size[0]}x{self.shot.size[1]}_{limit}_{index + 1}.npz"
            say(f"{self.shot.title}: the reference's frame {index + 1}")
            frame = self._frame(index, found)
            found.append(trajectory(self.reference, frame, limit, self._cache / name, self._identity))
        return found

    def _frame(self, index: int, before: Sequence[Trajectory]) -> Frame:
        return framed(self.shot, index, before[index - 1].result if index else None, self._device)

    def whole(self, trajectories: Sequence[Trajectory]) -> tuple[list[Whole], list[Spread], Spread]:
        """Each frame by each engine's own stop rule; the reference's seconds an evaluation in each frame; ours with its step in the first.

        The reference's evaluations are timed in turns with our frames, so that what slows the machine for a while slows both.
        """
        found: list[Whole] = []
        seconds, steps = [], []
        previous: Painted | None = None
        self.engine.warm_up()
        for index, reference in enumerate(trajectories):
            say(f"{self.shot.title}: frame {index + 1}")
            points = self.reference.paint(self._frame(index, trajectories), _WARM_UP + self._effort.evaluations)
            evaluate = partial(next, points)
            self.engine.clock.laps(evaluate, _WARM_UP)
            laps, runs = list[float](), list[Run]()
            for turn in range(self._effort.repeats):
                laps += self.engine.clock.laps(evaluate, len(range(turn, self._effort.evaluations, self._effort.repeats)))
                runs.append(self.engine.paint(index, previous))
            seconds.append(Spread.of(laps))
            painted = runs[0].painted
            if index == 0:
                steps = [run.optimizing / max(run.painted.iterations, 1) for run in runs]
            frame = framed(self.shot, index, previous.rgb if previous else None, self._device)
            loss = self._loss(tensor(painted.rgb, self._device), frame)
            found.append(
                Whole(
                    self.shot.title, index + 1, painted.iterations, Spread.of([run.seconds for run in runs]), loss, painted.losses,
                    reference.evaluations, seconds[index] * reference.evaluations,
                    reference.final(delivered=True), reference.final(delivered=False),
                )
            )  # fmt: skip
            previous = painted
        return found, seconds, Spread.of(steps)

    def races(self, trajectories: Sequence[Trajectory], seconds: Sequence[Spread]) -> list[Race]:
        """The time to equal loss in each frame of the reference's chain."""
        return [
            race
            for delivered in (True, False)
            for index in range(len(self.shot.frames))
            for race in self._frame_races(index, trajectories, seconds[index], delivered=delivered)
        ]

    def _frame_races(self, index: int, trajectories: Sequence[Trajectory], one: Spread, *, delivered: bool) -> list[Race]:
        say(f"{self.shot.title}: the race of frame {index + 1}{'' if delivered else ', not clamped'}")
        reference, frame = trajectories[index], self._frame(index, trajectories)
        content = self.reference.content_features(frame)
        previous = trajectories[index - 1].result if index else None
        targets = {factor: factor * reference.final(delivered=delivered) for factor in FACTORS}
        reached: dict[float, int] = {}

        def look(count: int, image: Tensor) -> bool:
            if is_looked_at(count):
                loss = judged(self.reference, clamped(image) if delivered else image, frame, content)
                for factor, target in targets.items():
                    if loss <= target:
                        reached.setdefault(factor, count)
            return len(reached) == len(targets)

        self._racer.race(index, previous, reference.evaluations, look, bounded=delivered)
        # Again, by the clock alone: the same plan gives the same pictures.
        last = min(max(reached.values(), default=0), TIMED)
        runs = [self._laps(index, previous, last, bounded=delivered) for _ in range(self._effort.repeats)] if last else []
        return [
            Race(
                self.shot.title, index + 1, factor, delivered, count := reference.reaches(target, delivered=delivered), one * count,
                reached.get(factor), Spread.of([seconds_to(reached[factor], run) for run in runs]) if factor in reached else None,
            )
            for factor, target in targets.items()
        ]  # fmt: skip

    def _laps(self, index: int, previous: Array | None, last: int, *, bounded: bool) -> list[float]:
        """The clock when the race begins and after each of its evaluations, until the last."""
        laps: list[float] = []

        def lap(done: int, image: Tensor) -> bool:
            laps.append(self._racer.clock())
            return done == last

        self._racer.race(index, previous, last, lap, bounded=bounded)
        return laps

    def evaluation(self, with_step: Spread, reference: Spread) -> Evaluation:
        """What one evaluation costs, and what the device could do."""
        say(f"{self.shot.title}: an evaluation, and its convolutions alone")
        plan, settings = self.engine.plan, self.engine.settings
        objective, start = self.engine.objective(0, None)
        seconds = self.engine.clock.laps(partial(objective, start), _WARM_UP + self._effort.evaluations)
        layers = convolutions(settings.network, {*settings.content_layers, *settings.style_layers}, self.shot.size)
        forward, backward = convolution_seconds(layers, plan)
        say(f"{self.shot.title}: memory")
        ours, theirs = peak_memory(self.shot, self._style, self._device_setting, self._effort.history)
        return Evaluation(
            self.shot.title, Spread.of(seconds[_WARM_UP:]), with_step, reference, forward, backward,
            2 * sum(layer.operations for layer in layers), peak_rate(plan, self._effort.matrix), ours, theirs,
        )  # fmt: skip

    def _loss(self, picture: Tensor, frame: Frame) -> float:
        return judged(self.reference, picture, frame, self.reference.content_features(frame))


def seconds_to(count: int, laps: Sequence[float]) -> float:
    """Until `count` evaluations were made, of which `laps` holds the first: the others take what one of these takes in the median."""
    timed = min(count, len(laps) - 1)
    return laps[timed] - laps[0] + (count - timed) * statistics.median(np.diff(laps).tolist())


def measure(
    listed: Sequence[Shot], film: Sequence[Array], style: Path, device: str, effort: Effort, cache: Path, command: str = "",
    parts: Sequence[str] = (JOBS, LARGE),
) -> Findings:  # fmt: skip
    """All figures.

    Args:
        film: (H, W, 3) display sRGB, the frames of the jobs.
        parts: what is measured besides the shots.
    """
    plan = choose(make_settings({"device": device}))
    configure(plan)
    painting = read_display(style)
    whole: list[Whole] = []
    races: list[Race] = []
    evaluations: list[Evaluation] = []
    for shot in listed:
        bench = Bench(shot, painting, device, effort, cache)
        trajectories = bench.trajectories()
        frames, seconds, with_step = bench.whole(trajectories)
        whole += frames
        races += bench.races(trajectories, seconds)
        evaluations.append(bench.evaluation(with_step, seconds[0]))
    found = replace(about(plan, effort, command), whole=whole, races=races, evaluations=evaluations)
    if JOBS in parts:
        say("a job")
        spent, second = outside(film, style, device, effort), None if plan.device == "cpu" else rate(film, style, device, effort)
        found = replace(found, outside=spent, rate=second, steady=steady(film, style, device, effort))
    if LARGE in parts:
        found = replace(found, large=large(effort, device))
    return replace(found, measured=dict.fromkeys([*(shot.title for shot in listed), *parts], date.today().isoformat()))


def about(plan: Plan, effort: Effort, command: str) -> Findings:
    """What the figures are of, without any."""
    limits = effort.limits if effort.is_cut else None
    return Findings(plan.device, machine(plan), plan.as_dict(), command, limits, f"{ALGORITHM}.{_VERSION}")


def outside(film: Sequence[Array], style: Path, device: str, effort: Effort) -> Outside:
    """What a job takes besides the optimizer."""
    few = {"device": device, "iterations_first": effort.job_iterations, "iterations": effort.job_iterations, "tolerance": 0.0}
    job = work(there_and_back(film, effort.job_frames), style, few)
    spent = Spread.of([1000 * seconds for seconds in job.between])
    features = Spread.of([1000 * seconds for seconds in job.features])
    size = film[0].shape[1], film[0].shape[0]
    return Outside(size, effort.job_frames, effort.job_iterations, spent, features, job.start, sum(job.between) / (job.seconds - job.start))


def rate(film: Sequence[Array], style: Path, device: str, effort: Effort) -> Rate:
    """Frames a second of a job with the default settings, against the device's peaks."""
    job = work(there_and_back(film, effort.rate_frames), style, {"device": device})
    settings = Settings()
    plan = choose(make_settings({"device": device}))
    size = film[0].shape[1], film[0].shape[0]
    layers = convolutions(settings.network, {*settings.content_layers, *settings.style_layers}, size)
    least = floor(layers, plan, peak_rate(plan, effort.matrix), memory_bandwidth(plan, 64 * effort.matrix**2 // 8))
    iterations = statistics.fmean(job.iterations[1:])
    second = statistics.fmean(job.frame)
    return Rate(size, effort.rate_frames, iterations, 1 / second, least, least * iterations / second)


def steady(film: Sequence[Array], style: Path, device: str, effort: Effort) -> Steady:
    """Whether the frames at the end of a long job take longer than those at its beginning, and more memory."""
    say(f"a job of {effort.steady_frames} frames")
    small = [resized(frame, effort.steady_size) for frame in film]
    few = {"device": device, "iterations_first": effort.job_iterations, "iterations": effort.job_iterations, "tolerance": 0.0}
    job = work(there_and_back(small, effort.steady_frames), style, few)
    skipped, span = effort.steady_frames // 24, effort.steady_frames * 50 // 240
    early, late = job.frame[skipped - 1 : skipped - 1 + span], job.frame[-span:]
    later = job.memory[skipped:]
    slope = 100 * float(np.polyfit(range(len(later)), later, 1)[0]) if later else None
    return Steady(effort.steady_size, effort.steady_frames, effort.job_iterations, statistics.median(early), statistics.median(late), slope)


def large(effort: Effort, device: str) -> list[Large]:
    """Memory and time of the sizes in `effort.large`."""
    say("memory of large frames")
    return speed_memory.measure(effort.large, effort.evaluations, device=device)


def machine(plan: Plan) -> dict[str, Any]:
    """What the figures belong to."""
    facts = Path("/proc/cpuinfo")
    text = facts.read_text("utf-8") if facts.is_file() else ""
    name = re.search(r"model name\s*: (.*)", text)
    flags = re.search(r"flags\s*: (.*)", text)
    features = [flag for flag in (flags[1].split() if flags else ()) if flag.startswith("amx") or flag in ("avx512f", "avx512_bf16")]
    found = {
        "processor": name[1] if name else platform.processor() or platform.machine(),
        "features": features,
        "cores": plan.threads,
        "system": platform.system(),
        "torch": torch.__version__,
    }
    if plan.torch_device.type == "cuda":
        found["graphics card"] = torch.cuda.get_device_name(plan.torch_device)
    return found


def _chosen(asked: argparse.Namespace, listed: Sequence[Shot]) -> list[Shot]:
    chosen = [shot for shot in listed if asked.only in (None, shot.name)]
    if asked.quick and chosen:
        width, height = chosen[0].size
        return [chosen[0].resized((width // 2, height // 2))]
    return chosen


def _film(asked: argparse.Namespace, effort: Effort, listed: Sequence[Shot]) -> Sequence[Array]:
    paths = sorted(asked.data.glob("sintel_alley_1/frame_*.png"))
    film = Shot(ALLEY, tuple(read_display(path) for path in paths)) if paths else listed[0]
    return film.resized(effort.job_size).frames


class _Unfit(Exception):
    """A file that is not to be written over."""


def _earlier(file: Path, device: str, effort: Effort) -> Findings | None:
    """The figures of an earlier run that the file holds; raises _Unfit where this run's cannot stand beside them."""
    if not file.exists():
        return None
    try:
        earlier = Findings.read(file)
    except ValueError as problem:
        raise _Unfit(f"{file} holds no figures of this benchmark; name another file.") from problem
    if not about(choose(make_settings({"device": device})), effort, "").goes_with(earlier):
        raise _Unfit(f"{file} holds figures of another machine, engine or effort; name another file.")
    return earlier


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="speed.py")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scene", type=Path, required=True)
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    listed = shots(asked.data, asked.scene)
    chosen = _chosen(asked, listed)
    effort = QUICK if asked.quick else FULL
    parts = [part for part in (JOBS, *((LARGE,) if effort.large else ())) if asked.only in (None, part)]
    if not chosen and not parts:
        say(f"There is no shot {asked.only} here; BRUSHFLOW_TEST_DATA names the folder of the test data that has it.")
        return 2
    options = [*(["--quick"] if asked.quick else []), *([f"--device {asked.device}"] if asked.device != "cpu" else [])]
    command = " ".join(["python3 scripts/benchmark.py speed", *options])
    try:
        earlier = _earlier(asked.json, asked.device, effort) if asked.only and asked.json else None
        film = _film(asked, effort, listed)
        found = measure(chosen, film, asked.style, asked.device, effort, asked.cache, command, parts)
    except (DeviceError, FrameError, _Unfit) as problem:
        say(str(problem))
        return 2
    except weights.WeightsError as problem:
        say(str(problem))
        return 1
    if earlier:
        found = found.beside(earlier)
    publish(markdown(found), found.as_dict(), checks(found), asked.output, asked.json)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
