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
from bpy.app.translations import pgettext_rpt as rpt_

from ..core.settings import SettingsError, make_settings
from . import Refused, farm_paths, reach, runtime
from .extraction import Task
from .matte import Matte, find_matte
from .motion import Motion, find_motion
from .properties import absolute, claim_job_id, exact, per_frame, settings_of
from .source import Source, file_name, find_source

__all__ = ["FARM_JOB", "Existing", "Order", "chosen_frames", "job_in", "styles_of", "take"]

Existing = Literal["VERSION", "REPLACE", "OVERWRITE"]
"""What becomes of frames painted with other settings; OVERWRITE paints those of the same settings again, too."""

FARM_JOB = "farm_job.json"
"""The job file that the workers of a farm were given, which name the files as they see them."""
_EXTRACTED = Path("cache", "source")
"""Where in a job's folder the files are rendered that the engine reads."""


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
    matte: Matte | None
    motion: Motion
    settings: dict[str, Any]
    per_frame: dict[str, list[float]]
    plan: dict[str, Any]
    """How the engine computed the frames that are there already."""

    @property
    def extracted(self) -> Path:
        """Folder of what was rendered for the engine; deleted once used."""
        return self.folder / _EXTRACTED

    @property
    def tasks(self) -> list[Task]:
        """What has to be rendered before the engine can begin."""
        source, tasks = self.source, []
        if source.files is None:
            tasks.append(source.task("frames", source.shown, self.extracted, self.name))
        if self.matte is not None and self.matte.strip:
            tasks.append(source.task("matte", self.matte.strip, _matte_folder(self.extracted), self.matte.name))
        if self.motion.rendered:
            tasks.append(source.task("vectors", source.strip, _motion_folder(self.extracted), self.motion.name))
        return tasks

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
            **_entries(self.matte, self.motion, self.extracted),
            "output": {"folder": str(self.folder), "name": self.name, "existing": "overwrite" if self.overwrite else "resume"},
            "settings": self.settings,
            "per_frame": self.per_frame,
            "plan": self.plan,
        }


def _entries(matte: Matte | None, motion: Motion, extracted: Path) -> dict[str, Any]:
    """The job's entries `matte` and `flow`, where there are any."""
    entries = {"matte": matte and matte.entry(_matte_folder(extracted)), "flow": motion.entry(_motion_folder(extracted))}
    return {name: entry for name, entry in entries.items() if entry}


def _matte_folder(extracted: Path) -> Path:
    return extracted / "matte"


def _motion_folder(extracted: Path) -> Path:
    return extracted / "motion"


def take(
    scene: bpy.types.Scene, strip: bpy.types.Strip, *, frames: tuple[int, int] | None = None, existing: Existing | None = None
) -> Order:
    """The order to paint `strip`, as its settings say.

    Args:
        frames: first and last timeline frame, instead of the strip's own choice.
        existing: instead of the strip's own choice.

    Raises Refused.
    """
    reach.allow()
    group = strip.brushflow
    source = find_source(scene, strip, frames or chosen_frames(scene, strip))
    styles = styles_of(strip)
    matte = find_matte(strip, source.timeline_frames)
    if group.output.startswith("//") and not bpy.data.filepath:
        raise Refused(
            rpt_("Save the project first, since the output folder {output} lies beside it, or choose another folder.").format(
                output=group.output
            )
        )
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
    motion = find_motion(strip, settings, varying, source.timeline_frames)
    runtime.find_python()

    job_id = claim_job_id(scene, strip)
    name = file_name(group.folder_name)
    wanted = _Wanted(source, styles, matte, motion, settings, varying)
    version, folder = _choose_version(absolute(group.output) / name, name, job_id, wanted, existing or group.existing)
    past = job_in(folder) or {}
    plan = past.get("plan", {}) if wanted.same_as(past) and past["settings"] == settings else {}
    title = f"{strip.name} [{Path(styles[0]['path']).stem}]" + (f" v{version:03d}" if version > 1 else "")
    return Order(
        source, job_id, version, folder, name, title, existing == "OVERWRITE", group.mute_original, styles, matte, motion, settings,
        varying, plan,
    )  # fmt: skip


