# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own Python environment: find it, make it on request.

Never built on Blender's own Python, which goes away with the next update, and never imported into Blender.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import platform
import shutil
import sys
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import ADDON_ID, Refused
from .process import Process

__all__ = [
    "CORE",
    "EXTENSION",
    "Activity",
    "clean_environment",
    "engine_command",
    "environment_folder",
    "fetch_uv",
    "find_python",
    "find_uv",
    "offline_reason",
]

EXTENSION = Path(__file__).resolve().parents[1]
CORE = EXTENSION / "core"
REQUIREMENTS = EXTENSION / "requirements-engine.txt"

UV_VERSION = "0.13.9"
PACKAGE_INDEX = "https://pypi.org/pypi/uv/{version}/json"
# The wheels of UV_VERSION; whatever address the index names, only these contents are ever run.
UV_WHEELS = {
    ("Linux", "x86_64"): "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ("Linux", "aarch64"): "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    ("Darwin", "arm64"): "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    ("Darwin", "x86_64"): "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    ("Windows", "AMD64"): "6a44b2ed8111d2f60d2b92627c5dccda3f7ed7570b18ce115e569cd68c28246b",
    ("Windows", "ARM64"): "eeb92051c2123b9730c46b04cc843cfa4bc7d7b0aec56df431a2215ef4cb0273",
}


def preferences() -> bpy.types.AddonPreferences | None:
    """The extension's preferences; None where it was registered without being enabled in them."""
    addon = bpy.context.preferences.addons.get(ADDON_ID)
    return addon.preferences if addon else None


def find_python() -> Path:
    """The interpreter that runs the engine.

    In this order: the preference, the variable BRUSHFLOW_ENGINE_PYTHON, the environment that the add-on made, and the
    running Python where torch is installed in it. Raises Refused.
    """
    chosen = preferences()
    if chosen is not None and chosen.python:
        return _existing(Path(bpy.path.abspath(chosen.python)), "The preference Python names", "correct it in the preferences of Brushflow")
    if variable := os.environ.get("BRUSHFLOW_ENGINE_PYTHON"):
        return _existing(Path(variable), "The variable BRUSHFLOW_ENGINE_PYTHON names", "correct it")
    made = _python_in(environment_folder())
    if (environment_folder() / _COMPLETE).is_file() and made.is_file():
        return made
    # Where bpy is a module of a Python that the user made, torch may lie beside it.
    if importlib.util.find_spec("torch") is not None and Path(sys.executable).is_file():
        return Path(sys.executable)
    raise Refused("There is no environment for the engine yet; open the preferences of Brushflow and press Install Engine.")


def _existing(python: Path, who: str, remedy: str) -> Path:
    if not python.is_file():
        raise Refused(f"{who} {python}, which does not exist; {remedy}.")
    return python


def engine_command(*arguments: str) -> list[str]:
    """The command line that runs the engine; raises Refused."""
    return [str(find_python()), "-I", "-B", str(CORE), *arguments]


def clean_environment() -> dict[str, str]:
    """The environment without what would lead another Python to Blender's modules."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def environment_folder() -> Path:
    """Where the add-on makes the environment; another list of requirements means another folder."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:8]
    return Path(bpy.utils.extension_path_user(ADDON_ID, path=f"engine-{wanted}"))


_COMPLETE = "brushflow-complete"


def _python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def offline_reason() -> str:
    """Why nothing may be downloaded; empty where it may."""
    if bpy.app.online_access:
        return ""
    if bpy.app.online_access_override:
        return "Blender was started in offline mode; start it without --offline-mode to install the engine."
    return "Blender may not go online; allow it in Preferences > System > Network to install the engine."


@dataclass(frozen=True)
class Step:
    """A part of an activity."""

    label: str
    commands: tuple[list[str], ...]
    """Tried in turn until one succeeds."""


