# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip and its settings -> an order: all that can be refused is refused here, before anything is started."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import bpy

from ..core.settings import SettingsError, make_settings
from . import Refused, runtime
from .properties import absolute, claim_job_id, exact, per_frame, settings_of
from .source import Source, find_source

__all__ = ["Existing", "Order", "take"]

Existing = Literal["VERSION", "REPLACE", "OVERWRITE"]
"""What becomes of frames painted with other settings; OVERWRITE paints those of the same settings again, too."""


@dataclass(frozen=True)
class Order:
    """Everything needed to paint a strip and to lay the result into the project; names, since undo frees strips."""

    source: Source
    job_id: str
    version: int
    folder: Path
    """Folder of the painted frames."""
    name: str
    """The frames are called name_####.exr."""
    title: str
    """Name of the result strip."""
    overwrite: bool
    """Whether frames that are there already are painted again, even where they fit."""
    mute_original: bool
    styles: list[dict[str, Any]]
    settings: dict[str, Any]
    per_frame: dict[str, list[float]]
    plan: dict[str, Any]
    """How the engine computed the frames that are there already."""

    @property
    def extracted(self) -> Path:
        """Folder of the frames that were rendered for the engine; deleted once used."""
        return self.folder / "cache" / "source"

    @property
    def job_file(self) -> Path:
        return self.folder / "job.json"

    @property
    def log_file(self) -> Path:
        return self.folder / "run.log"

    def frame_file(self, frame: int) -> Path:
        """The painted content frame `frame`."""
        return self.folder / f"{self.name}_{frame:04d}.exr"

    def description(self) -> dict[str, Any]:
        """The job file."""
        return {
            "schema": 1,
            "id": self.job_id,
            "content": self.source.content(self.extracted, self.name),
            "styles": self.styles,
            "output": {"folder": str(self.folder), "name": self.name, "existing": "overwrite" if self.overwrite else "resume"},
            "settings": self.settings,
            "per_frame": self.per_frame,
            "plan": self.plan,
        }


def take(
    scene: bpy.types.Scene, strip: bpy.types.Strip, *, frames: tuple[int, int] | None = None, existing: Existing | None = None
) -> Order:
    """The order to paint `strip`, as its settings say.

    Args:
        frames: first and last timeline frame, instead of the strip's own choice.
        existing: instead of the strip's own choice.

    Raises Refused.
    """
    group = strip.brushflow
    source = find_source(scene, strip, frames or _chosen_frames(scene, strip))
    styles = _styles(strip)
    if group.output.startswith("//") and not bpy.data.filepath:
        raise Refused(f"Save the project first, since the output folder {group.output} lies beside it, or choose another folder.")
    try:
        settings = settings_of(strip)
    except SettingsError as error:
        raise Refused(str(error)) from error
    keyframed = per_frame(scene, strip, source.timeline_frames)
    settings.update({name: values[0] for name, values in keyframed.items() if len(set(values)) == 1})
    varying = {name: values for name, values in keyframed.items() if len(set(values)) > 1}
    if group.markers_as_cuts:
        markers = sorted(marker.frame for marker in scene.timeline_markers if marker.frame in source.timeline_frames[1:])
        settings["cuts"] = [frame - source.shift for frame in markers] or "none"
    runtime.find_python()

    name = _file_name(strip.name)
    job_id = claim_job_id(scene, strip)
    wanted = _Wanted(source, styles, settings, varying)
    version, folder = _choose_version(absolute(group.output) / name, name, job_id, wanted, existing or group.existing)
    past = _job_in(folder) or {}
    plan = past.get("plan", {}) if wanted.same_as(past) and past["settings"] == settings else {}
    title = f"{strip.name} [{Path(styles[0]['path']).stem}]" + (f" v{version:03d}" if version > 1 else "")
    return Order(
        source, job_id, version, folder, name, title, existing == "OVERWRITE", group.mute_original, styles, settings, varying, plan,
    )  # fmt: skip


def _chosen_frames(scene: bpy.types.Scene, strip: bpy.types.Strip) -> tuple[int, int] | None:
    group = strip.brushflow
    if group.frame_range == "CUSTOM":
        return group.frame_start, group.frame_end
    if group.frame_range == "PREVIEW" and scene.use_preview_range:
        return scene.frame_preview_start, scene.frame_preview_end
    return None


def _styles(strip: bpy.types.Strip) -> list[dict[str, Any]]:
    chosen = [(absolute(style.path), exact(style.weight)) for style in strip.brushflow.styles if style.path]
    if not chosen:
        raise Refused(f"The strip '{strip.name}' has no painting yet; add one.")
    for path, _ in chosen:
        if not path.is_file():
            raise Refused(f"The painting {path} does not exist; choose another.")
    if not any(weight for _, weight in chosen):
        raise Refused("All paintings have the weight 0; raise one.")
    return [{"path": str(path), "weight": weight} for path, weight in chosen]


def _file_name(name: str) -> str:
    """The strip's name without what some file system, or a frame pattern, takes for something else."""
    return re.sub(r'[<>:"/\\|?*#%\x00-\x1f]', "_", name).strip(". ") or "strip"


@dataclass(frozen=True)
class _Wanted:
    source: Source
    styles: list[dict[str, Any]]
    settings: dict[str, Any]
    per_frame: dict[str, list[float]]

    def same_as(self, past: dict[str, Any]) -> bool:
        """Whether an earlier job paints the same picture, if perhaps on other frames."""
        try:
            if make_settings(past["settings"]).changing_pixels() != make_settings(self.settings).changing_pixels():
                return False
            first = past["content"]["first"] + past["content"].get("offset", 0)
            theirs = _by_frame(past.get("per_frame") or {}, first)
            mine = _by_frame(self.per_frame, self.source.first)
            common = theirs.keys() & mine.keys()
            return past["styles"] == self.styles and theirs.keys() == mine.keys() and all(
                theirs[name][frame] == mine[name][frame] for name in common for frame in theirs[name].keys() & mine[name].keys()
            )  # fmt: skip
        except (SettingsError, KeyError, TypeError):
            return False


def _by_frame(values: Mapping[str, Sequence[float]], first: int) -> dict[str, dict[int, float]]:
    return {name: dict(enumerate(one, first)) for name, one in values.items()}


def _choose_version(base: Path, name: str, job_id: str, wanted: _Wanted, existing: Existing) -> tuple[int, Path]:
    """Number and folder of the version to paint: one of this strip that fits, else a new one."""
    own: list[tuple[int, Path]] = []
    for version in itertools.count(1):
        folder = base if version == 1 else base / f"v{version:03d}"
        past = _job_in(folder)
        if past is None and not any(folder.glob(f"{name}_*.exr")):
            return own[-1] if own and existing != "VERSION" else (version, folder)
        if past is not None and past.get("id") == job_id:
            if existing == "VERSION" and wanted.same_as(past):
                return version, folder
            own.append((version, folder))
    raise AssertionError


def _job_in(folder: Path) -> dict[str, Any] | None:
    try:
        job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return job if isinstance(job, dict) else None
