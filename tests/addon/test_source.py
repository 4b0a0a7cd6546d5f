# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.blender import HEIGHT, WIDTH, effect_length, picture, read_image, write_image

MakeStrip = Callable[..., Any]


@pytest.fixture
def source(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import source

    return source


@pytest.fixture
def refused(extension: None) -> type[Exception]:
    from bl_ext.user_default.brushflow.addon import Refused

    return Refused


@pytest.fixture
def compat(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    return compat


def test_a_plain_sequence_is_read_from_its_own_files(source: Any, scene: Any, image_strip: MakeStrip, tmp_path: Path) -> None:
    found = source.find_source(scene, image_strip(count=3, start=10))
    assert (found.first, found.last, found.left, found.right) == (1, 3, 10, 13)
    assert list(found.timeline_frames) == [10, 11, 12]
    assert found.content(Path("unused"), "shot") == {
        "pattern": str(tmp_path / "plates" / "shot_####.png"), "first": 101, "last": 103, "offset": -100, "colorspace": "srgb_rec709_scene",
    }  # fmt: skip


def test_moving_a_strip_leaves_its_content_frames_and_its_handles_choose_among_them(
    source: Any, compat: Any, scene: Any, image_strip: MakeStrip
) -> None:
    strip = image_strip(count=6, start=10)
    compat.set_content_start(strip, 200)
    compat.set_handles(strip, 202, 205)
    found = source.find_source(scene, strip)
    assert (found.first, found.last, found.left, found.right) == (3, 5, 202, 205)


def test_trimming_keeps_the_numbers_of_the_content_frames(source: Any, compat: Any, scene: Any, image_strip: MakeStrip) -> None:
    strip = image_strip(count=6, start=10)
    trim = "content_trim_start" if "content_trim_start" in strip.bl_rna.properties else "animation_offset_start"
    setattr(strip, trim, 2)
    left = compat.left_handle(strip)
    found = source.find_source(scene, strip, (left, left))
    assert strip.strip_elem_from_frame(left).filename == "shot_0103.png"
    assert (found.first, found.content(Path(), "")["first"]) == (3, 103)


def test_frames_held_beyond_the_content_are_painted_once(source: Any, compat: Any, scene: Any, image_strip: MakeStrip) -> None:
    strip = image_strip(count=3, start=10)
    compat.set_handles(strip, 5, 30)
    found = source.find_source(scene, strip)
    assert (found.first, found.last, found.left, found.right) == (1, 3, 5, 30)


def test_a_still_is_one_frame_however_long_it_stands(source: Any, compat: Any, scene: Any, image_strip: MakeStrip) -> None:
    strip = image_strip(count=1, start=10)
    compat.set_handles(strip, 10, 60)
    found = source.find_source(scene, strip)
    assert (found.first, found.last, found.left, found.right) == (1, 1, 10, 60)
    compat.set_handles(strip, 40, 60)
    assert source.find_source(scene, strip).first == 1


def test_a_range_of_timeline_frames_is_cut_to_the_strip(source: Any, refused: type[Exception], scene: Any, image_strip: MakeStrip) -> None:
    strip = image_strip(count=6, start=10)
    found = source.find_source(scene, strip, (13, 99))
    assert (found.first, found.last, found.left, found.right) == (4, 6, 13, 16)
    with pytest.raises(refused, match="not seen on frames 1-9; it is seen on frames 10-15"):
        source.find_source(scene, strip, (1, 9))


def make_flipped(strip: Any) -> None:
    strip.use_flip_x = True


def make_scaled(strip: Any) -> None:
    strip.transform.scale_x = 0.5


def make_cropped(strip: Any) -> None:
    strip.crop.min_x = 3


def make_reversed(strip: Any) -> None:
    strip.use_reverse_frames = True


def make_strobed(strip: Any) -> None:
    strip.strobe = 2


def make_moving(strip: Any) -> None:
    assert strip.transform.keyframe_insert("offset_x", frame=10)


def make_graded(strip: Any) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import compat

    # By the operator: in bpy 5.0.1 modifiers.new() crashes.
    with compat.editing(strip.id_data):
        bpy.ops.sequencer.strip_modifier_add(type="BRIGHT_CONTRAST")
    assert strip.modifiers


def make_log(strip: Any) -> None:
    strip.colorspace_settings.name = "Filmic Log"


def make_opaque(strip: Any) -> None:
    strip.alpha_mode = "PREMUL"


def make_gray(strip: Any) -> None:
    strip.color_saturation = 0.0


@pytest.mark.parametrize(
    "change",
    [make_flipped, make_scaled, make_cropped, make_reversed, make_strobed, make_moving, make_graded, make_log, make_opaque, make_gray],
)
def test_a_strip_that_blender_changes_is_rendered(change: Callable[[Any], None], source: Any, scene: Any, image_strip: MakeStrip) -> None:
    strip = image_strip()
    change(strip)
    assert source.find_source(scene, strip).files is None


def test_files_that_are_no_sequence_are_rendered(source: Any, scene: Any, image_strip: MakeStrip, tmp_path: Path) -> None:
    names = ("shot_0101.png", "shot_0103.png"), ("b.png",), ("take_01.png", "other_02.png"), ("10%_01.png",)
    for number, group in enumerate(names):
        files = [write_image(tmp_path / f"odd{number}" / name, picture(0)) for name in group]
        assert source.find_source(scene, image_strip(files=files)).files is None


def test_a_missing_file_is_named_before_anything_starts(
    source: Any, refused: type[Exception], scene: Any, image_strip: MakeStrip, tmp_path: Path
) -> None:
    strip = image_strip(count=4)
    (tmp_path / "plates" / "shot_0102.png").unlink()
    (tmp_path / "plates" / "shot_0103.png").unlink()
    with pytest.raises(refused, match=r"'shot' lacks shot_0102\.png and 1 more in .*plates; restore"):
        source.find_source(scene, strip)
    assert source.find_source(scene, strip, (10, 10)).first == 1


def test_a_missing_movie_and_a_missing_scene_are_named(source: Any, refused: type[Exception], scene: Any, tmp_path: Path) -> None:
    import bpy

    strips = scene.sequence_editor.strips
    with pytest.raises(refused, match=r"'film' lacks its movie .*gone\.mp4"):
        source.find_source(scene, strips.new_movie("film", str(tmp_path / "gone.mp4"), 1, 1))
    other = bpy.data.scenes.new("set")
    strip = strips.new_scene("take", other, 2, 1)
    with pytest.raises(refused, match="'set' of the strip 'take' has no camera"):
        source.find_source(scene, strip)
    bpy.data.scenes.remove(other)
    with pytest.raises(refused, match="'take' lacks its scene"):
        source.find_source(scene, scene.sequence_editor.strips["take"])


def test_missing_media_inside_a_meta_strip_are_named(
    source: Any, refused: type[Exception], scene: Any, image_strip: MakeStrip, tmp_path: Path
) -> None:
    meta = group(scene, image_strip())
    (tmp_path / "plates" / "shot_0102.png").unlink()
    with pytest.raises(refused, match=r"shot_0102\.png"):
        source.find_source(scene, meta)


def test_strips_without_a_picture_locked_strips_and_results_are_refused(source: Any, scene: Any, image_strip: MakeStrip) -> None:
    assert source.obstacle(None) == "Select a strip to paint."
    strip = image_strip()
    strip.lock = True
    assert "unlock it" in source.obstacle(strip)
    strip.lock = False
    assert source.obstacle(strip) == ""
    strip.brushflow.source_strip = "plate"
    assert "select its source, plate" in source.obstacle(strip)
    meta = scene.sequence_editor.strips.new_meta("m", 5, 1)
    assert source.obstacle(meta) == ""
    effect = scene.sequence_editor.strips.new_effect(name="a", type="ADJUSTMENT", channel=6, frame_start=1, **effect_length(9))
    assert "this is a strip of the type Adjustment" in source.obstacle(effect)


def extract(source: Any, scene: Any, strip: Any, folder: Path) -> list[np.ndarray]:
    """The strip's frames as the engine gets them."""
    found = source.find_source(scene, strip)
    assert found.files is None
    source.save_copy(folder / "project.blend")
    command = source.extraction_command([found.task("frames", found.shown, folder, "x")], folder / "project.blend")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('"event": "extracted"') == found.last - found.first + 1
    assert found.content(folder, "x")["pattern"] == str(folder / "x_####.exr")
    return [read_image(folder / f"x_{frame:04d}.exr") for frame in range(found.first, found.last + 1)]


def group(scene: Any, strip: Any) -> Any:
    """Put a strip into a meta strip, as the user does; MetaStrip.strips alone leaves the meta strip's length as it was."""
    import bpy
    from bl_ext.user_default.brushflow.addon import compat

    for other in scene.sequence_editor.strips:
        other.select = other == strip
    scene.sequence_editor.active_strip = strip
    with compat.editing(scene):
        bpy.ops.sequencer.meta_make()
    return scene.sequence_editor.strips["MetaStrip"]


def linear(frame: int) -> np.ndarray:
    """`picture` as scene-linear pixels, after its trip through an 8-bit file."""
    coded = np.floor(picture(frame) * 255 + 0.5) / 255
    rgb = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.concatenate([rgb[..., :3], coded[..., 3:]], axis=-1)


def test_a_rendered_strip_is_alone_opaque_and_scene_linear(source: Any, scene: Any, image_strip: MakeStrip, tmp_path: Path) -> None:
    strip = image_strip(count=2, start=10)
    scene.sequence_editor.strips.new_effect(name="over", type="COLOR", channel=5, frame_start=1, **effect_length(99)).color = (0, 1, 0)
    strip.use_flip_x = True
    strip.blend_type, strip.mute = "ADD", True
    strip.blend_alpha = 0.3
    strip.keyframe_insert("blend_alpha", frame=10)
    scene.sequence_editor.channels[1].mute = True
    scene.view_settings.view_transform = "AgX"
    scene.render.resolution_percentage = 50
    scene.render.dither_intensity = 2
    frames = extract(source, scene, strip, tmp_path / "cache")
    assert frames[0].shape == (HEIGHT, WIDTH, 4)
    for index, frame in enumerate(frames):
        np.testing.assert_allclose(frame, linear(index)[:, ::-1], atol=1e-3)


def test_a_strip_inside_a_meta_strip_is_rendered_without_it(source: Any, scene: Any, image_strip: MakeStrip, tmp_path: Path) -> None:
    strip = image_strip(count=2, start=10)
    outer = scene.sequence_editor.strips.new_meta("outer", 3, 1)
    inner = outer.strips.new_meta("inner", 3, 1)
    strip.move_to_meta(inner)
    outer.mute = True
    outer.transform.scale_x = 0.5
    frames = extract(source, scene, scene.sequence_editor.strips_all["shot"], tmp_path / "cache")
    for index, frame in enumerate(frames):
        np.testing.assert_allclose(frame, linear(index), atol=1e-3)


def test_a_meta_strip_is_rendered_with_what_it_holds(source: Any, scene: Any, image_strip: MakeStrip, tmp_path: Path) -> None:
    frames = extract(source, scene, group(scene, image_strip(count=2, start=10)), tmp_path / "cache")
    np.testing.assert_allclose(frames[1], linear(1), atol=1e-3)


def test_a_scene_strip_is_rendered_though_its_scene_is_not_in_the_window(source: Any, scene: Any, tmp_path: Path) -> None:
    import bpy

    stage = bpy.data.scenes.new("stage")
    stage.render.engine, stage.cycles.samples, stage.cycles.device = "CYCLES", 1, "CPU"
    stage.world = bpy.data.worlds.new("sky")
    if bpy.app.version < (5, 0):
        stage.world.use_nodes = True
    stage.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.25, 0.5, 0.75, 1)
    stage.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    stage.collection.objects.link(stage.camera)
    stage.frame_start, stage.frame_end = 1, 2
    stage.cycles.use_denoising = False
    stage.render.resolution_x, stage.render.resolution_y = WIDTH, HEIGHT
    strip = scene.sequence_editor.strips.new_scene("take", stage, 1, 20)
    frames = extract(source, scene, strip, tmp_path / "cache")
    assert len(frames) == 2
    np.testing.assert_allclose(frames[0][20, 20], (0.25, 0.5, 0.75, 1), atol=2e-3)


def test_a_movie_is_rendered_from_any_frame(source: Any, compat: Any, scene: Any, data: Path, tmp_path: Path) -> None:
    strip = scene.sequence_editor.strips.new_movie("bikes", str(data / "clips" / "bikes.mp4"), 1, 1, fit_method="FIT")
    compat.set_handles(strip, 50, 52)
    first, second = extract(source, scene, strip, tmp_path / "cache")
    assert 0 < np.abs(first - second).mean() < 0.2


def test_a_copy_leaves_the_project_under_its_own_name(source: Any, project: Path, tmp_path: Path) -> None:
    import bpy

    source.save_copy(tmp_path / "copy" / "project.blend")
    assert Path(bpy.data.filepath) == project


def test_frames_in_another_working_space_are_named_as_such(source: Any, compat: Any, scene: Any, image_strip: MakeStrip) -> None:
    import bpy

    if not hasattr(bpy.ops.wm, "set_working_color_space") or not hasattr(bpy.data, "colorspace"):
        pytest.skip("this Blender has no other working space")
    strip = image_strip()
    strip.use_flip_x = True
    bpy.ops.wm.set_working_color_space(working_space="ACEScg", convert_colors=False)
    assert compat.working_space() == "ACEScg"
    assert source.find_source(scene, strip).content(Path("cache"), "x")["colorspace"] == "lin_ap1_scene"
