# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip -> frames to read.

Frames are numbered by the strip's content, 1 being its first frame, so moving or cutting a strip never invalidates painted frames.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, compat, reach, stack
from .extraction import Task
from .properties import absolute
from .runtime import EXTENSION

__all__ = ["Files", "Source", "extraction_command", "file_name", "find_source", "lack", "missing_media", "obstacle", "origin", "save_copy"]

_KINDS = ("IMAGE", "MOVIE", "SCENE", "META", "MOVIECLIP")
# Names as OpenImageIO knows them; files in any other space are left to Blender to convert.
_FILE_SPACES = {"sRGB": "srgb_rec709_scene", "Linear Rec.709": "lin_rec709_scene"}
_WORKING_SPACES = {"Linear Rec.709": "lin_rec709_scene", "Linear Rec.2020": "lin_rec2020_scene", "ACEScg": "lin_ap1_scene"}


@dataclass(frozen=True)
class Files:
    """The strip's own files, a sequence without gaps."""

    pattern: Path
    offset: int
    """Added to a file's number it gives the content frame."""
    colorspace: str


@dataclass(frozen=True)
class Source:
    """Where the frames of a strip come from."""

    scene: str
    strip: str
    shown: str
    """The strip to render: `strip`, or the last effect that it is seen through."""
    first: int
    """First content frame to paint."""
    last: int
    """Last content frame to paint."""
    shift: int
    """Added to a content frame it gives the timeline frame."""
    origin: int
    """Where the strip stood, as `origin` tells it."""
    left: int
    """First timeline frame that the painted frames are to be seen on."""
    right: int
    """First timeline frame after them."""
    files: Files | None
    """None where the frames have to be rendered."""

    @property
    def timeline_frames(self) -> range:
        """Timeline frames of the content frames to paint."""
        return range(self.first + self.shift, self.last + self.shift + 1)

    def task(self, kind: Literal["frames", "matte", "vectors"], strip: str, folder: Path, name: str) -> Task:
        """What to render of `strip` for the frames to paint, as `name`_####.exr in `folder`."""
        return Task(kind, self.scene, strip, str(folder), name, self.first, self.last, self.shift)

    def content(self, folder: Path, name: str) -> dict[str, Any]:
        """The job's entry `content`; rendered frames are expected as `name`_####.exr in `folder`."""
        if self.files is None:
            pattern = folder / f"{name}_####.exr"
            space = _WORKING_SPACES.get(compat.working_space(), "lin_rec709_scene")
            return {"pattern": str(pattern), "first": self.first, "last": self.last, "offset": 0, "colorspace": space}
        offset = self.files.offset
        return {
            "pattern": str(self.files.pattern),
            "first": self.first - offset,
            "last": self.last - offset,
            "offset": offset,
            "colorspace": self.files.colorspace,
        }


def file_name(name: str) -> str:
    """A strip's name without what some file system, or a frame pattern, takes for something else."""
    return re.sub(r'[<>:"/\\|?*#%\x00-\x1f]', "_", name).strip(". ") or "strip"


def obstacle(strip: bpy.types.Strip | None) -> str:
    """Why a strip cannot be painted, as a sentence; empty where it can. Looks at no files, so that panels can ask at each redraw."""
    if strip is None:
        return rpt_("Select a strip to paint.")
    if strip.type not in _KINDS:
        kind = rpt_(bpy.types.Strip.bl_rna.properties["type"].enum_items[strip.type].name)
        if getattr(strip, "input_count", 0) == 1:
            return rpt_("The type {kind} shows another strip; select that one, '{other}', to paint what is seen of it.").format(
                kind=kind, other=strip.input_1.name
            )
        return rpt_("Brushflow paints image, movie, scene, clip and meta strips; this is a strip of the type {kind}.").format(kind=kind)
    if strip.lock:
        return rpt_("The strip is locked; unlock it to paint it.")
    if strip.brushflow.source_strip:
        return rpt_("This strip is itself painted; select its source, {strip}.").format(strip=strip.brushflow.source_strip)
    return ""


