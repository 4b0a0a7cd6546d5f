# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python environments of a checkout, made on request in its folder .venv and reused.

The engine and Blender need separate ones: bpy 4.5 and 5.0 want Python 3.11 and numpy 1, the engine numpy 2 and torch.
Only the standard library is imported here, since this runs before anything is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HOSTS", "ROOT", "Host", "SetupError", "engine", "farm", "find_python", "fitting_host", "host", "lint", "ray", "run", "tool"]

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".venv"
BIN = "Scripts" if os.name == "nt" else "bin"
EXE = ".exe" if os.name == "nt" else ""
ENGINE_PYTHONS = ("3.11", "3.13", "3.12")


class SetupError(Exception):
    """An environment that cannot be made; the message is one sentence for a person."""


@dataclass(frozen=True)
class Host:
    """One Blender as a Python module."""

    bpy: str
    python: str


HOSTS = {"4.5": Host("4.5.15", "3.11"), "5.0": Host("5.0.1", "3.11"), "5.2": Host("5.2.3", "3.13")}


def tool(name: str) -> Path:
    """The program `name` of requirements-setup.txt (uv or nox)."""
    folder = FOLDER / "setup"
    # By version, not by path: nox asks again from inside this very environment.
    wanted = _stamp(Path(f"python{_version(sys.version_info)}"), ["requirements-setup.txt"])
    if not _up_to_date(folder, wanted):
        _say("Fetching the tools that make environments (uv, nox)")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            run([sys.executable, "-m", "venv", folder], quiet=True)
        except SetupError:
            raise SetupError(
                "This Python cannot make virtual environments; install its venv module (on Debian: python3-venv) and run the command again."
            ) from None
        run([_python_of(folder), "-m", "pip", "install", "-qq", "-r", ROOT / "requirements-setup.txt"])
        _mark(folder, wanted)
    return folder / BIN / f"{name}{EXE}"


def engine() -> Path:
    """The interpreter of the engine's environment (torch), with the test tools."""
    python = _first_python(ENGINE_PYTHONS, "The engine")
    return _environment("engine", python, ["requirements-engine.txt", "requirements-test.txt"], torch=True)


def host(blender: str) -> Path:
    """The interpreter of the environment that holds bpy for Blender `blender`, a key of HOSTS."""
    one = HOSTS[blender]
    python = _first_python([one.python], f"Blender {blender}")
    return _environment(f"bpy-{blender}", python, ["requirements-test.txt"], [f"bpy=={one.bpy}"])


def lint() -> Path:
    """The interpreter of the environment that holds ruff, mypy and the packages whose types they read."""
    python = _first_python(ENGINE_PYTHONS, "The type checker")
    return _environment("lint", python, ["requirements-engine.txt", "requirements-lint.txt"], torch=True)


def farm() -> Path:
    """The interpreter of the environment that holds the farms' own tools, which check and run what is written for them."""
    return _environment("farm", _first_python(ENGINE_PYTHONS, "The farms' tools"), ["requirements-farm.txt"])


def ray() -> Path:
    """The interpreter of the environment that holds Ray beside the engine."""
    python = _first_python(ENGINE_PYTHONS, "Ray")
    return _environment("ray", python, ["requirements-engine.txt", "requirements-ray.txt"], torch=True)


def fitting_host() -> str:
    """The Blender, a key of HOSTS, whose Python is the running one; else the newest whose Python is on this machine."""
    newest_first = sorted(HOSTS, reverse=True)
    for blender in newest_first:
        if HOSTS[blender].python == _version(sys.version_info):
            return blender
    return next((blender for blender in newest_first if find_python(HOSTS[blender].python)), newest_first[0])


