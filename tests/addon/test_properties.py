# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.settings import PRESETS, Settings, animatable, make_settings, spec, specs


@pytest.fixture
def properties(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import properties

    return properties


def test_a_new_strip_holds_exactly_the_engines_defaults(properties: Any, image_strip: Callable[..., Any]) -> None:
    assert properties.settings_of(image_strip()) == Settings().as_dict()


def test_every_setting_is_on_the_strip_once(properties: Any, image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    for name, one in specs().items():
        owner, attribute = (strip, properties.flat_name(name)) if one.animatable else (strip.brushflow, name)
        shown = owner.bl_rna.properties[attribute]
        assert shown.name == one.label
        assert shown.description.startswith(one.description)
        assert hasattr(strip.brushflow, name) is not one.animatable


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_applies_its_values_and_is_recognized_by_them(preset: str, properties: Any, image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    strip.brushflow.preset = preset
    assert strip.brushflow.preset == preset
    assert properties.settings_of(strip) == make_settings(preset=preset).as_dict()


def test_a_preset_leaves_weights_and_seed_alone(image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    strip.brushflow_style_weight, strip.brushflow.seed = 250, 7
    strip.brushflow.preset = "draft"
    assert (strip.brushflow_style_weight, strip.brushflow.seed) == (250, 7)
    # A keyframed value cannot be set by a preset, so none may try.
    assert not {name for preset in PRESETS.values() for name in preset.values} & set(animatable())


def test_a_value_of_ones_own_makes_the_preset_custom(image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    strip.brushflow.iterations += 1
    assert strip.brushflow.preset == "custom"
    strip.brushflow.preset = "custom"
    assert strip.brushflow.iterations == Settings().iterations + 1


def test_lists_are_text_with_commas(properties: Any, image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    strip.brushflow.long_term = "4, 1,2"
    strip.brushflow.cuts = "48,112"
    values = properties.settings_of(strip)
    assert (values["long_term"], values["cuts"]) == ([1, 2, 4], [48, 112])


def test_weights_of_layers_are_text_with_commas(properties: Any, image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    properties.apply(strip, {"content_layers": ("relu3_2", "relu4_2"), "content_layer_weights": (1, 0.25)})
    assert strip.brushflow.content_layer_weights == "1, 0.25"
    assert properties.settings_of(strip)["content_layer_weights"] == [1.0, 0.25]


def test_numbers_say_their_unit_in_the_tooltip(image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    assert strip.brushflow.bl_rna.properties["iterations"].description.endswith("\nUnit: iterations")
    for name, one in specs().items():
        if one.kind in ("int", "distances") and name != "seed":
            assert one.unit, name


def test_a_project_from_when_keeping_colors_was_a_switch_is_read(properties: Any, image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    held = strip.brushflow.bl_system_properties_get(do_create=True) if hasattr(strip, "bl_system_properties_get") else strip.brushflow
    held["keep_colors"] = True
    assert properties.settings_of(strip)["keep_colors"] in ("off", "luminance")
    properties.apply(strip, {"keep_colors": "match"})
    assert properties.settings_of(strip)["keep_colors"] == "match"


def test_applying_a_bad_value_changes_nothing_and_says_why(properties: Any, image_strip: Callable[..., Any]) -> None:
    from bl_ext.user_default.brushflow.core.settings import SettingsError

    strip = image_strip()
    with pytest.raises(SettingsError, match="strength must lie between 0 and 1"):
        properties.apply(strip, {"iterations": 5, "strength": 2.0})
    assert properties.settings_of(strip) == Settings().as_dict()


def test_applied_values_lie_over_the_preset(properties: Any, image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    properties.apply(strip, properties.preset_values("final"))
    properties.apply(strip, {"iterations": 7, "init": "random", "tolerance": 1e-5})
    expected = make_settings({"iterations": 7, "init": "random", "tolerance": 1e-5}, "final")
    assert properties.settings_of(strip) == expected.as_dict()


@pytest.mark.parametrize("name", animatable())
def test_keyframes_on_a_weight_are_read_frame_by_frame(name: str, properties: Any, scene: Any, image_strip: Callable[..., Any]) -> None:
    strip = image_strip(name='a "quoted" shot')
    low, high = 0.25 * getattr(Settings(), name), getattr(Settings(), name)
    for frame, value in ((10, low), (12, high)):
        setattr(strip, properties.flat_name(name), value)
        assert strip.keyframe_insert(properties.flat_name(name), frame=frame)
    scene.frame_set(1)
    values = properties.per_frame(scene, strip, range(10, 13))[name]
    assert values == [low, pytest.approx((low + high) / 2), high]
    assert scene.frame_current == 1


def test_keyframes_out_of_range_are_clamped(properties: Any, scene: Any, image_strip: Callable[..., Any]) -> None:
    strip = image_strip()
    strip.keyframe_insert("brushflow_strength", frame=10)
    from bl_ext.user_default.brushflow.addon import compat

    next(compat.fcurves(scene)).keyframe_points[0].co[1] = 9.0
    assert properties.per_frame(scene, strip, range(10, 12)) == {"strength": [spec("strength").maximum] * 2}


def test_a_renamed_strip_keeps_its_keyframes_and_a_muted_curve_does_not_count(
    properties: Any, scene: Any, image_strip: Callable[..., Any]
) -> None:
    from bl_ext.user_default.brushflow.addon import compat

    strip = image_strip()
    strip.keyframe_insert("brushflow_strength", frame=10)
    strip.name = "other"
    assert "strength" in properties.per_frame(scene, strip, range(10, 12))
    next(compat.fcurves(scene)).mute = True
    assert properties.per_frame(scene, strip, range(10, 12)) == {}


def test_settings_are_saved_with_the_project(project: Path, image_strip: Callable[..., Any]) -> None:
    import bpy

    strip = image_strip()
    strip.brushflow_strength, strip.brushflow.resolution = 0.5, 0.25
    strip.brushflow.styles.add().path = "//a.png"
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(project))
    strip = bpy.context.scene.sequence_editor.strips["shot"]
    assert (strip.brushflow_strength, strip.brushflow.resolution, strip.brushflow.styles[0].path) == (0.5, 0.25, "//a.png")


def test_a_strip_keeps_its_job_id_through_renaming_and_a_duplicate_gets_its_own(
    properties: Any, scene: Any, image_strip: Callable[..., Any]
) -> None:
    strip = image_strip()
    original = properties.claim_job_id(scene, strip)
    duplicate = strip.split(11, "SOFT")
    assert duplicate.brushflow.job_id == original
    assert properties.claim_job_id(scene, duplicate) != original
    assert properties.claim_job_id(scene, strip) == original
    strip.name = "renamed"
    assert properties.claim_job_id(scene, strip) == original


def test_a_project_that_was_not_saved_after_a_run_gives_the_same_job_id_again(
    properties: Any, project: Path, image_strip: Callable[..., Any]
) -> None:
    import bpy

    image_strip()
    bpy.ops.wm.save_mainfile()
    ids = []
    for _ in range(2):
        bpy.ops.wm.open_mainfile(filepath=str(project))
        scene = bpy.context.scene
        ids.append(properties.claim_job_id(scene, scene.sequence_editor.strips["shot"]))
    assert ids[0] == ids[1]
