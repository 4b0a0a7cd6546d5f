# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reading a job's frames has told: their digests, and where shots begin. Kept in the job's folder, so that parts need not read all."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import cuts
from .content import Contents
from .files import write_json
from .job import Job

__all__ = ["FILE", "Survey"]

FILE = "survey.json"
"""Its name, in the folder cache/ of the job."""


class Survey:
    """Holds for frames whose files have the size and the time of change that they had.

    Args:
        size: working width and height in pixels, at which cuts are looked for.
    """

    def __init__(self, job: Job, contents: Contents, size: tuple[int, int]) -> None:
        self._path, self._contents = job.folder / "cache" / FILE, contents
        self._finds_cuts = job.resolved_settings().cuts == "auto"
        self._head = {"size": list(size), "count": len(contents), "first": contents.number(0)}
        self._files: dict[int, list[Any]] = {}
        self._digests: dict[int, str] = {}
        self._cuts: dict[int, bool] = {}
        """Whether a shot begins with a frame."""

    def complete(self, indices: range) -> None:
        """Know these frames, reading those that were not read before; raises FrameError.

        Args:
            indices: without gaps; from 0 on where cuts are looked for.
        """
        self._files = {index: [_stamp(path) for path in self._contents.files(index)] for index in indices}
        self._load()
        self._contents.know(self._digests)
        read = False
        for index in indices:
            wants_cut = self._finds_cuts and index > 0 and index not in self._cuts
            if index in self._digests and not wants_cut:
                continue
            read = True
            if index + 1 in indices:
                self._contents.ahead(index + 1)
            if wants_cut:
                self._cuts[index] = cuts.is_cut(self._contents[index - 1].thumbnail, self._contents[index].thumbnail)
            self._digests[index] = self._contents.digest(index)
            self._contents.keep_only(range(index, index + 2))
        self._contents.keep_only(range(0))
        if read:
            self._save()

    def is_cut(self, index: int) -> bool:
        """Whether a new shot was found to begin with a frame, of those that are known."""
        return self._cuts[index]

    def _load(self) -> None:
        with suppress(ValueError, TypeError):  # then everything is read again
            for text, (files, digest, is_cut) in self._kept().items():
                index = int(text)
                if self._files.get(index) == files and isinstance(digest, str):
                    self._digests[index] = digest
                    if isinstance(is_cut, bool):
                        self._cuts[index] = is_cut
        # Where a frame is new, its likeness to the one before is, too.
        self._cuts = {index: cut for index, cut in self._cuts.items() if index - 1 in self._digests}

    def _save(self) -> None:
        """Other parts do the same at the same time, and what one of them writes holds for all."""
        frames = {str(index): [self._files[index], digest, self._cuts.get(index)] for index, digest in self._digests.items()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # A cut behind what was read now may have been one before an earlier picture.
        others = {} if self._finds_cuts else self._kept()
        write_json(self._path, {"head": self._head, "frames": {**others, **frames}})

    def _kept(self) -> dict[str, Any]:
        """What the file says of frames, by their index."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._path.read_text("utf-8"))
            if kept["head"] == self._head:
                return dict(kept["frames"])
        return {}


def _stamp(path: Path) -> list[Any]:
    found = path.stat()
    return [path.name, found.st_size, found.st_mtime_ns]
