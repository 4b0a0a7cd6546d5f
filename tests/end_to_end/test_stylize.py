# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a strip to an EXR strip, headless, through the operator and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.blender import HEIGHT, WIDTH, encoded, quick, read_image, render, stage, write_image

pytestmark = pytest.mark.usefixtures("weights", "engine")


def stylize() -> set[str]:
    import bpy

    return bpy.ops.sequencer.brushflow_stylize()


def test_an_image_strip_becomes_an_exr_strip_above_it(project: Path, scene: Any, prepared: Any) -> None:
    from bl_ext.user_default.brushflow.addon import compat

    assert stylize() == {"FINISHED"}
    result = scene.sequence_editor.strips["shot [stripes]"]
    folder = project.parent / "brushflow" / "shot"
    assert sorted(path.name for path in folder.glob("*.exr")) == [f"shot_{frame:04d}.exr" for frame in (1, 2, 3)]
    assert [element.filename for element in result.elements] == [f"shot_{frame:04d}.exr" for frame in (1, 2, 3)]
    assert result.directory == "//brushflow/shot/"
    assert (compat.left_handle(result), compat.right_handle(result)) == (10, 13)
    assert result.channel == prepared.channel + 1
    assert prepared.mute
    assert (result.colorspace_settings.name, result.alpha_mode) == ("Linear Rec.709", "PREMUL")
    job = json.loads((folder / "job.json").read_text())
    assert job["id"] == prepared.brushflow.job_id
    source = read_image(Path(prepared.directory) / "shot_0101.png")
    painted = read_image(folder / "shot_0001.exr")
    assert painted.shape == source.shape
    assert np.abs(painted - source).mean() > 0.02


def test_the_result_is_shown_as_it_was_painted(scene: Any, prepared: Any, tmp_path: Path) -> None:
    scene.view_settings.view_transform = "Standard"
    assert stylize() == {"FINISHED"}
    painted = read_image(tmp_path / "brushflow" / "shot" / "shot_0002.exr")[..., :3]
    expected = encoded(painted)
    shown = render(scene, 11, tmp_path / "shown.png", linear=False)[..., :3]
    assert np.abs(shown - expected.clip(0, 1)).max() <= 1.01 / 255


def test_the_same_settings_keep_all_frames_and_others_make_a_version(scene: Any, prepared: Any, tmp_path: Path) -> None:
    from bl_ext.user_default.brushflow.addon import queue, worker
    from bl_ext.user_default.brushflow.addon.order import take

    stylize()
    before = {path: path.read_bytes() for path in (tmp_path / "brushflow").rglob("*.exr")}
    job = worker.Job(take(scene, prepared))
    queue.run(job)
    assert (job.progress.painted, job.progress.kept) == (0, 3)
    assert {path: path.read_bytes() for path in before} == before
    assert len(scene.sequence_editor.strips) == 2

    prepared.brushflow_style_weight = 300
    assert stylize() == {"FINISHED"}
    second = scene.sequence_editor.strips["shot [stripes] v002"]
    assert second.directory == "//brushflow/shot/v002/"
    assert {path: path.read_bytes() for path in before} == before

    prepared.brushflow_style_weight, prepared.brushflow.existing = 500, "REPLACE"
    old = (tmp_path / "brushflow" / "shot" / "v002" / "shot_0001.exr").read_bytes()
    assert stylize() == {"FINISHED"}
    assert (tmp_path / "brushflow" / "shot" / "v002" / "shot_0001.exr").read_bytes() != old
    assert len(scene.sequence_editor.strips) == 3


def test_a_movie_strip_is_rendered_frame_by_frame_and_its_copy_thrown_away(project: Path, scene: Any, painting: Path, data: Path) -> None:
    from bl_ext.user_default.brushflow.addon import compat

    scene.render.resolution_x, scene.render.resolution_y = 96, 40
    strip = scene.sequence_editor.strips.new_movie("bikes", str(data / "clips" / "bikes.mp4"), 2, 1, fit_method="FIT")
    scene.sequence_editor.active_strip = strip
    quick(strip, painting)
    compat.set_handles(strip, 50, 53)
    strip.brushflow.styles[0].weight = 2
    assert stylize() == {"FINISHED"}
    folder = project.parent / "brushflow" / "bikes"
    assert sorted(path.name for path in folder.glob("*.exr")) == [f"bikes_{frame:04d}.exr" for frame in (50, 51, 52)]
    assert not (folder / "cache" / "source").exists()
    assert read_image(folder / "bikes_0050.exr").shape == (40, 96, 4)
    result = scene.sequence_editor.strips["bikes [stripes]"]
    assert (result.channel, compat.left_handle(result), compat.right_handle(result)) == (3, 50, 53)


def test_keyframed_strength_paints_the_source_itself_where_it_is_zero(scene: Any, prepared: Any, tmp_path: Path) -> None:
    for frame, strength in ((10, 0.0), (12, 1.0)):
        prepared.brushflow_strength = strength
        prepared.keyframe_insert("brushflow_strength", frame=frame)
    assert stylize() == {"FINISHED"}
    source = read_image(Path(prepared.directory) / "shot_0101.png")[..., :3]
    linear = np.where(source <= 0.04045, source / 12.92, ((source + 0.055) / 1.055) ** 2.4)
    folder = tmp_path / "brushflow" / "shot"
    assert np.abs(read_image(folder / "shot_0001.exr")[..., :3] - linear).max() < 1e-3
    assert np.abs(read_image(folder / "shot_0003.exr")[..., :3] - linear).max() > 0.02


def test_the_engines_own_words_are_reported_when_it_refuses(scene: Any, prepared: Any, tmp_path: Path) -> None:
    (tmp_path / "plates" / "shot_0102.png").write_bytes(b"no picture")
    with pytest.raises(RuntimeError, match=r"shot_0102\.png"):
        stylize()
    assert len(scene.sequence_editor.strips) == 1
    assert not prepared.mute