class Activity:
    """Commands that run one after the other while Blender stays usable, with what they say of themselves."""

    def __init__(self, *, uv: Path | None, install: bool) -> None:
        """Make the environment (`install`) and look at what is in it, or only look."""
        self.label = ""
        self.line = ""
        """The last line that was said."""
        self.error = ""
        self.info: dict[str, Any] = {}
        """What `core info` says."""
        self.ended = False
        self._installs = install
        self._uv = uv
        self._failure = ""
        self._fetching: threading.Thread | None = None
        self._steps: Iterator[Step] = iter(())
        self._commands: Iterator[list[str]] = iter(())
        self._process: Process | None = None
        if install and uv is None:
            self._fetch(_fetched_uv())
        else:
            self._steps = self._plan()

    def _fetch(self, program: Path) -> None:
        def fetch() -> None:
            try:
                fetch_uv(program)
                self._uv = program
            except Refused as refused:
                self._failure = str(refused)

        self.label = "Fetching uv, which makes Python environments"
        self._fetching = threading.Thread(target=fetch, name="brushflow-fetch", daemon=True)
        self._fetching.start()

    def _plan(self) -> Iterator[Step]:
        if self._installs:
            assert self._uv
            yield from installation(self._uv)
            yield Step("Looking at the engine", (_info_command(_python_in(environment_folder())),))
            complete_installation()
        else:
            yield Step("Looking at the engine", (_info_command(find_python()),))

    def update(self) -> None:
        """Go on; returns at once."""
        if self.ended:
            return
        if self._fetching is not None:
            if self._fetching.is_alive():
                return
            self._fetching = None
            if self._failure:
                self._end(self._failure)
                return
            self._steps = self._plan()
        try:
            if self._process is None:
                self._next_step()
            elif (code := self._read(self._process)) is not None:
                self._process.close()
                self._process = None
                if code == 0:
                    self._commands = iter(())
                elif not self._next_command():
                    self._end(f"{self.label} failed: {self.line or f'exit code {code}'}")
        except (Refused, OSError) as error:
            self._end(str(error))

    def _read(self, process: Process) -> int | None:
        for line in process.lines():
            self.line = line.strip() or self.line
            if line.startswith("{"):
                with contextlib.suppress(ValueError):
                    self.info = json.loads(line)
        return process.exit_code

    def _next_step(self) -> None:
        step = next(self._steps, None)
        if step is None:
            self._end("")
            return
        self.label, self._commands = step.label, iter(step.commands)
        self._next_command()

    def _next_command(self) -> bool:
        command = next(self._commands, None)
        if command is not None:
            self._process = Process(command, environment=clean_environment())
        return command is not None

    def _end(self, error: str) -> None:
        self.ended, self.error = True, error

    def cancel(self) -> None:
        """Stop; a half-made environment is never used and is made anew the next time."""
        if self._process is not None:
            self._process.interrupt()
            self._process.close()
        self._end("Canceled.")


def installation(uv: Path) -> Iterator[Step]:
    """The steps that make the environment."""
    folder = environment_folder()
    venv = [str(uv), "venv", "--clear", "--no-config"]
    yield Step(
        "Making an environment with Python 3.12",
        ([*venv, "--managed-python", "--python", "3.12", str(folder)], [*venv, "--python", ">=3.11,<3.14", str(folder)]),
    )
    install = [str(uv), "pip", "install", "--no-config", "--python", str(_python_in(folder)), "-r", str(REQUIREMENTS)]
    yield Step("Installing the engine's packages", ([*install, "--torch-backend=auto"], install))


def _info_command(python: Path) -> list[str]:
    return [str(python), "-I", "-B", str(CORE), "info", "--json"]


def complete_installation() -> None:
    """Mark the environment as usable and remove those of earlier requirements."""
    folder = environment_folder()
    (folder / _COMPLETE).touch()
    for old in folder.parent.glob("engine-*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)


def find_uv() -> Path | None:
    """uv on the PATH, or the one fetched earlier."""
    found = shutil.which("uv")
    fetched = _fetched_uv()
    return Path(found) if found else fetched if fetched.is_file() else None


def _fetched_uv() -> Path:
    folder = Path(bpy.utils.extension_path_user(ADDON_ID, path=f"uv-{UV_VERSION}"))
    return folder / ("uv.exe" if os.name == "nt" else "uv")


def fetch_uv(program: Path, index: str = PACKAGE_INDEX) -> None:
    """Download uv's wheel, check its SHA-256 against the pinned one and unpack it to `program`; raises Refused.

    Runs in a thread, so it stays away from bpy.
    """
    machine = (platform.system(), platform.machine())
    wanted = UV_WHEELS.get(machine)
    if wanted is None:
        raise Refused(f"uv is not offered for {' '.join(machine)}; install uv by hand, or name a Python in the preferences.")
    try:
        with urllib.request.urlopen(index.format(version=UV_VERSION), timeout=30) as answer:
            offered = json.load(answer)["urls"]
        address = next((one["url"] for one in offered if one["digests"]["sha256"] == wanted), None)
        if address is None:
            raise Refused(f"The package index no longer offers uv {UV_VERSION}; install uv by hand and try again.")
        with urllib.request.urlopen(address, timeout=120) as answer:
            wheel = answer.read()
    except (OSError, ValueError, KeyError) as error:
        raise Refused(f"uv could not be downloaded ({error}); check the connection, or install uv by hand.") from error
    if hashlib.sha256(wheel).hexdigest() != wanted:
        raise Refused("The downloaded uv is not the expected one and was thrown away; try again.")
    program.parent.mkdir(parents=True, exist_ok=True)
    partial = program.with_suffix(".partial")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        partial.write_bytes(archive.read(next(one for one in archive.namelist() if one.endswith(f"/scripts/{program.name}"))))
    partial.chmod(0o755)
    partial.replace(program)
