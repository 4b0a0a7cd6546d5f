# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the catalogs in addon/translations up to date with what the add-on says: python scripts/messages.py

In an environment with the bpy package. Messages that are new have no translation yet, those that are gone are left out.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from headless import MODULE, ROOT, enabled

__all__ = ["ADDON", "files", "messages", "not_looked_up", "operators", "properties", "written"]

ADDON = ROOT / "addon"
_LOOKED_UP = {"iface_", "n_", "rpt_"}
_SHOWN = {"text", "heading", "placeholder", "message"}
"""Arguments of Blender's functions that it translates."""
_EXTENDED = ("Scene", "Strip", "WindowManager")
"""Types of Blender that have properties of ours."""
_LOGGED = {"debug", "info", "warning", "error", "exception"}
_FOR_MACHINES = {"cli.py", "extraction.py", "process.py", "report.py"}
"""What speaks on a terminal, to other processes or to those who help stays English."""
_SENTENCE = re.compile(r"[A-Za-z]{2,}[,:;]? [A-Za-z]{2,}|^[A-Z][a-z]+(?:ed|ing)\.?$")
_WORD = re.compile(r"[A-Za-z][a-z]+[,:;.]? | [A-Za-z][a-z]+")
_FOREIGN = re.compile(r"^Linear |^Content-Type: |^Brushflow Preview$|^No (module|interpreter)|[|]|import |^[$] |^(tile|job) |^\nUnit: ")
"""Names of Blender's, keys, patterns and programs, and what is composed once for Blender's tooltips."""


def messages() -> dict[str, str]:
    """What the add-on says, each with the place that says it first; to be called where the extension is enabled."""
    found: dict[str, str] = {}
    for path in files():
        for text in looked_up(path):
            found.setdefault(text, f"addon/{path.name}")
    for one in operators():
        for text in (one.name, one.description):
            found.setdefault(text, one.identifier)
    for one in _types("Menu", "Panel"):
        found.setdefault(one.bl_label, one.__name__)
    for owner, prop in properties():
        items = getattr(prop, "enum_items_static", ())
        for text in (prop.name, prop.description, *(text for item in items for text in (item.name, item.description))):
            found.setdefault(text, f"{owner}.{prop.identifier}")
    return {text: place for text, place in found.items() if any(letter.isalpha() for letter in text)}


def operators() -> list[Any]:
    """What Blender knows of each operator of ours: name, description and properties."""
    import bpy

    names = [one.__name__.partition("_OT_") for one in _types("Operator")]
    return [getattr(getattr(bpy.ops, module.lower()), name).get_rna_type() for module, _, name in names]


def properties() -> Iterator[tuple[str, Any]]:
    """The visible properties of ours, each with the name of its owner."""
    import bpy

    owners = [*operators(), *(one.bl_rna for one in _types("AddonPreferences", "PropertyGroup"))]
    owners += [getattr(bpy.types, name).bl_rna for name in _EXTENDED]
    for owner in owners:
        for prop in owner.properties:
            is_ours = prop.is_runtime and ("brushflow" in owner.identifier.lower() or prop.identifier.startswith("brushflow"))
            if is_ours and not prop.is_hidden and prop.type != "POINTER":
                yield owner.identifier, prop


def _types(*bases: str) -> list[Any]:
    """The registered classes of ours that derive from the types `bases` of Blender."""
    import bpy

    known = {one for base in bases for one in getattr(bpy.types, base).__subclasses__()}
    return sorted((one for one in known if one.__module__.startswith(MODULE) and one.is_registered), key=lambda one: one.__name__)


def looked_up(path: Path) -> Iterator[str]:
    """The texts in a file that it looks up itself, or that Blender translates where they are shown."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = _name(node)
        if name in _LOOKED_UP:
            yield from _constants(node.args[0])
        elif name == "report":
            yield from (text for argument in node.args[1:] for text in _constants(argument))
        for keyword in node.keywords:
            if keyword.arg in _SHOWN:
                yield from _constants(keyword.value)


def not_looked_up(path: Path) -> list[str]:
    """The texts in a file that people may read, but that are neither looked up nor shown by Blender in its own language."""
    tree = ast.parse(path.read_text("utf-8"))
    done: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Module(body) | ast.ClassDef(body=body) | ast.FunctionDef(body=body):
                done.update(one.value for one in body if isinstance(one, ast.Expr))  # documentation
            case ast.Assign([ast.Name("__all__" | "bl_label")], value):
                done.update(ast.walk(value))
            case ast.keyword(arg, value) if arg in _SHOWN:
                done.update(part for part in ast.walk(value) if not isinstance(part, ast.JoinedStr))
            case ast.Call() if _name(node) in {"report", *_LOOKED_UP, *_LOGGED}:
                done.update(part for argument in node.args for part in ast.walk(argument) if not isinstance(part, ast.JoinedStr))
            case ast.Call() if _name(node).endswith("Property"):  # of which Blender knows
                done.update(part for keyword in node.keywords for part in ast.walk(keyword))
            case ast.JoinedStr(parts):
                done.update(parts)
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str(text)) if node not in done and _SENTENCE.search(text) and not _FOREIGN.search(text):
                found.append(text)
            case ast.JoinedStr(parts) if node not in done:
                text = "{}".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
                if _WORD.search(text) and not _FOREIGN.search(text):
                    found.append(text)
    return found


def files() -> list[Path]:
    """The add-on's own, but for what speaks to other programs."""
    return [path for path in sorted(ADDON.glob("*.py")) if path.name not in _FOR_MACHINES]


def _constants(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(str(text)) if text:
            yield text
        case ast.IfExp(_, one, other):
            yield from _constants(one)
            yield from _constants(other)


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def written(found: Mapping[str, str], translated: Mapping[str, str], language: str) -> str:
    """A catalog of the messages `found`."""
    head = f"""# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""
    entries = (f"\n#: {place}\nmsgid {_quoted(text)}\nmsgstr {_quoted(translated.get(text, ''))}\n" for text, place in found.items())
    return head + "".join(entries)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    with enabled():
        translation: Any = importlib.import_module(f"{MODULE}.addon.translation")
        for catalog in sorted((ADDON / "translations").glob("*.po")):
            catalog.write_text(written(messages(), translation.read(catalog), catalog.stem), "utf-8")
