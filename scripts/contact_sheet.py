# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture to judge a job by: the painting, and frames of the source over the same frames of the result.

    python -m scripts.contact_sheet SOURCE RESULT PAINTING OUTPUT.png [--count 6] [--columns 3] [--width 384] [--line TEXT …]

from the checkout's folder, in the engine's environment. SOURCE and RESULT are what `core.frames.open_source` takes; the frames
are matched in their order.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.color import display_from_linear
from core.frames import Frame, FrameSource, open_source, read_image

Image = NDArray[np.uint8]

PAPER, INK, FAINT = (244, 242, 238), (40, 38, 36), (128, 124, 120)
GAP, LINE = 12, 22


def seen(frame: Frame, width: int) -> Image:
    """The frame as it is shown, RGB (H, `width`, 3), transparent parts on the sheet's paper."""
    image = display_from_linear(frame)
    rgb: NDArray[np.floating[Any]] = image.rgb
    if image.alpha is not None:
        rgb = rgb * image.alpha[..., None] + np.asarray(PAPER, np.float32) / 255 * (1 - image.alpha[..., None])
    height = max(round(width * rgb.shape[0] / rgb.shape[1]), 1)
    smaller = rgb.shape[1] > width
    fitted = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return np.round(np.clip(fitted, 0, 1) * 255).astype(np.uint8)


def labeled(image: Image, text: str) -> Image:
    """`image` with a line of small text under it."""
    strip = np.full((LINE, image.shape[1], 3), PAPER, np.uint8)
    return np.vstack([image, _written(strip, text, 15, FAINT)])


def sheet(painting: Image, pairs: Sequence[tuple[Image, Image]], columns: int, lines: Sequence[str] = ()) -> Image:
    """The painting with `lines` of text under it on the left, blocks of `columns` pairs, source over result, on the right."""
    blocks = []
    for start in range(0, len(pairs), columns):
        row = list(pairs[start : start + columns])
        row += [(np.full_like(row[0][0], PAPER), np.full_like(row[0][1], PAPER))] * (columns - len(row))
        blocks.append(_beside([_below(list(pair), 2) for pair in row], GAP))
    frames = _below(blocks, GAP)
    text = np.full((LINE * len(lines), painting.shape[1], 3), PAPER, np.uint8)
    for index, line in enumerate(lines):
        _written(text, line, LINE * index + 15, INK)
    left = _below([labeled(painting, "the painting"), text], GAP) if lines else labeled(painting, "the painting")
    height = max(left.shape[0], frames.shape[0])
    body = _beside([_padded(left, height), _padded(frames, height)], GAP)
    return cv2.copyMakeBorder(body, GAP, GAP, GAP, GAP, cv2.BORDER_CONSTANT, value=PAPER).astype(np.uint8)


def evenly(source: FrameSource, result: FrameSource, count: int) -> list[tuple[int, int]]:
    """The numbers of `count` frames in equal distances, as (source, result), from the first to the last."""
    length = min(len(source.numbers), len(result.numbers))
    chosen = sorted({round(index) for index in np.linspace(0, length - 1, min(count, length))})
    return [(source.numbers[index], result.numbers[index]) for index in chosen]


def _written(on: Image, text: str, baseline: int, color: tuple[int, int, int]) -> Image:
    cv2.putText(on, text, (1, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.42, color, 1, cv2.LINE_AA)
    return on


def _below(images: list[Image], gap: int) -> Image:
    space = np.full((gap, images[0].shape[1], 3), PAPER, np.uint8)
    return np.vstack([part for image in images for part in (image, space)][:-1])


def _beside(images: list[Image], gap: int) -> Image:
    space = np.full((images[0].shape[0], gap, 3), PAPER, np.uint8)
    return np.hstack([part for image in images for part in (image, space)][:-1])


def _padded(image: Image, height: int) -> Image:
    return np.vstack([image, np.full((height - image.shape[0], image.shape[1], 3), PAPER, np.uint8)])


def main() -> None:
    """Make the sheet that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m scripts.contact_sheet")
    parser.add_argument("source")
    parser.add_argument("result")
    parser.add_argument("painting", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=6, help="number of frames")
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--width", type=int, default=384, help="width of a frame, in pixels")
    parser.add_argument("--line", action="append", default=[], help="a line of text under the painting")
    asked = parser.parse_args()
    with open_source(asked.source) as source, open_source(asked.result) as result:
        pairs = [
            (seen(source.read(before), asked.width), labeled(seen(result.read(after), asked.width), f"frame {after}"))
            for before, after in evenly(source, result, asked.count)
        ]
    painting = seen(read_image(asked.painting), asked.width)
    asked.output.write_bytes(cv2.imencode(".png", sheet(painting, pairs, asked.columns, asked.line)[..., ::-1])[1].tobytes())


if __name__ == "__main__":
    main()
