# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both benchmarks end with: requirements that hold or do not, and a page, a JSON file and a terminal that say so."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.files import write_json

__all__ = ["Check", "grid", "publish", "requirements", "say"]


@dataclass(frozen=True)
class Check:
    """One requirement: the figure found, its limit, and whether it holds."""

    text: str
    figure: str
    limit: str
    holds: bool

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'does NOT hold'}: {self.text}: {self.figure} ({self.limit})"


def requirements(checks: Sequence[Check], note: str = "") -> Iterator[str]:
    """The section that holds them all, nothing where there is none; `note` is said first."""
    if not checks:
        return
    yield "## What is required of it"
    if note:
        yield note
    rows = [[one.text, one.figure, one.limit, "holds" if one.holds else "**does not hold**"] for one in checks]
    yield grid(["", "found", "required", ""], rows)


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def say(text: str) -> None:
    """Tell of the progress, beside the page that goes to the standard output."""
    print(text, file=sys.stderr, flush=True)


def publish(page: str, facts: Mapping[str, Any], checks: Sequence[Check], output: Path | None, json: Path | None) -> None:
    """Print the page, write it to `output` and the facts with the checks to `json` where these are given, and say what holds."""
    print(page)
    if output:
        output.write_text(page, "utf-8")
    if json:
        write_json(json, {**facts, "checks": [asdict(check) for check in checks]})
    for check in checks:
        say(str(check))
