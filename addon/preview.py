# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame at the playhead, painted small and quickly by the same engine as the shot, and shown in an Image Editor.

The picture is one data-block, "Brushflow Preview", which shows the source or the painted frame. It is never saved with the project.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from ..core.settings import SettingsError
from . import Refused, compat
from .errand import INTERVAL, Errand, picture_of, wait
from .extraction import Task
from .handlers import Handlers
from .matte import find_matte
from .order import chosen_frames, styles_of
from .properties import per_frame, settings_of
from .source import find_source

__all__ = [
    "NAME",
    "PREVIEWS",
    "Preview",
    "current",
    "headline",
    "is_at_playhead",
    "open_editor",
    "quick",
    "register",
    "run",
    "start",
    "unregister",
]

log = logging.getLogger(__name__)

NAME = "Brushflow Preview"
"""The data-block that shows it."""
PIXELS = 512 * 288
"""The most that a preview is painted at."""
EFFORT = 20 * PIXELS
"""Iterations times pixels that two processor cores manage in about a quarter of a minute."""

_NAME = "preview"
"""Files of the engine are called preview_####."""
Side = Literal["source", "painted"]


@dataclass(frozen=True)
class _Picture:
    path: Path
    colorspace: str


class Preview(Errand):
    """The frame at the playhead on its way through the processes."""

    is_sheet = False
    """Whether it is several pictures, which have a panel of their own."""

    def __init__(self, scene: bpy.types.Scene, strip: bpy.types.Strip, styles: list[dict[str, Any]] | None = None) -> None:
        """The frame of `strip` at the playhead of `scene`, as its settings say; raises Refused.

        Args:
            styles: the job's entry, instead of the strip's paintings.
        """
        if not is_at_playhead(scene, strip):
            raise Refused(rpt_("The strip '{strip}' is not seen at the playhead; move the playhead over it.").format(strip=strip.name))
        frame = scene.frame_current
        self.strip, self.frame = strip.name, frame
        self._source = find_source(scene, strip, (frame, frame))
        self._styles = styles_of(strip) if styles is None else styles
        self._matte = find_matte(strip, self._source.timeline_frames)
        try:
            self._settings = settings_of(strip)
        except SettingsError as error:
            raise Refused(str(error)) from error
        self._keyframed = {name: values[0] for name, values in per_frame(scene, strip, self._source.timeline_frames).items()}
        self._settings.update(self._keyframed)
        start = _shot_start(scene, strip, frame, [cut + self._source.shift for cut in _listed(self._settings["cuts"])])
        self._later = (frame - start) // self._settings["every"]
        self._rendered_size = scene.render.resolution_x, scene.render.resolution_y
        self.iteration = self.limit = 0
        self.shown: Side | None = None
        """What the data-block shows; None before it shows anything of this preview."""
        self._painted: Path | None = None
        super().__init__()

    @property
    def is_painted(self) -> bool:
        """Whether there is a painted frame to be shown."""
        return self._painted is not None

    @property
    def factor(self) -> float:
        """Share of the work that is done, 0..1."""
        return min(1.0, self.iteration / self.limit) if self.limit else 0.0

    @property
    def step(self) -> str:
        """What is being painted, in a few words; empty before it has begun."""
        return iface_("Iteration {number} of {limit}").format(number=self.iteration, limit=self.limit) if self.limit else ""

    def _tasks(self) -> list[Task]:
        tasks = []
        if self._source.files is None:
            tasks.append(self._source.task("frames", self._source.shown, self.extracted, _NAME))
        if self._matte is not None and self._matte.strip:
            tasks.append(self._source.task("matte", self._matte.strip, self.extracted / "matte", self._matte.name))
        return tasks

    def show(self, side: Side) -> bpy.types.Image:
        """Let the data-block show the source or the painted frame, through the view transform of the scene, as the sequencer does."""
        picture = self._source_picture if side == "source" else _Picture(self._painted or self.folder, "Linear Rec.709")
        image = _image()
        image.source = "FILE"
        image.filepath = str(picture.path)
        image.colorspace_settings.name = picture.colorspace
        image.alpha_mode = "PREMUL" if picture.path.suffix.lower() == ".exr" else "STRAIGHT"
        image.use_view_as_render = True
        image.reload()
        self.shown = side
        return image

    @property
    def _source_picture(self) -> _Picture:
        files = self._source.files
        space = compat.working_space() if files is None else _SPACES[files.colorspace]
        return _Picture(picture_of(self._source, self.extracted, _NAME), space)

    def _start_engine(self) -> None:
        image: Any = self.show("source")
        # Reading the size of a file means decoding it; rendered frames have that of the scene.
        size = self._rendered_size if self._source.files is None else tuple(image.size)
        files = []
        for job in self._jobs((size[0], size[1])):
            files.append(Path(job["output"]["folder"], "job.json"))
            files[-1].parent.mkdir(exist_ok=True)
            files[-1].write_text(json.dumps(job, indent=2), encoding="utf-8")
        self._engine("run", "--supervised", *map(str, files))

    def _jobs(self, size: tuple[int, int]) -> list[dict[str, Any]]:
        """What the engine is to paint, of a frame of `size` (width, height)."""
        return [self._job(_NAME, self.folder, self._styles, quick(self._settings, size, later=self._later))]

    def _job(self, identifier: str, folder: Path, styles: list[dict[str, Any]], settings: dict[str, Any]) -> dict[str, Any]:
        job = {
            "schema": 1,
            "id": identifier,
            "content": self._source.content(self.extracted, _NAME),
            "styles": styles,
            "output": {"folder": str(folder), "name": _NAME, "existing": "overwrite"},
            "settings": settings,
        }
        if self._matte is not None:
            job["matte"] = self._matte.entry(self.extracted / "matte")
        return job

    def _handle(self, message: dict[str, Any]) -> None:
        match message["event"]:
            case "ready" if not self._canceled:
                self.state = "painting"
            case "iteration":
                self.iteration, self.limit = message["iteration"], message["limit"]
            case "frame_done":
                self._painted = Path(message["path"])
            case "warning":
                log.warning("Preview of %s: %s", self.strip, message["message"])
            case _:
                super()._handle(message)

    def _succeeded(self, code: int) -> bool:
        return code == 0 and self.is_painted

    def _conclude(self) -> None:
        if self.is_painted:
            self.show("painted")