def find_source(scene: bpy.types.Scene, strip: bpy.types.Strip, frames: tuple[int, int] | None = None) -> Source:
    """The frames of `strip`, those on the timeline frames `frames` (inclusive) if given; raises Refused."""
    if reason := obstacle(strip):
        raise Refused(reason)
    left, right = compat.left_handle(strip), compat.right_handle(strip)
    shift = origin(strip)
    start = compat.content_start(strip)
    end = start + max(compat.content_duration(strip), 1)
    shown = stack.in_its_place(strip)
    if is_held := shown == strip and not _changes_by_itself(strip):
        # Beyond its content such a strip holds its first or last frame, and so does the painted one.
        begin, stop = start, end
    else:
        begin, stop, shift = left, right, min(shift, left - 1)
    if frames is not None:
        seen = f"{left}-{right - 1}"
        left, right = max(left, frames[0]), min(right, frames[1] + 1)
        if left >= right:
            raise Refused(
                rpt_("The strip '{strip}' is not seen on frames {first}-{last}; it is seen on frames {seen}.").format(
                    strip=strip.name, first=frames[0], last=frames[1], seen=seen
                )
            )
    first, last = min(max(left, begin), stop - 1), min(max(right - 1, begin), stop - 1)
    used = range(first - start, last - start + 1) if is_held else range(end - start)
    if missing := next(missing_media(strip, used), None):
        raise Refused(missing)
    files = _own_files(strip) if is_held else None
    return Source(scene.name, strip.name, shown.name, first - shift, last - shift, shift, origin(strip), left, right, files)


def origin(strip: bpy.types.Strip) -> int:
    """The timeline frame before the strip's first content frame, trimming aside: it moves with the strip, and with nothing else."""
    return compat.content_start(strip) - compat.content_trim_start(strip) - 1


def _changes_by_itself(strip: Any) -> bool:
    """Whether a strip may change where its content does not."""
    return bool(len(getattr(strip, "retiming_keys", ()))) or compat.is_animated(strip, _ANIMATED)


def lack(strip: bpy.types.Strip) -> str:
    """What a strip lacks on its first and its last frame, as a sentence; empty where nothing. Panels can ask at each redraw."""
    return next(missing_media(strip, _ends(strip), _ends), "")


def _ends(strip: bpy.types.Strip) -> list[int]:
    return sorted({0, max(compat.content_duration(strip), 1) - 1})


def _whole(strip: bpy.types.Strip) -> Sequence[int]:
    return range(max(compat.content_duration(strip), 1))


def missing_media(strip: Any, used: Sequence[int], used_of: Callable[[bpy.types.Strip], Sequence[int]] = _whole) -> Iterator[str]:
    """What a strip lacks, as sentences.

    Args:
        used: frames that are looked at, counted from the start of the strip's content.
        used_of: gives those of a strip inside of this one.
    """
    match strip.type:
        case "IMAGE":
            folder, trim = absolute(strip.directory), compat.content_trim_start(strip)
            elements = [strip.elements[min(index + trim, len(strip.elements) - 1)].filename for index in used]
            absent = [name for name in dict.fromkeys(elements) if reach.is_missing(folder / name)]
            if absent:
                text = (
                    rpt_("The strip '{strip}' lacks {file} and {more} more in {folder}; restore the file or choose others.")
                    if len(absent) > 1
                    else rpt_("The strip '{strip}' lacks {file} in {folder}; restore the file or choose others.")
                )
                yield text.format(strip=strip.name, file=absent[0], more=len(absent) - 1, folder=folder)
        case "MOVIE":
            if reach.is_missing(absolute(strip.filepath)):
                yield rpt_("The strip '{strip}' lacks its movie {file}; restore it or choose another.").format(
                    strip=strip.name, file=absolute(strip.filepath)
                )
        case "MOVIECLIP":
            if strip.clip is None or reach.is_missing(absolute(strip.clip.filepath)):
                yield rpt_("The strip '{strip}' lacks its clip; restore it or choose another.").format(strip=strip.name)
        case "SCENE":
            if strip.scene is None:
                yield rpt_("The strip '{strip}' lacks its scene; choose one in the strip's properties.").format(strip=strip.name)
            elif strip.scene_input == "CAMERA" and strip.scene_camera is None and strip.scene.camera is None:
                yield rpt_("The scene '{scene}' of the strip '{strip}' has no camera; add one to it.").format(
                    scene=strip.scene.name, strip=strip.name
                )
        case "META":
            for child in strip.strips:
                if not child.mute and child.type in _KINDS:
                    yield from missing_media(child, used_of(child), used_of)


