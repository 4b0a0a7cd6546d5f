# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing the frames that are delivered, half-float EXR, and other pictures, and reading them back."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813
from numpy.typing import NDArray

from .color import HALF_MAXIMUM
from .files import atomic, is_full
from .images import decode_image, open_image
from .limits import names_in_text
from .pixels import LINEAR, FrameError, reason_of

__all__ = ["read_exr", "read_exr_attributes", "write_exr", "write_gray", "write_layers"]

_REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
_NO_CLOCK = "1970:01:01 00:00:00"  # OpenImageIO writes the time of day where there is none


def write_exr(path: Path, rgba: NDArray[np.floating], attributes: Mapping[str, str | int | float] | None = None) -> None:
    """Write a frame as half-float EXR, whole or not at all; equal input gives equal bytes.

    Args:
        rgba: (H, W, 4) scene-linear Rec.709, premultiplied. NaN becomes 0, what half cannot hold its largest value.
        attributes: kept in the header; floats in single precision, whole numbers of 32 bits, empty words are left out.

    Raises FrameError where the disk refuses it.
    """
    if rgba.shape[2] != 4:
        raise ValueError(f"write_exr needs (H, W, 4), not {rgba.shape}.")
    pixels = np.nan_to_num(rgba, nan=0.0, posinf=HALF_MAXIMUM, neginf=-HALF_MAXIMUM).clip(-HALF_MAXIMUM, HALF_MAXIMUM)
    spec = _exr_spec(pixels.shape, "half")
    for name, value in (attributes or {}).items():
        spec.attribute(name, value)
    _write(path, spec, pixels)


def write_layers(path: Path, layers: Mapping[str, NDArray[np.floating]]) -> None:
    """Write a multi-layer EXR in single precision, whole or not at all; equal input gives equal bytes.

    Args:
        layers: (H, W, C) each, scene-linear Rec.709 where they are colors. A key is the layer's name, a dot and a letter for each
            of its channels, such as "Flow.XY".

    Raises FrameError where the disk refuses it.
    """
    pixels = np.concatenate(list(layers.values()), axis=2, dtype=np.float32)
    spec = _exr_spec(pixels.shape, "float")
    spec.channelnames = tuple(f"{name}.{letter}" for name, letters in (key.rsplit(".", 1) for key in layers) for letter in letters)
    _write(path, spec, pixels)


def read_exr(path: Path) -> NDArray[np.float32]:
    """The (H, W, 4) scene-linear premultiplied pixels that `write_exr` wrote; raises FrameError."""
    pixels = decode_image(path, LINEAR)
    if pixels.values.shape[2] != 4:
        raise FrameError(f"{path} does not hold red, green, blue and alpha.")
    return pixels.values.astype(np.float32)


def read_exr_attributes(path: Path) -> dict[str, str | int | float]:
    """The header's words and numbers by name; raises FrameError."""
    with names_in_text(path, FrameError), closing(open_image(path)) as image:
        found = {entry.name: entry.value for entry in image.spec().extra_attribs}
    # A float is stored with 24 bits; its shortest decimal is the number that was written.
    shortest = {name: float(str(np.float32(value))) if isinstance(value, float) else value for name, value in found.items()}
    return {name: value for name, value in shortest.items() if isinstance(value, (str, int, float))}


def write_gray(path: Path, values: NDArray[np.uint8]) -> None:
    """Write (H, W) values of 0..255 as an image of the format that the name ends in; raises FrameError.

    Float formats such as EXR get 0..1.
    """
    height, width = values.shape
    is_float = path.suffix.lower() in (".exr", ".hdr", ".pfm")
    pixels = values.astype(np.float32) / 255 if is_float else values
    _write(path, oiio.ImageSpec(width, height, 1, "float" if is_float else "uint8"), pixels[..., np.newaxis])


def _exr_spec(shape: tuple[int, ...], kind: str) -> Any:
    """The header of scene-linear Rec.709 pixels (H, W, C)."""
    height, width, channels = shape
    spec = oiio.ImageSpec(width, height, channels, kind)
    spec.attribute("compression", "zip")
    spec.attribute("DateTime", _NO_CLOCK)
    spec.attribute("oiio:ColorSpace", LINEAR)
    spec.attribute("colorInteropID", LINEAR)
    spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), _REC709)
    return spec


def _is_whole(path: Path) -> bool:
    """Whether an image can be read to its end: a disk that becomes full under a buffer is not always told when the file is closed."""
    image = oiio.ImageInput.open(str(path))
    if image is None:
        return False
    try:
        return image.read_image() is not None and not image.has_error
    finally:
        image.close()


def _write(path: Path, spec: Any, pixels: NDArray[Any]) -> None:
    try:
        with atomic(path) as partial:
            output = oiio.ImageOutput.create(str(partial))
            if output is None or not output.open(str(partial), spec):
                raise OSError(output.geterror() if output else oiio.geterror())
            written = output.write_image(np.ascontiguousarray(pixels))
            is_closed = output.close()
            if not (is_closed and written and _is_whole(partial)):
                # The library says of a full disk what it has failed to do, or nothing at all.
                if shutil.disk_usage(path.parent).free < pixels.nbytes:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                raise OSError(output.geterror() or "the disk has not kept all of it")
    except OSError as error:
        if is_full(error):
            raise FrameError(f"{path} cannot be written: there is no space left on its disk.") from error
        reason = error.strerror or reason_of(str(error))
        raise FrameError(f"{path} cannot be written: {reason}; check the folder, its permissions and the space left.") from error
