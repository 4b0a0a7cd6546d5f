# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of the user's own, beside those that come with Brushflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.settings import PRESETS, make_settings
from tests.addon.test_panels import Recorder


@pytest.fixture
def presets(scene: Any) -> Iterator[Any]:
    import bpy
    from bl_ext.user_default.brushflow.addon import presets

    yield presets
    for folder in bpy.utils.preset_paths("brushflow"):
        for path in Path(folder).glob("*.py"):
            path.unlink()


@pytest.fixture
def strip(presets: Any, image_strip: Callable[..., Any], painting: Path) -> Any:
    strip = image_strip()
    strip.brushflow.styles.add().path = str(painting)
    return strip


def keep(name: str, **options: Any) -> set[str]:
    import bpy

    return bpy.ops.sequencer.brushflow_preset_add(name=name, **options)


def take(**what: Any) -> set[str]:
    import bpy

    return bpy.ops.sequencer.brushflow_preset(**what)


def settings(strip: Any) -> dict[str, Any]:
    from bl_ext.user_default.brushflow.addon.properties import settings_of

    return settings_of(strip)


def test_a_preset_of_ones_own_brings_the_settings_back_to_another_strip(strip: Any, image_strip: Callable[..., Any]) -> None:
    strip.brushflow_style_weight, strip.brushflow.tv_weight = 250.5, 1e-4
    strip.brushflow.keep_colors, strip.brushflow.long_term, strip.brushflow.passes = "match", "1, 2", 3
    wanted = settings(strip)
    assert keep("My Look") == {"FINISHED"}
    other = image_strip(start=20, name="other")
    assert settings(other) == make_settings().as_dict()
    assert take(name="My Look") == {"FINISHED"}
    assert settings(other) == wanted


def test_it_leaves_the_machine_the_cuts_and_the_paintings_alone(strip: Any, image_strip: Callable[..., Any]) -> None:
    strip.brushflow.device, strip.brushflow.threads, strip.brushflow.cuts = "cpu", 2, "48"
    keep("Look")
    other = image_strip(start=20, name="other")
    take(name="Look")
    group = other.brushflow
    assert (group.device, group.threads, group.cuts, len(group.styles)) == ("auto", 0, "auto", 0)


def test_paintings_come_with_it_where_that_is_asked_for(strip: Any, image_strip: Callable[..., Any], painting: Path) -> None:
    strip.brushflow.styles[0].weight = 0.3
    keep("Stripes", with_styles=True)
    other = image_strip(start=20, name="other")
    other.brushflow.styles.add().path = "//else.png"
    take(name="Stripes")
    assert [(style.path, style.weight) for style in other.brushflow.styles] == [(str(painting), pytest.approx(0.3))]


def test_applying_one_is_one_step_of_undo(strip: Any) -> None:
    import bpy

    bpy.ops.ed.undo_push(message="Before")
    bpy.ops.sequencer.brushflow_preset("EXEC_DEFAULT", True, name="draft")
    scene = bpy.context.scene
    assert scene.sequence_editor.strips["shot"].brushflow.iterations == PRESETS["draft"].values["iterations"]
    bpy.ops.ed.undo()
    assert bpy.context.scene.sequence_editor.strips["shot"].brushflow.iterations == make_settings().iterations


