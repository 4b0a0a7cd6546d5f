# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame at the playhead in several styles or presets, painted small by one engine, one after the other, to choose from.

It is a preview of several pictures: a new preview ends it, and what is chosen is shown as the preview.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from ..core.settings import SettingsError, make_settings
from . import Refused, presets, thumbnails
from .handlers import Handlers
from .order import styles_of
from .presets import Preset
from .preview import Preview, quick
from .properties import absolute
from .thumbnails import Thumbnail

__all__ = ["Sheet", "Tile", "choose", "current", "keep", "of_folder", "of_paintings", "of_presets", "pictures_in", "register", "unregister"]

PIXELS = 320 * 180
"""The most that a tile is painted at."""
EFFORT = 30 * PIXELS
"""Iterations times pixels of a tile: some seconds on two processor cores."""
MOST = 24
"""Tiles of a sheet."""


@dataclass
class Tile:
    """One of the pictures to choose from, and what makes it."""

    label: str
    preset: Preset = field(default_factory=lambda: Preset({}))
    """What choosing it sets on a strip."""
    styles: list[dict[str, Any]] = field(default_factory=list)
    """The job's entry."""
    painted: Path | None = None
    thumbnail: Thumbnail | None = None
    """The middle of it."""
    message: str = ""
    """Why it could not be painted, as a sentence."""


class Sheet(Preview):
    """One frame on its way through the processes, as several pictures."""

    is_sheet = True

    def __init__(self, scene: bpy.types.Scene, strip: bpy.types.Strip, tiles: Sequence[Tile]) -> None:
        super().__init__(scene, strip, styles=[])
        self.tiles = list(tiles)
        self._at = 0
        """Index of the tile in work."""

    @property
    def factor(self) -> float:
        return min(1.0, (self._at + super().factor) / len(self.tiles))

    @property
    def step(self) -> str:
        return iface_("Picture {number} of {count}").format(number=self._at + 1, count=len(self.tiles))

    def choose(self, tile: Tile) -> None:
        """Show the tile's picture as the preview, as long as it is there."""
        if tile.painted is not None and tile.painted.is_file():
            self._painted = tile.painted
            self.show("painted")

    def _jobs(self, size: tuple[int, int]) -> list[dict[str, Any]]:
        jobs = []
        for index, tile in enumerate(self.tiles):
            if tile.message:
                continue
            try:
                settings = make_settings({**self._settings, **tile.preset.values, **self._keyframed}).as_dict()
            except SettingsError as error:
                tile.message = str(error)
                continue
            settings = quick(settings, size, later=self._later, pixels=PIXELS, effort=EFFORT)
            jobs.append(self._job(str(index), self.folder / str(index), tile.styles, settings))
        return jobs

    def _handle(self, message: dict[str, Any]) -> None:
        if str(message.get("job", "")).isdecimal() and int(message["job"]) < len(self.tiles):
            index = int(message["job"])
            tile = self.tiles[index]
            if message["event"] == "ready":
                self._at, self.iteration, self.limit = index, 0, 0
            elif message["event"] == "error":
                tile.message = f"{message['message']} {message.get('hint') or ''}".strip()
            elif message["event"] == "frame_done":
                tile.painted, picture = Path(message["path"]), thumbnails.read(self.folder / str(index))
                tile.thumbnail = picture and picture.square()
                return  # it is no preview until it is chosen
        super()._handle(message)

    def _succeeded(self, code: int) -> bool:
        return any(tile.painted for tile in self.tiles)


def of_paintings(strip: bpy.types.Strip) -> list[Tile]:
    """One tile for each painting of the strip, alone on its side of the matte; raises Refused."""
    styles = styles_of(strip)
    return [_of_style(style, styles) for style in {style["path"]: style for style in styles}.values()]


def of_folder(strip: bpy.types.Strip, folder: str) -> list[Tile]:
    """One tile for each picture in a folder, MOST of them at most; raises Refused."""
    pictures = pictures_in(absolute(folder))
    if not pictures:
        raise Refused(rpt_("The folder {folder} holds no pictures; choose another.").format(folder=absolute(folder)))
    try:
        styles = styles_of(strip)
    except Refused:  # a strip without paintings may be here for its first
        styles = []
    return [_of_style({"path": str(path), "weight": 1.0, "region": "inside"}, styles) for path in pictures[:MOST]]


def of_presets(strip: bpy.types.Strip) -> list[Tile]:
    """One tile for each preset, MOST of them at most; raises Refused."""
    own, tiles = styles_of(strip), []
    for name, label in list(presets.labels().items())[:MOST]:
        try:
            preset = presets.find(name)
        except SettingsError as error:
            tiles.append(Tile(label, message=str(error)))
            continue
        styles = own if preset.styles is None else [{**style, "region": style["region"].lower()} for style in preset.styles]
        tiles.append(Tile(label, preset, styles))
    return tiles


def pictures_in(folder: Path) -> list[Path]:
    """The pictures in a folder, by their names; none where there is no such folder."""
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in bpy.path.extensions_image and path.is_file()]
    except OSError:
        return []
    return sorted(found, key=lambda path: path.name.casefold())


def _of_style(style: Mapping[str, Any], styles: Sequence[Mapping[str, Any]]) -> Tile:
    """The tile of one painting; those on the other side of the matte stay."""
    beside = [dict(other) for other in styles if other["region"] != style["region"]]
    taken = [{**style, "weight": 1.0}, *beside]
    return Tile(Path(style["path"]).stem, Preset({}, [{**one, "region": one["region"].upper()} for one in taken]), taken)


_SHEETS: list[Sheet] = []


def current() -> Sheet | None:
    """The sheet to choose from."""
    return _SHEETS[-1] if _SHEETS else None


def keep(sheet: Sheet) -> None:
    """Let `sheet` be the one to choose from."""
    _SHEETS[:] = [sheet]


def choose(sheet: Sheet, tile: Tile, strip: bpy.types.Strip) -> None:
    """Give a strip what made a tile, and show that as the preview; raises SettingsError, and changes nothing then."""
    presets.apply_preset(strip, tile.preset)
    sheet.choose(tile)


def _forget(*_: object) -> None:
    _SHEETS.clear()


_HANDLERS = Handlers(load_pre=_forget)


def register() -> None:
    _HANDLERS.register()


def unregister() -> None:
    _HANDLERS.unregister()
    _forget()
