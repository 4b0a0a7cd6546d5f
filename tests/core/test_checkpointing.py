# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An objective that is computed strip by strip is the objective."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.losses import Objective, Region, StyleTarget, Temporal, gram_matrix
from core.vgg import VGG, layers, strips

CPU = torch.device("cpu")


def random(*shape, seed=0, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def rectified(network):
    return [name.replace("conv", "relu") for name in layers(network)]


def small_weights(network):
    """A network of few channels."""
    weights, inputs = {}, 3
    for seed, name in enumerate(layers(network)):
        outputs = 3 + int(name[4])
        weights[f"{name}.weight"] = random(outputs, inputs, 3, 3, seed=seed, scale=(2 / (9 * inputs)) ** 0.5)
        weights[f"{name}.bias"] = random(outputs, seed=100 + seed, scale=0.1)
        inputs = outputs
    return weights


def objective(size, content=("relu4_2",), style=("relu1_1", "relu2_1", "relu5_1"), *, network="vgg16", pooling="max", dtype=torch.float64,
              guided=False, free=False, **more):  # fmt: skip
    width, height = size
    vgg = VGG(small_weights(network), {*content, *style}, device=CPU, dtype=dtype, pooling=pooling)
    pixels = torch.float64 if dtype == torch.float64 else torch.float32
    with torch.no_grad():
        target = vgg(random(1, 3, height, width, seed=1, scale=50, dtype=pixels))
        grams = {name: gram_matrix(features) for name, features in vgg(random(1, 3, 33, 40, seed=2, scale=60, dtype=pixels)).items()}
    guides = {name: torch.rand(features.shape[2:], dtype=pixels) for name, features in target.items()}
    regions = [Region({name: StyleTarget(grams[name]) for name in style}, 0.7)]
    if guided:
        regions += [Region({name: StyleTarget(grams[name], guides[name]) for name in style[:-1]}, 0.3)]
        regions += [Region({name: StyleTarget(2 * grams[name], 1 - guides[name]) for name in style}, 0.2)]
    temporal = [
        Temporal(random(1, 3, height, width, seed=seed, scale=50, dtype=pixels), torch.rand(1, 1, height, width)) for seed in (3, 4)
    ]
    if free:
        more["free"] = (torch.rand(1, 1, height, width) > 0.5).to(pixels)
    return Objective(
        vgg, {name: target[name] for name in content}, regions, temporal=temporal,
        **{"content_weight": 5.0, "style_weight": 100.0, "temporal_weight": 10.0, "tv_weight": 1e-3, **more},
    )  # fmt: skip


def assert_equal(whole, image, checkpointing, rows, tolerance=1e-9):
    terms, gradient = whole(image)
    smaller = replace(whole, checkpointing=checkpointing, strip_rows=rows)
    in_strips, again = smaller(image)
    assert torch.equal(smaller.terms(image), in_strips)
    torch.testing.assert_close(in_strips, terms, rtol=tolerance, atol=0)
    assert float((again - gradient).norm() / gradient.norm()) < tolerance


@settings(max_examples=25, deadline=None)
@given(
    st.integers(16, 60), st.integers(16, 75), st.sampled_from(["vgg16", "vgg19"]), st.sampled_from(["max", "average"]),
    st.data(), st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["mse", "smoothl1"]), st.integers(1, 5), st.integers(2, 40),
)  # fmt: skip
def test_strips_add_up_to_the_objective(width, height, network, pooling, data, guided, free, normalized, criterion, checkpointing, rows):
    chosen = st.lists(st.sampled_from(rectified(network)), min_size=1, max_size=4, unique=True)
    content, style = data.draw(chosen), data.draw(chosen)
    whole = objective(
        (width, height), content, style, network=network, pooling=pooling, guided=guided, free=free,
        normalize_gradients=normalized, criterion=criterion,
    )  # fmt: skip
    # The norms of normalized gradients are float32.
    assert_equal(whole, random(1, 3, height, width, seed=5, scale=50), checkpointing, rows, 1e-5 if normalized else 1e-9)


@pytest.mark.parametrize("left_out", ["content_weight", "style_weight", "temporal_weight", "tv_weight"])
def test_an_objective_without_one_of_its_terms_is_the_same_in_strips(left_out):
    more = {left_out: 0.0}
    assert_equal(objective((40, 50), **more), random(1, 3, 50, 40, seed=5, scale=50), 5, 16)


