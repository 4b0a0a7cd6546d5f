# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's scenes in Blender, without rendering them. Each question gets a process of its own, since building empties the file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

HELPERS = """
import json, sys
sys.path.insert(0, "scripts")
import bpy
import benchmark_scenes as scenes
from mathutils import Vector

def at(frame):
    bpy.context.scene.frame_set(frame)
    return bpy.context.evaluated_depsgraph_get()

def say(answer):
    print("\\nanswer:" + json.dumps(answer))
"""


def ask(question: str) -> Any:
    done = subprocess.run([sys.executable, "-c", HELPERS + question], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition("answer:")[2].splitlines()[0])


def test_the_ship_hides_the_beacon_for_exactly_three_frames_and_not_in_part() -> None:
    visible = ask("""
scenes.build("hidden")
seen = {}
parts = {o.name for o in bpy.context.scene.objects if o.pass_index == scenes.BEACON}
for frame in range(1, scenes.FRAMES + 1):
    graph, eye = at(frame), bpy.context.scene.camera.location.copy()
    right = Vector((0.45, 0, 0))
    points = [side * right + Vector((0, -0.2, height)) for side in (-1, 0, 1) for height in (1.0, 2.5, 4.2)]
    hits = [bpy.context.scene.ray_cast(graph, eye, (point - eye).normalized()) for point in points]
    seen[frame] = sum(hit[0] and hit[4].name in parts for hit in hits) / len(points)
say(seen)
""")
    assert {int(frame) for frame, share in visible.items() if share == 0} == {5, 6, 7}
    assert {share for frame, share in visible.items() if int(frame) not in (5, 6, 7)} == {1.0}


def test_every_scene_has_a_perspective_camera_and_all_but_the_still_one_move_evenly() -> None:
    found = ask("""
answers = {}
for name in scenes.SCENES:
    scenes.build(name)
    camera = bpy.context.scene.camera
    places = []
    for frame in (1, 6, 11):
        at(frame)
        places.append([*camera.matrix_world.translation, *camera.matrix_world.to_euler()])
    steps = [[b - a for a, b in zip(one, other)] for one, other in zip(places, places[1:])]
    answers[name] = [camera.data.type, max(map(abs, steps[0])), max(abs(a - b) for a, b in zip(*steps))]
say(answers)
""")
    assert set(found) == {"pan", "crossing", "hidden", "fast", "still"}
    for name, (kind, step, unevenness) in found.items():
        assert kind == "PERSP"
        assert (step == 0) == (name == "still")
        assert unevenness < 1e-4
