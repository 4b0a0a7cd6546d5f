# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import numpy as np
import pytest
import torch

from core.color import palette, recolored
from core.devices import choose
from core.painter import Painter
from core.passes import Step
from core.pictures import array
from core.settings import make_settings
from core.start import Earlier
from core.styles import StyleImage
from core.vgg import layers

HEIGHT, WIDTH = 40, 48
FIRST = Step(0, 0, (), "content", 15)


@pytest.fixture(scope="module")
def network() -> dict[str, torch.Tensor]:
    """A small network of random weights."""
    generator = torch.Generator().manual_seed(0)
    weights, inputs = {}, 3
    for name, outputs in zip(layers("vgg16")[:3], (6, 6, 8), strict=True):
        weights[f"{name}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=generator) / (3 * inputs**0.5)
        weights[f"{name}.bias"] = torch.zeros(outputs)
        inputs = outputs
    return weights


@pytest.fixture
def painter(network):
    def make(*styles: StyleImage, **settings) -> Painter:
        chosen = make_settings(
            {"device": "cpu", "precision": "float32", "content_layers": ["relu2_1"], "style_layers": ["relu1_1", "relu2_1"], **settings}
        )
        return Painter(chosen, choose(chosen), network, styles or [StyleImage(picture(9), 1.0)], (WIDTH, HEIGHT))

    return make


def paint(painter: Painter, step: Step = FIRST, content: np.ndarray | None = None, earlier=None, **more):
    return painter.paint(picture(1) if content is None else content, step, earlier or {}, painter.settings, 1, **more)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH, 3), np.float32)


def tinted(red: float, green: float, blue: float) -> np.ndarray:
    """A texture around one color."""
    return (0.8 * np.array([red, green, blue]) + 0.2 * picture(9)).astype(np.float32)


def left() -> np.ndarray:
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[:, : WIDTH // 2] = 1
    return matte


def test_equal_frames_give_equal_bits(painter):
    assert np.array_equal(paint(painter()).rgb, paint(painter()).rgb)


def test_a_frame_says_what_it_started_from(painter):
    painted = paint(painter())
    np.testing.assert_allclose(array(painted.start), picture(1), atol=1e-6)
    assert painted.warped is None
    earlier = {0: Earlier(picture(3), np.zeros((HEIGHT, WIDTH, 2), np.float32), np.ones((HEIGHT, WIDTH), np.float32))}
    later = paint(painter(), Step(1, 0, (0,), "previous_warped", 3), earlier=earlier)
    np.testing.assert_allclose(array(later.start), picture(3), atol=1e-6)
    np.testing.assert_allclose(array(later.warped), picture(3), atol=1e-6)


def test_a_layer_of_weight_0_counts_for_nothing(painter):
    weighed = paint(painter(style_layer_weights=[1, 0]))
    assert np.array_equal(weighed.rgb, paint(painter(style_layers=["relu1_1"])).rgb)
    assert not np.array_equal(weighed.rgb, paint(painter()).rgb)


def test_weights_of_layers_scale_their_losses(painter):
    step = Step(0, 0, (), "random", 0)
    plain, weighed = paint(painter(), step), paint(painter(content_layer_weights=[3], style_layer_weights=[2, 2]), step)
    assert weighed.losses["content"] == pytest.approx(3 * plain.losses["content"])
    assert weighed.losses["style"] == pytest.approx(2 * plain.losses["style"])


def test_matched_colors_are_those_of_the_shot(painter):
    shot = tinted(0.2, 0.6, 0.3)
    matched = paint(painter(keep_colors="match"), colors_of=shot)
    fitting = StyleImage(recolored(picture(9), palette(shot)), 1.0)
    np.testing.assert_allclose(matched.rgb, paint(painter(fitting)).rgb, atol=1e-4)
    assert not np.allclose(matched.rgb, paint(painter()).rgb, atol=0.05)


def test_colors_are_left_alone_unless_they_shall_match(painter):
    assert np.array_equal(paint(painter(), colors_of=tinted(0, 1, 0)).rgb, paint(painter()).rgb)


def test_targets_are_made_once_a_shot(painter):
    styles = painter()._styles
    one = styles.targets(picture(1))
    assert styles.targets(picture(1).copy()) is one
    assert styles.targets(picture(2)) is not one


@pytest.mark.parametrize(("blend", "alone"), [(0.0, 9), (1.0, 5)])
def test_the_style_blend_goes_from_the_weights_to_the_last_painting(painter, blend, alone):
    both = StyleImage(picture(9), 1.0), StyleImage(picture(5), 0.0)
    assert np.array_equal(paint(painter(*both, style_blend=blend)).rgb, paint(painter(StyleImage(picture(alone), 1.0))).rgb)


def test_half_the_style_blend_is_half_of_each(painter):
    halved = StyleImage(picture(9), 0.5), StyleImage(picture(5), 0.5)
    both = StyleImage(picture(9), 1.0), StyleImage(picture(5), 0.0)
    np.testing.assert_allclose(paint(painter(*both, style_blend=0.5)).rgb, paint(painter(*halved)).rgb, atol=1e-3)


def test_the_outside_without_paintings_keeps_the_source(painter):
    painted = paint(painter(), matte=left())
    np.testing.assert_allclose(painted.rgb[:, WIDTH // 2 :], picture(1)[:, WIDTH // 2 :], atol=1e-6)
    assert np.abs(painted.rgb - picture(1))[:, : WIDTH // 2].mean() > 0.05


@pytest.mark.parametrize("init", ["random", "content"])
def test_a_frame_of_which_nothing_is_painted_is_the_source(painter, init):
    painted = paint(painter(), Step(0, 0, (), init, 15), matte=np.zeros((HEIGHT, WIDTH), np.float32))
    np.testing.assert_allclose(painted.rgb, picture(1), atol=1e-6)
    assert painted.iterations == 0 and painted.losses["style"] == 0


def test_a_matte_that_is_all_inside_changes_nothing(painter):
    everywhere = np.ones((HEIGHT, WIDTH), np.float32)
    np.testing.assert_allclose(paint(painter(), matte=everywhere).rgb, paint(painter()).rgb, atol=1e-3)


def test_each_side_is_painted_like_its_own_paintings(painter):
    sides = [StyleImage(tinted(1, 0, 0), 1.0), StyleImage(tinted(0, 0, 1), 1.0, "outside")]
    gray = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32) + 0.1 * picture(2)
    painted = paint(painter(*sides, content_weight=0.0), Step(0, 0, (), "content", 60), gray, matte=left())
    inside, outside = painted.rgb[:, : WIDTH // 2 - 4].mean((0, 1)), painted.rgb[:, WIDTH // 2 + 4 :].mean((0, 1))
    assert inside[0] > inside[2] + 0.1 and outside[2] > outside[0] + 0.1


def test_only_the_paintings_of_the_inside_paint_a_frame_without_a_matte(painter):
    inside, outside = StyleImage(picture(9), 1.0), StyleImage(picture(8), 1.0, "outside")
    assert np.array_equal(paint(painter(inside, outside)).rgb, paint(painter(inside)).rgb)
