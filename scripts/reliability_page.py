# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills the table of docs/reliability.md from the record that the tests of tests/core/torture write.

    python scripts/reliability_page.py RECORD.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# For core, which a script of this folder does not see.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from settings_table import escaped, filled

__all__ = ["PAGE", "table"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The faults as a table, in the order in which they were injected."""
    lines = ["| fault | times injected | frames lost | what the user saw |", "| --- | ---: | ---: | --- |"]
    for row in rows:
        fault, saw = (escaped(" ".join(row[name].split())) for name in ("fault", "saw"))
        lines.append(f"| {fault} | {row['times']} | {row['lost']} | {saw} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Fill the table of docs/reliability.md.")
    parser.add_argument("record", type=Path, help="what the tests have written")
    rows = json.loads(parser.parse_args(arguments).record.read_text("utf-8"))
    PAGE.write_text(filled(PAGE.read_text("utf-8"), {"faults": table(rows)}), "utf-8")


if __name__ == "__main__":
    main()
