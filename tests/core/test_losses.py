# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import numpy as np
import pytest
import torch

from core.losses import TV_SCALE, Objective, Temporal, content_loss, gram_matrix, style_loss, temporal_loss, total_variation
from core.vgg import VGG, layers

NAMES = ("relu1_1", "relu2_1")


def random(*shape, seed=0, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture
def network():
    """A small network of random weights, in float64, so that gradients can be checked against differences."""
    weights, inputs = {}, 3
    for index, (name, outputs) in enumerate(zip(layers("vgg16")[:3], (4, 4, 6), strict=True)):
        weights[f"{name}.weight"] = random(outputs, inputs, 3, 3, seed=index, scale=0.3)
        weights[f"{name}.bias"] = random(outputs, seed=index + 10, scale=0.1)
        inputs = outputs
    return VGG(weights, NAMES, device=torch.device("cpu"), dtype=torch.float64)


def objective(network, **more):
    content, painting = random(1, 3, 12, 10, seed=1, scale=50), random(1, 3, 9, 11, seed=2, scale=50)
    values = {"content_weight": 5.0, "style_weight": 100.0, "temporal_weight": 10.0, "tv_weight": 1e-3, **more}
    temporal = [Temporal(random(1, 3, 12, 10, seed=seed, scale=50), torch.rand(1, 1, 12, 10, dtype=torch.float64)) for seed in (3, 4)]
    features, painted = network(content), network(painting)
    return Objective(network, {"relu2_1": features["relu2_1"]}, {n: gram_matrix(painted[n]) for n in NAMES}, temporal=temporal, **values)


def test_the_gram_matrix_is_divided_by_the_number_of_elements():
    features = random(1, 5, 4, 3)
    flat = features[0].numpy().reshape(5, 12)
    np.testing.assert_allclose(gram_matrix(features).numpy(), flat @ flat.T / 60, rtol=1e-12)


def test_the_gram_matrix_of_half_precision_features_is_summed_in_float32():
    features = random(1, 8, 64, 64, dtype=torch.float32).abs().to(torch.bfloat16)
    exact = gram_matrix(features.double())
    assert gram_matrix(features).dtype == torch.float32
    torch.testing.assert_close(gram_matrix(features).double(), exact, rtol=1e-5, atol=0)


def test_content_and_style_losses_are_means_of_squares():
    a, b = random(1, 5, 4, 3, seed=1), random(1, 5, 4, 3, seed=2)
    assert float(content_loss(a, b)) == pytest.approx(float(((a - b) ** 2).mean()), rel=1e-12)
    assert float(style_loss(a, gram_matrix(b))) == pytest.approx(float(((gram_matrix(a) - gram_matrix(b)) ** 2).mean()), rel=1e-12)


def test_the_temporal_loss_counts_only_what_the_mask_leaves():
    image, warped = random(1, 3, 6, 5, seed=1), random(1, 3, 6, 5, seed=2)
    mask = torch.zeros(1, 1, 6, 5, dtype=torch.float64)
    assert float(temporal_loss(image, warped, mask)) == 0
    mask[..., 2, 3] = 0.5
    expected = 0.5 * ((image - warped)[..., 2, 3] ** 2).sum() / (3 * 6 * 5)
    assert float(temporal_loss(image, warped, mask)) == pytest.approx(float(expected), rel=1e-12)


def test_the_smooth_criterion_is_linear_beyond_one_code_value():
    mask = torch.ones(1, 1, 1, 1)
    warped = torch.zeros(1, 3, 1, 1)
    for distance, expected in ((0.5, 0.125), (1.0, 0.5), (10.0, 9.5)):
        assert float(temporal_loss(torch.full((1, 3, 1, 1), distance), warped, mask, "smoothl1")) == pytest.approx(expected)


def test_total_variation_has_the_references_strength_at_its_size():
    image = random(1, 3, 350, 450, scale=20)
    # The gradient of the reference's filter is that of half the sum of squares over the pixels that have both neighbors.
    corner = image[..., :-1, :-1]
    half_sum = ((corner - image[..., :-1, 1:]) ** 2 + (corner - image[..., 1:, :-1]) ** 2).sum() / 2
    assert float(total_variation(image)) == pytest.approx(float(half_sum), rel=1e-9)
    assert TV_SCALE == 0.5 * 3 * 349 * 449


@pytest.mark.parametrize("function", [content_loss, lambda f, t: style_loss(f, gram_matrix(t)), temporal_loss, total_variation])
def test_gradients_agree_with_differences(function):
    a, b = random(1, 3, 5, 4, seed=1).requires_grad_(), random(1, 3, 5, 4, seed=2)
    if function is temporal_loss:
        mask = torch.rand(1, 1, 5, 4, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda x: temporal_loss(x, b, mask), (a,))
    elif function is total_variation:
        assert torch.autograd.gradcheck(lambda x: total_variation(x) / TV_SCALE, (a,))
    else:
        assert torch.autograd.gradcheck(lambda x: function(x, b), (a,))


@pytest.mark.parametrize("criterion", ["mse", "smoothl1"])
def test_the_gradient_of_the_whole_objective_agrees_with_differences(network, criterion):
    whole = objective(network, criterion=criterion)
    image = random(1, 3, 12, 10, seed=5, scale=50)
    _, gradient = whole(image)
    for seed in range(4):
        direction = random(1, 3, 12, 10, seed=20 + seed)
        step = 1e-4
        ahead, behind = whole(image + step * direction)[0].sum(), whole(image - step * direction)[0].sum()
        slope = float(ahead - behind) / (2 * step)
        assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-4)


