# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the injected faults share: how far a run goes, and the record that docs/reliability.md is made from.

BRUSHFLOW_TORTURE=full runs every fault as often as the page says, else each a few times; BRUSHFLOW_TORTURE_RECORD names the record.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["is_full", "record", "running"]


@pytest.fixture(scope="session")
def is_full() -> bool:
    return os.environ.get("BRUSHFLOW_TORTURE") == "full"


@pytest.fixture(scope="session")
def record() -> Iterator[Callable[..., None]]:
    """Notes that a fault was injected `times`, the frames that were lost by it, and what the user saw."""
    rows: dict[str, dict[str, Any]] = {}

    def note(fault: str, saw: str = "", *, times: int = 1, lost: int = 0) -> None:
        row = rows.setdefault(fault, {"fault": fault, "times": 0, "lost": 0, "saw": saw})
        row["times"] += times
        row["lost"] += lost

    yield note
    if path := os.environ.get("BRUSHFLOW_TORTURE_RECORD"):
        place = Path(path)
        earlier = json.loads(place.read_text("utf-8")) if place.is_file() else []
        kept = [row for row in earlier if row["fault"] not in rows]
        place.write_text(json.dumps([*kept, *rows.values()], indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def running(argument: str) -> list[int]:
    """The processes that were started with an argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument in path.read_text("utf-8", "replace").split("\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
