# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render one strip alone, as scene-linear EXR files named by content frame.

Runs in a second, windowless Blender on a temporary copy of the project, so nothing here has to be put back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy

from . import compat

__all__ = ["main"]


def main(project: str, task: str) -> None:
    """Open the copy and render; `task` is a JSON object with scene, strip, folder, name, first, last and shift.

    One JSON line for each frame goes to standard output, among what Blender prints there itself.
    """
    bpy.ops.wm.open_mainfile(filepath=project, load_ui=True)
    wanted: dict[str, Any] = json.loads(task)
    scene = bpy.data.scenes[wanted["scene"]]
    _show(scene)
    _isolate(scene, wanted["strip"])
    _configure(scene)
    first, last = wanted["first"], wanted["last"]
    for frame in range(first, last + 1):
        path = Path(wanted["folder"]) / f"{wanted['name']}_{frame:04d}.exr"
        scene.frame_set(frame + wanted["shift"])
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True, scene=scene.name)
        if not path.is_file():
            raise RuntimeError(f"{path} was not written")
        line = {"event": "extracted", "frame": frame, "index": frame - first + 1, "total": last - first + 1}
        print(json.dumps(line), flush=True)


def _show(scene: bpy.types.Scene) -> None:
    # A scene that is not the window's renders its scene strips as transparent frames.
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
    render.use_compositing = False
    render.use_multiview = False
    render.use_border = False
    render.use_stamp = False
    render.use_overwrite = True
    render.use_file_extension = True
    render.dither_intensity = 0.0
    render.resolution_percentage = 100
    settings = render.image_settings
    compat.set_image_format(settings, compat.EXR)
    settings.color_management = "FOLLOW_SCENE"
    settings.color_mode = "RGBA"
    settings.color_depth = "16"
    settings.exr_codec = "ZIP"