def test_the_objective_is_the_weighted_sum_of_its_terms(network):
    whole = objective(network)
    image = random(1, 3, 12, 10, seed=5, scale=50)
    terms, _ = whole(image)
    features = network(image)
    expected = [
        5 * content_loss(features["relu2_1"], whole.content["relu2_1"]),
        100 * sum(style_loss(features[name], whole.style[name]) for name in NAMES),
        10 * sum(temporal_loss(image, one.warped, one.mask) for one in whole.temporal),
        1e-3 * total_variation(image),
    ]
    torch.testing.assert_close(terms, torch.stack(expected))


def test_a_style_that_is_matched_pulls_nowhere(network):
    image = random(1, 3, 12, 10, seed=5, scale=50)
    style = {name: gram_matrix(features) for name, features in network(image).items()}
    terms, gradient = Objective(network, {}, style, content_weight=0, style_weight=100)(image)
    assert float(terms.sum()) == pytest.approx(0, abs=1e-18)
    assert float(gradient.abs().max()) < 1e-12


def test_normalized_gradients_have_the_weights_as_l1_norm():
    features, target = random(1, 4, 6, 5, seed=1).requires_grad_(), random(1, 4, 6, 5, seed=2)

    def identity(x):
        return {"relu1_1": x}

    for content, style in (({"relu1_1": target}, {}), ({}, {"relu1_1": gram_matrix(target)})):
        whole = Objective(identity, content, style, content_weight=7, style_weight=7, normalize_gradients=True)
        _, gradient = whole(features)
        assert float(gradient.abs().sum()) == pytest.approx(7, rel=1e-4)


def test_bfloat16_gives_nearly_the_gradient_of_float32(weights):
    from core.weights import load, verify

    tensors = load(verify("vgg16"))
    names = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")
    content, painting = (
        random(1, 3, 48, 64, seed=1, scale=40, dtype=torch.float32),
        random(1, 3, 48, 64, seed=2, scale=60, dtype=torch.float32),
    )
    gradients = []
    for dtype in (torch.float32, torch.bfloat16):
        network = VGG(tensors, names, device=torch.device("cpu"), dtype=dtype)
        features, painted = network(content), network(painting)
        style = {name: gram_matrix(painted[name]) for name in names if name.endswith("_1")}
        whole = Objective(network, {"relu4_2": features["relu4_2"]}, style, content_weight=5, style_weight=100)
        gradients.append(whole(content + 10)[1].flatten())
    assert float(torch.nn.functional.cosine_similarity(*gradients, dim=0)) > 0.99
