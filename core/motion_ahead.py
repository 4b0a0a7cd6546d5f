# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion between the frames of a job, found in a thread before it is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future

from .content import Content, Contents
from .motion import Motion, MotionFinder, along
from .passes import path
from .settings import Settings
from .shortage import has_run_short

__all__ = ["MotionAhead"]


class MotionAhead:
    """What was found is held until it is let go of. Frames are counted from 0 within the job.

    Args:
        ahead: the thread that finds it.
        found: is told of each motion, with the numbers of its first and last frame and the seconds that it took.
    """

    def __init__(
        self, finder: MotionFinder, contents: Contents, settings: Settings, ahead: Executor, found: Callable[[int, int, float], None]
    ) -> None:
        self._finder, self._contents, self._settings, self._ahead, self._found = finder, contents, settings, ahead, found
        self._motions: dict[tuple[int, int], Future[Motion]] = {}

    def ask(self, index: int, other: int) -> Future[Motion]:
        """That from one frame to another, on its way; raises FlowError when it is read."""
        if (index, other) not in self._motions or has_run_short(self._motions[index, other]):
            contents = [self._contents.ahead(passed) for passed in path(index, other, self._settings)]
            self._motions[index, other] = self._ahead.submit(self._find, contents)
        return self._motions[index, other]

    def keep_only(self, is_kept: Callable[[int, int], bool]) -> None:
        """Let go of the rest."""
        self._motions = {pair: motion for pair, motion in self._motions.items() if is_kept(*pair)}

    def _find(self, reading: Sequence[Future[Content]]) -> Motion:
        begun = time.monotonic()
        contents = [content.result() for content in reading]
        motion = along(self._finder, contents)
        self._found(contents[0].number, contents[-1].number, time.monotonic() - begun)
        return motion
