# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmark of speed has found: against what is required, and everything as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from report import Check, grid, requirements
from speed_findings import FACTORS, Findings, Race, least_speedup

__all__ = ["checks", "markdown"]

TRIED = Path(__file__).with_name("speed_tried.md")
"""What was tried and did not pay, in words."""

_FIRST, _LATER, _EQUAL = 8, 20, 5
_LOSS = 1.005
_CONVOLUTIONS = {"cpu": 2.0, "cuda": 2.5}
_OUTSIDE_MS, _OUTSIDE_SHARE = 50, 0.1
_RATE = 10
_STEADY, _GROWTH = 0.05, 1e6
_LARGEST, _MEMORY = (3840, 2160), 8_000_000_000
_ALIKE, _TILED = 0.2, 2
_FAST_CPU = {"amx_bf16", "avx512_bf16"}


def checks(found: Findings) -> list[Check]:
    """The requirements that can be judged by the figures that are there."""
    return [*_whole_checks(found), *_race_checks(found), *_evaluation_checks(found), *_job_checks(found), *_steady_checks(found),
            *_large_checks(found)]  # fmt: skip


def _whole_checks(found: Findings) -> Iterator[Check]:
    for is_first, required in ((True, _FIRST), (False, _LATER)):
        frames = [one for one in found.whole if (one.frame == 1) is is_first]
        if not frames:
            continue
        name = "first frame" if is_first else "later frames"
        least = min(one.speedup for one in frames)
        yield Check(f"{name}, each engine by its own stop rule: times sooner, the least", f"{least:.1f}", f"at least {required}",
                    least >= required)  # fmt: skip
        for kind in ("reference_loss", "reference_unclamped"):
            worst = max(one.loss / getattr(one, kind) for one in frames)
            said = "as delivered" if kind == "reference_loss" else "before it is clamped"
            yield Check(f"{name}: loss over the reference engine's {said}, the highest", f"{worst:.4f}", f"at most {_LOSS}", worst <= _LOSS)


def _race_checks(found: Findings) -> Iterator[Check]:
    for delivered in (True, False):
        for factor in FACTORS:
            least = least_speedup(found.races, factor, delivered=delivered)
            if least is None:
                continue
            said = "pictures as delivered" if delivered else "no range of colors"
            figure = f"{least:.1f}" if least else "not reached"
            text = f"to {factor:g} times the reference's final loss ({said}): times sooner, the least"
            yield Check(text, figure, f"at least {_EQUAL}", least >= _EQUAL)


def _evaluation_checks(found: Findings) -> Iterator[Check]:
    limit = _CONVOLUTIONS.get(found.device.partition(":")[0])
    if found.evaluations and limit:
        worst = max(one.ratio for one in found.evaluations)
        yield Check("an evaluation over the sum of its convolutions alone, the highest", f"{worst:.2f}", f"at most {limit:g}",
                    worst <= limit)  # fmt: skip


def _job_checks(found: Findings) -> Iterator[Check]:
    if found.outside and found.device == "cpu":
        spent = found.outside.milliseconds.median
        yield Check("outside the optimizer", f"{spent:.0f} ms a frame", f"at most {_OUTSIDE_MS} ms", spent <= _OUTSIDE_MS)
    elif found.outside:
        share = found.outside.share
        yield Check("outside the optimizer", f"{100 * share:.1f} % of the time", "at most 10 %", share <= _OUTSIDE_SHARE)
    if found.rate:
        yield Check("frames a second", f"{found.rate.per_second:.1f}", f"at least {_RATE}", found.rate.per_second >= _RATE)


def _steady_checks(found: Findings) -> Iterator[Check]:
    if not (one := found.steady):
        return
    yield Check(f"the last frames of {one.frames} over early ones", f"{100 * one.change:+.1f} %", f"within {100 * _STEADY:.0f} %",
                abs(one.change) <= _STEADY)  # fmt: skip
    if one.slope is not None:
        yield Check("growth of memory in 100 frames", f"{one.slope / 1e6:.2f} MB", f"less than {_GROWTH / 1e6:.0f} MB", one.slope < _GROWTH)


def _large_checks(found: Findings) -> Iterator[Check]:
    for one in found.large:
        if one.size == _LARGEST and one.memory is not None:
            yield Check(f"memory of a frame of {_size(one.size)}", _bytes(one.memory), f"at most {_bytes(_MEMORY)}", one.memory <= _MEMORY)
    alike: dict[str, list[float]] = {}
    for one in found.large:
        alike.setdefault(one.way, []).append(one.rate)
    if spreads := [max(rates) / min(rates) - 1 for rates in alike.values() if len(rates) > 1]:
        yield Check("seconds a megapixel by the same plan, the largest difference", f"{100 * max(spreads):.0f} %",
                    f"at most {100 * _ALIKE:.0f} %", max(spreads) <= _ALIKE)  # fmt: skip
    if len(found.large) > 1:
        small, big = (pick(found.large, key=lambda one: math.prod(one.size)) for pick in (min, max))
        yield Check(f"seconds a megapixel of {_size(big.size)} over those of {_size(small.size)}", f"{big.rate / small.rate:.2f}",
                    f"at most {_TILED:g}", big.rate <= _TILED * small.rate)  # fmt: skip


