# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job leaves in its log, for whoever looks for what went wrong: versions, device, settings and times, and no user's name."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

from .events import Listener
from .job import Job

__all__ = ["Discreet", "Log"]

logger = logging.getLogger(__name__)


class Discreet(logging.Formatter):
    """Writes the user's folder as ~, in tracebacks too, for it holds the user's name."""

    def format(self, record: logging.LogRecord) -> str:
        return re.sub(rf"(?<![\w.-]){re.escape(str(Path.home()))}(?=\W|$)", "~", super().format(record))


class Log:
    """Hands events on to a listener and notes those that tell how the job went."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        logger.setLevel(logging.INFO)

    def begin(self, job: Job) -> None:
        """Note what is asked for, before anything is done."""
        logger.info("job %s: %s", job.identifier, json.dumps(job.as_json()["settings"], ensure_ascii=False))

    def __call__(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "ready":
                logger.info("%s frames, plan %s, versions %s", event["total"], json.dumps(event["plan"]), json.dumps(event["versions"]))
            case "frame_done" if not event["kept"]:
                logger.info(
                    "frame %s painted in %.2f s, %s iterations, loss %.6g",
                    event["frame"], event["seconds"], event["iterations"], event["losses"]["total"],
                )  # fmt: skip
            case "warning":
                logger.warning("%s", event["message"])
            case "error":
                logger.error("%s: %s", event["code"], event["message"])
            case "done":
                logger.info("done: %s painted, %s kept, in %.1f s", event["painted"], event["kept"], event["seconds"])
            case "cancelled":
                logger.info("canceled: %s painted, %s kept", event["painted"], event["kept"])
        self._listener(event)
