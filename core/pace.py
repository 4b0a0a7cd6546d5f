# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the rest of a job takes, told from the frames that were made so far."""

from __future__ import annotations

from statistics import fmean

from .passes import Step
from .settings import Settings

__all__ = ["Pace"]


class Pace:
    """Learns from every frame of a job of `total` frames."""

    def __init__(self, settings: Settings, total: int) -> None:
        self._settings, self._total = settings, total
        self._painted: list[float] = []
        self._between: list[float] = []
        self._guess: float | None = None

    def left(self, step: Step, place: int, iterations: int, seconds: float) -> float | None:
        """Seconds that are left after a step; None where nothing is known of what is to come.

        Args:
            place: where the step stands in its pass, from 1.
            iterations: what it took, in `seconds`.
        """
        if step.is_between:
            self._between.append(seconds)
        elif self._settings.passes > 1 or not step.is_first:
            self._painted.append(seconds)
        else:
            # A first frame has more iterations than those to come.
            self._guess = seconds * min(self._settings.iterations / max(iterations, 1), 1.0)
        expected = fmean(self._painted) if self._painted else self._guess
        to_paint, between = self._to_come(step, place)
        if expected is None and to_paint:
            return None
        return to_paint * (expected or 0.0) + between * (fmean(self._between) if self._between else 0.0)

    def _to_come(self, step: Step, place: int) -> tuple[int, int]:
        """How many frames are still to be painted, in this pass and the later ones, and how many in between to be made; cuts add few."""
        per_pass = -(-self._total // step.stride)
        ahead = (self._total - 1 - step.reached if step.toward > 0 else step.reached) // step.stride
        passes_left = self._settings.passes - step.pass_number
        between = self._total - per_pass if passes_left else max(self._total - place - ahead, 0)
        return ahead + passes_left * per_pass, between
