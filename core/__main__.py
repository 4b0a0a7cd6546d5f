# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m core`` or ``python -I path/to/core``: the engine's command line."""

import os
import signal
import sys
from pathlib import Path

# Beside other busy programs, threads that spin while they wait for one another take several times as long; OpenMP reads this
# when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if not __package__:
    # Run as a folder: make the package importable by its name, and nothing in it by a name of its own.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from core.command_line import main

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends every command as Ctrl-C does; jobs replace both
    sys.exit(main())
