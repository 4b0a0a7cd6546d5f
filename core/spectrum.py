# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as coefficients of spatial frequency and opponent color, in which the curvature of the objective is nearly diagonal.

Every frequency feels the losses differently: total variation punishes what the network is blind to, the network sees coarse changes
best, and colors less than lightness. Scaling each band of frequencies by its own curvature takes a third off the iterations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["Curvature", "Spectrum"]

_OPPONENT = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
"""Lightness, red against blue, green against both: orthogonal, and near the principal axes of natural pictures (Buchsbaum 1983)."""
_BANDS = 24
"""Of equal width, from the mean to the diagonal's highest frequency."""
_DECAY = 0.97
_RANGE = 1e3


class Spectrum:
    """Changes of pictures (…, 3, H, W) to coefficients, a vector, and back. Lengths and angles stay the same."""

    def __init__(self, size: Sequence[int], device: torch.device) -> None:
        height, width = size
        self._size = height, width
        colors = torch.tensor(_OPPONENT, device=device)
        self._colors = colors / colors.norm(dim=1, keepdim=True)
        # Half of the frequencies stand for their mirror images as well.
        columns = torch.arange(width // 2 + 1, device=device)
        self._weights = torch.where((columns == 0) | (2 * columns == width), 1.0, math.sqrt(2.0))
        radius = torch.hypot(torch.fft.fftfreq(height, device=device)[:, None], columns[None] / width)
        bands = (radius * (_BANDS / math.sqrt(0.5))).long().clamp_(max=_BANDS - 1)
        self.bands = (bands + _BANDS * torch.arange(3, device=device)[:, None, None]).flatten()
        """Band of each complex coefficient, counted through the three colors."""

    def coefficients(self, change: Tensor) -> Tensor:
        mixed = torch.tensordot(self._colors, change.reshape(3, *self._size), 1)
        # One dimension at a time: on the processor, both at once wait for threads, at small sizes forty times as long.
        halves = torch.fft.fft(torch.fft.rfft(mixed, norm="ortho"), dim=-2, norm="ortho")
        return torch.view_as_real(halves * self._weights).flatten()

    def change(self, coefficients: Tensor) -> Tensor:
        """The inverse of `coefficients`, (3, H, W)."""
        height, width = self._size
        halves = torch.view_as_complex(coefficients.view(3, height, width // 2 + 1, 2)) / self._weights
        mixed = torch.fft.irfft(torch.fft.ifft(halves, dim=-2, norm="ortho"), n=width, norm="ortho")
        return torch.tensordot(self._colors.T, mixed, 1)

    def by_band(self, coefficients: Tensor) -> Tensor:
        """Sums of squares (3 · bands,)."""
        squares = coefficients.view(-1, 2).square().sum(1)
        return squares.new_zeros(3 * _BANDS).index_add_(0, self.bands, squares)


class Curvature:
    """The inverse curvature of each band, learned from how far steps went and how much the gradient changed with them.

    Of |s|/|y|, which lies between the two usual estimates sᵀy/yᵀy and sᵀs/sᵀy. The first alone was hardly better than one
    curvature for all: bands that others move have noise for a product.
    """

    def __init__(self, spectrum: Spectrum) -> None:
        self._spectrum = spectrum
        self._steps = self._changes = spectrum.bands.new_zeros(3 * _BANDS, dtype=torch.float32)

    def learn(self, step: Tensor, change: Tensor) -> None:
        """Take in the coefficients of a step and of the change of the gradient along it. Earlier ones count less and less."""
        length = step.square().sum().clamp_min(torch.finfo(step.dtype).tiny)
        steps, changes = self._spectrum.by_band(step) / length, self._spectrum.by_band(change) / length
        self._steps, self._changes = _DECAY * self._steps + steps, _DECAY * self._changes + changes

    def inverse(self) -> Tensor:
        """What to multiply each coefficient with; the whole picture's inverse curvature counts as 1."""
        tiny = torch.finfo(self._steps.dtype).tiny
        by_band = (self._steps + tiny) / (self._changes + tiny)
        of_all = (self._steps.sum() + tiny) / (self._changes.sum() + tiny)
        return (by_band / of_all).sqrt().clamp(1 / _RANGE, _RANGE)[self._spectrum.bands].repeat_interleave(2)
