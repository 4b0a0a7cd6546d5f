# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says of a strip, and whether it can be painted, in each state that a strip can be in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.addon.test_panels import draw, panels
from tests.addon.test_preview import engine, job_of, preview, shown
from tests.blender import WIDTH

__all__ = ["draw", "engine", "panels", "preview"]


@pytest.fixture
def strip(preview: Any, engine: Any, project: Path, image_strip: Callable[..., Any], painting: Path, scene: Any) -> Any:
    """A strip of three frames from frame 10 on that Blender has to render, with the playhead on the second."""
    strip = image_strip()
    strip.brushflow.styles.add().path = str(painting)
    strip.use_flip_x = True
    scene.frame_set(11)
    return strip


def mute(scene: Any, strip: Any) -> Any:
    strip.mute = True
    return strip


def put_below(scene: Any, strip: Any) -> Any:
    cover = scene.sequence_editor.strips.new_image("cover", strip.directory + strip.elements[0].filename, 5, 8, fit_method="ORIGINAL")
    cover.select = strip.select = True
    return strip


def put_into_meta(scene: Any, strip: Any) -> Any:
    meta = scene.sequence_editor.strips.new_meta("group", 4, 10)
    strip.move_to_meta(meta)
    scene.sequence_editor.display_stack(meta)  # as Tab does
    inside = meta.strips["shot"]
    scene.sequence_editor.active_strip = inside
    return inside


def put_into_muted_meta(scene: Any, strip: Any) -> Any:
    inside = put_into_meta(scene, strip)
    inside.parent_meta().mute = True
    return inside


@pytest.mark.parametrize("change", [mute, put_below, put_into_meta, put_into_muted_meta])
def test_muted_covered_and_inside_a_meta_it_is_painted_as_it_is(
    change: Callable[[Any, Any], Any], scene: Any, strip: Any, preview: Any, draw: Callable[[], str]
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon.order import take

    strip = change(scene, strip)
    assert "Stylize" in draw()
    order = take(scene, strip)
    assert (order.source.first, order.source.last) == (1, 3)
    assert bpy.ops.sequencer.brushflow_preview() == {"FINISHED"}, preview.current().message
    assert job_of(preview.current())["content"]["first"] == 2
    preview.current().show("source")
    # The red square of its second frame, flipped; scene-linear.
    row = shown()[20]
    columns = np.flatnonzero((row[:, 0] > 0.7) & (row[:, 1] < 0.06))
    assert (columns[0], columns[-1]) == (WIDTH - 23, WIDTH - 8)


@pytest.mark.parametrize("index", [0, 2])
def test_the_panel_names_a_missing_file_and_stylize_is_disabled(index: int, strip: Any, draw: Callable[[], str]) -> None:
    from bl_ext.user_default.brushflow.addon import panels

    name = strip.elements[index].filename
    (Path(strip.directory) / name).unlink()
    assert f"The strip 'shot' lacks {name} in" in draw()
    assert panels._missing(strip)


def test_a_file_that_is_missing_inside_a_meta_is_named_too(scene: Any, strip: Any, draw: Callable[[], str], painting: Path) -> None:
    inside = put_into_meta(scene, strip)
    meta = inside.parent_meta()
    (Path(inside.directory) / inside.elements[0].filename).unlink()
    scene.sequence_editor.active_strip = meta
    meta.brushflow.styles.add().path = str(painting)
    assert "The strip 'shot' lacks shot_0101.png" in draw()


def test_a_missing_file_in_the_middle_is_named_when_it_is_to_be_painted(scene: Any, strip: Any, draw: Callable[[], str]) -> None:
    import bpy

    (Path(strip.directory) / strip.elements[1].filename).unlink()
    assert "lacks" not in draw()
    with pytest.raises(RuntimeError, match=r"The strip 'shot' lacks shot_0102\.png"):
        bpy.ops.sequencer.brushflow_stylize()
    with pytest.raises(RuntimeError, match=r"The strip 'shot' lacks shot_0102\.png"):
        bpy.ops.sequencer.brushflow_preview()


def test_without_a_strip_every_operator_is_disabled_and_says_why(scene: Any, draw: Callable[[], str]) -> None:
    import bpy

    assert scene.sequence_editor.active_strip is None
    assert draw() == "Select a strip to paint."
    operators = {name: getattr(bpy.ops.sequencer, name) for name in dir(bpy.ops.sequencer) if name.startswith("brushflow_")}
    disabled = {name: operator for name, operator in operators.items() if not operator.poll()}
    assert {"brushflow_stylize", "brushflow_preview", "brushflow_explore", "brushflow_cancel", "brushflow_reveal"} <= set(disabled)
    # Those are on a job of the list, whichever strip is active.
    assert not [name for name in operators.keys() - disabled.keys() if "_job_" not in name and name != "brushflow_report"]
    for name, operator in disabled.items():
        with pytest.raises(RuntimeError) as told:
            operator()
        assert "context is incorrect" not in str(told.value), f"{name} does not say why it is disabled"


def test_a_locked_strip_is_neither_painted_nor_changed_by_a_click_of_the_explorer(strip: Any, draw: Callable[[], str]) -> None:
    import bpy

    strip.lock = True
    assert draw() == "The strip is locked; unlock it to paint it."
    for operator in ("stylize", "preview", "explore", "explore_take", "style_add"):
        assert not getattr(bpy.ops.sequencer, f"brushflow_{operator}").poll()