_UNTOUCHED = {
    "use_flip_x": False,
    "use_flip_y": False,
    "use_reverse_frames": False,
    "use_deinterlace": False,
    "multiply_alpha": False,
    "color_saturation": 1.0,
    "color_multiply": 1.0,
    "use_multiview": False,
}
_IDENTITY = {"offset_x": 0.0, "offset_y": 0.0, "scale_x": 1.0, "scale_y": 1.0, "rotation": 0.0}


def _own_files(strip: bpy.types.Strip) -> Files | None:
    """The strip's files where Blender shows them exactly as they are, else None."""
    if strip.type != "IMAGE" or strip.modifiers or strip.parent_meta() is not None or strip.strobe > 1.0:
        return None
    if any(getattr(strip, name, value) != value for name, value in _UNTOUCHED.items()):
        return None
    if any(getattr(strip.transform, name) != value for name, value in _IDENTITY.items()):
        return None
    if any(getattr(strip.crop, side) for side in ("min_x", "max_x", "min_y", "max_y")):
        return None
    colorspace = _FILE_SPACES.get(strip.colorspace_settings.name)
    names = [element.filename for element in strip.elements]
    numbered = [re.fullmatch(r"([^#%]*?)(\d+)(\.[^.#%]+)", name) for name in names]
    if colorspace is None or not all(numbered) or "#" in strip.directory or "%" in strip.directory:
        return None
    parts = [match.groups() for match in numbered if match]
    stem, digits, suffix = parts[0]
    if strip.alpha_mode != ("PREMUL" if suffix.lower() == ".exr" else "STRAIGHT"):
        return None
    expected = [f"{stem}{int(digits) + index:0{len(digits)}d}{suffix}" for index in range(len(names))]
    if names != expected:
        return None
    return Files(absolute(strip.directory) / f"{stem}{'#' * len(digits)}{suffix}", 1 - int(digits), colorspace)


_ANIMATED = ("transform.", "crop.", "modifiers[", "strobe", *_UNTOUCHED)


def save_copy(path: Path) -> None:
    """Save the project as it is now, unsaved changes too, without changing its own path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=False)


# Loads this extension under a name of its own, without enabling it: only its extraction is wanted.
_BOOT = """
import importlib, importlib.util, sys
extension, project, tasks = sys.argv[-3:]
spec = importlib.util.spec_from_file_location("brushflow", extension + "/__init__.py", submodule_search_locations=[extension])
sys.modules["brushflow"] = importlib.util.module_from_spec(spec)
importlib.import_module("brushflow.addon.extraction").main(project, tasks)
"""


def extraction_command(tasks: Sequence[Task], project: Path) -> list[str]:
    """The command line of the windowless Blender that works off `tasks` on the copy `project`."""
    arguments = [str(EXTENSION), str(project), json.dumps([asdict(task) for task in tasks])]
    if bpy.app.binary_path:
        trust = "--enable-autoexec" if bpy.context.preferences.filepaths.use_scripts_auto_execute else "--disable-autoexec"
        options = ["--background", "--factory-startup", trust, "--python-exit-code", "1", "--python-expr", _BOOT]
        return [bpy.app.binary_path, *options, "--", *arguments]
    return [sys.executable, "-c", _BOOT, *arguments]
