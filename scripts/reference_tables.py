# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the tables of options and job files in docs/ from the code: python scripts/reference_tables.py

The engine's environment writes those of the engine, one with the bpy package that of Blender's command.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

# For core, which a script of this folder does not see.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from headless import MODULE, ROOT, enabled
from settings_table import escaped, filled

__all__ = ["COMMAND_LINE", "DOCS", "JOB_FILE", "blender_tables", "command_tables", "job_tables", "write"]

DOCS = ROOT / "docs"
COMMAND_LINE, JOB_FILE = DOCS / "command-line.md", DOCS / "job-file.md"

_EVERYWHERE = {"--help", "--json", "--verbose"}
"""Options of every engine command, which the document tells once."""


def command_tables() -> dict[str, str]:
    """Usage and options of each of the engine's commands."""
    from core.command_line import make_parser

    (commands,) = (action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction))
    tables = {name: _options(parser, without=_EVERYWHERE) for name, parser in commands.choices.items()}
    return {name: table for name, table in tables.items() if table}


def blender_tables() -> dict[str, str]:
    """Options of Blender's command; to be called where the extension is enabled."""
    return {"blender": _options(importlib.import_module(f"{MODULE}.addon.cli").make_parser(), without={"--help"})}


def job_tables() -> dict[str, str]:
    """What a job file and each of its objects holds."""
    from pydantic import BaseModel

    from core.job import Content, Flow, Job, Matte, Output, Style

    objects: dict[str, type[BaseModel]] = {"job": Job, "content": Content, "styles": Style, "matte": Matte, "flow": Flow, "output": Output}
    return {name: _fields(model.model_fields) for name, model in objects.items()}


def write(document: Path, tables: Mapping[str, str]) -> None:
    document.write_text(filled(document.read_text("utf-8"), tables), "utf-8")


def _options(parser: argparse.ArgumentParser, *, without: Iterable[str]) -> str:
    actions = [action for action in parser._actions if not {*action.option_strings} & {*without}]
    rows = ["| | |", "| --- | --- |"] if actions else []
    for action in actions:
        name = " ".join([*action.option_strings[-1:], *([str(action.metavar)] if action.metavar and action.nargs != 0 else [])])
        if action.nargs == "?":
            name = f"[{name}]"
        elif action.nargs == "+":
            name += " …"
        notes = [(action.help or "") % vars(action)]
        if isinstance(action, argparse._AppendAction):
            notes.append("can be given several times")
        if action.required and action.option_strings:
            notes.append("**required**")
        rows.append(f"| `{escaped(name)}` | {escaped('; '.join(notes)).replace('<', '&lt;')} |")
    return "\n".join(rows)


def _fields(fields: Mapping[str, Any]) -> str:
    rows = ["| key | takes | default | |", "| --- | --- | --- | --- |"]
    for name, one in fields.items():
        default = "**required**" if one.is_required() else f"`{_json(one.get_default(call_default_factory=True))}`"
        description = " ".join((one.description or "").split())
        rows.append(f"| `{one.alias or name}` | {_takes(one.annotation)} | {default} | {escaped(description)} |")
    return "\n".join(rows)


def _json(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _takes(annotation: Any) -> str:
    arguments = [one for one in get_args(annotation) if one is not NoneType]
    match get_origin(annotation):
        case origin if origin in (Union, UnionType, Annotated):
            return _takes(arguments[0])
        case origin if origin is Literal:
            return ", ".join(f"`{one}`" for one in arguments)
        case origin if origin is tuple:
            return "list of objects"
        case origin if origin is dict:
            return "object"
    return {str: "text", int: "whole number", float: "number", bool: "`true`, `false`"}.get(annotation, "object")


if __name__ == "__main__":
    if importlib.util.find_spec("bpy"):
        with enabled():
            write(COMMAND_LINE, blender_tables())
    else:
        write(COMMAND_LINE, command_tables())
        write(JOB_FILE, job_tables())
