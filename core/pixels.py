# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file of any kind holds: decoded values in its own color space, and the frame that they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813
from numpy.typing import NDArray

from .color import HALF_MAXIMUM, srgb_to_linear

__all__ = ["LINEAR", "SRGB", "Frame", "FrameError", "Pixels", "checked_colorspace", "reason_of"]

LINEAR = "lin_rec709_scene"
SRGB = "srgb_rec709_scene"

# Names that Blender and image files use and the color config lacks; video that says no more than Rec709 is shown as sRGB by Blender too.
_ALIASES = {"linear rec.709": LINEAR, "non-color": "data", "rec709": SRGB}


class FrameError(Exception):
    """A frame that cannot be read or written; the message is one sentence that names the file."""


@dataclass(frozen=True)
class Frame:
    """One picture."""

    rgb: NDArray[np.float32]
    """(H, W, 3) scene-linear Rec.709, not multiplied by alpha; where alpha is 0, the light that the pixel adds."""
    alpha: NDArray[np.float32] | None
    """(H, W), 0..1, or None where the file has none."""


@dataclass(frozen=True)
class Pixels:
    """Decoded values as the file has them."""

    values: NDArray[Any]  # (H, W, C), whole numbers or floats
    channels: tuple[str, ...]
    alpha: int | None  # index of the alpha channel
    premultiplied: bool
    colorspace: str

    def digest(self) -> str:
        alpha = "none" if self.alpha is None else "premultiplied" if self.premultiplied else "straight"
        head = "\n".join([str(self.values.shape), self.values.dtype.name, *self.channels, alpha, self.colorspace])
        return hashlib.sha256(head.encode() + b"\0" + np.ascontiguousarray(self.values).tobytes()).hexdigest()

    def frame(self) -> Frame:
        values = self.values.astype(np.float32)
        if self.values.dtype.kind == "u":
            values /= np.iinfo(self.values.dtype).max
        values = np.nan_to_num(values, nan=0.0, posinf=HALF_MAXIMUM, neginf=-HALF_MAXIMUM)
        colors = [index for index in range(values.shape[2]) if index != self.alpha]
        rgb = np.ascontiguousarray(values[..., colors[:3] if len(colors) >= 3 else colors[:1] * 3])
        alpha = None if self.alpha is None else np.clip(values[..., self.alpha], 0.0, 1.0)
        if alpha is not None:
            visible = (alpha > 0)[..., np.newaxis]
            rgb = np.divide(rgb, alpha[..., np.newaxis], out=rgb.copy(), where=visible) if self.premultiplied else rgb * visible
        return Frame(_to_linear(rgb, self.colorspace), alpha)


def _to_linear(rgb: NDArray[np.float32], colorspace: str) -> NDArray[np.float32]:
    config = _color_config()
    if config.equivalent(colorspace, SRGB):
        return srgb_to_linear(rgb)
    if config.equivalent(colorspace, LINEAR) or config.isData(colorspace):
        return np.ascontiguousarray(rgb, np.float32)
    converted = oiio.ImageBufAlgo.colorconvert(oiio.ImageBuf(np.ascontiguousarray(rgb)), colorspace, LINEAR, False, colorconfig=_CONFIG)
    if converted.has_error:
        raise FrameError(f"The color space '{colorspace}' cannot be converted: {reason_of(converted.geterror())}.")
    return np.nan_to_num(np.asarray(converted.get_pixels(oiio.FLOAT)).reshape(rgb.shape))


_CONFIG = "ocio://default"  # always the built-in one, so that a picture does not depend on the machine's OCIO variable


@cache  # reading it takes as long as reading a frame
def _color_config() -> Any:
    return oiio.ColorConfig(_CONFIG)


def checked_colorspace(name: str, who: str) -> str:
    known = _ALIASES.get(name.lower(), name)
    config = _color_config()
    resolved = config.resolve(known)
    if config.getColorSpaceIndex(resolved) < 0:
        raise FrameError(f"{who} names the color space '{name}', which is not known; use one of OpenImageIO's, such as sRGB or lin_rec709.")
    return str(resolved)


def reason_of(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else "the reader gives no reason"
