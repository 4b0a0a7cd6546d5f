# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a painted frame is all there. Folders that are copied from machine to machine show files before they are whole."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

__all__ = ["is_whole"]

_MAGIC = b"\x76\x2f\x31\x01"
_LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}
"""Lines of a block, by the number of the compression."""
_ZIPPED = {2, 3}
_LONGEST_NAME = 256
_LARGEST = 1 << 28
"""Bytes of an attribute, or lines of a frame, that nothing sound exceeds."""


def is_whole(path: Path) -> bool:
    """Whether each block of lines of a scan-line EXR file is there, and as it was written where its compression tells. Takes no bpy."""
    try:
        with path.open("rb") as file:
            return _has_all_blocks(file, path.stat().st_size)
    except (OSError, struct.error, ValueError, KeyError):
        return False


def _has_all_blocks(file: BinaryIO, size: int) -> bool:
    if file.read(4) != _MAGIC:
        return False
    (version,) = struct.unpack("<I", file.read(4))
    if version & 0x1A00:  # tiles, deep pixels or several parts, which painted frames never have
        return False
    attributes = dict(iter(lambda: _attribute(file), ("", b"")))
    compression = attributes["compression"][0]
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    step, line = _LINES[compression], (right - left + 1) * _pixel(attributes["channels"])
    if not 0 <= bottom - top < _LARGEST:
        return False
    firsts = range(top, bottom + 1, step)
    if len(firsts) * 8 > size:
        return False
    offsets = struct.unpack(f"<{len(firsts)}Q", file.read(8 * len(firsts)))
    blocks = [(offset, first, line * min(step, bottom + 1 - first)) for offset, first in zip(offsets, firsts, strict=True)]
    return all(_is_block(file, offset, first, size, pixels, is_zipped=compression in _ZIPPED) for offset, first, pixels in blocks)


def _pixel(channels: bytes) -> int:
    """Bytes of a pixel."""
    total = 0
    while channels[:1] != b"\0":
        _, _, channels = channels.partition(b"\0")
        (kind,) = struct.unpack("<i", channels[:4])
        total += 2 if kind == 1 else 4
        channels = channels[16:]
    return total


def _attribute(file: BinaryIO) -> tuple[str, bytes]:
    """Name and value; the name is empty at the end of the header."""
    name = _text(file)
    if not name:
        return "", b""
    _text(file)  # its type
    (size,) = struct.unpack("<I", file.read(4))
    value = file.read(size) if size < _LARGEST else b""
    if len(value) != size:
        raise ValueError(name)
    return name, value


def _text(file: BinaryIO) -> str:
    text = bytearray()
    while (letter := file.read(1)) != b"\0":
        text += letter
        if not letter or len(text) > _LONGEST_NAME:
            raise ValueError(text)
    return text.decode("utf-8", "replace")


def _is_block(file: BinaryIO, offset: int, first: int, size: int, pixels: int, *, is_zipped: bool) -> bool:
    """Whether the block of lines from `first` on is there, which has so many bytes of `pixels`."""
    if not 8 <= offset <= size - 8:
        return False
    file.seek(offset)
    line, length = struct.unpack("<ii", file.read(8))
    if line != first or not 0 < length <= size - offset - 8:
        return False
    # A block that would have grown is stored as it is.
    if not is_zipped or length == pixels:
        return True
    try:
        return len(zlib.decompress(file.read(length))) == pixels  # which compares the sum at its end
    except zlib.error:
        return False
