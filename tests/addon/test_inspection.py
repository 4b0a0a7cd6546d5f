# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.blender import finish


def test_the_check_shows_the_versions_and_devices_of_the_engine(
    inspection: Any, engine_python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bl_ext.user_default.brushflow.addon.preferences import summary

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)
    activity = inspection.check()
    finish(activity)
    assert activity.error == ""
    text = " ".join(summary(activity.info))
    assert "torch" in text
    assert "cpu" in text
    assert inspection.remembered(Path(engine_python)) == activity.info
    assert inspection.remembered(Path(sys.executable)) == {}


def test_the_check_of_nothing_says_what_to_do(inspection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", "/no/such/python")
    activity = inspection.check()
    finish(activity)
    assert "which does not exist" in activity.error


@pytest.mark.skipif(importlib.util.find_spec("pydantic") is not None, reason="the running Python has the engine's packages")
def test_a_python_without_the_engines_packages_is_told_what_it_lacks(runtime: Any, inspection: Any) -> None:
    runtime.preferences().python = sys.executable
    activity = inspection.check()
    finish(activity)
    assert "this Python lacks the package" in activity.error
    assert "requirements-engine.txt" in activity.error


@pytest.mark.skipif(os.name == "nt", reason="a script is no program on Windows")
def test_what_is_no_python_is_told(runtime: Any, inspection: Any, tmp_path: Path) -> None:
    runtime.preferences().python = shutil.which("true")
    activity = inspection.check()
    finish(activity)
    assert "did not answer as Python does" in activity.error

    text = tmp_path / "text"
    text.write_text("no program")
    runtime.preferences().python = str(text)
    activity = inspection.check()
    finish(activity)
    assert activity.error == f"Looking at the engine failed: {text} cannot be started (Permission denied)."


def test_an_old_python_is_told(runtime: Any, inspection: Any) -> None:
    old = next((path for minor in range(6, 11) if (path := shutil.which(f"python3.{minor}"))), None)
    if old is None or subprocess.run([old, "-c", ""], check=False, capture_output=True).returncode:
        pytest.skip("there is no Python before 3.11")
    runtime.preferences().python = old
    activity = inspection.check()
    finish(activity)
    assert "and the engine needs 3.11 to 3.13" in activity.error