def run(scene: Any, strip: Any) -> Any:
    """Paint a strip; returns its job."""
    from bl_ext.user_default.brushflow.addon import queue, worker
    from bl_ext.user_default.brushflow.addon.order import take

    job = worker.Job(take(scene, strip))
    queue.run(job)
    assert job.state == "done", job.progress.message
    return job


def test_a_scene_strip_is_painted_along_its_own_exact_motion(project: Path, scene: Any, painting: Path) -> None:
    strip = scene.sequence_editor.strips.new_scene("take", stage(scene), 1, 20)
    quick(strip, painting)
    strip.brushflow.frame_range, strip.brushflow.frame_start, strip.brushflow.frame_end = "CUSTOM", 21, 23
    assert run(scene, strip).progress.warnings == []
    folder = project.parent / "brushflow" / "take"
    job = json.loads((folder / "job.json").read_text())
    assert job["flow"] == {"vectors": str(folder / "cache" / "source" / "motion" / "motion_####.exr")}
    assert sorted(path.name for path in folder.glob("*.exr")) == [f"take_{frame:04d}.exr" for frame in (2, 3, 4)]
    assert not (folder / "cache" / "source").exists()
    assert read_image(folder / "take_0003.exr")[..., :3].std() > 0.01

    # Again, all frames are kept, though the motion was rendered anew.
    assert run(scene, strip).progress.kept == 3

    strip.use_flip_x = True
    job = run(scene, strip)
    assert "the strip is flipped" in " ".join(job.progress.warnings)
    assert "flow" not in json.loads(job.order.job_file.read_text())


def test_a_scene_whose_motion_cannot_be_rendered_is_painted_with_estimated_motion(
    project: Path, scene: Any, painting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bl_ext.user_default.brushflow.addon.order import Order

    strip = scene.sequence_editor.strips.new_scene("take", stage(scene), 1, 20)
    quick(strip, painting)
    strip.brushflow.frame_range, strip.brushflow.frame_start, strip.brushflow.frame_end = "CUSTOM", 21, 22
    # In the middle of its work the second Blender finds nothing under this name.
    tasks = Order.tasks.fget
    monkeypatch.setattr(
        Order, "tasks", property(lambda self: [replace(task, strip="gone") if task.kind == "vectors" else task for task in tasks(self)])
    )
    job = run(scene, strip)
    assert job.progress.warnings[0].endswith("because Blender could not render its motion vectors.")
    assert job.progress.painted == 2
    strip.brushflow.flow, scene.sequence_editor.active_strip = "vectors", strip
    with pytest.raises(RuntimeError, match="Blender could not render the scene's motion"):
        stylize()


def test_a_matte_strip_leaves_the_source_untouched_outside_of_it(project: Path, scene: Any, prepared: Any, tmp_path: Path) -> None:
    rgba = np.ones((HEIGHT, WIDTH, 4), np.float32)
    rgba[:, WIDTH // 2 :, :3] = 0
    key = scene.sequence_editor.strips.new_image("key", str(write_image(tmp_path / "key.png", rgba)), 5, 1, fit_method="ORIGINAL")
    from bl_ext.user_default.brushflow.addon import compat

    compat.set_handles(key, 1, 50)
    key.mute = True
    prepared.brushflow.matte, prepared.brushflow.matte_strip = "STRIP", "key"
    run(scene, prepared)
    source = read_image(Path(prepared.directory) / "shot_0102.png")[..., :3]
    painted = encoded(read_image(tmp_path / "brushflow" / "shot" / "shot_0002.exr")[..., :3])
    difference = np.abs(painted - source)
    assert difference[:, WIDTH // 2 + 2 :].max() < 2 / 255
    assert difference[:, : WIDTH // 2 - 4].mean() > 0.02


def test_several_passes_with_debug_pictures_lay_only_the_painted_frames(scene: Any, prepared: Any, tmp_path: Path) -> None:
    from bl_ext.user_default.brushflow.addon.order import take

    group = prepared.brushflow
    group.passes, group.temporal_from_pass, group.debug = 2, 2, True
    job = run(scene, prepared)
    assert (job.progress.passes, job.progress.painted) == (2, 3)
    assert job.progress.factor == 1
    folder = tmp_path / "brushflow" / "shot"
    assert (folder / "shot_debug_0002.exr").is_file()
    result = scene.sequence_editor.strips["shot [stripes]"]
    assert [element.filename for element in result.elements] == [f"shot_{frame:04d}.exr" for frame in (1, 2, 3)]
    # A folder that holds nothing but debug pictures is free to be painted into.
    for path in [*(folder.glob("shot_0*.exr")), folder / "job.json"]:
        path.unlink()
    assert take(scene, prepared).folder == folder


@pytest.mark.parametrize(("between", "is_held"), [("held", True), ("warped", False)])
def test_on_twos_every_frame_is_laid_and_those_in_between_are_held_or_move(
    scene: Any, prepared: Any, tmp_path: Path, between: str, is_held: bool
) -> None:
    prepared.brushflow.every, prepared.brushflow.between = 2, between
    job = run(scene, prepared)
    assert (job.progress.painted, job.progress.factor) == (3, 1)
    result = scene.sequence_editor.strips["shot [stripes]"]
    assert [element.filename for element in result.elements] == [f"shot_{frame:04d}.exr" for frame in (1, 2, 3)]
    first, second, third = (read_image(tmp_path / "brushflow" / "shot" / f"shot_{frame:04d}.exr") for frame in (1, 2, 3))
    assert np.array_equal(first, second) == is_held and not np.array_equal(second, third)
