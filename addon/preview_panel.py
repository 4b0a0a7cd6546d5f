# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview's operators, its sub-panel in the sequencer's sidebar, and its button in the header of the Image Editor."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, compat
from .operators import active_strip, polled
from .panels import characters
from .preferences import draw_sentence
from .preview import NAME, Preview, current, headline, is_at_playhead, open_editor, run, start
from .source import obstacle

__all__ = ["draw_progress", "obstacle_at_playhead", "paintings_obstacle", "register", "unregister"]


def _obstacle(context: bpy.types.Context) -> str:
    """Why there can be no preview, as a sentence; empty where there can."""
    strip = active_strip(context)
    return obstacle(strip) or paintings_obstacle(strip) or obstacle_at_playhead(context)


def obstacle_at_playhead(context: bpy.types.Context) -> str:
    """Why no frame of the active strip can be painted, whatever its paintings, as a sentence; empty where one can."""
    strip = active_strip(context)
    if reason := obstacle(strip):
        return reason
    assert strip
    return "" if is_at_playhead(compat.edit_scene(context), strip) else rpt_("Move the playhead over the strip.")


def paintings_obstacle(strip: Any) -> str:
    """What a strip's paintings lack, as a sentence; empty where they lack nothing."""
    return "" if any(style.path for style in strip.brushflow.styles) else rpt_("Add a painting, whose style the strip takes on.")


class SEQUENCER_OT_brushflow_preview(bpy.types.Operator):
    """Paint the active strip's frame at the playhead, small and quickly, and show it in an Image Editor. Ends the preview before"""

    bl_idname = "sequencer.brushflow_preview"
    bl_label = "Preview Frame"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return polled(cls, _obstacle(context))

    def execute(self, context: bpy.types.Context) -> set[Any]:
        strip = active_strip(context)
        assert strip
        try:
            preview = Preview(compat.edit_scene(context), strip)
            if not bpy.app.background:
                start(preview)
                if not open_editor(context):
                    self.report({"INFO"}, rpt_("Open an Image Editor and choose the image {name} to see it").format(name=NAME))
                return {"FINISHED"}
            run(preview)
        except Refused as refused:
            self.report({"ERROR"}, str(refused))
            return {"CANCELLED"}
        if preview.state == "failed":
            self.report({"ERROR"}, preview.message)
        return {"FINISHED"} if preview.state == "done" else {"CANCELLED"}


class SEQUENCER_OT_brushflow_preview_cancel(bpy.types.Operator):
    """Stop painting the preview"""

    bl_idname = "sequencer.brushflow_preview_cancel"
    bl_label = "Cancel Preview"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        preview = current()
        return polled(cls, rpt_("No preview is being painted.") if preview is None or preview.ended else "")

    def execute(self, _context: bpy.types.Context) -> set[Any]:
        preview = current()
        assert preview
        preview.cancel()
        return {"FINISHED"}


class SEQUENCER_OT_brushflow_preview_compare(bpy.types.Operator):
    """Show the source instead of the painted preview, or the painted one again"""

    bl_idname = "sequencer.brushflow_preview_compare"
    bl_label = "Before/After"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        preview = current()
        return polled(cls, "" if preview is not None and preview.is_painted else rpt_("There is no preview yet."))

    def execute(self, context: bpy.types.Context) -> set[Any]:
        preview = current()
        assert preview
        preview.show("source" if preview.shown == "painted" else "painted")
        open_editor(context)
        return {"FINISHED"}


class SEQUENCER_PT_brushflow_preview(bpy.types.Panel):
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Brushflow"
    bl_label = "Preview"
    bl_parent_id = "SEQUENCER_PT_brushflow"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not obstacle(active_strip(context))

    def draw(self, context: bpy.types.Context) -> None:
        layout, preview, width = self.layout, current(), characters(context)
        assert layout
        if preview is not None and not preview.ended and not preview.is_sheet:
            draw_progress(layout.row(align=True), preview)
            return
        row = layout.row(align=True)
        row.operator("sequencer.brushflow_preview", icon="IMAGE_DATA")
        if preview is not None and preview.is_painted:
            _draw_compare(row, preview)
        if reason := _obstacle(context):
            draw_sentence(layout, reason, "INFO", width)
        elif preview is not None and preview.state == "failed":
            draw_sentence(layout.box(), preview.message, "ERROR", width)
        elif preview is not None and preview.is_painted:
            draw_sentence(layout, f"{headline(preview)}.", "NONE", width)


def draw_progress(row: bpy.types.UILayout, preview: Preview, text: str = "") -> None:
    """How far a preview is, in its own words or as `text`, and the button that stops it."""
    row.progress(factor=preview.factor, type="BAR", text=text or headline(preview))
    row.operator("sequencer.brushflow_preview_cancel", text="", icon="X")


def _draw_compare(row: bpy.types.UILayout, preview: Preview) -> None:
    other = n_("Show Source") if preview.shown == "painted" else n_("Show Painted")
    row.operator("sequencer.brushflow_preview_compare", text=other, icon="ARROW_LEFTRIGHT")


def _draw_beside_picture(self: Any, context: Any) -> None:
    """Beside the picture itself: how far it is, or before and after."""
    space = context.space_data
    preview = current()
    if preview is None or space.image is None or space.image.name != NAME:
        return
    row = self.layout.row(align=True)
    # The window is as small as the preview, and the interface may be large.
    row.ui_units_x = 5
    if not preview.ended:
        draw_progress(row, preview, f"{preview.factor:.0%}")
    elif preview.is_painted:
        _draw_compare(row, preview)


_CLASSES = (
    SEQUENCER_OT_brushflow_preview,
    SEQUENCER_OT_brushflow_preview_cancel,
    SEQUENCER_OT_brushflow_preview_compare,
    SEQUENCER_PT_brushflow_preview,
)
# Beside the menus, for what is at the end of the header does not fit into the window that Blender opens for a small render.
_MENUS: Any = bpy.types.IMAGE_MT_editor_menus
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    _register_classes()
    _MENUS.append(_draw_beside_picture)


def unregister() -> None:
    _MENUS.remove(_draw_beside_picture)
    _unregister_classes()
