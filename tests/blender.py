# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests that run in Blender: the checkout as an enabled extension, and small footage drawn by the tests themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.headless import enabled

WIDTH, HEIGHT = 64, 48


@pytest.fixture(scope="session", autouse=True)
def extension() -> Iterator[None]:
    with enabled():
        yield


@pytest.fixture
def scene(extension: None) -> Any:
    """The scene of a new project, 64 x 48 pixels."""
    import bpy

    bpy.ops.wm.read_homefile(app_template="")
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.sequence_editor_create()
    return scene


@pytest.fixture
def project(scene: Any, tmp_path: Path) -> Path:
    """The scene's project, saved."""
    import bpy

    path = tmp_path / "edit.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def picture(frame: int) -> np.ndarray:
    """Frame `frame` of a square that moves over a ramp: (48, 64, 4) float32, display values, top row first."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    rgba = np.stack([x / WIDTH, y / HEIGHT, 0.3 + 0 * x, 1 + 0 * x], axis=-1)
    rgba[12:28, 4 + 3 * frame : 20 + 3 * frame, :3] = (0.9, 0.2, 0.1)
    return rgba


def write_image(path: Path, rgba: np.ndarray) -> Path:
    """Write (H, W, 4) float32 pixels: display values for PNG, premultiplied linear ones for EXR."""
    import bpy

    height, width = rgba.shape[:2]
    is_float = path.suffix == ".exr"
    image = bpy.data.images.new(path.stem, width, height, alpha=True, float_buffer=is_float)
    try:
        # Else Blender encodes them for a display.
        if is_float:
            image.colorspace_settings.name = "Non-Color"
        image.pixels.foreach_set(np.ascontiguousarray(rgba[::-1], dtype=np.float32).ravel())
        image.file_format = "OPEN_EXR" if is_float else "PNG"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.filepath_raw = str(path)
        image.save()
    finally:
        bpy.data.images.remove(image)
    return path


def read_image(path: Path) -> np.ndarray:
    """The pixels of a file as they are stored, (H, W, 4) float32, top row first."""
    import bpy

    image = bpy.data.images.load(str(path))
    try:
        image.colorspace_settings.name = "Non-Color"
        width, height = image.size
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        return pixels.reshape(height, width, 4)[::-1]
    finally:
        bpy.data.images.remove(image)


@pytest.fixture
def footage(scene: Any, tmp_path: Path) -> Callable[..., list[Path]]:
    """Draws numbered frames and returns their paths."""

    def draw(count: int = 3, first: int = 101, suffix: str = ".png") -> list[Path]:
        return [write_image(tmp_path / "plates" / f"shot_{first + index:04d}{suffix}", picture(index)) for index in range(count)]

    return draw


@pytest.fixture
def image_strip(scene: Any, footage: Callable[..., list[Path]]) -> Callable[..., Any]:
    """Makes an image strip of drawn frames, as the user's Add menu does it."""

    def make(count: int = 3, start: int = 10, name: str = "shot", files: list[Path] | None = None) -> Any:
        paths = files or footage(count)
        strip = scene.sequence_editor.strips.new_image(name, str(paths[0]), 1, start, fit_method="ORIGINAL")
        for path in paths[1:]:
            strip.elements.append(path.name)
        scene.sequence_editor.active_strip = strip
        return strip

    return make


@pytest.fixture
def painting(tmp_path: Path, scene: Any) -> Path:
    """A small striped picture."""
    y, x = np.mgrid[0:48, 0:48].astype(np.float32)
    wave = 0.5 + 0.5 * np.sin((x + y) / 3)
    return write_image(tmp_path / "stripes.png", np.stack([wave, 1 - wave, 0.5 * wave, 1 + 0 * wave], axis=-1))


def quick(strip: Any, painting: Path) -> None:
    """Let a strip be painted in seconds."""
    strip.brushflow.styles.add().path = str(painting)
    strip.brushflow.iterations_first, strip.brushflow.iterations = 6, 3


def render(scene: Any, frame: int, path: Path, *, linear: bool) -> np.ndarray:
    """Frame `frame` of the scene's sequencer: through the view transform (PNG), or without it (EXR)."""
    import bpy
    from bl_ext.user_default.brushflow.addon import compat

    bpy.context.window_manager.windows[0].scene = scene
    compat.set_image_format(scene.render.image_settings, "OPEN_EXR" if linear else "PNG")
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.dither_intensity = 0
    scene.frame_set(frame)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    return read_image(path)


def encoded(linear: np.ndarray) -> np.ndarray:
    """Scene-linear values as sRGB displays take them."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def effect_length(frames: int) -> dict[str, int]:
    """How `strips.new_effect` takes the length of a strip that begins at frame 1."""
    import bpy

    parameters = bpy.types.StripsTopLevel.bl_rna.functions["new_effect"].parameters
    return {"length": frames} if "length" in parameters else {"frame_end": 1 + frames}


SHIFTS = ((0, 0), (3, 1), (7, 1), (9, -1), (10, -1))
"""Where the plane of `stage` lies at its frames 5 to 9, in pixels right and down."""


def stage(scene: Any, name: str = "stage") -> Any:
    """A 3D scene, frames 5 to 9: a chequered plane moves by whole pixels in front of a resting one, seen in perspective."""
    import bpy

    made = bpy.data.scenes.new(name)
    made.render.engine, made.cycles.samples, made.cycles.device, made.cycles.use_denoising = "CYCLES", 1, "CPU", False
    made.render.resolution_x, made.render.resolution_y = scene.render.resolution_x, scene.render.resolution_y
    made.frame_start, made.frame_end = 5, 9
    made.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    made.camera.location.z = 10
    made.collection.objects.link(made.camera)
    _plane(made, "wall", 40, -20, scale=0.3)
    near = _plane(made, "card", 1.5, 0, scale=2)
    unit = made.render.resolution_x / (2 * 10 * np.tan(made.camera.data.angle_x / 2))
    for frame, (right, down) in enumerate(SHIFTS, 5):
        near.location.xy = right / unit, -down / unit
        near.keyframe_insert("location", frame=frame)
    return made


def _plane(scene: Any, name: str, half: float, z: float, scale: float) -> Any:
    import bpy

    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)], [], [(0, 1, 2, 3)])
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # up to 4.5
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    checker, emission = tree.nodes.new("ShaderNodeTexChecker"), tree.nodes.new("ShaderNodeEmission")
    place, output = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeOutputMaterial")
    checker.inputs["Scale"].default_value = scale
    tree.links.new(place.outputs["Object"], checker.inputs["Vector"])
    tree.links.new(checker.outputs["Color"], emission.inputs["Color"])
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    mesh.materials.append(material)
    made = bpy.data.objects.new(name, mesh)
    made.location.z = z
    scene.collection.objects.link(made)
    return made


@pytest.fixture
def queue(worker: Any) -> Any:
    from bl_ext.user_default.brushflow.addon import queue

    return queue


@pytest.fixture
def wording(worker: Any) -> Any:
    from bl_ext.user_default.brushflow.addon import wording

    return wording


def finish(activity: Any, seconds: float = 60) -> None:
    """Wait for something that goes on when it is asked to."""
    deadline = time.monotonic() + seconds
    while not activity.ended:
        assert time.monotonic() < deadline
        activity.update()
        time.sleep(0.01)
