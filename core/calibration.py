# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the convolutions of any VGG to the scale of the published VGG-16, so that the weights of the losses carry over.

The published networks (Simonyan and Zisserman 2014) take 0..255 minus a mean; torchvision's own trainings take 0..1 with a mean
and a deviation, and their activations have another scale in every layer. Rectified convolutions and poolings are positively
homogeneous, so a constant for each layer can be moved into the weights (as Gatys et al. 2016 normalized theirs) without changing
what the network sees: W_l · s_l / s_(l−1) and b_l · s_l multiply the features of layer l by s_l.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .color import MEAN, network_from_display
from .vgg import VGG, layers

__all__ = ["REFERENCE_MEANS", "Calibration", "CalibrationError", "calibrate", "mean_activations", "reference_pictures"]

REFERENCE_MEANS: Mapping[str, float] = {
    **{"conv1_1": 15.629, "conv1_2": 78.1152, "conv2_1": 130.482, "conv2_2": 160.266, "conv3_1": 243.759, "conv3_2": 248.086},
    **{"conv3_3": 179.267, "conv4_1": 148.995, "conv4_2": 85.1148, "conv4_3": 19.3621},
    **{"conv5_1": 18.8301, "conv5_2": 7.33812, "conv5_3": 0.556841},
}
"""Mean activations of the published VGG-16 on the reference pictures, by convolution."""

_TORCHVISION_MEAN, _TORCHVISION_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_TORCHVISION_FILTERS = {
    "vgg16": (
        *(-0.5537, 0.1427, 0.5290, -0.5831, 0.3566, 0.7657, -0.6902, -0.0480, 0.4841),
        *(0.1755, 0.0099, -0.0814, 0.0441, -0.0703, -0.2604, 0.1324, -0.1728, -0.1323),
        *(0.3130, -0.1659, -0.4275, 0.4752, -0.0827, -0.4870, 0.6320, 0.0193, -0.2775),
    ),
    "vgg19": (
        *(-0.053474, -0.049257, -0.067942, 0.015314, 0.045068, 0.0021444, 0.036226, 0.019999, 0.019864),
        *(0.017015, 0.055403, -0.0062293, 0.14165, 0.22705, 0.13758, 0.12000, 0.20030, 0.092114),
        *(-0.044885, 0.012680, -0.014497, 0.059742, 0.13955, 0.054102, -0.00096141, 0.058304, -0.029663),
    ),
}
"""The first filter (3, 3, 3) of torchvision's IMAGENET1K_V1 networks, by which they and what was tuned from them are known."""

_SAME_FILTER = 0.99
_SAME_SCALE = 6.0
_TRAINED = (0.1, 100.0)


class CalibrationError(Exception):
    """The weights suit no known scale of pictures; the message says why."""


@dataclass(frozen=True)
class Calibration:
    """What was found and done.

    Attributes:
        scale: ``original`` (0..255 minus the mean) or ``torchvision`` (0..1 with mean and deviation).
        channels: order of the input channels as they came, ``RGB`` or ``BGR``; they are RGB now.
        constants: what the features of each convolution were multiplied by; empty for the original scale.
    """

    scale: str
    channels: str
    constants: Mapping[str, float]


def calibrate(network: str, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Calibration]:
    """Tensors that take RGB 0..255 minus the mean and whose mean activations are those of the published VGG-16.

    Torchvision's networks are known by their first filter. Any other counts as original where its mean activations on the
    reference pictures at 0..255 differ from VGG-16's by less than a factor of 6 on average over the layers; those tensors stay
    as they are, to the bit, but for the order of the channels: where blue weighs more than red they are BGR, as Caffe's are.
    What is left counts as torchvision's normalization, if its first layer is alive in it.

    Args:
        tensors: ``convB_L.weight`` (O, I, 3, 3) and ``convB_L.bias`` (O,) of the whole network, float32, in the order of the layers.

    Raises:
        CalibrationError: the network is neither.
    """
    if not _is_torchvision(network, tensors) and _distance(mean_activations(network, tensors)) < _SAME_SCALE:
        red, _, blue = tensors["conv1_1.weight"].double().square().sum((0, 2, 3)).tolist()
        if red >= blue:
            return dict(tensors), Calibration("original", "RGB", {})
        return {**tensors, "conv1_1.weight": tensors["conv1_1.weight"].flip(1).contiguous()}, Calibration("original", "BGR", {})
    exact = _with_normalization({name: tensor.double() for name, tensor in tensors.items()})
    means = mean_activations(network, exact)
    if not _TRAINED[0] < means["conv1_1"] < _TRAINED[1]:
        raise CalibrationError("its activations fit neither pictures of 0..255 minus the mean nor torchvision's normalization")
    if dead := [name for name, mean in means.items() if not 0 < mean < math.inf]:
        raise CalibrationError(f"its layer {dead[0]} gives nothing")
    constants: dict[str, float] = {}
    before = 1.0
    for name, mean in means.items():
        # VGG-16 lacks the last layers of VGG-19's blocks; they keep what the layer before them has. Rounded, so that
        # machines that add up in another order still store the same bits.
        constant = float(f"{REFERENCE_MEANS[name] / mean:.6g}") if name in REFERENCE_MEANS else before
        exact[f"{name}.weight"] *= constant / before
        exact[f"{name}.bias"] *= constant
        constants[name] = before = constant
    return {name: tensor.float() for name, tensor in exact.items()}, Calibration("torchvision", "RGB", constants)


