# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the panel before, during and after a real job, taken in Blender's own window. Not collected by pytest.

    BLENDER_USER_RESOURCES=$(mktemp -d) BRUSHFLOW_ENGINE_PYTHON=... \
        blender --factory-startup -P tests/gui/panel_screenshots.py -- CLIP PAINTING FOLDER &
    tests/gui/take_pictures.sh FOLDER

CLIP is a movie, and FOLDER gets panel_before.png, panel_during.png and panel_after.png. The window closes by itself.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

ROOT = Path(__file__).resolve().parents[2]
MODULE = "bl_ext.user_default.brushflow"
FIRST, LAST = 50, 57
STEP = 0.5
"""Seconds between two steps: long enough for a redraw."""


def enable() -> None:
    """Link the checkout into the user folder and enable it."""
    if not os.environ.get("BLENDER_USER_RESOURCES"):
        raise SystemExit("Set BLENDER_USER_RESOURCES to a new folder, so that your own extensions are left alone.")
    link = Path(bpy.utils.user_resource("EXTENSIONS", path="user_default", create=True)) / "brushflow"
    if not link.exists():
        link.symlink_to(ROOT, target_is_directory=True)
    bpy.ops.preferences.addon_enable(module=MODULE)


def open_project(clip: Path, painting: Path, folder: Path) -> Any:
    """A project with the clip on its timeline, saved in `folder`; returns the strip."""
    for path in (clip, painting):
        shutil.copy(path, folder)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "edit.blend"))
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y, scene.render.fps = 640, 272, 24
    editor = scene.sequence_editor_create()
    strip = editor.strips.new_movie(clip.stem, f"//{clip.name}", 1, 1, fit_method="FIT")
    strip.left_handle, strip.right_handle = FIRST, LAST + 1
    scene.frame_start, scene.frame_end, scene.frame_current = FIRST, LAST, FIRST + 4
    editor.active_strip = strip
    strip.select = True
    strip.brushflow.styles.add().path = f"//{painting.name}"
    strip.brushflow.preset = "draft"
    if hasattr(bpy.context.workspace, "sequencer_scene"):
        bpy.context.workspace.sequencer_scene = scene
    return strip


def arrange(window: bpy.types.Window) -> bpy.types.Area:
    """One large sequencer with preview, timeline and the sidebar at the tab Brushflow."""
    area = max(window.screen.areas, key=lambda one: one.width * one.height)
    area.type = "SEQUENCE_EDITOR"
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.screen.screen_full_area(use_hide_panels=False)
    area = window.screen.areas[-1]
    area.spaces.active.view_type = "SEQUENCER_PREVIEW"
    area.spaces.active.show_region_ui = True
    return area


def region(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(one for one in area.regions if one.type == kind)


def story(clip: Path, painting: Path, pictures: Path) -> Iterator[Callable[[], bool] | None]:
    """The steps; each waits for a redraw, or for the condition that it yields."""
    folder = Path(tempfile.mkdtemp(prefix="brushflow-"))
    window = bpy.context.window_manager.windows[0]
    enable()
    open_project(clip, painting, folder)
    area = arrange(window)
    yield None
    with bpy.context.temp_override(window=window):
        bpy.ops.ed.undo_push(message="Set up")
    region(area, "UI").active_panel_category = "Brushflow"
    yield None
    with bpy.context.temp_override(window=window, area=area, region=region(area, "WINDOW")):
        bpy.ops.sequencer.view_all()
    with bpy.context.temp_override(window=window, area=area, region=region(area, "PREVIEW")):
        bpy.ops.sequencer.view_all_preview()
    yield from picture(pictures / "panel_before.png")

    from importlib import import_module

    worker = import_module(f"{MODULE}.addon.worker")
    with bpy.context.temp_override(window=window, area=area, region=region(area, "UI")):
        bpy.ops.sequencer.brushflow_stylize("INVOKE_DEFAULT")
    job = worker.JOBS[0]
    yield lambda: job.ended or (job.state == "painting" and job.progress.index >= 4)
    yield from picture(pictures / "panel_during.png")
    yield lambda: job.ended
    print(worker.headline(job), job.progress.message, flush=True)
    assert seen() == [job.order.title]
    yield from picture(pictures / "panel_after.png")

    # The result is one step of the undo history.
    with bpy.context.temp_override(window=window):
        bpy.ops.ed.undo()
        assert seen() == [clip.stem]
        bpy.ops.ed.redo()
        assert seen() == [job.order.title]
    print("undone and redone", flush=True)


def seen() -> list[str]:
    """Names of the strips that are not muted."""
    return [strip.name for strip in bpy.context.scene.sequence_editor.strips if not strip.mute]


def picture(path: Path) -> Iterator[Callable[[], bool] | None]:
    """Ask for a picture of the window, which Blender cannot take of itself without a graphics card, and wait for it."""
    for _ in range(4):
        yield None
    path.with_suffix(".wanted").touch()
    yield path.is_file


def main() -> None:
    clip, painting, pictures = (Path(argument).resolve() for argument in sys.argv[sys.argv.index("--") + 1 :])
    bpy.context.preferences.view.show_splash = False
    steps = story(clip, painting, pictures)
    waiting: Callable[[], bool] | None = None

    def step() -> float | None:
        nonlocal waiting
        try:
            if waiting is None or waiting():
                waiting = next(steps)
        except StopIteration:
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        return STEP

    bpy.app.timers.register(step, first_interval=2.0)


main()
