# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What processes tell, a JSON object a line. What is none of these, or says what nobody can use, is passed over."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["message_of"]

Check = Callable[[Any], bool]


def message_of(line: str) -> dict[str, Any] | None:
    """The message in a line; None where there is none. Of events that a job is shown by, what is shown is there and of its kind."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not isinstance(message.get("event"), str):
        return None
    needed = _FACTS.get(message["event"])
    if needed is None:
        return message
    given = {**needed, **{name: fits for name, fits in _OPTIONAL.items() if name in message}}
    return message if all(name in message and fits(message[name]) for name, fits in given.items()) else None


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_turn(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31  # what Blender's numbers hold


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_STARTED: Mapping[str, Check] = {"index": _is_count, "total": _is_count, "pass": _is_turn}
_DONE: Mapping[str, Check] = {
    **_STARTED,
    "frame": _is_number,
    "seconds": _is_time,
    "eta": lambda value: value is None or _is_time(value),
    "kept": lambda value: isinstance(value, bool),
}
_FACTS: Mapping[str, Mapping[str, Check]] = {
    "extracting": {"kind": lambda value: value in ("frames", "matte", "vectors"), "total": _is_count},
    "extracted": {"index": _is_count},
    "ready": {"protocol": _is_count, "total": _is_count},
    "frame_started": _STARTED,
    "iteration": {
        "iteration": _is_count,
        "limit": _is_count,
        "losses": lambda value: isinstance(value, dict) and isinstance(value.get("total"), float) and math.isfinite(value["total"]),
    },
    "frame_done": _DONE,
    "pass_frame_done": _DONE,
    "warning": {"message": _is_text},
    "error": {"message": _is_text},
}
_OPTIONAL: Mapping[str, Check] = {
    "passes": _is_turn,
    "device": _is_text,
    "hint": lambda value: value is None or _is_text(value),
}
