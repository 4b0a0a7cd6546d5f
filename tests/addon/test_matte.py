# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.blender import HEIGHT, WIDTH, effect_length, encoded, read_image, write_image

MakeStrip = Callable[..., Any]


@pytest.fixture
def matte(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import matte

    return matte


@pytest.fixture
def refused(extension: None) -> type[Exception]:
    from bl_ext.user_default.brushflow.addon import Refused

    return Refused


@pytest.fixture
def strip(project: Path, image_strip: MakeStrip) -> Any:
    return image_strip(count=3, start=10)


def mask_strip(scene: Any, name: str = "rider", start: int = 1, length: int = 40) -> Any:
    """A strip of a mask that covers the left half at half opacity."""
    import bpy

    mask = bpy.data.masks.new(name)
    mask.frame_start, mask.frame_end = 1, length + 1
    layer = mask.layers.new(name="half")
    layer.alpha = 0.5
    spline = layer.splines.new()
    spline.points.add(3)
    for point, corner in zip(spline.points, ((0, 0), (0.5, 0), (0.5, 1), (0, 1)), strict=True):
        point.co, point.handle_type = corner, "VECTOR"
    spline.use_cyclic = True
    return scene.sequence_editor.strips.new_mask(name, mask, 4, start)


def choose(strip: Any, name: str) -> None:
    strip.brushflow.matte, strip.brushflow.matte_strip = "STRIP", name


def render_matte(scene: Any, strip: Any, folder: Path) -> list[np.ndarray]:
    """The matte's files, as the engine gets them."""
    from bl_ext.user_default.brushflow.addon import source
    from bl_ext.user_default.brushflow.addon.matte import find_matte

    found = source.find_source(scene, strip)
    chosen = find_matte(strip, found.timeline_frames)
    assert chosen
    source.save_copy(folder / "project.blend")
    task = found.task("matte", chosen.strip, folder / "matte", chosen.name)
    done = subprocess.run(source.extraction_command([task], folder / "project.blend"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [read_image(folder / "matte" / f"{chosen.name}_{frame:04d}.exr") for frame in range(found.first, found.last + 1)]


@pytest.mark.parametrize("use_float", [False, True])
def test_a_mask_strip_is_rendered_gray_for_the_very_frames_that_are_painted(
    scene: Any, strip: Any, tmp_path: Path, use_float: bool
) -> None:
    chosen = mask_strip(scene)
    chosen.use_float, chosen.mute, chosen.lock = use_float, True, True
    choose(strip, "rider")
    frames = render_matte(scene, strip, tmp_path / "cache")
    assert len(frames) == 3
    for frame in frames:
        assert frame.shape == (HEIGHT, WIDTH, 4)
        np.testing.assert_allclose(encoded(frame[:, : WIDTH // 2 - 2, :3]), 0.5, atol=0.01)
        np.testing.assert_allclose(frame[:, WIDTH // 2 + 2 :, :3], 0, atol=1e-3)


def test_any_picture_can_be_a_matte_and_what_is_transparent_in_it_is_outside(
    scene: Any, strip: Any, image_strip: MakeStrip, tmp_path: Path
) -> None:
    files = []
    for index in range(4):
        rgba = np.ones((HEIGHT, WIDTH, 4), np.float32)
        rgba[:, 10 + 10 * index :, 3] = 0
        files.append(write_image(tmp_path / "mattes" / f"key_{index + 1:04d}.png", rgba))
    image_strip(name="key", start=9, files=files)
    choose(strip, "key")
    frames = render_matte(scene, strip, tmp_path / "cache")
    # The strip begins at timeline frame 10, where the matte shows its second picture.
    widths = [int((frame[0, :, :3].min(1) > 0.99).sum()) for frame in frames]
    assert widths == [20, 30, 40]
    assert all(frame[:, 45:, :3].max() == 0 for frame in frames)


def test_the_matte_is_rendered_from_the_project_as_it_was_though_the_frames_came_first(
    scene: Any, strip: Any, tmp_path: Path
) -> None:
    from bl_ext.user_default.brushflow.addon import source

    mask_strip(scene)
    strip.use_flip_x = True
    found = source.find_source(scene, strip)
    source.save_copy(tmp_path / "cache" / "project.blend")
    tasks = [found.task("frames", "shot", tmp_path / "cache", "shot"), found.task("matte", "rider", tmp_path / "cache", "rider")]
    done = subprocess.run(
        source.extraction_command(tasks, tmp_path / "cache" / "project.blend"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [done.stdout.count(f'"extracted", "kind": "{kind}"') for kind in ("frames", "matte")] == [3, 3]
    assert read_image(tmp_path / "cache" / "shot_0001.exr")[..., :3].max() > 0.5
    np.testing.assert_allclose(encoded(read_image(tmp_path / "cache" / "rider_0001.exr")[:, 2:28, :3]), 0.5, atol=0.01)


def test_the_jobs_entry_names_the_files_or_the_alpha(matte: Any, scene: Any, strip: Any) -> None:
    assert matte.find_matte(strip, range(10, 13)) is None
    strip.brushflow.matte = "ALPHA"
    assert matte.find_matte(strip, range(10, 13)).entry(Path("m")) == {"source": "alpha", "invert": False}
    mask_strip(scene, name="rider: 1")
    choose(strip, "rider: 1")
    strip.brushflow.matte_invert = True
    entry = matte.find_matte(strip, range(10, 13)).entry(Path("m"))
    assert entry == {"source": "frames", "pattern": str(Path("m", "rider_ 1_####.exr")), "invert": True}


def test_a_matte_that_is_too_short_missing_or_no_picture_is_refused(
    matte: Any, refused: type[Exception], scene: Any, strip: Any
) -> None:
    mask_strip(scene, start=11, length=20)
    choose(strip, "rider")
    with pytest.raises(refused, match="'rider' is seen on frames 11-30, but frames 10-12 are painted; make it as long"):
        matte.find_matte(strip, range(10, 13))
    assert matte.find_matte(strip, range(11, 13)).strip == "rider"
    scene.sequence_editor.strips["rider"].name = "gone"
    with pytest.raises(refused, match="There is no strip 'rider' for the matte"):
        matte.find_matte(strip, range(11, 13))
    choose(strip, "")
    assert matte.obstacle(strip) == "Choose the strip that is the matte."
    choose(strip, "shot")
    assert "cannot be its own matte" in matte.obstacle(strip)
    scene.sequence_editor.strips.new_effect(name="grade", type="ADJUSTMENT", channel=6, frame_start=1, **effect_length(9))
    choose(strip, "grade")
    assert "is a strip of the type Adjustment" in matte.obstacle(strip)


def test_missing_files_of_a_matte_are_named(
    matte: Any, refused: type[Exception], strip: Any, image_strip: MakeStrip, tmp_path: Path
) -> None:
    files = [write_image(tmp_path / "mattes" / f"key_{index}.png", np.ones((HEIGHT, WIDTH, 4), np.float32)) for index in range(4)]
    image_strip(name="key", start=9, files=files)
    choose(strip, "key")
    files[0].unlink()
    assert matte.find_matte(strip, range(10, 13))
    files[2].unlink()
    with pytest.raises(refused, match=r"'key' lacks key_2\.png"):
        matte.find_matte(strip, range(10, 13))
