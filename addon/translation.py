# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on says, in the language of Blender's interface: the catalogs in translations/, one PO file a language.

Labels and tooltips are looked up by Blender itself. Text that is composed, or that Blender shows as it is, is looked up where it is
written, by `pgettext_iface` for words on the interface and `pgettext_rpt` for sentences. `scripts/messages.py` finds all of it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import bpy

from . import ADDON_ID

__all__ = ["CONTEXT", "FOLDER", "read", "register", "unregister"]

FOLDER = Path(__file__).parent / "translations"
"""Catalogs, named by their language as `bpy.app.translations.locale` begins."""

_ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"(?:\n|\Z))+)', re.MULTILINE)
CONTEXT = "Brushflow"
"""Of names that Blender's own catalogs, which come first, know in another meaning: Cuts, Build, Match."""
_CONTEXTS = (bpy.app.translations.contexts.default, bpy.app.translations.contexts.operator_default, CONTEXT)


def read(catalog: Path) -> dict[str, str]:
    """The messages of a PO file that are translated, by their English text."""
    entries = _ENTRY.findall(catalog.read_text("utf-8"))
    texts = ((ast.literal_eval(f"({message})"), ast.literal_eval(f"({translated})")) for message, translated in entries)
    return {message: translated for message, translated in texts if message and translated}


def register() -> None:
    catalogs = {
        path.stem: {(context, message): text for message, text in read(path).items() for context in _CONTEXTS}
        for path in FOLDER.glob("*.po")
    }
    bpy.app.translations.register(ADDON_ID, catalogs)


def unregister() -> None:
    bpy.app.translations.unregister(ADDON_ID)
