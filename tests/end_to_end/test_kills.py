# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine and Blender killed with a job running: what the add-on makes of it, and what is on the disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.build_extension import ROOT
from tests.faults import running

pytestmark = [
    pytest.mark.usefixtures("weights"),
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="this system does not tell the arguments of its processes"),
]
QUICK = {"iterations_first": 12, "iterations": 12, "tolerance": 0.0, "device": "cpu"}


@pytest.fixture
def strip(project: Path, image_strip: Callable[..., Any], painting: Path) -> Any:
    import bpy

    strip = image_strip()
    strip.brushflow.styles.add().path = str(painting)
    for name, value in QUICK.items():
        setattr(strip.brushflow, name, value)
    bpy.ops.wm.save_mainfile()
    return strip


@pytest.fixture
def take(worker: Any, scene: Any, strip: Any) -> Callable[[], Any]:
    from bl_ext.user_default.brushflow.addon.order import take

    return lambda: worker.Job(take(scene, strip))


def until(job: Any, condition: Callable[[], bool]) -> None:
    """Pump the job as the window's timer does."""
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline and not job.ended, job.progress.message
        job.update()
        time.sleep(0.01)


def finish(job: Any) -> None:
    deadline = time.monotonic() + 240
    while not job.ended:
        assert time.monotonic() < deadline
        job.update()
        time.sleep(0.01)


def frames(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("[!.]*.exr"))}


def kill(job: Any) -> None:
    (number,) = running(str(job.order.job_file))
    os.kill(number, signal.SIGKILL)


def test_an_engine_that_the_system_kills_goes_on_once_by_a_smaller_plan(
    take: Callable[[], Any], strip: Any, is_full: bool, record: Callable[..., None]
) -> None:
    job = take()
    job.prepare()
    until(job, lambda: job.progress.painted >= 1 and job.progress.index >= 2)
    first = frames(job.order.folder)
    kill(job)
    finish(job)
    assert job.state == "done", job.progress.message
    assert (job.progress.kept + job.progress.painted, job.progress.kept) >= (3, 1)
    assert first.items() <= frames(job.order.folder).items()
    plan = json.loads(job.order.job_file.read_text("utf-8"))["plan"]
    assert (plan["checkpointing"], plan["strip_rows"]) == (1, 128)
    (warning,) = job.progress.warnings
    record("engine killed once by the system, as for memory (in Blender)", warning)


def test_an_engine_that_the_system_kills_twice_ends_with_what_helps_and_stylize_goes_on(
    take: Callable[[], Any], strip: Any, record: Callable[..., None]
) -> None:
    strip.brushflow.iterations = 100_000
    job = take()
    job.prepare()
    for _ in range(2):
        until(job, lambda: job.progress.index >= 2 and job.progress.iteration > 0)
        kill(job)
        until(job, lambda: job.ended or not job.progress.index)
        if job.ended:
            break
    finish(job)
    assert (job.state, job.progress.message) == ("failed", "The system has ended the engine twice, as it does when memory runs out.")
    assert "lower Resolution" in job.progress.hint
    assert running(str(job.order.job_file)) == []
    assert list(frames(job.order.folder)) == ["shot_0001.exr"]
    saw = f"{job.progress.message} {job.progress.hint}"

    strip.brushflow.iterations = QUICK["iterations"]
    again = take()
    again.prepare()
    finish(again)
    assert again.state == "done"
    assert len(frames(again.order.folder)) == 3
    record("engine killed twice by the system (in Blender)", saw)


def test_a_blender_that_is_killed_takes_its_engine_along_and_the_next_one_goes_on(
    take: Callable[[], Any], project: Path, strip: Any, engine_python: str, is_full: bool, record: Callable[..., None]
) -> None:
    import bpy

    whole = take()
    bpy.ops.wm.save_mainfile()  # by whose id the strip's job is known to the other Blender
    whole.prepare()
    finish(whole)
    undisturbed, folder = frames(whole.order.folder), whole.order.folder
    assert len(undisturbed) == 3
    command = [sys.executable, str(ROOT / "scripts" / "headless.py"), str(project), "--json"]
    # What has been painted by then: nothing, the first frame, the second.
    moments = (0, 1, 2) if is_full else (1,)
    for count in moments:
        for path in folder.rglob("*"):
            if path.is_file():
                path.unlink()
        blender = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert blender.stdout
        for line in blender.stdout:
            if line.startswith("{") and json.loads(line)["state"] == "painting" and len(frames(folder)) >= count:
                break
        blender.kill()
        blender.communicate()
        deadline = time.monotonic() + 30
        while running(str(whole.order.job_file)):
            assert time.monotonic() < deadline, "the engine has outlived its Blender"
            time.sleep(0.05)
        there = frames(folder)
        assert there.items() <= undisturbed.items() and len(there) >= count
        again = take()
        again.prepare()
        finish(again)
        assert (again.state, again.progress.kept) == ("done", len(there))
        assert frames(folder) == undisturbed
        assert not [path for path in folder.rglob("*") if path.name.startswith(".") or path.name == "project.blend"]
    record("Blender killed with a job running", "the engine ends by itself, nothing is left running; Stylize goes on", times=len(moments))
