# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings

MakeStrip = Callable[..., Any]


@pytest.fixture
def take(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon.order import take

    return take


@pytest.fixture
def refused(extension: None) -> type[Exception]:
    from bl_ext.user_default.brushflow.addon import Refused

    return Refused


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    # Orders are taken, not run, so any interpreter will do.
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)


@pytest.fixture
def strip(project: Path, painting: Path, image_strip: MakeStrip) -> Any:
    strip = image_strip(count=4, start=10)
    strip.brushflow.styles.add().path = str(painting)
    return strip


def record(order: Any) -> None:
    """What a run leaves in its folder."""
    order.folder.mkdir(parents=True)
    order.job_file.write_text(json.dumps({**order.description(), "plan": {"threads": 2}}))


def test_the_job_file_of_a_plain_strip(take: Any, scene: Any, strip: Any, project: Path, painting: Path) -> None:
    order = take(scene, strip)
    folder = project.parent / "brushflow" / "shot"
    assert order.description() == {
        "schema": 1,
        "id": strip.brushflow.job_id,
        "content": order.source.content(folder / "cache" / "source", "shot"),
        "styles": [{"path": str(painting), "weight": 1.0, "region": "inside"}],
        "output": {"folder": str(folder), "name": "shot", "existing": "resume"},
        "settings": Settings().as_dict(),
        "per_frame": {},
        "plan": {},
    }
    assert order.title == "shot [stripes]"


def test_keyframed_weights_are_given_frame_by_frame_and_constant_ones_as_settings(take: Any, scene: Any, strip: Any) -> None:
    for frame, strength in ((10, 0.0), (13, 0.75)):
        strip.brushflow_strength = strength
        strip.keyframe_insert("brushflow_strength", frame=frame)
    strip.brushflow_style_weight = 42
    strip.keyframe_insert("brushflow_style_weight", frame=10)
    strip.brushflow_style_weight = 7
    order = take(scene, strip)
    assert list(order.per_frame) == ["strength"]
    assert (order.per_frame["strength"][0], order.per_frame["strength"][-1], len(order.per_frame["strength"])) == (0.0, 0.75, 4)
    assert order.settings["style_weight"] == 42


def test_markers_within_the_strip_are_cuts_if_wanted(take: Any, scene: Any, strip: Any) -> None:
    for frame in (3, 10, 12, 99):
        scene.timeline_markers.new(str(frame), frame=frame)
    assert take(scene, strip).settings["cuts"] == "auto"
    strip.brushflow.markers_as_cuts = True
    # The first frame begins a shot anyway.
    assert take(scene, strip).settings["cuts"] == [3]
    scene.timeline_markers.clear()
    assert take(scene, strip).settings["cuts"] == "none"


@pytest.mark.parametrize(("choice", "painted"), [("STRIP", (1, 4)), ("PREVIEW", (2, 3)), ("CUSTOM", (4, 4))])
def test_the_range_of_frames_is_the_users_choice(take: Any, scene: Any, strip: Any, choice: str, painted: tuple[int, int]) -> None:
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = 11, 12
    strip.brushflow.frame_range = choice
    strip.brushflow.frame_start, strip.brushflow.frame_end = 13, 500
    order = take(scene, strip)
    assert (order.source.first, order.source.last) == painted


def test_an_unsaved_project_with_a_relative_folder_is_refused(
    take: Any, refused: type[Exception], scene: Any, image_strip: MakeStrip, painting: Path, tmp_path: Path
) -> None:
    strip = image_strip()
    strip.brushflow.styles.add().path = str(painting)
    with pytest.raises(refused, match="Save the project first"):
        take(scene, strip)
    assert not strip.brushflow.job_id
    strip.brushflow.output = str(tmp_path / "out")
    assert take(scene, strip).folder == tmp_path / "out" / "shot"


def test_a_strip_without_a_painting_or_with_a_missing_one_is_refused(take: Any, refused: type[Exception], scene: Any, strip: Any) -> None:
    style = strip.brushflow.styles[0]
    style.path = "//gone.png"
    with pytest.raises(refused, match=r"The painting .*gone\.png does not exist; choose another"):
        take(scene, strip)
    strip.brushflow.styles.clear()
    with pytest.raises(refused, match="has no painting yet"):
        take(scene, strip)


def test_paintings_without_any_weight_are_refused(take: Any, refused: type[Exception], scene: Any, strip: Any) -> None:
    strip.brushflow.styles[0].weight = 0
    with pytest.raises(refused, match="weight 0"):
        take(scene, strip)


def test_a_setting_that_makes_no_sense_is_refused_in_the_engines_words(take: Any, refused: type[Exception], scene: Any, strip: Any) -> None:
    strip.brushflow.style_layers = "relu9_9"
    with pytest.raises(refused, match="'relu9_9' is not a layer of the network"):
        take(scene, strip)


