# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which settings do something beside the others. Takes settings by name; those whose keyframes vary are never taken for 0."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bpy.app.translations import pgettext_rpt as rpt_

__all__ = ["needs_flow", "remarks", "without_effect"]


def _held(values: Mapping[str, Any], varying: Collection[str] = ()) -> bool:
    """Whether frames are held to earlier ones."""
    weighs = bool(values["temporal_weight"]) or "temporal_weight" in varying
    return weighs and (values["passes"] == 1 or values["passes"] >= values["temporal_from_pass"])


def _blended(values: Mapping[str, Any]) -> bool:
    """Whether frames start from neighbors too."""
    return values["passes"] > 1 and bool(values["blend_previous"] or values["blend_next"])


def _warped(values: Mapping[str, Any]) -> bool:
    """Whether frames start from the previous one, warped."""
    return values["passes"] == 1 and values["init"] == "previous_warped"


def _carried(values: Mapping[str, Any]) -> bool:
    """Whether frames in between are moved along the flow."""
    return bool(values["every"] > 1 and values["between"] == "warped")


def needs_flow(values: Mapping[str, Any], varying: Collection[str] = ()) -> bool:
    """Whether the motion between frames is looked at."""
    return _held(values, varying) or _blended(values) or _warped(values) or _carried(values)


def without_effect(values: Mapping[str, Any], varying: Collection[str] = ()) -> set[str]:
    """The settings that may be changed at will without changing the result."""
    idle: set[str] = set()
    if not _held(values, varying):
        idle |= {"long_term", "long_term_every", "combine", "temporal_criterion"}
    if not needs_flow(values, varying):
        idle |= {"flow", "mask"}
    if not (_warped(values) or _carried(values)):
        idle.add("uncovered")
    if values["every"] == 1:
        idle.add("between")
    if len(values["long_term"]) < 2 and not values["long_term_every"]:
        idle.add("combine")
    if values["passes"] == 1:
        idle |= {"blend_previous", "blend_next", "temporal_from_pass"}
    else:
        idle.add("iterations_first")
        if values["init"] not in ("previous", "first"):  # which exclude several passes, so that one of both has to be changed
            idle.add("init")
        if values["passes"] < values["temporal_from_pass"]:
            idle.add("temporal_weight")
    if not values["content_weight"] and "content_weight" not in varying:
        idle |= {"content_layers", "content_layer_weights"}
    if not values["style_weight"] and "style_weight" not in varying:
        idle |= {"style_scale", "style_layers", "style_layer_weights"}
    if values["optimizer"] != "lbfgs":
        idle.add("history")
    if not values["tolerance"]:
        idle.add("tolerance_interval")
    if values["device"] == "cpu":
        idle.add("deterministic")
    return idle


def remarks(values: Mapping[str, Any]) -> list[str]:
    """What is allowed, but is hardly meant, as sentences."""
    found = []
    passes, begin = values["passes"], values["temporal_from_pass"]
    if 1 < passes < begin:
        found.append(
            rpt_("Temporal from pass {begin} never comes with {passes} passes: frames are blended, but not held to each other.").format(
                begin=begin, passes=passes
            )
        )
    return found
