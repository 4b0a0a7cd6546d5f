# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading image files by OpenImageIO: which channels are the picture, which way is up, which color space it is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813
from numpy.typing import NDArray

from .limits import names_in_text, oversize
from .pixels import LINEAR, SRGB, FrameError, Pixels, checked_colorspace, reason_of
from .sequences import FileSequence
from .source import FrameSource, check_minimum

__all__ = ["Images", "decode_image", "open_image"]


class Images(FrameSource):
    def __init__(self, sequence: FileSequence, first: int | None, last: int | None, colorspace: str | None) -> None:
        self._files = sequence.between(first, last)
        self._colorspace = colorspace
        super().__init__(sequence.name, tuple(self._files), self._checked_size())

    @property
    def files(self) -> Collection[Path]:
        return self._files.values()

    def file(self, number: int) -> Path:
        return self._files[number]

    def _checked_size(self) -> tuple[int, int]:
        sizes: dict[Path, tuple[int, int]] = {}
        for path in self._files.values():
            with names_in_text(path, FrameError), closing(open_image(path)) as image:
                header = _header(path, image)
                sizes[path] = header.size
                if self._colorspace is None:
                    _colorspace_of(header.spec, path, image.format_name())
        usual = Counter(sizes.values()).most_common(1)[0][0]
        for path, size in sizes.items():
            if size != usual:
                raise FrameError(
                    f"{path} is {size[0]}x{size[1]} pixels, but the other frames are {usual[0]}x{usual[1]}; all must have the same size."
                )
        check_minimum(next(iter(sizes)), usual)
        return usual

    def _decode(self, number: int) -> Pixels:
        with names_in_text(self._files[number], FrameError):
            pixels = decode_image(self._files[number], self._colorspace)
        height, width = pixels.values.shape[:2]
        if (width, height) != self.size:
            raise FrameError(f"{self._files[number]} has changed: it is {width}x{height} pixels now and was {self.size[0]}x{self.size[1]}.")
        return pixels


@dataclass(frozen=True)
class _Header:
    size: tuple[int, int]  # as shown: display window, turned upright
    subimage: int
    channels: tuple[int, ...]  # red, green, blue and, where there is one, alpha
    names: tuple[str, ...]
    alpha: int | None  # index among `channels`
    spec: Any


def open_image(path: Path) -> Any:
    # Straight alpha must stay straight: color under low alpha would be lost by multiplying whole numbers.
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), config)
    if image is None:
        raise FrameError(f"{path} cannot be read as an image: {reason_of(oiio.geterror())}.")
    return image


def _header(path: Path, image: Any) -> _Header:
    candidates: list[tuple[int, int, tuple[int, ...], Any]] = []
    is_deep = False
    for subimage in count():
        if not image.seek_subimage(subimage, 0):
            image.geterror()
            break
        spec = image.spec()
        if fault := oversize(spec):
            raise FrameError(f"{path} {fault}.")
        is_deep = is_deep or spec.deep
        if not spec.deep and min(spec.width, spec.height, spec.nchannels) > 0:
            rank, chosen = _choose_channels(tuple(spec.channelnames), spec.alpha_channel)
            candidates.append((rank, subimage, chosen, spec.copy()))
        if image.format_name() != "openexr":
            break  # the other pictures of a TIFF or an icon are pages, not layers
    if not candidates:
        if is_deep:
            raise FrameError(f"{path} has no flat picture; deep images cannot be painted.")
        raise FrameError(f"{path} is damaged: its header tells of no pixels.")
    rank, subimage, chosen, spec = min(candidates, key=lambda candidate: candidate[:2])
    names = tuple(spec.channelnames[index] for index in chosen)
    alpha = len(chosen) - 1 if len(chosen) in (2, 4) else None
    width, height = spec.full_width or spec.width, spec.full_height or spec.height
    if spec.get_int_attribute("Orientation", 1) > 4:
        width, height = height, width
    return _Header((width, height), subimage, chosen, names, alpha, spec)


def _choose_channels(names: tuple[str, ...], alpha: int) -> tuple[int, tuple[int, ...]]:
    """How well these channels serve as the picture, 0 best, and which of them are it."""
    index = {name.lower(): position for position, name in enumerate(names)}
    prefixes = sorted({name.rpartition(".")[0] for name in index if name.rpartition(".")[2] == "r"}, key=lambda one: (one.count("."), one))
    for rank, wanted in enumerate(("", "combined", None)):
        for prefix in prefixes:
            if wanted is not None and prefix.rpartition(".")[2] != wanted:
                continue
            layer = [index.get(f"{prefix}.{letter}".lstrip(".")) for letter in "rgba"]
            found = tuple(position for position in layer if position is not None)
            if None not in layer[:3]:
                return rank, found
    if len(names) <= 2:
        return 3, tuple(range(len(names))) if alpha == 1 else (0,)
    colors = [position for position in range(len(names)) if position != alpha][:3]
    if len(colors) < 3:
        colors = colors[:1]
    return 4, (*colors, alpha) if alpha >= 0 else tuple(colors)


_UPRIGHT: Mapping[int, Callable[[NDArray[Any]], NDArray[Any]]] = {  # Exif 2.3, tag 274
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def decode_image(path: Path, colorspace: str | None) -> Pixels:
    image = open_image(path)
    try:
        header = _header(path, image)
        spec = header.spec
        kind = spec.format if str(spec.format) in ("uint8", "uint16", "half") else oiio.TypeDesc("float")
        first, last = min(header.channels), max(header.channels) + 1
        values = image.read_image(header.subimage, 0, first, last, kind)
        if values is None or image.has_error:  # a truncated JPEG gives pixels and an error
            raise FrameError(f"{path} is damaged or incomplete: {reason_of(image.geterror())}.")
        file_format = image.format_name()
    finally:
        image.close()
    values = values.reshape(spec.height, spec.width, last - first)[..., [index - first for index in header.channels]]
    values = _UPRIGHT.get(spec.get_int_attribute("Orientation", 1), lambda a: a)(_display_window(values, spec))
    premultiplied = header.alpha is not None and spec.get_int_attribute("oiio:UnassociatedAlpha", 0) != 1
    space = _colorspace_of(spec, path, file_format) if colorspace is None else checked_colorspace(colorspace, "The setting")
    return Pixels(np.ascontiguousarray(values), header.names, header.alpha, premultiplied, space)


def _display_window(values: NDArray[Any], spec: Any) -> NDArray[Any]:
    x, y = spec.x - spec.full_x, spec.y - spec.full_y
    width, height = spec.full_width or spec.width, spec.full_height or spec.height
    if (x, y, spec.width, spec.height) == (0, 0, width, height):
        return values
    window = np.zeros((height, width, values.shape[2]), values.dtype)
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + spec.width, width), min(y + spec.height, height)
    if left < right and top < bottom:
        window[top:bottom, left:right] = values[top - y : bottom - y, left - x : right - x]
    return window


def _colorspace_of(spec: Any, path: Path, file_format: str) -> str:
    said = spec.get_string_attribute("oiio:ColorSpace")
    if file_format == "png" and said.startswith("g22_rec709"):
        said = SRGB  # the gamma chunk 1/2.2 is how PNG has always said sRGB
    if not said:
        said = SRGB if str(spec.format) in ("uint8", "uint16", "uint32") else LINEAR
    return checked_colorspace(said, str(path))
