# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
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
    home = runtime.environment_folder().parent
    if home.is_dir():
        shutil.rmtree(home)


@pytest.fixture
def online(extension: None) -> Iterator[None]:
    """The user's permission to go online."""
    import bpy

    bpy.context.preferences.system.use_online_access = True
    assert bpy.app.online_access
    yield
    bpy.context.preferences.system.use_online_access = False


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
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, online: None) -> Callable[[str], None]:
    """Puts a program into the place of uv on the PATH, where no package is to be fetched."""

    def put(script: str) -> None:
        path = tmp_path / "path" / "uv"
        path.parent.mkdir()
        path.write_text(f"#!{sys.executable}\nimport os, pathlib, sys\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)

    return put


on_posix = pytest.mark.skipif(os.name == "nt", reason="a script is no program on Windows")


@on_posix
def test_an_installation_tries_the_second_way_and_says_which_step_failed(runtime: Any, uv: Callable[[str], None], tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    uv(f"print(sys.argv[1:], file=open({str(calls)!r}, 'a')); print('no such Python'); sys.exit(sys.argv[1] == 'venv')")
    activity = runtime.installation()
    finish(activity)
    log = runtime.environment_folder().parent / "installation.log"
    assert activity.error == f"Making an environment with Python 3.12 failed: no such Python. More is in {log}."
    assert log.read_text().count("no such Python") == 2
    first, second = calls.read_text().splitlines()
    assert "--managed-python" in first
    assert "--managed-python" not in second
    assert not runtime.is_made()


@on_posix
@pytest.mark.parametrize(("build", "asked"), [("AUTO", ["auto", None]), ("CPU", ["cpu"])])
def test_the_chosen_build_alone_is_asked_for(
    runtime: Any, uv: Callable[[str], None], tmp_path: Path, build: str, asked: list[str | None]
) -> None:
    calls = tmp_path / "calls"
    uv(
        f"backend = [one.partition('=')[2] for one in sys.argv if 'backend' in one]\n"
        f"if sys.argv[1] == 'pip': print(*backend, file=open({str(calls)!r}, 'a')); sys.exit('nothing here')"
    )
    activity = runtime.installation(build)
    finish(activity)
    assert "packages failed: nothing here" in activity.error
    assert [line or None for line in calls.read_text().splitlines()] == asked


def engine_for(python: str) -> str:
    """What a uv does that makes the environment of the folder named last from `python`, and says what it downloads."""
    return (
        "if sys.argv[1] == 'venv':\n"
        "    made = pathlib.Path(sys.argv[-1], 'bin', 'python'); made.parent.mkdir(parents=True, exist_ok=True)\n"
        f"    made.write_text('#!/bin/sh\\nexec {python} \"$@\"\\n'); made.chmod(0o755)\n"
        "else:\n"
        "    print('Downloading torch (200.0MiB)'); print('Downloading numpy (50.0MiB)'); print(' Downloaded numpy')"
    )


@on_posix
def test_an_installation_makes_what_is_missing_and_is_only_whole_at_its_end(
    runtime: Any, uv: Callable[[str], None], engine_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the network's weights cannot be had: every way out is closed."""
    home = runtime.environment_folder().parent
    earlier = home / "engine-of-earlier"
    earlier.mkdir(parents=True)
    uv(engine_for(engine_python))
    monkeypatch.setenv("BRUSHFLOW_CACHE", str(tmp_path / "cache"))
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "PIP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_RETRIES", "0")
    activity = runtime.installation()
    seen = {}
    deadline = time.monotonic() + 120
    while not activity.ended and time.monotonic() < deadline:
        activity.update()
        seen[activity.label] = (activity.received, activity.size, runtime.is_made())
        time.sleep(0.02)
    assert seen["Installing the engine's packages"] == (50 * 2**20, 250 * 2**20, False)
    assert activity.error.startswith("Fetching the weights of vgg16 failed: the server cannot be reached; check the connection")
    assert runtime.is_made()
    assert not list(home.glob("weights-*"))
    python = runtime.find_python()
    assert runtime.missing_network(runtime.remembered(python)) == "vgg16"

    # With weights there, the same button has only to look and to tidy up, and says what the chosen build did not bring.
    weights = tmp_path / "cache" / "weights" / "vgg16.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    weights.with_suffix(".json").write_text(json.dumps({"sha256": digest, "source": "test"}))
    monkeypatch.setitem(runtime.BUILDS, "ODD", runtime.Build("Odd Cards", "", ("odd",), 0, "odd"))
    activity = runtime.installation("ODD")
    finish(activity)
    assert activity.error.startswith("The engine is installed, but PyTorch for Odd Cards finds no graphics card")
    assert activity.label == "Tidying up"
    assert not earlier.exists()
    assert runtime.missing_network(runtime.remembered(python)) == ""
    weights.unlink()
    assert runtime.missing_network(runtime.remembered(python)) == "vgg16"


@on_posix
def test_an_installation_can_be_canceled_without_waiting_for_it(runtime: Any, uv: Callable[[str], None]) -> None:
    uv("import time; print('working', flush=True); time.sleep(60)")
    activity = runtime.installation()
    deadline = time.monotonic() + 30
    while activity.line != "working":
        activity.update()
        assert time.monotonic() < deadline
    begin = time.perf_counter()
    activity.cancel()
    assert time.perf_counter() - begin < 0.05
    assert activity.canceling
    finish(activity)
    assert activity.error == "Canceled."
    assert not runtime.is_made()


@on_posix
def test_an_environment_that_is_made_again_is_not_whole_meanwhile(runtime: Any, uv: Callable[[str], None]) -> None:
    made = runtime.environment_folder() / "bin/python"
    made.parent.mkdir(parents=True)
    made.touch()
    runtime.complete_installation()
    assert runtime.is_made()
    uv("import time; print('working', flush=True); time.sleep(60)")
    activity = runtime.installation(renew=True)
    while activity.line != "working":
        activity.update()
    activity.abandon()
    assert activity.ended
    assert not runtime.is_made()


def test_nothing_is_installed_while_blender_may_not_go_online(runtime: Any) -> None:
    activity = runtime.installation()
    finish(activity)
    assert "Preferences > System > Network" in activity.error
    assert not runtime.environment_folder().exists()


def test_too_little_space_is_told_before_the_start(runtime: Any, online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    build = runtime.Build("Huge", "", ("cpu",), 1e18)
    monkeypatch.setitem(runtime.BUILDS, "HUGE", build)
    activity = runtime.installation("HUGE")
    finish(activity)
    assert "GB free, and up to 1000000001 GB are needed; free some space" in activity.error
    assert not runtime.environment_folder().exists()


def test_a_folder_that_cannot_be_written_to_is_told(runtime: Any, online: None) -> None:
    home = runtime.environment_folder().parent
    home.parent.mkdir(parents=True, exist_ok=True)
    home.touch()
    activity = runtime.installation()
    finish(activity)
    home.unlink()
    assert activity.error.startswith(f"{home} cannot be written to (File exists)")


@on_posix
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param(
            "os.write(os.open('/dev/full', os.O_WRONLY), b'x')",
            "the disk is full",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's"),
        ),
        ("os.execv('/dev/null', ['uv'])", "there is no right to write"),
        ("import urllib.request; urllib.request.build_opener().open('http://127.0.0.1:9')", "the server cannot be reached"),
    ],
)
def test_a_failure_on_the_way_is_told_in_words(runtime: Any, uv: Callable[[str], None], script: str, reason: str) -> None:
    uv(script)
    activity = runtime.installation()
    finish(activity)
    assert f"Making an environment with Python 3.12 failed: {reason}" in activity.error


@pytest.mark.skipif(shutil.which("uv") is None, reason="there is no uv")
def test_uv_without_a_network_is_told_in_words(runtime: Any, online: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_PYTHON", sys.executable)
    activity = runtime.installation()
    finish(activity)
    assert "packages failed: the server cannot be reached; check the connection" in activity.error
    assert not runtime.is_made()


def test_the_check_shows_the_versions_and_devices_of_the_engine(runtime: Any, engine_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bl_ext.user_default.brushflow.addon.preferences import summary

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)
    activity = runtime.check()
    finish(activity)
    assert activity.error == ""
    text = " ".join(summary(activity.info))
    assert "torch" in text
    assert "cpu" in text
    assert runtime.remembered(Path(engine_python)) == activity.info
    assert runtime.remembered(Path(sys.executable)) == {}


def test_the_check_of_nothing_says_what_to_do(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", "/no/such/python")
    activity = runtime.check()
    finish(activity)
    assert "which does not exist" in activity.error


@pytest.mark.skipif(importlib.util.find_spec("pydantic") is not None, reason="the running Python has the engine's packages")
def test_a_python_without_the_engines_packages_is_told_what_it_lacks(runtime: Any) -> None:
    runtime.preferences().python = sys.executable
    activity = runtime.check()
    finish(activity)
    assert "this Python lacks the package" in activity.error
    assert "requirements-engine.txt" in activity.error


@on_posix
def test_what_is_no_python_is_told(runtime: Any, tmp_path: Path) -> None:
    runtime.preferences().python = shutil.which("true")
    activity = runtime.check()
    finish(activity)
    assert "did not answer as Python does" in activity.error

    text = tmp_path / "text"
    text.write_text("no program")
    runtime.preferences().python = str(text)
    activity = runtime.check()
    finish(activity)
    assert activity.error == f"Looking at the engine failed: {text} cannot be started (Permission denied)."


def test_an_old_python_is_told(runtime: Any) -> None:
    old = next((path for minor in range(6, 11) if (path := shutil.which(f"python3.{minor}"))), None)
    if old is None or subprocess.run([old, "-c", ""], check=False, capture_output=True).returncode:
        pytest.skip("there is no Python before 3.11")
    runtime.preferences().python = old
    activity = runtime.check()
    finish(activity)
    assert "and the engine needs 3.11 to 3.13" in activity.error
