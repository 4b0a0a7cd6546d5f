# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.blender import picture, write_image


@pytest.fixture
def versions(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import versions

    return versions


@pytest.fixture
def strip(project: Path, image_strip: Callable[..., Any], painting: Path) -> Any:
    strip = image_strip(count=2)
    strip.brushflow.styles.add().path = str(painting)
    return strip


@pytest.fixture
def painted(scene: Any, strip: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Lays a painted version of the strip as it is set now, with a cache of 3000 bytes."""
    from bl_ext.user_default.brushflow.addon import result
    from bl_ext.user_default.brushflow.addon.order import take

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)

    def paint() -> Any:
        order = take(scene, strip)
        order.folder.mkdir(parents=True, exist_ok=True)
        order.job_file.write_text(json.dumps(order.description()))
        for frame in (1, 2):
            write_image(order.frame_file(frame), picture(frame))
        (order.folder / "cache" / "state").mkdir(parents=True, exist_ok=True)
        (order.folder / "cache" / "state" / "0001.bin").write_bytes(bytes(3000))
        return result.lay(order)

    return paint


def seen(*strips: Any) -> list[bool]:
    return [not strip.mute for strip in strips]


def test_the_newest_version_is_seen_and_the_others_are_swapped_in_by_one_step(
    versions: Any, strip: Any, painted: Callable[..., Any], scene: Any
) -> None:
    import bpy

    first = painted()
    with pytest.raises(RuntimeError, match="only one painted version"):
        bpy.ops.sequencer.brushflow_version(direction="NEXT")
    strip.brushflow_style_weight = 50
    second = painted()
    strip.brushflow_style_weight = 25
    third = painted()
    assert versions.results_of(strip) == versions.results_of(second) == [first, second, third]
    assert seen(strip, first, second, third) == [False, False, False, True]
    bpy.ops.sequencer.brushflow_version(direction="NEXT")
    assert seen(first, second, third) == [True, False, False]
    bpy.ops.sequencer.brushflow_version(direction="PREVIOUS")
    assert seen(first, second, third) == [False, False, True]
    assert scene.sequence_editor.active_strip == strip
    scene.sequence_editor.active_strip = third
    bpy.ops.sequencer.brushflow_version(direction="PREVIOUS")
    assert seen(first, second, third) == [False, True, False]
    assert scene.sequence_editor.active_strip == second


def test_restylize_gives_the_source_all_that_its_result_was_painted_with(
    versions: Any, strip: Any, painted: Callable[..., Any], scene: Any, painting: Path
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon.order import take
    from bl_ext.user_default.brushflow.addon.properties import settings_of

    group = strip.brushflow
    matte = scene.sequence_editor.strips.new_meta("the matte", 9, 10)
    group.matte, group.matte_strip, group.matte_invert = "ALPHA", matte.name, True
    group.styles[0].weight = 0.25
    other = group.styles.add()
    other.path, other.region = str(painting), "OUTSIDE"
    strip.brushflow_style_weight, group.long_term, group.pooling, group.cuts = 33.25, "1, 2, 4", "max", "11"
    wanted, first = settings_of(strip), painted()
    group.matte, group.matte_invert, group.long_term, group.pooling, group.cuts = "NONE", False, "1", "average", "none"
    strip.brushflow_style_weight, strip.name = 50, "renamed"
    strip.name = "shot"
    group.styles.clear()
    group.styles.add().path = str(painting)
    assert take(scene, strip).version == 2
    scene.sequence_editor.active_strip = first
    bpy.ops.sequencer.brushflow_restylize()
    assert scene.sequence_editor.active_strip == strip
    assert settings_of(strip) == wanted
    assert [(style.weight, style.region) for style in group.styles] == [(0.25, "INSIDE"), (1.0, "OUTSIDE")]
    assert (group.matte, group.matte_invert) == ("ALPHA", True)
    assert take(scene, strip).version == 1, "the same settings go on in the same version"


def test_a_matte_strip_is_found_again_by_its_name_and_missed_in_words(
    versions: Any, strip: Any, painted: Callable[..., Any], scene: Any, footage: Callable[..., list[Path]]
) -> None:
    first_file, second_file = footage(2)
    matte = scene.sequence_editor.strips.new_image("who: me", str(first_file), 7, 10)
    matte.elements.append(second_file.name)
    strip.brushflow.matte, strip.brushflow.matte_strip = "STRIP", "who: me"
    first = painted()
    strip.brushflow.matte, strip.brushflow.matte_strip = "NONE", ""
    assert versions.load_settings(first) == (strip, [])
    assert (strip.brushflow.matte, strip.brushflow.matte_strip) == ("STRIP", "who: me")
    matte.name = "other"
    assert versions.load_settings(first)[1] == ["The strip 'who_ me', which was its matte, is gone; choose another."]


def test_keyframes_are_left_and_named(versions: Any, strip: Any, painted: Callable[..., Any]) -> None:
    first = painted()
    strip.keyframe_insert("brushflow_style_weight", frame=10)
    assert versions.load_settings(first)[1] == ["Keyframes are left as they are: Style."]


def test_a_result_whose_job_file_or_source_is_gone_says_so(
    versions: Any, strip: Any, painted: Callable[..., Any], scene: Any
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon.properties import absolute

    first = painted()
    (absolute(first.directory) / "job.json").write_text("{}")
    scene.sequence_editor.active_strip = first
    with pytest.raises(RuntimeError, match=r"job\.json does not say what this strip was painted with"):
        bpy.ops.sequencer.brushflow_restylize()
    scene.sequence_editor.strips.remove(strip)
    with pytest.raises(RuntimeError, match="The strip 'shot', which this one was painted from, is gone"):
        bpy.ops.sequencer.brushflow_restylize()


def test_the_cache_is_measured_beside_the_drawing_and_cleared_but_for_strangers_and_running_jobs(
    versions: Any, strip: Any, painted: Callable[..., Any], project: Path
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon.properties import absolute

    folder = absolute(painted().directory)
    stranger = folder / "v007"
    (stranger / "cache").mkdir(parents=True)
    (stranger / "job.json").write_text('{"id": "another"}')
    base, job_id = versions.base_folder(strip), strip.brushflow.job_id
    assert versions.caches(base, job_id) == [folder / "cache"]
    assert versions.caches(base, job_id, busy=[folder]) == versions.caches(base, "") == []
    meter = versions.CacheMeter()
    assert meter.used(base, job_id) is None
    deadline = time.monotonic() + 10
    while meter.is_busy and time.monotonic() < deadline:
        time.sleep(0.01)
    assert meter.used(base, job_id) == 3000 + (folder / "cache" / "state").stat().st_size
    strip.id_data.sequence_editor.active_strip = versions.results_of(strip)[0]
    bpy.ops.sequencer.brushflow_clear_cache()
    assert not (folder / "cache").exists() and (stranger / "cache").exists()
    assert len(list(folder.glob("*.exr"))) == 2


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (4200, "4 KB"), (1_250_000, "1.2 MB"), (340_000_000, "340 MB"), (7.26e12, "7260 GB")]
)
def test_sizes_are_written_as_people_read_them(versions: Any, size: float, words: str) -> None:
    assert versions.in_words(size) == words


def test_a_version_that_was_cut_in_two_is_swapped_as_a_whole(versions: Any, strip: Any, painted: Callable[..., Any]) -> None:
    first = painted()
    half = first.split(11, "SOFT")
    strip.brushflow_style_weight = 50
    second = painted()
    assert (versions.versions_of(strip), seen(first, half, second)) == ([1, 2], [False, False, True])
    versions.step(strip, 1)
    assert seen(first, half, second) == [True, True, False]


def test_a_strip_that_is_renamed_goes_on_in_its_folder(
    versions: Any, strip: Any, painted: Callable[..., Any], scene: Any, project: Path
) -> None:
    from bl_ext.user_default.brushflow.addon.order import take

    painted()
    for name in ("renamed", "renamed again"):
        strip.name = name
        order = take(scene, strip)
        assert (order.folder, order.name, order.version) == (project.parent / "brushflow" / "shot", "shot", 1)
        assert versions.caches(versions.base_folder(strip), strip.brushflow.job_id)
    duplicate = strip.split(11, "SOFT")
    assert take(scene, duplicate).name == "renamed again.001"
