# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read: tooltips everywhere, and every message in every language that there is a catalog of."""

from __future__ import annotations

import os
import shutil
import string
import subprocess
from pathlib import Path

import messages
import pytest
from headless import MODULE, link_extension

CATALOGS = sorted((messages.ADDON / "translations").glob("*.po"))


def placeholders(text: str) -> list[tuple[str, str | None, str | None]]:
    return sorted((name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(text) if name is not None)


def test_every_operator_property_and_choice_has_a_tooltip(extension: None) -> None:
    assert [one.identifier for one in messages.operators() if not one.description] == []
    assert [f"{owner}.{prop.identifier}" for owner, prop in messages.properties() if not prop.description] == []
    choices = [(prop, item) for _, prop in messages.properties() for item in getattr(prop, "enum_items_static", ())]
    assert choices and [f"{prop.identifier}: {item.name}" for prop, item in choices if not item.description] == []


def test_tooltips_are_sentences_without_a_period(extension: None) -> None:
    tooltips = [one.description for one in messages.operators()] + [prop.description for _, prop in messages.properties()]
    assert [text for text in tooltips if text.endswith(".") or text[0].islower()] == []


@pytest.mark.parametrize("path", messages.files(), ids=lambda path: path.name)
def test_all_that_people_read_is_looked_up(path: Path) -> None:
    assert messages.not_looked_up(path) == []


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.stem)
def test_a_catalog_has_each_message_and_no_other(extension: None, catalog: Path) -> None:
    from bl_ext.user_default.brushflow.addon import translation

    found, translated = messages.messages(), translation.read(catalog)
    assert [text for text in found if text not in translated] == [], "run python scripts/messages.py, and translate what is new"
    assert [text for text in translated if text not in found] == [], "run python scripts/messages.py"
    assert catalog.read_text("utf-8") == messages.written(found, translated, catalog.stem)


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.stem)
def test_translations_keep_placeholders_lines_and_periods(extension: None, catalog: Path) -> None:
    from bl_ext.user_default.brushflow.addon import translation

    for text, translated in translation.read(catalog).items():
        assert placeholders(translated) == placeholders(text), text
        assert translated.count("\n") == text.count("\n"), text
        assert translated.endswith(".") == text.endswith("."), text
        assert translated == " ".join(translated.split(" ")).strip(), text


_IN_GERMAN = """
import sys, bpy
bpy.ops.preferences.addon_enable(module=sys.argv[-1])
view = bpy.context.preferences.view
view.language = "de_DE"
view.use_translate_interface = view.use_translate_tooltips = view.use_translate_reports = True
from bl_ext.user_default.brushflow.addon import source
from bpy.app.translations import pgettext_iface, pgettext_tip
cuts = bpy.types.Strip.bl_rna.properties["brushflow"].fixed_type.properties["cuts"]
said = [pgettext_iface("Stylize", "Operator"), pgettext_iface(cuts.name, cuts.translation_context)]
said += [pgettext_tip("Stop painting the preview"), source.obstacle(None)]
bpy.ops.preferences.addon_disable(module=sys.argv[-1])
print("SAID", [*said, pgettext_iface("Stylize", "Operator")])
"""


def test_blender_speaks_german_where_its_user_does(tmp_path: Path) -> None:
    blender = shutil.which(os.environ.get("BLENDER") or "blender")
    if not blender:
        pytest.skip("there is no Blender; name one in BLENDER, since the bpy package speaks English alone")
    link_extension(tmp_path)
    command = [blender, "-b", "--factory-startup", "--python-exit-code", "1", "--python-expr", _IN_GERMAN, "--", MODULE]
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    expected = ["Stilisieren", "Schnitte", "Das Malen der Vorschau anhalten", "Bitte einen Streifen auswählen, der gemalt werden soll."]
    assert f"SAID {[*expected, 'Stylize']}" in done.stdout, done.stdout + done.stderr
