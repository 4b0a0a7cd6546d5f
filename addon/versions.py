# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The painted versions of a strip: which there are, which is seen, what they were painted with, and the cache that they keep."""

from __future__ import annotations

import _thread
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from ..core.settings import SettingsError, specs
from . import Refused, reach
from .order import job_in
from .properties import absolute, apply, keyframed, stored_path, strips_of
from .source import file_name

__all__ = [
    "METER",
    "CacheMeter",
    "base_folder",
    "caches",
    "clear",
    "in_words",
    "load_settings",
    "original",
    "results_of",
    "show",
    "source_of",
    "step",
    "versions_of",
]


def results_of(strip: bpy.types.Strip) -> list[Any]:
    """The strips that show painted versions of `strip`, or of the strip that `strip` was painted from, in their order."""
    group = strip.brushflow
    job_id = group.source_job if group.source_strip else group.job_id
    scene: Any = strip.id_data
    found = [other for other in strips_of(scene) if other.brushflow.source_strip and other.brushflow.source_job == job_id]
    return sorted(found, key=lambda other: other.brushflow.version) if job_id else []


def versions_of(strip: bpy.types.Strip) -> list[int]:
    """The numbers of the painted versions of a strip."""
    return sorted({result.brushflow.version for result in results_of(strip)})


def source_of(result: bpy.types.Strip) -> bpy.types.Strip | None:
    """The strip that `result` was painted from."""
    scene: Any = result.id_data
    return original(scene, result.brushflow.source_job, result.brushflow.source_strip)


def original(scene: bpy.types.Scene, job_id: str, name: str) -> bpy.types.Strip | None:
    """The strip that was painted in a scene: by its job id, since it may have been renamed, else by its name."""
    strips = [strip for strip in strips_of(scene) if not strip.brushflow.source_strip]
    owners = [strip for strip in strips if strip.brushflow.job_id == job_id]
    named = [strip for strip in strips if strip.name == name]
    return next((strip for strip in owners if strip in named), None) or next(iter(owners + named), None)


def step(strip: bpy.types.Strip, by: int) -> bpy.types.Strip:
    """Let the version be seen that lies `by` after the one that is seen, round the whole list, and no other."""
    results, numbers = results_of(strip), versions_of(strip)
    seen = [numbers.index(result.brushflow.version) for result in results if not result.mute]
    # Where none is seen, the next is the first and the previous is the last.
    start = seen[-1] if seen else (-1 if by > 0 else 0)
    wanted = numbers[(start + by) % len(numbers)]
    chosen: bpy.types.Strip = next(result for result in results if result.brushflow.version == wanted)
    show(chosen)
    return chosen


def show(result: bpy.types.Strip) -> None:
    """Let the version be seen that `result` shows, all parts of it if it was cut, and no other; locked strips stay as they are."""
    for other in results_of(result):
        if not other.lock:
            other.mute = other.brushflow.version != result.brushflow.version


def load_settings(result: Any) -> tuple[bpy.types.Strip, list[str]]:
    """Give the strip that `result` was painted from the settings, paintings, matte and flow files that made it.

    Returns that strip, and what could not be brought back, as sentences. Raises Refused, and changes nothing then.
    """
    strip = source_of(result)
    if strip is None:
        raise Refused(rpt_("The strip '{strip}', which this one was painted from, is gone.").format(strip=result.brushflow.source_strip))
    reach.allow()
    folder = absolute(result.directory)
    job = job_in(folder) or {}
    try:
        values = {name: job["settings"][name] for name in specs() if name in job["settings"]}
        styles = [(style["path"], style.get("weight", 1.0), style.get("region", "inside").upper()) for style in job["styles"]]
        apply(strip, values)
    except (KeyError, TypeError, SettingsError) as error:
        raise Refused(
            rpt_("{file} does not say what this strip was painted with ({error}).").format(file=folder / "job.json", error=error)
        ) from error
    group = strip.brushflow
    group.markers_as_cuts = False
    group.styles.clear()
    for path, weight, region in styles:
        style = group.styles.add()
        style.path, style.weight, style.region = stored_path(Path(path)), weight, region
    _load_flow(group, job.get("flow") or {}, folder)
    remarks = _load_matte(strip, job.get("matte"))
    if moving := keyframed(strip) | set(job.get("per_frame") or {}):
        labels = ", ".join(sorted(iface_(specs()[name].label) for name in moving))
        remarks.append(rpt_("Keyframes are left as they are: {labels}.").format(labels=labels))
    return strip, remarks


