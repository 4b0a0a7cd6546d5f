# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the optical flow of a strip comes from: files, the scene of a scene strip, or the engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, vectors
from .effect import needs_flow
from .properties import absolute

__all__ = ["Motion", "estimated", "find_motion", "obstacle"]

_NAME = "motion"


@dataclass(frozen=True)
class Motion:
    """The motion that is given to the engine; by default none, which leaves it to estimate it."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Patterns of the user's own files: forward and backward, or vectors."""
    rendered: bool = False
    """Whether the scene's own motion has to be rendered, as motion_####.exr."""
    optional: bool = False
    """Whether estimated motion will do instead."""
    warning: str = ""
    """Why it will have to, where a scene strip's own was hoped for."""

    @property
    def name(self) -> str:
        """The rendered frames are called name_####.exr."""
        return _NAME

    def entry(self, folder: Path) -> dict[str, str]:
        """The job's entry `flow`, its rendered frames being in `folder`; empty where nothing is given."""
        return {"vectors": str(folder / f"{self.name}_####.exr")} if self.rendered else dict(self.files)


def estimated(reason: str) -> Motion:
    """No motion, but a warning that says why."""
    return Motion(warning=rpt_("The motion is estimated instead of taken from the scene, because {reason}.").format(reason=reason))


def obstacle(strip: bpy.types.Strip) -> str:
    """Why the motion cannot be had from where it is to come from, as a sentence; empty where it can. Looks at no files."""
    group: Any = strip.brushflow
    if group.flow == "files" and not (group.flow_forward and group.flow_backward):
        return rpt_("Name the files of the flow, forward and backward, or choose another Optical Flow.")
    if group.flow != "vectors" or group.flow_vectors:
        return ""
    if strip.type != "SCENE":
        return rpt_("Name the files with the motion vectors, which only scene strips render by themselves, or choose another Optical Flow.")
    reason = vectors.obstacle(strip) if strip.scene else ""
    return (
        rpt_("The scene's own motion vectors cannot be used, because {reason}; set Optical Flow to Automatic.").format(reason=reason)
        if reason
        else ""
    )


def find_motion(strip: bpy.types.Strip, settings: Mapping[str, Any], varying: Collection[str], frames: range) -> Motion:
    """The motion of a strip that is painted on the timeline frames `frames`; raises Refused.

    Args:
        varying: names of the settings that change from frame to frame.
    """
    group: Any = strip.brushflow
    if reason := obstacle(strip):
        raise Refused(reason)
    match settings["flow"]:
        case "files":
            return Motion({"forward": str(absolute(group.flow_forward)), "backward": str(absolute(group.flow_backward))})
        case "vectors" if group.flow_vectors:
            return Motion({"vectors": str(absolute(group.flow_vectors))})
        case "vectors":
            return Motion(rendered=True)
        case "auto" if strip.type == "SCENE" and len(frames) > 1 and needs_flow(settings, varying):
            reason = vectors.obstacle(strip)
            return estimated(reason) if reason else Motion(rendered=True, optional=True)
    return Motion()
