# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from core.color import (
    HALF_MAXIMUM,
    MEAN,
    display_from_linear,
    display_from_network,
    linear_from_display,
    linear_to_srgb,
    network_from_display,
    palette,
    recolored,
    srgb_to_linear,
    with_colors_of,
)
from core.exr import read_exr, write_exr
from core.frames import Frame

CODES = np.arange(256, dtype=np.float32) / 255


def gray(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) of an (H, W)."""
    return np.repeat(values[..., np.newaxis], 3, axis=2).astype(np.float32)


def codes(display: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.rint(display * 255)


def test_the_curve_has_the_values_of_the_standard() -> None:
    display = np.array([-0.1, 0.0, 0.04045, 0.5, 1.0])
    linear = np.array([-0.1 / 12.92, 0.0, 0.04045 / 12.92, ((0.5 + 0.055) / 1.055) ** 2.4, 1.0])
    np.testing.assert_allclose(srgb_to_linear(display), linear, rtol=1e-6)
    np.testing.assert_allclose(linear_to_srgb(linear), display, rtol=1e-5)


@given(hnp.arrays(np.float32, st.integers(1, 50), elements=st.floats(0, 1, width=32)))
def test_the_curves_are_inverse_to_each_other(display: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(display)), display, atol=1e-6)


def test_every_code_survives_the_way_through_half_floats(tmp_path: Path) -> None:
    """All 256 codes under 255 alphas, from display to the delivered file and back, within one code."""
    rgb = gray(np.broadcast_to(CODES, (255, 256)))
    alpha = np.repeat(CODES[1:, np.newaxis], 256, axis=1).astype(np.float32)
    source = display_from_linear(Frame(srgb_to_linear(rgb), alpha))
    assert source.clipped == 0
    write_exr(tmp_path / "frame.exr", linear_from_display(source.rgb, source), {})
    delivered = read_exr(tmp_path / "frame.exr")
    np.testing.assert_allclose(delivered[..., 3], alpha, rtol=2**-11)
    again = display_from_linear(Frame(delivered[..., :3] / delivered[..., 3:], delivered[..., 3]))
    assert np.abs(codes(again.rgb) - codes(rgb)).max() <= 1
    assert again.clipped == 0


def test_an_opaque_code_survives_exactly(tmp_path: Path) -> None:
    rgb = gray(np.broadcast_to(CODES, (16, 256)))
    source = display_from_linear(Frame(srgb_to_linear(rgb), None))
    write_exr(tmp_path / "frame.exr", linear_from_display(source.rgb, source), {})
    assert np.array_equal(codes(linear_to_srgb(read_exr(tmp_path / "frame.exr")[..., :3])), codes(rgb))


def test_a_frame_without_alpha_is_delivered_opaque() -> None:
    source = display_from_linear(Frame(np.full((4, 5, 3), 0.5, np.float32), None))
    rgba = linear_from_display(source.rgb, source)
    assert rgba.shape == (4, 5, 4) and rgba.dtype == np.float32
    assert (rgba[..., 3] == 1).all()


def test_delivered_color_is_multiplied_by_alpha() -> None:
    source = display_from_linear(Frame(np.full((4, 5, 3), 0.5, np.float32), np.full((4, 5), 0.25, np.float32)))
    np.testing.assert_allclose(linear_from_display(source.rgb, source)[0, 0], [0.125, 0.125, 0.125, 0.25], rtol=1e-5)


def test_transparent_pixels_take_the_nearest_visible_color() -> None:
    linear = np.zeros((9, 9, 3), np.float32)
    linear[4, 1], linear[4, 7] = (1, 0, 0), (0, 0, 1)
    alpha = np.zeros((9, 9), np.float32)
    alpha[4, 1] = alpha[4, 7] = 0.5
    rgb = display_from_linear(Frame(linear, alpha)).rgb
    np.testing.assert_allclose(rgb[:, :4], np.broadcast_to([1, 0, 0], (9, 4, 3)), atol=1e-6)
    np.testing.assert_allclose(rgb[:, 5:], np.broadcast_to([0, 0, 1], (9, 4, 3)), atol=1e-6)


def test_a_wholly_transparent_frame_stays_transparent() -> None:
    source = display_from_linear(Frame(np.zeros((4, 5, 3), np.float32), np.zeros((4, 5), np.float32)))
    assert np.isfinite(source.rgb).all()
    assert (linear_from_display(np.ones((4, 5, 3), np.float32), source) == 0).all()


def test_light_without_coverage_is_handed_on() -> None:
    linear = np.zeros((4, 5, 3), np.float32)
    linear[1, 2] = (3, 2, 1)
    source = display_from_linear(Frame(linear, np.zeros((4, 5), np.float32)))
    assert np.array_equal(linear_from_display(source.rgb, source)[1, 2], [3, 2, 1, 0])


def test_values_that_are_no_colors_become_safe() -> None:
    linear = np.full((2, 2, 3), [np.nan, -1, np.inf], np.float32)
    source = display_from_linear(Frame(linear, None))
    np.testing.assert_allclose(source.rgb[0, 0], [0, 0, 1], atol=1e-6)
    assert source.clipped == 4
    kept = linear_from_display(source.rgb, source, "keep")
    assert np.array_equal(kept[0, 0], [0, 0, HALF_MAXIMUM, 1])


def test_only_visible_pixels_above_white_are_counted_as_clipped() -> None:
    linear = np.zeros((4, 5, 3), np.float32)
    linear[0, 0] = linear[0, 1] = (0.2, 1.5, 0.2)
    linear[0, 2] = 1.0005  # white, rounded by half floats
    alpha = np.ones((4, 5), np.float32)
    alpha[0, 1] = 0
    assert display_from_linear(Frame(linear, alpha)).clipped == 1


@given(hnp.arrays(np.float32, (2, 3, 3), elements=st.floats(0, 1000, width=32)))
def test_kept_highlights_come_back_exactly_as_far_as_they_were_clipped(linear: NDArray[np.float32]) -> None:
    source = display_from_linear(Frame(linear, None))
    kept = linear_from_display(source.rgb, source, "keep")[..., :3]
    np.testing.assert_allclose(kept, linear, rtol=1e-5, atol=1e-6)
    assert np.array_equal(kept[linear >= 1], linear[linear >= 1])
    assert linear_from_display(source.rgb, source, "clip").max() <= 1


def test_the_network_sees_0_to_255_minus_the_mean() -> None:
    white = network_from_display(torch.ones(1, 3, 2, 2))
    torch.testing.assert_close(white[0, :, 0, 0], 255 - torch.tensor(MEAN))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_way_to_the_network_and_back_changes_nothing(dtype: torch.dtype) -> None:
    image = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0)).to(dtype)
    there = network_from_display(image)
    assert there.dtype == dtype
    torch.testing.assert_close(display_from_network(there), image, atol=1e-6, rtol=0)


def test_what_the_network_makes_is_clamped() -> None:
    there = network_from_display(torch.tensor([-0.5, 0.5, 1.5]).reshape(1, 3, 1, 1))
    torch.testing.assert_close(display_from_network(there).flatten(), torch.tensor([0.0, 0.5, 1.0]))


def test_kept_colors_take_luminance_from_one_and_chroma_from_the_other() -> None:
    weights = np.array([0.299, 0.587, 0.114])
    rng = np.random.default_rng(0)
    rgb, source = (rng.uniform(0.4, 0.6, (6, 7, 3)).astype(np.float32) for _ in range(2))
    mixed = with_colors_of(rgb, source)
    np.testing.assert_allclose(mixed @ weights, rgb @ weights, atol=1e-6)
    np.testing.assert_allclose(mixed[..., 2] - mixed @ weights, source[..., 2] - source @ weights, atol=1e-6)
    np.testing.assert_allclose(mixed[..., 0] - mixed @ weights, source[..., 0] - source @ weights, atol=1e-6)


def test_colors_kept_of_a_picture_itself_change_nothing() -> None:
    rgb = np.random.default_rng(0).random((6, 7, 3), dtype=np.float32)
    assert np.array_equal(with_colors_of(rgb, rgb), rgb)


def test_reading_frames_needs_no_torch() -> None:
    program = "import sys, core.color, core.frames, core.flow, core.consistency; sys.exit('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0


def colorful(seed: int, center: float = 0.5, spread: float = 0.04) -> NDArray[np.float32]:
    """A picture (40, 50, 3) of correlated colors that stay well within 0..1."""
    generator = np.random.default_rng(seed)
    return (center + spread * generator.normal(size=(40, 50, 3)) @ generator.normal(size=(3, 3))).astype(np.float32)


def test_a_recolored_painting_has_the_mean_and_covariance_of_the_shot() -> None:
    painting, shot = palette(recolored(colorful(1, 0.4), palette(colorful(2, 0.6)))), palette(colorful(2, 0.6))
    np.testing.assert_allclose(painting.mean, shot.mean, atol=1e-6)
    np.testing.assert_allclose(painting.covariance, shot.covariance, atol=1e-5)


def test_a_painting_in_the_colors_of_the_shot_stays_as_it_is() -> None:
    painting = colorful(1)
    np.testing.assert_allclose(recolored(painting, palette(painting)), painting, atol=1e-5)


@pytest.mark.parametrize("shot", [np.zeros((4, 5, 3), np.float32), np.full((4, 5, 3), 0.7, np.float32)])
def test_a_shot_of_one_color_gives_a_painting_of_one_color(shot: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(recolored(colorful(1), palette(shot)), np.broadcast_to(shot[0, 0], (40, 50, 3)), atol=1e-6)


def test_a_painting_of_one_color_takes_the_mean_color_of_the_shot() -> None:
    shot = palette(colorful(2))
    flat = recolored(np.full((6, 7, 3), 0.3, np.float32), shot)
    np.testing.assert_allclose(flat, np.broadcast_to(shot.mean, (6, 7, 3)), atol=1e-5)


def test_a_drawing_takes_colors_without_its_grain_being_stretched() -> None:
    generator = np.random.default_rng(3)
    drawing = gray(generator.random((40, 50), np.float32))
    noisy = drawing + generator.normal(scale=1 / 255, size=drawing.shape).astype(np.float32)
    shot = palette(colorful(2, spread=0.1))
    difference = recolored(noisy, shot) - recolored(drawing, shot)
    assert np.sqrt(np.square(difference).mean()) < 10 / 255
