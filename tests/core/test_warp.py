# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.warp import inside, sharply_warped, warp

SIZES = [(16, 16), (17, 23), (1, 9), (9, 1)]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def constant_flow(x: float, y: float, height: int, width: int) -> torch.Tensor:
    return torch.tensor([x, y]).reshape(1, 2, 1, 1).expand(1, 2, height, width).contiguous()


def reference(image: NDArray[np.float64], flow: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C, H, W) warped pixel by pixel, as the formula reads."""
    _, height, width = image.shape
    result = np.empty_like(image)
    for row in range(height):
        for column in range(width):
            x = min(max(column + flow[0, row, column], 0), width - 1)
            y = min(max(row + flow[1, row, column], 0), height - 1)
            left, top = int(np.floor(x)), int(np.floor(y))
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            s, t = x - left, y - top
            result[:, row, column] = (1 - t) * ((1 - s) * image[:, top, left] + s * image[:, top, right]) + t * (
                (1 - s) * image[:, bottom, left] + s * image[:, bottom, right]
            )
    return result


@pytest.mark.parametrize("size", SIZES)
def test_no_motion_changes_no_bit(size: tuple[int, int]) -> None:
    image = random(2, 3, *size)
    assert torch.equal(warp(image, torch.zeros(2, 2, *size)), image)


def test_a_shift_to_the_right_fetches_from_the_right() -> None:
    image = random(1, 3, 20, 30)
    shifted = warp(image, constant_flow(3, 0, 20, 30))
    assert torch.equal(shifted[..., :-3], image[..., 3:])


def test_a_shift_down_fetches_from_below() -> None:
    image = random(1, 3, 20, 30)
    shifted = warp(image, constant_flow(0, 2, 20, 30))
    assert torch.equal(shifted[:, :, :-2], image[:, :, 2:])


def test_half_a_pixel_is_the_mean_of_two_neighbors() -> None:
    image = random(1, 3, 8, 9)
    shifted = warp(image, constant_flow(0.5, 0, 8, 9))
    torch.testing.assert_close(shifted[..., :-1], (image[..., :-1] + image[..., 1:]) / 2)


def test_what_lies_outside_is_the_border_repeated() -> None:
    image = random(1, 3, 8, 9)
    far = warp(image, constant_flow(-100, 1e30, 8, 9))
    assert torch.equal(far, image[:, :, -1:, :1].expand_as(image))


def test_a_flow_that_is_not_a_number_does_no_harm() -> None:
    flow = constant_flow(float("nan"), float("inf"), 8, 9)
    assert torch.isfinite(warp(random(1, 3, 8, 9), flow)).all()
    assert not inside(flow).any()


@pytest.mark.parametrize("size", SIZES)
def test_warping_agrees_with_the_formula_in_float64(size: tuple[int, int]) -> None:
    image = random(1, 3, *size, dtype=torch.float64)
    flow = (random(1, 2, *size, seed=1, dtype=torch.float64) - 0.5) * 12
    expected = reference(image[0].numpy(), flow[0].numpy())
    np.testing.assert_allclose(warp(image, flow)[0].numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(warp(image.float(), flow.float())[0].numpy(), expected, atol=1e-5)


def test_gradients_of_image_and_flow_are_right() -> None:
    image = random(1, 2, 5, 6, dtype=torch.float64).requires_grad_()
    flow = ((random(1, 2, 5, 6, seed=1, dtype=torch.float64) - 0.5) * 4 + 0.13).requires_grad_()
    assert torch.autograd.gradcheck(warp, (image, flow))


def test_one_flow_serves_a_whole_batch() -> None:
    image, flow = random(3, 2, 7, 8), random(1, 2, 7, 8, seed=1)
    assert torch.equal(warp(image, flow), torch.cat([warp(one[None], flow) for one in image]))


def test_inside_includes_the_last_row_and_column() -> None:
    assert inside(torch.zeros(1, 2, 8, 9)).all()
    right = inside(constant_flow(1, 0, 8, 9))
    assert right.shape == (1, 1, 8, 9)
    assert right[..., :-1].all() and not right[..., -1].any()
    assert not inside(constant_flow(0, -0.01, 8, 9))[:, :, 0].any()


@pytest.mark.parametrize(("image", "flow"), [((1, 3, 8, 8), (1, 2, 8, 9)), ((1, 3, 8, 8), (1, 3, 8, 8)), ((3, 8, 8), (1, 2, 8, 8))])
def test_shapes_that_do_not_fit_are_refused(image: tuple[int, ...], flow: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="warp needs"):
        warp(torch.zeros(image), torch.zeros(flow))


def textured(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def shift(x: float, y: float, height: int, width: int) -> NDArray[np.float32]:
    return np.full((height, width, 2), (x, y), np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_integer_motion_is_exact_where_a_picture_is_brought_sharply(size: tuple[int, int]) -> None:
    picture = textured(*size)
    assert np.array_equal(sharply_warped(picture, shift(0, 0, *size)), picture)
    moved = sharply_warped(picture, shift(2, -3, *size))
    assert np.array_equal(moved[3:, :-2], picture[:-3, 2:])


def test_a_picture_that_is_brought_sharply_keeps_its_texture() -> None:
    picture = cv2.GaussianBlur(textured(64, 64), (0, 0), 0.8)
    inner = np.s_[8:-8, 8:-8]
    flow = shift(0.5, 0.5, 64, 64)
    blurred = warp(torch.from_numpy(picture.transpose(2, 0, 1))[None], torch.from_numpy(flow.transpose(2, 0, 1))[None])
    kept = sharply_warped(picture, flow)[inner].std() / picture[inner].std()
    left = float(blurred[0].numpy().transpose(1, 2, 0)[inner].std()) / picture[inner].std()
    assert kept > 0.97 and left < 0.85


def test_what_a_picture_is_brought_from_can_lie_far_outside_or_nowhere() -> None:
    picture = textured(20, 30)
    flow = shift(1e9, 0, 20, 30)
    flow[0, 0] = np.nan
    moved = sharply_warped(picture, flow)
    assert np.allclose(moved[1:], np.repeat(picture[1:, -1:], 30, 1), atol=1e-6)
    assert np.isfinite(moved).all() and moved.min() >= 0 and moved.max() <= 1
