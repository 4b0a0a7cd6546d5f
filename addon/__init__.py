# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything of Brushflow that touches Blender."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["ADDON_ID", "Refused", "register", "unregister"]

ADDON_ID = __package__.rpartition(".")[0]
"""The extension's own module name: the key of its preferences and of its user folder."""


class Refused(Exception):
    """Something that cannot be done as it is asked for; the message says in one sentence why and what to do."""


_MODULES = (
    "translation", "reach", "properties", "farm_preferences", "preferences", "thumbnails", "operators", "presets", "estimate",
    "estimate_panel", "panels", "preview", "preview_panel", "explorer", "explorer_panel", "farm_panel", "menus", "cli", "collect", "queue",
)  # fmt: skip
"""In the order in which they register; sub-panels are shown in that order."""


def _modules() -> list[Any]:
    return [import_module(f".{name}", __package__) for name in _MODULES]


def register() -> None:
    for module in _modules():
        module.register()


def unregister() -> None:
    for module in reversed(_modules()):
        module.unregister()
