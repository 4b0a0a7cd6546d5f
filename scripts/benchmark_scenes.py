# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the benchmark's scenes with bpy: benchmark_scenes.py FOLDER [SCENE …]

Each scene's folder gets the frames as shown (shot_####.png) and the exact motion of every pixel (vectors_####.exr, Blender's Vector
and object index passes). The scene whose object is hidden also gets the motion of the object alone (object_####.exr).
Every surface has a texture that sticks to it; nothing is blurred by motion, and the camera is a perspective one, since Blender 4.5
and 5.0 give wrong vectors for a moving orthographic camera.
"""

# The stubs of bpy give a socket or an object's data every type that there is.
# mypy: disable-error-code="union-attr,attr-defined,arg-type,index"

from __future__ import annotations

import math
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy
from demo_footage import Color, boat, grid_faces, land, light, lighthouse, material, mesh, trees, turned
from mathutils import Vector, noise

WIDTH, HEIGHT = 256, 144
FRAMES = 12
STILL_FRAMES = 48
FOCAL = 256.0
"""Pixels per unit at a depth of one unit: a lens as long as the sensor is wide."""
HIDDEN = (5, 6, 7)
"""Frames in which the ship of the scene `hidden` covers the beacon."""
BEACON = 1
"""Object index of the beacon."""
FAR = 20.0
"""The camera's distance from the beacon, which stands at the origin."""
BALLOONS = 15


def pan() -> None:
    """A flight of the camera over a patchwork of fields, seven pixels a frame."""
    ground = hills(0.9)
    village(ground)
    eye = camera((-8, -4, 22), (-8, 17, 0))
    moving(eye, velocity=(7 * 30 / FOCAL, 0, 0))


def crossing() -> None:
    """A boat sails in front of the lighthouse and out of the picture, ten pixels a frame, while the camera drifts."""
    island()
    boat(FRAMES)
    sailing = bpy.data.objects["boat"]
    sailing.animation_data_clear()
    sailing.location, sailing.rotation_euler = (0.9, -8.2, -0.1), (math.radians(8), 0, 0.12)
    depth = 28 - 8.2
    moving(sailing, velocity=(-10.5 * depth / FOCAL, 0, 0), rotation=(math.radians(0.3), math.radians(0.25), 0))
    eye = camera((-1.5, -28, 4.6), (-0.6, 0, 4.0))
    moving(eye, velocity=(2.2 * 28 / FOCAL, 0, 0))


def hidden() -> None:
    """A ship passes a slender beacon, which is hidden from `HIDDEN`'s first frame to its last and whole before and after."""
    sea()
    _backdrop(140)
    coast()
    _beacon()
    _ship(0.8 * FAR)
    eye = camera((-0.7, -FAR, 2.6), (0.25, 0, 2.35))
    moving(eye, velocity=(1.5 * FAR / FOCAL, 0, 0))


def fast() -> None:
    """A flight over a meadow at 16 pixels a frame (40 at a width of 640), through balloons that each go their own way as fast."""
    meadow()
    eye = camera((-4.0, -5.2, 8.4), (-4.0, 4.2, 0))
    flight = Vector((16 * 9.4 / FOCAL, 0, 0))
    start, axes = Vector(eye.location), eye.rotation_euler.to_matrix()
    chance = random.Random(4)
    for index in range(BALLOONS):
        depth, seen, radius = chance.uniform(4.5, 7.5), index / BALLOONS * FRAMES, chance.uniform(9, 17)
        x, y = chance.uniform(-110, 110), chance.uniform(-60, 60)
        # On the picture, pixels a frame: against the ground's way or along with it, but faster.
        across, up = chance.choice((1, 1, -1.7)) * chance.uniform(11, 17), chance.uniform(-5, 5)
        made = _balloon(index, radius * depth / FOCAL)
        velocity = flight + axes @ Vector((across, up, 0)) * depth / FOCAL
        made.location = start + flight * seen + axes @ Vector((x, y, -FOCAL)) * depth / FOCAL - velocity * seen
        made.rotation_euler, made.visible_shadow = (math.radians(20), 0, chance.uniform(0, 6)), False
        moving(made, velocity=velocity)
    moving(eye, velocity=flight)


def still() -> None:
    """The lighthouse; nothing moves."""
    island()
    camera((1.8, -27, 4.2), (0.5, 0, 4.0))


SCENES: dict[str, Callable[[], None]] = {"pan": pan, "crossing": crossing, "hidden": hidden, "fast": fast, "still": still}


# What the scenes are made of


def island() -> None:
    """The demo's island and its lighthouse, without the boat."""
    sea()
    _backdrop(150)
    grass = material("grass", (0.24, 0.36, 0.08), (0.62, 0.62, 0.18), 0.9, bump=0.7)
    ground = land("island", (0.6, 1.0), (8.6, 5.2), 3.1, grass, 3)
    rock = material("rock", (0.26, 0.20, 0.24), (0.56, 0.46, 0.42), 1.6, bump=0.9)
    land("rocks", (0.6, 0.6), (9.3, 5.8), 1.35, rock, 8)
    coast()
    _, top, *_ = ground.ray_cast(Vector((-1.4, 0.8, 50)), Vector((0, 0, -1)))
    lighthouse(top + Vector((0, 0, -0.25)))
    chance = random.Random(5)
    trees(ground, [(chance.uniform(2.6, 7.0), chance.uniform(-1.6, 2.6), chance.uniform(0.5, 0.75)) for _ in range(9)]
          + [(chance.uniform(-6.4, -3.2), chance.uniform(-1.5, 2.2), chance.uniform(0.5, 0.75)) for _ in range(7)], 11)  # fmt: skip


def sea() -> None:
    """Water whose waves stand still, without reflections that would move against it."""
    water = material("water", (0.04, 0.22, 0.44), (0.16, 0.52, 0.66), 0.55, stretch=(0.5, 2.2, 1), bump=0.5, roughness=1.0)
    _matte(water)
    mesh("sea", [(-150, -40, 0), (150, -40, 0), (150, 260, 0), (-150, 260, 0)], [(0, 1, 2, 3)], water)


def coast() -> None:
    """Hills on the horizon."""
    far = material("far hills", (0.24, 0.28, 0.52), (0.46, 0.44, 0.66), 0.16, bump=0.3)
    for seed, (x, y, width, height) in enumerate(((-34, 70, 34, 9), (8, 84, 40, 7), (44, 66, 30, 12))):
        land(f"hill {seed}", (x, y), (width, 18), height, far, seed + 20, cells=60)


def hills(height: float, cells: int = 120) -> Any:
    """Rolling fields."""
    vertices: list[Sequence[float]] = []
    for row in range(cells + 1):
        for column in range(cells + 1):
            x, y = column / cells * 160 - 80, row / cells * 100 - 14
            rise = noise.fractal(Vector((x * 0.045, y * 0.045, 3.0)), 1.0, 2.0, 3) * height * (1 + y * 0.06)
            vertices.append((x, y, rise))
    palette = ((0.30, 0.42, 0.10), (0.80, 0.66, 0.22), (0.46, 0.56, 0.16), (0.72, 0.40, 0.16), (0.56, 0.42, 0.60), (0.86, 0.78, 0.42))
    return mesh("hills", vertices, grid_faces(cells), patchwork("fields", palette, 0.24, 1.3))


def village(ground: Any) -> None:
    """Trees and cottages strewn over the fields."""
    chance = random.Random(8)
    trees(ground, [(chance.uniform(-32, 26), chance.uniform(2, 34), chance.uniform(0.7, 1.15)) for _ in range(46)], 3)
    wall = material("cottage", (0.84, 0.72, 0.5), (0.97, 0.88, 0.70), 3, bump=0.2)
    tiles = material("tiles", (0.5, 0.14, 0.07), (0.80, 0.32, 0.14), 6, stretch=(1, 1, 4), bump=0.4)
    for index in range(13):
        x, y = chance.uniform(-26, 20), chance.uniform(4, 28)
        _, place, *_ = ground.ray_cast(Vector((x, y, 50)), Vector((0, 0, -1)))
        _cottage(f"cottage {index}", place, chance.uniform(-0.6, 0.6), wall, tiles)


def _cottage(name: str, place: Vector, turn: float, wall: Any, tiles: Any) -> None:
    x, y, z, ridge = 1.3, 0.9, 1.3, 2.4
    corners: list[Sequence[float]] = [(sx * x, sy * y, h) for h in (-0.6, z) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    ends: list[Sequence[float]] = [(-x, 0, ridge), (x, 0, ridge)]
    walls: list[Sequence[int]] = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 7, 8), (5, 9, 6)]
    eaves: list[Sequence[float]] = [(sx * 1.15 * x, sy * 1.25 * y, z - 0.2) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    tops: list[Sequence[float]] = [(-1.15 * x, 0, ridge + 0.08), (1.15 * x, 0, ridge + 0.08)]
    for made in (
        mesh(name, [*corners, *ends], walls, wall, smooth=False),
        mesh(f"{name} roof", [*eaves, *tops], [(0, 1, 5, 4), (2, 3, 4, 5)], tiles, smooth=False),
    ):
        made.location, made.rotation_euler = place, (0, 0, turn)


def meadow() -> None:
    """Grass full of flowers, with bushes."""
    grass = patchwork("meadow", ((0.16, 0.34, 0.08), (0.30, 0.48, 0.12), (0.24, 0.42, 0.16), (0.40, 0.52, 0.14)), 1.1, 2.4)
    flowers(grass, ((0.98, 0.95, 0.86), (0.97, 0.78, 0.16), (0.86, 0.16, 0.14), (0.56, 0.30, 0.72), (0.96, 0.52, 0.62)))
    ground = mesh("meadow", [(-40, -20, 0), (60, -20, 0), (60, 60, 0), (-40, 60, 0)], [(0, 1, 2, 3)], grass)
    chance = random.Random(2)
    trees(ground, [(chance.uniform(-14, 16), chance.uniform(-2, 12), chance.uniform(0.25, 0.5)) for _ in range(34)], 6)


def _balloon(index: int, size: float) -> Any:
    colors = (((0.80, 0.10, 0.08), (0.98, 0.80, 0.20)), ((0.10, 0.30, 0.72), (0.96, 0.94, 0.86)),
              ((0.98, 0.56, 0.10), (0.36, 0.10, 0.44)), ((0.08, 0.52, 0.48), (0.98, 0.90, 0.52)))[index % 4]  # fmt: skip
    profile = [(0.12, -1.3), (0.45, -0.9), (0.8, -0.3), (1.0, 0.3), (0.9, 0.8), (0.55, 1.15), (0.05, 1.3)]
    silk = patchwork(f"silk {index}", colors, 2.2 / size, 4)
    return turned(f"balloon {index}", [(radius * size, z * size) for radius, z in profile], silk)


def _beacon() -> None:
    white = material("plaster", (0.80, 0.76, 0.68), (0.98, 0.95, 0.88), 6, bump=0.2)
    red = material("red paint", (0.58, 0.07, 0.05), (0.90, 0.24, 0.12), 6, bump=0.2)
    rock = material("rock", (0.26, 0.20, 0.24), (0.62, 0.50, 0.44), 2.4, bump=0.9)
    land("rock", (0, 0), (2.4, 1.2), 0.5, rock, 8)
    bands, height, radius = 7, 4.4, 0.5
    for band in range(bands):
        low, high = height * band / bands, height * (band + 1) / bands
        part = turned(f"band {band}", [(radius, low), (radius, high)], red if band % 2 else white)
        part.pass_index = BEACON
    roof = turned("cap", [(radius * 1.06, height), (radius * 0.6, height + 0.5), (0.03, height + 0.8)], red)
    roof.pass_index = BEACON


def _ship(depth: float) -> None:
    """A square-rigged ship whose sail is wider than two steps and the beacon together, and narrower than four steps less the beacon."""
    sail = patchwork("sail", ((0.93, 0.46, 0.10), (0.99, 0.80, 0.36), (0.86, 0.24, 0.10), (0.97, 0.90, 0.72)), 1.5, 3.0)
    hull = material("hull", (0.26, 0.10, 0.05), (0.56, 0.26, 0.10), 5, stretch=(0.5, 1, 4))
    step = 16.5 * depth / FOCAL
    width, height, low = 3.02 * step, 5.6, 0.75
    handle = bpy.data.objects.new("ship", None)
    bpy.context.scene.collection.objects.link(handle)
    cells = 12
    vertices: list[Sequence[float]] = []
    for row in range(cells + 1):
        for column in range(cells + 1):
            u, v = column / cells, row / cells
            vertices.append(((u - 0.5) * width, -0.35 * math.sin(math.pi * u) * math.sin(math.pi * v), low + v * height))
    x, y, z = width * 0.56, 0.5, 0.95
    planks: list[Sequence[float]] = [
        (-x, 0, z + 0.3), (-x * 0.7, -y, -0.3), (x * 0.7, -y, -0.3), (x, 0, z + 0.3), (x * 0.7, -y, z), (-x * 0.7, -y, z),
    ]  # fmt: skip
    sides: list[Sequence[int]] = [(0, 1, 5), (1, 2, 4, 5), (2, 3, 4)]
    for part in (mesh("sail", vertices, grid_faces(cells), sail), mesh("hull", planks, sides, hull, smooth=False)):
        part.parent = handle
    middle = (HIDDEN[0] + HIDDEN[-1]) / 2
    handle.location = (-middle * step, depth - FAR, 0)
    moving(handle, velocity=(step, 0, 0))


def patchwork(name: str, palette: Sequence[Color], scale: float, grain: float) -> Any:
    """Cells of the palette's colors, each with a grain of its own."""
    made = material(name, (0, 0, 0), (1, 1, 1), grain, bump=0.35)
    nodes, links = made.node_tree.nodes, made.node_tree.links
    shader, texture = nodes["Principled BSDF"], next(node for node in nodes if node.type == "TEX_NOISE")
    texture.inputs["Detail"].default_value = 6.0
    place = next(node for node in nodes if node.type == "TEX_COORD")
    cells, ramp = nodes.new("ShaderNodeTexVoronoi"), nodes.new("ShaderNodeValToRGB")
    cells.inputs["Scale"].default_value = scale
    ramp.color_ramp.interpolation = "CONSTANT"
    while len(ramp.color_ramp.elements) < len(palette):
        ramp.color_ramp.elements.new(1.0)
    for index, (element, color) in enumerate(zip(ramp.color_ramp.elements, palette, strict=True)):
        element.position, element.color = index / len(palette), (*_linear(color), 1)
    grained = nodes.new("ShaderNodeMixRGB")
    grained.blend_type = "MULTIPLY"
    grained.inputs["Fac"].default_value = 0.75
    tone = nodes.new("ShaderNodeMapRange")
    tone.inputs["From Min"].default_value, tone.inputs["From Max"].default_value = 0.3, 0.7
    tone.inputs["To Min"].default_value, tone.inputs["To Max"].default_value = 0.45, 1.25
    links.new(place.outputs["Object"], cells.inputs["Vector"])
    links.new(cells.outputs["Color"], ramp.inputs[0])
    links.new(texture.outputs[0], tone.inputs["Value"])
    links.new(ramp.outputs["Color"], grained.inputs["Color1"])
    links.new(tone.outputs["Result"], grained.inputs["Color2"])
    links.new(grained.outputs["Color"], shader.inputs["Base Color"])
    _matte(made)
    return made


def flowers(ground: Any, palette: Sequence[Color], scale: float = 3.4, radius: float = 0.33) -> None:
    """Dots of the palette's colors, one in each cell of a random pattern, on the material `ground`."""
    nodes, links = ground.node_tree.nodes, ground.node_tree.links
    shader = nodes["Principled BSDF"]
    below = shader.inputs["Base Color"].links[0].from_socket
    place = next(node for node in nodes if node.type == "TEX_COORD")
    cells, dot, ramp, mix = (nodes.new(f"ShaderNode{kind}") for kind in ("TexVoronoi", "MapRange", "ValToRGB", "MixRGB"))
    cells.inputs["Scale"].default_value = scale
    dot.inputs["From Min"].default_value, dot.inputs["From Max"].default_value = radius, radius * 0.7
    ramp.color_ramp.interpolation = "CONSTANT"
    while len(ramp.color_ramp.elements) < len(palette):
        ramp.color_ramp.elements.new(1.0)
    for index, (element, color) in enumerate(zip(ramp.color_ramp.elements, palette, strict=True)):
        element.position, element.color = index / len(palette), (*_linear(color), 1)
    links.new(place.outputs["Object"], cells.inputs["Vector"])
    links.new(cells.outputs["Distance"], dot.inputs["Value"])
    links.new(cells.outputs["Color"], ramp.inputs[0])
    links.new(dot.outputs["Result"], mix.inputs["Fac"])
    links.new(below, mix.inputs["Color1"])
    links.new(ramp.outputs["Color"], mix.inputs["Color2"])
    links.new(mix.outputs["Color"], shader.inputs["Base Color"])


def _backdrop(distance: float) -> None:
    """A painted sky on a wall, so that it has exact vectors as everything has."""
    made = bpy.data.materials.new("sky")
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    nodes.clear()
    place, split, ramp = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeSeparateXYZ"), nodes.new("ShaderNodeValToRGB")
    mapping, clouds, cloud_ramp = nodes.new("ShaderNodeMapping"), nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeValToRGB")
    mix, shine, output = nodes.new("ShaderNodeMixRGB"), nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    stops = ((0.0, (0.98, 0.72, 0.34)), (0.16, (0.97, 0.82, 0.56)), (0.42, (0.45, 0.72, 0.86)), (1.0, (0.10, 0.34, 0.74)))
    while len(ramp.color_ramp.elements) < len(stops):
        ramp.color_ramp.elements.new(1.0)
    for element, (position, color) in zip(ramp.color_ramp.elements, stops, strict=True):
        element.position, element.color = position, (*_linear(color), 1)
    mapping.inputs["Scale"].default_value = (0.055, 1, 0.13)
    clouds.inputs["Scale"].default_value, clouds.inputs["Detail"].default_value = 1.0, 6.0
    cloud_ramp.color_ramp.elements[0].position, cloud_ramp.color_ramp.elements[1].position = 0.46, 0.64
    mix.inputs["Color2"].default_value = (*_linear((1.0, 0.93, 0.82)), 1)
    links.new(place.outputs["Generated"], split.inputs[0])
    links.new(split.outputs["Z"], ramp.inputs[0])
    links.new(place.outputs["Object"], mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], clouds.inputs["Vector"])
    links.new(clouds.outputs[0], cloud_ramp.inputs[0])
    links.new(cloud_ramp.outputs["Color"], mix.inputs["Fac"])
    links.new(ramp.outputs["Color"], mix.inputs["Color1"])
    links.new(mix.outputs["Color"], shine.inputs["Color"])
    links.new(shine.outputs["Emission"], output.inputs["Surface"])
    across, up = 2.0 * distance, 0.55 * distance
    mesh("sky", [(-across, distance, -4), (across, distance, -4), (across, distance, up), (-across, distance, up)], [(0, 1, 2, 3)], made)


