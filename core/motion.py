# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How frames reach each other: flow and mask of a pair, estimated or given, found once and kept in the job's folder."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .arrays import read_array, write_array
from .consistency import chained, mask
from .content import Content
from .flow import FlowEstimator
from .flow_files import GivenFlow

__all__ = ["EstimatedMotion", "GivenMotion", "Motion", "MotionFinder", "along"]

logger = logging.getLogger(__name__)

Array = NDArray[np.float32]
Kind = Literal["soft", "binary"]


@dataclass(frozen=True)
class Motion:
    """From one frame to another, at the working size: the flow (H, W, 2) and the paper's c (H, W), both on the first one's grid."""

    flow: Array
    mask: Array


class MotionFinder(Protocol):
    """Finds the motion of pairs of frames."""

    def identity(self, here: int, there: int) -> str:
        """What the motion from frame number `here` to `there` depends on, the frames' contents aside."""
        ...

    def find(self, here: Content, there: Content) -> Motion:
        """The motion from one frame to the other; raises FlowError."""
        ...


def along(finder: MotionFinder, path: Sequence[Content]) -> Motion:
    """The motion from the first frame of a path to its last, chained from its steps; raises FlowError."""
    return joined([finder.find(here, there) for here, there in pairwise(path)])


def joined(steps: Sequence[Motion]) -> Motion:
    """The motion along steps, each of which begins where the one before ends."""
    return steps[0] if len(steps) == 1 else Motion(*chained([step.flow for step in steps], [step.mask for step in steps]))


class EstimatedMotion:
    """Motion that an estimator finds, kept on disk for both directions, so that neither resume nor another style asks for it again.

    Args:
        folder: where it is kept.
    """

    def __init__(self, estimator: FlowEstimator, kind: Kind, folder: Path) -> None:
        self._estimator, self._kind, self._folder = estimator, kind, folder
        folder.mkdir(parents=True, exist_ok=True)

    def identity(self, here: int, there: int) -> str:
        return self._estimator.name

    def has(self, here: Content, there: Content) -> bool:
        """Whether the motion was found before and kept."""
        wanted = (self._path("flow", here, there), self._path("flow", there, here), self._path("mask", here, there))
        return all(path.is_file() for path in wanted)

    def find(self, here: Content, there: Content) -> Motion:
        flow, inverse = self._flow(here, there), self._flow(there, here)
        path = self._path("mask", here, there)
        reliable = _load(path, flow.shape[:2])
        if reliable is None:
            reliable = mask(flow, inverse, self._kind)
            write_array(path, reliable)
        return Motion(flow, reliable)

    def _flow(self, here: Content, there: Content) -> Array:
        path = self._path("flow", here, there)
        flow = _load(path, (*here.working.shape[:2], 2))
        if flow is None:
            flow = self._estimator.estimate(here.working, there.working)
            write_array(path, flow)
        return flow

    def _path(self, what: str, here: Content, there: Content) -> Path:
        facts = (self._estimator.name, here.digest, there.digest, here.working.shape, self._kind if what == "mask" else "")
        key = hashlib.sha256(repr(facts).encode()).hexdigest()
        return self._folder / f"{what}_{here.number:04d}_{there.number:04d}.{key[:16]}.npy"


class GivenMotion:
    """Motion from files that hold each step between neighbors; pairs at a distance are chained from the steps between them."""

    def __init__(self, given: GivenFlow, kind: Kind, size: tuple[int, int]) -> None:
        self._given, self._kind, self._size = given, kind, size
        self._digests: dict[tuple[int, int], str] = {}

    def identity(self, here: int, there: int) -> str:
        toward = 1 if there > here else -1
        digests = (self._digest(number, toward) + self._digest(number + toward, -toward) for number in range(here, there, toward))
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    def find(self, here: Content, there: Content) -> Motion:
        toward = 1 if there.number > here.number else -1
        return joined([self._step(number, toward) for number in range(here.number, there.number, toward)])

    def _digest(self, number: int, toward: int) -> str:
        if (number, toward) not in self._digests:
            self._digests[number, toward] = self._given.digest(number, toward)
        return self._digests[number, toward]

    def _step(self, number: int, toward: int) -> Motion:
        flow = self._given.step(number, toward, self._size)
        inverse = self._given.step(number + toward, -toward, self._size)
        return Motion(flow, mask(flow, inverse, self._kind))


def _load(path: Path, shape: tuple[int, ...]) -> Array | None:
    """What was kept; None where there is nothing of this shape, for whatever reason."""
    if not path.is_file():
        return None
    try:
        kept = read_array(path)
    except (OSError, ValueError, EOFError):
        logger.warning("%s is damaged and is made anew", path)
        return None
    return kept if kept.shape == shape and kept.dtype == np.float32 else None
