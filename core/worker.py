# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a job: frames in, events out, cancel at any time, resume where it stopped."""

from __future__ import annotations

import glob
import logging
import platform
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO
import torch
from numpy.typing import NDArray

from . import __version__, cuts, weights
from .color import DisplayImage, display_from_linear, linear_from_display, with_colors_of
from .consistency import mask
from .devices import DeviceError, Plan, choose, configure
from .events import PROTOCOL, Listener
from .files import atomic, remove_partial, write_json
from .fingerprint import fingerprint, frame_digest
from .flow import FlowError, estimator
from .frames import FrameError, FrameSource, read_exr_attributes, read_image, write_exr
from .job import JOB_FILE, Job, JobError
from .losses import Objective
from .optimizer import Cancelled, Diverged, Progress
from .painter import Earlier, Painted, Painter, resized
from .passes import Step, memory, single_pass
from .settings import Settings
from .vgg import MIN_SIZE

__all__ = ["run_job", "versions", "working_size"]

logger = logging.getLogger(__name__)

Array = NDArray[np.float32]

_FINGERPRINT = "brushflow:fingerprint"


def versions() -> dict[str, str]:
    """Versions of the engine and of what its pixels depend on."""
    return {
        "brushflow": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "openimageio": OpenImageIO.VERSION_STRING,
        "numpy": np.__version__,
    }


def working_size(size: tuple[int, int], resolution: float) -> tuple[int, int]:
    """Width and height to paint at: a fraction of the frame's, never below what the network takes."""
    return max(round(size[0] * resolution), MIN_SIZE), max(round(size[1] * resolution), MIN_SIZE)


def run_job(job: Job, source: FrameSource, listener: Listener, cancel: threading.Event, *, log: str = "") -> int:
    """Paint the frames of a job that was checked, tell `listener`, and return the exit status: 0 done, 1 failed, 2 refused, 130 cancelled.

    Args:
        source: the job's content, opened.
        cancel: set it to end the job after the iteration in progress; nothing that is finished is lost.
        log: path of the log, named in errors.
    """

    def tell(event: str, **facts: Any) -> None:
        listener({"event": event, "job": job.identifier, **facts})

    def fail(code: str, problem: Exception, hint: str, status: int) -> int:
        tell("error", code=code, message=str(problem), hint=hint, log=log)
        return status

    try:
        return _Run(job, source, tell, cancel).paint_all()
    except JobError as problem:
        return fail(problem.code, problem, problem.hint, 2)
    except DeviceError as problem:
        return fail("device", problem, "", 2)
    except weights.WeightsError as problem:
        return fail("weights", problem, "", 1)
    except FrameError as problem:
        return fail("frame", problem, "Finished frames are kept; resume once this is mended.", 1)
    except FlowError as problem:
        return fail("flow", problem, "", 1)
    except Diverged as problem:
        return fail("diverged", problem, "Lower learning_rate, or set precision to float32.", 1)
    except OSError as problem:
        logger.exception("the job failed")
        return fail(
            "disk", OSError(f"A file could not be read or written: {problem}."), "Finished frames are kept; resume once this is mended.", 1
        )
    except (torch.OutOfMemoryError, MemoryError) as problem:
        logger.exception("the job failed")
        return fail("memory", type(problem)("There is not enough memory for frames of this size."), "Lower resolution or history.", 1)
    except Exception as problem:
        logger.exception("the job failed")
        return fail("internal", RuntimeError(f"Something unexpected went wrong: {problem}."), "Finished frames are kept; see the log.", 1)


@dataclass(frozen=True)
class _Content:
    """A frame's content at the sizes at which frames are painted and compared: (H, W, 3) display sRGB."""

    working: Array
    thumbnail: Array
    digest: str


@dataclass(frozen=True)
class _Motion:
    """How a frame reaches an earlier one, at the working size: the flow (H, W, 2) and the paper's c (H, W)."""

    flow: Array
    mask: Array


