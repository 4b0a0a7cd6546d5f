# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an input may claim before memory is given to it or a file is touched: names and headers come from strangers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["MAXIMUM_FILE", "MAXIMUM_PIXELS", "brief", "checked_path", "is_of_windows", "names_in_text", "oversize"]

MAXIMUM_PIXELS = 1 << 27
"""Of one picture: a frame of 16K film, 15360×8640, has 133 million."""
MAXIMUM_FILE = 1 << 28
"""Bytes of a job file: keyframes of ten settings over a million frames take less."""
_LONGEST_MESSAGE = 500
_LONGEST_NAME, _LONGEST_PATH = 255, 4096  # bytes, as file systems have them


def oversize(spec: Any) -> str:
    """What is wrong with the size in an image's header, for the middle of a sentence; empty where it can be read."""
    for width, height in ((spec.width, spec.height), (spec.full_width, spec.full_height)):
        if width * height > MAXIMUM_PIXELS:
            return f"is {width}x{height} pixels, which is too large: {MAXIMUM_PIXELS >> 20} million pixels at most"
    return ""


@contextmanager
def names_in_text(path: Path, error: type[Exception]) -> Iterator[None]:
    """Raises `error` where OpenImageIO comes upon a name in a file's header, or speaks of one, that is no UTF-8."""
    try:
        yield
    except UnicodeDecodeError:
        raise error(f"{path} is damaged: a name in its header is no text.") from None


def checked_path(text: str) -> str:
    """A path as it is; raises ValueError, in words that follow the name of its place, where no file can have it."""
    try:
        path = text.encode()
    except UnicodeEncodeError:
        raise ValueError("the path holds a character that is none; rename the file or folder") from None
    if "\0" in text:
        raise ValueError("the path holds the character NUL")
    if len(path) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in re.split(rb"[/\\]", path)):
        raise ValueError(f"the path {brief(text, 60)} is too long for a file's name")
    return text


def is_of_windows(path: Path) -> bool:
    """Whether a path is written with a drive letter or as a network share."""
    return re.match(r"[A-Za-z]:|\\\\", str(path)) is not None


def brief(text: str, length: int = _LONGEST_MESSAGE) -> str:
    """Text of any length for a sentence: its beginning and its end."""
    return text if len(text) <= length else f"{text[: length // 2]}…{text[-(length // 2) + 1 :]}"
