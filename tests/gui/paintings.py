# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""More pictures to take a style from, beside the demo's painting: the same motif as a mosaic, an etching and cut from paper.

python -m tests.gui.paintings FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.demo_painting import SEED, directions, underpainting

Array = NDArray[np.float32]


def mosaic(guide: Array, rng: np.random.Generator) -> Array:
    """Small stones, each of one color, in dark mortar."""
    height, width = guide.shape[:2]
    size = 17
    y, x = np.mgrid[0 : height + size : size, 0 : width + size : size].astype(np.float32)
    points = np.stack([x + rng.uniform(-5, 5, x.shape), y + rng.uniform(-5, 5, y.shape)], -1).reshape(-1, 2)
    seeds = np.full((height, width), 255, np.uint8)
    at = np.clip(points.round().astype(int), 0, (width - 1, height - 1))
    seeds[at[:, 1], at[:, 0]] = 0
    distance, stone = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)
    count = stone.max() + 1
    weights = np.bincount(stone.ravel(), minlength=count)[:, None] + 1e-6
    colors = np.stack([np.bincount(stone.ravel(), guide[..., c].ravel(), count) for c in range(3)], -1) / weights
    colors = colors * rng.normal(1.08, 0.16, (count, 1)) + rng.normal(0, 0.02, (count, 3))
    edge = cv2.morphologyEx(stone.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
    mortar = cv2.GaussianBlur(edge.astype(np.float32), (0, 0), 1.1)[..., None].clip(0, 1)
    light = 1.12 - 0.025 * distance[..., None]
    return (colors[stone] * light * (1 - mortar) + 0.13 * mortar).astype(np.float32)


def etching(guide: Array, rng: np.random.Generator) -> Array:
    """Lines of sepia ink on warm paper, closer where the motif is dark."""
    height, width = guide.shape[:2]
    tone = cv2.GaussianBlur(guide.mean(2), (0, 0), 2)
    tone = (tone - tone.min()) / np.ptp(tone)
    angle = directions(rng)
    ink = np.full((height, width), 255, np.uint8)
    for turn, limit in ((0.0, 0.8), (0.9, 0.45), (-0.7, 0.25)):
        for x, y in rng.uniform((0, 0), (width, height), (9000, 2)):
            line = []
            for _ in range(int(rng.uniform(6, 14))):
                if not (0 <= x < width and 0 <= y < height) or tone[int(y), int(x)] > limit:
                    break
                line.append((x, y))
                way = angle[int(y), int(x)] + turn
                x, y = x + 5 * np.cos(way), y + 5 * np.sin(way)
            if len(line) > 2:
                cv2.polylines(ink, [np.round(np.asarray(line) * 16).astype(np.int32)], False, 0, 1, cv2.LINE_AA, 4)
    drawn = 1 - cv2.GaussianBlur(ink, (0, 0), 0.6)[..., None].astype(np.float32) / 255
    paper = np.float32((0.95, 0.89, 0.76)) + rng.normal(0, 0.012, (height, width, 1)).astype(np.float32)
    return paper * (1 - drawn) + np.float32((0.24, 0.13, 0.07)) * drawn


def cutout(guide: Array, rng: np.random.Generator) -> Array:
    """Colored paper in flat layers with torn edges that throw shadows."""
    height, width = guide.shape[:2]
    wobble = [cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), 9) * 60 for _ in range(2)]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    tone = cv2.GaussianBlur(guide.mean(2), (0, 0), 5)
    tone = cv2.remap(tone, x + wobble[0], y + wobble[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    papers = np.float32([(22, 50, 79), (32, 108, 120), (214, 80, 66), (240, 155, 70), (248, 214, 140), (250, 240, 219)]) / 255
    picture = np.broadcast_to(papers[0], guide.shape).astype(np.float32)
    for paper, level in zip(papers[1:], np.quantile(tone, (0.22, 0.45, 0.62, 0.8, 0.93)), strict=True):
        sheet = cv2.GaussianBlur((tone > level).astype(np.float32), (0, 0), 1)[..., None]
        shadow = cv2.GaussianBlur(np.roll(sheet[..., 0], (5, 5), (0, 1)), (0, 0), 4)[..., None]
        grain = rng.normal(1, 0.02, (height, width, 1)).astype(np.float32)
        picture = (picture * (1 - 0.45 * shadow)) * (1 - sheet) + paper * grain * sheet
    return picture


PAINTINGS = {"mosaic": mosaic, "etching": etching, "cutout": cutout}


def paint(folder: Path) -> list[Path]:
    """Write all of them into `folder`; their paths."""
    paths = []
    for name, make in PAINTINGS.items():
        rng = np.random.default_rng(SEED)
        picture = make(underpainting(rng), rng)
        path = folder / f"{name}.png"
        path.write_bytes(cv2.imencode(".png", np.clip(picture[..., ::-1] * 255, 0, 255).round().astype(np.uint8))[1].tobytes())
        paths.append(path)
    return paths


if __name__ == "__main__":
    paint(Path(sys.argv[1]))
