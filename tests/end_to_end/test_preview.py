# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame painted by the engine itself, and a strip painted part by part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.blender import HEIGHT, WIDTH, encoded

pytestmark = pytest.mark.usefixtures("weights")


def test_the_preview_is_the_first_frame_of_the_painted_strip(scene: Any, prepared: Any, tmp_path: Path) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import cli

    from tests.blender import read_image

    scene.frame_set(10)
    assert bpy.ops.sequencer.brushflow_preview() == {"FINISHED"}
    image = bpy.data.images["Brushflow Preview"]
    shown = np.array(image.pixels[:], np.float32).reshape(HEIGHT, WIDTH, 4)[::-1]
    assert cli.execute(["--frames", "10-10"]) == 0
    painted = read_image(tmp_path / "brushflow" / "shot" / "shot_0001.exr")
    assert np.array_equal(shown, painted)


def test_parts_painted_one_after_the_other_are_the_strip_painted_at_once(prepared: Any, tmp_path: Path) -> None:
    from bl_ext.user_default.brushflow.addon import cli

    at_once = tmp_path / "whole"
    assert cli.execute(["--output", str(at_once)]) == 0
    for part in ("10-10", "11-12"):
        assert cli.execute(["--output", str(tmp_path / "parts"), "--frames", part]) == 0
    for frame in (1, 2, 3):
        name = f"shot/shot_{frame:04d}.exr"
        assert (tmp_path / "parts" / name).read_bytes() == (at_once / name).read_bytes()


def test_the_explorer_paints_each_painting_and_each_looks_like_its_own_preview(prepared: Any, scene: Any, tmp_path: Path) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import explorer

    from tests.blender import read_image, write_image

    plain = write_image(tmp_path / "plain.png", np.full((48, 48, 4), (0.9, 0.8, 0.1, 1), np.float32))
    prepared.brushflow.styles.add().path = str(plain)
    scene.frame_set(10)
    assert bpy.ops.sequencer.brushflow_explore() == {"FINISHED"}
    stripes, yellow = explorer.current().tiles
    small = np.frombuffer(yellow.thumbnail.pixels, np.uint8).reshape(HEIGHT, HEIGHT, 4)[::-1] / 255
    left = (WIDTH - HEIGHT) // 2
    assert np.abs(small[..., :3] - encoded(read_image(yellow.painted)[:, left : left + HEIGHT, :3])).max() < 0.01
    assert not np.array_equal(stripes.thumbnail.pixels, yellow.thumbnail.pixels)
    bpy.ops.sequencer.brushflow_explore_take(index=1)
    painted = read_image(yellow.painted)
    assert bpy.ops.sequencer.brushflow_preview() == {"FINISHED"}
    image = bpy.data.images["Brushflow Preview"]
    assert np.array_equal(np.array(image.pixels[:], np.float32).reshape(HEIGHT, WIDTH, 4)[::-1], painted)