def chosen_frames(scene: bpy.types.Scene, strip: bpy.types.Strip) -> tuple[int, int] | None:
    """First and last timeline frame that are to be painted; None for all of the strip."""
    group = strip.brushflow
    if group.frame_range == "CUSTOM":
        return group.frame_start, group.frame_end
    if group.frame_range == "PREVIEW" and scene.use_preview_range:
        return scene.frame_preview_start, scene.frame_preview_end
    return None


def styles_of(strip: bpy.types.Strip) -> list[dict[str, Any]]:
    """The job's entry `styles`, asked for by a button; raises Refused."""
    reach.allow()
    chosen = [style for style in strip.brushflow.styles if style.path]
    if not chosen:
        raise Refused(rpt_("The strip '{strip}' has no painting yet; add one.").format(strip=strip.name))
    for style in chosen:
        if not absolute(style.path).is_file():
            raise Refused(rpt_("The painting {path} does not exist; choose another.").format(path=absolute(style.path)))
    if not any(style.weight for style in chosen):
        raise Refused(rpt_("All paintings have the weight 0; raise one."))
    # Without a matte the panel shows no sides, and all paintings are for the whole frame.
    has_sides = strip.brushflow.matte != "NONE"
    return [
        {"path": str(absolute(style.path)), "weight": exact(style.weight), "region": style.region.lower() if has_sides else "inside"}
        for style in chosen
    ]


@dataclass(frozen=True)
class _Wanted:
    source: Source
    styles: list[dict[str, Any]]
    matte: Matte | None
    motion: Motion
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
            if [{"region": "inside", **style} for style in past["styles"]] != self.styles or not self._reads_the_files_of(past):
                return False
            return theirs.keys() == mine.keys() and all(
                theirs[name][frame] == mine[name][frame] for name in common for frame in theirs[name].keys() & mine[name].keys()
            )  # fmt: skip
        except (SettingsError, KeyError, TypeError):
            return False

    def _reads_the_files_of(self, past: dict[str, Any]) -> bool:
        """Whether matte and flow come from the same files, wherever those lie that are rendered anew for each job."""
        folder, mine = Path(past["output"]["folder"]), _entries(self.matte, self.motion, _EXTRACTED)
        # What "auto" found for the flow is no choice of the user's.
        chosen = ("matte",) if self.settings["flow"] == "auto" else ("matte", "flow")
        return all(_relative(past.get(name), folder) == mine.get(name) for name in chosen)


def _relative(entry: dict[str, Any] | None, folder: Path) -> dict[str, Any] | None:
    """A job's entry with the paths that lie in `folder` taken from there."""
    if entry is None:
        return None
    paths = {name: Path(path) for name, path in entry.items() if isinstance(path, str)}
    return {**entry, **{name: str(path.relative_to(folder)) for name, path in paths.items() if path.is_relative_to(folder)}}


def _by_frame(values: Mapping[str, Sequence[float]], first: int) -> dict[str, dict[int, float]]:
    return {name: dict(enumerate(one, first)) for name, one in values.items()}


def _choose_version(base: Path, name: str, job_id: str, wanted: _Wanted, existing: Existing) -> tuple[int, Path]:
    """Number and folder of the version to paint: one of this strip that fits, else a new one."""
    own: list[tuple[int, Path]] = []
    for version in itertools.count(1):
        folder = base if version == 1 else base / f"v{version:03d}"
        past = job_in(folder)
        if past is None and not _has_frames(folder, name):
            return own[-1] if own and existing != "VERSION" else (version, folder)
        if past is not None and past.get("id") == job_id:
            if existing == "VERSION" and wanted.same_as(past):
                return version, folder
            own.append((version, folder))
    raise AssertionError


def _has_frames(folder: Path, name: str) -> bool:
    """Whether frames that were painted under `name` lie in a folder; debug pictures beside them do not count."""
    return any(re.fullmatch(rf"{re.escape(name)}_\d+", path.stem) for path in folder.glob("*.exr"))


def job_in(folder: Path) -> dict[str, Any] | None:
    """The job that was left in a folder of painted frames, its paths as this machine sees them; None where there is none to be read."""
    for name in ("job.json", FARM_JOB):
        try:
            job = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(job, dict):
            return farm_paths.with_paths(job, farm_paths.known().here)
    return None
