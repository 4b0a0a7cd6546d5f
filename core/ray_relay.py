# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the tasks on Ray and who asked for them: events one way, the wish to cancel the other. Imports nothing, for it starts first."""

from __future__ import annotations

from typing import Any

__all__ = ["Relay"]

Told = tuple[int, dict[str, Any]]
"""The place of a task among all, and an event of it."""


class Relay:
    """An actor. It keeps nothing that is not told again, so that it may be started again at any time."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._cancelled = False

    def tell(self, events: list[Told]) -> bool:
        """Take events of a task, and say whether it shall end."""
        self._told += events
        return self._cancelled

    def take(self, *, cancelled: bool) -> list[Told]:
        """Give what was told since the last time, and take whether all shall end."""
        self._cancelled = cancelled
        told, self._told = self._told, []
        return told
