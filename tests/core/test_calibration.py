# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import cv2
import numpy as np
import pytest
import torch

from core import calibration
from core.calibration import REFERENCE_MEANS, CalibrationError, calibrate, mean_activations, reference_pictures
from core.color import display_from_linear, network_from_display
from core.frames import read_image
from core.vgg import VGG
from core.weights import load, verify


@pytest.fixture(scope="module")
def sixteen(weights):
    return load(verify("vgg16"))


def features(tensors, image):
    names = [name.replace("conv", "relu") for name in REFERENCE_MEANS]
    return VGG(tensors, names, device=torch.device("cpu"), dtype=torch.float32)(image)


def scaled(tensors, constants):
    """The same network with the features of each layer multiplied by a constant."""
    changed, before = dict(tensors), 1.0
    for name, constant in constants.items():
        changed[f"{name}.weight"] = changed[f"{name}.weight"] * (constant / before)
        changed[f"{name}.bias"] = changed[f"{name}.bias"] * constant
        before = constant
    return changed


@pytest.fixture(scope="module")
def calibrated(torchvisions):
    return calibrate("vgg19", torchvisions)


def test_the_reference_means_are_the_published_networks(sixteen):
    measured = mean_activations("vgg16", sixteen)
    assert list(measured) == list(REFERENCE_MEANS)
    assert measured == pytest.approx(REFERENCE_MEANS, rel=1e-5)


def test_reference_pictures_are_pictures_and_stay_as_they_are():
    pictures = reference_pictures()
    assert pictures.shape == (4, 3, 96, 96) and pictures.dtype == torch.float64
    display = (pictures + torch.tensor(calibration.MEAN).reshape(1, 3, 1, 1)) / 255
    assert float(display.min()) >= 0 and float(display.max()) <= 1
    # What was measured on them is stored, so they may never change.
    assert display.mean().item() == pytest.approx(0.381654011137, rel=1e-9)
    assert display[2, 1, 40, 50].item() == pytest.approx(0.323020243586, rel=1e-9)


def test_reference_pictures_drive_the_network_as_films_and_paintings_do(sixteen, data):
    measured = []
    for name in ("sintel_alley_1/frame_0001.png", "reference/marple8_01.ppm", "styles/great_wave.jpg", "styles/the_scream.jpg"):
        rgb = display_from_linear(read_image(data / name)).rgb
        scale = 384 / max(rgb.shape[:2])
        small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        with torch.no_grad():
            found = features(sixteen, network_from_display(torch.from_numpy(small.transpose(2, 0, 1).copy())[None]))
        measured.append([float(values.mean()) for values in found.values()])
    ratios = np.array(list(REFERENCE_MEANS.values())) / np.mean(measured, 0)
    assert np.all((ratios > 0.5) & (ratios < 1.5))
    assert 0.8 < np.exp(np.log(ratios).mean()) < 1.25


def test_torchvisions_normalization_and_scales_are_taken_out_again(sixteen, calibrated):
    tensors, found = calibrated
    picture = torch.randn(1, 3, 50, 43, generator=torch.Generator().manual_seed(0)) * 60
    assert found.scale == "torchvision" and len(found.constants) == 16
    with torch.no_grad():
        ours, expected = features(tensors, picture), features(sixteen, picture)
    for name, values in expected.items():
        torch.testing.assert_close(ours[name], values, rtol=1e-3, atol=1e-4 * float(values.max()))


def test_layers_that_vgg16_lacks_keep_the_constant_of_the_layer_before(calibrated):
    _, found = calibrated
    for block in (3, 4, 5):
        assert found.constants[f"conv{block}_4"] == found.constants[f"conv{block}_3"]


def test_the_original_scale_is_left_alone_to_the_bit(nineteen):
    tensors, found = calibrate("vgg19", nineteen)
    assert (found.scale, found.channels, found.constants) == ("original", "RGB", {})
    assert all(torch.equal(tensors[name], nineteen[name]) for name in nineteen)


def test_moderately_other_scales_still_count_as_original(nineteen):
    constants = {name: 3.0 if index % 2 else 0.4 for index, name in enumerate(REFERENCE_MEANS)}
    assert calibrate("vgg19", scaled(nineteen, constants))[1].scale == "original"


def test_torchvisions_own_network_is_known_by_its_first_filter_whatever_its_scale(nineteen):
    known = dict(nineteen)
    known["conv1_1.weight"] = known["conv1_1.weight"].clone()
    known["conv1_1.weight"][0] = torch.tensor(calibration._TORCHVISION_FILTERS["vgg19"]).reshape(3, 3, 3)
    tensors, found = calibrate("vgg19", known)
    assert found.scale == "torchvision"
    assert {name: mean for name, mean in mean_activations("vgg19", tensors).items() if name in REFERENCE_MEANS} == pytest.approx(
        REFERENCE_MEANS, rel=1e-4
    )


def test_channels_of_the_original_scale_in_bgr_order_are_put_right(sixteen):
    tensors, found = calibrate("vgg16", {**sixteen, "conv1_1.weight": sixteen["conv1_1.weight"].flip(1)})
    assert found.channels == "BGR"
    assert torch.equal(tensors["conv1_1.weight"], sixteen["conv1_1.weight"])


def test_a_network_of_neither_scale_is_refused(nineteen):
    # As Gatys' normalized network: 0..255, and every layer's mean is one.
    normalized = scaled(nineteen, {name: 1 / mean for name, mean in mean_activations("vgg19", nineteen).items()})
    with pytest.raises(CalibrationError, match="neither"):
        calibrate("vgg19", normalized)


def test_a_network_with_a_dead_layer_is_refused(torchvisions):
    dead = {**torchvisions, "conv4_2.weight": torchvisions["conv4_2.weight"] * 0, "conv4_2.bias": torchvisions["conv4_2.bias"] * 0 - 1}
    with pytest.raises(CalibrationError, match="conv4_2"):
        calibrate("vgg19", dead)
