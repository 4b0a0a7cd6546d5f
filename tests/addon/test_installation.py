# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
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

from tests.blender import finish

on_posix = pytest.mark.skipif(os.name == "nt", reason="a script is no program on Windows")


@pytest.fixture
def installation(runtime: Any) -> Any:
    """The module."""
    from bl_ext.user_default.brushflow.addon import installation

    return installation


@pytest.fixture
def online(extension: None) -> Iterator[None]:
    """The user's permission to go online."""
    import bpy

    bpy.context.preferences.system.use_online_access = True
    assert bpy.app.online_access
    yield
    bpy.context.preferences.system.use_online_access = False


def test_the_button_refuses_while_blender_may_not_go_online(runtime: Any) -> None:
    import bpy

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
def test_uv_is_fetched_only_with_the_pinned_contents(
    installation: Any, no_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = wheel_of_uv(no_index, "#!/bin/sh\necho painted\n")
    activity = installation.Activity(installation.fetch_uv(tmp_path / "uv"))
    finish(activity)
    assert activity.error.startswith("Fetching uv failed")
    assert not (tmp_path / "uv" / "bin" / "uv").exists()

    monkeypatch.setattr(installation, "UV_HASHES", (*installation.UV_HASHES, digest))
    activity = installation.Activity(installation.fetch_uv(tmp_path / "uv"))
    finish(activity)
    assert activity.error == ""
    assert subprocess.run([tmp_path / "uv" / "bin" / "uv"], capture_output=True, text=True, check=True).stdout == "painted\n"


def test_every_pinned_wheel_is_a_sha_256(installation: Any) -> None:
    assert len(set(installation.UV_HASHES)) == len(installation.UV_HASHES)
    assert all(len(bytes.fromhex(digest)) == 32 for digest in installation.UV_HASHES)


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


@on_posix
def test_an_installation_tries_the_second_way_and_says_which_step_failed(
    runtime: Any, installation: Any, uv: Callable[[str], None], tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    uv(f"print(sys.argv[1:], file=open({str(calls)!r}, 'a')); print('no such Python'); sys.exit(sys.argv[1] == 'venv')")
    activity = installation.install()
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
    installation: Any, uv: Callable[[str], None], tmp_path: Path, build: str, asked: list[str | None]
) -> None:
    calls = tmp_path / "calls"
    uv(
        f"backend = [one.partition('=')[2] for one in sys.argv if 'backend' in one]\n"
        f"if sys.argv[1] == 'pip': print(*backend, file=open({str(calls)!r}, 'a')); sys.exit('nothing here')"
    )
    activity = installation.install(build)
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
    runtime: Any,
    installation: Any,
    inspection: Any,
    uv: Callable[[str], None],
    engine_python: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
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
    activity = installation.install()
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
    assert inspection.missing_network(inspection.remembered(python)) == "vgg16"

    # With weights there, the same button has only to look and to tidy up, and says what the chosen build did not bring.
    weights = tmp_path / "cache" / "weights" / "vgg16.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    weights.with_suffix(".json").write_text(json.dumps({"sha256": digest, "source": "test"}))
    monkeypatch.setitem(installation.BUILDS, "ODD", installation.Build("Odd Cards", "", ("odd",), 0, "odd"))
    activity = installation.install("ODD")
    finish(activity)
    assert activity.error.startswith("The engine is installed, but PyTorch for Odd Cards finds no graphics card")
    assert activity.label == "Tidying up"
    assert not earlier.exists()
    assert inspection.missing_network(inspection.remembered(python)) == ""
    weights.unlink()
    assert inspection.missing_network(inspection.remembered(python)) == "vgg16"


@on_posix
def test_an_installation_can_be_canceled_without_waiting_for_it(runtime: Any, installation: Any, uv: Callable[[str], None]) -> None:
    uv("import time; print('working', flush=True); time.sleep(60)")
    activity = installation.install()
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
def test_an_environment_that_is_made_again_is_not_whole_meanwhile(runtime: Any, installation: Any, uv: Callable[[str], None]) -> None:
    made = runtime.environment_folder() / "bin/python"
    made.parent.mkdir(parents=True)
    made.touch()
    runtime.complete_installation()
    assert runtime.is_made()
    uv("import time; print('working', flush=True); time.sleep(60)")
    activity = installation.install(renew=True)
    while activity.line != "working":
        activity.update()
    activity.abandon()
    assert activity.ended
    assert not runtime.is_made()


def test_nothing_is_installed_while_blender_may_not_go_online(runtime: Any, installation: Any) -> None:
    activity = installation.install()
    finish(activity)
    assert "Preferences > System > Network" in activity.error
    assert not runtime.environment_folder().exists()


def test_too_little_space_is_told_before_the_start(runtime: Any, installation: Any, online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    build = installation.Build("Huge", "", ("cpu",), 1e18)
    monkeypatch.setitem(installation.BUILDS, "HUGE", build)
    activity = installation.install("HUGE")
    finish(activity)
    assert "GB free, and up to 1000000001 GB are needed; free some space" in activity.error
    assert not runtime.environment_folder().exists()


def test_a_folder_that_cannot_be_written_to_is_told(runtime: Any, installation: Any, online: None) -> None:
    home = runtime.environment_folder().parent
    home.parent.mkdir(parents=True, exist_ok=True)
    home.touch()
    activity = installation.install()
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
def test_a_failure_on_the_way_is_told_in_words(installation: Any, uv: Callable[[str], None], script: str, reason: str) -> None:
    uv(script)
    activity = installation.install()
    finish(activity)
    assert f"Making an environment with Python 3.12 failed: {reason}" in activity.error


@pytest.mark.skipif(shutil.which("uv") is None, reason="there is no uv")
def test_uv_without_a_network_is_told_in_words(
    runtime: Any, installation: Any, online: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_PYTHON", sys.executable)
    activity = installation.install()
    finish(activity)
    assert "packages failed: the server cannot be reached; check the connection" in activity.error
    assert not runtime.is_made()