def _matte(made: Any) -> None:
    made.node_tree.nodes["Principled BSDF"].inputs["Specular IOR Level"].default_value = 0.0


def _linear(color: Color) -> Color:
    r, g, b = ((c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in color)
    return r, g, b


# Motion


def camera(place: Sequence[float], target: Sequence[float]) -> Any:
    """A camera at `place` that looks at `target`."""
    made = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    made.data.lens = made.data.sensor_width * FOCAL / WIDTH
    made.data.clip_end = 1000
    bpy.context.scene.collection.objects.link(made)
    bpy.context.scene.camera = made
    made.location = place
    made.rotation_euler = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    return made


def moving(made: Any, *, velocity: Sequence[float], rotation: Sequence[float] = (0, 0, 0)) -> None:
    """Move the object evenly, `velocity` units and `rotation` radians a frame, from where it stands in frame 0."""
    place, angles = Vector(made.location), Vector(made.rotation_euler)
    # A key in every frame, because how the motion between keys eases is a preference; and beyond both ends, for the vectors there.
    for frame in range(-1, FRAMES + 3):
        made.location = place + frame * Vector(velocity)
        made.rotation_euler = angles + frame * Vector(rotation)
        made.keyframe_insert("location", frame=frame)
        made.keyframe_insert("rotation_euler", frame=frame)


# Rendering


def build(name: str) -> None:
    """The scene `name` alone in a new file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    world = bpy.data.worlds.new("light of the sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.42, 0.58, 0.85, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.8
    light()
    SCENES[name]()


def render(folder: Path, first: int, last: int) -> None:
    """The frames as shown under the Standard view: folder/shot_####.png."""
    scene = _setup(first, last)
    cycles = scene.cycles
    cycles.samples, cycles.seed = 32, 0
    cycles.use_denoising, cycles.denoising_quality, cycles.denoising_prefilter = True, "FAST", "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 1, 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(folder / "shot_")
    bpy.ops.render.render(animation=True)


def render_vectors(folder: Path, name: str, first: int, last: int) -> None:
    """One exact sample per pixel: folder/`name`_####.exr with the passes Vector and object index."""
    scene = _setup(first, last)
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising, cycles.max_bounces = 1, False, 0
    cycles.filter_width = 0.01
    layer = scene.view_layers[0]
    layer.use_pass_vector = layer.use_pass_object_index = True
    output = scene.render.image_settings
    if hasattr(output, "media_type"):
        output.media_type = "MULTI_LAYER_IMAGE"
    output.file_format, output.color_depth = "OPEN_EXR_MULTILAYER", "32"
    scene.render.filepath = str(folder / f"{name}_")
    bpy.ops.render.render(animation=True)


def _setup(first: int, last: int) -> Any:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = first, last
    scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
    scene.render.use_motion_blur = False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = WIDTH, HEIGHT, 100
    return scene


def make(name: str, folder: Path) -> None:
    """Render the scene `name` into `folder`."""
    build(name)
    folder.mkdir(parents=True, exist_ok=True)
    moves = name != "still"
    last = FRAMES if moves else 1
    render(folder, 1, last)
    render_vectors(folder, "vectors", 1, last)
    for number in () if moves else range(2, STILL_FRAMES + 1):
        for kind in ("shot_{:04d}.png", "vectors_{:04d}.exr"):
            shutil.copyfile(folder / kind.format(1), folder / kind.format(number))
    if name == "hidden":
        for part in ("sail", "hull"):
            bpy.data.objects[part].hide_render = True
        render_vectors(folder, "object", HIDDEN[0] - 1, HIDDEN[-1] + 1)


if __name__ == "__main__":
    for scene_name in sys.argv[2:] or SCENES:
        make(scene_name, Path(sys.argv[1]) / scene_name)
