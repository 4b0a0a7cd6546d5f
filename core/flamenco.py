# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks as a job for Flamenco, whose job type is scripts/flamenco/brushflow.js."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .files import write_json
from .graph import Task, common_folder
from .limits import brief

__all__ = ["JOB_TYPE", "SCRIPT", "submission", "write_submission"]

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "flamenco" / "brushflow.js"
JOB_TYPE = SCRIPT.stem
"""Flamenco calls a job type as its script."""
_PRIORITY = 50
_PLATFORMS = {"win32": "windows", "darwin": "darwin"}


def write_submission(tasks: Sequence[Task], folder: Path, python: Path, engine: Path) -> list[Path]:
    """Write what is sent to Flamenco's Manager, and the script that it needs once; returns both files."""
    folder.mkdir(parents=True, exist_ok=True)
    sent = folder / "submission.json"
    write_json(sent, submission(tasks, python, engine))
    return [sent, Path(shutil.copyfile(SCRIPT, folder / SCRIPT.name))]


def submission(tasks: Sequence[Task], python: Path, engine: Path) -> dict[str, Any]:
    """The body of Flamenco's request `POST /api/v3/jobs`.

    Args:
        python: the interpreter with the engine's packages, as the workers see it.
        engine: the folder core/, likewise.
    """
    folder = common_folder(tasks)
    described = [
        {"id": task.id, "job": Path(task.job).relative_to(folder).as_posix(), "options": task.options, "needs": task.needs}
        for task in tasks
    ]
    names = ", ".join(dict.fromkeys(task.id.partition(":")[0] for task in tasks))
    return {
        "name": brief(f"Brushflow: {names}", 120),
        "type": JOB_TYPE,
        "priority": _PRIORITY,
        "submitter_platform": _PLATFORMS.get(sys.platform, "linux"),
        "metadata": {"megapixel_iterations": f"{sum(task.weight for task in tasks):.0f}"},
        "settings": {"python": str(python), "engine": str(engine), "folder": str(folder), "tasks": json.dumps(described)},
    }
