# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all commands share: how they refuse, and how they print facts."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from .limits import brief

__all__ = ["Wrong", "print_facts", "refuse"]


class Wrong(Exception):
    """Wrong use; the message is one sentence."""


def refuse(options: argparse.Namespace, problem: Exception, hint: str, code: str, status: int) -> int:
    """Say in a sentence why a command ends, and return its exit status."""
    if options.json:
        print(json.dumps({"event": "error", "job": "", "code": code, "message": brief(str(problem)), "hint": hint, "log": ""}))
    else:
        print(f"Error: {brief(str(problem))}{f' {hint}' if hint else ''}", file=sys.stderr)
    return status


def print_facts(facts: dict[str, Any]) -> None:
    """A line each."""
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):<16} {value}")