def _load_flow(group: Any, entry: Mapping[str, str], folder: Path) -> None:
    for name in ("forward", "backward", "vectors"):
        path = Path(entry.get(name, ""))
        # Vectors that lie in the job's own folder were rendered for it.
        own = name not in entry or path.is_relative_to(folder)
        setattr(group, f"flow_{name}", "" if own else stored_path(path))


def _load_matte(strip: bpy.types.Strip, entry: Mapping[str, Any] | None) -> list[str]:
    group = strip.brushflow
    group.matte, group.matte_invert = "NONE", bool(entry and entry.get("invert"))
    if entry is None:
        return []
    if entry.get("source") == "alpha":
        group.matte = "ALPHA"
        return []
    wanted = Path(entry["pattern"]).name.removesuffix("_####.exr")
    scene: Any = strip.id_data
    group.matte, group.matte_strip = "STRIP", next((other.name for other in strips_of(scene) if file_name(other.name) == wanted), "")
    return [] if group.matte_strip else [rpt_("The strip '{strip}', which was its matte, is gone; choose another.").format(strip=wanted)]


def base_folder(strip: bpy.types.Strip) -> Path:
    """The folder of a strip's first version; the others lie in it."""
    group = strip.brushflow
    return absolute(group.output) / file_name(group.folder_name or strip.name)


def caches(base: Path, job_id: str, busy: Collection[Path] = ()) -> list[Path]:
    """The caches of the versions that were painted for `job_id`, but for those in the folders `busy`."""
    folders = [base, *sorted(base.glob("v[0-9]*"))]
    return [
        folder / "cache" for folder in folders
        if folder not in busy and (folder / "cache").is_dir() and job_id and (job_in(folder) or {}).get("id") == job_id
    ]  # fmt: skip


def clear(found: Collection[Path]) -> int:
    """Delete caches; returns how many bytes that freed."""
    freed = _size(found)
    for cache in found:
        shutil.rmtree(cache, ignore_errors=True)
    return freed - _size(found)


def _size(folders: Collection[Path]) -> int:
    total = 0
    for folder in folders:
        for path in folder.rglob("*"):
            try:
                total += path.lstat().st_size
            except OSError:  # gone since it was listed
                continue
    return total


def in_words(size: float) -> str:
    """Bytes as people read them."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit in ("bytes", "KB") or size >= 100 else f"{size:.1f} {unit}"


class CacheMeter:
    """How much disk caches use, measured in a thread, since drawing a panel must not wait for a disk."""

    INTERVAL = 10.0
    """Seconds for which a measure is good."""

    def __init__(self) -> None:
        self._measured: dict[Path, int] = {}
        self._begun: dict[Path, float] = {}
        self._busy: set[Path] = set()

    def used(self, base: Path, job_id: str) -> int | None:
        """Bytes in the caches of a strip's versions as they were last seen; None before. Returns at once."""
        known = self._measured.get(base)
        if time.monotonic() - self._begun.get(base, -self.INTERVAL) >= self.INTERVAL:
            self._begun[base] = time.monotonic()
            self._busy.add(base)
            # Thread.start() would wait until the thread has begun, which takes long where the engine has all processors.
            _thread.start_new_thread(self._measure, (base, job_id))
        return known

    def forget(self, base: Path) -> None:
        """Measure anew at the next question."""
        self._begun.pop(base, None)

    @property
    def is_busy(self) -> bool:
        return bool(self._busy)

    def _measure(self, base: Path, job_id: str) -> None:
        # This thread must never touch bpy.
        try:
            self._measured[base] = _size(caches(base, job_id))
        finally:
            self._busy.discard(base)


METER = CacheMeter()
