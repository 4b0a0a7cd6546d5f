# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs while they run: watched by the window's timer, canceled, queued; and the command with its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.build_extension import ROOT

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture
def new_job(worker: Any, project: Path, scene: Any, image_strip: Callable[..., Any], painting: Path) -> Callable[..., Any]:
    """A job on a new strip."""
    from bl_ext.user_default.brushflow.addon.order import take

    def make(name: str = "shot", iterations: int = 3) -> Any:
        strip = image_strip(name=name)
        strip.brushflow.styles.add().path = str(painting)
        strip.brushflow.iterations_first, strip.brushflow.iterations, strip.brushflow.tolerance = iterations, iterations, 0
        return worker.Job(take(scene, strip))

    return make


def pump(queue: Any, until: Callable[[], bool], seconds: float = 240) -> None:
    """What the window's timer does, until something has happened."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        queue._tick()
        time.sleep(0.02)


def test_the_timer_brings_queued_jobs_to_their_results_one_after_the_other(queue: Any, scene: Any, new_job: Callable[..., Any]) -> None:
    first, second = new_job("first"), new_job("second")
    queue.enqueue(first)
    queue.enqueue(second)
    pump(queue, lambda: first.ended)
    assert (first.state, second.state) == ("done", "waiting")
    assert "first [stripes]" in scene.sequence_editor.strips
    queue.job_of(scene.sequence_editor.strips["second"]).cancel()
    assert (second.state, second.exit_code) == ("cancelled", 130)
    assert queue._tick() is None


def test_a_canceled_job_keeps_its_frames_and_the_same_settings_go_on(
    worker: Any, queue: Any, wording: Any, scene: Any, new_job: Callable[..., Any]
) -> None:
    from bl_ext.user_default.brushflow.addon.order import take

    job = new_job(iterations=40)
    queue.enqueue(job)
    pump(queue, lambda: job.progress.index >= 2)
    assert 0 < job.progress.factor < 1
    job.cancel()
    assert wording.headline(job) == "Canceling"
    pump(queue, lambda: job.ended)
    assert (job.state, job.exit_code) == ("cancelled", 130)
    strips = scene.sequence_editor.strips
    assert len(strips["shot [stripes]"].elements) in (1, 2)
    assert not strips["shot"].mute
    assert job.order.frame_file(1).is_file()
    assert not job.order.frame_file(3).is_file()

    again = worker.Job(take(scene, strips["shot"]))
    queue.run(again)
    assert (len(strips), len(strips["shot [stripes]"].elements)) == (2, 3)
    assert (again.state, again.progress.kept + again.progress.painted) == ("done", 3)
    assert again.progress.kept >= 1


def test_a_job_ends_with_the_project_it_belongs_to(queue: Any, new_job: Callable[..., Any]) -> None:
    import bpy

    job = new_job(iterations=100000)
    queue.enqueue(job)
    pump(queue, lambda: job.progress.iteration > 0)
    bpy.ops.wm.read_homefile(app_template="")
    assert (job.state, queue.JOBS) == ("cancelled", [])


def test_an_engine_that_is_to_keep_running_paints_on_when_the_project_is_closed(
    worker: Any, queue: Any, project: Path, scene: Any, new_job: Callable[..., Any]
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon.order import take

    new_job(iterations=40)
    job = worker.Job(take(scene, scene.sequence_editor.strips["shot"]), keep_running=True)
    bpy.ops.wm.save_mainfile()
    queue.enqueue(job)
    pump(queue, lambda: job.progress.iteration > 0)
    folder = job.order.folder
    bpy.ops.wm.open_mainfile(filepath=str(project))
    pump(queue, lambda: worker.left_running(folder) is None)
    scene = bpy.context.scene
    again = worker.Job(take(scene, scene.sequence_editor.strips["shot"]))
    queue.run(again)
    assert (again.state, again.progress.kept, again.progress.painted) == ("done", 3, 0)


def test_the_command_saves_the_project_and_tells_its_progress(
    worker: Any, project: Path, new_job: Callable[..., Any], painting: Path, engine_python: str
) -> None:
    import bpy

    new_job()
    bpy.ops.wm.save_mainfile()
    saved = project.with_name("painted.blend")
    command = [sys.executable, str(ROOT / "scripts" / "headless.py"), str(project), "--json", "--save-as", str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines[-1]["state"] == "done"
    assert {line["total"] for line in lines if line["state"] == "painting"} == {3}
    bpy.ops.wm.open_mainfile(filepath=str(saved))
    result = bpy.context.scene.sequence_editor.strips["shot [stripes]"]
    assert result.directory == "//brushflow/shot/"

    # The project itself was not saved, and still finds its frames.
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert not (project.parent / "brushflow" / "shot" / "v002").exists()


def test_the_engines_exit_code_is_passed_on(worker: Any, project: Path, new_job: Callable[..., Any], engine_python: str) -> None:
    import bpy

    new_job()
    bpy.ops.wm.save_mainfile()
    command = [sys.executable, str(ROOT / "scripts" / "headless.py"), str(project), "--set", "device=cuda:7", "--save"]
    before = project.read_bytes()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().startswith("brushflow: ")
    assert project.read_bytes() == before
