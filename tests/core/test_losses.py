# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.losses import (
    TV_SCALE,
    Objective,
    Region,
    StyleTarget,
    Temporal,
    content_loss,
    gram_matrix,
    style_loss,
    temporal_loss,
    total_variation,
)
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


def painted_like(features, names=NAMES, share=1.0):
    """The region of a whole picture with the statistics of another's features."""
    return Region({name: StyleTarget(gram_matrix(features[name])) for name in names}, share)


def random_guide(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def objective(network, **more):
    content, painting = random(1, 3, 12, 10, seed=1, scale=50), random(1, 3, 9, 11, seed=2, scale=50)
    values = {"content_weight": 5.0, "style_weight": 100.0, "temporal_weight": 10.0, "tv_weight": 1e-3, **more}
    temporal = [Temporal(random(1, 3, 12, 10, seed=seed, scale=50), torch.rand(1, 1, 12, 10, dtype=torch.float64)) for seed in (3, 4)]
    features, painted = network(content), network(painting)
    values.setdefault("style", [painted_like(painted)])
    return Objective(network, {"relu2_1": features["relu2_1"]}, temporal=temporal, **values)


def test_the_gram_matrix_is_divided_by_the_number_of_elements():
    features = random(1, 5, 4, 3)
    flat = features[0].numpy().reshape(5, 12)
    np.testing.assert_allclose(gram_matrix(features).numpy(), flat @ flat.T / 60, rtol=1e-12)


def test_the_gram_matrix_of_half_precision_features_is_summed_in_float32():
    features = random(1, 8, 64, 64, dtype=torch.float32).abs().to(torch.bfloat16)
    exact = gram_matrix(features.double())
    assert gram_matrix(features).dtype == torch.float32
    torch.testing.assert_close(gram_matrix(features).double(), exact, rtol=1e-5, atol=0)


def test_a_guide_of_ones_is_the_whole_picture():
    features = random(1, 5, 4, 3)
    torch.testing.assert_close(gram_matrix(features, torch.ones(4, 3, dtype=torch.float64)), gram_matrix(features), rtol=1e-12, atol=0)


def test_a_guide_of_ones_and_zeros_takes_the_statistics_of_what_it_shows():
    features = random(1, 5, 4, 6)
    guide = torch.zeros(4, 6, dtype=torch.float64)
    guide[:, :2] = 1
    torch.testing.assert_close(gram_matrix(features, guide), gram_matrix(features[..., :2]), rtol=1e-12, atol=0)


def test_a_half_transparent_guide_weighs_no_less_than_an_opaque_one():
    features, guide = random(1, 5, 4, 6), random_guide(4, 6)
    torch.testing.assert_close(gram_matrix(features, guide / 2), gram_matrix(features, guide), rtol=1e-12, atol=0)


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


def guided_style_loss(features, target):
    return style_loss(features, gram_matrix(target), random_guide(5, 4, seed=3))


@pytest.mark.parametrize(
    "function", [content_loss, lambda f, t: style_loss(f, gram_matrix(t)), guided_style_loss, temporal_loss, total_variation]
)
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
    grams = {name: gram_matrix(features) for name, features in network(random(1, 3, 9, 11, seed=2, scale=50)).items()}
    guides = {"relu1_1": random_guide(12, 10), "relu2_1": random_guide(6, 5)}
    style = [Region({name: StyleTarget(grams[name])}) for name in NAMES]
    style += [Region({name: StyleTarget(grams[name], guides[name]) for name in NAMES}, 0.3)]
    whole = objective(network, criterion=criterion, style=style, style_layers={"relu1_1": 0.5})
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
        100 * sum(style_loss(features[name], whole.style[0].targets[name].gram) for name in NAMES),
        10 * sum(temporal_loss(image, one.warped, one.mask) for one in whole.temporal),
        1e-3 * total_variation(image),
    ]
    torch.testing.assert_close(terms, torch.stack(expected))
    assert torch.equal(whole.terms(image), terms)


