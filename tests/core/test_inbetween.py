# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import numpy as np
import pytest
import torch

from core.inbetween import inbetween
from core.passes import Step
from core.start import Earlier

SHAPE = (32, 40)
CPU = torch.device("cpu")


def flat(value: float) -> np.ndarray:
    return np.full((*SHAPE, 3), value, np.float32)


def neighbor(result: np.ndarray, trusted: float | np.ndarray = 1.0, shift: tuple[float, float] = (0, 0), **more: np.ndarray) -> Earlier:
    flow = np.broadcast_to(np.float32(shift), (*SHAPE, 2)).copy()
    return Earlier(result, flow, np.broadcast_to(np.float32(trusted), SHAPE).copy(), **more)


def step(*blended: tuple[int, float], start: str = "between") -> Step:
    return Step(1, 0, (), start, 0, blended=blended, stride=4)


BOTH = step((0, 0.75), (4, 0.25))


def made(step: Step, earlier: dict[int, Earlier], content: float = 0.5, uncovered: str = "warped", **more) -> np.ndarray:
    return inbetween(step, flat(content), earlier, uncovered, CPU, **more).rgb


def test_two_trusted_neighbors_are_blended_by_their_weights():
    np.testing.assert_allclose(made(BOTH, {0: neighbor(flat(0.2)), 4: neighbor(flat(0.6))}), 0.3, atol=1e-5)


@pytest.mark.parametrize("uncovered", ["borrowed", "content", "warped"])
def test_what_one_neighbor_does_not_show_comes_from_the_other_alone(uncovered):
    left = np.zeros(SHAPE, np.float32)
    left[:, :20] = 1
    picture = made(BOTH, {0: neighbor(flat(0.2), left), 4: neighbor(flat(0.6), 1 - left)}, uncovered=uncovered)
    np.testing.assert_allclose(picture[:, :20], 0.2, atol=1e-5)
    np.testing.assert_allclose(picture[:, 20:], 0.6, atol=1e-5)


def test_where_neither_can_be_trusted_it_is_as_the_setting_says():
    nobody = {0: neighbor(flat(0.2), 0.0), 4: neighbor(flat(0.6), 0.0)}
    np.testing.assert_allclose(made(BOTH, nobody, uncovered="warped"), 0.3, atol=1e-5)
    np.testing.assert_allclose(made(BOTH, nobody, uncovered="content"), 0.5, atol=1e-5)
    trusted = np.ones(SHAPE, np.float32)
    trusted[8:16, 8:16] = 0
    known = {0: neighbor(flat(0.2), trusted), 4: neighbor(flat(0.2), trusted)}
    # What painting changed elsewhere, 0.5 to 0.2, is borrowed for the hole.
    np.testing.assert_allclose(made(BOTH, known, uncovered="borrowed"), 0.2, atol=1e-5)


def test_neighbors_move_along_their_flow_and_what_comes_from_outside_is_the_content():
    ramp = np.broadcast_to(np.linspace(0, 1, SHAPE[1], dtype=np.float32)[None, :, None], (*SHAPE, 3)).copy()
    picture = made(step((0, 1.0)), {0: neighbor(ramp, shift=(-3, 0))}, content=0.9)
    np.testing.assert_allclose(picture[:, 3:], ramp[:, :-3], atol=1e-5)
    np.testing.assert_allclose(picture[:, :3], 0.9, atol=1e-5)


def test_a_neighbor_on_the_other_side_of_the_matte_is_not_trusted():
    inside, outside = np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    earlier = {0: neighbor(flat(0.2), matte=outside), 4: neighbor(flat(0.6), matte=inside)}
    np.testing.assert_allclose(made(BOTH, earlier, matte=inside, sides=[inside]), 0.6, atol=1e-5)


def test_a_held_frame_is_the_painted_one_to_the_bit():
    painted = np.random.default_rng(0).random((*SHAPE, 3), np.float32)
    frame = inbetween(step((0, 1.0), start="held"), flat(0.5), {0: Earlier(painted)}, "borrowed", CPU)
    assert np.array_equal(frame.rgb, painted) and frame.start is None
    assert frame.iterations == 0 and not any(frame.losses.values())
