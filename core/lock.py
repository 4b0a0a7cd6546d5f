# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may work in a job's folder: one whole run, or any number of parts of the job.

A lock of the operating system, which ends with the process that holds it, however that ends.
"""

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
    """Another holds the lock in a way that excludes this one."""


class FolderLock:
    """The lock of a job's folder, held until it is closed.

    Args:
        shared: with others that share it; else alone.

    Where a network's file system knows no locks the job goes on without.

    Raises:
        Locked: another has it.
        OSError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, *, shared: bool = False) -> None:
        path = folder / "cache" / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(self._descriptor, shared=shared)
        except OSError as problem:
            if problem.errno in _HELD:
                self.close()
                raise Locked from None
            logger.warning("%s cannot be locked: %s", path, problem.strerror)

    def close(self) -> None:
        os.close(self._descriptor)


if os.name == "nt":
    import msvcrt
    import random

    # Locks are not shared there, but those of single bytes exclude that of all of them.
    _BYTES, _TRIES = 1 << 20, 8

    def _lock(descriptor: int, *, shared: bool) -> None:
        for tries in range(_TRIES, 0, -1):
            os.lseek(descriptor, random.randrange(_BYTES) if shared else 0, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1 if shared else _BYTES)  # type: ignore[attr-defined]
            except OSError:
                if tries == 1 or not shared:
                    raise
            else:
                return
else:
    import fcntl

    def _lock(descriptor: int, *, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
