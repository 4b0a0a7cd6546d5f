# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own Python environment: find it, make it on request.

Never built on Blender's own Python, which goes away with the next update, and never imported into Blender.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import sys
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
    "Step",
    "check",
    "clean_environment",
    "complete_installation",
    "engine_command",
    "environment_folder",
    "fetch_uv",
    "find_python",
    "installation",
    "offline_reason",
    "preferences",
]

EXTENSION = Path(__file__).resolve().parents[1]
CORE = EXTENSION / "core"
REQUIREMENTS = EXTENSION / "requirements-engine.txt"

UV = "uv==0.13.9"
# The wheels for Linux (x86_64, aarch64), macOS (arm64, x86_64) and Windows (x64, arm64); wherever pip finds it, only these contents run.
UV_HASHES = (
    "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    "6a44b2ed8111d2f60d2b92627c5dccda3f7ed7570b18ce115e569cd68c28246b",
    "eeb92051c2123b9730c46b04cc843cfa4bc7d7b0aec56df431a2215ef4cb0273",
)


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
    made = _program(environment_folder(), "python")
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


def _program(environment: Path, name: str) -> Path:
    """A program of a virtual environment."""
    return environment / (f"Scripts/{name}.exe" if os.name == "nt" else f"bin/{name}")


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

    def __init__(self, steps: Iterator[Step]) -> None:
        self.label = ""
        self.line = ""
        """The last line that was said."""
        self.error = ""
        self.info: dict[str, Any] = {}
        """What `core info` says."""
        self.ended = False
        self._steps = steps
        self._commands: Iterator[list[str]] = iter(())
        self._process: Process | None = None

    def update(self) -> None:
        """Go on; returns at once."""
        if self.ended:
            return
        try:
            if self._process is None:
                self._next_step()
            elif (code := self._read(self._process)) is not None:
                self._process.close()
                self._process = None
                if code and not self._next_command():
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
        self.label, self.line, self._commands = step.label, "", iter(step.commands)
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


def check() -> Activity:
    """Ask the engine for its versions and devices."""

    def steps() -> Iterator[Step]:
        yield _look(find_python())

    return Activity(steps())


def installation() -> Activity:
    """Make the engine's environment, with the uv on the PATH or one fetched for it."""
    return Activity(_installation())


def _installation() -> Iterator[Step]:
    found = shutil.which("uv")
    uv = Path(found) if found else _program(_uv_folder(), "uv")
    if not uv.is_file():
        yield from fetch_uv(_uv_folder())
    folder = environment_folder()
    venv = [str(uv), "venv", "--clear", "--no-config"]
    yield Step(
        "Making an environment with Python 3.12",
        ([*venv, "--managed-python", "--python", "3.12", str(folder)], [*venv, "--python", ">=3.11,<3.14", str(folder)]),
    )
    python = _program(folder, "python")
    install = [str(uv), "pip", "install", "--no-config", "--python", str(python), "-r", str(REQUIREMENTS)]
    yield Step("Installing the engine's packages", ([*install, "--torch-backend=auto"], install))
    yield _look(python)
    complete_installation()


def _uv_folder() -> Path:
    return Path(bpy.utils.extension_path_user(ADDON_ID, path=UV.replace("==", "-")))


def fetch_uv(folder: Path) -> Iterator[Step]:
    """The steps that install uv to `folder`, by a pip of its own: Blender's Python is not touched and no address is written down here."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "requirement.txt"
    wanted.write_text(" ".join([UV, *(f"--hash=sha256:{digest}" for digest in UV_HASHES)]) + "\n")
    yield Step("Preparing to fetch uv, which makes Python environments", ([sys.executable, "-I", "-m", "venv", str(folder)],))
    pip = [str(_program(folder, "python")), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]
    yield Step("Fetching uv", ([*pip, "--only-binary=:all:", "--require-hashes", "-r", str(wanted)],))


def _look(python: Path) -> Step:
    return Step("Looking at the engine", ([str(python), "-I", "-B", str(CORE), "info", "--json"],))


def complete_installation() -> None:
    """Mark the environment as usable and remove those of earlier requirements."""
    folder = environment_folder()
    (folder / _COMPLETE).touch()
    for old in folder.parent.glob("engine-*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
