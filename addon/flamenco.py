# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one thing that is asked of Flamenco's Manager: to take a job."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path

__all__ = ["Sending", "jobs_address"]

TIMEOUT = 15.0
"""Seconds that the Manager has to answer."""
_LONGEST = 1 << 20
_BUSY, _ATTEMPTS, _PAUSE = 503, 4, 10.0
"""How a Manager whose database is busy says so, how often it is asked, and the most seconds that it is waited in between."""


def jobs_address(manager: str) -> str:
    """Where the Manager at an address takes jobs; raises ValueError where that is none."""
    address = manager.strip() if "://" in manager else f"http://{manager.strip()}"
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(manager)
    _ = parts.port  # which may be none, too
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/api/v3/jobs"


class Sending:
    """A job on its way to the Manager, in a thread that never touches bpy."""

    def __init__(self, address: str, submission: Path) -> None:
        self.problem = ""
        """What the Manager, or the way to it, had against it."""
        self.job = ""
        """What the Manager calls the job."""
        self._thread = threading.Thread(target=self._send, args=(address, submission), name="brushflow-sending", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def _send(self, address: str, submission: Path) -> None:
        try:
            request = urllib.request.Request(address, submission.read_bytes(), {"Content-Type": "application/json"}, method="POST")
            for left in reversed(range(_ATTEMPTS)):
                try:
                    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                        self.job = str(json.loads(answer.read(_LONGEST))["id"])
                    return
                except urllib.error.HTTPError as refusal:
                    with refusal:
                        if refusal.code != _BUSY or not left:
                            self.problem = _said(refusal)
                            return
                    time.sleep(_pause(refusal))
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            self.problem = str(getattr(error, "reason", "") or error or type(error).__name__)


def _pause(refusal: urllib.error.HTTPError) -> float:
    """Seconds after which a busy Manager wants to be asked again."""
    said = refusal.headers.get("Retry-After", "")
    return min(float(said), _PAUSE) if said.isdecimal() else 1.0


def _said(refusal: urllib.error.HTTPError) -> str:
    """The Manager's own words."""
    try:
        return str(json.loads(refusal.read(_LONGEST))["message"]).strip().rstrip(".")
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return f"{refusal.code} {refusal.reason}"
