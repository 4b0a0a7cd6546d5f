# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/events.md against what the engine tells."""

from __future__ import annotations

import ast
import itertools
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.part import Finish, Part

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "events.md").read_text("utf-8")
SECTIONS = {title: text for title, text in re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)}
KINDS = {
    "integer": int,
    "number": (int, float),
    "text": str,
    "object": dict,
    "true, false": bool,
    "number or null": (int, float, type(None)),
    "object, with `memory` alone": dict,
}


def keys(event: str) -> dict[str, str]:
    """The documented keys of an event and what they hold."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ", SECTIONS[event], re.MULTILINE)
    return {key: kind for key, kind in rows if kind in KINDS}


def keys_with(event: str, code: str | None) -> dict[str, str]:
    """Those of an event of a kind, where some keys come with one kind alone."""
    return {key: kind for key, kind in keys(event).items() if "with `" not in kind or kind == f"object, with `{code}` alone"}


def codes(event: str) -> set[str]:
    """The documented codes of warnings or errors."""
    return set(re.findall(r"^\| `(\w+)` \|", SECTIONS[event].partition("| code |")[2], re.MULTILINE))


def calls(*names: str) -> Iterator[ast.Call]:
    for path in sorted((ROOT / "core").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in names:
                yield node


def words(node: ast.AST) -> set[str]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def check(event: dict[str, Any]) -> None:
    expected = keys_with(event["event"], event.get("code"))
    assert event.keys() - {"event", "job"} == expected.keys(), event["event"]
    for key, kind in expected.items():
        assert isinstance(event[key], KINDS[kind]) and (kind == "true, false" or not isinstance(event[key], bool)), (event["event"], key)


def test_every_event_and_key_is_described_as_it_is_told(make, run):
    cancel = threading.Event()
    _, whole = run(make(folder="whole", passes=2, iterations=1, iterations_first=1))
    _, resumed = run(make(folder="whole", existing="resume", passes=2, iterations=1, iterations_first=1))
    _, cancelled = run(make(folder="cancelled"), listener=lambda event: cancel.set(), cancel=cancel)
    _, refused = run(make(folder="refused", device="cuda:99"))
    _, part = run(make(folder="part"), part=Part(1, 3, flow_only=True))
    parted = [run(make(folder="parted"), part=one)[1] for one in (Part(1, 2, preroll=1), Part(3, 4, preroll=1), Finish(1, 2))]
    told = [*whole, *resumed, *cancelled, *refused, *part, *itertools.chain(*parted)]
    assert {event["event"] for event in told} == SECTIONS.keys()
    for event in told:
        check(event)
    assert any(event["event"] == "frame_done" and event["kept"] and event["eta"] is None for event in resumed)


def test_every_event_of_the_example_is_as_described():
    (example,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    for line in example.splitlines():
        check(json.loads(line))


def test_every_code_is_described_and_every_described_code_is_told():
    warnings = {word for call in calls("_warn", "warn") if isinstance(call.args[0], ast.Constant) for word in words(call.args[0])}
    for call in calls("_tell"):
        if words(call.args[0]) == {"warning"}:
            warnings |= {word for one in call.keywords if one.arg == "code" for word in words(one)}
    assert warnings == codes("warning")
    errors = {"job"}  # JobError's own
    for call in calls("JobError"):
        errors |= {word for one in call.args[2:] for word in words(one)}
        errors |= {word for one in call.keywords if one.arg == "code" for word in words(one)}
    for call in calls("fail"):
        errors |= words(call.args[0])
    for call in calls("refuse"):
        errors |= words(call.args[3]) - {"code"}
    assert errors == codes("error")
