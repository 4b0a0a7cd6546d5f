# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the benchmarks end."""

import json
from pathlib import Path

import pytest
from report import Check, grid, publish, requirements

CHECKS = [Check("drift", "0.2", "at most 1", True), Check("time", "3", "at most 2", False)]


def test_what_does_not_hold_stands_out_in_the_table() -> None:
    text = "\n".join(requirements(CHECKS, "On this machine:"))
    assert "On this machine:" in text
    assert "| drift | 0.2 | at most 1 | holds |" in text and "| time | 3 | at most 2 | **does not hold** |" in text
    assert not list(requirements([]))


def test_every_row_of_a_grid_is_a_line_below_the_rule() -> None:
    assert grid(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_the_page_goes_to_the_terminal_and_the_files_that_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "figures.json"
    publish("# Page", {"figure": 1}, CHECKS, page, figures)
    assert page.read_text("utf-8") == "# Page"
    assert json.loads(figures.read_text("utf-8")) == {"figure": 1, "checks": [vars(check) for check in CHECKS]}
    said = capsys.readouterr()
    assert said.out == "# Page\n"
    assert said.err == "holds: drift: 0.2 (at most 1)\ndoes NOT hold: time: 3 (at most 2)\n"
    publish("# Page", {}, [], None, None)
    assert {path.name for path in tmp_path.iterdir()} == {"page.md", "figures.json"}
