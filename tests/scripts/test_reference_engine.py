# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine against the same objective in plain PyTorch, which shares nothing with it but the weights."""

import numpy as np
import pytest
import torch
from reference_engine import CONTENT_LAYER, INTERVAL, STYLE_LAYERS, Frame, ReferenceEngine

from core import weights
from core.losses import Objective, Region, StyleTarget, Temporal, gram_matrix
from core.vgg import VGG

HEIGHT, WIDTH = 40, 56


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> torch.Tensor:
    generator = np.random.default_rng(seed)
    smooth = generator.random((1, 3, height // 8, width // 8), np.float32) * 255 - 120
    return torch.nn.functional.interpolate(torch.from_numpy(smooth), (height, width), mode="bilinear") + torch.from_numpy(
        generator.normal(0, 8, (1, 3, height, width)).astype(np.float32)
    )


@pytest.fixture(scope="module")
def loaded():
    return weights.load(weights.ensure("vgg16"))


@pytest.fixture(scope="module")
def engine(loaded) -> ReferenceEngine:
    return ReferenceEngine(loaded, picture(9, 48, 64))


def frame(*, later: bool) -> Frame:
    mask = (torch.from_numpy(np.random.default_rng(3).random((1, 1, HEIGHT, WIDTH), np.float32)) > 0.3).float()
    return Frame(picture(1), picture(2), picture(4), mask) if later else Frame(picture(1), picture(2))


@pytest.mark.parametrize("later", [False, True])
def test_loss_and_gradient_are_those_of_plain_pytorch(engine, loaded, later):
    network = VGG(loaded, {CONTENT_LAYER, *STYLE_LAYERS}, device=torch.device("cpu"), dtype=torch.float32)
    one = frame(later=later)
    with torch.no_grad():
        content = {CONTENT_LAYER: network(one.content)[CONTENT_LAYER].clone()}
        painted = network(picture(9, 48, 64))
        style = Region({name: StyleTarget(gram_matrix(painted[name])) for name in STYLE_LAYERS})
    objective = Objective(
        network, content=content, style=[style], content_weight=5, style_weight=100, temporal_weight=1000, tv_weight=1e-3,
        temporal=[Temporal(one.warped, one.mask)] if later else [],
    )  # fmt: skip
    terms, gradient = objective(one.start)

    start = one.start.clone().requires_grad_()
    loss = engine.loss(start, one, engine.content_features(one))
    loss.backward()
    assert float(terms.sum()) == pytest.approx(loss.item(), rel=1e-5)
    assert float((gradient - start.grad).norm() / start.grad.norm()) < 1e-4


def test_the_reference_minimizes_and_tells_every_evaluation(engine):
    points = list(engine.paint(frame(later=True), 12))
    assert [point.evaluations for point in points] == list(range(1, 13))
    assert points[-1].loss < 0.8 * points[0].loss
    content = engine.content_features(frame(later=True))
    assert float(engine.loss(points[-1].picture, frame(later=True), content)) == pytest.approx(points[-1].loss, rel=1e-4)


def test_the_reference_stops_where_the_loss_has_come_to_rest(engine):
    """From a picture that is at rest already, the rule ends it at its first test."""
    *_, rest = engine.paint(frame(later=False), 30)
    still = Frame(rest.picture, rest.picture)
    engine_at_rest = ReferenceEngine.__new__(ReferenceEngine)
    engine_at_rest.__dict__ = {**engine.__dict__, "loss": lambda picture, frame, content: 1 + 0 * picture.sum()}
    assert sum(1 for _ in engine_at_rest.paint(still, 1000)) == 2 * INTERVAL