def find_python(version: str) -> Path | None:
    """An interpreter of Python `version` (such as "3.11") on this machine, or None.

    Asks each candidate for its version: a name on PATH can be the shim of a version manager with nothing behind it.
    """
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [
        sys.executable,
        *(str(Path(folder) / f"{name}{EXE}") for folder in os.get_exec_path()),
        *sorted(str(path) for path in pyenv.glob(f"versions/{version}*/{BIN}/{name}{EXE}")),
        *sorted(str(path) for path in (Path.home() / ".local/share/uv/python").glob(f"cpython-{version}*/{BIN}/{name}{EXE}")),
    ]
    question = "import sys; print('%d.%d' % sys.version_info[:2], getattr(sys, '_base_executable', '') or sys.executable)"
    for candidate in dict.fromkeys(candidates):
        if not Path(candidate).is_file():
            continue
        answer = subprocess.run([candidate, "-I", "-c", question], capture_output=True, text=True, check=False)
        found, _, executable = answer.stdout.strip().partition(" ")
        if answer.returncode == 0 and found == version:
            return Path(executable).resolve()  # python3 and python3.11 are one
    return None


def run(
    command: Sequence[str | Path | int], *, env: dict[str, str] | None = None, quiet: bool = False, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `command`; raise SetupError with its last words where it fails. `quiet` keeps its output for the caller."""
    try:
        done = subprocess.run([str(part) for part in command], env=env, cwd=cwd, capture_output=quiet, text=True, check=False)
    except OSError as error:
        raise SetupError(f"{command[0]} cannot be started: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout or "").strip().splitlines()
        raise SetupError(f"{Path(str(command[0])).name} failed with code {done.returncode}{': ' + said[-1] if said else ''}")
    return done


def _first_python(versions: Sequence[str], who: str) -> Path:
    running = _version(sys.version_info)
    for version in sorted(versions, key=lambda version: version != running):
        if python := find_python(version):
            return python
    try:
        run([tool("uv"), "python", "install", "--quiet", versions[0]], quiet=True)
        return Path(run([tool("uv"), "python", "find", "--managed-python", versions[0]], quiet=True).stdout.strip())
    except SetupError:
        raise SetupError(
            f"{who} needs Python {' or '.join(sorted(versions))}, which is not on this machine and could not be fetched; "
            "install it and run the command again."
        ) from None


def _environment(name: str, python: Path, files: list[str], packages: Sequence[str] = (), torch: bool = False) -> Path:
    folder = FOLDER / name
    wanted = _stamp(python, files, packages)
    if not _up_to_date(folder, wanted):
        uv = tool("uv")
        _say(f"Making the environment '{name}'{' (torch: a large download the first time)' if torch else ''}")
        run([uv, "venv", "--quiet", "--clear", "--python", python, folder])
        requirements = [part for file in files for part in ("-r", ROOT / file)]
        # Compiled now, because the engine runs with -B and would compile torch anew at each start.
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", _python_of(folder), *requirements, *packages]
        env = {**os.environ, **_index_of_pip()}
        try:
            # The build of torch that fits the graphics card, or the small one without; only torch's own site has them all.
            run([*install, "--torch-backend=auto"] if torch else install, env={**env, "UV_HTTP_RETRIES": "0"} if torch else env, quiet=True)
        except SetupError:
            run(install, env=env)
        _mark(folder, wanted)
    return _python_of(folder)


def _index_of_pip() -> dict[str, str]:
    """pip's index, for uv, which does not read pip's configuration."""
    if os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL"):
        return {}
    asked = subprocess.run(
        [str(_python_of(FOLDER / "setup")), "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    index = os.environ.get("PIP_INDEX_URL") or asked.stdout.strip()
    return {"UV_DEFAULT_INDEX": index} if index else {}


def _python_of(folder: Path) -> Path:
    return folder / BIN / f"python{EXE}"


def _version(info: tuple[int | str, ...]) -> str:
    return f"{info[0]}.{info[1]}"


def _stamp(python: Path, files: list[str], packages: Sequence[str] = ()) -> dict[str, object]:
    return {"python": str(python), "files": {file: (ROOT / file).read_text("utf-8") for file in files}, "packages": list(packages)}


def _up_to_date(folder: Path, wanted: dict[str, object]) -> bool:
    try:
        return _python_of(folder).exists() and json.loads((folder / "brushflow.json").read_text("utf-8")) == wanted
    except (OSError, ValueError):
        return False


def _mark(folder: Path, wanted: dict[str, object]) -> None:
    (folder / "brushflow.json").write_text(json.dumps(wanted, indent=1), "utf-8")


def _say(sentence: str) -> None:
    print(f"{sentence} …", file=sys.stderr, flush=True)
