# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import io
import json
import os
import platform
import sys
import threading
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


def wheel_of(program: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("uv-1.data/scripts/uv", program)
    return file.getvalue()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Callable[[bytes, str], str]]:
    """Serves a package index with one wheel under the given digest, and gives its address."""
    handler = type("Handler", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: handler(*a, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"

        def serve(wheel: bytes, digest: str) -> str:
            (tmp_path / "uv.whl").write_bytes(wheel)
            (tmp_path / "index.json").write_text(json.dumps({"urls": [{"url": f"{address}/uv.whl", "digests": {"sha256": digest}}]}))
            return f"{address}/index.json"

        yield serve
        server.shutdown()


@pytest.mark.skipif(os.name == "nt", reason="the wheel made here holds a program for POSIX")
def test_uv_is_fetched_checked_and_unpacked(
    runtime: Any, refused: type[Exception], index: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, program = wheel_of(b"program"), tmp_path / "deep" / "uv"
    digest = hashlib.sha256(wheel).hexdigest()
    monkeypatch.setitem(runtime.UV_WHEELS, (platform.system(), platform.machine()), digest)
    with pytest.raises(refused, match="not the expected one"):
        runtime.fetch_uv(program, index(wheel + b"changed", digest))
    with pytest.raises(refused, match="no longer offers uv"):
        runtime.fetch_uv(program, index(wheel, "0" * 64))
    assert not program.exists()
    runtime.fetch_uv(program, index(wheel, digest))
    assert program.read_bytes() == b"program"
    assert os.access(program, os.X_OK)
    with pytest.raises(refused, match="could not be downloaded"):
        runtime.fetch_uv(program, index(wheel, digest) + ".gone")


def test_every_pinned_wheel_is_a_sha_256(runtime: Any) -> None:
    assert len(set(runtime.UV_WHEELS.values())) == len(runtime.UV_WHEELS)
    assert all(len(bytes.fromhex(digest)) == 32 for digest in runtime.UV_WHEELS.values())


def finish(activity: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not activity.ended:
        assert time.monotonic() < deadline
        activity.update()
        time.sleep(0.01)


@pytest.fixture
def tool(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a program that stands in for uv where no package is to be fetched."""

    def make(script: str) -> Path:
        path = tmp_path / "uv"
        path.write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.mark.skipif(os.name == "nt", reason="a script is no program on Windows")
def test_an_installation_tries_the_second_way_and_says_which_step_failed(runtime: Any, tool: Callable[[str], Path], tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    uv = tool(f"print(sys.argv[1:], file=open({str(calls)!r}, 'a')); print('no such Python'); sys.exit(sys.argv[1] == 'venv')")
    activity = runtime.Activity(uv=uv, install=True)
    finish(activity)
    assert activity.error == "Making an environment with Python 3.12 failed: no such Python"
    first, second = calls.read_text().splitlines()
    assert "--managed-python" in first
    assert "--managed-python" not in second
    assert not (runtime.environment_folder() / "brushflow-complete").exists()


@pytest.mark.skipif(os.name == "nt", reason="a script is no program on Windows")
def test_an_installation_can_be_canceled(runtime: Any, tool: Callable[[str], Path]) -> None:
    activity = runtime.Activity(uv=tool("import time; print('working', flush=True); time.sleep(60)"), install=True)
    deadline = time.monotonic() + 30
    while activity.line != "working":
        activity.update()
        assert time.monotonic() < deadline
    activity.cancel()
    assert (activity.ended, activity.error) == (True, "Canceled.")


def test_the_check_shows_the_versions_and_devices_of_the_engine(runtime: Any, engine_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bl_ext.user_default.brushflow.addon.preferences import summary

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)
    activity = runtime.Activity(uv=None, install=False)
    finish(activity)
    assert activity.error == ""
    text = " ".join(summary(activity.info))
    assert "torch" in text
    assert "cpu" in text


def test_the_check_of_nothing_says_what_to_do(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", "/no/such/python")
    activity = runtime.Activity(uv=None, install=False)
    finish(activity)
    assert "which does not exist" in activity.error
