# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render what a job needs of a strip, as EXR files named by content frame: its frames, its matte, its motion.

Runs in a second, windowless Blender on a temporary copy of the project, so nothing here has to be put back.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import bpy

from . import compat, vectors

__all__ = ["Task", "main"]


@dataclass(frozen=True)
class Task:
    """One sequence to render."""

    kind: Literal["frames", "matte", "vectors"]
    """Strips alone as scene-linear pictures, or the Vector pass of a scene strip's scene."""
    scene: str
    strip: str
    folder: str
    name: str
    """The files are called name_####.exr."""
    first: int
    last: int
    shift: int
    """Added to a content frame it gives the timeline frame."""


def main(project: str, tasks: str) -> None:
    """Work off `tasks`, a JSON list of `Task`, on the copy of the project.

    JSON lines go to standard output, among what Blender prints there itself: one at the start of a task, one for each frame.
    """
    for one in json.loads(tasks):
        # Each finds the project as it was saved, for each makes changes to it.
        bpy.ops.wm.open_mainfile(filepath=project, load_ui=True)
        _work_off(Task(**one))


def _work_off(task: Task) -> None:
    total = task.last - task.first + 1
    _say(event="extracting", kind=task.kind, total=total)
    scene = bpy.data.scenes[task.scene]
    is_mask = scene.sequence_editor.strips_all[task.strip].type == "MASK"
    if task.kind == "vectors":
        scene, shift = vectors.prepare(scene.sequence_editor.strips_all[task.strip])
    else:
        _isolate(scene, task.strip)
        _configure(scene)
        if task.kind == "matte":
            # What is transparent is outside: over black, as a picture without alpha is written.
            scene.render.image_settings.color_mode = "RGB"
            if is_mask:
                # In floats some versions take it for scene-linear, others do not.
                scene.sequence_editor.strips[task.strip].use_float = False
        shift = task.shift
    _show(scene)
    for frame in range(task.first, task.last + 1):
        begun = time.monotonic()
        path = Path(task.folder) / f"{task.name}_{frame:04d}.exr"
        scene.frame_set(frame + shift)
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True, scene=scene.name)
        if not path.is_file():
            raise RuntimeError(f"{path} was not written")
        if is_mask:
            _mend(path)
        seconds = time.monotonic() - begun
        _say(event="extracted", kind=task.kind, frame=frame, index=frame - task.first + 1, total=total, seconds=seconds)


def _mend(path: Path) -> None:
    """Give the last pixel of a mask its neighbor's value: up to 5.0 Blender leaves in it what lay in memory, other in each run."""
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    pixels: Any = image.pixels
    pixels[-4:] = pixels[-8:-4]
    image.save()
    bpy.data.images.remove(image)


def _say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def _show(scene: bpy.types.Scene) -> None:
    # A scene that is not the window's renders its scene strips as transparent frames, and 3D always at the same frame.
    for window in bpy.context.window_manager.windows:
        window.scene = scene
        if hasattr(window.workspace, "sequencer_scene"):
            window.workspace.sequencer_scene = scene


def _isolate(scene: bpy.types.Scene, name: str) -> None:
    editor = scene.sequence_editor
    while (parent := editor.strips_all[name].parent_meta()) is not None:
        _separate(scene, parent)
    strip = editor.strips_all[name]
    _drop_animation(scene, strip, "blend_alpha")
    for other in editor.strips:
        _drop_animation(scene, other, "mute")
        other.mute = other != strip
    editor.channels[strip.channel].mute = False
    strip.blend_type = "REPLACE"
    strip.blend_alpha = 1.0


def _separate(scene: bpy.types.Scene, meta: bpy.types.Strip) -> None:
    editor = scene.sequence_editor
    while editor.meta_stack:
        editor.display_stack(None)
    if (parent := meta.parent_meta()) is not None:
        _separate(scene, parent)
    for other in editor.strips_all:
        other.select = False
    meta.lock = False
    meta.select = True
    editor.active_strip = meta
    with compat.editing(scene):
        bpy.ops.sequencer.meta_separate()


def _drop_animation(scene: bpy.types.Scene, strip: bpy.types.Strip, attribute: str) -> None:
    for curve in compat.fcurves(scene):
        if curve.data_path == compat.strip_path(strip, attribute):
            curve.mute = True


def _configure(scene: bpy.types.Scene) -> None:
    render: Any = scene.render
    # The edit scene itself is not rendered, so its engine does not matter; that of an add-on would not be found here.
    render.engine = "BLENDER_WORKBENCH"
    render.use_sequencer = True
    render.dither_intensity = 0.0
    render.resolution_percentage = 100
    compat.set_plain(render)
    settings = render.image_settings
    compat.set_image_format(settings, compat.EXR)
    settings.color_management = "FOLLOW_SCENE"
    settings.color_mode = "RGBA"
    settings.color_depth = "16"
    settings.exr_codec = "ZIP"
