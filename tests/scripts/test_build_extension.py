# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from pathlib import Path

import build_extension
import pytest


@pytest.mark.parametrize("packages", ["lib/python3.11/site-packages", "Lib/site-packages"])
def test_the_builder_is_found_in_the_environments_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: str) -> None:
    monkeypatch.setattr(build_extension, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(build_extension.BuildError, match="No Blender was found"):
        build_extension.find_builder()
    builder = tmp_path / ".venv" / "bpy-5.0" / packages / "bpy" / "5.0" / build_extension.BUILDER
    builder.parent.mkdir(parents=True)
    builder.touch()
    assert build_extension.find_builder() == builder
