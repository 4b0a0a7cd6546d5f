# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest
import torch

from core.optimizer import LBFGS, Adam, Cancelled, Diverged, StopRule, minimize

SHAPE = (1, 3, 8, 6)


def quadratic(condition=100.0, seed=0):
    """A convex quadratic of the pictures' shape and scale, with its minimum at 40."""
    n = 3 * 8 * 6
    generator = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    curvature = torch.logspace(0, float(torch.tensor(condition).log10()), n, dtype=torch.float64)
    matrix = (basis * curvature) @ basis.T

    def evaluate(image):
        distance = image.double().flatten() - 40
        gradient = matrix @ distance
        return (distance @ gradient / 2).float().reshape(1), gradient.float().reshape(SHAPE)

    return evaluate


def two_loop(pairs, gradient, guess):
    """The direction of Nocedal (1980), in float64, from a first `guess` of the inverse Hessian's product with a vector."""
    q, alphas = gradient.double().flatten().clone(), []
    for s, y in reversed(pairs):
        alpha = (s @ q) / (s @ y)
        q -= alpha * y
        alphas.append(alpha)
    s, y = pairs[-1]
    q = guess(q) * (s @ y) / (y @ guess(y))
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q += s * (alpha - (y @ q) / (s @ y))
    return -q


def test_the_compact_form_takes_the_steps_of_the_two_loop_recursion():
    evaluate, direction = quadratic(), LBFGS(history=5)
    image, pairs, last = torch.zeros(SHAPE), [], None

    def guess(vector):
        coefficients = direction._p * direction._spectrum.coefficients(vector.float())
        return direction._spectrum.change(coefficients).double().flatten()

    for iteration in range(20):
        _, gradient = evaluate(image)
        step = direction.step(gradient)
        if last is not None:
            pairs = [*pairs, (last[0].double(), gradient.double().flatten() - last[1])][-5:]
            expected = two_loop(pairs, gradient, guess)
            expected *= min(1.0, LBFGS.LONGEST_STEP / float(expected.abs().mean()))
            assert float((step.double().flatten() - expected).norm() / expected.norm()) < 1e-4, iteration
        last = step.flatten().clone(), gradient.double().flatten()
        image = image + step


def test_the_first_step_changes_a_value_by_two_codes_on_average():
    gradient = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)) * 1e6
    step = LBFGS().step(gradient)
    assert float(step.abs().mean()) == pytest.approx(LBFGS.GRADIENT_STEP, rel=1e-5)
    assert float((step * gradient).sum()) < 0


def test_the_first_step_from_a_painted_picture_is_shorter():
    gradient = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)) * 1e6
    step = LBFGS(gradient_step=LBFGS.REPAINTING_STEP).step(gradient)
    assert float(step.abs().mean()) == pytest.approx(0.5, rel=1e-5)


def test_no_step_is_longer_than_the_longest():
    direction, image = LBFGS(), torch.zeros(SHAPE)
    for curvature in (1.0, 1e-4, 1e-4, 1e-4):  # a gradient that hardly changes promises a minimum far away
        gradient = torch.full(SHAPE, 1.0) + curvature * image
        step = direction.step(gradient)
        assert float(step.abs().mean()) <= LBFGS.LONGEST_STEP * 1.00001
        image = image + step
    assert float(step.abs().mean()) == pytest.approx(LBFGS.LONGEST_STEP, rel=1e-4)


def test_negative_curvature_is_left_along_the_gradient():
    """f(x) = cos(x) near its maximum: the curvature is negative until the slope falls again."""
    result = minimize(
        lambda image: (torch.cos(image / 100).sum().reshape(1), -torch.sin(image / 100) / 100),
        torch.full(SHAPE, 0.5), LBFGS(), StopRule(150, 0),
    )  # fmt: skip
    assert result.terms[0] == pytest.approx(-result.image.numel(), rel=1e-3)


def test_a_pair_without_curvature_changes_nothing():
    direction = LBFGS(history=4)
    gradient = torch.ones(SHAPE)
    for _ in range(4):
        step = direction.step(gradient)  # the same gradient everywhere: no curvature is ever seen
        assert torch.isfinite(step).all()
        assert float((step * gradient).sum()) < 0


@pytest.mark.parametrize(("direction", "iterations"), [(LBFGS(10), 200), (Adam(0.5), 2000)])
def test_a_quadratic_is_minimized(direction, iterations):
    result = minimize(quadratic(), torch.zeros(SHAPE), direction, StopRule(iterations, 0))
    assert float((result.image - 40).abs().max()) < 0.1
    assert result.iterations == iterations


def test_the_start_is_left_as_it_is():
    start = torch.zeros(SHAPE)
    minimize(quadratic(), start, LBFGS(), StopRule(5))
    assert not start.any()


def test_no_iterations_give_the_start_and_its_loss():
    evaluate, checks = quadratic(), []
    result = minimize(evaluate, torch.zeros(SHAPE), LBFGS(), StopRule(0), check=lambda: checks.append(1))
    assert result.iterations == 0 and not result.image.any() and len(checks) == 1
    assert result.terms[0] == pytest.approx(float(evaluate(torch.zeros(SHAPE))[0]))


