# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.blender import effect_length


@pytest.fixture
def stack(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import stack

    return stack


@pytest.fixture
def over(scene: Any) -> Callable[..., Any]:
    """Lays an effect strip over others."""

    def make(kind: str, channel: int, *inputs: Any) -> Any:
        given = dict(zip(("input1", "input2"), inputs, strict=False))
        return scene.sequence_editor.strips.new_effect(
            name=kind, type=kind, channel=channel, frame_start=1, **effect_length(20), **given
        )  # fmt: skip

    return make


def test_a_strip_is_seen_through_the_effects_that_have_no_other_input(
    stack: Any, image_strip: Callable[..., Any], over: Callable[..., Any]
) -> None:
    strip, other = image_strip(), image_strip(start=11, name="other")
    glow = over("GLOW", 3, strip)
    speed = over("SPEED", 4, glow)
    over("CROSS", 5, strip, other)
    assert stack.effects_over(strip) == [glow, speed]
    assert stack.in_its_place(strip) == speed
    speed.mute = True
    assert stack.in_its_place(strip) == glow
    # As a painted version leaves both.
    strip.mute = True
    assert stack.in_its_place(strip) == speed
    assert stack.in_its_place(other) == other


def test_an_effect_names_the_strip_to_paint_instead(
    stack: Any, scene: Any, image_strip: Callable[..., Any], over: Callable[..., Any]
) -> None:
    from bl_ext.user_default.brushflow.addon import source

    speed = over("SPEED", 2, image_strip())
    assert source.obstacle(speed) == "The type Speed shows another strip; select that one, 'shot', to paint what is seen of it."
    assert source.find_source(scene, speed.input_1).shown == "SPEED"


def test_strips_between_two_are_those_that_are_seen_at_the_same_time(
    stack: Any, scene: Any, image_strip: Callable[..., Any], over: Callable[..., Any]
) -> None:
    strip = image_strip(start=10)
    title, hidden = over("TEXT", 2), over("COLOR", 3)
    hidden.mute = True
    upper = scene.sequence_editor.strips.new_image("upper", strip.directory + strip.elements[0].filename, 5, 12)
    assert stack.strips_between(strip, upper) == [title]
    title.mute = True
    assert stack.strips_between(strip, upper) == []
