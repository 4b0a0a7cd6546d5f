# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the README's tables of settings and presets from core/settings.py: python3 -m scripts.settings_table"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.settings import DEFAULT_PRESET, PRESETS, Settings, Spec, specs

README = Path(__file__).resolve().parents[1] / "README.md"


def settings_table() -> str:
    """Every setting in Markdown, one table a group."""
    defaults = Settings()
    parts: list[str] = []
    for group in dict.fromkeys(one.group for one in specs().values()):
        parts += [f"**{group.capitalize()}**", ""]
        parts += ["| setting | in the panel | default | takes | what it does |", "| --- | --- | --- | --- | --- |"]
        for name, one in specs().items():
            if one.group == group:
                cells = (f"`{name}`{' ◆' if one.animatable else ''}", one.label, _shown(getattr(defaults, name)), _takes(one))
                parts.append(f"| {' | '.join(cells)} | {escaped(_described(one))} |")
        parts.append("")
    return "\n".join(parts).rstrip()


def presets_table() -> str:
    """Every preset in Markdown with the values that differ from the defaults."""
    rows = ["| preset | what it is for | differs from the defaults in |", "| --- | --- | --- |"]
    for name, preset in PRESETS.items():
        values = ", ".join(f"`{key}={_plain(value)}`" for key, value in preset.values.items()) or "nothing"
        rows.append(f"| `{name}`{' (default)' if name == DEFAULT_PRESET else ''} | {escaped(preset.description)} | {values} |")
    return "\n".join(rows)


def tables() -> dict[str, str]:
    """The README's tables by the names of their marks."""
    return {"settings": settings_table(), "presets": presets_table()}


def filled(text: str, tables: Mapping[str, str]) -> str:
    """`text` with each table put between its own two marks, such as <!-- settings --> and <!-- /settings -->."""
    for name, table in tables.items():
        before, opening, rest = text.partition(f"<!-- {name} -->")
        _, closing, after = rest.partition(f"<!-- /{name} -->")
        if not (opening and closing):
            raise ValueError(f"The document lacks the marks <!-- {name} --> and <!-- /{name} -->.")
        text = f"{before}{opening}\n{table}\n{closing}{after}"
    return text


def _described(one: Spec) -> str:
    """The tooltip, and under it that of each choice."""
    return "<br>".join([one.description, *(f"`{name}`: {text}" for name, _, text in one.choices)])


def _takes(one: Spec) -> str:
    match one.kind:
        case "choice":
            return ", ".join(f"`{choice[0]}`" for choice in one.choices)
        case "bool":
            return "`true`, `false`"
        case "float" | "int":
            return f"{_plain(one.minimum)} to {_plain(one.maximum)}{_unit(one)}"
        case "distances" | "weights":
            return "numbers with commas"
        case "layers":
            return "names of layers with commas"
        case "cuts":
            return "`auto`, `none`, frame numbers with commas"
        case _:
            return "a word"


def _unit(one: Spec) -> str:
    return f" {one.unit}" if one.unit and one.unit not in ("factor", "relative") else ""


def _shown(value: Any) -> str:
    return f"`{_plain(value)}`" if value != () else "none"


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    README.write_text(filled(README.read_text("utf-8"), tables()), "utf-8")
