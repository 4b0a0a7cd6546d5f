# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the demo's own shot with bpy: demo_footage.py FOLDER FRAMES WIDTH HEIGHT

A lighthouse on its island; the camera drifts along the shore and a sailing boat passes in front. Every surface has a texture
that sticks to it, so that the motion can be seen; everything is made here from shapes and procedural textures.
"""

# The stubs of bpy give a socket or an object's data every type that there is.
# mypy: disable-error-code="union-attr,attr-defined,arg-type"

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
from mathutils import Vector, noise

Color = tuple[float, float, float]

LENGTH = 24
"""Frames in which the boat crosses the picture; a shorter shot shows a part of it, a longer one slows it down."""


def material(name: str, dark: Color, light: Color, scale: float, *, stretch: Sequence[float] = (1, 1, 1), bump: float = 0.0,
             roughness: float = 0.8) -> Any:  # fmt: skip
    """Two colors (sRGB 0..1) mixed by noise of the size `scale` in the object's own coordinates."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    shader = nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = roughness
    place = nodes.new("ShaderNodeTexCoord")
    mapping = nodes.new("ShaderNodeMapping")
    mapping.inputs["Scale"].default_value = stretch
    texture = nodes.new("ShaderNodeTexNoise")
    texture.inputs["Scale"].default_value = scale
    texture.inputs["Detail"].default_value = 3.0
    ramp = nodes.new("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.38, 0.62
    ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = (*_linear(dark), 1), (*_linear(light), 1)
    links.new(place.outputs["Object"], mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], texture.inputs["Vector"])
    links.new(texture.outputs[0], ramp.inputs[0])
    links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
    if bump:
        relief = nodes.new("ShaderNodeBump")
        relief.inputs["Strength"].default_value = bump
        links.new(texture.outputs[0], relief.inputs["Height"])
        links.new(relief.outputs["Normal"], shader.inputs["Normal"])
    return made


