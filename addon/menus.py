# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where people look: the sequencer's menus, the search, the keymap and the status bar."""

from __future__ import annotations

from typing import Any

import bpy

from . import queue, wording
from .operators import active_strip

__all__ = ["register", "unregister"]


class SEQUENCER_MT_brushflow(bpy.types.Menu):
    bl_label = "Brushflow"
    bl_idname = "SEQUENCER_MT_brushflow"

    def draw(self, _context: bpy.types.Context | None) -> None:
        layout: Any = self.layout
        layout.operator("sequencer.brushflow_stylize", icon="BRUSH_DATA")
        layout.operator("sequencer.brushflow_cancel", text="Cancel Stylizing")
        layout.separator()
        layout.operator("sequencer.brushflow_preview")
        layout.operator("sequencer.brushflow_preview_compare")
        layout.operator("sequencer.brushflow_preview_cancel")
        layout.operator("sequencer.brushflow_explore", text="Explore Styles")
        layout.separator()
        layout.operator("sequencer.brushflow_submit", text="Submit to Farm")
        layout.operator("sequencer.brushflow_collect")
        layout.separator()
        layout.operator("sequencer.brushflow_restylize")
        _draw_versions(layout)
        layout.separator()
        layout.operator("sequencer.brushflow_reveal")
        layout.operator("sequencer.brushflow_clear_cache")


def _draw_versions(layout: bpy.types.UILayout) -> None:
    layout.operator("sequencer.brushflow_version", text="Next Painted Version").direction = "NEXT"
    layout.operator("sequencer.brushflow_version", text="Previous Painted Version").direction = "PREVIOUS"


def _draw_submenu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu("SEQUENCER_MT_brushflow", icon="BRUSH_DATA")


def _draw_in_context_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    layout: Any = self.layout
    strip = active_strip(context)
    layout.separator()
    if strip is not None and strip.brushflow.source_strip:
        layout.operator("sequencer.brushflow_restylize", icon="BRUSH_DATA")
        _draw_versions(layout)
    else:
        layout.operator("sequencer.brushflow_stylize", icon="BRUSH_DATA")
        layout.operator("sequencer.brushflow_preview")


def _draw_in_add_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("sequencer.brushflow_stylize", text="Painted Version of Strip", icon="BRUSH_DATA")


def _draw_status(self: bpy.types.Header, _context: bpy.types.Context) -> None:
    job = queue.current()
    if job is not None:
        row = self.layout.row()
        row.ui_units_x = 15
        row.progress(factor=job.progress.factor, type="BAR", text=f"{job.order.source.strip}: {wording.headline(job)}")


_ENTRIES = (
    ("SEQUENCER_MT_strip", _draw_submenu),
    ("SEQUENCER_MT_context_menu", _draw_in_context_menu),
    ("SEQUENCER_MT_preview_context_menu", _draw_in_context_menu),
    ("SEQUENCER_MT_add", _draw_in_add_menu),
    ("STATUSBAR_HT_header", _draw_status),
)
_KEYMAPS: dict[tuple[str, Any], tuple[str, ...]] = {
    ("Sequencer", "SEQUENCE_EDITOR"): (
        "sequencer.brushflow_stylize", "sequencer.brushflow_cancel", "sequencer.brushflow_preview", "sequencer.brushflow_preview_compare",
        "sequencer.brushflow_restylize", "sequencer.brushflow_version",
    ),
    ("Image", "IMAGE_EDITOR"): ("sequencer.brushflow_preview_compare",),
}  # fmt: skip
"""Operators with an entry in a keymap, to which users may give keys; none by default."""

_keys: list[tuple[bpy.types.KeyMap, Any]] = []


def register() -> None:
    bpy.utils.register_class(SEQUENCER_MT_brushflow)
    for name, draw in _ENTRIES:
        getattr(bpy.types, name).append(draw)
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is not None:
        for (name, space), operators in _KEYMAPS.items():
            keymap = configuration.keymaps.new(name=name, space_type=space)
            _keys.extend((keymap, keymap.keymap_items.new(operator, "NONE", "PRESS")) for operator in operators)


def unregister() -> None:
    for keymap, item in _keys:
        keymap.keymap_items.remove(item)
    _keys.clear()
    for name, draw in _ENTRIES:
        getattr(bpy.types, name).remove(draw)
    bpy.utils.unregister_class(SEQUENCER_MT_brushflow)
