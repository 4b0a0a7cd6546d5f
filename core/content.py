# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of a job and its matte, read ahead by a thread of their own, at the sizes at which they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from . import cuts
from .color import DisplayImage, display_from_linear
from .frames import FrameSource
from .job import Job
from .pictures import resized
from .settings import Settings
from .shortage import has_run_short

__all__ = ["Content", "Contents", "Original"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Content:
    """What a frame is painted from: (H, W, 3) display sRGB at the working size and as a thumbnail, the matte (H, W) at the working size."""

    index: int
    number: int
    """The number in the name of the frame that is written."""
    digest: str
    """Of the frame's pixels and the matte's."""
    working: Array
    thumbnail: Array
    matte: Array | None


@dataclass(frozen=True)
class Original:
    """A frame as it came, at its full size, with its matte (H, W)."""

    image: DisplayImage
    matte: Array | None


class Contents:
    """The contents of a job's frames by index, counted from 0.

    Args:
        size: working width and height in pixels.
        ahead: the thread that reads.
        warn: told of highlights that are clipped.
    """

    def __init__(self, job: Job, source: FrameSource, size: tuple[int, int], ahead: Executor, warn: Callable[[str, str], None]) -> None:
        self._source, self._size, self._ahead, self._warn = source, size, ahead, warn
        self._settings: Settings = job.resolved_settings()
        self._matte = job.matte
        self._mattes = job.matte.open() if job.matte else None
        self._offset = job.content.offset
        self._contents: dict[int, Future[Content]] = {}
        self._originals: dict[int, Original] = {}
        self._digests: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._source.numbers)

    def know(self, digests: Mapping[int, str]) -> None:
        """Take over digests by index, so that frames need not be read for them."""
        self._digests |= digests

    def files(self, index: int) -> list[Path]:
        """What a frame and its matte are read from."""
        files = [self._source.file(self._source.numbers[index])]
        if self._mattes is not None:
            files.append(self._mattes.file(self._matte_number(self.number(index))))
        return files

    def close(self) -> None:
        """Let go of the matte's files; the source's belong to who opened them."""
        if self._mattes is not None:
            self._mattes.close()

    def number(self, index: int) -> int:
        """The number in the name of the frame that is written."""
        return self._source.numbers[index] + self._offset

    def ahead(self, index: int) -> Future[Content]:
        """The content of a frame, which is being read if it has not been."""
        if index not in self._contents or has_run_short(self._contents[index]):
            self._contents[index] = self._ahead.submit(self._read, index)
        return self._contents[index]

    def __getitem__(self, index: int) -> Content:
        return self.ahead(index).result()

    def digest(self, index: int) -> str:
        """The digest of a frame, without reading it twice."""
        return self._digests[index] if index in self._digests else self[index].digest

    def take_original(self, index: int) -> Original:
        """The frame at its full size, which is let go of."""
        if index not in self._originals:
            self._contents.pop(index, None)
            self.ahead(index).result()
        return self._originals.pop(index)

    def keep_only(self, indices: range) -> None:
        """Let go of all other frames."""
        for index in [index for index in self._contents if index not in indices and self._contents[index].done()]:
            del self._contents[index]
            self._originals.pop(index, None)

    def _read(self, index: int) -> Content:
        source_number, number = self._source.numbers[index], self.number(index)
        digest = self._source.digest(source_number)
        image = display_from_linear(self._source.read(source_number))
        if image.clipped and self._settings.highlights == "clip":
            self._warn(
                "clipped",
                f"{image.clipped} pixels of frame {number} are brighter than display white and are clipped; "
                "set highlights to keep to carry them over.",
            )
        matte, matte_digest = self._read_matte(number, image)
        self._originals[index] = Original(image, matte)
        self._digests[index] = digest + matte_digest
        working = resized(image.rgb, self._size)
        small = None if matte is None else resized(matte, self._size)
        return Content(index, number, self._digests[index], working, cuts.thumbnail(working), small)

    def _matte_number(self, number: int) -> int:
        assert self._mattes is not None
        return number if number in self._mattes.numbers else self._mattes.numbers[0]

    def _read_matte(self, number: int, image: DisplayImage) -> tuple[Array | None, str]:
        """The matte at the frame's full size, with the digest of its own file."""
        if self._matte is None:
            return None, ""
        height, width = image.rgb.shape[:2]
        if self._mattes is None:
            matte, digest = np.ones((height, width), np.float32) if image.alpha is None else image.alpha, ""
        else:
            number = self._matte_number(number)
            digest = self._mattes.digest(number)
            shades = cv2.cvtColor(display_from_linear(self._mattes.read(number)).rgb, cv2.COLOR_RGB2GRAY)
            matte = resized(np.asarray(shades, np.float32), (width, height))
        return (1 - matte if self._matte.invert else matte), digest
