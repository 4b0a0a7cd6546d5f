# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import reference_tables

from core.command_line import make_parser
from core.job import make_job

DOCUMENTS = [*sorted(reference_tables.DOCS.glob("*.md")), reference_tables.DOCS.parent / "README.md"]


def examples(command: str) -> list[str]:
    lines = [line.strip() for document in DOCUMENTS for line in document.read_text("utf-8").splitlines() if line.startswith("    ")]
    return sorted({line for line in lines if line.startswith(command) and "…" not in line})


def objects(document: Path) -> list[str]:
    return re.findall(r"```json\n(.*?)```", document.read_text("utf-8"), re.DOTALL)


def test_the_reference_holds_options_and_keys_as_they_are() -> None:
    documents = (
        (reference_tables.COMMAND_LINE, reference_tables.command_tables()),
        (reference_tables.JOB_FILE, reference_tables.job_tables()),
    )
    for document, tables in documents:
        text = document.read_text("utf-8")
        assert reference_tables.filled(text, tables) == text, "run python scripts/reference_tables.py"


def test_every_command_has_a_section_and_every_option_and_key_a_description() -> None:
    text = reference_tables.COMMAND_LINE.read_text("utf-8")
    commands = reference_tables.command_tables()
    assert [name for name in commands if f"\n### {name}\n" not in text] == []
    tables = "\n".join([*commands.values(), *reference_tables.job_tables().values()])
    assert re.findall(r"^.*\|  \|$", tables, re.MULTILINE) == []


@pytest.mark.parametrize("line", examples("python -m core"))
def test_every_example_of_the_engines_command_line_can_be_given(line: str) -> None:
    assert make_parser().parse_args(shlex.split(line)[3:]).command


@pytest.mark.parametrize("text", objects(reference_tables.JOB_FILE))
def test_every_example_of_a_job_is_valid(text: str) -> None:
    assert make_job(json.loads(text)).output.name
