# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest
import torch
import torchvision

from core.vgg import CHANNELS, VGG, layers, shape
from core.weights import load, verify

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tensors(weights):
    return load(verify("vgg16"))


def random_tensors(network):
    generator = torch.Generator().manual_seed(1)
    return {
        f"{name}.{part}": torch.randn(size, generator=generator) * (2 / (9 * shape(name)[1])) ** 0.5
        for name in layers(network)
        for part, size in (("weight", shape(name)), ("bias", shape(name)[:1]))
    }


@pytest.mark.parametrize(("network", "configuration"), [("vgg16", "D"), ("vgg19", "E")])
def test_the_network_is_torchvisions(network, configuration):
    tensors = random_tensors(network)
    names = [name.replace("conv", "relu") for name in layers(network)]
    theirs = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs[configuration])
    numbers = [index for index, module in enumerate(theirs) if isinstance(module, torch.nn.Conv2d)]
    theirs.load_state_dict(
        {f"{n}.{part}": tensors[f"{name}.{part}"] for n, name in zip(numbers, layers(network), strict=True) for part in ("weight", "bias")}
    )
    image = torch.randn(1, 3, 37, 50, generator=torch.Generator().manual_seed(0))
    ours = VGG(tensors, names, device=CPU, dtype=torch.float32)(image)
    assert list(ours) == names
    x = image
    with torch.no_grad():
        for index, module in enumerate(theirs):
            x = module(x)
            if index - 1 in numbers:
                torch.testing.assert_close(ours[names[numbers.index(index - 1)]], x, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("network", "deepest", "count"), [("vgg16", "relu4_2", 9), ("vgg19", "relu3_4", 8), ("vgg19", "relu5_1", 13)])
def test_no_layer_beyond_the_deepest_one_is_touched(network, deepest, count):
    class Touched(dict):
        seen = 0

        def __getitem__(self, name):
            self.seen += name.endswith(".weight")
            return super().__getitem__(name)

    tensors = Touched(random_tensors(network))
    assert deepest in VGG(tensors, ["relu1_1", deepest], device=CPU, dtype=torch.float32)(torch.zeros(1, 3, 16, 16))
    assert tensors.seen == count


@pytest.mark.parametrize(
    ("wanted", "blocks", "convolutions"),
    [(["relu4_2"], 4, 9), (["relu1_1"], 1, 1), (["relu2_1", "relu3_3"], 3, 7), (["relu5_1"], 5, 11), ([], 0, 0)],
)
def test_a_shallower_part_gives_the_same_features_and_computes_no_more(tensors, wanted, blocks, convolutions):
    names = ["relu1_1", "relu2_1", "relu3_1", "relu3_3", "relu4_1", "relu4_2", "relu5_1"]
    network = VGG(tensors, names, device=CPU, dtype=torch.float32)
    part = network.up_to(wanted)
    assert len(part.blocks) == blocks and sum(len(block.convolutions) for block in part.blocks) == convolutions
    image = 50 * torch.randn(1, 3, 40, 36, generator=torch.Generator().manual_seed(0))
    whole, found = network(image), part(image)
    assert list(found) == wanted
    assert all(torch.equal(found[name], whole[name]) for name in wanted)
    assert list(whole) == names  # which it leaves as it is


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
