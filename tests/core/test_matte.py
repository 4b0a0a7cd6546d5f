# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import numpy as np
import pytest
import torch

from core.matte import guides, painted_part, side
from core.vgg import VGG, layers

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def left_half(width: int, height: int) -> torch.Tensor:
    part = torch.zeros(1, 1, height, width)
    part[..., : width // 2] = 1
    return part


def test_guides_have_the_grids_of_the_networks_layers():
    weights, inputs = {}, 3
    for name in layers("vgg16"):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = torch.zeros(2, inputs, 3, 3), torch.zeros(2)
        inputs = 2
    network = VGG(weights, LAYERS, device=torch.device("cpu"), dtype=torch.float32)
    features = network(torch.zeros(1, 3, 51, 67))
    found = guides(torch.ones(1, 1, 51, 67), LAYERS)
    assert {name: guide.shape for name, guide in found.items()} == {name: one.shape[2:] for name, one in features.items()}
    assert all((guide == 1).all() for guide in found.values())


def test_a_guide_is_the_average_of_the_pixels_that_a_neuron_stands_for():
    part = torch.rand(1, 1, 32, 48)
    expected = part[0, 0].reshape(4, 8, 6, 8).mean((1, 3))
    torch.testing.assert_close(guides(part, ["relu4_1"])["relu4_1"], expected)


def test_a_side_that_is_empty_has_no_guides():
    assert guides(torch.zeros(1, 1, 32, 32), LAYERS) == {}


def test_a_small_side_is_left_out_of_the_layers_on_which_nothing_is_left_of_it():
    part = torch.zeros(1, 1, 64, 64)
    part[..., 8:14, 8:14] = 1
    assert set(guides(part, LAYERS)) == {"relu1_1", "relu2_1"}


def test_the_sides_of_a_matte_make_up_the_frame():
    matte = np.random.default_rng(0).random((5, 4), np.float32)
    np.testing.assert_allclose(side(matte, "inside") + side(matte, "outside"), 1)
    assert np.array_equal(painted_part(matte, ["inside"]), matte)
    assert np.array_equal(painted_part(matte, ["outside"]), 1 - matte)
    assert (painted_part(matte, ["inside", "outside"]) == 1).all()


@pytest.mark.parametrize("width", [33, 48])
def test_guides_of_both_sides_add_up_to_one(width):
    inside, outside = guides(left_half(width, 32), LAYERS), guides(1 - left_half(width, 32), LAYERS)
    for name in inside:
        torch.testing.assert_close(inside[name] + outside[name], torch.ones_like(inside[name]))
