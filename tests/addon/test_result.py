# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.blender import HEIGHT, WIDTH, picture, read_image, render, write_image

MakeStrip = Callable[..., Any]
PaintStrip = Callable[..., Any]


@pytest.fixture
def result(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import result

    return result


@pytest.fixture
def compat(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    return compat


def painted(frame: int, brightness: float = 0.5) -> np.ndarray:
    rgba = np.full((HEIGHT, WIDTH, 4), brightness, np.float32)
    rgba[..., 1] = frame / 16
    rgba[..., 3] = 1
    return rgba


@pytest.fixture
def order_for(scene: Any, painting: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Takes the order for a strip and writes the frames that the engine would paint."""
    from bl_ext.user_default.brushflow.addon.order import take

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)

    def make(strip: Any, brightness: float = 0.5, **options: Any) -> Any:
        if not strip.brushflow.styles:
            strip.brushflow.styles.add().path = str(painting)
        order = take(scene, strip, **options)
        order.folder.mkdir(parents=True, exist_ok=True)
        order.job_file.write_text(json.dumps(order.description()))
        for frame in range(order.source.first, order.source.last + 1):
            write_image(order.frame_file(frame), painted(frame, brightness))
        return order

    return make


def test_the_result_lies_in_the_first_free_channel_above(
    result: Any, compat: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    strip = image_strip(count=3, start=10)
    strips, channels = scene.sequence_editor.strips, scene.sequence_editor.channels
    strips.new_meta("before", 2, 9)  # ends where the source begins, so it is no obstacle
    strips.new_meta("in the way", 2, 12)
    channels[3].lock, channels[4].mute = True, True
    laid = result.lay(order_for(strip))
    assert (laid.name, laid.channel) == ("shot [stripes]", 5)
    assert (compat.left_handle(laid), compat.right_handle(laid)) == (10, 13)
    assert (laid.colorspace_settings.name, laid.alpha_mode) == ("Linear Rec.709", "PREMUL")
    assert [round(value, 5) for value in (laid.transform.scale_x, laid.transform.offset_x)] == [1, 0]
    assert (laid.brushflow.source_strip, laid.brushflow.version) == ("shot", 1)
    assert laid.brushflow.source_job == strip.brushflow.job_id


def test_neither_selection_nor_the_active_strip_nor_the_view_transform_change(
    result: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    import bpy

    strip = image_strip()
    other = scene.sequence_editor.strips.new_meta("other", 9, 1)
    scene.sequence_editor.active_strip = other
    strip.select, other.select = False, True
    edited = getattr(bpy.context.window.workspace, "sequencer_scene", None)
    result.lay(order_for(strip))
    assert scene.sequence_editor.active_strip.name == "other"
    assert [one.name for one in scene.sequence_editor.strips if one.select] == ["other"]
    assert scene.view_settings.view_transform == "AgX"
    assert getattr(bpy.context.window.workspace, "sequencer_scene", None) == edited


def test_the_original_is_muted_only_if_wanted_and_gives_its_blending(
    result: Any, project: Path, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    strip = image_strip()
    strip.brushflow.mute_original = False
    strip.blend_type, strip.blend_alpha, strip.color_tag = "ADD", 0.25, "COLOR_03"
    laid = result.lay(order_for(strip))
    assert (laid.blend_type, laid.blend_alpha, laid.color_tag) == ("ADD", 0.25, "COLOR_03")
    assert not strip.mute
    strip.brushflow.mute_original = True
    result.lay(order_for(strip))
    assert strip.mute


def test_a_fade_of_the_original_fades_its_result_too(
    result: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    strip = image_strip()
    for frame, alpha in ((10, 0.0), (12, 1.0)):
        strip.blend_alpha = alpha
        strip.keyframe_insert("blend_alpha", frame=frame)
    order = order_for(strip)
    for _ in range(2):
        laid = result.lay(order)
        for frame in (10, 11, 12):
            scene.frame_set(frame)
            assert laid.blend_alpha == pytest.approx(strip.blend_alpha)
    assert strip.blend_alpha == 1.0


def test_a_strip_that_was_moved_and_renamed_meanwhile_gets_its_result_where_it_is_now(
    result: Any, compat: Any, project: Path, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    strip = image_strip(count=3, start=10)
    order = order_for(strip, frames=(11, 12))
    strip.name, strip.brushflow.mute_original = "renamed", True
    compat.set_content_start(strip, 50)
    laid = result.lay(order)
    assert (compat.left_handle(laid), compat.right_handle(laid)) == (51, 53)
    assert laid.strip_elem_from_frame(51).filename == "shot_0002.exr"
    # The frames that were not painted are still to be seen.
    assert not strip.mute


def test_a_strip_that_was_deleted_meanwhile_still_leaves_its_result(
    result: Any, compat: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    strip = image_strip(count=3, start=10)
    order = order_for(strip)
    scene.sequence_editor.strips.remove(strip)
    laid = result.lay(order)
    assert (laid.channel, compat.left_handle(laid)) == (1, 10)


def test_a_scene_that_is_gone_is_told(
    result: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import Refused

    order = order_for(image_strip())
    bpy.data.scenes.new("other")
    scene.name = "renamed"
    with pytest.raises(Refused, match="The scene 'Scene' is gone"):
        result.lay(order)


def test_the_source_in_a_meta_strip_gets_its_result_there(
    result: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    strip = image_strip()
    meta = scene.sequence_editor.strips.new_meta("group", 4, 10)
    strip.move_to_meta(meta)
    laid = result.lay(order_for(meta.strips["shot"]))
    assert laid.parent_meta() == meta
    assert laid.channel == meta.strips["shot"].channel + 1


def test_a_still_and_held_frames_keep_the_handles_of_their_source(
    result: Any, compat: Any, project: Path, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    strip = image_strip(count=1, start=10)
    compat.set_handles(strip, 5, 40)
    laid = result.lay(order_for(strip))
    assert (compat.left_handle(laid), compat.right_handle(laid), len(laid.elements)) == (5, 40, 1)


def test_painting_again_updates_the_strip_and_blender_shows_the_new_frames(
    result: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any], tmp_path: Path
) -> None:
    strip = image_strip(count=3, start=10)
    first = result.lay(order_for(strip, brightness=0.25))
    before = render(scene, 11, tmp_path / "before.exr", linear=True)
    first.name = "my result"
    second = result.lay(order_for(strip, brightness=0.75, existing="OVERWRITE"))
    after = render(scene, 11, tmp_path / "after.exr", linear=True)
    assert (second.name, len(scene.sequence_editor.strips)) == ("my result", 2)
    np.testing.assert_allclose([before[0, 0, 0], after[0, 0, 0]], [0.25, 0.75], atol=1e-3)


@pytest.mark.parametrize("view", ["Standard", "AgX", "Filmic"])
def test_an_untouched_picture_is_shown_as_its_source_within_one_code(
    result: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any], tmp_path: Path, view: str
) -> None:
    strip = image_strip(count=1)
    scene.view_settings.view_transform = view
    expected = render(scene, 10, tmp_path / "source.png", linear=False)
    order = order_for(strip)
    coded = np.floor(picture(0) * 255 + 0.5) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    write_image(order.frame_file(1), np.concatenate([linear[..., :3], coded[..., 3:]], axis=-1))
    result.lay(order)
    shown = render(scene, 10, tmp_path / "shown.png", linear=False)
    assert strip.mute
    assert np.abs(shown - expected).max() <= 1.01 / 255


_REOPEN = """
import bpy, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
scene = bpy.context.scene
assert "shot [stripes]" in scene.sequence_editor.strips
for frame in (10, 11, 12):
    scene.frame_set(frame)
    scene.render.filepath = sys.argv[1] + ".png"
    bpy.ops.render.render(write_still=True)
print("survived")
"""


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_a_saved_project_whose_frames_were_deleted_opens_and_renders(
    result: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any], drawn: bool, whole: bool
) -> None:
    import bpy

    order = order_for(image_strip(count=3, start=10))
    for frame in (1, 2):
        result.lay_part(order, range(1, frame + 1))
    if whole:
        result.lay(order)
    if drawn:
        render(scene, 10, project.with_name("drawn.png"), linear=False)
    bpy.ops.wm.save_mainfile()
    for frame in (1, 2, 3):
        order.frame_file(frame).unlink()
    done = subprocess.run([sys.executable, "-c", _REOPEN, str(project)], capture_output=True, text=True, check=False)
    assert "survived" in done.stdout, (done.returncode, done.stderr[-2000:])


def test_frames_beside_the_project_are_named_relative_to_it_and_others_are_not(
    result: Any, project: Path, image_strip: MakeStrip, order_for: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    strip = image_strip()
    assert result.lay(order_for(strip)).directory == "//brushflow/shot/"
    elsewhere = tmp_path_factory.mktemp("renders")
    strip.brushflow.output = str(elsewhere)
    strip.brushflow_style_weight = 50
    assert Path(result.lay(order_for(strip)).directory) == elsewhere / "shot"


def test_the_files_of_a_result_are_what_blender_reads(
    result: Any, project: Path, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    order = order_for(image_strip())
    result.lay(order)
    np.testing.assert_allclose(read_image(order.frame_file(2)), painted(2), atol=1e-3)


def test_a_result_grows_with_its_frames_over_the_original_that_is_still_seen(
    result: Any, compat: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    strip = image_strip(count=4, start=10)
    order = order_for(strip)
    assert result.lay_part(order, set()) is None
    for delivered, shown in (({1}, (10, 11)), ({1, 2}, (10, 12)), ({1, 2, 4}, (10, 12))):
        laid = result.lay_part(order, delivered)
        assert (compat.left_handle(laid), compat.right_handle(laid), len(laid.elements)) == (*shown, shown[1] - shown[0])
        assert laid.strip_elem_from_frame(10).filename == "shot_0001.exr"
        assert not strip.mute
    assert (laid.brushflow.source_strip, laid.colorspace_settings.name) == ("shot", "Linear Rec.709")
    whole = result.lay(order)
    assert (whole, compat.right_handle(whole), len(scene.sequence_editor.strips)) == (laid, 14, 2)
    assert strip.mute


def test_a_result_that_is_painted_backward_grows_toward_its_first_frame(
    result: Any, compat: Any, project: Path, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    strip = image_strip(count=4, start=10)
    order = order_for(strip)
    result.lay_part(order, {4})
    laid = result.lay_part(order, {3, 4})
    assert (compat.left_handle(laid), compat.right_handle(laid)) == (12, 14)
    assert laid.strip_elem_from_frame(13).filename == "shot_0004.exr"


def test_a_strip_that_shows_all_frames_is_not_shortened_while_they_are_painted_again(
    result: Any, compat: Any, project: Path, scene: Any, image_strip: MakeStrip, order_for: Callable[..., Any], tmp_path: Path
) -> None:
    strip = image_strip(count=3, start=10)
    result.lay(order_for(strip, brightness=0.25))
    before = render(scene, 10, tmp_path / "before.exr", linear=True)
    order = order_for(strip, brightness=0.75, existing="OVERWRITE")
    laid = result.lay_part(order, {1})
    after = render(scene, 10, tmp_path / "after.exr", linear=True)
    assert (compat.left_handle(laid), compat.right_handle(laid)) == (10, 13)
    np.testing.assert_allclose([before[0, 0, 0], after[0, 0, 0]], [0.25, 0.75], atol=1e-3)


def test_a_growing_result_follows_its_source_and_keeps_its_channel_free(
    result: Any, compat: Any, project: Path, image_strip: MakeStrip, order_for: Callable[..., Any]
) -> None:
    strip = image_strip(count=3, start=10)
    order = order_for(strip)
    channel = result.lay_part(order, {1}).channel
    compat.set_content_start(strip, 50)
    laid = result.lay_part(order, {1, 2})
    assert (compat.left_handle(laid), compat.right_handle(laid), laid.channel) == (50, 52, channel)
