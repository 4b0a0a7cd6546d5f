# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""While the engine paints, Blender stays smooth: every timer, draw and handler of the add-on returns at once."""

from __future__ import annotations

import functools
import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.addon.test_panels import PANELS, Recorder, _sequencer

resource: Any = pytest.importorskip("resource", reason="this system does not tell how often a thread waits")
pytestmark = pytest.mark.usefixtures("weights")

OURS = "bl_ext.user_default.brushflow"
USUAL, LONGEST = 0.010, 0.050
"""Seconds that a call takes at most, at the 99th percentile and ever."""


class Stopwatch:
    """Takes the time of calls, by what they are."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}

    def timed(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            begun, waits, worked = time.perf_counter(), _waits(), time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                # Where the call has waited for nothing, it has taken longer only because the engine had the processor.
                seconds = time.thread_time() - worked if _waits() == waits else time.perf_counter() - begun
                name = f"{kind} {function.__module__.removeprefix(OURS)}.{function.__qualname__}"
                self.spent.setdefault(name, []).append(seconds)

        return call


def _waits() -> float:
    """How often this thread has waited for a disk, a lock or another process; where that is not known, no two answers are the same."""
    which = getattr(resource, "RUSAGE_THREAD", None)
    return time.perf_counter() if which is None else resource.getrusage(which).ru_nvcsw


class Timers:
    """Blender's timers, which do not run without a window: run by `step` as Blender's window would."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch
        self._due: dict[Callable[[], float | None], float] = {}

    def register(self, function: Callable[[], float | None], first_interval: float = 0.0, persistent: bool = False) -> None:
        self._due[function] = time.monotonic() + first_interval

    def unregister(self, function: Callable[[], float | None]) -> None:
        del self._due[function]

    def is_registered(self, function: Callable[[], float | None]) -> bool:
        return function in self._due

    def step(self) -> None:
        for function, due in list(self._due.items()):
            if time.monotonic() >= due:
                again = self._watch.timed("timer", function)()
                if again is None:
                    self._due.pop(function, None)
                else:
                    self._due[function] = time.monotonic() + again


@pytest.fixture
def watch() -> Iterator[Stopwatch]:
    """Takes the time of every handler of the add-on."""
    import bpy

    watch = Stopwatch()
    lists = [one for one in (getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)) if isinstance(one, list)]
    before = [list(one) for one in lists]
    for one in lists:
        one[:] = [watch.timed("handler", each) if getattr(each, "__module__", "").startswith(OURS) else each for each in one]
    yield watch
    for one, handlers in zip(lists, before, strict=True):
        one[:] = handlers


@pytest.fixture
def timers(watch: Stopwatch, monkeypatch: pytest.MonkeyPatch) -> Timers:
    import bpy

    timers = Timers(watch)
    for name in ("register", "unregister", "is_registered"):
        monkeypatch.setattr(bpy.app.timers, name, getattr(timers, name))
    return timers


def draw_all(watch: Stopwatch) -> None:
    """What Blender calls to draw a sequencer with all panels and menus of the add-on open, and the status bar."""
    import bpy

    with _sequencer() as context:
        for name in PANELS:
            panel = getattr(bpy.types, f"SEQUENCER_PT_brushflow{name}")
            poll = watch.timed("poll", panel.poll) if hasattr(panel, "poll") else None
            if poll is None or poll(context):
                own = [one for one in reversed(panel.__mro__) if one.__module__.startswith(OURS)]
                members = {key: member for one in own for key, member in vars(one).items() if key[:2] != "__"}
                drawn = type(panel.__name__, (), {**members, "layout": Recorder()})()
                watch.timed(f"draw {name}", type(drawn).draw)(drawn, context)
        header = type("Header", (), {"layout": Recorder()})()
        for entry in ("SEQUENCER_MT_strip", "SEQUENCER_MT_context_menu", "SEQUENCER_MT_add", "STATUSBAR_HT_header"):
            for function in getattr(bpy.types, entry).draw._draw_funcs:
                if function.__module__.startswith(OURS):
                    watch.timed("draw", function)(header, context)


def test_timers_draws_and_handlers_return_at_once_from_the_first_event_to_the_last(
    watch: Stopwatch, timers: Timers, scene: Any, project: Path, image_strip: Callable[..., Any], painting: Path, engine_python: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import bpy
    from bl_ext.user_default.brushflow.addon import queue, worker
    from bl_ext.user_default.brushflow.addon.order import take

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)
    monkeypatch.setattr(worker, "GROWTH", 0.2)
    strip = image_strip()
    # Rendered first, so that both processes are watched.
    strip.use_flip_x = True
    strip.brushflow.styles.add().path = str(painting)
    strip.brushflow.iterations_first = strip.brushflow.iterations = 8
    strip.brushflow.tolerance = 0
    job = worker.Job(take(scene, strip))
    queue.enqueue(job)
    # What pytest holds is not in Blender's way.
    gc.freeze()
    watch.spent.clear()  # of the project's opening
    deadline, count, states = time.monotonic() + 400, 0, set()
    while not job.ended:
        assert time.monotonic() < deadline
        timers.step()
        draw_all(watch)
        states.add(job.state)
        count += 1
        if job.state == "painting" and count % 20 == 0:
            bpy.ops.wm.save_mainfile()
            # Undo needs a window.
            for handler in bpy.app.handlers.undo_post:
                handler(scene)
        time.sleep(0.02)
    draw_all(watch)
    assert (job.state, job.progress.painted) == ("done", 3)
    assert {"rendering", "painting"} <= states
    spent = {name: sorted(times) for name, times in watch.spent.items()}
    kinds = {name.partition(" ")[0] for name in spent}
    assert kinds == {"timer", "draw", "poll", "handler"}, sorted(spent)
    slow = {
        name: [round(1000 * one, 1) for one in times[-3:]]
        for name, times in spent.items()
        if times[int(0.99 * (len(times) - 1))] >= USUAL or times[-1] >= LONGEST
    }
    assert not slow, f"milliseconds of the slowest calls: {slow}"