def test_layers_and_regions_count_by_their_weights_and_shares(network):
    image = random(1, 3, 12, 10, seed=5, scale=50)
    painted = [network(random(1, 3, 9, 11, seed=seed, scale=50)) for seed in (6, 7)]
    guides = {"relu1_1": random_guide(12, 10), "relu2_1": random_guide(6, 5)}
    regions = [
        Region({name: StyleTarget(gram_matrix(painted[0][name]), guides[name]) for name in NAMES}, 0.25),
        Region({"relu1_1": StyleTarget(gram_matrix(painted[1]["relu1_1"]), 1 - guides["relu1_1"])}, 0.75),
    ]
    whole = objective(network, style=regions, style_layers={"relu1_1": 3.0, "relu2_1": 0.5}, content_layers={"relu2_1": 2.0})
    features = network(image)

    def loss(which, name):
        gram, guide = regions[which].targets[name]
        return style_loss(features[name], gram, guide)

    terms, _ = whole(image)
    style = 0.25 * (3 * loss(0, "relu1_1") + 0.5 * loss(0, "relu2_1")) + 0.75 * 3 * loss(1, "relu1_1")
    torch.testing.assert_close(terms[1], 100 * style)
    torch.testing.assert_close(terms[0], 5 * 2 * content_loss(features["relu2_1"], whole.content["relu2_1"]))


class Pixels:
    """A network of one block, whose one layer is the picture itself."""

    names = ("relu1_1",)

    @property
    def blocks(self):
        return (self,)

    def __call__(self, image):
        return {"relu1_1": image}, image


def test_a_region_pulls_each_of_its_pixels_as_strongly_as_a_whole_picture_does():
    image = random(1, 3, 12, 10, seed=5, scale=50)
    twice = torch.cat((image, image), 3)

    def pull(picture, region):
        return Objective(Pixels(), {}, [region], content_weight=0, style_weight=1)(picture)[1]

    gram = gram_matrix(random(1, 3, 4, 4, seed=8))
    left = torch.zeros(12, 20, dtype=torch.float64)
    left[:, :10] = 1
    part = pull(twice, Region({"relu1_1": StyleTarget(gram, left)}, 0.5))
    torch.testing.assert_close(part[..., :10], pull(twice, Region({"relu1_1": StyleTarget(gram)}))[..., :10])
    assert not part[..., 10:].any()


def test_what_is_not_free_has_no_gradient(network):
    free = torch.zeros(1, 1, 12, 10, dtype=torch.float64)
    free[..., 3:7, 2:6] = 1
    image = random(1, 3, 12, 10, seed=5, scale=50)
    whole = objective(network)
    gradient = replace(whole, free=free)(image)[1]
    torch.testing.assert_close(gradient, free * whole(image)[1], rtol=0, atol=0)
    assert gradient.any()


def test_a_style_that_is_matched_pulls_nowhere(network):
    image = random(1, 3, 12, 10, seed=5, scale=50)
    terms, gradient = Objective(network, {}, [painted_like(network(image))], content_weight=0, style_weight=100)(image)
    assert float(terms.sum()) == pytest.approx(0, abs=1e-18)
    assert float(gradient.abs().max()) < 1e-12


def test_normalized_gradients_have_the_weights_as_l1_norm():
    features, target = random(1, 4, 6, 5, seed=1).requires_grad_(), random(1, 4, 6, 5, seed=2)

    for content, style in (({"relu1_1": target}, []), ({}, [painted_like({"relu1_1": target}, ["relu1_1"])])):
        whole = Objective(Pixels(), content, style, content_weight=7, style_weight=7, normalize_gradients=True)
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
        style = [painted_like(painted, [name for name in names if name.endswith("_1")])]
        whole = Objective(network, {"relu4_2": features["relu4_2"]}, style, content_weight=5, style_weight=100)
        gradients.append(whole(content + 10)[1].flatten())
    assert float(torch.nn.functional.cosine_similarity(*gradients, dim=0)) > 0.99
