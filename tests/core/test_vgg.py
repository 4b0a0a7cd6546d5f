# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest
import torch
import torchvision

from core.vgg import CHANNELS, VGG, layers
from core.weights import load, verify

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tensors(weights):
    return load(verify("vgg16"))


def test_the_network_is_torchvisions(tensors):
    names = ("relu1_1", "relu2_2", "relu4_2", "relu5_3")
    theirs = torchvision.models.vgg16(weights=None).features.eval()
    numbers = [index for index, module in enumerate(theirs) if isinstance(module, torch.nn.Conv2d)]
    state = {
        f"{n}.{part}": tensors[f"{name}.{part}"] for n, name in zip(numbers, layers("vgg16"), strict=True) for part in ("weight", "bias")
    }
    theirs.load_state_dict(state)
    image = torch.randn(1, 3, 37, 50, generator=torch.Generator().manual_seed(0)) * 60
    ours = VGG(tensors, names, device=CPU, dtype=torch.float32)(image)
    x, expected = image, {}
    with torch.no_grad():
        for index, module in enumerate(theirs):
            x = module(x)
            if index - 1 in numbers:
                expected[layers("vgg16")[numbers.index(index - 1)].replace("conv", "relu")] = x.clone()
    assert set(ours) == set(names)
    for name in names:
        torch.testing.assert_close(ours[name], expected[name], rtol=1e-4, atol=1e-2)


def test_features_have_the_channels_and_sizes_of_their_blocks(tensors):
    names = [f"relu{block}_1" for block in range(1, 6)]
    features = VGG(tensors, names, device=CPU, dtype=torch.float32)(torch.zeros(1, 3, 48, 35))
    for block, name in enumerate(names):
        assert features[name].shape == (1, CHANNELS[block], 48 >> block, 35 >> block)
        assert float(features[name].min()) >= 0


def test_average_pooling_keeps_a_constant_layer():
    weights = {"conv1_1.weight": torch.zeros(2, 3, 3, 3), "conv1_1.bias": torch.tensor([1.0, 2.0])}
    weights |= {"conv2_1.weight": torch.eye(2).reshape(2, 2, 1, 1) * torch.eye(3)[1].outer(torch.eye(3)[1]), "conv2_1.bias": torch.zeros(2)}
    for pooling in ("max", "average"):
        features = VGG(weights, ["relu2_1"], device=CPU, dtype=torch.float32, pooling=pooling)(torch.randn(1, 3, 8, 8))
        torch.testing.assert_close(features["relu2_1"][0, :, 0, 0], torch.tensor([1.0, 2.0]))


def test_an_unknown_layer_is_named(tensors):
    with pytest.raises(ValueError, match="relu7_1"):
        VGG(tensors, ["relu1_1", "relu7_1"], device=CPU, dtype=torch.float32)
