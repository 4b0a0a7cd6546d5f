# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender calls when a project is opened or saved, or a step undone."""

from __future__ import annotations

from collections.abc import Callable

import bpy

__all__ = ["Handlers"]


class Handlers:
    """Functions of a module, each under the name that `bpy.app.handlers` has for when it is called; they outlive the project.

        _HANDLERS = Handlers(load_pre=_forget, undo_post=_undone)
    """

    def __init__(self, **functions: Callable[..., object]) -> None:
        self._functions = functions

    def register(self) -> None:
        for name, function in self._functions.items():
            getattr(bpy.app.handlers, name).append(bpy.app.handlers.persistent(function))

    def unregister(self) -> None:
        for name, function in self._functions.items():
            getattr(bpy.app.handlers, name).remove(function)
