# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the pictures of docs/faults in a real Blender: what the panel says when something goes wrong, which is made to happen for real.

    python -m tests.gui.faults MATERIAL HOME ENGINE [--output FOLDER] [FAULT …]

MATERIAL, HOME and ENGINE as for tests/gui/walkthrough.py. The full disk is a file system of its own, so this is to be run by a user
who may mount one, as in a container.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from core.lock import FolderLock
from tests.gui.walkthrough import Stage, parser, provide
from tests.gui.window import Window

STYLIZE = "sequencer.brushflow_stylize("
OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "faults"


def begin(stage: Stage) -> None:
    """The strip with one painting; its settings are folded, so that what is said stands alone."""
    stage.begin("", "style consistency quality output preview", weights={"starry_bay": 1.0})
    give(stage.window, iterations_first=40, iterations=20, resolution=0.5, device="cpu")


def give(window: Window, **values: object) -> None:
    """Set properties of the strip."""
    window.run("\n".join(f"strips['lighthouse'].brushflow.{name} = {value!r}" for name, value in values.items()))


def stylize(window: Window) -> None:
    """Press the button and take the pointer away, where Blender shows what it is told as an error, too."""
    window.click(STYLIZE)
    window.do("rest")


def end(window: Window, state: str) -> None:
    """Wait until the job has ended so and Blender has said it, too; its own message, which says the same, is put away."""
    window.wait_for("queue.JOBS and queue.JOBS[-1].ended")
    ended = window.ask("(queue.JOBS[-1].state, queue.JOBS[-1].progress.message)")
    assert ended[0] == state, ended
    # The message comes when the operator that shows it has gone.
    window.wait_for("not any('brushflow' in one.bl_idname for each in bpy.context.window_manager.windows for one in each.modal_operators)")
    window.do("rest")
    window.key("ESC")


def finish(stage: Stage, name: str) -> None:
    """Wait for the failure of the job, take the picture, and see what Copy Report copies."""
    window = stage.window
    end(window, "failed")
    message = window.ask("queue.JOBS[-1].progress.message")
    stage.camera.shoot(name, "SEQUENCE_EDITOR")
    window.run("bpy.context.window_manager.clipboard = ''")
    window.click("sequencer.brushflow_job_report(")
    report = window.ask("bpy.context.window_manager.clipboard")
    assert report.startswith("Brushflow:") and "The last lines of run.log:" in report, report
    assert str(Path.home()) not in report and message.split(".")[0].split("(")[0][:20] in report, report


def painting_missing(stage: Stage) -> None:
    """A painting that was moved away."""
    begin(stage)
    stage.window.run("strips['lighthouse'].brushflow.styles[0].path = '//paintings/moved_away.png'; queue.redraw()")
    stage.camera.shoot("painting_missing", "SEQUENCE_EDITOR")


def painting_damaged(stage: Stage) -> None:
    """A painting of which only a part was copied."""
    begin(stage)
    with _replaced(stage.film / "paintings" / "starry_bay.png", 0.3):
        stylize(stage.window)
        finish(stage, "painting_damaged")


def frame_missing(stage: Stage) -> None:
    """A strip whose last frame was deleted."""
    begin(stage)
    frame = stage.film / "footage" / "shot_0006.png"
    aside = frame.rename(frame.with_name("aside"))
    try:
        stage.window.run("queue.redraw()")
        stage.camera.shoot("frame_missing", "SEQUENCE_EDITOR")
    finally:
        aside.rename(frame)


def frame_damaged(stage: Stage) -> None:
    """A frame of the strip of which only a part was copied."""
    begin(stage)
    with _replaced(stage.film / "footage" / "shot_0004.png", 0.5):
        stylize(stage.window)
        finish(stage, "frame_damaged")


@contextmanager
def _replaced(path: Path, share: float) -> Iterator[None]:
    """Only the first part of a file."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    try:
        yield
    finally:
        path.write_bytes(whole)


def disk_full(stage: Stage) -> None:
    """A disk that becomes full while the strip is painted."""
    begin(stage)
    disk = stage.film / "disk"
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], check=True)
    try:
        give(stage.window, output="//disk/", iterations_first=10, iterations=5)
        stylize(stage.window)
        finish(stage, "disk_full")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def in_second_frame(window: Window) -> None:
    """Wait until the second frame is being painted."""
    window.wait_for("queue.JOBS[-1].ended or queue.JOBS[-1].progress.index >= 2 and queue.JOBS[-1].progress.iteration > 0")
    assert not window.ask("queue.JOBS[-1].ended"), window.ask("queue.JOBS[-1].progress.message")


def kill(window: Window) -> None:
    """End the engine as the system does that has run out of memory."""
    os.kill(window.ask("queue.JOBS[-1]._process.number"), signal.SIGKILL)


def engine_killed(stage: Stage) -> None:
    """An engine that is ended for memory is started once more, and then not again."""
    window = stage.window
    begin(stage)
    give(window, iterations_first=5, iterations=2000, tolerance=0.0)
    stylize(window)
    in_second_frame(window)
    kill(window)
    window.wait_for("queue.JOBS[-1].progress.warnings")
    in_second_frame(window)
    stage.camera.shoot("engine_killed_once", "SEQUENCE_EDITOR")
    kill(window)
    finish(stage, "engine_killed_twice")


def folder_locked(stage: Stage) -> None:
    """Another Blender paints into the folder."""
    begin(stage)
    folder = stage.film / "brushflow" / "lighthouse"
    folder.mkdir(parents=True)
    with closing(FolderLock(folder)):
        stylize(stage.window)
        finish(stage, "folder_locked")


def diverged(stage: Stage) -> None:
    """Steps that are far too large."""
    window = stage.window
    begin(stage)
    give(window, learning_rate=100.0, frame_range="CUSTOM", frame_start=1, frame_end=2)
    stylize(window)
    end(window, "done")
    assert window.ask("len(queue.JOBS[-1].progress.warnings)"), "the optimizer has not diverged"
    window.run("scene.frame_current = 1")  # which is painted
    stage.camera.shoot("diverged", "SEQUENCE_EDITOR")


FAULTS: dict[str, Callable[[Stage], None]] = {
    fault.__name__: fault
    for fault in (painting_missing, painting_damaged, frame_missing, frame_damaged, disk_full, engine_killed, folder_locked, diverged)
}


def main() -> None:
    asked = parser("Takes the pictures of docs/faults.", OUTPUT, list(FAULTS)).parse_args()
    provide(asked)
    for fault in asked.chapters:
        with ExitStack() as stack:
            FAULTS[fault](Stage(stack, asked))


if __name__ == "__main__":
    main()
