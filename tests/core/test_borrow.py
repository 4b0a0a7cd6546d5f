# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import cv2
import numpy as np

from core.borrow import _blurred, _laid_over, borrowed


def _two_halves(width: int = 96, height: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Content, red above blue, and its painting, yellow above green."""
    content, painted = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 3), np.float32)
    content[: height // 2, :, 0], content[height // 2 :, :, 2] = 1, 1
    painted[: height // 2, :, :2], painted[height // 2 :, :, 1] = 1, 1
    return content, painted


def test_a_hidden_part_is_painted_like_the_parts_that_look_like_it() -> None:
    content, painted = _two_halves()
    trusted = np.ones((64, 96), np.float32)
    trusted[:, 40:56] = 0
    known = painted.copy()
    known[:, 40:56] = 0.5
    start = borrowed(content, known, trusted)
    away = np.r_[0:24, 40:64]
    np.testing.assert_allclose(start[away, 40:56], painted[away, 40:56], atol=1e-5)


def test_nothing_untrusted_is_ever_borrowed() -> None:
    content, painted = _two_halves()
    trusted = np.ones((64, 96), np.float32)
    trusted[:, :30] = 0
    known = painted.copy()
    known[:, :30] = 9
    away = np.r_[0:24, 40:64]
    np.testing.assert_allclose(borrowed(content, known, trusted)[away, :28], painted[away, :28], atol=1e-5)


def test_where_nothing_is_trusted_the_start_is_the_content() -> None:
    content, painted = _two_halves()
    assert np.array_equal(borrowed(content, painted, np.zeros((64, 96), np.float32)), content)


def test_strokes_are_borrowed_from_the_same_side_only() -> None:
    content = np.full((64, 96, 3), 0.5, np.float32)
    painted = content.copy()
    painted[:, :48], painted[:, 48:] = 0.2, 0.9
    side, trusted = np.zeros((64, 96), np.float32), np.ones((64, 96), np.float32)
    side[:, :48] = 1
    trusted[20:40, 20:60] = 0
    start = borrowed(content, painted, trusted, side)
    np.testing.assert_allclose(start[20:40, 20:46], 0.2, atol=1e-5)


def test_a_side_too_small_to_lend_starts_from_the_content() -> None:
    content, painted = _two_halves()
    side, trusted = np.zeros((64, 96), np.float32), np.ones((64, 96), np.float32)
    side[30:34, 30:34], trusted[30:34, 30:34] = 1, 0
    assert np.array_equal(borrowed(content, painted, trusted, side), content)


def test_small_and_odd_frames_keep_their_size() -> None:
    content = np.random.default_rng(0).random((17, 35, 3), np.float32)
    trusted = np.ones((17, 35), np.float32)
    trusted[5:9, 5:9] = 0
    start = borrowed(content, content, trusted)
    assert start.shape == (17, 35, 3)
    assert np.isfinite(start).all()


def test_shapes_that_nothing_else_has_are_kept() -> None:
    content, painted = _two_halves()
    content[10:20, 46:50] = 0.5
    trusted = np.ones((64, 96), np.float32)
    trusted[:, 40:56] = 0
    start = borrowed(content, painted, trusted)
    assert np.abs(start[15, 48] - start[15, 43]).max() > 0.3


def test_surroundings_are_those_of_the_whole_frame_blurred() -> None:
    content = np.random.default_rng(0).random((61, 83, 3), np.float32)
    for deviation, stride in ((1.5, 4), (6.0, 12), (30.0, 2)):
        blurred = cv2.GaussianBlur(content, (0, 0), deviation, borderType=cv2.BORDER_REFLECT_101)
        np.testing.assert_allclose(_blurred(content, deviation, stride), blurred[::stride, ::stride], atol=1e-5)


def test_patches_mix_by_their_windows_where_they_overlap() -> None:
    random, half = np.random.default_rng(0), 4
    source = random.random((26, 34, 3), np.float32)
    places = np.array([(0, 0), (0, 1), (1, 0), (2, 2), (3, 5)])
    origins = np.array([(3, 5), (18, 26), (0, 0), (7, 7), (11, 2)])
    window = np.outer(*2 * (np.hanning(2 * half + 2)[1:-1],))[..., np.newaxis]
    total, share = np.zeros((20, 28, 3)), np.zeros((20, 28, 1))
    for (y, x), (from_y, from_x) in zip(half * places, origins, strict=True):
        total[y : y + 2 * half, x : x + 2 * half] += window * source[from_y : from_y + 2 * half, from_x : from_x + 2 * half]
        share[y : y + 2 * half, x : x + 2 * half] += window
    mixed = _laid_over(source, places, origins, half)
    np.testing.assert_allclose(mixed[:20, :28], np.divide(total, share, out=np.zeros_like(total), where=share > 0), atol=1e-5)