def _linear(color: Color) -> Color:
    r, g, b = ((c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in color)
    return r, g, b


def mesh(name: str, vertices: list[Sequence[float]], faces: list[Sequence[int]], surface: Any, *, smooth: bool = True) -> Any:
    """An object of the given shape in the scene."""
    shape = bpy.data.meshes.new(name)
    shape.from_pydata(vertices, [], faces)
    shape.materials.append(surface)
    shape.polygons.foreach_set("use_smooth", [smooth] * len(shape.polygons))
    made = bpy.data.objects.new(name, shape)
    bpy.context.scene.collection.objects.link(made)
    return made


def grid_faces(cells: int) -> list[Sequence[int]]:
    """The quads between (cells + 1)² vertices that lie row by row."""
    width = cells + 1
    return [
        (row * width + column, row * width + column + 1, (row + 1) * width + column + 1, (row + 1) * width + column)
        for row in range(cells)
        for column in range(cells)
    ]


def turned(name: str, profile: Sequence[tuple[float, float]], surface: Any, *, sides: int = 32, smooth: bool = True) -> Any:
    """A body of revolution around z; `profile` gives (radius, height) from below."""
    vertices: list[Sequence[float]] = [
        (radius * math.cos(2 * math.pi * side / sides), radius * math.sin(2 * math.pi * side / sides), height)
        for radius, height in profile
        for side in range(sides)
    ]
    faces: list[Sequence[int]] = [
        (row * sides + side, row * sides + (side + 1) % sides, (row + 1) * sides + (side + 1) % sides, (row + 1) * sides + side)
        for row in range(len(profile) - 1)
        for side in range(sides)
    ]
    faces.append(tuple(range((len(profile) - 1) * sides, len(profile) * sides)))
    return mesh(name, vertices, faces, surface, smooth=smooth)


def land(name: str, center: tuple[float, float], size: tuple[float, float], height: float, surface: Any, seed: int, cells: int = 90) -> Any:
    """A hill that rises from the sea, rough on a small scale."""
    vertices: list[Sequence[float]] = []
    for row in range(cells + 1):
        for column in range(cells + 1):
            u, v = column / cells * 2 - 1, row / cells * 2 - 1
            reach = math.hypot(u, v)
            rough = noise.fractal(Vector((u * 2.2 + seed, v * 2.2, seed)), 0.9, 2.0, 5)
            rise = max(0.0, 1 - reach**2) ** 0.75 * (1 + 0.45 * rough) - 0.12
            vertices.append((center[0] + u * size[0], center[1] + v * size[1], height * rise))
    return mesh(name, vertices, grid_faces(cells), surface)


def lighthouse(base: Vector) -> None:
    white = material("plaster", (0.86, 0.82, 0.74), (0.98, 0.95, 0.88), 2.5, bump=0.2)
    red = material("red paint", (0.62, 0.08, 0.06), (0.85, 0.18, 0.10), 2.5, bump=0.2)
    metal = material("metal", (0.10, 0.12, 0.16), (0.20, 0.22, 0.28), 4, roughness=0.5)
    lamp = material("lamp", (1.0, 0.75, 0.25), (1.0, 0.9, 0.5), 3)
    lamp.node_tree.nodes["Principled BSDF"].inputs["Emission Color"].default_value = (1.0, 0.6, 0.15, 1)
    lamp.node_tree.nodes["Principled BSDF"].inputs["Emission Strength"].default_value = 2.5
    bands, bottom, top = 6, 1.15, 0.7
    for band in range(bands):
        low, high = band / bands, (band + 1) / bands
        profile = [(bottom + (top - bottom) * t, 7.5 * t) for t in (low, high)]
        turned(f"tower {band}", profile, red if band % 2 else white).location = base
    for name, profile, surface in (
        ("gallery", [(0.7, 7.5), (1.15, 7.6), (1.15, 7.85), (0.7, 7.85)], metal),
        ("lantern", [(0.55, 7.85), (0.55, 8.8)], lamp),
        ("roof", [(0.85, 8.8), (0.6, 9.15), (0.05, 9.6), (0.04, 10.0)], red),
    ):
        turned(name, profile, surface).location = base
    house = material("cottage", (0.84, 0.72, 0.5), (0.95, 0.86, 0.66), 3, bump=0.2)
    roof = material("tiles", (0.5, 0.16, 0.08), (0.78, 0.32, 0.14), 6, stretch=(1, 1, 4), bump=0.4)
    _cottage(base + Vector((2.6, -1.1, 0.05)), house, roof)


def _cottage(base: Vector, wall: Any, roof: Any) -> None:
    x, y, z, ridge = 1.3, 0.9, 1.3, 2.3
    corners: list[Sequence[float]] = [(sx * x, sy * y, h) for h in (-0.6, z) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    ends: list[Sequence[float]] = [(-x, 0, ridge), (x, 0, ridge)]
    walls: list[Sequence[int]] = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 7, 8), (5, 9, 6)]
    mesh("walls", [*corners, *ends], walls, wall, smooth=False).location = base
    eaves: list[Sequence[float]] = [(sx * 1.15 * x, sy * 1.25 * y, z - 0.2) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    tops: list[Sequence[float]] = [(-1.15 * x, 0, ridge + 0.08), (1.15 * x, 0, ridge + 0.08)]
    mesh("roof", [*eaves, *tops], [(0, 1, 5, 4), (2, 3, 4, 5)], roof, smooth=False).location = base


def boat(frames: int) -> None:
    """A sailing boat that crosses the picture from right to left."""
    hull = material("hull", (0.30, 0.07, 0.05), (0.55, 0.16, 0.08), 5, stretch=(0.4, 1, 4))
    wood = material("wood", (0.45, 0.26, 0.10), (0.72, 0.48, 0.22), 6, stretch=(0.3, 3, 1))
    sail = material("sail", (0.93, 0.46, 0.10), (0.99, 0.74, 0.26), 3.2, stretch=(1, 1, 0.7), bump=0.2)
    jib = material("jib", (0.90, 0.84, 0.70), (1.0, 0.97, 0.88), 3.2, bump=0.2)
    handle = bpy.data.objects.new("boat", None)
    bpy.context.scene.collection.objects.link(handle)
    vertices: list[Sequence[float]] = []
    ribs, steps = 13, 9
    for rib in range(ribs):
        t = rib / (ribs - 1) * 2 - 1
        beam = 0.75 * (1 - abs(t) ** 2.6) ** 0.7 + 0.015
        for step in range(steps):
            a = math.pi * step / (steps - 1)
            vertices.append((2.3 * t + 0.25 * t * math.sin(a), beam * math.cos(a), -0.62 * math.sin(a) + 0.55 + 0.22 * t * t))
    faces: list[Sequence[int]] = [
        (rib * steps + step, rib * steps + step + 1, (rib + 1) * steps + step + 1, (rib + 1) * steps + step)
        for rib in range(ribs - 1)
        for step in range(steps - 1)
    ]
    parts = [mesh("hull", vertices, faces, hull)]
    parts.append(turned("mast", [(0.06, 0.1), (0.035, 5.4)], wood, sides=12))
    for name, corners, surface in (
        ("mainsail", ((0.1, 0, 1.0), (2.15, 0, 1.05), (0.1, 0, 5.2)), sail),
        ("foresail", ((-2.2, 0, 0.95), (-0.12, 0, 1.05), (-0.1, 0, 4.7)), jib),
    ):
        parts.append(_sail(name, corners, surface))
    for part in parts:
        part.parent = handle
    for frame, x in ((1, 7.2), (frames, -4.9)):
        handle.location = (x, -8.2, -0.1)
        handle.keyframe_insert("location", frame=frame)
    for frame in range(1, frames + 1, 4):
        handle.rotation_euler = (math.radians(8 + 1.5 * math.sin(frame / 5)), math.radians(1.5 * math.cos(frame / 6)), 0.12)
        handle.keyframe_insert("rotation_euler", frame=frame)


def _sail(name: str, corners: Sequence[tuple[float, float, float]], surface: Any, cells: int = 10) -> Any:
    a, b, c = (Vector(corner) for corner in corners)
    vertices: list[Sequence[float]] = []
    for row in range(cells + 1):
        for column in range(cells + 1):
            u, v = column / cells * (1 - row / cells), row / cells
            point = a + (b - a) * u + (c - a) * v
            point.y += 1.7 * u * (1 - v - u) + 0.5 * v * (1 - v) * u
            vertices.append(tuple(point))
    return mesh(name, vertices, grid_faces(cells), surface)


def trees(ground: Any, places: Sequence[tuple[float, float, float]], seed: int) -> None:
    """Cypresses and round trees on `ground`, at (x, y) with a size."""
    cypress = material("cypress", (0.05, 0.16, 0.07), (0.20, 0.38, 0.14), 3.5, stretch=(1, 1, 0.4), bump=0.8)
    round_tree = material("leaves", (0.22, 0.34, 0.06), (0.62, 0.66, 0.16), 2.6, bump=0.8)
    blossom = material("blossom", (0.75, 0.30, 0.10), (0.98, 0.62, 0.20), 2.6, bump=0.8)
    chance = random.Random(seed)
    for index, (x, y, size) in enumerate(places):
        hit, location, *_ = ground.ray_cast(Vector((x, y, 50)), Vector((0, 0, -1)))
        if not hit:
            continue
        slim = index % 3 == 0
        profile = [(0.1, -0.4), (0.5, 0.2), (0.72, 0.9), (0.62, 1.8), (0.36, 2.9), (0.04, 3.8)] if slim else [
            (0.1, -0.4), (0.12, 0.4), (0.75, 0.55), (1.05, 1.1), (0.9, 1.75), (0.5, 2.15), (0.04, 2.3)]  # fmt: skip
        tree = turned(f"tree {index}", profile, cypress if slim else (blossom if index % 3 == 1 else round_tree), sides=18)
        for vertex in tree.data.vertices:
            vertex.co += Vector(noise.noise_vector(vertex.co * 1.7 + Vector((index, 0, 0)))) * 0.2
        tree.location, tree.scale = location, [size * chance.uniform(0.85, 1.15)] * 3


def sky() -> None:
    """A gradient from gold at the horizon to deep blue, with soft clouds that stand still."""
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    place, split = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeSeparateXYZ")
    ramp = nodes.new("ShaderNodeValToRGB")
    stops = ((0.0, (0.98, 0.72, 0.34)), (0.07, (0.97, 0.82, 0.56)), (0.2, (0.45, 0.72, 0.86)), (0.55, (0.12, 0.36, 0.74)))
    while len(ramp.color_ramp.elements) < len(stops):
        ramp.color_ramp.elements.new(1.0)
    for element, (position, color) in zip(ramp.color_ramp.elements, stops, strict=True):
        element.position, element.color = position, (*_linear(color), 1)
    mapping, clouds, cloud_ramp = nodes.new("ShaderNodeMapping"), nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeValToRGB")
    mapping.inputs["Scale"].default_value = (1, 1, 3.2)
    clouds.inputs["Scale"].default_value, clouds.inputs["Detail"].default_value = 3.4, 5.0
    cloud_ramp.color_ramp.elements[0].position, cloud_ramp.color_ramp.elements[1].position = 0.47, 0.66
    mix = nodes.new("ShaderNodeMixRGB")
    mix.inputs["Color2"].default_value = (*_linear((1.0, 0.92, 0.80)), 1)
    links.new(place.outputs["Generated"], split.inputs[0])
    links.new(split.outputs["Z"], ramp.inputs[0])
    links.new(place.outputs["Generated"], mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], clouds.inputs["Vector"])
    links.new(clouds.outputs[0], cloud_ramp.inputs[0])
    links.new(cloud_ramp.outputs["Color"], mix.inputs["Fac"])
    links.new(ramp.outputs["Color"], mix.inputs["Color1"])
    links.new(mix.outputs["Color"], nodes["Background"].inputs["Color"])
    nodes["Background"].inputs["Strength"].default_value = 0.9


