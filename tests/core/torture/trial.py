# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs command lines of the engine one after the other in this process and tells how each went: started by the tests.

Lines of JSON in, the arguments of one command each; lines of JSON out.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def trial(arguments: list[str]) -> dict[str, Any]:
    """Run one command; what it writes to the file descriptors 1 and 2 is kept, whoever writes it."""
    from core.command_line import main
    from core.resident import peak

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        kept = os.dup(1), os.dup(2)
        sys.stdout.flush()
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        cpu, wall = time.process_time(), time.monotonic()
        try:
            status: Any = main(arguments)
        except SystemExit as stop:
            status = stop.code
        except BaseException as error:
            import traceback

            traceback.print_exc()
            status = type(error).__name__
        sys.stdout.flush()
        sys.stderr.flush()
        seconds = {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}
        for number, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode("utf-8", "replace"))
    return {
        "status": status, "out": said[0], "err": said[1], **seconds, "torch": "torch" in sys.modules,
        "peak": peak(),
    }  # fmt: skip


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for line in sys.stdin:
        print(json.dumps(trial(json.loads(line))), flush=True)
