# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine under measurement: its own `Painter`, watched from outside where it calls `minimize`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from speed_convolutions import Clock
from speed_shots import Shot
from torch import Tensor

from core import painter as painting
from core.devices import choose, configure
from core.optimizer import Result
from core.painter import Painted, Painter
from core.passes import Step, schedule
from core.settings import make_settings
from core.start import Earlier
from core.styles import StyleImage

__all__ = ["Engine", "Run", "around_minimize"]

Array = NDArray[np.float32]
Minimize = Callable[..., Result]
Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Run:
    """A painted frame, its seconds in all, and those that were spent in the optimizer."""

    painted: Painted
    seconds: float
    optimizing: float


class _Reached(Exception):
    """The race is over."""


@contextmanager
def around_minimize(wrapper: Callable[..., Result]) -> Iterator[None]:
    """Let `wrapper(minimize, evaluate, start, …)` be called where a painter calls `minimize`."""
    minimize = painting.minimize

    def wrapped(*arguments: Any, **named: Any) -> Result:
        return wrapper(minimize, *arguments, **named)

    painting.minimize = wrapped
    try:
        yield
    finally:
        painting.minimize = minimize


class Engine:
    """Paints the frames of a shot as a job does.

    Args:
        settings: those that differ from the defaults.
        style: (H, W, 3) display sRGB.
    """

    def __init__(self, shot: Shot, style: Array, weights: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
        self.shot = shot
        self.settings = make_settings(settings)
        self.plan = choose(self.settings)
        configure(self.plan)
        self.clock = Clock(self.plan.torch_device)
        self._painter = Painter(self.settings, self.plan, weights, [StyleImage(style, 1.0)], shot.size)
        self._steps = list(schedule(len(shot.frames), lambda index: False, lambda index: self.settings))

    def warm_up(self) -> None:
        """Let what is made once a job be made."""
        self._paint(0, iterations=2)

    def paint(self, index: int, previous: Painted | None) -> Run:
        """A frame by the engine's own stop rule, after its own result before."""
        inside = 0.0

        def timed(minimize: Minimize, *arguments: Any, **named: Any) -> Result:
            nonlocal inside
            begun = self.clock()
            result = minimize(*arguments, **named)
            inside = self.clock() - begun
            return result

        begun = self.clock()
        with around_minimize(timed):
            painted = self._paint(index, previous.rgb, previous.level) if previous else self._paint(index)
        return Run(painted, self.clock() - begun, inside)

    def race(self, index: int, previous: Array | None, limit: int, after: Callable[[int, Tensor], bool], *, bounded: bool) -> None:
        """Paint without a stop rule, from the start that the reference engine has, until `after` is true or `limit` is reached.

        Args:
            previous: the result before, (H, W, 3) display sRGB, which is the same for both engines.
            after: is called when the optimizer begins, with 0 and the start, and once an evaluation is done, with their number and the
                picture that was evaluated.
            bounded: whether the picture is held within the range of colors, as it is when a job paints.
        """

        def watched(minimize: Minimize, evaluate: Evaluate, *arguments: Any, **named: Any) -> Result:
            count = 0
            after(count, arguments[0])

            def watch(image: Tensor) -> tuple[Tensor, Tensor]:
                nonlocal count
                found = evaluate(image)
                count += 1
                if after(count, image):
                    raise _Reached
                return found

            return minimize(watch, *arguments, **{**named, "last": None, **({} if bounded else {"bounds": None})})

        with around_minimize(watched), suppress(_Reached):
            self._paint(index, previous, iterations=limit)

    def objective(self, index: int, previous: Array | None) -> tuple[Evaluate, Tensor]:
        """What the optimizer is given for a frame: the objective and the start."""
        given: list[Any] = []

        def kept(minimize: Minimize, *arguments: Any, **named: Any) -> Result:
            given.extend(arguments)
            return minimize(*arguments, **named)

        with around_minimize(kept):
            self._paint(index, previous, iterations=1)
        return given[0], given[1]

    def _paint(self, index: int, previous: Array | None = None, level: float | None = None, iterations: int | None = None) -> Painted:
        step: Step = self._steps[index]
        if iterations is not None:
            step = replace(step, iterations=iterations)
        earlier = {}
        if previous is not None:
            motion = self.shot.motions[index - 1]
            earlier[index - 1] = Earlier(previous, motion.flow, motion.mask)
        return self._painter.paint(self.shot.frames[index], step, earlier, self.settings, index, level=level)
