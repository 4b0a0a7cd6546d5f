# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest


def test_the_preference_comes_before_the_variable_and_the_variable_before_the_made_environment(
    runtime: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen, named = tmp_path / "chosen", tmp_path / "named"
    chosen.touch()
    named.touch()
    made = runtime.environment_folder() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made.parent.mkdir(parents=True)
    made.touch()
    runtime.complete_installation()
    assert runtime.find_python() == made
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", str(named))
    assert runtime.find_python() == named
    runtime.preferences().python = str(chosen)
    assert runtime.find_python() == chosen


def test_an_environment_that_was_not_completed_is_not_used(runtime: Any) -> None:
    made = runtime.environment_folder() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made.parent.mkdir(parents=True)
    made.touch()
    if importlib.util.find_spec("torch") is None:
        with pytest.raises(Exception, match="press Install Engine"):
            runtime.find_python()
    else:
        assert runtime.find_python() == Path(sys.executable)


def test_a_preference_that_names_nothing_is_told(runtime: Any) -> None:
    runtime.preferences().python = "/no/such/python"
    with pytest.raises(Exception, match=r"preference Python names .*which does not exist"):
        runtime.find_python()


def test_the_engine_starts_without_blenders_python_variables(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)
    assert "PYTHONPATH" not in runtime.clean_environment()
    assert runtime.clean_environment()["PATH"] == os.environ["PATH"]
    assert runtime.engine_command("info") == [sys.executable, "-I", "-B", str(runtime.CORE), "info"]
    assert (runtime.CORE / "__main__.py").is_file()


def test_an_offline_blender_says_how_to_go_online(runtime: Any) -> None:
    import bpy

    assert not bpy.app.online_access
    assert "Preferences > System > Network" in runtime.offline_reason()
