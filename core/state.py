# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results on disk to the bit, as later frames and passes read them: unpremultiplied display sRGB, float32, at the working size."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .arrays import read_array, write_array

__all__ = ["State"]

Array = NDArray[np.float32]


class State:
    """The results of a job's frames, by pass, frame number and fingerprint."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, pass_number: int, number: int, fingerprint: str) -> bool:
        return self._path(pass_number, number, fingerprint).is_file()

    def load(self, pass_number: int, number: int, fingerprint: str) -> Array:
        """(H, W, 3); raises OSError where it is not there."""
        return read_array(self._path(pass_number, number, fingerprint))

    def save(self, pass_number: int, number: int, fingerprint: str, result: Array) -> None:
        """Keep a result in place of any other of this frame and pass."""
        path = self._path(pass_number, number, fingerprint)
        write_array(path, result)
        for other in self._folder.glob(f"{glob.escape(self._name)}_{number:04d}.pass{pass_number}.*.npy"):
            if other != path:
                other.unlink(missing_ok=True)

    def names(self) -> frozenset[str]:
        """What is there, by `name`: one look at the folder instead of one for each result."""
        return frozenset(path.name for path in self._folder.glob("*.npy"))

    def remove(self, pass_number: int, number: int, fingerprint: str) -> None:
        self._path(pass_number, number, fingerprint).unlink(missing_ok=True)

    def is_empty(self) -> bool:
        return not any(self._folder.glob("*.npy"))

    def drop(self, unneeded: Callable[[int, int], bool]) -> None:
        """Delete the results for which `unneeded` (pass, frame number) holds."""
        shape = re.compile(rf"{re.escape(self._name)}_(-?\d+)\.pass(\d+)\.[0-9a-f]+\.npy")
        for path in self._folder.glob("*.npy"):
            found = shape.fullmatch(path.name)
            if found and unneeded(int(found[2]), int(found[1])):
                path.unlink(missing_ok=True)

    def name(self, pass_number: int, number: int, fingerprint: str) -> str:
        """What the file of a result is called."""
        return f"{self._name}_{number:04d}.pass{pass_number}.{fingerprint[:16]}.npy"

    def _path(self, pass_number: int, number: int, fingerprint: str) -> Path:
        return self._folder / self.name(pass_number, number, fingerprint)
