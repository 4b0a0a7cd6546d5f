# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def runtime(extension: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module, where neither the preference nor the variable names a Python."""
    import bpy
    from bl_ext.user_default.brushflow.addon import ADDON_ID, runtime

    monkeypatch.delenv("BRUSHFLOW_ENGINE_PYTHON", raising=False)
    yield runtime
    bpy.context.preferences.addons[ADDON_ID].preferences.python = ""


@pytest.fixture
def refused(extension: None) -> type[Exception]:
    from bl_ext.user_default.brushflow.addon import Refused

    return Refused


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
    try:
        assert runtime.find_python() == made
        monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", str(named))
        assert runtime.find_python() == named
        runtime.preferences().python = str(chosen)
        assert runtime.find_python() == chosen
    finally:
        made.unlink()


def test_an_environment_that_was_not_completed_is_not_used(runtime: Any) -> None:
    folder = runtime.environment_folder()
    (folder / "brushflow-complete").unlink(missing_ok=True)
    made = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made.parent.mkdir(parents=True, exist_ok=True)
    made.touch()
    if importlib.util.find_spec("torch") is None:
        with pytest.raises(Exception, match="press Install Engine"):
            runtime.find_python()
    else:
        assert runtime.find_python() == Path(sys.executable)


def test_a_preference_that_names_nothing_is_told(runtime: Any, refused: type[Exception]) -> None:
    runtime.preferences().python = "/no/such/python"
    with pytest.raises(refused, match=r"preference Python names .*which does not exist"):
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
    with pytest.raises(RuntimeError, match="may not go online"):
        bpy.ops.preferences.brushflow_install()


def wheel_of_uv(folder: Path, program: str) -> str:
    """Makes a wheel that installs `program` as uv, and gives its SHA-256."""
    path = folder / "uv-0.13.9-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        script = zipfile.ZipInfo("uv-0.13.9.data/scripts/uv")
        script.external_attr = 0o100755 << 16
        archive.writestr(script, program)
        archive.writestr("uv-0.13.9.dist-info/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 0.13.9\n")
        archive.writestr("uv-0.13.9.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("uv-0.13.9.dist-info/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip knows of."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.mark.skipif(os.name == "nt", reason="the wheel made here holds a program for POSIX")
def test_uv_is_fetched_only_with_the_pinned_contents(runtime: Any, no_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = wheel_of_uv(no_index, "#!/bin/sh\necho painted\n")
    activity = runtime.Activity(runtime.fetch_uv(tmp_path / "uv"))
    finish(activity)
    assert activity.error.startswith("Fetching uv failed")
    assert not (tmp_path / "uv" / "bin" / "uv").exists()

    monkeypatch.setattr(runtime, "UV_HASHES", (*runtime.UV_HASHES, digest))
    activity = runtime.Activity(runtime.fetch_uv(tmp_path / "uv"))
    finish(activity)
    assert activity.error == ""
    assert subprocess.run([tmp_path / "uv" / "bin" / "uv"], capture_output=True, text=True, check=True).stdout == "painted\n"


def test_every_pinned_wheel_is_a_sha_256(runtime: Any) -> None:
    assert len(set(runtime.UV_HASHES)) == len(runtime.UV_HASHES)
    assert all(len(bytes.fromhex(digest)) == 32 for digest in runtime.UV_HASHES)


def finish(activity: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not activity.ended:
        assert time.monotonic() < deadline
        activity.update()
        time.sleep(0.01)


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program into the place of uv on the PATH, where no package is to be fetched."""

    def put(script: str) -> None:
        path = tmp_path / "path" / "uv"
        path.parent.mkdir()
        path.write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)

    return put


@pytest.mark.skipif(os.name == "nt", reason="a script is no program on Windows")
def test_an_installation_tries_the_second_way_and_says_which_step_failed(runtime: Any, uv: Callable[[str], None], tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    uv(f"print(sys.argv[1:], file=open({str(calls)!r}, 'a')); print('no such Python'); sys.exit(sys.argv[1] == 'venv')")
    activity = runtime.installation()
    finish(activity)
    assert activity.error == "Making an environment with Python 3.12 failed: no such Python"
    first, second = calls.read_text().splitlines()
    assert "--managed-python" in first
    assert "--managed-python" not in second
    assert not (runtime.environment_folder() / "brushflow-complete").exists()


@pytest.mark.skipif(os.name == "nt", reason="a script is no program on Windows")
def test_an_installation_can_be_canceled(runtime: Any, uv: Callable[[str], None]) -> None:
    uv("import time; print('working', flush=True); time.sleep(60)")
    activity = runtime.installation()
    deadline = time.monotonic() + 30
    while activity.line != "working":
        activity.update()
        assert time.monotonic() < deadline
    activity.cancel()
    assert (activity.ended, activity.error) == (True, "Canceled.")


def test_the_check_shows_the_versions_and_devices_of_the_engine(runtime: Any, engine_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bl_ext.user_default.brushflow.addon.preferences import summary

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)
    activity = runtime.check()
    finish(activity)
    assert activity.error == ""
    text = " ".join(summary(activity.info))
    assert "torch" in text
    assert "cpu" in text


def test_the_check_of_nothing_says_what_to_do(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", "/no/such/python")
    activity = runtime.check()
    finish(activity)
    assert "which does not exist" in activity.error
