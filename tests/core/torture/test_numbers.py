# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values and shapes that are no picture of anything: the job paints them, and what it delivers are numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core.exr import read_exr
from tests.core.torture.corpus import image, picture

TINY = {"iterations_first": 6, "iterations": 5, "tolerance": 0}


def is_sound(folder: Path, count: int, size: tuple[int, int]) -> bool:
    """Whether a job has delivered its frames, and nothing in them is not a number, negative or beyond white."""
    frames = [read_exr(path) for path in sorted(folder.glob("[!.]*.exr"))]
    colors = [frame[..., :3] for frame in frames]
    return len(frames) == count and all(
        frame.shape[:2] == (size[1], size[0]) and np.isfinite(frame).all() and color.min() >= 0 and color.max() <= 1.001
        for frame, color in zip(frames, colors, strict=True)
    )


SPOILS: dict[str, Callable[[np.ndarray], None]] = {
    "NaN": lambda pixels: pixels.__setitem__((slice(5, 9), slice(5, 9)), np.nan),
    "all NaN": lambda pixels: pixels.fill(np.nan),
    "infinity": lambda pixels: pixels.__setitem__((slice(0, 3), slice(None)), np.inf),
    "minus infinity": lambda pixels: pixels.__setitem__((slice(0, 3), slice(None)), -np.inf),
    "negative": lambda pixels: np.negative(pixels, out=pixels),
    "the largest float": lambda pixels: pixels.fill(3.4e38),
    "denormal": lambda pixels: pixels.fill(1e-42),
    "NaN in alpha": lambda pixels: pixels.__setitem__((slice(None), slice(0, 6), 3), np.nan),
    "an alpha of -1 and 7": lambda pixels: pixels.__setitem__((slice(None), slice(0, 6), 3), [-1, 7, -1, 7, -1, 7]),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_values_that_are_none_do_not_spread(spoil: str, make: Any, run: Any, tmp_path: Path, record: Callable[..., None]) -> None:
    for number in (1, 2, 3):
        generator = np.random.default_rng(number)
        pixels = generator.random((20, 24, 4), np.float32)
        if number == 2:
            SPOILS[spoil](pixels)
        image(tmp_path / f"film_{number:04d}.exr", pixels, names=("R", "G", "B", "A"))
    assert run(make(str(tmp_path / "film_####.exr"), **TINY))[0] == 0
    assert is_sound(tmp_path / "out", 3, (24, 20))
    record("NaN, infinities, negative and giant values in a frame", "nothing, or that bright pixels are clipped: the frame is painted")


@pytest.mark.parametrize("value", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (0, 0, 255)])
@pytest.mark.parametrize("keep_colors", ["off", "match"])
def test_a_painting_of_one_color_paints(
    value: Any, keep_colors: str, make: Any, run: Any, tmp_path: Path, record: Callable[..., None]
) -> None:
    cv2.imwrite(str(tmp_path / "plain.png"), np.full((30, 30, 3), value, np.uint8))
    assert run(make(styles=[{"path": str(tmp_path / "plain.png")}], keep_colors=keep_colors, **TINY))[0] == 0
    assert is_sound(tmp_path / "out", 4, (48, 40))
    record("paintings that are black, white or of one color", "nothing: the shot is painted")


@pytest.mark.parametrize(("size", "count"), [((16, 16), 3), ((16, 16), 1), ((160, 16), 3), ((16, 160), 3), ((17, 33), 1)])
def test_small_and_long_frames_paint(
    size: tuple[int, int], count: int, make: Any, run: Any, tmp_path: Path, record: Callable[..., None]
) -> None:
    for number in range(1, count + 1):
        picture(tmp_path / f"film_{number:04d}.png", 1, size)
    assert run(make(str(tmp_path / "film_####.png"), **TINY))[0] == 0
    assert is_sound(tmp_path / "out", count, size)
    record("frames of 16 pixels, of 10:1, shots of one frame", "nothing: they are painted")


def test_a_shot_of_one_color_paints(make: Any, run: Any, tmp_path: Path) -> None:
    for number in (1, 2):
        image(tmp_path / f"film_{number:04d}.exr", np.zeros((20, 24, 3), np.float32), names=("R", "G", "B"))
    assert run(make(str(tmp_path / "film_####.exr"), **TINY))[0] == 0
    assert is_sound(tmp_path / "out", 2, (24, 20))


def test_a_diverging_optimizer_starts_again_in_smaller_steps(
    make: Any, run: Any, shot: Any, is_full: bool, record: Callable[..., None]
) -> None:
    film, settings = shot(4 if is_full else 2), {"iterations_first": 20, "iterations": 20, "tolerance": 0}
    _, calm = run(make(film, folder="calm", **settings))
    status, events = run(make(film, folder="wild", learning_rate=100, **settings))
    assert status == 0
    assert [event["code"] for event in events.of("warning")] == ["diverged"]
    for wild, sane in zip(events.of("frame_done"), calm.of("frame_done"), strict=True):
        assert wild["losses"]["total"] < 3 * sane["losses"]["total"]
    assert not calm.of("warning")
    record("an optimizer that diverges (learning rate 100)", events.of("warning")[0]["message"], times=len(events.of("frame_done")))
