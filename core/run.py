# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One job on its way: its frames in their order, what each is made of, and what may be let go of."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import cuts, header, weights
from .color import display_from_linear
from .content import Content, Contents, Original
from .debug import write_debug
from .delivery import finished
from .devices import Plan, configure
from .events import PROTOCOL
from .exr import write_exr
from .files import remove_partial, write_json
from .fingerprint import fingerprint, frame_digest
from .flow import estimator
from .frames import FrameSource, read_image
from .inbetween import inbetween
from .job import JOB_FILE, Job
from .losses import Objective
from .matte import Side, side
from .memory import next_smaller, planned
from .motion import EstimatedMotion, GivenMotion, Motion, MotionFinder
from .motion_ahead import MotionAhead
from .optimizer import Cancelled, Diverged, Progress
from .pace import Pace
from .painter import Painted, Painter, Painters
from .passes import Step, memory, path, schedule
from .pictures import array, resized, working_size
from .preroll import FOLDER as PREROLL
from .settings import Settings
from .shortage import RenewedThread, Successors, is_shortage, let_go
from .start import Earlier
from .state import State
from .styles import StyleImage
from .thumbnail import FILE as THUMBNAIL
from .thumbnail import write_thumbnail
from .versions import versions

__all__ = ["Run", "record_job", "tidy"]

logger = logging.getLogger(__name__)

Array = NDArray[np.float32]

_DIVERGED = 10.0
"""A loss that has grown by this factor is not on its way down."""
_MOMENTS = 0.25
"""Seconds that a finished frame is held at most, until the optimizer is at work on the next."""
_LEVELED = ("content_weight", "style_weight", "style_blend", "tv_weight")
"""Settings that a shot's level is made of and that can change from frame to frame."""


@dataclass(frozen=True)
class _Result:
    """What a step brought: the picture, the frame as it came where the picture is delivered, and how the previous frame reaches it.

    `colors_of` is the frame whose colors are kept if that is another.
    """

    painted: Painted
    original: Original | None
    motion: Motion | None
    colors_of: Array | None


