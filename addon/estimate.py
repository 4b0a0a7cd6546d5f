# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What painting a strip will take, before it starts: the engine tries its first frame. The strip stays as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import bpy
from bpy.app.translations import pgettext_n as n_

from ..core.settings import animatable
from . import compat, queue
from .errand import INTERVAL, Errand, picture_of, wait
from .extraction import Task
from .handlers import Handlers
from .order import Order, chosen_frames, take
from .properties import flat_name, keyframed

__all__ = ["ESTIMATES", "Estimate", "estimate_of", "is_current", "measure", "of_strip", "refusal", "register", "run", "start", "unregister"]


class Estimate(Errand):
    """The first frame of an order on its way through the processes; of what has to be rendered, no other frame is."""

    not_started = n_("The estimate could not be made ({reason}).")

    def __init__(self, order: Order, facts: tuple[Any, ...] = ()) -> None:
        """Raises Refused.

        Args:
            facts: what the strip was like.
        """
        super().__init__()
        self.order, self.facts = order, facts
        self.result: Mapping[str, Any] | None = None
        """What the engine says, as `core.estimate.Estimate.as_dict` has it."""
        self._probe = replace(order, source=replace(order.source, last=order.source.first), folder=self.folder)
        self._reading = ""
        """Kind of what is rendered."""
        self._seconds = 0.0
        """What rendering a frame of each kind takes."""

    @property
    def extracted(self) -> Any:
        return self._probe.extracted

    def _tasks(self) -> list[Task]:
        return self._probe.tasks

    def _start_engine(self) -> None:
        rendered = sum(path.stat().st_size for path in self.extracted.rglob("*.exr"))
        self._probe.job_file.write_text(json.dumps(self.order.description()), encoding="utf-8")
        picture = picture_of(self._probe.source, self.extracted, self.order.name)
        self._engine(
            "estimate", str(self._probe.job_file), "--json", "--frame", str(picture),
            "--rendering-seconds", f"{self._seconds:.3f}", "--rendering-bytes", str(rendered),
        )  # fmt: skip

    def _handle(self, message: dict[str, Any]) -> None:
        match message["event"]:
            case "extracting":
                self._reading = message["kind"]
            case "extracted":
                self._seconds += message["seconds"]
            case "estimate":
                self.result = {name: value for name, value in message.items() if name not in ("event", "job")}
            case _:
                super()._handle(message)

    def _process_ended(self, code: int) -> None:
        # Where the scene's own motion cannot be rendered, which comes last, the job estimates it, too.
        if self.state == "rendering" and self._reading == "vectors" and self.order.motion.optional:
            code = 0
        super()._process_ended(code)

    def _succeeded(self, code: int) -> bool:
        return self.result is not None


def of_strip(scene: bpy.types.Scene, strip: bpy.types.Strip) -> Estimate:
    """An estimate of what Stylize would start now; raises Refused."""
    with _unclaimed(strip):
        order = take(scene, strip)
    return Estimate(order, _facts(strip))


@contextmanager
def _unclaimed(strip: bpy.types.Strip) -> Iterator[None]:
    """Let the strip have no ties to a folder that it did not have before, since nothing is painted there yet."""
    group = strip.brushflow
    before = {name: getattr(group, name) for name in ("job_id", "job_strip", "folder_name")}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(group, name, value)


def measure(order: Order) -> Estimate:
    """An estimate that has ended, for Blender without a window; raises Refused."""
    one = Estimate(order)
    one.begin()
    wait(one)
    one.discard()
    return one


ESTIMATES: list[Estimate] = []
"""The latest of each strip, and those that are on their way out."""


def estimate_of(strip: bpy.types.Strip) -> Estimate | None:
    """The latest estimate of a strip, if no job of the strip was started since."""
    for one in reversed(ESTIMATES):
        if _is_of(one, strip) and one.state != "cancelled":
            job = queue.job_of(strip)
            return one if one.facts[0] == (job.number if job else 0) else None
    return None


def is_current(one: Estimate, strip: bpy.types.Strip) -> bool:
    """Whether the strip is still what was estimated."""
    return one.facts == _facts(strip)


def refusal(strip: bpy.types.Strip) -> str:
    """Why the strip cannot be painted, as its estimate says; empty where it can, or nothing is known."""
    one = estimate_of(strip)
    return str(one.result["problem"]) if one is not None and one.result and is_current(one, strip) else ""


def start(one: Estimate) -> None:
    """Let an estimate be made, watched by a timer, in the place of any other that is being made; raises Refused."""
    one.begin()
    for other in ESTIMATES:
        other.cancel()
    ESTIMATES.append(one)
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=INTERVAL, persistent=True)


def run(one: Estimate) -> None:
    """See an estimate to its end, for Blender without a window; raises Refused."""
    start(one)
    wait(one)
    _tick()


def _tick() -> float | None:
    news = [one.update() for one in ESTIMATES]
    latest = {(one.order.source.scene, one.order.source.strip): one for one in ESTIMATES}
    for one in [one for one in ESTIMATES if one.ended]:
        if one not in latest.values():
            ESTIMATES.remove(one)
        # The log of one that failed is told of.
        if one.state != "failed" or one not in ESTIMATES:
            one.discard()
    if any(news):
        queue.redraw()
    return INTERVAL if any(not one.ended for one in ESTIMATES) else None


def _is_of(one: Estimate, strip: bpy.types.Strip) -> bool:
    source, scene = one.order.source, strip.id_data
    return scene is not None and (source.scene, source.strip) == (scene.name, strip.name)


_IDLE = {"name", "preset", "mute_original", "keep_running"}
"""Properties that change nothing of what is painted, or follow from others."""


def _facts(strip: bpy.types.Strip) -> tuple[Any, ...]:
    """All that an estimate depends on and that a panel can ask for at each redraw, the number of the strip's latest job first."""
    group, job = strip.brushflow, queue.job_of(strip)
    scene: Any = strip.id_data
    # The value of a setting with keyframes is that at the playhead.
    settings = [getattr(strip, flat_name(name)) for name in sorted({*animatable()} - keyframed(strip))]
    own: Any = group.bl_rna.properties
    plain = [
        getattr(group, one.identifier) for one in own
        if one.type not in ("POINTER", "COLLECTION") and not one.is_hidden and one.identifier not in _IDLE
    ]  # fmt: skip
    styles = [(style.path, style.weight, style.region) for style in group.styles]
    start, left, right = compat.content_start(strip), compat.left_handle(strip), compat.right_handle(strip)
    first, last = chosen_frames(scene, strip) or (left, right - 1)
    span = (max(left, first) - start, min(right - 1, last) - start, compat.content_trim_start(strip))
    markers = [marker.frame - start for marker in scene.timeline_markers] if group.markers_as_cuts else []
    size = (scene.render.resolution_x, scene.render.resolution_y)
    return (job.number if job else 0, settings, plain, styles, span, markers, size)


def _discard_all(*_: object) -> None:
    for one in ESTIMATES:
        one.discard()
    ESTIMATES.clear()


_HANDLERS = Handlers(load_pre=_discard_all)


def register() -> None:
    _HANDLERS.register()


def unregister() -> None:
    _HANDLERS.unregister()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _discard_all()