def test_a_missing_environment_is_refused_before_anything_is_written(
    take: Any, refused: type[Exception], scene: Any, strip: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", "/no/such/python")
    with pytest.raises(refused, match=r"BRUSHFLOW_ENGINE_PYTHON names .*which does not exist"):
        take(scene, strip)
    assert not (project.parent / "brushflow").exists()


def test_the_same_settings_go_on_in_the_same_folder_with_the_same_plan(take: Any, scene: Any, strip: Any) -> None:
    first = take(scene, strip)
    record(first)
    again = take(scene, strip)
    assert (again.folder, again.version, again.plan) == (first.folder, 1, {"threads": 2})
    assert take(scene, strip, frames=(10, 11)).folder == first.folder


def test_the_device_makes_no_new_version_but_a_new_plan(take: Any, scene: Any, strip: Any) -> None:
    first = take(scene, strip)
    record(first)
    strip.brushflow.device = "cpu"
    again = take(scene, strip)
    assert (again.folder, again.plan) == (first.folder, {})


def test_other_settings_make_a_new_version_and_going_back_finds_the_old_one(take: Any, scene: Any, strip: Any, project: Path) -> None:
    record(take(scene, strip))
    strip.brushflow_content_weight = 9
    second = take(scene, strip)
    assert (second.folder, second.version) == (project.parent / "brushflow" / "shot" / "v002", 2)
    assert second.title == "shot [stripes] v002"
    record(second)
    strip.brushflow_content_weight = 5
    assert take(scene, strip).version == 1
    strip.brushflow.styles.add().path = strip.brushflow.styles[0].path
    assert take(scene, strip).version == 3


def test_other_keyframes_make_a_new_version(take: Any, scene: Any, strip: Any) -> None:
    for frame, strength in ((10, 0.0), (13, 1.0)):
        strip.brushflow_strength = strength
        strip.keyframe_insert("brushflow_strength", frame=frame)
    record(take(scene, strip))
    assert take(scene, strip, frames=(11, 12)).version == 1
    strip.brushflow_strength = 0.5
    strip.keyframe_insert("brushflow_strength", frame=13)
    assert take(scene, strip).version == 2


def test_replacing_takes_the_latest_version(take: Any, scene: Any, strip: Any) -> None:
    record(take(scene, strip))
    strip.brushflow_content_weight = 9
    record(take(scene, strip))
    strip.brushflow_content_weight = 11
    strip.brushflow.existing = "REPLACE"
    replaced = take(scene, strip)
    assert (replaced.version, replaced.description()["output"]["existing"]) == (2, "resume")
    overwritten = take(scene, strip, existing="OVERWRITE")
    assert (overwritten.version, overwritten.description()["output"]["existing"]) == (2, "overwrite")


def test_frames_of_another_strip_are_never_touched(take: Any, scene: Any, strip: Any, project: Path) -> None:
    import bpy

    folder = project.parent / "brushflow" / "shot"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"id": "another"}))
    strip.brushflow.existing = "REPLACE"
    assert take(scene, strip).folder == folder / "v002"
    (folder / "job.json").unlink()
    (folder / "shot_0001.exr").touch()
    assert take(scene, strip).folder == folder / "v002"
    assert bpy.data.filepath


def test_a_name_that_no_file_may_have_is_made_into_one(take: Any, scene: Any, strip: Any) -> None:
    strip.name = 'a/b: "c" #1 100%.'
    assert take(scene, strip).name == "a_b_ _c_ _1 100_"


def test_debug_pictures_beside_them_are_not_taken_for_painted_frames(take: Any, scene: Any, strip: Any, project: Path) -> None:
    folder = project.parent / "brushflow" / "shot"
    folder.mkdir(parents=True)
    (folder / "shot_debug_0001.exr").touch()
    assert take(scene, strip).folder == folder
    (folder / "shot_0001.exr").touch()
    assert take(scene, strip).folder == folder / "v002"


def test_paintings_have_sides_only_where_there_is_a_matte(take: Any, scene: Any, strip: Any, painting: Path) -> None:
    second = strip.brushflow.styles.add()
    second.path, second.region = str(painting), "OUTSIDE"
    assert [style["region"] for style in take(scene, strip).styles] == ["inside", "inside"]
    strip.brushflow.matte = "ALPHA"
    order = take(scene, strip)
    assert [style["region"] for style in order.styles] == ["inside", "outside"]
    assert order.description()["matte"] == {"source": "alpha", "invert": False}


def test_a_strip_is_rendered_for_the_matte_and_the_job_names_its_files(take: Any, scene: Any, strip: Any, image_strip: MakeStrip) -> None:
    image_strip(count=4, start=10, name="key")
    strip.brushflow.matte, strip.brushflow.matte_strip = "STRIP", "key"
    order = take(scene, strip)
    (task,) = order.tasks
    assert (task.kind, task.strip, task.first, task.last, task.shift) == ("matte", "key", 1, 4, 9)
    assert order.description()["matte"]["pattern"] == str(order.extracted / "matte" / "key_####.exr")
    strip.use_flip_x = True
    assert [task.kind for task in take(scene, strip).tasks] == ["frames", "matte"]


def test_another_matte_makes_a_new_version_and_the_same_one_does_not(take: Any, scene: Any, strip: Any, image_strip: MakeStrip) -> None:
    image_strip(count=4, start=10, name="key")
    record(take(scene, strip))
    group = strip.brushflow
    group.matte, group.matte_strip = "STRIP", "key"
    second = take(scene, strip)
    assert second.version == 2
    record(second)
    assert take(scene, strip).version == 2
    group.matte_invert = True
    assert take(scene, strip).version == 3
    group.matte_invert, group.matte = False, "ALPHA"
    assert take(scene, strip).version == 3
    group.matte = "NONE"
    assert take(scene, strip).version == 1


def test_settings_that_exclude_each_other_are_refused(take: Any, refused: type[Exception], scene: Any, strip: Any) -> None:
    strip.brushflow.passes, strip.brushflow.init = 4, "first"
    with pytest.raises(refused, match="init=first and passes=4 exclude each other"):
        take(scene, strip)
