# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in panels: of paintings, which Blender loads by itself, and of painted frames, of which the engine leaves a small one."""

from __future__ import annotations

import struct
from array import array
from pathlib import Path
from typing import Any, NamedTuple

import bpy.utils.previews

__all__ = ["Thumbnail", "icon", "painting_icon", "read", "register", "unregister"]


class Thumbnail(NamedTuple):
    """A small picture as Blender's icons take it."""

    width: int
    height: int
    pixels: bytes
    """RGBA, display sRGB, the bottom row first."""

    def square(self) -> Thumbnail:
        """Its middle, which fills the square that Blender has for an icon."""
        side = min(self.width, self.height)
        left, low = (self.width - side) // 2, (self.height - side) // 2
        starts = range(4 * (self.width * low + left), 4 * self.width * (low + side), 4 * self.width)
        return Thumbnail(side, side, b"".join(self.pixels[start : start + 4 * side] for start in starts))


def read(folder: Path) -> Thumbnail | None:
    """The newest frame of the job in `folder`; None where there is none, or none that is whole."""
    try:
        data = (folder / "cache" / "thumbnail.bmp").read_bytes()
        (start,), (width, height) = struct.unpack_from("<I", data, 10), struct.unpack_from("<ii", data, 18)
    except (OSError, struct.error):
        return None
    pixels = data[start : start + 4 * width * height]
    if len(pixels) != 4 * width * height or not pixels:
        return None
    rgba = bytearray(pixels)
    rgba[0::4], rgba[2::4] = pixels[2::4], pixels[0::4]
    return Thumbnail(width, height, bytes(rgba))


_previews: bpy.utils.previews.ImagePreviewCollection | None = None
_shown: dict[str, Thumbnail] = {}
"""What the icons of painted frames show, by their names."""


def painting_icon(path: Path) -> int:
    """The icon of a picture; Blender loads it when it is first shown."""
    assert _previews is not None
    name = str(path)
    if name not in _previews:
        _previews.load(name, name, "IMAGE")
    return int(_previews[name].icon_id)


def icon(name: str, thumbnail: Thumbnail) -> int:
    """The icon `name`, which shows `thumbnail` from now on."""
    assert _previews is not None
    preview: Any = _previews[name] if name in _previews else _previews.new(name)
    if _shown.get(name) is not thumbnail:
        preview.image_size = thumbnail.width, thumbnail.height
        preview.image_pixels.foreach_set(array("i", thumbnail.pixels))
        _shown[name] = thumbnail
    return int(preview.icon_id)


def register() -> None:
    global _previews
    _previews = bpy.utils.previews.new()


def unregister() -> None:
    assert _previews is not None
    bpy.utils.previews.remove(_previews)
    _shown.clear()
