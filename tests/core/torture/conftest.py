# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import sys

from tests.faults import is_full, record

__all__ = ["is_full", "record"]

if sys.platform == "win32":
    collect_ignore_glob = ["test_*.py"]  # signals, limits of memory and file systems of a POSIX system