def test_the_loss_told_is_that_of_the_picture_given():
    evaluate = quadratic()
    result = minimize(evaluate, torch.zeros(SHAPE), LBFGS(), StopRule(7, 0))
    assert result.terms[0] == pytest.approx(float(evaluate(result.image)[0]))


def test_the_last_evaluation_needs_no_gradient():
    calls, evaluate = [], quadratic()

    def counted(image):
        calls.append("gradient")
        return evaluate(image)

    def last(image):
        calls.append("last")
        return evaluate(image)[0]

    result = minimize(counted, torch.zeros(SHAPE), LBFGS(), StopRule(7, 0), last=last)
    assert calls == ["gradient"] * 6 + ["last"]
    whole = minimize(evaluate, torch.zeros(SHAPE), LBFGS(), StopRule(7, 0))
    assert torch.equal(result.image, whole.image) and result.terms == whole.terms
    assert minimize(counted, result.image, LBFGS(), StopRule(0), last=last).terms == result.terms
    assert calls.count("gradient") == 6


def falling(losses):
    iterator = iter(losses)
    return lambda image: (torch.tensor([next(iterator)]), torch.zeros(SHAPE))


def test_the_stop_rule_tests_first_at_twice_the_interval():
    # Flat from the start, so the first test that is allowed ends it.
    result = minimize(falling([1.0] * 1000), torch.zeros(SHAPE), LBFGS(), StopRule(1000, 1e-4, 50))
    assert result.iterations == 100


def test_the_stop_rule_compares_with_the_loss_one_interval_before():
    losses = [1.0] * 1000
    for iteration in range(1, 1001):  # halves up to iteration 200, then nearly stands still
        losses[iteration - 1] = 2.0 ** (-min(iteration, 200) / 50)
    result = minimize(falling(losses), torch.zeros(SHAPE), LBFGS(), StopRule(1000, 1e-4, 50))
    assert result.iterations == 250


def test_a_tolerance_of_zero_never_stops_early():
    assert minimize(falling([1.0] * 300), torch.zeros(SHAPE), LBFGS(), StopRule(300, 0.0, 10)).iterations == 300


def test_a_loss_that_is_no_number_is_told():
    with pytest.raises(Diverged, match="iteration 50"):
        minimize(falling([1.0] * 20 + [float("nan")] * 1000), torch.zeros(SHAPE), LBFGS(), StopRule(1000))


def test_cancel_ends_before_the_next_evaluation():
    calls = []

    def check():
        if len(calls) == 3:
            raise Cancelled

    def evaluate(image):
        calls.append(1)
        return torch.ones(1), torch.zeros(SHAPE)

    with pytest.raises(Cancelled):
        minimize(evaluate, torch.zeros(SHAPE), LBFGS(), StopRule(100), check=check)
    assert len(calls) == 3


def test_progress_ends_with_the_last_iteration():
    told = []
    minimize(quadratic(), torch.zeros(SHAPE), LBFGS(), StopRule(12, 0), report=told.append, report_every=0)
    assert [one.iteration for one in told] == list(range(1, 13))
    assert all(one.limit == 12 for one in told)


@pytest.mark.parametrize(("direction", "iterations"), [(LBFGS(10), 200), (Adam(0.5), 2000)])
def test_within_bounds_the_free_values_are_minimized_beside_those_that_are_held(direction, iterations):
    evaluate = quadratic()
    bounds = torch.tensor(-1.0), torch.tensor(30.0)  # the minimum without them is at 40
    image = minimize(evaluate, torch.zeros(SHAPE), direction, StopRule(iterations, 0), bounds=bounds).image
    _, gradient = evaluate(image)
    outward = torch.where(image == 30, gradient < 0, (image == -1) & (gradient > 0))
    assert image.min() >= -1 and image.max() <= 30
    assert 0.1 < float(outward.float().mean()) < 0.9
    assert float(gradient[~outward].abs().max()) < 0.5 < float(gradient[outward].abs().max())


def test_a_loss_that_is_enough_ends_it_before_any_step():
    result = minimize(quadratic(), torch.zeros(SHAPE), LBFGS(), StopRule(50, 0, enough=lambda terms: True))
    assert result.iterations == 1 and result.is_enough and not result.image.any()


def test_it_goes_on_to_the_least_iteration_even_if_the_loss_is_enough():
    result = minimize(quadratic(), torch.zeros(SHAPE), LBFGS(), StopRule(50, 0, enough=lambda terms: True, least=20))
    assert result.iterations == 20 and result.is_enough


def test_a_loss_that_is_never_enough_takes_all_iterations():
    result = minimize(quadratic(), torch.zeros(SHAPE), LBFGS(), StopRule(7, 0, enough=lambda terms: False))
    assert result.iterations == 7 and not result.is_enough
