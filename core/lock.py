# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One job at a time in a folder: a lock of the operating system, which ends with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

__all__ = ["FILE", "FolderLock", "Locked"]

logger = logging.getLogger(__name__)

FILE = "lock"
"""Its name, in the folder cache/ of the job; it stays, for a file that is deleted can be locked by two."""
_HELD = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}


class Locked(Exception):
    """Another job holds the lock."""


class FolderLock:
    """The lock of a job's folder, held until it is closed.

    Where a network's file system knows no locks the job goes on without.

    Raises:
        Locked: another has it.
        OSError: the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "cache" / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(self._descriptor)
        except OSError as problem:
            if problem.errno in _HELD:
                self.close()
                raise Locked from None
            logger.warning("%s cannot be locked: %s", path, problem.strerror)

    def close(self) -> None:
        os.close(self._descriptor)


if os.name == "nt":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