class _Run:
    """One job on its way. Frames are counted from 0 within the job.

    One thread looks ahead (frames and flow), one writes; the optimizer waits for neither unless it is faster.
    """

    def __init__(self, job: Job, source: FrameSource, tell: Callable[..., None], cancel: threading.Event) -> None:
        self._job, self._source, self._tell, self._cancel = job, source, tell, cancel
        self._settings = job.resolved_settings()
        self._total = len(source.numbers)
        self._size = working_size(source.size, self._settings.resolution)
        self._estimator = estimator(job.estimator)
        self._plan = choose(self._settings, job.plan)
        configure(self._plan)
        self._state = job.folder / "cache" / "state"
        self._contents: dict[int, Future[_Content]] = {}
        self._motions: dict[tuple[int, int], Future[_Motion]] = {}
        self._originals: dict[int, DisplayImage] = {}
        self._results: dict[int, Array] = {}
        self._fingerprints: dict[int, str] = {}
        self._painted = self._kept = 0
        self._seconds_later: list[float] = []
        self._told: set[str] = set()

    def paint_all(self) -> int:
        job, begun = self._job, time.monotonic()
        self._styles = [(display_from_linear(frame).rgb, frame_digest(frame), style.weight) for frame, style in job.read_styles()]
        self._weights = weights.ensure(self._settings.network, lambda text: self._warn("weights", text))
        self._state.mkdir(parents=True, exist_ok=True)
        remove_partial(job.folder)
        remove_partial(self._state)
        record_job(job, self._plan)
        self._tell(
            "ready", protocol=PROTOCOL, versions=versions(), device=self._plan.device, plan=self._plan.as_dict(), total=self._total,
            folder=str(job.folder), name=job.output.name, first=self._number(0), last=self._number(self._total - 1),
        )  # fmt: skip
        with ThreadPoolExecutor(1, "ahead") as self._ahead, ThreadPoolExecutor(1, "write") as writer:
            writing: Future[None] | None = None
            try:
                for step in single_pass(self._total, self._is_cut, self._job.settings_at):
                    self._check_cancelled()
                    if not self._keep(step):
                        result, seconds = self._paint(step)
                        if writing is not None:
                            writing.result()
                        writing = writer.submit(self._deliver, step, result, self._originals.pop(step.index), seconds)
                    self._forget(step)
                if writing is not None:
                    writing.result()
            except Cancelled:
                if writing is not None:
                    writing.result()
                self._tell("cancelled", total=self._total, painted=self._painted, kept=self._kept, folder=str(job.folder))
                return 130
            finally:
                self._ahead.shutdown(cancel_futures=True)
        seconds = time.monotonic() - begun
        self._tell("done", total=self._total, painted=self._painted, kept=self._kept, seconds=seconds, folder=str(job.folder))
        return 0

    # What a frame is made from

    def _number(self, index: int) -> int:
        """The number in the name of the frame that is written."""
        return self._source.numbers[index] + self._job.content.offset

    def _content(self, index: int) -> Future[_Content]:
        if index not in self._contents:
            self._contents[index] = self._ahead.submit(self._read, index)
        return self._contents[index]

    def _read(self, index: int) -> _Content:
        number = self._source.numbers[index]
        digest = self._source.digest(number)
        original = display_from_linear(self._source.read(number))
        if original.clipped and self._settings.highlights == "clip":
            self._warn(
                "clipped",
                f"{original.clipped} pixels of frame {self._number(index)} are brighter than display white and are clipped; "
                "set highlights to keep to carry them over.",
            )
        self._originals[index] = original
        working = resized(original.rgb, self._size)
        return _Content(working, cuts.thumbnail(working), digest)

    def _motion(self, index: int, earlier: int) -> Future[_Motion]:
        if (index, earlier) not in self._motions:
            contents = self._content(index), self._content(earlier)
            self._motions[index, earlier] = self._ahead.submit(self._estimate, index, earlier, *contents)
        return self._motions[index, earlier]

    def _estimate(self, index: int, earlier: int, here: Future[_Content], there: Future[_Content]) -> _Motion:
        begun = time.monotonic()
        a, b = here.result().working, there.result().working
        flow, inverse = self._estimator.estimate(a, b), self._estimator.estimate(b, a)
        reliable = mask(flow, inverse, self._settings.mask)
        self._tell("flow", frame=self._number(index), to=self._number(earlier), seconds=time.monotonic() - begun)
        return _Motion(flow, reliable)

    def _is_cut(self, index: int) -> bool:
        chosen = self._settings.cuts
        if isinstance(chosen, tuple):
            return self._number(index) in chosen
        if chosen == "none":
            return False
        return cuts.is_cut(self._content(index - 1).result().thumbnail, self._content(index).result().thumbnail)

    def _result(self, index: int) -> Array:
        """An earlier result: from memory, else to the bit from the state, else from the delivered frame."""
        if index not in self._results:
            state = self._state_path(index)
            if state.is_file():
                self._results[index] = np.load(state, allow_pickle=False)
            else:
                self._warn("state", "The exact state of earlier frames is gone, so resuming reads the delivered ones; bits may differ.")
                delivered = display_from_linear(read_image(self._job.frame_path(self._source.numbers[index])))
                self._results[index] = resized(delivered.rgb, self._size)
        return self._results[index]

    # Painting and delivering

    def _paint(self, step: Step) -> tuple[Painted, float]:
        begun = time.monotonic()
        index, number = step.index, self._number(step.index)
        self._tell("frame_started", frame=number, index=index + 1, total=self._total, **{"pass": 1})
        content = self._content(index).result()
        needs_motion = {*step.held_to, *((index - 1,) if step.start == "previous_warped" else ())}
        motions = {earlier: self._motion(index, earlier) for earlier in sorted(needs_motion)}
        if index + 1 < self._total:
            self._content(index + 1)
            if needs_motion or step.is_first:
                self._motion(index + 1, index)
        earlier = {}
        for other in step.needs:
            if other in motions:
                motion = motions[other].result()
                earlier[other] = Earlier(self._result(other), motion.flow, motion.mask)
            else:
                earlier[other] = Earlier(self._result(other))

        def report(progress: Progress) -> None:
            losses = Objective.losses(progress.terms)
            self._tell("iteration", frame=number, iteration=progress.iteration, limit=progress.limit, losses=losses, **{"pass": 1})

        result = self._painter.paint(
            content.working, step, earlier, self._job.settings_at(index), number, report=report, check=self._check_cancelled
        )
        self._results[index] = result.rgb
        return result, time.monotonic() - begun

    @cached_property
    def _painter(self) -> Painter:
        styles = [(rgb, share) for rgb, _, share in self._styles]
        return Painter(self._settings, self._plan, weights.load(self._weights), styles, self._size)

    def _deliver(self, step: Step, result: Painted, original: DisplayImage, seconds: float) -> None:
        index = step.index
        with atomic(self._state_path(index)) as partial:
            np.save(partial, result.rgb, allow_pickle=False)
        path = self._job.frame_path(self._source.numbers[index])
        rgba = finished(result.rgb, original, self._job.settings_at(index))
        attributes: dict[str, str | int | float] = {
            _FINGERPRINT: self._fingerprints[index],
            "brushflow:version": __version__,
            "brushflow:iterations": result.iterations,
            **{f"brushflow:loss_{name}": value for name, value in result.losses.items()},
        }
        write_exr(path, rgba, attributes)
        self._drop_states(step)
        self._painted += 1
        if not step.is_first:
            self._seconds_later.append(seconds)
        left = (self._total - index - 1) * self._expected_seconds(result, seconds)
        self._tell_done(step, path, seconds, result.iterations, result.losses, left, kept=False)

    def _expected_seconds(self, result: Painted, seconds: float) -> float:
        """What a later frame takes, told from those that were painted, or else from a first frame with its more iterations."""
        if self._seconds_later:
            return float(np.mean(self._seconds_later))
        return seconds * min(self._settings.iterations / max(result.iterations, 1), 1.0)

    def _keep(self, step: Step) -> bool:
        """Whether the frame that is there already is the one that would be painted."""
        index = step.index
        self._fingerprints[index] = fingerprint(
            self._job.settings_at(index), step, self._number(index), self._content(index).result().digest,
            [(digest, share) for _, digest, share in self._styles], self._weights.sha256,
            [self._fingerprints[earlier] for earlier in step.needs],
        )  # fmt: skip
        path = self._job.frame_path(self._source.numbers[index])
        if self._job.output.existing != "resume" or not path.is_file():
            return False
        try:
            attributes = read_exr_attributes(path)
        except FrameError:
            return False
        if attributes.get(_FINGERPRINT) != self._fingerprints[index]:
            return False
        self._kept += 1
        losses = {name: float(attributes.get(f"brushflow:loss_{name}", 0.0)) for name in ("total", *Objective.TERMS)}
        self._tell_done(step, path, 0.0, int(attributes.get("brushflow:iterations", 0)), losses, None, kept=True)
        return True

    def _forget(self, step: Step) -> None:
        """Let go of what no later frame can ask for."""
        oldest = step.index + 1 - memory(self._settings)
        spared = {step.shot} if self._settings.init == "first" else set()
        for index in [index for index in self._contents if index < min(oldest, step.index)]:
            del self._contents[index]
            self._originals.pop(index, None)
        for pair in [pair for pair in self._motions if pair[0] <= step.index]:
            del self._motions[pair]
        for index in [index for index in self._results if index < oldest and index not in spared]:
            del self._results[index]

    def _drop_states(self, step: Step) -> None:
        """Delete the states that resume no longer needs now that the frame of `step` is on disk."""
        needed = {index for index in range(step.index + 1 - memory(self._settings), step.index + 1) if index >= 0}
        if self._settings.init == "first":
            needed.add(step.shot)
        kept = {self._state_path(index) for index in needed}
        for state in self._state.glob(f"{glob.escape(self._job.output.name)}_*.npy"):
            if state not in kept:
                state.unlink(missing_ok=True)

    def _state_path(self, index: int) -> Path:
        return self._state / f"{self._job.output.name}_{self._number(index):04d}.{self._fingerprints[index][:16]}.npy"

    # Telling

    def _check_cancelled(self) -> None:
        if self._cancel.is_set():
            raise Cancelled

    def _warn(self, code: str, message: str) -> None:
        """A warning of a kind is told once a job."""
        if code not in self._told:
            self._told.add(code)
            self._tell("warning", code=code, message=message)

    def _tell_done(
        self, step: Step, path: Path, seconds: float, iterations: int, losses: Mapping[str, float], eta: float | None, *, kept: bool
    ) -> None:
        self._tell(
            "frame_done", frame=self._number(step.index), path=str(path), index=step.index + 1, total=self._total, seconds=seconds,
            iterations=iterations, losses=dict(losses), eta=eta, kept=kept,
        )  # fmt: skip


