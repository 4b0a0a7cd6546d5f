# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.color import srgb_to_linear
from core.thumbnail import SIZE, write_thumbnail


def frame(width: int, height: int) -> np.ndarray:
    """Display 0.75, 0.5, 0.25 on the left, black on the right; scene-linear."""
    rgba = np.zeros((height, width, 4), np.float32)
    rgba[..., 3] = 1
    rgba[:, : width // 2, :3] = srgb_to_linear(np.array([0.75, 0.5, 0.25], np.float32))
    return rgba


def test_a_linear_frame_becomes_small_and_looks_as_on_a_display(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "thumbnail.bmp"
    write_thumbnail(path, frame(1024, 512))
    seen = cv2.imread(str(path))
    assert seen.shape == (SIZE // 2, SIZE, 3)
    assert np.abs(seen[60, 20][::-1] / 255 - (0.75, 0.5, 0.25)).max() < 0.003
    assert (seen[60, -20] == 0).all()


@pytest.mark.parametrize("size", [(40, 30), (700, 1)])
def test_a_small_frame_is_not_enlarged_and_a_long_one_keeps_a_pixel(tmp_path: Path, size: tuple[int, int]) -> None:
    write_thumbnail(tmp_path / "thumbnail.bmp", frame(*size))
    height, width = cv2.imread(str(tmp_path / "thumbnail.bmp")).shape[:2]
    assert (width, height) == (min(size[0], SIZE), min(size[1], max(1, size[1])))


def test_what_no_display_shows_does_no_harm(tmp_path: Path) -> None:
    rgba = np.full((8, 8, 4), 50.0, np.float32)
    rgba[0, 0] = -1
    write_thumbnail(tmp_path / "thumbnail.bmp", rgba)
    seen = cv2.imread(str(tmp_path / "thumbnail.bmp"))
    assert (seen[0, 0] == 0).all() and (seen[1, 1] == 255).all()


def test_its_pixels_lie_behind_the_header_from_the_bottom_up_as_blender_takes_them(tmp_path: Path) -> None:
    rgba = frame(4, 2)
    rgba[0, :, :3] = 1
    write_thumbnail(tmp_path / "thumbnail.bmp", rgba)
    data = (tmp_path / "thumbnail.bmp").read_bytes()
    start = int.from_bytes(data[10:14], "little")
    assert [int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22)] == [4, 2]
    assert len(data) == start + 4 * 4 * 2
    assert data[start : start + 4] == bytes((64, 128, 191, 255)) and data[-4:] == bytes((255, 255, 255, 255))
