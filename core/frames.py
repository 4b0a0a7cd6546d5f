# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of a shot, from images or a movie, and single pictures.

Whatever the file holds comes in as scene-linear Rec.709 with straight alpha; what is wrong with it is said before any work begins.
"""

from __future__ import annotations

from pathlib import Path

from .images import Images, decode_image
from .limits import names_in_text
from .movies import Movie
from .numbering import has_placeholder
from .pixels import Frame, FrameError, checked_colorspace
from .sequences import image_suffixes, of_folder, of_pattern, of_still
from .source import MINIMUM_SIZE, FrameSource

__all__ = ["MINIMUM_SIZE", "Frame", "FrameError", "FrameSource", "open_source", "read_image"]


def open_source(
    path: str | Path | None = None,
    pattern: str | Path | None = None,
    *,
    first: int | None = None,
    last: int | None = None,
    colorspace: str | None = None,
) -> FrameSource:
    """The frames of a folder, of a pattern such as shot_####.png or shot_%04d.png, of a movie or of a single image.

    Args:
        path: folder, movie, image or pattern.
        pattern: a pattern, given as such.
        first, last: the part to take, in the files' own numbers; movies count from 1.
        colorspace: any name that OpenImageIO knows; by default what the file says, else sRGB for whole numbers and
            linear Rec.709 for floats.

    Raises FrameError where frames are missing, unreadable by their headers, of different sizes or too small.
    """
    if (path is None) == (pattern is None):
        raise ValueError("open_source takes either a path or a pattern.")
    if first is not None and last is not None and first > last:
        raise FrameError(f"The first frame, {first}, comes after the last, {last}; swap them.")
    if colorspace is not None:
        checked_colorspace(colorspace, "The setting")
    location = Path(path if path is not None else pattern or "")
    if pattern is not None or (not location.exists() and has_placeholder(location.name)):
        return Images(of_pattern(location), first, last, colorspace)
    if location.is_dir():
        return Images(of_folder(location), first, last, colorspace)
    if not location.is_file():
        raise FrameError(f"{location} does not exist; name a folder of images, a pattern such as shot_####.png or a movie.")
    if location.suffix.lower() in image_suffixes() - {".gif"}:
        return Images(of_still(location), first, last, colorspace)
    return Movie(location, first, last, colorspace)


def read_image(path: str | Path, colorspace: str | None = None) -> Frame:
    """One still image, of any size; raises FrameError where it cannot be read."""
    path = Path(path)
    if not path.is_file():
        raise FrameError(f"{path} does not exist; name an image.")
    if colorspace is not None:
        checked_colorspace(colorspace, "The setting")
    with names_in_text(path, FrameError):
        return decode_image(path, colorspace).frame()
