# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a shot on the timeline of a new project with bpy: demo_project.py PROJECT.blend CONTENT FRAMES

CONTENT is a movie, one picture of a numbered sequence, or a folder of pictures; at most FRAMES frames are shown.
Prints what it made as one line of JSON: {"strip": NAME, "width": …, "height": …, "frames": …}.
"""

# The stubs of bpy make every part of the context optional.
# mypy: disable-error-code="union-attr,attr-defined"

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import bpy


def pictures(content: Path) -> list[Path]:
    """The picture files that `content` stands for, in the order of their numbers; empty where it is a movie."""
    kinds = bpy.path.extensions_image
    if content.is_dir():
        return sorted((path for path in content.iterdir() if path.suffix.lower() in kinds), key=_number)
    if content.suffix.lower() not in kinds:
        return []
    stem = re.sub(r"\d+$", "", content.stem)
    alike = re.compile(rf"{re.escape(stem)}\d+{re.escape(content.suffix)}")
    return sorted((path for path in content.parent.iterdir() if alike.fullmatch(path.name)), key=_number) or [content]


def _number(path: Path) -> tuple[int, str]:
    digits = re.search(r"(\d+)$", path.stem)
    return (int(digits[1]) if digits else 0, path.name)


def add_strip(content: Path, frames: int) -> tuple[Any, int]:
    """The strip of `content` on channel 1 from frame 1 on, at most `frames` frames long, and its length."""
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    window = bpy.context.window_manager.windows[0]
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = scene
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    region = next(region for region in area.regions if region.type == "WINDOW")
    files = pictures(content)[:frames]
    add: Any = bpy.ops.sequencer.image_strip_add if files else bpy.ops.sequencer.movie_strip_add
    known = add.get_rna_type().properties
    options = {"frame_start": 1, "channel": 1, "fit_method": "ORIGINAL"}
    # Blender 5 crashes here without a window unless strips stay where they are, and would look for more frames by itself.
    options |= {name: False for name in ("move_strips", "use_sequence_detection", "sound") if name in known}
    with bpy.context.temp_override(window=window, area=area, region=region):
        if files:
            add(directory=f"{files[0].parent}/", files=[{"name": file.name} for file in files], **options)
        else:
            add(filepath=str(content), directory=f"{content.parent}/", files=[{"name": content.name}], **options)
    strip = editor.strips[0]
    strip.name = re.sub(r"[\s._-]*\d*$", "", (files[0] if files else content).stem) or "shot"
    # The project moves with its folder.
    place = "directory" if files else "filepath"
    setattr(strip, place, bpy.path.relpath(getattr(strip, place)))
    end = "right_handle" if "right_handle" in strip.bl_rna.properties else "frame_final_end"
    setattr(strip, end, min(getattr(strip, end), 1 + frames))
    return strip, getattr(strip, end) - 1


def main(project: Path, content: Path, frames: int) -> None:
    """Make and save `project`."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(project))
    scene = bpy.context.scene
    strip, count = add_strip(content, frames)
    element = strip.strip_elem_from_frame(1)
    scene.render.resolution_x, scene.render.resolution_y = element.orig_width, element.orig_height
    scene.render.resolution_percentage = 100
    scene.frame_start, scene.frame_end = 1, count
    # After adding, because the first strip added by its operator changes it too; footage is shown as it is.
    scene.view_settings.view_transform = "Standard"
    bpy.ops.wm.save_mainfile()
    print(json.dumps({"strip": strip.name, "width": element.orig_width, "height": element.orig_height, "frames": count}))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute(), int(sys.argv[3]))
