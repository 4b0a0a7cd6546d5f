# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own Python environment, and how the engine is run in it.

Never built on Blender's own Python, which goes away with the next update, and never imported into Blender.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_

from . import ADDON_ID, Refused

__all__ = [
    "COMPLETE",
    "CORE",
    "EXTENSION",
    "REQUIREMENTS",
    "clean_environment",
    "complete_installation",
    "engine_command",
    "environment_folder",
    "find_python",
    "home",
    "is_made",
    "named_python",
    "offline_reason",
    "preferences",
    "program",
]

EXTENSION = Path(__file__).resolve().parents[1]
CORE = EXTENSION / "core"
REQUIREMENTS = EXTENSION / "requirements-engine.txt"
COMPLETE = "brushflow-complete"
"""A file that a folder holds once it is whole."""


def preferences() -> bpy.types.AddonPreferences | None:
    """The extension's preferences; None where it was registered without being enabled in them."""
    addon = bpy.context.preferences.addons.get(ADDON_ID)
    return addon.preferences if addon else None


def find_python() -> Path:
    """The interpreter that runs the engine.

    In this order: the preference, the variable BRUSHFLOW_ENGINE_PYTHON, the environment that the add-on made, and the
    running Python where torch is installed in it. Raises Refused.
    """
    if (named := named_python()) is not None:
        return named
    if is_made():
        return program(environment_folder(), "python")
    # Where bpy is a module of a Python that the user made, torch may lie beside it.
    if importlib.util.find_spec("torch") is not None and Path(sys.executable).is_file():
        return Path(sys.executable)
    raise Refused(rpt_("There is no environment for the engine yet; open the preferences of Brushflow and press Install Engine."))


def is_made() -> bool:
    """Whether there is an environment that the add-on made, whole."""
    folder = environment_folder()
    return (folder / COMPLETE).is_file() and program(folder, "python").is_file()


def named_python() -> Path | None:
    """The interpreter that the preference names, or the variable BRUSHFLOW_ENGINE_PYTHON; raises Refused where it does not exist."""
    chosen = preferences()
    if chosen is not None and chosen.python:
        return _existing(
            Path(bpy.path.abspath(chosen.python)),
            n_("The preference Python names {python}, which does not exist; correct it in the preferences of Brushflow."),
        )
    if variable := os.environ.get("BRUSHFLOW_ENGINE_PYTHON"):
        return _existing(Path(variable), n_("The variable BRUSHFLOW_ENGINE_PYTHON names {python}, which does not exist; correct it."))
    return None


def _existing(python: Path, complaint: str) -> Path:
    if not python.is_file():
        raise Refused(rpt_(complaint).format(python=python))
    return python


def engine_command(*arguments: str) -> list[str]:
    """The command line that runs the engine; raises Refused."""
    return [str(find_python()), "-I", "-B", str(CORE), *arguments]


def clean_environment() -> dict[str, str]:
    """The environment without what would lead another Python to Blender's modules."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def home() -> Path:
    """The extension's own folder of the user; Blender removes it when the extension is uninstalled."""
    return Path(bpy.utils.extension_path_user(ADDON_ID))


def environment_folder() -> Path:
    """Where the add-on makes the environment; another list of requirements means another folder."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:8]
    return home() / f"engine-{wanted}"


def program(environment: Path, name: str) -> Path:
    """A program of a virtual environment."""
    return environment / (f"Scripts/{name}.exe" if os.name == "nt" else f"bin/{name}")


def offline_reason() -> str:
    """Why nothing may be downloaded; empty where it may."""
    if bpy.app.online_access:
        return ""
    if bpy.app.online_access_override:
        return rpt_("Blender was started in offline mode; start it without --offline-mode to install the engine.")
    return rpt_("Blender may not go online; allow it in Preferences > System > Network to install the engine.")


def complete_installation() -> None:
    """Mark the environment as usable."""
    (environment_folder() / COMPLETE).touch()
