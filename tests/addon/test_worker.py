# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job makes of the engine's messages, and its failures; whole runs are in tests/end_to_end."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.blender import picture, write_image


@pytest.fixture
def worker(extension: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from bl_ext.user_default.brushflow.addon import queue, worker

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)
    yield worker
    queue.JOBS.clear()


@pytest.fixture
def new_job(worker: Any, scene: Any, strip: Any) -> Callable[[], Any]:
    from bl_ext.user_default.brushflow.addon.order import take

    return lambda: worker.Job(take(scene, strip))


@pytest.fixture
def engine_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Puts a small program into the place of the engine: it says `lines` and ends with `code`."""

    def put(*lines: str, code: int = 0, listen: bool = False) -> None:
        from bl_ext.user_default.brushflow.addon import runtime

        core = tmp_path / "engine.py"
        wait = "sys.stdin.readline()" if listen else ""
        core.write_text(f"import sys\nfor line in {lines!r}: print(line, flush=True)\n{wait}\nsys.exit({code})\n")
        monkeypatch.setattr(runtime, "CORE", core)

    return put


READY = '{"event": "ready", "protocol": 1, "total": 3, "device": "cpu"}'


def test_an_error_event_is_shown_in_the_engines_words(queue: Any, new_job: Callable[[], Any], engine_says: Callable[..., None]) -> None:
    engine_says(READY, '{"event": "error", "code": "memory", "message": "Too little memory.", "hint": "Lower it.", "log": ""}', code=1)
    job = new_job()
    queue.run(job)
    assert (job.state, job.exit_code, job.progress.message, job.progress.hint) == ("failed", 1, "Too little memory.", "Lower it.")


def test_an_engine_that_dies_without_a_word_is_told_with_its_log(
    queue: Any, new_job: Callable[[], Any], engine_says: Callable[..., None]
) -> None:
    engine_says(READY, code=9)
    job = new_job()
    queue.run(job)
    assert (job.state, job.exit_code) == ("failed", 1)
    assert job.progress.message.startswith("The engine stopped without a word")
    assert str(job.order.log_file) in job.progress.message


_KILLED = """
import json, os, pathlib, signal, sys
tries = pathlib.Path("tries")
tries.write_text((tries.read_text() if tries.exists() else "") + json.dumps(sys.argv[1:]) + "\\n")
job = json.loads(pathlib.Path("job.json").read_text())
print({ready!r}, flush=True)
if job["plan"].get("history") == 7:
    print({done!r}, flush=True)
    sys.exit({end})
