# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything of Brushflow that touches Blender."""

from __future__ import annotations

__all__ = ["ADDON_ID", "Refused", "register", "unregister"]

ADDON_ID = __package__.rpartition(".")[0]
"""The extension's own module name: the key of its preferences and of its user folder."""


class Refused(Exception):
    """Something that cannot be done as it is asked for; the message says in one sentence why and what to do."""


def _modules() -> tuple[object, ...]:
    from . import cli, menus, operators, panels, preferences, presets, preview, preview_panel, properties, worker

    return (properties, preferences, operators, presets, panels, preview, preview_panel, menus, cli, worker)


def register() -> None:
    for module in _modules():
        module.register()  # type: ignore[attr-defined]


def unregister() -> None:
    for module in reversed(_modules()):
        module.unregister()  # type: ignore[attr-defined]
