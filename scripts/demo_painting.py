# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paints the demo's own style picture, an evening over the sea: demo_painting.py OUTPUT.png

The way a painter goes about it: first what is where (the underpainting), then which way the brush moves, then layers of
strokes from broad to fine, each a bundle of bristles that picks up the color under it and leaves a ridge of paint that catches the light.
Runs in the engine's environment.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]

WIDTH, HEIGHT = 1200, 900
HORIZON = 0.62
SEED = 1888


@dataclass(frozen=True)
class Light:
    """The sun or a star: center and radius as fractions of the picture's height, the turn of the sky around it."""

    x: float
    y: float
    radius: float
    turn: float


SUN = Light(0.93, 0.27, 0.1, 1.0)
LIGHTS = (SUN, Light(0.3, 0.2, 0.035, -1.0), Light(0.58, 0.38, 0.026, 1.0), Light(0.12, 0.42, 0.03, 1.0), Light(1.22, 0.12, 0.03, -1.0))

ULTRAMARINE, COBALT, TURQUOISE = (24, 34, 104), (36, 92, 176), (62, 158, 176)
CREAM, YELLOW, ORANGE, VERMILION = (250, 236, 178), (248, 200, 44), (238, 134, 32), (206, 62, 34)
PRUSSIAN, OLIVE, LEAF = (12, 24, 44), (70, 88, 34), (150, 160, 48)


def _color(*rgb: int) -> Array:
    return np.asarray(rgb, np.float32) / 255


def _blend(below: Array, above: tuple[int, int, int], amount: Array) -> Array:
    return below + (_color(*above) - below) * np.clip(amount, 0, 1)[..., None]


