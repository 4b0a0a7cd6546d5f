# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a strip to an EXR strip, headless, through the operator and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.blender import read_image, render

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture(autouse=True)
def engine(engine_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)


@pytest.fixture
def prepared(project: Path, painting: Path, image_strip: Callable[..., Any]) -> Any:
    """An image strip of three frames that takes seconds to paint."""
    strip = image_strip()
    quick(strip, painting)
    return strip


def quick(strip: Any, painting: Path) -> None:
    strip.brushflow.styles.add().path = str(painting)
    strip.brushflow.iterations_first, strip.brushflow.iterations = 6, 3


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
    expected = np.where(painted <= 0.0031308, 12.92 * painted, 1.055 * np.maximum(painted, 1e-9) ** (1 / 2.4) - 0.055)
    shown = render(scene, 11, tmp_path / "shown.png", linear=False)[..., :3]
    assert np.abs(shown - expected.clip(0, 1)).max() <= 1.01 / 255


def test_the_same_settings_keep_all_frames_and_others_make_a_version(scene: Any, prepared: Any, tmp_path: Path) -> None:
    from bl_ext.user_default.brushflow.addon import worker
    from bl_ext.user_default.brushflow.addon.order import take

    stylize()
    before = {path: path.read_bytes() for path in (tmp_path / "brushflow").rglob("*.exr")}
    job = worker.Job(take(scene, prepared))
    worker.run(job)
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


def test_a_movie_strip_is_rendered_frame_by_frame_and_its_copy_thrown_away(
    project: Path, scene: Any, painting: Path, data: Path
) -> None:
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
