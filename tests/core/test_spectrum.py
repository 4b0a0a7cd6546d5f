# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest
import torch

from core.optimizer import LBFGS, StopRule, minimize
from core.spectrum import Curvature, Spectrum

SIZES = [(8, 6), (9, 7), (16, 5), (33, 64)]


def noise(size, seed=0):
    return torch.randn((1, 3, *size), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", SIZES)
def test_coefficients_give_the_change_back_and_keep_lengths_and_angles(size):
    spectrum = Spectrum(size, torch.device("cpu"))
    one, other = noise(size), noise(size, 1)
    a, b = spectrum.coefficients(one), spectrum.coefficients(other)
    assert torch.allclose(spectrum.change(a), one[0], atol=1e-5)
    assert float(a @ b) == pytest.approx(float((one * other).sum()), abs=1e-3)
    assert float(a @ a) == pytest.approx(float(one.square().sum()), rel=1e-5)
    assert float(spectrum.by_band(a).sum()) == pytest.approx(float(a @ a), rel=1e-5)


def test_a_gray_change_has_lightness_only():
    spectrum = Spectrum((8, 6), torch.device("cpu"))
    gray = noise((8, 6))[:, :1].expand(1, 3, 8, 6)
    by_color = spectrum.by_band(spectrum.coefficients(gray)).view(3, -1).sum(1)
    assert float(by_color[1:].max()) < 1e-6 * float(by_color[0])


def test_an_even_change_lies_in_the_first_band():
    spectrum = Spectrum((8, 6), torch.device("cpu"))
    by_band = spectrum.by_band(spectrum.coefficients(torch.ones(1, 3, 8, 6)))
    assert float(by_band[0]) == pytest.approx(3 * 8 * 6, rel=1e-5)
    assert float(by_band[1:].max()) < 1e-6


def stretched(size, strength):
    """A quadratic whose curvature grows with the frequency: `strength` times total variation beside the distance to 40."""

    def evaluate(image):
        image = image.detach().requires_grad_()
        rough = image - image.roll(1, -1), image - image.roll(1, -2)
        loss = (image - 40).square().sum() / 2 + strength * sum(one.square().sum() for one in rough) / 2
        return loss.detach().reshape(1), torch.autograd.grad(loss, image)[0]

    return evaluate


def test_it_learns_the_curvature_of_each_band():
    size = (32, 48)
    evaluate, spectrum = stretched(size, 10.0), Spectrum(size, torch.device("cpu"))
    curvature = Curvature(spectrum)
    for seed in range(3):
        one, other = noise(size, seed), noise(size, seed + 10)
        step, change = other - one, evaluate(other)[1] - evaluate(one)[1]
        curvature.learn(spectrum.coefficients(step), spectrum.coefficients(change))
    inverse = curvature.inverse().view(-1, 2)[:, 0]
    even, fine = inverse[spectrum.bands == 0].mean(), inverse[spectrum.bands == 22].mean()
    assert 30 < float(even / fine) < 90  # 1 + 10 · (4 + 4), less what the width of the bands blurs


def test_bands_that_never_moved_stay_finite():
    spectrum = Spectrum((8, 6), torch.device("cpu"))
    curvature = Curvature(spectrum)
    even = spectrum.coefficients(torch.ones(1, 3, 8, 6))
    curvature.learn(even, 2 * even)
    assert torch.isfinite(curvature.inverse()).all() and float(curvature.inverse().min()) > 0


def test_curvature_by_frequency_takes_fewer_iterations(monkeypatch):
    size = (32, 48)
    evaluate, start = stretched(size, 100.0), 40 + 30 * noise(size)
    learned = minimize(evaluate, start, LBFGS(5), StopRule(40, 0)).terms[0]
    monkeypatch.setattr(Curvature, "inverse", lambda self: torch.ones(2 * self._spectrum.bands.numel()))
    alike = minimize(evaluate, start, LBFGS(5), StopRule(40, 0)).terms[0]
    assert learned < 0.5 * alike
