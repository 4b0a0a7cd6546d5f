# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary folders, as for downloads, which the next start of the engine removes where a killed one has left them."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .lock import FolderLock, Locked

__all__ = ["remove_abandoned", "scratch"]

_PREFIX = "brushflow-engine-"
_YOUNG = 60.0
"""Seconds for which a folder is left alone: whoever makes one locks it at once."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder in the system's temporary folder, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder, closing(FolderLock(Path(folder))):
        yield Path(folder)


def remove_abandoned() -> None:
    """Delete the folders whose process has ended without doing so."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except (OSError, Locked):  # it is somebody else's, in use, or gone
            continue


def _is_abandoned(folder: Path) -> bool:
    """Raises Locked where its process lives."""
    facts = folder.lstat()
    # All users of a machine can make folders of that name, and links to what they want to have locked.
    if folder.is_symlink() or (hasattr(os, "getuid") and facts.st_uid != os.getuid()) or time.time() - facts.st_mtime < _YOUNG:
        return False
    FolderLock(folder).close()
    return True
