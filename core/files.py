# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that exist whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["PARTIAL", "atomic", "remove_partial", "write_json"]

PARTIAL = ".brushflow-partial"
"""Part of the name of every unfinished file."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, of the same suffix, that takes its place once the block has succeeded.

    The contents reach the disk before the name does, so that a crash or a power loss leaves the old file or the new one.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}{PARTIAL}{path.suffix}")
    try:
        yield partial
        _synchronize(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        _synchronize(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON."""
    with atomic(path) as partial:
        partial.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def remove_partial(folder: Path) -> None:
    """Delete what an interrupted process left in `folder`."""
    for leftover in folder.glob(f".*{PARTIAL}*"):
        leftover.unlink(missing_ok=True)


def _synchronize(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