def record_job(job: Job, plan: Plan) -> None:
    """Leave the job in its folder, so that `run` resumes it."""
    output = job.output.model_copy(update={"existing": "resume"})
    recorded = job.model_copy(update={"output": output, "plan": plan.as_dict()})
    write_json(job.folder / JOB_FILE, recorded.as_json())


def finished(painted: Array, original: DisplayImage, settings: Settings) -> Array:
    """The frame to deliver: at full size, its colors kept and blended with its source as the settings say.

    Args:
        painted: (h, w, 3) display sRGB at the working size.

    Returns:
        (H, W, 4) scene-linear, alpha premultiplied. At a strength of 0 it is the source, values above display white included.
    """
    source, strength = original.rgb, np.float32(settings.strength)
    rgb = resized(painted, (source.shape[1], source.shape[0]))
    if settings.keep_colors == "luminance":
        rgb = with_colors_of(rgb, source)
    if strength == 1:
        return linear_from_display(rgb, original, settings.highlights)
    blended = linear_from_display(source + strength * (rgb - source), original, settings.highlights)
    # What the way through display sRGB took from the source comes back with the source's share.
    lost = premultiplied(original) - linear_from_display(source, original, settings.highlights)
    return blended + (1 - strength) * lost


def premultiplied(original: DisplayImage) -> Array:
    """The untouched source (H, W, 4), scene-linear."""
    rgb = np.nan_to_num(original.linear)
    alpha = np.ones(rgb.shape[:2], np.float32) if original.alpha is None else original.alpha
    alpha = alpha[..., np.newaxis]
    return np.concatenate([np.where(alpha > 0, rgb * alpha, rgb), alpha], axis=2, dtype=np.float32)
