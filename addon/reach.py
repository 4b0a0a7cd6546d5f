# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files may be looked at: of a project that was opened, none outside of its folder before the user has pressed a button of ours.

A project can come from a stranger, and to look whether a file is there, such as one on a server, tells somebody that it was opened.
"""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from .handlers import Handlers

__all__ = ["allow", "is_missing", "may_look", "register", "unregister"]

_is_asked = True
"""Whether the user has put the project together in this Blender, or has pressed a button since it was opened."""


def allow() -> None:
    """The user has pressed a button that works with the project's files."""
    global _is_asked
    _is_asked = True


def may_look(path: Path) -> bool:
    """Whether an absolute path may be looked at. Looks at nothing outside of the project's folder itself."""
    if _is_asked:
        return True
    folder, path = Path(bpy.data.filepath).parent, Path(os.path.normpath(path))
    if not path.is_relative_to(folder):
        return False
    # A link leads anywhere.
    return not any(one.is_symlink() for one in (path, *path.parents) if one != folder and one.is_relative_to(folder))


def is_missing(path: Path) -> bool:
    """Whether a file is known not to be there."""
    return may_look(path) and not path.is_file()


def _opened(*_: object) -> None:
    global _is_asked
    # The startup file is the user's own, and Blender's data is out of reach while it starts.
    _is_asked = not getattr(bpy.data, "filepath", "")


_HANDLERS = Handlers(load_post=_opened)


def register() -> None:
    _opened()
    _HANDLERS.register()


def unregister() -> None:
    _HANDLERS.unregister()