job["plan"] = {{"history": 7}}
pathlib.Path("job.json").write_text(json.dumps(job))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends no process where memory runs out")
def test_an_engine_that_the_system_kills_is_started_once_more_with_a_smaller_plan(
    queue: Any, new_job: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from bl_ext.user_default.brushflow.addon import runtime

    core = tmp_path / "engine.py"
    core.write_text(_KILLED.format(ready=READY, done=json.dumps(finished(1)), end=0))
    monkeypatch.setattr(runtime, "CORE", core)
    job = new_job()
    job.prepare()
    paint(job.order, 1, 2, 3)
    queue.run(job)
    assert (job.state, job.progress.painted) == ("done", 1), job.progress.message
    (warning,) = job.progress.warnings
    assert "memory" in warning and "started again" in warning
    first, second = map(json.loads, (job.order.folder / "tries").read_text().splitlines())
    assert first == ["run", "--supervised", str(job.order.job_file)]
    assert second == ["run", "--supervised", "--smaller", "1", str(job.order.job_file)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends no process where memory runs out")
def test_an_engine_that_the_system_kills_twice_ends_with_what_would_help(
    queue: Any, new_job: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from bl_ext.user_default.brushflow.addon import runtime

    core = tmp_path / "engine.py"
    core.write_text(_KILLED.format(ready=READY, done=json.dumps(finished(1)), end="os.kill(os.getpid(), signal.SIGKILL)"))
    monkeypatch.setattr(runtime, "CORE", core)
    job = new_job()
    paint(job.order, 1)
    queue.run(job)
    assert (job.state, job.exit_code) == ("failed", 1)
    assert job.progress.message == "The system has ended the engine twice, as it does when memory runs out."
    assert job.progress.hint.startswith("Close other programs or lower Resolution")
    assert len((job.order.folder / "tries").read_text().splitlines()) == 2
    assert [text for text in job.progress.warnings if "started again" in text]


def test_a_warning_that_comes_again_is_shown_once(worker: Any, new_job: Callable[[], Any]) -> None:
    job = new_job()
    for frame in (1, 1, 2):
        job._handle({"event": "warning", "code": "memory", "message": f"Memory ran out while frame {frame} was painted."})
    assert len(job.progress.warnings) == 2


def test_an_engine_of_another_protocol_is_stopped(queue: Any, new_job: Callable[[], Any], engine_says: Callable[..., None]) -> None:
    engine_says(READY.replace('"protocol": 1', '"protocol": 2'), code=130, listen=True)
    job = new_job()
    queue.run(job)
    assert (job.state, job.exit_code) == ("failed", 1)
    assert "another protocol" in job.progress.message


def started(index: int, pass_number: int = 1, passes: int = 1) -> dict[str, Any]:
    return {"event": "frame_started", "index": index, "total": 3, "pass": pass_number, "passes": passes}


def finished(index: int, pass_number: int = 1, passes: int = 1, *, kept: bool = False, eta: float | None = 4.0) -> dict[str, Any]:
    event: dict[str, Any] = {"event": "frame_done"} if pass_number == passes else {"event": "pass_frame_done", "passes": passes}
    event |= {"frame": index, "index": index, "total": 3, "pass": pass_number, "kept": kept}
    return {**event, "seconds": 0.0 if kept else 4.0, "eta": eta}


def test_progress_follows_the_events_even_where_a_frame_is_written_late(worker: Any, new_job: Callable[[], Any]) -> None:
    job = new_job()
    progress = job.progress
    seen = []
    for message in (
        {"event": "ready", "protocol": 1, "total": 3, "device": "cpu"},
        finished(1, kept=True, eta=None),
        started(2),
        {"event": "iteration", "iteration": 50, "limit": 100, "losses": {"total": 9.0}},
        started(3),
        finished(2),
        {"event": "iteration", "iteration": 100, "limit": 100, "losses": {"total": 8.0}},
        finished(3, eta=0.0),
        {"event": "warning", "code": "clipped", "message": "Some values are brighter than white."},
    ):
        job._handle(message)
        seen.append(progress.factor)
    assert seen == sorted(seen)
    assert (seen[0], seen[1], seen[3], seen[-1]) == (0, pytest.approx(1 / 3), pytest.approx(0.5), 1)
    assert (progress.kept, progress.painted, progress.seconds, progress.loss) == (1, 2, 4.0, 8.0)
    assert progress.warnings == ["Some values are brighter than white."]


def test_progress_goes_over_all_passes_and_only_delivered_frames_count_as_painted(wording: Any, new_job: Callable[[], Any]) -> None:
    job = new_job()
    job._handle({"event": "ready", "protocol": 1, "total": 3, "passes": 2, "device": "cpu"})
    seen, lines = [], []
    for message in (
        started(1, 1, 2), started(2, 1, 2), finished(1, 1, 2), started(3, 1, 2), finished(2, 1, 2), started(1, 2, 2), finished(3, 1, 2),
        started(2, 2, 2), finished(1, 2, 2), started(3, 2, 2), finished(2, 2, 2, eta=250.0), finished(3, 2, 2, eta=0.0),
    ):  # fmt: skip
        job._handle(message)
        seen.append(job.progress.factor)
        lines.append(wording.headline(job))
    assert seen == sorted(seen)
    assert (seen[5], seen[-1]) == (pytest.approx(1 / 2), 1)
    assert lines[6] == "Pass 2 of 2, frame 1 of 3, 0:04 left"
    assert lines[-2] == "Pass 2 of 2, frame 3 of 3, 4:10 left"
    assert (job.progress.painted, job.progress.kept) == (3, 0)


def test_going_on_in_a_later_pass_counts_the_passes_before_as_done(worker: Any, new_job: Callable[[], Any]) -> None:
    job = new_job()
    for message in ({"event": "ready", "protocol": 1, "total": 3, "passes": 4, "device": "cpu"}, finished(3, 4, 4, kept=True)):
        job._handle(message)
    assert (job.progress.factor, job.progress.kept) == (1, 1)
    job = new_job()
    for message in ({"event": "ready", "protocol": 1, "total": 3, "passes": 4, "device": "cpu"}, started(1, 3, 4)):
        job._handle(message)
    assert job.progress.factor == 0.5


def test_what_is_rendered_for_the_engine_is_told_by_its_kind(wording: Any, new_job: Callable[[], Any]) -> None:
    job = new_job()
    job.state = "rendering"
    lines = []
    for kind in ("frames", "matte", "vectors"):
        job._handle({"event": "extracting", "kind": kind, "total": 3})
        lines.append(wording.headline(job))
        job._handle({"event": "extracted", "kind": kind, "frame": 12, "index": 2, "total": 3})
        lines.append(wording.headline(job))
    assert lines[:2] == ["Reading the strip", "Reading frame 2 of 3"]
    assert lines[2:] == ["Reading the matte", "Reading the matte, frame 2 of 3", "Reading the motion", "Reading the motion, frame 2 of 3"]


def test_a_folder_that_cannot_be_written_to_is_refused_in_one_sentence(worker: Any, strip: Any, tmp_path: Path) -> None:
    import bpy

    (tmp_path / "taken").touch()
    strip.brushflow.output = "//taken/"
    with pytest.raises(RuntimeError, match=r"The output folder .*taken.* cannot be written to \(.*\); choose another\."):
        bpy.ops.sequencer.brushflow_stylize()


def test_a_strip_that_cannot_be_rendered_is_told_and_leaves_no_copy_of_the_project(worker: Any, scene: Any, strip: Any) -> None:
    from bl_ext.user_default.brushflow.addon.order import take

    strip.use_flip_x = True
    job = worker.Job(take(scene, strip))
    job.prepare()
    job._project.write_bytes(b"no project")
    while not job.ended:
        job.update()
    assert job.state == "failed"
    assert job.progress.message.startswith("Blender could not render the strip's frames")
    assert not job.order.extracted.exists()


def test_frames_that_the_engine_promised_but_did_not_write_are_told(
    queue: Any, new_job: Callable[[], Any], engine_says: Callable[..., None]
) -> None:
    engine_says(READY)
    job = new_job()
    queue.run(job)
    assert job.state == "failed"
    assert "shot_0001.exr is gone" in job.progress.message


def paint(order: Any, *frames: int) -> None:
    """Write the content frames `frames` as the engine would."""
    for frame in frames:
        write_image(order.frame_file(frame), picture(frame))


@pytest.fixture
def painting_job(queue: Any, new_job: Callable[[], Any], engine_says: Callable[..., None]) -> Iterator[Any]:
    """A job whose engine has delivered one frame of three and waits to be canceled."""
    engine_says(READY, json.dumps(finished(1)), code=130, listen=True)
    job = new_job()
    job.prepare()
    queue.JOBS.append(job)
    paint(job.order, 1)
    deadline = time.monotonic() + 30
    while job.progress.painted == 0 and time.monotonic() < deadline:
        job.update()
    yield job
    job.abandon()


def finish(job: Any) -> None:
    deadline = time.monotonic() + 30
    while not job.ended and time.monotonic() < deadline:
        job.update()


def test_painted_frames_are_shown_while_others_are_painted_and_stay_when_canceled(painting_job: Any, scene: Any, strip: Any) -> None:
    painting_job.grow()
    (laid,) = (one for one in scene.sequence_editor.strips if one.brushflow.source_strip)
    assert len(laid.elements) == 1
    painting_job._handle(finished(2))
    paint(painting_job.order, 2)
    painting_job.grow()
    assert len(laid.elements) == 1, "frames that come fast do not make Blender read the strip anew each time"
    painting_job.cancel()
    finish(painting_job)
    assert (painting_job.state, len(laid.elements), strip.mute) == ("cancelled", 2, False)


def test_a_growing_strip_that_is_deleted_stays_away_and_one_that_was_undone_comes_again(painting_job: Any, scene: Any, queue: Any) -> None:
    painting_job.grow()
    strips = scene.sequence_editor.strips
    strips.remove(strips["shot [stripes]"])
    painting_job._handle(finished(2))
    paint(painting_job.order, 2)
    painting_job._grown = 0.0
    painting_job.grow()
    assert len(strips) == 1
    queue._undone()
    painting_job.grow()
    assert len(strips["shot [stripes]"].elements) == 2


def test_a_strip_knows_its_job_though_undo_took_its_id_and_though_it_was_renamed(painting_job: Any, strip: Any, queue: Any) -> None:
    strip.name = "renamed"
    assert queue.job_of(strip) is painting_job
    strip.name, strip.brushflow.job_id = "shot", ""
    assert queue.job_of(strip) is painting_job
    strip.name = "another"
    assert queue.job_of(strip) is None


def test_the_timer_carries_a_job_to_its_end_in_a_window_with_a_sequencer(
    queue: Any, new_job: Callable[[], Any], engine_says: Callable[..., None], scene: Any, strip: Any
) -> None:
    import bpy

    bpy.context.window_manager.windows[0].screen.areas[0].type = "SEQUENCE_EDITOR"
    engine_says(READY, *(json.dumps(finished(index)) for index in (1, 2, 3)))
    job = new_job()
    queue.enqueue(job)
    try:
        paint(job.order, 1, 2, 3)
        deadline = time.monotonic() + 30
        while queue._tick() is not None and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        bpy.app.timers.unregister(queue._tick)
    assert job.state == "done"
    assert len(scene.sequence_editor.strips["shot [stripes]"].elements) == 3
    assert queue.current() is None


_PATIENT = """
import os, pathlib, signal, sys, threading, time
if "--supervised" in sys.argv:
    threading.Thread(target=lambda: sys.stdin.readline() or os._exit(130), daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
print({ready!r}, flush=True)
while True:
    pathlib.Path("alive").write_text(str(time.time()))
    time.sleep(0.05)
"""


@pytest.fixture
def patient_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the place of the engine a program that goes on until it is told to end."""
    from bl_ext.user_default.brushflow.addon import runtime

    core = tmp_path / "engine.py"
    core.write_text(_PATIENT.format(ready=READY))
    monkeypatch.setattr(runtime, "CORE", core)


def until(job: Any, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        job.update()
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="a Windows process tells nobody its arguments")
def test_an_engine_that_keeps_running_outlives_the_project_and_the_next_job_takes_over(
    worker: Any, queue: Any, wording: Any, scene: Any, strip: Any, patient_engine: None
) -> None:
    from bl_ext.user_default.brushflow.addon.order import take

    job = worker.Job(take(scene, strip), keep_running=True)
    job.prepare()
    folder = job.order.folder
    until(job, lambda: job.state == "painting" and (folder / "alive").is_file())
    queue.JOBS.append(job)
    queue._abandon_all()
    before = (folder / "alive").stat().st_mtime_ns
    time.sleep(0.5)
    assert (folder / "alive").stat().st_mtime_ns > before
    assert worker.left_running(folder) is not None
    second = worker.Job(take(scene, strip))
    second.prepare()
    second.update()
    assert (second.state, wording.headline(second)) == ("waiting", "Taking over from the engine that was left running")
    until(second, lambda: second.state == "painting")
    assert worker.left_running(folder) is None
    second.abandon().join(30)


def test_an_engine_that_keeps_running_can_be_canceled(worker: Any, scene: Any, strip: Any, patient_engine: None) -> None:
    from bl_ext.user_default.brushflow.addon.order import take

    job = worker.Job(take(scene, strip), keep_running=True)
    job.prepare()
    until(job, lambda: job.state == "painting")
    job.cancel()
    finish(job)
    assert job.state == "cancelled"
    assert not (job.order.folder / "cache" / "engine.pid").exists()


def test_opening_another_project_does_not_wait_for_the_engine(painting_job: Any, queue: Any) -> None:
    begun = time.monotonic()
    (thread,) = queue._abandon_all()
    assert time.monotonic() - begun < 0.1
    assert queue.JOBS == []
    thread.join(30)
    assert not thread.is_alive()


def test_watching_a_job_and_showing_its_frames_takes_little_of_blenders_time(
    worker: Any, queue: Any, scene: Any, project: Path, footage: Callable[..., list[Path]], image_strip: Callable[..., Any], painting: Path,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    import bpy
    from bl_ext.user_default.brushflow.addon import runtime
    from bl_ext.user_default.brushflow.addon.order import take

    count = 100
    (plate,) = footage(1)
    files = [plate.with_name(f"long_{number:04d}.png") for number in range(1, count + 1)]
    for path in files:
        shutil.copy(plate, path)
    strip = image_strip(files=files)
    strip.brushflow.styles.add().path = str(painting)
    iteration = {"event": "iteration", "iteration": 1, "limit": 2, "losses": {"total": 9.0}}
    lines = [READY.replace("3", str(count))]
    lines += [json.dumps(each) for frame in range(1, count + 1) for each in (started(frame), iteration, finished(frame))]
    core = tmp_path / "engine.py"
    core.write_text(f"import time\nfor line in {lines!r}: print(line, flush=True); time.sleep(0.005)\n")
    monkeypatch.setattr(runtime, "CORE", core)
    # Far more often than a person sees it.
    monkeypatch.setattr(worker, "GROWTH", 0.05)
    job = worker.Job(take(scene, strip))
    queue.enqueue(job)
    bpy.app.timers.unregister(queue._tick)
    paint(job.order, *range(1, count + 1))
    queue._tick()  # starts the engine
    spent = []
    while not job.ended:
        begun = time.thread_time()
        queue._tick()
        spent.append(time.thread_time() - begun)
        time.sleep(0.01)
    assert job.state == "done"
    spent.sort()
    assert (spent[int(0.99 * len(spent))] < 0.010, spent[-1] < 0.050) == (True, True), spent[-5:]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not tell a process what it has open")
def test_watching_a_job_of_two_thousand_frames_takes_no_more_memory_at_its_end(
    worker: Any, queue: Any, scene: Any, project: Path, footage: Callable[..., list[Path]], image_strip: Callable[..., Any], painting: Path,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_full: bool, record: Callable[..., None],
) -> None:  # fmt: skip
    if not is_full:
        pytest.skip("takes half a minute; nox -s torture runs it")
    import bpy
    from bl_ext.user_default.brushflow.addon import runtime
    from bl_ext.user_default.brushflow.addon.order import take
    from bl_ext.user_default.brushflow.core.resident import resident

    count = 2000
    (plate,) = footage(1)
    files = [plate.with_name(f"long_{number:04d}.png") for number in range(1, count + 1)]
    for path in files:
        path.hardlink_to(plate)
    strip = image_strip(files=files)
    strip.brushflow.styles.add().path = str(painting)
    core = tmp_path / "engine.py"
    core.write_text(_TALKATIVE.format(count=count, ready=READY.replace("3", str(count))))
    monkeypatch.setattr(runtime, "CORE", core)
    monkeypatch.setattr(worker, "GROWTH", 0.2)
    job = worker.Job(take(scene, strip))
    queue.enqueue(job)
    bpy.app.timers.unregister(queue._tick)
    paint(job.order, 1)
    for frame in range(2, count + 1):
        job.order.frame_file(frame).hardlink_to(job.order.frame_file(1))
    samples, opened = [], []
    while not job.ended:
        queue._tick()
        if len(job._delivered) >= 200 and (not samples or len(job._delivered) >= samples[-1][0] + 50):
            samples.append((len(job._delivered), resident() / 1e6))
            opened.append(len(list(Path("/proc/self/fd").iterdir())))
        time.sleep(0.005)
    assert job.state == "done" and job.progress.painted == count
    frames, memory = np.array(samples).T
    slope = 1000 * float(np.polyfit(frames, memory, 1)[0])
    assert len(samples) >= 10
    assert slope < 10, f"{slope:.1f} MB more every 1000 frames: {samples}"
    assert max(opened) - min(opened) <= 2
    record(f"{count} frames in one job, as Blender watches them", f"memory of Blender {slope:+.1f} MB per 1000 frames, open files the same")


_TALKATIVE = """
import json, time
print({ready!r}, flush=True)
for frame in range(1, {count} + 1):
    place = {{"frame": frame, "index": frame, "total": {count}, "pass": 1}}
    print(json.dumps({{"event": "frame_started", "passes": 1, **place}}))
    for iteration in range(1, 11):
        losses = {{"total": 1e6 / iteration, "content": 1.0, "style": 1.0, "temporal": 1.0, "tv": 1.0}}
        print(json.dumps({{"event": "iteration", "frame": frame, "pass": 1, "iteration": iteration, "limit": 10, "losses": losses}}))
    done = {{"event": "frame_done", "kept": False, "seconds": 1.0, "eta": 1.0, "path": "x", "between": False}}
    print(json.dumps({{**done, **place}}), flush=True)
    time.sleep(0.004)
"""
