# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sends who asks for help with a job: everything that explains it, and nothing that says who they are."""

from __future__ import annotations

import getpass
import json
import platform
import re
import tomllib
from collections import deque
from pathlib import Path

import bpy

from . import worker
from .runtime import EXTENSION

__all__ = ["discreet", "report_of"]

_LAST = 80
"""Lines of the log."""


def report_of(job: worker.Job) -> str:
    """Versions, system, device, outcome, settings and the end of the log of a job, in English."""
    progress = job.progress
    manifest = tomllib.loads((EXTENSION / "blender_manifest.toml").read_text("utf-8"))
    facts = {
        "Brushflow": manifest["version"],
        "Blender": bpy.app.version_string,
        "System": f"{platform.platform()}, {platform.machine()}",
        "Device": progress.device or "not known yet",
        "State": f"{job.state}, exit code {job.exit_code}, {progress.painted} painted, {progress.kept} kept of {progress.total}",
        "Message": " ".join(part for part in (progress.message, progress.hint) if part) or "none",
        "Warnings": " ".join(progress.warnings) or "none",
        "Settings": json.dumps(job.order.settings, ensure_ascii=False),
    }
    lines = [f"{name}: {text}" for name, text in facts.items()]
    return discreet("\n".join([*lines, "", f"The last lines of {job.order.log_file.name}:", *_end_of(job.order.log_file)]) + "\n")


def _end_of(log_file: Path) -> list[str]:
    try:
        with log_file.open(encoding="utf-8", errors="replace") as stream:
            return [line.rstrip("\n") for line in deque(stream, _LAST)]
    except OSError as error:
        return [f"({error.strerror})"]


def discreet(text: str) -> str:
    """`text` without the user's folder and name, and without the passwords that addresses may hold."""
    text = re.sub(rf"(?<![\w.-]){re.escape(str(Path.home()))}(?=\W|$)", "~", text)
    text = re.sub(r"(?<=://)[^/\s@]+@", "", text)
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a system that gives its users no names
        return text
    return re.sub(rf"(?<=[/\\]){re.escape(user)}(?=[/\\\s\"']|$)", "USER", text)
