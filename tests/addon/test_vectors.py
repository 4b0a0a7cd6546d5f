# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of scene strips: what Blender renders of it, read as the engine reads it, and when it cannot be used."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.build_extension import ROOT
from tests.blender import HEIGHT, SHIFTS, WIDTH, stage

# Prints forward and backward flow of each file, at the middle of the plane and in a corner.
_READ = """
import json, sys
sys.path.insert(0, sys.argv[1])
from core.flow_files import read_vectors
for path in sys.argv[2:]:
    both = read_vectors(path)
    height, width = both[0].shape[:2]
    print(json.dumps([[[height, width], flow[height // 2, width // 2].tolist(), flow[1, 1].tolist()] for flow in both]))
"""


@pytest.fixture
def strip(scene: Any) -> Any:
    """A strip of the scene `stage`, whose content begins at timeline frame 100."""
    strip = scene.sequence_editor.strips.new_scene("take", stage(scene), 2, 100)
    scene.sequence_editor.active_strip = strip
    return strip


def rendered(scene: Any, strip: Any, folder: Path, engine_python: str) -> dict[int, Any]:
    """Content frame -> (forward, backward), each (size, at the plane, at the wall), of the strip's vectors."""
    from bl_ext.user_default.brushflow.addon import source, vectors

    assert vectors.obstacle(strip) == ""
    found = source.find_source(scene, strip)
    source.save_copy(folder / "project.blend")
    task = found.task("vectors", strip.name, folder / "motion", "motion")
    done = subprocess.run(source.extraction_command([task], folder / "project.blend"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    files = {frame: str(folder / "motion" / f"motion_{frame:04d}.exr") for frame in range(found.first, found.last + 1)}
    read = subprocess.run([engine_python, "-c", _READ, str(ROOT), *files.values()], capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    return dict(zip(files, map(json.loads, read.stdout.splitlines()), strict=True))


def test_vectors_are_the_known_motion_of_the_frames_that_are_painted(
    scene: Any, strip: Any, tmp_path: Path, engine_python: str
) -> None:
    from bl_ext.user_default.brushflow.addon import compat

    # What an artist may have set for the picture must not reach the vectors.
    strip.scene.render.use_motion_blur = True
    strip.scene.camera.data.dof.use_dof, strip.scene.camera.data.dof.aperture_fstop = True, 0.1
    strip.scene.cycles.samples = 64
    compat.set_handles(strip, 101, 104)
    found = rendered(scene, strip, tmp_path, engine_python)
    assert list(found) == [2, 3, 4]
    for frame, ((size, forward, rest), (_, backward, _)) in found.items():
        assert size == [HEIGHT, WIDTH]
        np.testing.assert_allclose(forward, np.subtract(SHIFTS[frame], SHIFTS[frame - 1]), atol=0.01)
        np.testing.assert_allclose(backward, np.subtract(SHIFTS[frame - 2], SHIFTS[frame - 1]), atol=0.01)
        np.testing.assert_allclose(rest, 0, atol=1e-3)


def test_vectors_follow_a_strips_own_camera_and_a_scene_that_is_scaled_to_the_frame(
    scene: Any, strip: Any, tmp_path: Path, engine_python: str
) -> None:
    import bpy

    near = bpy.data.objects.new("near", bpy.data.cameras.new("near"))
    near.location.z = 5
    strip.scene.collection.objects.link(near)
    strip.scene.timeline_markers.new("cut", frame=5).camera = strip.scene.camera
    strip.scene_camera = near
    strip.scene.render.resolution_percentage = 50
    strip.transform.scale_x = strip.transform.scale_y = 2
    (size, _, _), _ = rendered(scene, strip, tmp_path, engine_python)[2]
    assert size == [HEIGHT // 2, WIDTH // 2]
    strip.scene.render.resolution_percentage = 100
    strip.transform.scale_x = strip.transform.scale_y = 1
    (_, forward, _), _ = rendered(scene, strip, tmp_path, engine_python)[2]
    np.testing.assert_allclose(forward, np.multiply(2, np.subtract(SHIFTS[2], SHIFTS[1])), atol=0.02)


def make_flipped(strip: Any) -> None:
    strip.use_flip_x = True


def make_strobed(strip: Any) -> None:
    strip.strobe = 2


def make_moved(strip: Any) -> None:
    strip.transform.offset_x = 5


def make_moving(strip: Any) -> None:
    strip.transform.keyframe_insert("offset_x", frame=100)


def make_cropped(strip: Any) -> None:
    strip.crop.max_y = 2


def make_small(strip: Any) -> None:
    strip.scene.render.resolution_percentage = 50


def make_sequence(strip: Any) -> None:
    strip.scene_input = "SEQUENCER"


def make_stereo(strip: Any) -> None:
    strip.scene.render.use_multiview = True


def make_region(strip: Any) -> None:
    strip.scene.render.use_border = strip.scene.render.use_crop_to_border = True


def make_drawn(strip: Any) -> None:
    import bpy

    drawings = bpy.data.grease_pencils_v3 if hasattr(bpy.data, "grease_pencils_v3") else bpy.data.grease_pencils
    strip.scene.collection.objects.link(bpy.data.objects.new("drawing", drawings.new("drawing")))


def make_distorted(strip: Any) -> None:
    import bpy

    scene = strip.scene
    if hasattr(scene, "compositing_node_group"):
        tree = scene.compositing_node_group = bpy.data.node_groups.new("comp", "CompositorNodeTree")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
    tree.nodes.new("CompositorNodeLensdist")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (make_flipped, "the strip is flipped"),
        (make_strobed, "strobed"),
        (make_moved, "the strip is moved"),
        (make_moving, "the strip is moved"),
        (make_cropped, "cropped"),
        (make_small, "another size than the frame"),
        (make_sequence, "the strip shows the sequencer of its scene"),
        (make_stereo, "the scene 'stage' is rendered in stereo"),
        (make_region, "only a region of the scene 'stage' is rendered"),
        (make_drawn, "Grease Pencil drawings"),
        (make_distorted, "the compositor of the scene 'stage' moves its picture"),
    ],
)
def test_motion_that_is_not_that_of_the_picture_is_estimated_instead_or_refused(
    change: Callable[[Any], None], reason: str, strip: Any
) -> None:
    from bl_ext.user_default.brushflow.addon import Refused
    from bl_ext.user_default.brushflow.addon.motion import find_motion

    settings = default_settings()
    assert find_motion(strip, settings, (), range(100, 105)).rendered
    change(strip)
    motion = find_motion(strip, settings, (), range(100, 105))
    assert not motion.rendered
    assert motion.warning.startswith("The motion is estimated instead of taken from the scene, because ")
    assert reason in motion.warning
    strip.brushflow.flow = "vectors"
    with pytest.raises(Refused, match=reason):
        find_motion(strip, {**settings, "flow": "vectors"}, (), range(100, 105))


def default_settings() -> dict[str, Any]:
    from core.settings import Settings

    return Settings().as_dict()


def test_an_orthographic_camera_that_moves_is_trusted_where_blender_gets_it_right(strip: Any) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import vectors

    camera = strip.scene.camera
    camera.data.type = "ORTHO"
    assert vectors.obstacle(strip) == ""
    parent = bpy.data.objects.new("dolly", None)
    strip.scene.collection.objects.link(parent)
    camera.parent = parent
    parent.keyframe_insert("location", frame=5)
    assert ("orthographic camera" in vectors.obstacle(strip)) is (bpy.app.version < (5, 2))


def test_motion_is_rendered_only_where_it_is_looked_at(strip: Any) -> None:
    from bl_ext.user_default.brushflow.addon.motion import Motion, find_motion

    alone = {**default_settings(), "temporal_weight": 0.0, "init": "content"}
    assert find_motion(strip, alone, (), range(100, 105)) == Motion()
    assert find_motion(strip, alone, {"temporal_weight"}, range(100, 105)).rendered
    assert find_motion(strip, default_settings(), (), range(100, 101)) == Motion()
    assert find_motion(strip, {**default_settings(), "flow": "dis"}, (), range(100, 105)) == Motion()


def test_given_files_are_named_in_the_job_and_must_be_named_by_the_user(
    project: Path, image_strip: Callable[..., Any]
) -> None:
    from bl_ext.user_default.brushflow.addon import Refused
    from bl_ext.user_default.brushflow.addon.motion import find_motion

    strip = image_strip()
    group, settings = strip.brushflow, default_settings()
    group.flow = settings["flow"] = "files"
    group.flow_forward = "//flow/forward_####.flo"
    with pytest.raises(Refused, match="Name the files of the flow, forward and backward"):
        find_motion(strip, settings, (), range(10, 13))
    group.flow_backward = "//flow/backward_####.flo"
    folder = project.parent / "flow"
    assert find_motion(strip, settings, (), range(10, 13)).entry(Path()) == {
        "forward": str(folder / "forward_####.flo"), "backward": str(folder / "backward_####.flo"),
    }  # fmt: skip
    group.flow = settings["flow"] = "vectors"
    with pytest.raises(Refused, match="only scene strips render by themselves"):
        find_motion(strip, settings, (), range(10, 13))
    group.flow_vectors = "//render/shot_####.exr"
    assert find_motion(strip, settings, (), range(10, 13)).entry(Path()) == {"vectors": str(project.parent / "render" / "shot_####.exr")}
