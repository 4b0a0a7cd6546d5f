# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries in the sequencer's menus."""

from __future__ import annotations

import bpy

__all__ = ["register", "unregister"]

_MENUS = ("SEQUENCER_MT_strip", "SEQUENCER_MT_context_menu", "SEQUENCER_MT_preview_context_menu")


def _draw(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("sequencer.brushflow_stylize", icon="BRUSH_DATA")


def register() -> None:
    for name in _MENUS:
        getattr(bpy.types, name).append(_draw)


def unregister() -> None:
    for name in _MENUS:
        getattr(bpy.types, name).remove(_draw)