def light() -> None:
    sun = bpy.data.lights.new("sun", "SUN")
    sun.energy, sun.angle, sun.color = 4.2, math.radians(3), (1.0, 0.86, 0.66)
    made = bpy.data.objects.new("sun", sun)
    made.rotation_euler = (math.radians(56), math.radians(-8), math.radians(-48))
    bpy.context.scene.collection.objects.link(made)


def camera(frames: int) -> None:
    """Drifts to the right and keeps the lighthouse in sight."""
    made = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    made.data.lens = 31
    scene = bpy.context.scene
    scene.collection.objects.link(made)
    scene.camera = made
    keys = ((1, Vector((-2.6, -23.0, 4.4)), Vector((-0.2, 0, 4.45))), (frames, Vector((1.8, -21.6, 4.0)), Vector((0.6, 0, 4.45))))
    for frame, place, target in keys:
        made.location = place
        made.rotation_euler = (target - place).to_track_quat("-Z", "Y").to_euler()
        made.keyframe_insert("location", frame=frame)
        made.keyframe_insert("rotation_euler", frame=frame)


def build(frames: int) -> None:
    """The scene, empty before, with `frames` frames of motion."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.edit.keyframe_new_interpolation_type = "LINEAR"
    sky()
    light()
    water = material("water", (0.03, 0.20, 0.42), (0.10, 0.46, 0.62), 0.55, stretch=(0.5, 2.2, 1), bump=0.9, roughness=0.32)
    mesh("sea", [(-150, -40, 0), (150, -40, 0), (150, 260, 0), (-150, 260, 0)], [(0, 1, 2, 3)], water)
    grass = material("grass", (0.24, 0.36, 0.08), (0.62, 0.62, 0.18), 0.9, bump=0.7)
    far = material("far hills", (0.24, 0.28, 0.52), (0.42, 0.44, 0.66), 0.16, bump=0.3)
    island = land("island", (0.6, 1.0), (8.6, 5.2), 3.1, grass, 3)
    rock = material("rock", (0.26, 0.20, 0.24), (0.56, 0.46, 0.42), 1.6, bump=0.9)
    land("rocks", (0.6, 0.6), (9.3, 5.8), 1.35, rock, 8)
    for seed, (x, y, width, height) in enumerate(((-34, 70, 34, 9), (8, 84, 40, 7), (44, 66, 30, 12))):
        land(f"hill {seed}", (x, y), (width, 18), height, far, seed + 20, cells=60)
    _, top, *_ = island.ray_cast(Vector((-1.4, 0.8, 50)), Vector((0, 0, -1)))
    lighthouse(top + Vector((0, 0, -0.25)))
    chance = random.Random(5)
    trees(island, [(chance.uniform(2.6, 7.0), chance.uniform(-1.6, 2.6), chance.uniform(0.5, 0.75)) for _ in range(9)]
          + [(chance.uniform(-6.4, -3.2), chance.uniform(-1.5, 2.2), chance.uniform(0.5, 0.75)) for _ in range(7)], 11)  # fmt: skip
    boat(frames)
    camera(frames)


def render(folder: Path, frames: int, width: int, height: int, samples: int = 8) -> None:
    """Render the scene as `folder`/shot_0001.png and on, as shown under the Standard view."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, frames
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed = "CPU", samples, 0
    cycles.use_denoising, cycles.denoising_quality, cycles.denoising_prefilter = True, "FAST", "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 1, 2
    cycles.caustics_reflective = cycles.caustics_refractive = False
    scene.render.use_persistent_data = True
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(folder / "shot_")
    bpy.ops.render.render(animation=True)


if __name__ == "__main__":
    output, count, across, down = Path(sys.argv[1]), *(int(word) for word in sys.argv[2:5])
    build(max(count, LENGTH))
    render(output, count, across, down)