_SPACES = {"srgb_rec709_scene": "sRGB", "lin_rec709_scene": "Linear Rec.709"}
"""Blender's names of the spaces in which a strip's own files are read."""


def is_at_playhead(scene: bpy.types.Scene, strip: bpy.types.Strip) -> bool:
    return compat.left_handle(strip) <= scene.frame_current < compat.right_handle(strip)


def quick(
    settings: Mapping[str, Any], size: tuple[int, int], *, later: int = 0, pixels: float = PIXELS, effort: float = EFFORT
) -> dict[str, Any]:
    """The settings with which a frame of `size` (width, height) looks most like the finished one in the time of a preview.

    The painting is scaled with the frame, so strokes keep their size relative to it; a smaller picture only lacks the finest ones. Still
    that shows more than a few iterations less, so what the strip is painted at is kept up to `pixels`, and iterations fill the time.
    A single frame knows no neighbors, so that it starts from itself even where the shot starts from noise, which takes far longer.

    Args:
        later: number of frames that are painted before it since the start of the shot.
        pixels: the most to paint at.
        effort: iterations times pixels that there is time for.
    """
    wanted_pixels = size[0] * size[1] * settings["resolution"] ** 2
    shrink = min(1.0, math.sqrt(pixels / wanted_pixels))
    return {
        **settings,
        "resolution": max(0.05, settings["resolution"] * shrink),
        "iterations_first": min(_iterations(settings, later), int(effort / (wanted_pixels * shrink**2))),
        "init_first": "content",
        "init": "content",
        "flow": "auto",
        "cuts": "none",
        "passes": 1,
        "every": 1,
        "debug": False,
    }


def _iterations(settings: Mapping[str, Any], later: int) -> int:
    """Those that a frame with `later` before it in its shot has had when it is finished, with those of the frames that it goes on from."""
    first, each = int(settings["iterations_first"]), int(settings["iterations"])
    if settings["passes"] > 1:
        return each * int(settings["passes"])
    if not later:
        return first
    match settings["init"]:
        case "content" | "random":
            return each
        case "first":
            return first + each
    return first + later * each


def _listed(cuts: Any) -> list[int]:
    return [] if isinstance(cuts, str) else list(cuts)


def _shot_start(scene: bpy.types.Scene, strip: bpy.types.Strip, frame: int, cuts: list[int]) -> int:
    """The timeline frame on which the shot begins that is seen at `frame`, as far as that is known without looking at pictures."""
    chosen = chosen_frames(scene, strip)
    starts = [compat.left_handle(strip), *(chosen[:1] if chosen else ()), *cuts]
    if strip.brushflow.markers_as_cuts:
        starts += [marker.frame for marker in scene.timeline_markers]
    return max((start for start in starts if start <= frame), default=frame)


