# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/command-line.md against Blender's command."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import reference_tables

TEXT = reference_tables.COMMAND_LINE.read_text("utf-8")
EXAMPLES = re.findall(r"^    (?:blender -b \S+ --command brushflow|python scripts/headless.py \S+) ((?!…).*)$", TEXT, re.MULTILINE)


def keys(introduction: str) -> set[str]:
    """The keys in the first table behind `introduction`."""
    cells = re.findall(r"^\| (`[^|]*) \|", TEXT.partition(introduction)[2].split("\n\n")[1], re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


def test_the_reference_holds_the_options_as_they_are(extension: None) -> None:
    tables = reference_tables.blender_tables()
    assert reference_tables.filled(TEXT, tables) == TEXT, "run python scripts/reference_tables.py with the bpy package"
    assert re.findall(r"^.*\|  \|$", tables["blender"], re.MULTILINE) == []


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_can_be_given(extension: None, line: str) -> None:
    from bl_ext.user_default.brushflow.addon import cli

    cli.make_parser().parse_args(shlex.split(line))


def test_what_programs_are_told_is_described(
    project: Path, image_strip: Callable[..., Any], painting: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bl_ext.user_default.brushflow.addon import cli, order, worker

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)
    strip = image_strip(count=2)
    assert cli.execute(["--dry-run", "--json", "--style", str(painting)]) == 0
    assert json.loads(capsys.readouterr().out).keys() == keys("`--dry-run --json` prints")
    cli._print_json(worker.Job(order.take(strip.id_data, strip)))
    assert json.loads(capsys.readouterr().out).keys() == keys("`--json` alone prints")