def test_terms_of_pixels_alone_are_the_same_in_strips():
    whole = replace(objective((40, 50)), content={}, style=())
    assert_equal(whole, random(1, 3, 50, 40, seed=5, scale=50), 5, 16)


def test_the_real_network_in_float32_is_the_same_in_strips(weights):
    from core.weights import load, verify

    names = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")
    network = VGG(load(verify("vgg16")), names, device=CPU, dtype=torch.float32)
    content, painting = (
        random(1, 3, 90, 64, seed=1, scale=40, dtype=torch.float32),
        random(1, 3, 48, 64, seed=2, scale=60, dtype=torch.float32),
    )
    with torch.no_grad():
        target, painted = network(content), network(painting)
    style = [Region({name: StyleTarget(gram_matrix(painted[name])) for name in names if name.endswith("_1")})]
    whole = Objective(network, {"relu4_2": target["relu4_2"]}, style, content_weight=5, style_weight=100, tv_weight=1e-3)
    for checkpointing in (1, 5):
        assert_equal(whole, content + 10, checkpointing, 16, 1e-5)


def test_bfloat16_is_the_same_in_strips_up_to_its_rounding():
    whole, image = objective((64, 70), dtype=torch.bfloat16), random(1, 3, 70, 64, seed=5, scale=50, dtype=torch.float32)
    exact = objective((64, 70), dtype=torch.float32)(image)[1]
    rounded, in_strips = whole(image)[1], replace(whole, checkpointing=5, strip_rows=16)(image)[1]
    assert float((in_strips - exact).norm()) < 1.2 * float((rounded - exact).norm())


def test_a_block_that_is_computed_again_as_a_whole_gives_the_bits_of_one_that_was_kept():
    whole, image = objective((40, 50), dtype=torch.float32), random(1, 3, 50, 40, seed=5, scale=50, dtype=torch.float32)
    whole = replace(whole, temporal_weight=0.0, tv_weight=0.0)
    for expected, found in zip(whole(image), replace(whole, checkpointing=5)(image), strict=True):
        assert torch.equal(expected, found)


def test_there_is_no_seam_between_strips():
    height, rows = 96, 16
    whole, image = objective((48, height), dtype=torch.float32), random(1, 3, height, 48, seed=5, scale=50, dtype=torch.float32)
    gradient, in_strips = whole(image)[1], replace(whole, checkpointing=5, strip_rows=rows)(image)[1]
    off = (in_strips - gradient).abs().mean((0, 1, 3)) / gradient.abs().mean()
    borders = [strip.inner.start for strip in strips(height, rows, 2)][1:]
    beside = torch.zeros(height, dtype=torch.bool)
    beside[[row + offset for row in borders for offset in (-2, -1, 0, 1)]] = True
    assert len(borders) == 5
    assert float(off[beside].max()) < 1e-5 and float(off[beside].mean()) < 3 * float(off[~beside].mean()) + 1e-7


@given(st.integers(1, 5000), st.integers(0, 600), st.integers(0, 4))
def test_strips_cover_every_row_once(height, rows, halo):
    found = list(strips(height, rows, halo))
    assert [row for strip in found for row in range(height)[strip.inner]] == list(range(height))
    for strip in found:
        assert strip.inner.start % 2 == 0 and strip.inner.stop > strip.inner.start
        assert range(height)[strip.outer][strip.crop] == range(height)[strip.inner]
        assert strip.outer.start == max(strip.inner.start - halo, 0) and strip.outer.stop == min(strip.inner.stop + halo, height)
        assert not rows or strip.inner.stop - strip.inner.start <= max(2 * rows, 3)


def test_less_is_kept_for_the_way_back_the_more_blocks_are_computed_again():
    whole, image = objective((64, 128), dtype=torch.float32), random(1, 3, 128, 64, seed=5, scale=50, dtype=torch.float32)

    def kept(checkpointing):
        held = {}

        def pack(tensor):
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            chosen = replace(whole, checkpointing=checkpointing, strip_rows=16)
            with torch.enable_grad():
                network_terms = chosen._network_terms(image.detach().requires_grad_())
        assert network_terms[1].requires_grad
        return sum(held.values())

    sizes = [kept(checkpointing) for checkpointing in range(6)]
    assert sizes == sorted(sizes, reverse=True) and sizes[5] < sizes[0] / 3