def markdown(found: Findings) -> str:
    """Everything, for docs/performance.md and to be read on a terminal."""
    parts = [_INTRODUCTION, *_limits(found), *requirements(checks(found), _note(found)), *_whole(found), *_races(found),
             *_evaluations(found), *_outside(found), *_rate(found), *_steady(found), *_large(found), *_tried(), *_made(found)]  # fmt: skip
    return "\n\n".join(part.strip() for part in parts) + "\n"


_INTRODUCTION = """
# Performance

Made by `python3 scripts/benchmark.py speed`, which paints the same frames with this engine and with a reference engine, side by side in
one run. The **reference engine** (scripts/reference_engine.py) is the same objective in plain PyTorch: float32, autograd,
`torch.optim.LBFGS` with a history of 100 and no line search, and the stop rule and numbers of iterations of the paper's program. All
losses are evaluated in float32 by the reference engine's own code, for both engines alike.

The reference's trajectories are computed once and kept. Its seconds are the number of its evaluations times the seconds of one, which
are measured again in every run, over 20 evaluations early in a frame, when its history is short: in its favor. This engine's
seconds are those of painting the frame three times, in turns with these evaluations. Figures are medians, with the lowest and the highest
in brackets.
"""


def _limits(found: Findings) -> Iterator[str]:
    if found.limits:
        yield (
            f"**A quick run:** one shot at a smaller size, and the reference's trajectories are cut after {found.limits[0]} evaluations "
            f"of the first frame and {found.limits[1]} of a later one, before it would have stopped by itself; this engine paints "
            "twice instead of three times. The ratios say little."
        )


def _note(found: Findings) -> str:
    if found.device == "cpu" and not _FAST_CPU & {*found.machine.get("features", ())}:
        return "This processor has neither AMX nor AVX512-BF16, for which the ratios are required."
    return ""


def _whole(found: Findings) -> Iterator[str]:
    if found.whole:
        yield "## A whole frame"
        yield _WHOLE
        rows = [
            [f"{one.shot}, frame {one.frame}", f"{one.evaluations}", one.seconds.text(), f"{one.reference_evaluations}",
             one.reference_seconds.text(), f"**{one.speedup:.1f}**", f"{one.loss / one.reference_loss:.4f}",
             f"{one.loss / one.reference_unclamped:.4f}"]
            for one in found.whole
        ]  # fmt: skip
        yield grid(["", "evaluations", "seconds", "reference's evaluations", "reference's seconds", "times sooner",
                    "loss over its delivered", "loss over its unclamped"], rows)  # fmt: skip


_WHOLE = """
Each engine with its own defaults, by its own stop rule, each later frame after the engine's own result before. The reference lets
its optimizer leave the range of colors and clamps what it delivers; both of its losses are compared with ours of what is delivered.
"""


def _races(found: Findings) -> Iterator[str]:
    for delivered, text in ((True, _DELIVERED), (False, _UNCLAMPED)):
        races = [one for one in found.races if one.delivered is delivered]
        if not races:
            continue
        if delivered:
            yield "## The time to equal loss"
        yield text
        rows = [
            [f"{one.shot}, frame {one.frame}", f"{one.factor:g}", *_reached(one), f"{one.reference_evaluations}",
             one.reference_seconds.text(), f"**{one.speedup:.1f}**" if one.seconds else "not reached"]
            for one in races
        ]  # fmt: skip
        yield grid(["", "times its final loss", "evaluations", "seconds", "reference's evaluations", "reference's seconds", "times sooner"],
                   rows)  # fmt: skip
        if any(one.reference_evaluations == 1 for one in races):
            yield _FROM_THE_START


def _reached(race: Race) -> tuple[str, str]:
    return (f"{race.evaluations}", race.seconds.text()) if race.seconds else ("–", "–")


_DELIVERED = """
From the same start, held to the same earlier result (the reference's) with the same mask, no stop rule. This engine's first 50
evaluations are timed three times by the clock; those that follow are reckoned at the median of these. First the loss of the pictures
as they are delivered, within the range of colors, against that of what the reference delivers.
"""
_FROM_THE_START = """
Where the reference has one evaluation, what it started from was already as good as what it delivers in the end: what it gains lies
outside of the range of colors, and is clamped away. There is nothing to be had sooner than that.
"""
_UNCLAMPED = """
Then the bare optimizers: neither knows a range of colors, and the loss is that of the picture as it is.
"""


