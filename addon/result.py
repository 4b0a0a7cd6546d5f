# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Painted EXR sequence -> image strip above its source."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, compat, stack, versions
from .order import Order
from .properties import absolute, strips_of
from .source import origin

__all__ = ["find_original", "find_result", "lay", "lay_part"]

CHANNELS = 128


def lay(order: Order) -> bpy.types.ImageStrip:
    """Lay the painted frames into the project: a new strip, or the strip of this job's version brought up to date.

    Raises Refused where the scene or a painted frame has gone.
    """
    scene, frames = _scene(order), range(order.source.first, order.source.last + 1)
    if missing := [path for path in map(order.frame_file, frames) if not path.is_file()]:
        raise Refused(rpt_("The painted frame {file} is gone; press Stylize again to paint it.").format(file=missing[0]))
    original = find_original(scene, order)
    result = _place(scene, order, original, frames)
    _dress(scene, order, original, result)
    versions.show(result)
    if original is not None:
        # Of a strip that was painted in part, the rest is to be seen as before.
        left, right = compat.left_handle(result), compat.right_handle(result)
        covered = left <= compat.left_handle(original) and compat.right_handle(original) <= right
        if order.mute_original and covered:
            stack.in_its_place(original).mute = original.mute = True
    return result


def lay_part(order: Order, delivered: Collection[int]) -> bpy.types.ImageStrip | None:
    """Lay the content frames that are painted so far, with those that the strip shows already, so that they can be looked at.

    A strip shows frames without a gap, so of several runs of frames it is the longest. The original stays as it is: it is seen
    where nothing is painted yet. Raises Refused where the scene has gone or has no room.
    """
    scene = _scene(order)
    before = find_result(scene, order.job_id, order.version)
    frames = _longest_run({*delivered, *_shown(order, before)})
    if not frames:
        return None
    original = find_original(scene, order)
    result = _place(scene, order, original, frames)
    if before is None:
        _dress(scene, order, original, result)
    return result


def _scene(order: Order) -> bpy.types.Scene:
    if order.source.scene not in bpy.data.scenes:
        raise Refused(
            rpt_("The scene '{scene}' is gone, so the painted frames were only left in {folder}.").format(
                scene=order.source.scene, folder=order.folder
            )
        )
    return bpy.data.scenes[order.source.scene]


def _shown(order: Order, result: Any) -> set[int]:
    """Those of the order's content frames that its strip shows."""
    if result is None or absolute(result.directory) != order.folder:
        return set()
    numbers = {order.frame_file(frame).name: frame for frame in range(order.source.first, order.source.last + 1)}
    return {numbers[element.filename] for element in result.elements if element.filename in numbers}


def _longest_run(frames: Collection[int]) -> range:
    """The longest run of numbers without a gap, the first of several."""
    runs: list[range] = [range(0)]
    for frame in sorted(frames):
        runs[-1:] = [range(runs[-1].start, frame + 1)] if runs[-1] and frame == runs[-1].stop else [runs[-1], range(frame, frame + 1)]
    return max(runs, key=len)


def _place(scene: bpy.types.Scene, order: Order, original: bpy.types.Strip | None, frames: range) -> Any:
    """The strip of the order's version, made where there is none yet, showing the content frames `frames` over their source."""
    source = order.source
    # The source may have been moved while it was painted.
    moved = 0 if original is None else origin(original) - source.origin
    # Handles may hold the first and the last frame.
    left = moved + (source.left if frames[0] == source.first else frames[0] + source.shift)
    right = moved + (source.right if frames[-1] == source.last else frames[-1] + source.shift + 1)
    files = [order.frame_file(frame) for frame in frames]
    result: Any = find_result(scene, order.job_id, order.version)
    if result is None:
        meta = original.parent_meta() if original else None
        editor = scene.sequence_editor_create()
        siblings, channels = (meta.strips, meta.channels) if meta else (editor.strips, editor.channels)
        # Room for the whole of it, for it grows.
        above = stack.in_its_place(original).channel if original else 0
        channel = _free_channel(siblings, channels, above, source.left + moved, source.right + moved)
        result = siblings.new_image(order.title, str(files[0]), channel, left, fit_method="ORIGINAL")
        result.select = False
    _show_files(scene, result, files)
    compat.set_content_start(result, frames[0] + source.shift + moved)
    compat.set_handles(result, left, right)
    return result


def _dress(scene: bpy.types.Scene, order: Order, original: bpy.types.Strip | None, result: Any) -> None:
    """Let the result look like its original, and know where it comes from."""
    result.colorspace_settings.name = "Linear Rec.709"
    result.alpha_mode = "PREMUL"
    group = result.brushflow
    group.source_job, group.source_strip, group.version = order.job_id, order.source.strip, order.version
    if original is not None:
        seen = stack.in_its_place(original)
        result.blend_type, result.blend_alpha, result.color_tag = seen.blend_type, seen.blend_alpha, original.color_tag
        compat.copy_fcurve(scene, compat.strip_path(seen, "blend_alpha"), compat.strip_path(result, "blend_alpha"))


def find_original(scene: bpy.types.Scene, order: Order) -> bpy.types.Strip | None:
    """The strip that an order was taken for."""
    return versions.original(scene, order.job_id, order.source.strip)


def find_result(scene: bpy.types.Scene, job_id: str, version: int) -> bpy.types.ImageStrip | None:
    """The strip that shows a job's painted frames."""
    strip: Any
    for strip in strips_of(scene):
        group = strip.brushflow
        if strip.type == "IMAGE" and group.source_strip and group.source_job == job_id and group.version == version and not strip.lock:
            return strip
    return None


def _free_channel(siblings: Any, channels: Any, above: int, left: int, right: int) -> int:
    """The first channel over `above` with room for left..right-1 that is seen and may be changed; raises Refused."""
    taken = {
        strip.channel for strip in siblings if compat.left_handle(strip) < right and left < compat.right_handle(strip)
    }  # fmt: skip
    for channel in range(above + 1, CHANNELS + 1):
        if channel not in taken and not channels[channel].lock and not channels[channel].mute:
            return channel
    raise Refused(rpt_("There is no free channel above the strip for its painted version; make room and press Stylize again."))


def _show_files(scene: bpy.types.Scene, strip: bpy.types.ImageStrip, files: list[Path]) -> None:
    """Let `strip` show `files`, one a frame.

    By the operator, because elements appended through Python hold uninitialized sizes until they are drawn once: after a save, a
    missing file then crashes Blender 5. It also makes Blender forget frames that it has seen before they were rewritten.
    """
    editor = scene.sequence_editor
    active = editor.active_strip
    editor.active_strip = strip
    with compat.editing(scene):
        bpy.ops.sequencer.change_path(
            directory=str(files[0].parent) + os.sep, files=[{"name": path.name} for path in files], relative_path=False,
        )  # fmt: skip
    editor.active_strip = active
    project = Path(bpy.data.filepath).parent if bpy.data.filepath else None
    if project is not None and files[0].is_relative_to(project):
        strip.directory = bpy.path.relpath(str(files[0].parent)) + "/"
