# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How strips lie over each other: which effects a strip is seen through, and what is seen over it."""

from __future__ import annotations

from typing import Any

import bpy

from . import compat

__all__ = ["effects_over", "in_its_place", "siblings", "strips_between"]


def siblings(strip: bpy.types.Strip) -> Any:
    """The strips of the timeline, or of the meta strip, in which `strip` lies."""
    scene: Any = strip.id_data
    return (strip.parent_meta() or scene.sequence_editor).strips


def effects_over(strip: bpy.types.Strip) -> list[Any]:
    """The effects that a strip is seen through, such as speed or glow, from the one next to it on.

    They have no other input, so Blender shows them instead of the strip. Of a strip that is muted, muted ones are meant too: a painted
    version mutes both.
    """
    found: list[Any] = []
    below: Any = strip
    while over := [other for other in siblings(strip) if _shows(other, below) and (strip.mute or not other.mute)]:
        below = max(over, key=lambda other: other.channel)
        found.append(below)
    return found


def _shows(effect: Any, strip: bpy.types.Strip) -> bool:
    return getattr(effect, "input_count", 0) == 1 and effect.input_1 == strip and effect.channel > strip.channel


def in_its_place(strip: bpy.types.Strip) -> Any:
    """What is seen of a strip: itself, or the last effect over it."""
    return [strip, *effects_over(strip)][-1]


def strips_between(lower: bpy.types.Strip, upper: bpy.types.Strip) -> list[Any]:
    """The strips that are seen over `lower` and that `upper` covers."""
    left, right = compat.left_handle(upper), compat.right_handle(upper)
    return [
        other
        for other in siblings(upper)
        if lower.channel < other.channel < upper.channel
        and other.type != "SOUND"
        and not other.mute
        and compat.left_handle(other) < right
        and left < compat.right_handle(other)
    ]