def _evaluations(found: Findings) -> Iterator[str]:
    if found.evaluations:
        yield "## One evaluation"
        yield _EVALUATION
        rows = [
            [one.shot, one.objective.text(3), one.with_step.text(3), one.reference.text(3), f"{one.forward:.3f} + {one.backward:.3f}",
             f"**{one.ratio:.2f}**", f"{one.peak_rate / 1e9:.0f} GFLOP/s", f"{100 * one.peak_share:.0f} %"]
            for one in found.evaluations
        ]  # fmt: skip
        yield grid(["", "seconds", "with the step", "reference's", "convolutions alone", "ratio", "peak", "share"], rows)
        memories = [
            [one.shot, _bytes(one.memory), _bytes(one.reference_memory)] for one in found.evaluations if one.memory or one.reference_memory
        ]
        if memories:
            yield "The most memory that a process has had that painted until its history was full:"
            yield grid(["", "ours", "reference's"], memories)


_EVALUATION = """
An evaluation of the objective and its gradient, and the same with the optimizer's step that follows, as in a painted frame. Beside it
the convolutions alone, forward and the gradient of the input, each layer at its real size, in the better order of memory and in the
same precision. The peak is that of a large matrix product in this precision, the share that of the convolutions' operations.
"""


def _outside(found: Findings) -> Iterator[str]:
    if one := found.outside:
        yield "## Outside the optimizer"
        yield (
            f"A job of {one.frames} frames at {_size(one.size)}, {one.iterations} iterations a frame, from files to files: "
            f"from the end of one frame's optimization to the beginning of the next {one.milliseconds.text(0)} ms. Reading, flow, masks "
            f"and writing overlap with the optimizer. Not counted is the network's pass over the content, {one.features.text(0)} ms, "
            f"which is a part of the objective, and what is done once: {one.start:.1f} s until the first evaluation."
        )


def _rate(found: Findings) -> Iterator[str]:
    if one := found.rate:
        yield "## Frames a second"
        yield (
            f"A job of {one.frames} frames at {_size(one.size)} with the default preset: **{one.per_second:.2f} frames a "
            f"second**, {one.iterations:.0f} iterations for a later frame. An evaluation of nothing but the convolutions' operations and "
            f"bytes, at the device's measured peaks, would take {1000 * one.floor:.2f} ms; the job reaches {100 * one.share:.0f} % of "
            "that floor's rate."
        )


def _steady(found: Findings) -> Iterator[str]:
    if one := found.steady:
        yield "## A long job"
        growth = "" if one.slope is None else f" The process grows by {one.slope / 1e6:.2f} MB in 100 frames."
        yield (
            f"{one.frames} frames of {_size(one.size)}, {one.iterations} iterations each: {1000 * one.early:.0f} ms a frame soon after the "
            f"start, {1000 * one.late:.0f} ms at the end.{growth}"
        )


def _large(found: Findings) -> Iterator[str]:
    if found.large:
        yield "## Large frames"
        yield _LARGE
        rows = [
            [_size(one.size), one.way, f"{one.seconds:.2f}", f"{one.rate:.2f}", _bytes(one.memory), _bytes(one.planned)]
            for one in found.large
        ]  # fmt: skip
        yield grid(["", "plan", "seconds an evaluation", "a megapixel", "memory at the peak", "planned"], rows)


_LARGE = """
A later frame, each size in a process of its own with `memory_limit` 8. The engine takes the fastest plan that fits: parts of the network
are computed again on the way back instead of being kept, in strips where that is still too much, and L-BFGS remembers fewer steps.
"""


def _tried() -> Iterator[str]:
    yield "## What was tried and did not pay"
    yield TRIED.read_text("utf-8")


def _made(found: Findings) -> Iterator[str]:
    yield "## How it was made"
    lines = [f"- {name}: {', '.join(value) if isinstance(value, list | tuple) else value}" for name, value in found.machine.items()]
    lines.append(f"- device: {found.device}")
    lines += [f"- plan: {', '.join(f'{name} {value}' for name, value in found.plan.items())}"] if found.plan else []
    days = sorted({*found.measured.values()})
    lines += [f"- on {day}: {'; '.join(name for name, one in found.measured.items() if one == day)}" for day in days]
    lines += [f"- command: `{found.command}`"] if found.command else []
    yield "\n".join(lines)


def _bytes(count: int | None) -> str:
    return "–" if count is None else f"{count / 1e9:.2f} GB"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
