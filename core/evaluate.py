# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three measures, always together: a blurred film has no flicker. All in float32, whatever a job was computed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from . import weights
from .color import display_from_linear, network_from_display
from .consistency import Reliability, reliability
from .devices import Plan
from .flow import DIS
from .flow_files import read_flo
from .frames import FrameSource, open_source, read_image
from .losses import content_loss, gram_matrix, style_loss
from .pictures import resized, style_size
from .settings import Settings
from .vgg import VGG
from .warp import inside, warp

__all__ = ["EvaluationError", "Measures", "evaluate", "temporal_error"]

Array = NDArray[np.float32]


class EvaluationError(Exception):
    """What was given does not fit together; the message says what is missing."""


@dataclass(frozen=True)
class Measures:
    """Means over frames and pairs, with the single values; None where the inputs for it were not given."""

    frames: int
    temporal_error: float | None = None
    style_loss: float | None = None
    content_loss: float | None = None
    temporal_errors: tuple[float, ...] = ()
    style_losses: tuple[float, ...] = ()
    content_losses: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


def temporal_error(here: Array, there: Array, flow: Array, mask: NDArray[np.bool_] | Array) -> float:
    """Σ M (ω(X_{t+1}) − X_t)² / (3 Σ M) on 0..1 display RGB: the paper's table.

    Args:
        here, there: (H, W, 3) frames t and t + 1.
        flow: (H, W, 2) from t to t + 1.
        mask: (H, W), M: pixels that are not occluded. Pixels that leave the frame do not count, whatever M says.
    """
    vectors = torch.from_numpy(flow).permute(2, 0, 1)[None]
    moved = warp(torch.from_numpy(np.ascontiguousarray(there.transpose(2, 0, 1)))[None], vectors)[0].permute(1, 2, 0).numpy()
    weight = np.asarray(mask, np.float64) * inside(vectors)[0, 0].numpy()
    if not weight.any():
        raise EvaluationError("No pixel of a pair can be compared: the mask leaves none.")
    square = np.square(moved.astype(np.float64) - here).sum(2)
    return float((weight * square).sum() / (3 * weight.sum()))


def evaluate(
    frames: str, *, flow: str | None = None, mask: str | None = None, content: str | None = None, style: str | None = None
) -> Measures:
    """Measure the frames of a pattern, folder or movie.

    Args:
        flow: pattern of .flo files; number t points from frame t to t + 1.
        mask: pattern of images, white where frame t is seen in t + 1 too. Without it, `content` decides: the second test of
            the paper's mask, with the flow back estimated on the content by DIS.
        content: the frames before painting, for the mask and the content loss.
        style: the painting, for the style loss.
    """
    if flow and not (mask or content):
        raise EvaluationError("The temporal error needs --content or --mask, to leave out occluded pixels.")
    with ExitStack() as stack:
        source = stack.enter_context(open_source(frames))
        original = stack.enter_context(open_source(content)) if content else None
        masks = stack.enter_context(open_source(mask)) if mask else None
        errors = tuple(_temporal_errors(source, flow, masks, original)) if flow else ()
        styles, contents = _losses(source, style, original)
    return Measures(len(source.numbers), _mean(errors), _mean(styles), _mean(contents), errors, styles, contents)


def _temporal_errors(source: FrameSource, flow: str, masks: FrameSource | None, content: FrameSource | None) -> Iterator[float]:
    present = set(source.numbers)
    pairs = [number for number in source.numbers if number + 1 in present]
    if not pairs:
        raise EvaluationError("The temporal error needs two consecutive frames at least.")
    for number in pairs:
        forward = read_flo(_numbered(flow, number))
        here, there = _display(source, number), _display(source, number + 1)
        if forward.shape[:2] != here.shape[:2]:
            raise EvaluationError(
                f"The flow of frame {number} is {forward.shape[1]}×{forward.shape[0]} but the frame {here.shape[1]}×{here.shape[0]}; "
                "measure at the flow's size."
            )
        if masks is not None:
            visible = _display(masks, number).mean(2)
        else:
            assert content is not None
            back = DIS().estimate(_display(content, number + 1), _display(content, number))
            classes = reliability(forward, back)
            # A motion boundary is no occlusion: only the paper's tests for leaving the frame and being covered count here.
            visible = (classes == Reliability.RELIABLE) | (classes == Reliability.MOTION_BOUNDARY)
        yield temporal_error(here, there, forward, visible)


def _losses(source: FrameSource, style: str | None, content: FrameSource | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if style is None and content is None:
        return (), ()
    settings = Settings()
    names = {*settings.style_layers, *settings.content_layers}
    plan = Plan("cpu", "float32", torch.get_num_threads(), 1, False)
    network = VGG(weights.load(weights.ensure(settings.network)), names, device=plan.torch_device, dtype=plan.dtype)

    def features(rgb: Array) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            return network(network_from_display(torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]))

    grams = {}
    if style is not None:
        painting = display_from_linear(read_image(style)).rgb
        size = style_size((painting.shape[1], painting.shape[0]), source.size[0] * source.size[1])
        painted = features(resized(painting, size))
        grams = {name: gram_matrix(painted[name]) for name in settings.style_layers}
    styles, contents = [], []
    for number in source.numbers:
        found = features(_display(source, number))
        if grams:
            styles.append(sum(float(style_loss(found[name], gram)) for name, gram in grams.items()))
        if content is not None:
            rgb = _display(content, number)
            if (rgb.shape[1], rgb.shape[0]) != source.size:
                raise EvaluationError(f"Frames are {source.size[0]}×{source.size[1]} but content is {rgb.shape[1]}×{rgb.shape[0]}.")
            target = features(rgb)
            contents.append(sum(float(content_loss(found[name], target[name])) for name in settings.content_layers))
    return tuple(styles), tuple(contents)


def _display(source: FrameSource, number: int) -> Array:
    return display_from_linear(source.read(number)).rgb


def _numbered(pattern: str, number: int) -> str:
    """The file of a pattern such as flow_####.flo or flow_%04d.flo."""
    if "%" in pattern:
        return pattern % number
    digits = pattern.count("#")
    if not digits:
        raise EvaluationError(f"The flow pattern {pattern} has no place for a number; write flow_####.flo.")
    return pattern.replace("#" * digits, f"{number:0{digits}d}")


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
