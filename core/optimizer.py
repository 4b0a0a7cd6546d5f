# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a start picture and an objective to the result: L-BFGS or Adam, with the reference's stop rule.

Everything stays on the device; the host reads losses only where the stop rule or the progress display needs them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .spectrum import Curvature, Spectrum

__all__ = ["LBFGS", "Adam", "Cancelled", "Diverged", "Progress", "Result", "StopRule", "minimize"]

Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From a picture to its weighted loss terms (n,) and the gradient of their sum."""


class Cancelled(Exception):
    """The job was cancelled while a frame was being painted."""


class Diverged(ArithmeticError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True)
class StopRule:
    """Stop after `iterations`, when the loss changed by less than `tolerance` (relative) over `interval` iterations, or when it is enough.

    `enough` is asked for the loss terms from iteration `least` on, first and then at every third: the host has to wait for them.
    """

    iterations: int
    tolerance: float = 1e-4
    interval: int = 50
    enough: Callable[[Sequence[float]], bool] | None = None
    least: int = 1

    def is_test(self, iteration: int) -> bool:
        """Whether the loss of `iteration` (from 1) is compared with the one `interval` before; first at twice the interval."""
        return self.tolerance > 0 and iteration % self.interval == 0 and iteration >= 2 * self.interval

    def is_met(self, loss: float, before: float) -> bool:
        return abs(before - loss) < self.tolerance * abs(before)

    def is_asked(self, iteration: int) -> bool:
        """Whether `enough` is asked at `iteration`."""
        return self.enough is not None and iteration >= self.least and (iteration - self.least) % 3 == 0


@dataclass(frozen=True)
class Progress:
    """Where the minimization stands; `terms` are the weighted loss terms at `iteration` of at most `limit`."""

    iteration: int
    limit: int
    terms: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """The picture found, the number of evaluations made, the loss terms at the first and at the last, and whether these were enough."""

    image: Tensor
    iterations: int
    first_terms: tuple[float, ...]
    terms: tuple[float, ...]
    is_enough: bool = False


class Direction(Protocol):
    """The step from one picture to the next, given the gradient there and perhaps where the picture is `held` by its bounds.

    `took` is told what the bounds left of the step.
    """

    def step(self, gradient: Tensor, held: Tensor | None = None) -> Tensor: ...

    def took(self, step: Tensor) -> None: ...


class LBFGS:
    """Steps of limited-memory BFGS without a line search, in the compact form of Byrd, Nocedal and Schnabel (1994), theorem 2.2.

    With S and Y the last m differences of pictures and gradients as rows, R the upper triangle of S Yᵀ, D its diagonal, a first guess
    P of the inverse Hessian and γ = sᵀy / yᵀPy of the newest pair, the direction is

        −γ P g − Sᵀ R⁻ᵀ ((D + γ Y P Yᵀ) u − γ Y P g) + γ P Yᵀ u,    u = R⁻¹ S g

    which equals the two-loop recursion, but reads S and Y twice instead of four times and needs no loop over m small operations.
    A pair without positive curvature is stored as zeros with 1 on the diagonal of R, which leaves the direction as it was,
    so no decision has to come back to the host.

    All of it happens on the coefficients of `Spectrum`, where P is diagonal: the inverse curvature of each band, learned from the steps
    so far and renewed at iterations 4, 8, 16, … Measured at 225×175 from the content: the loss after 225 iterations with P = 1 is
    reached after 150, and that after 300 iterations after 175.

    Until a positive curvature is known, in the first step and as long as the loss is concave, as around a picture of weak noise, the
    step follows the gradient and changes the picture by `gradient_step` on average. The usual 1/|g| is far below what bfloat16
    features can resolve: the first pair would be noise, and the second step thrown away. No step is longer than `LONGEST_STEP`:
    without a line search the first ones overshoot, and half of the evaluations are spent on the way back.
    """

    GRADIENT_STEP, REPAINTING_STEP = 2.0, 0.5
    """Mean absolute change of a value, of 255, in a step along the gradient from a picture that is not painted and from one that is.

    Measured on a later frame: the second evaluation finds 4 times the loss of the first after a step of 2, and less than the first after
    a step of 0.5, which from the content takes twice as many iterations to the same loss.
    """
    LONGEST_STEP = 5.0
    """Mean absolute change of a value, of 255, in the longest step. Measured: 3 to 8 serve alike, from 16 on noise takes longer."""

    _gradient: Tensor
    _step: Tensor

    def __init__(self, history: int = 20, learning_rate: float = 1.0, gradient_step: float = GRADIENT_STEP) -> None:
        self.history = history
        self.learning_rate = learning_rate
        self.gradient_step = gradient_step
        self._count = 0

    def step(self, gradient: Tensor, held: Tensor | None = None) -> Tensor:
        if self._count == 0:
            self._allocate(gradient)
        # What is held has no say in the direction, while the curvature is that of the loss and knows no bounds.
        free = gradient if held is None else gradient.masked_fill(held, 0)
        step = free * (-self.gradient_step / _length(free))
        g = self._spectrum.coefficients(gradient)
        if self._count > 0:
            self._remember(g - self._gradient)
            f = g if held is None else self._spectrum.coefficients(free)
            step = torch.where(self._is_curved, self._spectrum.change(self._direction(f)).view_as(step), step)
        if held is not None:
            step.masked_fill_(held, 0)
        step *= self.learning_rate * (self.LONGEST_STEP / _length(step)).clamp_(max=1)
        self._gradient = g
        self._step = step
        self._count += 1
        return step

    def took(self, step: Tensor) -> None:
        self._step = step

    def _allocate(self, gradient: Tensor) -> None:
        self._spectrum = Spectrum(gradient.shape[-2:], gradient.device)
        self._curvature = Curvature(self._spectrum)
        m, n = self.history, 2 * self._spectrum.bands.numel()
        # Rows are touched only once they are used, so a frame that stops early does not pay for the whole history.
        self._s = gradient.new_empty(m, n)
        self._y = gradient.new_empty(m, n)
        self._p = gradient.new_ones(n)
        # The small matrices are float64 where the device has it; Apple's and Intel's graphics cards do not.
        small = torch.float64 if gradient.device.type in ("cpu", "cuda") else torch.float32
        self._sy = torch.zeros(m, m, dtype=small, device=gradient.device)
        self._ypy = torch.zeros(m, m, dtype=small, device=gradient.device)
        self._gamma = torch.ones((), dtype=small, device=gradient.device)
        self._is_curved = torch.zeros((), dtype=torch.bool, device=gradient.device)

    def _remember(self, y: Tensor) -> None:
        s = self._spectrum.coefficients(self._step)
        slot = (self._count - 1) % self.history
        filled = min(self._count, self.history)
        sy = torch.dot(s, y).to(self._sy)
        keep = sy > 1e-10
        self._curvature.learn(s, y)
        torch.mul(s, keep.to(y.dtype), out=self._s[slot])
        torch.mul(y, keep.to(y.dtype), out=self._y[slot])
        self._sy[:, slot] = 0
        self._sy[slot, :] = 0
        self._sy[:filled, slot] = torch.mv(self._s[:filled], self._y[slot]).to(self._sy)
        self._sy[slot, slot] = torch.where(keep, sy, torch.ones_like(sy))
        if self._count >= 4 and self._count.bit_count() == 1:
            self._p = self._curvature.inverse()
            changed = range(filled)
        else:
            changed = range(slot, slot + 1)
        for row in changed:
            products = torch.mv(self._y[:filled], self._p * self._y[row]).to(self._sy)
            self._ypy[:filled, row] = products
            self._ypy[row, :filled] = products
        self._gamma = torch.where(keep, sy / self._ypy[slot, slot], self._gamma)
        self._is_curved = self._is_curved | keep

    def _direction(self, g: Tensor) -> Tensor:
        filled = min(self._count, self.history)
        s, y, pg = self._s[:filled], self._y[:filled], self._p * g
        oldest_first = (torch.arange(filled, device=g.device) + self._count) % filled
        sy = self._sy[oldest_first][:, oldest_first]
        ypy = self._ypy[oldest_first][:, oldest_first]
        r = sy.triu()
        sg = torch.mv(s, g).to(self._sy)[oldest_first].unsqueeze(1)
        ypg = torch.mv(y, pg).to(self._sy)[oldest_first].unsqueeze(1)
        u = torch.linalg.solve_triangular(r, sg, upper=True)
        v = torch.diagonal(sy).unsqueeze(1) * u + self._gamma * (ypy @ u - ypg)
        a = torch.linalg.solve_triangular(r.T, v, upper=False)
        coefficients = torch.empty(2, filled, dtype=g.dtype, device=g.device)
        coefficients[:, oldest_first] = torch.cat((a, self._gamma * u), 1).T.to(g.dtype)
        direction = pg.mul_((-self._gamma).to(g.dtype))
        direction.addcmul_(self._p, torch.mv(y.T, coefficients[1]))
        direction.addmv_(s.T, coefficients[0], alpha=-1)
        return direction


def _length(step: Tensor) -> Tensor:
    """Mean absolute value, above 0."""
    return step.abs().mean().clamp_(min=torch.finfo(step.dtype).tiny)


class Adam:
    """Steps of Adam (Kingma and Ba 2015); a learning rate of 1 is one code value of 255."""

    def __init__(self, learning_rate: float = 1.0, betas: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8) -> None:
        self.learning_rate, self.betas, self.epsilon = learning_rate, betas, epsilon
        self._count = 0

    def step(self, gradient: Tensor, held: Tensor | None = None) -> Tensor:
        if self._count == 0:
            self._mean, self._square = torch.zeros_like(gradient), torch.zeros_like(gradient)
        self._count += 1
        first, second = self.betas
        self._mean.lerp_(gradient, 1 - first)
        self._square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        deviation = (self._square / (1 - second**self._count)).sqrt_().add_(self.epsilon)
        return (self._mean / deviation).mul_(-self.learning_rate / (1 - first**self._count))

    def took(self, step: Tensor) -> None:
        """Its moments are those of the gradients alone."""


def minimize(
    evaluate: Evaluate,
    start: Tensor,
    direction: Direction,
    stop: StopRule,
    *,
    bounds: tuple[Tensor, Tensor] | None = None,
    report: Callable[[Progress], None] | None = None,
    report_every: float = 0.25,
    check: Callable[[], None] | None = None,
    last: Callable[[Tensor], Tensor] | None = None,
) -> Result:
    """Minimize from the picture `start` (1, 3, H, W), which is left as it is.

    Args:
        evaluate: loss terms and gradient at a picture.
        direction: a fresh `LBFGS` or `Adam`.
        bounds: lowest and highest values, of a shape that the picture's broadcasts with; equal where it shall stay as it is.
            A picture that may leave the range of colors has to be clamped when it is finished, which undoes part of what was
            minimized: at 256×144 the loss of a first frame was 444k before and 508k after it. Projected to the range at every step
            it is 446k, and stays so.
        report: called about every `report_every` seconds, and at the last iteration.
        check: called before every evaluation; may raise `Cancelled`.
        last: the loss terms at a picture, for the last evaluation, which needs no gradient; None has `evaluate` make it.

    Raises:
        Diverged: the loss is no longer finite where it was read.
    """
    image, is_enough = start.clone(), False
    if stop.iterations == 0:
        if check is not None:
            check()
        terms = evaluate(image)[0] if last is None else last(image)
        first = tuple(terms.tolist())
        return Result(image, 0, first, first)
    reported, before = time.monotonic(), float("nan")
    for iteration in range(1, stop.iterations + 1):
        if check is not None:
            check()
        is_last = iteration == stop.iterations
        if is_last and last is not None:
            terms = last(image)
        else:
            terms, gradient = evaluate(image)
        if iteration == 1:
            first_terms = terms
        is_test = stop.is_test(iteration) or (stop.tolerance > 0 and iteration == stop.interval)
        is_report = report is not None and time.monotonic() - reported >= report_every
        is_asked = stop.is_asked(iteration)
        if is_last or is_test or is_report or is_asked:
            values = tuple(terms.tolist())
            loss = sum(values)
            if loss != loss or loss in (float("inf"), float("-inf")):
                raise Diverged(f"the loss is {loss} at iteration {iteration}")
            if is_test:
                is_last = is_last or (stop.is_test(iteration) and stop.is_met(loss, before))
                before = loss
            if is_asked and stop.enough is not None:
                is_enough = stop.enough(values)
                is_last = is_last or is_enough
            if report is not None and (is_report or is_last):
                report(Progress(iteration, stop.iterations, values))
                reported = time.monotonic()
            if is_last:
                break
        if bounds is None:
            image += direction.step(gradient)
        else:
            held = ((image <= bounds[0]) & (gradient > 0)) | ((image >= bounds[1]) & (gradient < 0))
            moved = (image + direction.step(gradient, held)).clamp(*bounds)
            direction.took(moved - image)
            image = moved
    return Result(image, iteration, tuple(first_terms.tolist()), values, is_enough)
