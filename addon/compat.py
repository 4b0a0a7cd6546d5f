# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that changed between Blender 4.5, 5.0 and 5.2, decided by feature tests.

Also read by the windowless Blender that extracts frames, so nothing but bpy is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bpy

__all__ = [
    "EXR",
    "LAYERS",
    "content_duration",
    "content_start",
    "content_trim_start",
    "copy_fcurve",
    "edit_scene",
    "editing",
    "fcurves",
    "is_animated",
    "left_handle",
    "right_handle",
    "set_content_start",
    "set_handles",
    "set_image_format",
    "set_plain",
    "strip_path",
    "working_space",
]

EXR = "OPEN_EXR"
LAYERS = "OPEN_EXR_MULTILAYER"

_STRIP = bpy.types.Strip.bl_rna.properties
# Blender 5.2 renamed these; reading an old name there emits a DeprecationWarning.
_LEFT, _RIGHT = ("left_handle", "right_handle") if "left_handle" in _STRIP else ("frame_final_start", "frame_final_end")
_START, _DURATION = ("content_start", "content_duration") if "content_start" in _STRIP else ("frame_start", "frame_duration")
# Not a property of all strips, but of every kind that can be trimmed.
_TRIM = "content_trim_start" if "content_trim_start" in bpy.types.ImageStrip.bl_rna.properties else "animation_offset_start"
_HAS_SEQUENCER_SCENE = "sequencer_scene" in bpy.types.WorkSpace.bl_rna.properties


def edit_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene whose strips the sequencer edits; since 5.0 the workspace can name another than the window's."""
    scene: Any = getattr(context, "sequencer_scene", None) or context.scene
    return scene


@contextmanager
def editing(scene: bpy.types.Scene) -> Iterator[None]:
    """A context in which the sequencer's operators work on `scene`, with a window or without one."""
    manager = bpy.context.window_manager
    if not _HAS_SEQUENCER_SCENE:
        with bpy.context.temp_override(scene=scene):
            yield
        return
    window = bpy.context.window or manager.windows[0]
    before = window.workspace.sequencer_scene
    window.workspace.sequencer_scene = scene
    try:
        with bpy.context.temp_override(window=window):
            yield
    finally:
        window.workspace.sequencer_scene = before


def left_handle(strip: bpy.types.Strip) -> int:
    """First timeline frame on which the strip is seen."""
    return int(getattr(strip, _LEFT))


def right_handle(strip: bpy.types.Strip) -> int:
    """First timeline frame on which the strip is no longer seen."""
    return int(getattr(strip, _RIGHT))


def content_start(strip: bpy.types.Strip) -> int:
    """Timeline frame of the strip's first content frame, handles and trimming aside."""
    return round(getattr(strip, _START))


def content_duration(strip: bpy.types.Strip) -> int:
    """Number of timeline frames that the strip's content lasts."""
    return int(getattr(strip, _DURATION))


def content_trim_start(strip: bpy.types.Strip) -> int:
    """Number of frames cut off the start of the strip's content for good."""
    return int(getattr(strip, _TRIM))


def set_content_start(strip: bpy.types.Strip, frame: int) -> None:
    setattr(strip, _START, frame)


def set_handles(strip: bpy.types.Strip, left: int, right: int) -> None:
    """Show the strip on timeline frames left..right-1; the content stays where it is."""
    setattr(strip, _RIGHT, max(right, left_handle(strip) + 1))
    setattr(strip, _LEFT, left)
    setattr(strip, _RIGHT, right)


def strip_path(strip: bpy.types.Strip, attribute: str) -> str:
    """The data path of a strip's attribute, from its scene."""
    return f'sequence_editor.strips_all["{bpy.utils.escape_identifier(strip.name)}"].{attribute}'


def fcurves(owner: bpy.types.ID) -> Iterator[bpy.types.FCurve]:
    """The F-Curves that animate `owner`."""
    for bag in _channelbags(owner):
        yield from bag.fcurves


def is_animated(strip: bpy.types.Strip, attributes: Sequence[str]) -> bool:
    """Whether F-Curves or drivers move an attribute of the strip whose name begins like one of those given."""
    path = strip_path(strip, "")
    scene: Any = strip.id_data
    curves = [*fcurves(scene), *(scene.animation_data.drivers if scene.animation_data else ())]
    return any(curve.data_path.startswith(path) and curve.data_path.removeprefix(path).startswith(tuple(attributes)) for curve in curves)


def copy_fcurve(owner: bpy.types.ID, path: str, copy_path: str) -> None:
    """Animate `copy_path` as `path` is, if it is animated by keyframes; other animation of `copy_path` is replaced."""
    for bag in _channelbags(owner):
        original = bag.fcurves.find(path)
        if original is None:
            continue
        if (old := bag.fcurves.find(copy_path)) is not None:
            bag.fcurves.remove(old)
        copy = bag.fcurves.new(copy_path)
        copy.extrapolation = original.extrapolation
        copy.keyframe_points.add(len(original.keyframe_points))
        for new, key in zip(copy.keyframe_points, original.keyframe_points, strict=True):
            for attribute in ("interpolation", "easing", "handle_left_type", "handle_right_type", "co", "handle_left", "handle_right"):
                setattr(new, attribute, getattr(key, attribute))
        copy.update()


def _channelbags(owner: bpy.types.ID) -> Iterator[Any]:
    animation = owner.animation_data
    if animation is None or animation.action is None or animation.action_slot is None:
        return
    for layer in animation.action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(animation.action_slot)
            if bag is not None:
                yield bag


def set_image_format(settings: bpy.types.ImageFormatSettings, file_format: Any) -> None:
    """Choose a still image format; since 5.0 the kind of media has to be chosen before it."""
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE" if file_format == LAYERS else "IMAGE"
    settings.file_format = file_format


def set_plain(render: Any) -> None:
    """Let a render be written whole, under the very name that is asked for, as nothing but what the scene shows."""
    render.use_compositing = False
    render.use_multiview = False
    render.use_border = False
    render.use_stamp = False
    render.use_overwrite = True
    render.use_file_extension = True


def working_space() -> str:
    """Name of the scene-linear space in which Blender renders and writes EXR files."""
    colorspace = getattr(bpy.data, "colorspace", None)
    return colorspace.working_space if colorspace is not None else "Linear Rec.709"
