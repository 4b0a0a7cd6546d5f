# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine has: its versions, devices and weights, asked for and remembered."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from ..core.settings import make_settings
from . import Refused, runtime
from .activity import Activity, Step, Steps

__all__ = ["check", "look", "missing_network", "remembered"]


def check() -> Activity:
    """Ask the engine for its versions, devices and weights; nothing is downloaded."""

    def steps() -> Steps:
        yield from look(runtime.find_python())

    return Activity(steps())


_OLDEST = "import sys; v = sys.version_info; v < (3, 11) and sys.exit(f'this is Python {v[0]}.{v[1]}, and the engine needs 3.11 to 3.13')"


def look(python: Path) -> Generator[Step, dict[str, Any], dict[str, Any]]:
    """The steps of `check`, for an interpreter; they return what it answered."""
    label = iface_("Looking at the engine")
    yield Step(label, ([str(python), "-I", "-c", _OLDEST],))
    info = yield Step(label, ([str(python), "-I", "-B", str(runtime.CORE), "info", "--json"],))
    if "versions" not in info:
        raise Refused(rpt_("{python} did not answer as Python does; name a Python interpreter.").format(python=python))
    _memory().parent.mkdir(parents=True, exist_ok=True)
    _memory().write_text(json.dumps({"python": str(python), "info": info}), encoding="utf-8")
    return info


def _memory() -> Path:
    return runtime.home() / "looked.json"


def remembered(python: Path) -> dict[str, Any]:
    """What `core info` said when `python` was looked at last; empty where it was not."""
    try:
        looked = json.loads(_memory().read_text("utf-8"))
        return looked["info"] if looked["python"] == str(python) else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def missing_network(info: dict[str, Any]) -> str:
    """The default network, where its weights are not on this machine; empty where they are."""
    network = make_settings().network
    path = info.get("weights", {}).get(network, {}).get("path")
    return "" if path and Path(path).is_file() else network
