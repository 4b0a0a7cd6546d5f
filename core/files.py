# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that exist whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["PARTIAL", "atomic", "is_full", "remove_partial", "write_json"]

PARTIAL = ".brushflow-partial"
"""Part of the name of every unfinished file."""
_OURS = secrets.token_hex(4)
"""Tells processes apart: on a shared folder those of two machines can have one number."""


@contextmanager
def atomic(path: Path, *, only_first: bool = False) -> Iterator[Path]:
    """A temporary name beside `path`, of the same suffix, that takes its place once the block has succeeded.

    The contents reach the disk before the name does, so that a crash or a power loss leaves the old file or the new one.

    Args:
        only_first: leave a file alone that is there by then: of many that write at once one has its way.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}-{_OURS}{PARTIAL}{path.suffix}")
    try:
        yield partial
        _synchronize(partial)
        if not only_first:
            partial.replace(path)
        else:
            _name(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        _synchronize(path.parent)


def write_json(path: Path, value: Any, *, only_first: bool = False) -> None:
    """Write `value` as readable JSON; for `only_first` see `atomic`."""
    with atomic(path, only_first=only_first) as partial:
        partial.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def remove_partial(folder: Path) -> None:
    """Delete what an interrupted process left in `folder`."""
    for leftover in folder.glob(f".*{PARTIAL}*"):
        leftover.unlink(missing_ok=True)


def is_full(problem: OSError) -> bool:
    """Whether a file was not written because its disk, or the user's share of it, is full."""
    return problem.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def _name(partial: Path, path: Path) -> None:
    """Give a finished file its name if that is free."""
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not path.exists():
            partial.replace(path)
    partial.unlink(missing_ok=True)


def _synchronize(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