def test_blender_itself_can_run_it(strip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import compat

    strip.brushflow.iterations, strip.brushflow.pooling = 12, "average"
    keep("Look", with_styles=True)
    strip.brushflow.iterations, strip.brushflow.pooling = 99, "max"
    strip.brushflow.styles.clear()
    # Blender writes the preset's name over the panel's.
    monkeypatch.setattr(bpy.types.SEQUENCER_PT_brushflow_presets, "bl_label", "")
    with compat.editing(bpy.context.scene):
        bpy.ops.script.execute_preset(
            filepath=bpy.utils.preset_find("Look", "brushflow"), menu_idname="SEQUENCER_PT_brushflow_presets"
        )  # fmt: skip
    assert (strip.brushflow.iterations, strip.brushflow.pooling, len(strip.brushflow.styles)) == (12, "average", 1)


def test_the_menu_lists_all_and_removes_ones_own(strip: Any) -> None:
    import bpy

    class Layout(Recorder):
        def __getattr__(self, name: str) -> Any:
            return lambda *_, **__: self

    def listed() -> list[str]:
        panel, layout = bpy.types.SEQUENCER_PT_brushflow_presets, Layout()
        members = {name: getattr(panel, name) for name in ("preset_subdir", "preset_operator", "preset_add_operator", "path_menu")}
        panel.draw(type("Drawn", (), {**members, "layout": layout})(), bpy.context)
        return layout.texts

    shown = [preset.label for preset in PRESETS.values()]
    keep("My Look")
    assert "My Look" in listed() and set(shown) <= set(listed())
    assert bpy.types.SEQUENCER_PT_brushflow_presets.bl_label == "Brushflow Presets"
    assert keep("My Look", remove_name=True) == {"FINISHED"}
    assert bpy.types.SEQUENCER_PT_brushflow_presets.bl_label == "Brushflow Presets"
    assert "My Look" not in listed() and "* Missing Paths *" not in listed()


def test_names_that_are_taken_are_not_taken_again(strip: Any) -> None:
    assert keep("Draft") == {"CANCELLED"}
    assert keep("Look") == {"FINISHED"}
    strip.brushflow.iterations = 12
    assert keep("Look") == {"CANCELLED"}
    take(name="Look")
    assert strip.brushflow.iterations == make_settings().iterations


def test_a_name_that_there_is_not_is_told_with_the_nearest(presets: Any, strip: Any) -> None:
    from bl_ext.user_default.brushflow.core.settings import SettingsError

    keep("My Look")
    with pytest.raises(SettingsError, match=r"There is no preset 'My Loo'; did you mean 'My Look'\?.*paper, My Look\."):
        presets.find("My Loo")
    with pytest.raises(RuntimeError, match="There is no preset"):
        take(name="nothing")


def test_a_preset_is_found_by_its_file_and_by_the_name_of_its_file(presets: Any, strip: Any, tmp_path: Path) -> None:
    strip.brushflow.iterations = 12
    keep("My Look")
    presets.write(tmp_path / "there.py", strip, with_styles=False)
    for name in ("My Look", "My_Look", str(tmp_path / "there.py")):
        assert presets.find(name).values["iterations"] == 12


def test_a_preset_that_someone_else_wrote_sets_settings_and_runs_nothing(presets: Any, strip: Any, tmp_path: Path) -> None:
    path = tmp_path / "theirs.py"
    sets = "strip.brushflow.iterations = 12\nstrip.brushflow.of_tomorrow = 1\n"
    path.write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n{sets}")
    assert take(filepath=str(path)) == {"FINISHED"}
    assert strip.brushflow.iterations == 12
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("strip.brushflow.iterations = -1", "iterations must"), ("strip.brushflow.", "cannot be read")],
)
def test_a_broken_preset_is_refused_and_changes_nothing(strip: Any, tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text("strip.brushflow.passes = 3\n" + text)
    with pytest.raises(RuntimeError, match=sentence):
        take(filepath=str(path))
    assert settings(strip) == make_settings().as_dict()


def test_keyframed_settings_are_named_since_keyframes_stay(strip: Any, capfd: Any) -> None:
    keep("Look")
    strip.keyframe_insert("brushflow_style_weight", frame=10)
    take(name="Look")
    assert "Warning: Keyframes are left as they are: Style." in capfd.readouterr().out


def test_the_command_line_takes_ones_own_preset(project: Path, strip: Any, capsys: Any, engine_python: str) -> None:
    import json

    from bl_ext.user_default.brushflow.addon import cli

    strip.brushflow.iterations, strip.brushflow.seed = 12, 7
    keep("My Look")
    strip.brushflow.iterations, strip.brushflow.seed = 50, 0
    assert cli.execute(["--preset", "My Look", "--set", "seed=8", "--dry-run", "--json"]) == 0
    chosen = json.loads(capsys.readouterr().out)["job"]["settings"]
    assert (chosen["iterations"], chosen["seed"]) == (12, 8)
