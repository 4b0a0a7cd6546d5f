# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a strip is painted: its own alpha, or the brightness of another strip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, compat
from .properties import strips_of
from .source import file_name, missing_media

__all__ = ["KINDS", "Matte", "find_matte", "obstacle"]

KINDS = ("MASK", "IMAGE", "MOVIE", "SCENE", "META", "MOVIECLIP", "COLOR", "TEXT")
"""Types of the strips that can be a matte."""


@dataclass(frozen=True)
class Matte:
    """Inside is where it is white."""

    strip: str
    """Name of the strip that is rendered; empty where it is the source's alpha."""
    invert: bool

    @property
    def name(self) -> str:
        """The rendered frames are called name_####.exr."""
        return file_name(self.strip)

    def entry(self, folder: Path) -> dict[str, Any]:
        """The job's entry `matte`, its rendered frames being in `folder`."""
        if not self.strip:
            return {"source": "alpha", "invert": self.invert}
        return {"source": "frames", "pattern": str(folder / f"{self.name}_####.exr"), "invert": self.invert}


def obstacle(strip: bpy.types.Strip) -> str:
    """Why the matte that is chosen for a strip cannot be used, as a sentence; empty where it can. Looks at no files."""
    group = strip.brushflow
    if group.matte != "STRIP":
        return ""
    if not group.matte_strip:
        return rpt_("Choose the strip that is the matte.")
    chosen = _strip_of(strip)
    if chosen is None:
        return rpt_("There is no strip '{strip}' for the matte; choose another.").format(strip=group.matte_strip)
    if chosen == strip:
        return rpt_("The strip '{strip}' cannot be its own matte; choose another, or its alpha.").format(strip=chosen.name)
    if chosen.type not in KINDS:
        kind = iface_(bpy.types.Strip.bl_rna.properties["type"].enum_items[chosen.type].name)
        return rpt_(
            "The matte '{strip}' is a strip of the type {kind}; choose one with a picture of its own, such as a mask strip."
        ).format(strip=chosen.name, kind=kind)
    if chosen.type == "MASK" and chosen.mask is None:
        return rpt_("The strip '{strip}' lacks its mask; choose one in the strip's properties.").format(strip=chosen.name)
    return ""


def find_matte(strip: bpy.types.Strip, frames: range) -> Matte | None:
    """The matte of a strip that is painted on the timeline frames `frames`; raises Refused."""
    group = strip.brushflow
    if group.matte == "NONE":
        return None
    if reason := obstacle(strip):
        raise Refused(reason)
    if group.matte == "ALPHA":
        return Matte("", group.matte_invert)
    chosen = _strip_of(strip)
    assert chosen
    left, right = compat.left_handle(chosen), compat.right_handle(chosen)
    if frames[0] < left or right <= frames[-1]:
        raise Refused(
            rpt_(
                "The matte '{strip}' is seen on frames {left}-{right}, but frames {first}-{last} are painted; "
                "make it as long, or paint fewer frames."
            ).format(strip=chosen.name, left=left, right=right - 1, first=frames[0], last=frames[-1])
        )
    start = compat.content_start(chosen)
    last = max(compat.content_duration(chosen), 1) - 1
    used = range(min(max(frames[0] - start, 0), last), min(max(frames[-1] - start, 0), last) + 1)
    if missing := next(missing_media(chosen, used), None):
        raise Refused(missing)
    return Matte(chosen.name, group.matte_invert)


def _strip_of(strip: Any) -> Any:
    return next((other for other in strips_of(strip.id_data) if other.name == strip.brushflow.matte_strip), None)
