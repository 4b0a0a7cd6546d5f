# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exact motion of a scene strip: the Vector pass of its scene, rendered by Cycles with a single sample.

Read by the windowless Blender too, so nothing but bpy, `compat` and `stack` is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from . import compat, stack

__all__ = ["obstacle", "prepare"]

_TURNING = ("use_flip_x", "use_flip_y", "use_reverse_frames", "use_multiview")
_GREASE_PENCIL = {"GPENCIL", "GREASEPENCIL"}
# Nodes of the compositor after which a pixel is no longer where the scene's camera saw it.
_MOVING_NODES = {
    "CORNERPIN", "CROP", "DISPLACE", "FLIP", "LENSDIST", "MAP_UV", "MOVIEDISTORTION", "PLANETRACKDEFORM", "ROTATE", "SCALE",
    "STABILIZE2D", "TRANSFORM", "TRANSLATE",
}  # fmt: skip
_MOVES_FLAT_CAMERAS_RIGHT = (5, 2)
"""First Blender whose Vector pass is right where an orthographic camera moves."""


def obstacle(strip: Any) -> str:
    """Why the Vector pass of a scene strip would not be the motion of what the strip shows, as half a sentence; empty where it is."""
    return next(_obstacles(strip), "")


def _obstacles(strip: Any) -> Iterator[str]:
    scene, edit = strip.scene, strip.id_data
    if not bpy.app.build_options.cycles:
        yield rpt_("this Blender was built without Cycles")
    if strip.scene_input == "SEQUENCER":
        yield rpt_("the strip shows the sequencer of its scene")
    if len(strip.retiming_keys):
        yield rpt_("the strip is retimed")
    if over := stack.effects_over(strip):
        yield rpt_("the strip is seen through the effect '{name}'").format(name=over[-1].name)
    if any(getattr(strip, name, False) for name in _TURNING) or strip.strobe > 1.0:
        yield rpt_("the strip is flipped, reversed, strobed or stereo")
    if compat.is_animated(strip, ("transform.", "crop.", "strobe", *_TURNING)) or not _fills_frame(strip, edit.render):
        yield rpt_("the strip is moved, cropped, or of another size than the frame")
    if any(modifier.type == "COMPOSITOR" for modifier in strip.modifiers):
        yield rpt_("the strip has a compositor modifier")
    if scene.render.use_multiview:
        yield rpt_("the scene '{scene}' is rendered in stereo").format(scene=scene.name)
    if scene.render.use_border and scene.render.use_crop_to_border:
        yield rpt_("only a region of the scene '{scene}' is rendered").format(scene=scene.name)
    if any(shown.type in _GREASE_PENCIL and not shown.hide_render for shown in scene.objects):
        yield rpt_("the scene '{scene}' has Grease Pencil drawings, which have no motion vectors").format(scene=scene.name)
    if nodes := _compositor(scene):
        if len([layer for layer in scene.view_layers if layer.use]) > 1:
            yield rpt_("the compositor puts the scene '{scene}' together of several view layers").format(scene=scene.name)
        if any(node.type in _MOVING_NODES and not node.mute for node in nodes):
            yield rpt_("the compositor of the scene '{scene}' moves its picture").format(scene=scene.name)
    if bpy.app.version < _MOVES_FLAT_CAMERAS_RIGHT and any(camera.data.type == "ORTHO" and _may_move(camera) for camera in _cameras(strip)):
        yield rpt_("its orthographic camera moves, for which Blender renders wrong vectors before 5.2")


def _fills_frame(strip: Any, frame: Any) -> bool:
    """Whether the strip's scene, as the strip scales it, covers the frame exactly."""
    if any(getattr(strip.crop, side) for side in ("min_x", "max_x", "min_y", "max_y")):
        return False
    move = strip.transform
    if move.offset_x or move.offset_y or move.rotation:
        return False
    own = strip.scene.render
    width, height = (int(size * own.resolution_percentage / 100) for size in (own.resolution_x, own.resolution_y))
    return abs(width * move.scale_x - frame.resolution_x) < 0.5 and abs(height * move.scale_y - frame.resolution_y) < 0.5


def _compositor(scene: Any) -> Any:
    """The nodes that the scene's picture goes through."""
    if not scene.render.use_compositing:
        return ()
    tree = scene.compositing_node_group if hasattr(scene, "compositing_node_group") else scene.node_tree if scene.use_nodes else None
    return tree.nodes if tree else ()


def _cameras(strip: Any) -> set[Any]:
    if strip.scene_camera is not None:
        return {strip.scene_camera}
    bound = {marker.camera for marker in strip.scene.timeline_markers if marker.camera is not None}
    return bound | ({strip.scene.camera} if strip.scene.camera is not None else set())


def _may_move(one: Any) -> bool:
    return bool(
        one.animation_data or (one.data and one.data.animation_data) or len(one.constraints) or (one.parent and _may_move(one.parent))
    )


def prepare(strip: Any) -> tuple[bpy.types.Scene, int]:
    """Let the strip's scene be rendered as its motion alone.

    Returns it with the number that, added to a content frame of the strip, gives a frame of the scene.
    """
    scene: Any = strip.scene
    layer = _layer(strip)
    for other in scene.view_layers:
        other.use = other == layer
    for owner in (layer, layer.cycles):
        for name, one in owner.bl_rna.properties.items():
            if one.type == "BOOLEAN" and name.startswith(("use_pass_", "pass_", "denoising_store_")):
                setattr(owner, name, False)
    # With the depth the reader tells the sky, which has no vectors before 5.2.
    layer.use_pass_vector = layer.use_pass_z = True
    if strip.scene_camera is not None:
        for marker in scene.timeline_markers:
            marker.camera = None
        scene.camera = strip.scene_camera
    for camera in _cameras(strip):
        camera.data.dof.use_dof = False
    _configure(scene)
    return scene, scene.frame_start - 1


def _layer(strip: Any) -> Any:
    """The view layer that the strip shows: its own since 5.2, else the first that is rendered."""
    layers = strip.scene.view_layers
    return getattr(strip, "view_layer", None) or next((layer for layer in layers if layer.use), layers[0])


def _configure(scene: Any) -> None:
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.use_sequencer = False
    render.use_freestyle = False
    # With motion blur Cycles writes vectors of 0.
    render.use_motion_blur = False
    compat.set_plain(render)
    # One sample in the middle of each pixel: several would be averaged over edges, into motions that nothing has.
    cycles.device, cycles.samples, cycles.filter_width = "CPU", 1, 0.01
    cycles.use_adaptive_sampling = cycles.use_denoising = False
    cycles.max_bounces = 0
    settings = render.image_settings
    compat.set_image_format(settings, compat.LAYERS)
    settings.color_depth = "32"
    settings.exr_codec = "ZIP"
