# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of Ray on this machine alone, for what is measured and tested on one."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

__all__ = ["free_port", "is_up", "start_head"]


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start_head(python: str, folder: Path, port: int, cores: int, variables: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Begin to start the head of a cluster at 127.0.0.1; `is_up` says when it is there.

    Args:
        python: an interpreter that has Ray beside the engine.
        folder: there already; of a short path, with which those of sockets begin.
        cores: how many it lends.
        variables: of its environment, over those that are set.
    """
    command = (
        python, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--num-cpus={cores}", f"--port={port}",
        "--node-ip-address=127.0.0.1", "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}",
    )  # fmt: skip
    with _log(folder).open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(variables or {})})


def is_up(folder: Path) -> bool:
    """Whether the head that was started in a folder takes jobs."""
    return "Ray runtime started" in _log(folder).read_text("utf-8")


def _log(folder: Path) -> Path:
    return folder / "head.log"
