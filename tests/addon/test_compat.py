# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def compat(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    return compat


def test_handles_and_content_of_a_strip(compat: Any, image_strip: Callable[..., Any]) -> None:
    strip = image_strip(count=5, start=10)
    assert (compat.content_start(strip), compat.content_duration(strip), compat.content_trim_start(strip)) == (10, 5, 0)
    assert (compat.left_handle(strip), compat.right_handle(strip)) == (10, 15)


@pytest.mark.parametrize(("left", "right"), [(11, 13), (2, 4), (30, 40), (10, 11), (5, 50)])
def test_setting_the_handles_leaves_the_content_where_it_is(compat: Any, image_strip: Callable[..., Any], left: int, right: int) -> None:
    strip = image_strip(count=5, start=10)
    compat.set_handles(strip, left, right)
    assert (compat.left_handle(strip), compat.right_handle(strip), compat.content_start(strip)) == (left, right, 10)


def test_setting_the_content_start_moves_the_strip(compat: Any, image_strip: Callable[..., Any]) -> None:
    strip = image_strip(count=5, start=10)
    compat.set_content_start(strip, 20)
    assert (compat.left_handle(strip), compat.right_handle(strip)) == (20, 25)


def test_curves_of_a_scene_are_found(compat: Any, scene: Any, image_strip: Callable[..., Any]) -> None:
    assert list(compat.fcurves(scene)) == []
    image_strip().keyframe_insert("blend_alpha", frame=3)
    assert [curve.data_path for curve in compat.fcurves(scene)] == ['sequence_editor.strips_all["shot"].blend_alpha']


def test_operators_work_on_a_scene_that_is_not_the_windows(compat: Any, scene: Any) -> None:
    import bpy

    other = bpy.data.scenes.new("other")
    before = compat.edit_scene(bpy.context)
    other.sequence_editor_create().strips.new_meta("m", 1, 1).select = True
    with compat.editing(other):
        bpy.ops.sequencer.mute(unselected=False)
    assert other.sequence_editor.strips["m"].mute
    assert compat.edit_scene(bpy.context) == before


def test_exr_can_be_chosen_from_any_kind_of_media(compat: Any, scene: Any) -> None:
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    compat.set_image_format(settings, "OPEN_EXR")
    assert settings.file_format == "OPEN_EXR"


def test_the_working_space_of_a_new_project_is_linear_rec_709(compat: Any, scene: Any) -> None:
    assert compat.working_space() == "Linear Rec.709"


def test_a_name_that_blender_has_deprecated_would_end_a_test(image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    if "left_handle" not in strip.bl_rna.properties:
        pytest.skip("this Blender has deprecated nothing that strips have")
    as_ours = {"__name__": "bl_ext.user_default.brushflow.addon.anything", "strip": strip}
    # Blender returns a value all the same, of which Python complains.
    with pytest.raises((DeprecationWarning, SystemError)):
        exec("strip.frame_final_start", as_ours)
    exec("strip.left_handle", as_ours)
