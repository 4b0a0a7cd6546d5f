# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files are the frames of a shot: names, numbers, and what is missing between them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import OpenImageIO as oiio  # noqa: N813

from .numbering import numbered
from .pixels import FrameError

__all__ = ["FileSequence", "image_suffixes", "in_words", "of_folder", "of_pattern", "of_still", "window"]


@dataclass(frozen=True)
class FileSequence:
    name: str
    label: str  # as a person would write it: shot_####.png
    files: Mapping[int, Path]  # in order

    def between(self, first: int | None, last: int | None) -> dict[int, Path]:
        wanted = window(self.label, tuple(self.files), first, last)
        there = [number for number in self.files if number in wanted]
        ends = [wanted.start - 1, *there, wanted.stop]
        missing = [range(before + 1, after) for before, after in pairwise(ends) if after > before + 1]
        if missing:
            raise FrameError(f"{self.label} lacks {in_words(missing)}.")
        return {number: self.files[number] for number in there}


def window(label: str, numbers: tuple[int, ...], first: int | None, last: int | None) -> range:
    start = numbers[0] if first is None else first
    end = numbers[-1] if last is None else last
    for wanted in (start, end):
        if not numbers[0] <= wanted <= numbers[-1]:
            raise FrameError(f"{label} has no frame {wanted}; it begins at {numbers[0]} and ends at {numbers[-1]}.")
    return range(start, end + 1)


def of_pattern(pattern: Path) -> FileSequence:
    found = numbered(pattern.name)
    if found is None:
        raise FrameError(f"{pattern} must hold the frame number once, as in shot_####.png or shot_%04d.png.")
    prefix, width, suffix = found
    expression = re.compile(rf"{re.escape(prefix)}(\d{{{width}}}|[1-9]\d{{{width},}}){re.escape(suffix)}")
    folder = pattern.parent
    if not folder.is_dir():
        raise FrameError(f"The folder {folder} does not exist, so {pattern.name} matches nothing.")
    matches = ((expression.fullmatch(path.name), path) for path in _listed(folder))
    files = {int(match[1]): path for match, path in matches if match and path.is_file()}
    if not files:
        raise FrameError(f"{pattern} matches no file; check the name and the number of digits.")
    return FileSequence(_stem(prefix) or folder.resolve().name, pattern.name, dict(sorted(files.items())))


def of_folder(folder: Path) -> FileSequence:
    groups: dict[tuple[str, str], dict[str, Path]] = {}
    for path in sorted(_listed(folder)):
        if path.suffix.lower() in image_suffixes() and not path.name.startswith(".") and path.is_file():
            prefix, digits, suffix = _split_last_number(path) or (path.stem, "", path.suffix)
            groups.setdefault((prefix, suffix), {})[digits] = path
    if not groups:
        raise FrameError(f"{folder} holds no images; name the folder that holds the frames.")
    labels = [_label(key, digits) for key, digits in groups.items()]
    if len(groups) > 1:
        raise FrameError(f"{folder} holds several sequences, {_and(labels[:4])}{' and more' * (len(labels) > 4)}; name one of them.")
    ((_, by_digits),) = groups.items()
    files = {int(digits or 1): path for digits, path in by_digits.items()}
    if len(files) < len(by_digits):
        raise FrameError(f"{folder} holds frames with the same number written differently, such as 1 and 01; name them by a pattern.")
    return FileSequence(folder.resolve().name, labels[0], dict(sorted(files.items())))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise FrameError(f"The folder {folder} cannot be read: {error.strerror}.") from error


def of_still(path: Path) -> FileSequence:
    parts = _split_last_number(path)
    number = int(parts[1]) if parts else 1
    return FileSequence((_stem(parts[0]) if parts else "") or path.stem, path.name, {number: path})


def _split_last_number(path: Path) -> tuple[str, str, str] | None:
    """What stands before, in and after the last run of digits: shot_v002_0001.png is frame 1."""
    runs = list(re.finditer(r"\d+", path.stem))
    if not runs:
        return None
    return path.stem[: runs[-1].start()], runs[-1][0], path.stem[runs[-1].end() :] + path.suffix


def _label(key: tuple[str, str], digits: Mapping[str, Path]) -> str:
    return f"{key[0]}{'#' * min(len(one) for one in digits)}{key[1]}"


def _stem(prefix: str) -> str:
    return prefix.rstrip(" _.-")


def in_words(runs: Sequence[range]) -> str:
    """ "frame 3", "frames 3 and 7-9"."""
    texts = [str(run.start) if run.stop == run.start + 1 else f"{run.start}-{run.stop - 1}" for run in runs]
    shown = texts if len(texts) <= 8 else [*texts[:7], f"{len(texts) - 7} more runs"]
    is_one = len(runs) == 1 and runs[0].stop == runs[0].start + 1
    return f"frame{'s' * (not is_one)} {_and(shown)}"


def _and(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def image_suffixes() -> set[str]:
    formats = dict(entry.split(":") for entry in oiio.get_string_attribute("extension_list").split(";"))
    for virtual in ("null", "term", "zfile", "ffmpeg"):  # no picture files of their own
        formats.pop(virtual, None)
    return {f".{extension}" for extensions in formats.values() for extension in extensions.split(",")}