class Run:
    """One job on its way. Frames are counted from 0 within the job.

    One thread looks ahead (frames and flow), one writes; the optimizer waits for neither unless it is faster, and they for its beginning.
    What is held in memory does not grow with the length of the shot.
    """

    def __init__(
        self,
        job: Job,
        source: FrameSource,
        tell: Callable[..., None],
        cancel: threading.Event,
        painters: Painters | None = None,
        smaller: int = 0,
    ) -> None:
        self._painters = painters or Painters()
        self._job, self._source, self._tell, self._cancel = job, source, tell, cancel
        self._settings = job.resolved_settings()
        self._total, self._passes = len(source.numbers), self._settings.passes
        self._size = working_size(source.size, self._settings.resolution)
        self._plan = planned(self._settings, self._size, job.plan, smaller=smaller)
        configure(self._plan)
        self._finder = self._motion_finder()
        self._results: dict[tuple[int, int], Array] = {}
        """By pass and frame."""
        self._fingerprints: dict[tuple[int, int], str] = {}
        self._levels: dict[int, float] = {}
        """Of the painted frames, see core/level.py."""
        self._shots: dict[int, int] = {}
        """The first frame of its shot by that of a chain that begins within one."""
        self._colors: tuple[int, Array] | None = None
        self._held: tuple[int, Array] | None = None
        self._painted = self._kept = 0
        self._places: dict[int, int] = {}
        """Where the frames stand in the last pass, from 1."""
        self._pace = Pace(self._settings, self._total)
        self._optimizing = threading.Event()
        """Set while the other threads may work; in the moments between two optimizations the processor is the next frame's own."""
        self._told: set[str] = set()

    def work(self) -> int:
        """Do all there is to do, and return the exit status."""
        job, begun = self._job, time.monotonic()
        self._prepare()
        with ExitStack() as stack:
            self._successors = stack.enter_context(closing(Successors()))
            self._ahead = stack.enter_context(RenewedThread("ahead"))
            writer = stack.enter_context(ThreadPoolExecutor(1, "write"))
            for thread in (self._ahead, writer):  # which begin while there is surely memory for them
                thread.submit(time.monotonic)
            self._contents = stack.enter_context(closing(Contents(job, self._source, self._size, self._ahead, self._warn)))
            self._motions = MotionAhead(self._finder, self._contents, self._settings, self._ahead, self._tell_flow)
            self._open()
            ours = self._ours
            self._tell(
                "ready", protocol=PROTOCOL, versions=versions(), device=self._plan.device, plan=self._plan.as_dict(), total=len(ours),
                passes=self._passes, folder=str(job.folder), name=job.output.name,
                first=self._contents.number(min(ours)), last=self._contents.number(max(ours)),
            )  # fmt: skip
            if 1 < self._passes < self._settings.temporal_from_pass and self._settings.temporal_weight:
                self._warn(
                    "passes",
                    f"The temporal term joins from pass {self._settings.temporal_from_pass} on, which never comes with {self._passes} "
                    "passes; lower temporal_from_pass to hold frames to each other.",
                )
            writing: Future[None] | None = None
            try:
                for step in self._steps():
                    self._check_cancelled()
                    if (painted := self._kept_or_painted(step)) is not None:
                        self._optimizing.set()
                        if writing is not None:
                            writing.result()
                        self._optimizing.clear()
                        writing = writer.submit(self._write_aside, step, *painted)
                    self._forget(step)
                self._optimizing.set()
                if writing is not None:
                    writing.result()
            except Cancelled:
                self._ahead.shutdown(cancel_futures=True)  # whose last flow is told before the end
                if writing is not None:
                    writing.result()
                self._tell("cancelled", total=len(ours), painted=self._painted, kept=self._kept, folder=str(job.folder))
                return 130
            finally:
                self._ahead.shutdown(cancel_futures=True)
        self._close()
        seconds = time.monotonic() - begun
        self._tell("done", total=len(ours), painted=self._painted, kept=self._kept, seconds=seconds, folder=str(job.folder))
        return 0

    def _prepare(self) -> None:
        """Read what all frames depend on."""
        styles = self._job.read_styles()
        self._styles = [StyleImage(display_from_linear(frame).rgb, style.weight, style.region) for frame, style in styles]
        self._style_digests = [(frame_digest(frame), style.weight, style.region) for frame, style in styles]
        self._weights = weights.ensure(self._settings.network, lambda text: self._warn("weights", text))
        self._state = State(self._job.folder / "cache" / "state", self._job.output.name)

    # What is a whole run's alone, and another of core/part_run.py

    @property
    def _ours(self) -> Collection[int]:
        """The frames that are made here."""
        return range(self._total)

    def _open(self) -> None:
        """Prepare the folder, once everything that is read has been found."""
        tidy(self._job)
        record_job(self._job, self._plan)

    def _close(self) -> None:
        """Let go of what nobody will ask for any more."""
        if self._passes > 1:
            self._state.drop(lambda pass_number, number: True)

    def _let_go(self, step: Step) -> None:
        """Delete the results that nobody will ask for once `step` is written."""
        self._state.drop(lambda pass_number, number: not self._is_needed_after(step, pass_number, number))

    def _eta(self, step: Step, iterations: int, seconds: float) -> float | None:
        """Seconds that are left after a step that took so many."""
        return self._pace.left(step, self._position(step)["index"], iterations, seconds)

    # The order of the work

    def _steps(self) -> Iterator[Step]:
        """What there is to do, without the passes that an earlier run has finished."""
        steps = self._placed(schedule(self._total, self._is_cut, self._job.settings_at, self._passes))
        if self._passes == 1 or self._job.output.existing != "resume":
            return steps
        if self._state.is_empty() and not self._job.frame_path(self._source.numbers[0]).is_file():
            return steps
        there: dict[int, list[bool]] = {}
        whole = list(steps)
        for step in whole:
            there.setdefault(step.pass_number, []).append(self._made(step) is not None)
        finished = max((number for number, frames in there.items() if all(frames)), default=0)
        return (step for step in whole if step.pass_number > min(finished, self._passes - 1))

    def _placed(self, steps: Iterator[Step]) -> Iterator[Step]:
        for step in steps:
            if step.pass_number == self._passes:
                self._places[step.index] = len(self._places) + 1
            yield step

    def _made(self, step: Step) -> header.Made | None:
        """How a result was made that is there already and is the one that would be painted; None where there is none."""
        wanted = self._fingerprint(step)
        if step.pass_number < self._passes:
            return header.Made() if self._state.has(step.pass_number, self._contents.number(step.index), wanted) else None
        return header.made(self._frame_path(step.index), wanted)

    def _is_cut(self, index: int) -> bool:
        chosen = self._settings.cuts
        if isinstance(chosen, tuple):
            return self._contents.number(index) in chosen
        if chosen == "none":
            return False
        return cuts.is_cut(self._contents[index - 1].thumbnail, self._contents[index].thumbnail)

    def _fingerprint(self, step: Step) -> str:
        place = step.pass_number, step.index
        if place not in self._fingerprints:
            here = self._contents.number(step.index)
            inputs = [self._contents.digest(step.index)]
            for other in step.moved:
                inputs.append(self._finder.identity(here, self._contents.number(other)))
                inputs += [self._contents.digest(index) for index in path(step.index, other, self._settings)[1:-1]]
            if self._settings.keep_colors == "match":
                inputs.append(self._contents.digest(self._shots.get(step.shot, step.shot)))
            if self._job.matte is not None:
                inputs.append(f"matte {self._job.matte.source} {self._job.matte.invert}")
            self._fingerprints[place] = fingerprint(
                self._job.settings_at(step.index), step, self._noise(step), inputs, self._style_digests, self._weights.sha256,
                [self._fingerprints[step.pass_of(other), other] for other in step.needs],
            )  # fmt: skip
        return self._fingerprints[place]

    def _keep(self, step: Step) -> bool:
        """Whether the result that is there already stays."""
        self._fingerprint(step)  # of which those of later steps are made
        made = self._made(step) if self._job.output.existing == "resume" else None
        if made is None:
            return False
        self._count(step, kept=True)
        self._take_level(step, made)
        self._tell_painted(step, 0.0, made.iterations, made.losses, None, kept=True)
        return True

    def _take_level(self, step: Step, made: header.Made) -> None:
        if made.level is not None:
            self._levels[step.index] = made.level

    def _count(self, step: Step, *, kept: bool) -> None:
        if step.pass_number == self._passes:
            self._kept += kept
            self._painted += not kept

    # What a frame is made from

    def _motion_finder(self) -> MotionFinder:
        if self._job.flow is not None:
            return GivenMotion(self._job.given_flow(), self._settings.mask, self._size)
        return EstimatedMotion(estimator(self._job.estimator, self._plan.device), self._settings.mask, self._job.folder / "cache" / "flow")

    def _look_ahead(self, step: Step) -> None:
        """Let the frames that come next be read and their motion be found while this one is painted."""
        following = step.index + step.toward * step.stride
        if step.pass_number == self._passes and self._settings.between == "warped" and step.previous in step.needs:
            for gap in range(step.previous + step.toward, step.index, step.toward):
                self._motions.ask(gap, step.previous)
                self._motions.ask(gap, step.index)
        if following not in self._ours:
            return
        self._contents.ahead(following)
        offsets = {other - step.index for other in step.moved}
        if step.is_first and self._passes == 1 and (self._settings.temporal_weight or self._settings.init == "previous_warped"):
            offsets.add(-step.stride)
        for other in sorted(following + offset for offset in offsets):
            if 0 <= other < self._total:
                self._motions.ask(following, other)

    def _result(self, pass_number: int, index: int) -> Array:
        """An earlier result: from memory, else to the bit from the state, else from the delivered frame."""
        place = pass_number, index
        if place not in self._results:
            number = self._contents.number(index)
            if pass_number < self._passes or self._state.has(pass_number, number, self._fingerprints[place]):
                self._results[place] = self._state.load(pass_number, number, self._fingerprints[place])
            else:
                self._warn("state", "The exact state of earlier frames is gone, so resuming reads the delivered ones; bits may differ.")
                self._results[place] = self._delivered(index)
        return self._results[place]

    def _delivered(self, index: int) -> Array:
        """A frame that was written, at the working size."""
        return resized(display_from_linear(read_image(self._frame_path(index))).rgb, self._size)

    def _colors_of(self, shot: int) -> Array | None:
        """The content whose colors the paintings are matched to: the first of the shot."""
        if self._settings.keep_colors != "match":
            return None
        shot = self._shots.get(shot, shot)
        if self._colors is None or self._colors[0] != shot:
            self._colors = shot, self._contents[shot].working
        return self._colors[1]

    def _held_colors(self, step: Step) -> Array | None:
        """The painted frame as it came, where that is held: its strokes do not fit the colors of a frame in between."""
        if step.start != "held" or self._settings.keep_colors != "luminance":
            return None
        if self._held is None or self._held[0] != step.previous:
            self._held = step.previous, self._contents.take_original(step.previous).image.rgb
        return self._held[1]

    def _noise(self, step: Step) -> int:
        """The number that decides the noise of a frame; in a multi-pass job all frames of a shot start from the same."""
        return self._contents.number(step.index if self._passes == 1 else step.shot)

    # Painting and delivering

    def _kept_or_painted(self, step: Step) -> tuple[_Result, float] | None:
        """What painting a step brought, and in how many seconds; None where the result that is there stays."""
        while True:
            try:
                return None if self._keep(step) else self._successors.do(self._paint, step)
            except Exception as problem:
                if not is_shortage(problem):
                    raise
                logger.warning("frame %d: %s", self._contents.number(step.index), problem)
                let_go(problem)
            self._successors.take_over()
            self._step_down(step)

    def _step_down(self, step: Step) -> None:
        """Go on by a plan that takes less memory."""
        self._plan = next_smaller(self._plan, self._size)
        record_job(self._job, self._plan)
        logger.warning("the plan is now %s", self._plan)
        if "_painter" in self.__dict__:  # where it found the memory to be made
            self._successors.do(self._painter.go_on_by, self._plan)
        number = self._contents.number(step.index)
        self._tell(
            "warning", code="memory", plan=self._plan.as_dict(),
            message=f"Memory ran out while frame {number} was painted, so the job goes on in a way that takes less memory and more time.",
        )  # fmt: skip

    def _paint(self, step: Step) -> tuple[_Result, float]:
        begun = time.monotonic()
        index, number = step.index, self._contents.number(step.index)
        self._tell("frame_started", frame=number, passes=self._passes, **self._position(step))
        content = self._contents[index]
        motions = {other: self._motions.ask(index, other) for other in step.moved}
        earlier = {}
        for other in step.needs:
            result = self._result(step.pass_of(other), other)
            if other in motions:
                motion = motions[other].result()
                earlier[other] = Earlier(result, motion.flow, motion.mask, self._contents[other].matte if self._job.matte else None)
            else:
                earlier[other] = Earlier(result)

        if step.is_between:
            painted = self._between(step, content, earlier)
        else:
            painted = self._painted_frame(step, content, earlier)
            self._results[step.pass_number, index] = painted.rgb
            if painted.level is not None:
                self._levels[index] = painted.level
        is_last = step.pass_number == self._passes
        original = self._contents.take_original(index) if is_last else None
        motion_to_previous = motions[step.previous].result() if step.previous in motions else None
        return _Result(painted, original, motion_to_previous, self._held_colors(step)), time.monotonic() - begun

    def _between(self, step: Step, content: Content, earlier: Mapping[int, Earlier]) -> Painted:
        sides = () if content.matte is None else [side(content.matte, name) for name in sorted(self._sides)]
        return inbetween(
            step, content.working, earlier, self._settings.uncovered, self._plan.torch_device, matte=content.matte, sides=sides
        )

    def _painted_frame(self, step: Step, content: Content, earlier: Mapping[int, Earlier]) -> Painted:
        def report(progress: Progress) -> None:
            losses = Objective.losses(progress.terms)
            self._tell(
                "iteration", frame=content.number, iteration=progress.iteration, limit=progress.limit, losses=losses,
                **{"pass": step.pass_number},
            )  # fmt: skip

        def check() -> None:
            self._check_cancelled()
            if not self._optimizing.is_set():
                self._optimizing.set()
                self._look_ahead(step)

        def attempt(step: Step, settings: Settings) -> Painted:
            return self._painter.paint(
                content.working, step, earlier, settings, self._noise(step), report=report,
                check=check, matte=content.matte, colors_of=self._colors_of(step.shot), level=self._level(step),
            )  # fmt: skip

        settings, painted = self._job.settings_at(step.index), None
        try:
            painted = attempt(step, settings)
            if painted.rise < _DIVERGED:
                return painted
        except Diverged as problem:
            logger.warning("frame %d: %s", content.number, problem)
        again = attempt(replace(step, start="content"), replace(settings, learning_rate=min(settings.learning_rate / 10, 1.0)))
        if painted is not None and painted.losses["total"] <= again.losses["total"]:
            return painted
        self._warn(
            "diverged",
            f"The loss grew while frame {content.number} was painted, so it was painted again from its own picture in smaller steps; "
            "lower learning_rate if this is seen.",
        )
        return again

    def _level(self, step: Step) -> float | None:
        """The level at which the shot stands; in a pass of many, every frame takes all of its few iterations."""
        if self._passes > 1 or not step.held_to or not self._settings.tolerance:
            return None
        nearest = step.held_to[0]
        here, there = (self._job.settings_at(index) for index in (step.index, nearest))
        is_alike = all(getattr(here, name) == getattr(there, name) for name in _LEVELED)
        return self._levels.get(nearest) if is_alike else None

    @cached_property
    def _sides(self) -> frozenset[Side]:
        """The sides of the matte that are painted."""
        return frozenset(style.region for style in self._styles)

    @cached_property
    def _painter(self) -> Painter:
        def make() -> Painter:
            return Painter(self._settings, self._plan, weights.load(self._weights), self._styles, self._size)

        return self._painters.get((self._settings, self._plan, self._weights, self._style_digests, self._size), make)

    def _write_aside(self, step: Step, result: _Result, seconds: float) -> None:
        self._optimizing.wait(_MOMENTS)
        self._write(step, result, seconds)

    def _write(self, step: Step, result: _Result, seconds: float) -> None:
        painted, original = result.painted, result.original
        if not step.is_between:
            self._state.save(step.pass_number, self._contents.number(step.index), self._fingerprint(step), painted.rgb)
        if original is not None:
            self._deliver(step, painted, original, result.colors_of)
            if self._settings.debug:
                self._write_debug(step, painted, result.motion)
        self._count(step, kept=False)
        self._let_go(step)
        left = self._eta(step, painted.iterations, seconds)
        self._tell_painted(step, seconds, painted.iterations, painted.losses, left, kept=False)

    def _deliver(self, step: Step, painted: Painted, original: Original, colors_of: Array | None) -> None:
        rgba = finished(painted.rgb, original, self._job.settings_at(step.index), self._sides, colors_of)
        attributes = header.attributes(self._fingerprint(step), painted, self._settings.between if step.is_between else None)
        write_exr(self._frame_path(step.index), rgba, attributes)
        if self._stays(step):
            write_thumbnail(self._job.folder / "cache" / THUMBNAIL, rgba)

    def _write_debug(self, step: Step, painted: Painted, motion: Motion | None) -> None:
        path = self._frame_path(step.index)
        write_debug(
            path.with_name(path.name.replace(self._job.output.name, f"{self._job.output.name}_debug", 1)),
            flow=motion.flow if motion else None, mask=motion.mask if motion else None,
            start=painted.rgb if painted.start is None else array(painted.start),
            warped=None if painted.warped is None else array(painted.warped),
        )  # fmt: skip

    # Letting go

    def _forget(self, step: Step) -> None:
        """Let go of what the next frames do not ask for; what is asked for later comes back from the disk."""
        latest, stride = step.reached, step.stride
        reach, following = memory(self._settings) * stride, latest + step.toward * stride
        self._contents.keep_only(range(latest - reach, latest + reach + 1))
        self._motions.keep_only(lambda index, _: index == following or (index != step.index and abs(index - latest) < stride))
        for place in [place for place in self._results if place[0] != step.pass_number or abs(place[1] - following) > reach]:
            if not (self._settings.init == "first" and place[1] == step.shot):
                del self._results[place]

    def _is_needed_after(self, step: Step, pass_number: int, number: int) -> bool:
        """Whether resuming after `step` may read the result of a frame in a pass from the disk."""
        if pass_number != step.pass_number:
            return pass_number == step.pass_number - 1
        if step.pass_number < self._passes or self._settings.long_term_every:
            return True
        if self._settings.init == "first" and number == self._contents.number(step.shot):
            return True
        behind = (step.reached - (number - self._contents.number(0))) * step.toward
        return 0 <= behind < memory(self._settings) * step.stride

    # Telling

    def _tell_flow(self, number: int, to: int, seconds: float) -> None:
        self._tell("flow", frame=number, to=to, seconds=seconds)

    def _check_cancelled(self) -> None:
        if self._cancel.is_set():
            raise Cancelled

    def _warn(self, code: str, message: str) -> None:
        """A warning of a kind is told once a job."""
        if code not in self._told:
            self._told.add(code)
            self._tell("warning", code=code, message=message)

    def _position(self, step: Step) -> dict[str, int]:
        """Where a step stands in its pass, counted from 1 in the direction of the pass; in the last one in the order of delivery."""
        index = step.index + 1 if step.toward > 0 else self._total - step.index
        if step.pass_number == self._passes:
            index = self._places[step.index]
        return {"index": index, "total": self._total, "pass": step.pass_number}

    def _tell_painted(
        self, step: Step, seconds: float, iterations: int, losses: Mapping[str, float], eta: float | None, *, kept: bool
    ) -> None:
        """`frame_done` is for frames that stay."""
        facts: dict[str, Any] = {"frame": self._contents.number(step.index), **self._position(step)}
        facts |= {"seconds": seconds, "iterations": iterations, "losses": dict(losses), "eta": eta, "kept": kept}
        if self._stays(step):
            self._tell("frame_done", path=str(self._frame_path(step.index)), between=step.is_between, **facts)
        else:
            self._tell("pass_frame_done", passes=self._passes, **facts)

    def _stays(self, step: Step) -> bool:
        """Whether its result is a frame of the job, and not only what others are made of."""
        return step.pass_number == self._passes

    def _frame_path(self, index: int) -> Path:
        return self._job.frame_path(self._source.numbers[index])


def tidy(job: Job) -> None:
    """Delete what interrupted processes left unfinished in a job's folder; nobody else may work there."""
    cache = job.folder / "cache"
    for folder in (job.folder, cache, cache / "state", cache / "flow"):
        remove_partial(folder)
    shutil.rmtree(cache / PREROLL, ignore_errors=True)


def record_job(job: Job, plan: Plan, *, only_first: bool = False) -> None:
    """Leave the job in its folder, so that `run` resumes it; with `only_first` unless there is one."""
    output = job.output.model_copy(update={"existing": "resume"})
    recorded = job.model_copy(update={"output": output, "plan": plan.as_dict()})
    write_json(job.folder / JOB_FILE, recorded.as_json(), only_first=only_first)