def mean_activations(network: str, tensors: Mapping[str, Tensor]) -> dict[str, float]:
    """Mean over the reference pictures of each convolution's rectified output, by convolution."""
    names = {name.replace("conv", "relu"): name for name in layers(network)}
    features = VGG(tensors, names, device=torch.device("cpu"), dtype=torch.float64)(reference_pictures())
    return {names[key]: float(values.mean()) for key, values in features.items()}


@functools.cache
def reference_pictures() -> Tensor:
    """Four pictures (4, 3, 96, 96), RGB 0..255 minus the mean, float64, that every machine makes alike.

    Dead leaves: discs of random grays with a little color, radii by a power law, each hiding those behind it. Such pictures have
    the edges and the spectrum of natural ones (Lee, Mumford, Huang 2001); noise of the same spectrum drives VGG less like films do.
    """
    return network_from_display(torch.from_numpy(np.stack([_dead_leaves(seed) for seed in range(4)]).transpose(0, 3, 1, 2).copy()))


def _dead_leaves(seed: int, side: int = 96, smallest: float = 8.0, largest: float = 90.0) -> np.ndarray:
    """(side, side, 3) float64 display RGB in 0..1."""
    # RandomState's stream never changes between versions of numpy; a Generator's may.
    random = np.random.RandomState(seed)
    y, x = np.mgrid[: 2 * side, : 2 * side] / 2.0
    picture = np.zeros((2 * side, 2 * side, 3))
    hidden = np.zeros((2 * side, 2 * side), bool)
    while not hidden.all():
        share, *center = random.random_sample(3)
        radius = (smallest**-2 - share * (smallest**-2 - largest**-2)) ** -0.5
        left, top = (position * (side + 2 * radius) - radius for position in center)
        light, warm, green = (random.random_sample(3) - 0.5) * (0.48, 0.17, 0.085)
        seen = ~hidden & ((x - left) ** 2 + (y - top) ** 2 <= radius**2)
        picture[seen] = 0.42 + light + np.array((warm + green, -green, green - warm))
        hidden |= seen
    return picture.clip(0.0, 1.0).reshape(side, 2, side, 2, 3).mean((1, 3))


def _is_torchvision(network: str, tensors: Mapping[str, Tensor]) -> bool:
    found = tensors["conv1_1.weight"][0].double().flatten()
    return float(torch.cosine_similarity(found, found.new_tensor(_TORCHVISION_FILTERS[network]), dim=0)) > _SAME_FILTER


def _distance(means: Mapping[str, float]) -> float:
    """Factor by which mean activations differ from the reference, the geometric mean over the layers; infinite where one is dead."""
    ratios = [means[name] / reference for name, reference in REFERENCE_MEANS.items()]
    return math.exp(sum(abs(math.log(ratio)) for ratio in ratios) / len(ratios)) if all(ratios) else math.inf


def _with_normalization(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same network on 0..255 minus the mean: torchvision's mean and deviation go into the first convolution."""
    weight = tensors["conv1_1.weight"]
    scaled = weight / (255.0 * weight.new_tensor(_TORCHVISION_DEVIATION)).reshape(1, 3, 1, 1)
    # The means differ by half a code value at most, so that it does not matter that padding stands for the one or the other.
    shift = weight.new_tensor(MEAN) - 255.0 * weight.new_tensor(_TORCHVISION_MEAN)
    return {
        **tensors,
        "conv1_1.weight": scaled,
        "conv1_1.bias": tensors["conv1_1.bias"] + (scaled.sum((2, 3)) * shift).sum(1),
    }
