# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the painted picture to the frame that is delivered: full size, kept colors, matte, strength, alpha and highlights."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from .color import DisplayImage, linear_from_display, with_colors_of
from .content import Original
from .matte import Side, painted_part
from .pictures import resized
from .settings import Settings

__all__ = ["finished", "premultiplied"]

Array = NDArray[np.float32]


def finished(painted: Array, original: Original, settings: Settings, sides: Collection[Side], colors_of: Array | None = None) -> Array:
    """The frame to deliver.

    Args:
        painted: (h, w, 3) display sRGB at the working size.
        original: the frame as it came, with its matte.
        sides: those sides of the matte that have paintings; on the other the source is kept, exactly.
        colors_of: (H, W, 3) display sRGB, the frame whose colors are kept if that is not this one.

    Returns:
        (H, W, 4) scene-linear, alpha premultiplied. At a strength of 0 it is the source, values above display white included.
    """
    image = original.image
    rgb = resized(painted, (image.rgb.shape[1], image.rgb.shape[0]))
    if settings.keep_colors == "luminance":
        rgb = with_colors_of(rgb, image.rgb if colors_of is None else colors_of)
    share: Array | np.float32 = np.float32(settings.strength)
    if original.matte is not None:
        share = share * painted_part(original.matte, sides)[..., np.newaxis]
    if np.all(share == 1):
        return linear_from_display(rgb, image, settings.highlights)
    blended = linear_from_display(image.rgb + share * (rgb - image.rgb), image, settings.highlights)
    # What the way through display sRGB took from the source comes back with the source's share.
    lost = premultiplied(image) - linear_from_display(image.rgb, image, settings.highlights)
    return np.asarray(blended + (1 - share) * lost, np.float32)


def premultiplied(image: DisplayImage) -> Array:
    """The untouched source (H, W, 4), scene-linear."""
    rgb = np.nan_to_num(image.linear)
    alpha = np.ones(rgb.shape[:2], np.float32) if image.alpha is None else image.alpha
    alpha = alpha[..., np.newaxis]
    return np.concatenate([np.where(alpha > 0, rgb * alpha, rgb), alpha], axis=2, dtype=np.float32)