def _smooth(x: Array, low: float, high: float) -> Array:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _noise(rng: np.random.Generator, cells: int) -> Array:
    """Soft noise (HEIGHT, WIDTH), mean 0 and deviation 1."""
    coarse = rng.standard_normal((max(cells * HEIGHT // WIDTH, 2) + 3, cells + 3)).astype(np.float32)
    fine = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return (fine - fine.mean()) / fine.std()


def _grid() -> tuple[Array, Array]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / HEIGHT
    return x, y


def _shore(x: Array) -> Array:
    """Height of the line of the hill in the foreground, as a fraction of the picture."""
    return 0.97 - 0.16 * np.exp(-(((x - 0.1) / 0.34) ** 2)) - 0.05 * np.sin(4 * x + 0.6) * np.exp(-(((x - 1.2) / 0.3) ** 2))


def _mountains(x: Array) -> Array:
    return HORIZON - 0.03 - 0.07 * np.abs(np.sin(3.1 * x + 0.5)) - 0.035 * np.sin(7.3 * x) ** 2


def _cypress(x: Array, y: Array) -> Array:
    """How far inside the flame of the tree a point lies; positive is inside."""
    sway = 0.018 * np.sin(15 * y) + 0.012 * np.sin(31 * y + 1)
    width = 0.075 * np.clip((y - 0.2) / 0.75, 0, 1) ** 0.75
    return width - np.abs(x - 0.215 - sway)


def underpainting(rng: np.random.Generator) -> Array:
    """What is where: (HEIGHT, WIDTH, 3) float32 RGB 0..1, without strokes."""
    x, y = _grid()
    band = 0.5 + 0.5 * np.sin(15 * (y + 0.06 * np.sin(3.4 * x + 1) + 0.03 * _noise(rng, 5)))
    sky = np.broadcast_to(_color(*ULTRAMARINE), (HEIGHT, WIDTH, 3)).astype(np.float32)
    sky = _blend(sky, COBALT, 0.35 + 0.65 * band)
    sky = _blend(sky, TURQUOISE, 0.75 * _smooth(band, 0.72, 1) + 0.35 * _smooth(y, 0.3, HORIZON))
    sky = _blend(sky, CREAM, 0.55 * _smooth(band, 0.9, 1) * (0.5 + 0.5 * np.sin(5 * x)))
    sky = _blend(sky, ORANGE, 0.75 * _smooth(y, HORIZON - 0.16, HORIZON) * np.exp(-(((x - SUN.x) / 0.5) ** 2)))
    for light in LIGHTS:
        distance = np.hypot(x - light.x, y - light.y) / light.radius
        rings = 0.5 + 0.5 * np.cos(distance * 5.2)
        sky = _blend(sky, TURQUOISE, 0.8 * np.exp(-((distance / 3.6) ** 2)) * rings)
        sky = _blend(sky, YELLOW, 0.95 * np.exp(-((distance / 2.2) ** 2)) * (0.35 + 0.65 * rings))
        sky = _blend(sky, ORANGE, _smooth(1.35 - distance, 0, 0.5))
        sky = _blend(sky, CREAM, _smooth(0.85 - distance, 0, 0.4))

    ripple = np.sin(95 * y + 2.2 * _noise(rng, 14))
    sea = np.broadcast_to(_color(*COBALT), (HEIGHT, WIDTH, 3)).astype(np.float32)
    sea = _blend(sea, ULTRAMARINE, _smooth(y, HORIZON, 1.0))
    sea = _blend(sea, TURQUOISE, 0.8 * _smooth(ripple, 0.2, 0.9))
    path = np.exp(-(((x - SUN.x + 0.03 * ripple) / (0.07 + 0.35 * np.maximum(y - HORIZON, 0))) ** 2))
    sea = _blend(sea, ORANGE, path * _smooth(ripple, -0.6, 0.3))
    sea = _blend(sea, YELLOW, path * _smooth(ripple, 0.1, 0.8))

    picture = np.where((y < HORIZON)[..., None], sky, sea)
    mountain = _smooth(y - _mountains(x), -0.002, 0.002) * (y < HORIZON)
    ridge = np.clip((y - _mountains(x)) / 0.09, 0, 1)
    picture = _blend(picture, (44, 58, 128), mountain)
    picture = _blend(picture, (104, 84, 150), mountain * _smooth(ridge, 0.35, 0.0))
    picture = _blend(picture, VERMILION, 0.65 * mountain * _smooth(ridge, 0.22, 0.0) * np.exp(-(((x - SUN.x) / 0.36) ** 2)))

    hill = _smooth(y - _shore(x), -0.002, 0.002)
    picture = _blend(picture, OLIVE, hill)
    picture = _blend(picture, LEAF, hill * _smooth(_noise(rng, 16), 0.1, 1.0))
    picture = _blend(picture, ORANGE, 0.75 * hill * _smooth(_noise(rng, 26), 0.9, 1.6))
    tree = _cypress(x, y)
    inside = _smooth(tree, -0.002, 0.004) * (y > 0.2)
    picture = _blend(picture, PRUSSIAN, inside)
    picture = _blend(picture, (38, 74, 44), inside * _smooth(np.sin(95 * x + 12 * y + 1.5 * _noise(rng, 10)), 0.1, 0.9))
    return picture


def directions(rng: np.random.Generator) -> Array:
    """Which way the brush moves at each point: (HEIGHT, WIDTH) float32, an angle in radians."""
    x, y = _grid()
    wave = 0.06 * 3.4 * np.cos(3.4 * x + 1)
    u, v = np.ones_like(x), -wave
    for light in LIGHTS:
        dx, dy = x - light.x, y - light.y
        distance = np.hypot(dx, dy) + 1e-6
        pull = 5 * np.exp(-((distance / (light.radius * 3.4)) ** 2))
        u, v = u - light.turn * pull * dy / distance, v + light.turn * pull * dx / distance
    angle = np.arctan2(v, u) + 0.22 * _noise(rng, 8)
    sea = 0.16 * np.sin(60 * y + 9 * x) + 0.1 * _noise(rng, 14)
    angle = np.where(y < HORIZON, angle, sea)
    slope = np.gradient(_mountains(x), axis=1) * HEIGHT
    angle = np.where((y > _mountains(x)) & (y < HORIZON), np.arctan(slope) + 0.2 * _noise(rng, 20), angle)
    slope = np.gradient(_shore(x), axis=1) * HEIGHT
    angle = np.where(y > _shore(x), np.arctan(slope) - 0.9 + 0.35 * _noise(rng, 12), angle)
    flame = -np.pi / 2 + 0.45 * np.sin(15 * y + 1.6) + 5 * (x - 0.215)
    return np.where((_cypress(x, y) > 0) & (y > 0.2), flame, angle).astype(np.float32)


@dataclass(frozen=True)
class Brush:
    """One layer of strokes: lengths in pixels, `spacing` the mean distance of two strokes, `variety` of color."""

    width: int
    length: int
    spacing: float
    variety: float


BRUSHES = (Brush(36, 150, 19, 0.04), Brush(24, 130, 13, 0.06), Brush(15, 105, 11, 0.08))


def paint() -> Image:
    """The picture, (HEIGHT, WIDTH, 3) uint8 RGB; the same every time."""
    rng = np.random.default_rng(SEED)
    guide, angle = underpainting(rng), directions(rng)
    # Bytes, since OpenCV draws smooth edges in no other type.
    canvas, relief = _bytes(guide), np.zeros((HEIGHT, WIDTH), np.uint8)
    detail = cv2.GaussianBlur(np.abs(cv2.Laplacian(cv2.GaussianBlur(guide, (0, 0), 3), cv2.CV_32F)).max(2), (0, 0), 6)
    for brush in BRUSHES:
        count = int(WIDTH * HEIGHT / brush.spacing**2)
        starts = rng.uniform((0, 0), (WIDTH, HEIGHT), (count, 2))
        # The finest brush goes where something happens, and here and there for the texture.
        if brush is BRUSHES[-1]:
            likely = np.clip(detail / np.quantile(detail, 0.9), 0.35, 1)
            starts = starts[rng.random(count) < likely[starts[:, 1].astype(int), starts[:, 0].astype(int)]]
        for start in starts:
            _stroke(canvas, relief, guide, angle, brush, start, rng)
    return _lit(canvas, relief)


def _stroke(
    canvas: Image, relief: Image, guide: Array, angle: Array, brush: Brush, start: NDArray[np.float64], rng: np.random.Generator
) -> None:
    """Draw one stroke that follows `angle` both ways from `start` while the guide's color stays about the same."""
    x, y = start
    picked = guide[int(y), int(x)]
    half = brush.length * rng.uniform(0.6, 1.1) / 2
    line = _follow(guide, angle, picked, (x, y), half, -1)[::-1] + _follow(guide, angle, picked, (x, y), half, 1)[1:]
    if len(line) < 3:
        return
    points = np.asarray(line, np.float64)
    tangent = np.gradient(points, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / (np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9)
    # Thin at both ends, as a round brush is set down and lifted.
    along = np.linspace(0, 1, len(points))
    profile = np.minimum(1, 4.5 * np.minimum(along + 0.06, 1 - along + 0.02))[:, None]
    hue = picked + rng.normal(0, 0.4 * brush.variety, 3) + rng.normal(0, brush.variety)
    bristles = brush.width // 2
    for offset in rng.permutation(np.linspace(-0.5, 0.5, bristles)):
        ridge = rng.normal(0, 1)
        color = np.clip(hue + 0.06 * ridge, 0, 1) * 255
        first, last = rng.integers(0, max(len(points) // 5, 1) + 1), len(points) - rng.integers(0, max(len(points) // 5, 1) + 1)
        path = (points + normal * offset * brush.width * profile)[first:last]
        if len(path) < 2:
            continue
        pixels = np.round(path * 16).astype(np.int32).reshape(1, -1, 2)
        cv2.polylines(canvas, pixels, False, color.tolist(), 3, cv2.LINE_AA, 4)
        # Paint piles up at the edges of the brush.
        cv2.polylines(relief, pixels, False, float(np.clip(80 * (0.7 + 0.3 * ridge + abs(offset)), 0, 255)), 3, cv2.LINE_AA, 4)


def _follow(
    guide: Array, angle: Array, picked: Array, at: tuple[float, float], length: float, sign: int, step: float = 6.0
) -> list[tuple[float, float]]:
    x, y = at
    line = [(x, y)]
    for _ in range(int(length / step)):
        here = angle[int(y), int(x)]
        x, y = x + sign * step * float(np.cos(here)), y + sign * step * float(np.sin(here))
        if not (0 <= x < WIDTH and 0 <= y < HEIGHT) or np.abs(guide[int(y), int(x)] - picked).max() > 0.3:
            break
        line.append((x, y))
    return line


def _lit(canvas: Image, relief: Image) -> Image:
    """The canvas in light from the upper left, by the slope of the paint."""
    surface = cv2.GaussianBlur(relief.astype(np.float32) / 80, (0, 0), 1.1)
    slope = cv2.Sobel(surface, cv2.CV_32F, 1, 0, ksize=3) + cv2.Sobel(surface, cv2.CV_32F, 0, 1, ksize=3)
    light = 1 + 0.16 * np.tanh(slope * 0.9)
    gloss = 0.10 * np.clip(np.tanh(slope * 0.9) - 0.45, 0, 1)
    return _bytes(canvas.astype(np.float32) / 255 * light[..., None] + gloss[..., None])


def _bytes(picture: Array) -> Image:
    return np.ascontiguousarray(np.clip(np.round(picture * 255), 0, 255).astype(np.uint8))


if __name__ == "__main__":
    output = Path(sys.argv[1])
    # Encoded here, because cv2.imwrite cannot write to every name on Windows.
    output.write_bytes(cv2.imencode(".png", paint()[..., ::-1])[1].tobytes())
