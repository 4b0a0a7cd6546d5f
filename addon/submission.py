# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was handed to a farm: a note in the folder of the painted frames, from which any Blender that sees the folder can bring them in."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import bpy

from . import versions
from .motion import Motion
from .order import FARM_JOB, Order
from .source import Source, file_name

__all__ = ["NOTE", "forget", "hand_over", "is_finished", "is_pending", "read", "submissions_of"]

NOTE = "farm.json"
_FINISHED = Path("cache", "finished.json")
"""Left by the last task of a job, which has seen that every frame is there."""
_MOST_FRAMES = 1 << 20
"""Blender's timeline is not longer."""
_ORDER = {"job_id": str, "version": int, "name": str, "title": str, "mute_original": bool}
_SOURCE = {field.name: str if field.type == "str" else int for field in fields(Source) if field.name != "files"}


def hand_over(order: Order, job: Mapping[str, Any]) -> None:
    """Leave the note of an order and the `job` for the workers in its folder; what earlier runs left there does not speak for it."""
    _write(order.folder / FARM_JOB, job)
    for earlier in (order.job_file, order.folder / _FINISHED):
        earlier.unlink(missing_ok=True)
    source = {name: getattr(order.source, name) for name in _SOURCE}
    _write(order.folder / NOTE, {**{name: getattr(order, name) for name in _ORDER}, "source": source})


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.brushflow-partial")
    partial.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)


def read(folder: Path) -> Order | None:
    """The order that was handed to a farm in `folder`, as far as it takes to lay its frames; None where there is none to be read."""
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        order = {name: _checked(note[name], kind) for name, kind in _ORDER.items()}
        source = Source(**{name: _checked(note["source"][name], kind) for name, kind in _SOURCE.items()}, files=None)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if file_name(order["name"]) != order["name"] or not 0 <= source.last - source.first < _MOST_FRAMES:
        return None
    nothing: dict[str, Any] = {"overwrite": False, "styles": [], "matte": None, "settings": {}, "per_frame": {}, "plan": {}}
    return Order(source=source, folder=folder, motion=Motion(), **order, **nothing)


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind or (isinstance(value, int) and abs(value) >= 1 << 31):
        raise TypeError
    return value


def submissions_of(strip: bpy.types.Strip, job_id: str) -> list[Order]:
    """What was handed to a farm of the versions of a strip, in their order."""
    base = versions.base_folder(strip)
    inside = [folder for folder in base.glob("v*") if re.fullmatch(r"v\d+", folder.name)]
    found = [order for order in map(read, (base, *inside)) if order is not None and order.job_id == job_id]
    return sorted(found, key=lambda order: order.version)


def is_finished(folder: Path) -> bool:
    """Whether the farm has done its last task there."""
    return (folder / _FINISHED).is_file()


def is_pending(folder: Path) -> bool:
    """Whether a farm was given a job there that it has not finished."""
    return (folder / NOTE).is_file() and not is_finished(folder)


def forget(order: Order) -> None:
    """Wait no longer for the farm; painted frames stay, and a job of this machine goes on from them."""
    (order.folder / NOTE).unlink(missing_ok=True)
    shutil.rmtree(order.extracted, ignore_errors=True)
