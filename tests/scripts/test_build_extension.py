# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import zipfile
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


def test_a_repository_lists_the_zip_by_a_path_that_holds_under_any_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        build_extension.find_builder()
    except build_extension.BuildError as absent:
        pytest.skip(str(absent))
    repository = tmp_path / "repository"
    monkeypatch.setattr("sys.argv", ["build_extension.py", "--output", str(tmp_path / "dist"), "--repository", str(repository), "--json"])
    for _ in range(2):
        assert build_extension.main() == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert Path(answer["index"]) == repository / "index.json"
    (listed,) = json.loads((repository / "index.json").read_text())["data"]
    archive = repository / listed["archive_url"]
    assert (listed["id"], listed["archive_url"][:2], archive.stat().st_size) == ("brushflow", "./", answer["bytes"])
    assert archive.name in (repository / "index.html").read_text()
    with zipfile.ZipFile(archive) as packed:
        scripts = [name for name in packed.namelist() if name.startswith("scripts/") and not name.endswith("/")]
    assert scripts == ["scripts/flamenco/brushflow.js"]  # which Blender hands to a farm


def test_a_folder_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["build_extension.py"])
    with pytest.raises(SystemExit, match="2"):
        build_extension.main()
