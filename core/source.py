# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of a shot, wherever they come from."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from .pixels import Frame, FrameError, Pixels
from .sequences import in_words

__all__ = ["MINIMUM_SIZE", "FrameSource", "check_minimum"]

MINIMUM_SIZE = 16
"""Pixels that a frame must have on each side: the network halves it four times."""


class FrameSource(ABC):
    """The numbered frames of a shot; a context manager that closes its files."""

    name: str
    """What the frames are called, without number: "shot" of shot_0001.png."""
    numbers: tuple[int, ...]
    size: tuple[int, int]
    """Width and height, in pixels, of every frame."""

    _KEPT: ClassVar[int] = 2

    def __init__(self, name: str, numbers: tuple[int, ...], size: tuple[int, int]) -> None:
        self.name = name
        self.numbers = numbers
        self.size = size
        self._recent: OrderedDict[int, Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, number: int) -> Frame:
        """Frame `number`; raises FrameError where it cannot be read."""
        return self._pixels(number).frame()

    def digest(self, number: int) -> str:
        """SHA-256 of what frame `number` holds: its decoded values, their type, channels and color space.

        The same picture gives the same digest wherever it lies and whatever else its header says.
        """
        return self._pixels(number).digest()

    def close(self) -> None:
        """Close the files; the source cannot be read afterwards."""
        self._recent.clear()

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    @abstractmethod
    def files(self) -> Collection[Path]:
        """What the frames are read from."""

    @abstractmethod
    def file(self, number: int) -> Path:
        """What frame `number` is read from."""

    @abstractmethod
    def _decode(self, number: int) -> Pixels: ...

    def _pixels(self, number: int) -> Pixels:
        with self._lock:  # frames are read ahead in another thread, and a movie has one decoder
            if number not in self._recent:
                if number not in self.numbers:
                    raise FrameError(
                        f"{self.name} has no frame {number}; it has {in_words([range(self.numbers[0], self.numbers[-1] + 1)])}."
                    )
                self._recent[number] = self._decode(number)
                while len(self._recent) > self._KEPT:
                    self._recent.popitem(last=False)
            self._recent.move_to_end(number)
            return self._recent[number]


def check_minimum(path: Path, size: tuple[int, int]) -> None:
    if min(size) < MINIMUM_SIZE:
        raise FrameError(f"{path} is {size[0]}x{size[1]} pixels, which is too small: {MINIMUM_SIZE} pixels at least on each side.")
