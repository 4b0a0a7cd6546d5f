# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import numpy as np
import pytest
import torch

from core.consistency import long_term
from core.passes import Step
from core.pictures import array, tensor
from core.settings import make_settings
from core.start import Earlier, Seen, see, start_picture

HEIGHT, WIDTH = 40, 48
CPU = torch.device("cpu")


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH, 3), np.float32)


def moved(result: np.ndarray, mask: float | np.ndarray = 1.0, shift: float = 0.0, matte: np.ndarray | None = None) -> Earlier:
    """An earlier result to which each pixel moves `shift` to the right."""
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    flow[..., 0] = shift
    return Earlier(result, flow, np.full((HEIGHT, WIDTH), 1, np.float32) * np.float32(mask), matte)


def start(step: Step, earlier: dict[int, Earlier], *, matte: np.ndarray | None = None, sides=(), noise: int = 1, **settings) -> np.ndarray:
    content = tensor(picture(0), CPU)
    seen = see(earlier, content, matte)
    return array(start_picture(step, content, earlier, seen, masks(step, seen), make_settings(settings), noise, sides))


def masks(step: Step, seen: dict[int, Seen]) -> list[np.ndarray]:
    return long_term([seen[index].trusted for index in step.held_to]) if seen and step.held_to else []


def later(kind: str, held_to: tuple[int, ...] = (4,), **more) -> Step:
    return Step(5, 0, held_to, kind, 10, **more)


def close(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(a, b, atol=1e-5)


def half() -> np.ndarray:
    """Trusted on the left half only."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[:, : WIDTH // 2] = 1
    return mask


def test_a_frame_can_start_from_its_content():
    close(start(later("content"), {}), picture(0))


def test_noise_is_that_of_its_number_and_seed():
    one = start(later("random"), {})
    assert np.array_equal(one, start(later("random"), {}))
    assert not np.array_equal(one, start(later("random"), {}, noise=2))
    assert not np.array_equal(one, start(later("random"), {}, seed=1))


def test_the_previous_frame_is_the_one_that_the_pass_comes_from():
    earlier = {4: Earlier(picture(4)), 6: Earlier(picture(6))}
    close(start(later("previous"), earlier), picture(4))
    close(start(later("previous", toward=-1), earlier), picture(6))


def test_the_first_frame_is_that_of_the_shot():
    close(start(later("first"), {0: Earlier(picture(7))}), picture(7))


def test_what_is_trusted_starts_from_the_previous_result_moved_along():
    result = start(later("previous_warped"), {4: moved(picture(4), shift=2.0)})
    close(result[:, : WIDTH - 2], picture(4)[:, 2:])
    close(result[:, WIDTH - 2 :], picture(0)[:, WIDTH - 2 :])


def test_a_frame_that_is_held_to_none_uses_the_mask_of_the_previous_one():
    result = start(later("previous_warped", held_to=()), {4: moved(picture(4), half())}, uncovered="content")
    close(result[:, : WIDTH // 2], picture(4)[:, : WIDTH // 2])
    close(result[:, WIDTH // 2 :], picture(0)[:, WIDTH // 2 :])


def test_a_frame_that_is_held_to_farther_ones_only_starts_from_the_previous_one_all_the_same():
    earlier = {4: moved(picture(4), half()), 3: moved(picture(3))}
    result = start(later("previous_warped", held_to=(3,)), earlier, uncovered="content")
    close(result[:, : WIDTH // 2], picture(4)[:, : WIDTH // 2])
    close(result[:, WIDTH // 2 :], picture(3)[:, WIDTH // 2 :])


def test_uncovered_areas_start_as_the_setting_says():
    content, before = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32), np.full((HEIGHT, WIDTH, 3), 0.9, np.float32)
    before[:, WIDTH // 2 :] = 0.1  # the smear
    picture_of = {}
    for uncovered in ("borrowed", "content", "warped"):
        earlier = {4: moved(before, half())}
        seen = see(earlier, tensor(content, CPU))
        settings = make_settings({"uncovered": uncovered})
        step = later("previous_warped")
        picture_of[uncovered] = array(start_picture(step, tensor(content, CPU), earlier, seen, masks(step, seen), settings, 1))
        close(picture_of[uncovered][:, : WIDTH // 2], before[:, : WIDTH // 2])
    hidden = np.s_[:, WIDTH // 2 + 1 :]
    close(picture_of["borrowed"][hidden], np.full_like(content, 0.9)[hidden])
    close(picture_of["content"][hidden], content[hidden])
    close(picture_of["warped"][hidden], before[hidden])


def test_strokes_do_not_cross_the_matte():
    content, before = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32), np.full((HEIGHT, WIDTH, 3), 0.9, np.float32)
    before[:, WIDTH // 2 :] = 0.5  # not painted
    mask = np.ones((HEIGHT, WIDTH), np.float32)
    mask[10:25, WIDTH // 2 - 8 : WIDTH // 2 + 8] = 0
    earlier = {4: moved(before, mask, matte=half())}
    seen = see(earlier, tensor(content, CPU), half())
    step, settings, sides = later("previous_warped"), make_settings(), [half()]
    result = array(start_picture(step, tensor(content, CPU), earlier, seen, masks(step, seen), settings, 1, sides))
    close(result, before)


def test_a_pixel_that_was_on_the_other_side_of_the_matte_is_not_trusted():
    inside, matte = np.ones((HEIGHT, WIDTH), np.float32), half()
    seen = see({4: moved(picture(4), 0.8, matte=matte)}, tensor(picture(0), CPU), inside)
    close(seen[4].trusted, 0.8 * matte)


def test_a_matte_that_moves_with_its_object_keeps_its_trust():
    here, there = half(), np.roll(half(), 3, axis=1)
    there[:, :3] = 1
    seen = see({4: moved(picture(4), shift=3.0, matte=there)}, tensor(picture(0), CPU), here)
    close(seen[4].trusted, np.ones((HEIGHT, WIDTH)))


@pytest.mark.parametrize("mask", [0.0, 0.4, 1.0])
def test_a_blend_is_the_mean_of_its_own_result_and_its_neighbors_weighted_by_trust(mask):
    earlier = {5: Earlier(picture(5)), 6: moved(picture(6), mask), 4: moved(picture(4), 1.0)}
    step = later("blend", held_to=(), toward=-1, pass_number=2, blended=((6, 1.0), (4, 0.5)))
    expected = (picture(5) + mask * picture(6) + 0.5 * picture(4)) / (1.5 + mask)
    close(start(step, earlier), expected)


def test_a_blend_without_neighbors_is_its_own_result():
    close(start(later("blend", held_to=(), pass_number=2), {5: Earlier(picture(5))}), picture(5))
