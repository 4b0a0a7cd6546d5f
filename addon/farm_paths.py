# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the folders of this machine are seen on the workers of a farm, which may run another system."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, runtime

__all__ = ["VARIABLE", "SharedFolders", "chosen", "known", "with_paths"]

VARIABLE = "BRUSHFLOW_WORKER_PATHS"
"""HERE=THERE, several with semicolons between them; holds where the preferences name no folder."""
_ENTRIES = ("content", "styles", "matte", "flow", "output")
_KEYS = {"path", "pattern", "forward", "backward", "vectors", "folder"}


@dataclass(frozen=True)
class SharedFolders:
    """Folders of this machine, each with its path on the workers; where there are none, all paths are the same there."""

    pairs: tuple[tuple[str, str], ...] = ()

    def there(self, path: str | Path) -> str | None:
        """A path of this machine as the workers see it; None where it is in none of the folders."""
        clean = Path(os.path.normpath(path))
        if not self.pairs:
            return str(clean)
        around = [(Path(here), there) for here, there in self.pairs if clean.is_relative_to(here)]
        if not around:
            return None
        here, there = max(around, key=lambda pair: len(pair[0].parts))
        return str(_pure(there).joinpath(*clean.relative_to(here).parts))

    def here(self, path: str) -> str:
        """A path of the workers as this machine sees it; one that it knows already, or that is in none of the folders, as it is."""
        if any(Path(path).is_relative_to(here) for here, _ in self.pairs):
            return path
        around = [(here, _pure(there)) for here, there in self.pairs if _pure(path, there).is_relative_to(there)]
        if not around:
            return path
        here, there = max(around, key=lambda pair: len(pair[1].parts))
        return str(Path(here, *_pure(path, str(there)).relative_to(there).parts))


def _pure(path: str, like: str | None = None) -> PurePath:
    """A path of the system that it, or `like`, is written for."""
    is_windows = re.match(r"[A-Za-z]:|\\\\", path if like is None else like)
    return PureWindowsPath(path) if is_windows else PurePosixPath(path)


def chosen() -> SharedFolders:
    """The folders of the preferences, else those of the variable; raises Refused."""
    preferences: Any = runtime.preferences()
    if preferences is not None and (pairs := [(one.here, one.there) for one in preferences.farm.folders if one.here]):
        return SharedFolders(tuple((_absolute(here), there or _absolute(here)) for here, there in pairs))
    text = os.environ.get(VARIABLE, "")
    pairs = []
    for one in filter(None, map(str.strip, text.split(";"))):
        here, _, there = one.partition("=")
        if not (here and there):
            raise Refused(
                rpt_("The variable {variable} takes HERE=THERE, several with semicolons between them, not '{text}'.").format(
                    variable=VARIABLE, text=text
                )
            )
        pairs.append((_absolute(here), there))
    return SharedFolders(tuple(pairs))


def known() -> SharedFolders:
    """Likewise; none where they cannot be read."""
    try:
        return chosen()
    except Refused:
        return SharedFolders()


def _absolute(path: str) -> str:
    return os.path.normpath(bpy.path.abspath(path))


def with_paths(job: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """A job file's contents with every path in it changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: change(one) if key in _KEYS and isinstance(one, str) else changed(one) for key, one in value.items()}
        return [changed(one) for one in value] if isinstance(value, list) else value

    return {name: changed(value) if name in _ENTRIES else value for name, value in job.items()}
