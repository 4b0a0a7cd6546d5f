# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import subprocess
import sys
from dataclasses import fields

import pytest

from core.settings import PRESETS, Settings, SettingsError, animatable, make_settings, parse, spec, specs


def test_the_defaults_are_the_papers_weights():
    settings = make_settings()
    assert (settings.content_weight, settings.style_weight, settings.temporal_weight, settings.tv_weight) == (5, 100, 1000, 1e-3)
    assert settings.content_layers == ("relu4_2",)
    assert settings.style_layers == ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    settings = make_settings(preset=preset)
    for name, value in PRESETS[preset].values.items():
        assert getattr(settings, name) == value


def test_settings_survive_json():
    settings = make_settings({"long_term": "4,1,2", "cuts": [48, 12], "seed": 7})
    assert make_settings(json.loads(json.dumps(settings.as_dict()))) == settings
    assert settings.long_term == (1, 2, 4)
    assert settings.cuts == (12, 48)


def test_noise_for_all_frames_means_noise_for_the_first_too():
    assert make_settings({"init": "random"}).init_first == "random"
    assert make_settings({"init": "random", "init_first": "content"}).init_first == "content"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"styl_weight": 1}, "did you mean 'style_weight'"),
        ({"style_weight": -1}, "between 0 and"),
        ({"style_weight": float("nan")}, "style_weight"),
        ({"iterations": float("inf")}, "iterations"),
        ({"iterations": 1.5}, "whole number"),
        ({"iterations": True}, "whole number"),
        ({"keep_colors": 1}, "off, luminance or match"),
        ({"debug": 1}, "true or false"),
        ({"style_layer_weights": (1, 2)}, "2 numbers for 5 style_layers"),
        ({"style_layer_weights": (0,) * 5}, "are all 0"),
        ({"style_layer_weights": "1,a,1,1,1"}, "numbers separated by commas"),
        ({"passes": 3, "init": "previous"}, "exclude each other"),
        ({"init": "warped"}, "previous_warped"),
        ({"long_term": ()}, "empty"),
        ({"long_term": "1,x"}, "'x'"),
        ({"long_term": [0]}, "between 1"),
        ({"cuts": "soon"}, "'soon'"),
        ({"style_layers": ["relu9_1"]}, "relu9_1"),
        ({"style_layers": ["relu4_4"]}, "vgg16"),
        ({"style_layers": []}, "style_layers is empty"),
        ({"device": "gpu"}, "device takes"),
        ({"content_weight": 0, "style_weight": 0, "temporal_weight": 0}, "nothing to paint"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence(values, words):
    with pytest.raises(SettingsError, match=words) as refusal:
        make_settings(values)
    assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)


def test_an_unknown_preset_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean 'final'"):
        make_settings(preset="finale")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("style_weight", "1e2", 100.0),
        ("iterations", " 7 ", 7),
        ("debug", "Yes", True),
        ("debug", "off", False),
        ("style_layer_weights", "1,1,1,0.5, 2", ("1", "1", "1", "0.5", "2")),
        ("init", "previous", "previous"),
        ("long_term", "[1, 2,4]", ("1", "2", "4")),
        ("cuts", "none", "none"),
        ("cuts", "48,112", ("48", "112")),
    ],
)
def test_words_of_a_command_line_become_values(name, text, value):
    assert parse(name, text) == value
    make_settings({name: parse(name, text)})


@pytest.mark.parametrize(("name", "text"), [("style_weight", "much"), ("iterations", "1.5"), ("debug", "perhaps"), ("sytle", "1")])
def test_words_that_are_no_value_are_refused(name, text):
    with pytest.raises(SettingsError):
        parse(name, text)


def test_every_setting_has_a_label_and_a_tooltip():
    assert list(specs()) == [field.name for field in fields(Settings)]
    for name, one in specs().items():
        assert one.label and one.description and not one.description.endswith("."), name
        if one.kind == "choice":
            assert getattr(Settings(), name) in [choice[0] for choice in one.choices]


def test_only_numbers_can_be_keyframed():
    assert set(animatable()) == {"content_weight", "style_weight", "temporal_weight", "strength", "style_blend"}
    assert all(spec(name).kind == "float" for name in animatable())


def test_what_changes_no_pixel_is_told_apart():
    changing = make_settings().changing_pixels()
    assert "style_weight" in changing
    assert not {"device", "threads", "deterministic", "memory_limit"} & set(changing)


def test_the_settings_need_only_the_standard_library():
    code = "import sys; import core.settings; print([m for m in ('torch', 'numpy', 'pydantic', 'cv2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