def headline(preview: Preview) -> str:
    """What a preview is doing, in a few words."""
    match preview.state:
        case "rendering":
            return iface_("Reading the frame")
        case "painting" if preview.step:
            return preview.step
        case "canceling":
            return iface_("Canceling")
        case "done":
            return iface_("Frame {number} of {strip}").format(number=preview.frame, strip=preview.strip)
        case "failed":
            return iface_("Failed")
        case "cancelled":
            return iface_("Canceled")
    return iface_("Starting the engine")


PREVIEWS: list[Preview] = []
"""The latest is the one that is shown; those before it are on their way out."""


def current() -> Preview | None:
    """The latest preview."""
    return PREVIEWS[-1] if PREVIEWS else None


def start(preview: Preview) -> None:
    """Let a preview run, watched by a timer, in the place of the one before; raises Refused."""
    _replace(preview)
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=INTERVAL, persistent=True)


def run(preview: Preview) -> None:
    """Run a preview to its end, for Blender without a window; Ctrl-C cancels it. Raises Refused."""
    _replace(preview)
    wait(preview)
    _update_all()


def _replace(preview: Preview) -> None:
    preview.begin()
    for old in PREVIEWS:
        old.cancel()
    PREVIEWS.append(preview)


def _update_all() -> bool:
    """Go on with all previews; whether there was anything new."""
    news = [preview.update() for preview in PREVIEWS]
    # The data-block shows a file of an earlier one until the latest has something to show.
    if PREVIEWS and PREVIEWS[-1].shown:
        for old in [old for old in PREVIEWS[:-1] if old.ended]:
            old.discard()
            PREVIEWS.remove(old)
    return any(news)


def _tick() -> float | None:
    if _update_all():
        _redraw()
    return INTERVAL if any(not preview.ended for preview in PREVIEWS) else None


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                area.tag_redraw()
            elif area.type == "SEQUENCE_EDITOR":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def open_editor(context: bpy.types.Context) -> bool:
    """Show the data-block in an Image Editor, opened where Blender would open one for a render; whether there is one."""
    editor = _find_editor()
    if editor is None and not bpy.app.background:
        with context.temp_override(window=context.window or context.window_manager.windows[0]):
            bpy.ops.render.view_show("INVOKE_DEFAULT")
        editor = _find_editor()
    if editor is None:
        return False
    editor.image = _image()
    return True


def _image() -> bpy.types.Image:
    """The data-block, black where it is not there yet, or no longer after an undo."""
    return bpy.data.images.get((NAME, None)) or bpy.data.images.new(NAME, 512, 288)


def _find_editor() -> Any:
    """The Image Editor that shows the data-block, else one that shows nothing of the user's own."""
    editors = [editor for editor in _editors() if not editor.use_image_pin]
    shown = next((editor for editor in editors if editor.image and editor.image.name == NAME), None)
    return shown or next((editor for editor in editors if editor.image is None or editor.image.type == "RENDER_RESULT"), None)


def _editors() -> Iterator[Any]:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.ui_type == "IMAGE_EDITOR":
                yield area.spaces.active


def _discard_all(*_: object) -> None:
    for preview in PREVIEWS:
        preview.discard()
    PREVIEWS.clear()


_SHOWING: list[Any] = []
"""Editors that get the data-block back after the project was saved."""


def _leave_project(*_: object) -> None:
    # Its file goes away with the session, so that a saved data-block would be an image that is missing.
    image: Any = bpy.data.images.get((NAME, None))
    if image is not None:
        _SHOWING[:] = [editor for editor in _editors() if editor.image == image]
        bpy.data.images.remove(image)


def _return_to_project(*_: object) -> None:
    preview = current()
    if preview is not None and preview.shown:
        preview.show(preview.shown)
    for editor in _SHOWING:
        editor.image = _image()
    _SHOWING.clear()


_HANDLERS = Handlers(
    load_pre=_discard_all, save_pre=_leave_project, save_post=_return_to_project, save_post_fail=_return_to_project
)  # fmt: skip


def register() -> None:
    _HANDLERS.register()


def unregister() -> None:
    _HANDLERS.unregister()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _discard_all()
    image: Any = bpy.data.images.get((NAME, None))
    if image is not None:
        bpy.data.images.remove(image)
