# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
import settings_table

from core.settings import PRESETS, specs


def test_the_readme_holds_the_settings_as_they_are() -> None:
    text = settings_table.README.read_text("utf-8")
    assert settings_table.filled(text, settings_table.tables()) == text, "run python3 -m scripts.settings_table"


def test_every_setting_and_every_preset_has_a_row() -> None:
    rows = settings_table.settings_table()
    assert [name for name in specs() if f"| `{name}`" not in rows] == []
    assert [name for name in PRESETS if f"| `{name}`" not in settings_table.presets_table()] == []


def test_a_text_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the marks"):
        settings_table.filled("no marks here", settings_table.tables())
