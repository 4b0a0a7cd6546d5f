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
import logging
import os
import re
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_

from ..core.settings import make_settings
from . import ADDON_ID, Refused
from .process import Process

__all__ = [
    "BUILDS",
    "CORE",
    "EXTENSION",
    "Activity",
    "Build",
    "Step",
    "check",
    "clean_environment",
    "complete_installation",
    "engine_command",
    "environment_folder",
    "fetch_uv",
    "find_python",
    "free_space",
    "installation",
    "is_made",
    "missing_network",
    "named_python",
    "offline_reason",
    "preferences",
    "remembered",
]

log = logging.getLogger(__name__)

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

GB = 1e9
WEIGHTS_SPACE = 1 * GB
"""More than the largest file that weights come in, and what is kept of it."""


@dataclass(frozen=True)
class Build:
    """A build of PyTorch that the environment can be made with."""

    name: str
    description: str
    backends: tuple[str, ...]
    """uv's names of it, tried in turn; an empty one takes what the package index has."""
    space: float
    """Bytes that the environment takes at most."""
    device: str = ""
    """Torch's kind of the graphics cards that it is for."""


BUILDS = {
    "AUTO": Build(n_("Automatic"), n_("What fits the graphics card of this machine, or its processor alone"), ("auto", ""), 8 * GB),
    "CPU": Build(n_("CPU"), n_("For the processor alone: by far the smallest"), ("cpu",), 3 * GB),
    "CUDA": Build(n_("CUDA"), n_("For graphics cards of NVIDIA"), ("cu128", "cu130"), 8 * GB, "cuda"),
    "XPU": Build(n_("XPU"), n_("For graphics cards of Intel"), ("xpu",), 12 * GB, "xpu"),
}
if sys.platform == "linux":
    BUILDS["ROCM"] = Build(n_("ROCm"), n_("For graphics cards of AMD"), ("rocm7.2", "rocm7.1"), 24 * GB, "cuda")
if sys.platform == "darwin":
    BUILDS = {"AUTO": Build(n_("Automatic"), n_("For this machine's processor and its graphics"), ("auto", ""), 3 * GB)}


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
        return _program(environment_folder(), "python")
    # Where bpy is a module of a Python that the user made, torch may lie beside it.
    if importlib.util.find_spec("torch") is not None and Path(sys.executable).is_file():
        return Path(sys.executable)
    raise Refused(rpt_("There is no environment for the engine yet; open the preferences of Brushflow and press Install Engine."))


def is_made() -> bool:
    """Whether there is an environment that the add-on made, whole."""
    folder = environment_folder()
    return (folder / _COMPLETE).is_file() and _program(folder, "python").is_file()


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


def _home() -> Path:
    """The extension's own folder of the user; Blender removes it when the extension is uninstalled."""
    return Path(bpy.utils.extension_path_user(ADDON_ID))


def environment_folder() -> Path:
    """Where the add-on makes the environment; another list of requirements means another folder."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:8]
    return _home() / f"engine-{wanted}"


_COMPLETE = "brushflow-complete"


def _program(environment: Path, name: str) -> Path:
    """A program of a virtual environment."""
    return environment / (f"Scripts/{name}.exe" if os.name == "nt" else f"bin/{name}")


def offline_reason() -> str:
    """Why nothing may be downloaded; empty where it may."""
    if bpy.app.online_access:
        return ""
    if bpy.app.online_access_override:
        return rpt_("Blender was started in offline mode; start it without --offline-mode to install the engine.")
    return rpt_("Blender may not go online; allow it in Preferences > System > Network to install the engine.")


# What an activity is made of


@dataclass(frozen=True)
class Step:
    """A part of an activity."""

    label: str
    commands: tuple[list[str], ...]
    """Tried in turn until one succeeds."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables besides those of Blender's own environment."""
    watched: Path | None = None
    """A folder whose largest file is what is being downloaded."""


Steps = Generator[Step, dict[str, Any], None]
"""The steps of an activity; each gets the JSON object that the step before printed, empty where there was none."""


class Activity:
    """Commands that run one after the other while Blender stays usable, with what they say of themselves."""

    def __init__(self, steps: Steps, log_file: Path | None = None) -> None:
        """`log_file` gets everything that the commands said, where one fails."""
        self.label = ""
        self.line = ""
        """The last line that was said."""
        self.error = ""
        self.info: dict[str, Any] = {}
        """The JSON object that the step printed: where it looks at the engine, the answer of `core info`."""
        self.ended = False
        self.received = 0.0
        """Bytes that the step has downloaded."""
        self.size = 0.0
        """Bytes that it will download, as far as is known; 0 where it is not."""
        self._steps = steps
        self._log_file = log_file
        self._output: deque[str] = deque(maxlen=2000)
        self._announced: dict[str, float] = {}
        self._watched: Path | None = None
        self._commands: Iterator[list[str]] = iter(())
        self._environment: dict[str, str] = {}
        self._process: Process | None = None
        self.canceled = False
        self._begin = self._end_time = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning, or how long it took."""
        return (self._end_time if self.ended else time.monotonic()) - self._begin

    @property
    def canceling(self) -> bool:
        return self.canceled and not self.ended

    def update(self) -> None:
        """Go on; returns at once."""
        if self.ended:
            return
        try:
            if self._process is None:
                self._next_step()
                return
            code = self._read(self._process)
            if code is None:
                return
            self._process.close()
            self._process = None
            if self.canceled:
                self._end(rpt_("Canceled."))
            elif code and not self._next_command():
                self._end(self._failure(code))
        except Refused as refused:
            self._end(str(refused))
        except OSError as error:
            self._end(rpt_("{step} failed: {reason}.").format(step=self.label, reason=_reason([str(error)])))

    def _read(self, process: Process) -> int | None:
        for line in process.lines():
            if line.startswith("{"):
                with contextlib.suppress(ValueError):
                    self.info = json.loads(line)
                    continue
            self._output.append(line)
            self.line = line.strip() or self.line
            self._note_download(line)
        if self._watched is not None:
            self.received = max(self.received, _largest(self._watched))
        return process.exit_code

    def _note_download(self, line: str) -> None:
        if match := _ANNOUNCED.search(line):
            self._announced[match[1]] = float(match[2]) * 1024.0 ** " KMG".index(match[3])
            self.size = sum(self._announced.values())
        elif match := _ARRIVED.search(line):
            self.received = min(self.size, self.received + self._announced.get(match[1], 0.0))

    def _next_step(self) -> None:
        try:
            step = self._steps.send(self.info if self.label else None)  # type: ignore[arg-type]
        except StopIteration:
            self._end("")
            return
        log.info(step.label)
        self.label, self.info = step.label, {}
        self._commands, self._watched = iter(step.commands), step.watched
        self._environment = clean_environment() | dict(step.environment)
        self._next_command()

    def _next_command(self) -> bool:
        command = next(self._commands, None)
        if command is None:
            return False
        self.line, self.received, self.size, self._announced = "", 0.0, 0.0, {}
        self._output.append("$ " + " ".join(command))
        try:
            self._process = Process(command, environment=self._environment)
        except OSError as error:
            raise Refused(
                rpt_("{step} failed: {program} cannot be started ({reason}).").format(
                    step=self.label, program=command[0], reason=error.strerror
                )
            ) from error
        return True

    def _failure(self, code: int) -> str:
        said = list(self._output)
        last = max(index for index, line in enumerate(said) if line.startswith("$ "))
        reason = _reason(said[last + 1 :]) or iface_("exit code {code}").format(code=code)
        sentence = rpt_("{step} failed: {reason}.").format(step=self.label, reason=reason)
        if self._log_file is None:
            return sentence
        self._log_file.write_text("\n".join(said) + "\n", encoding="utf-8")
        return f"{sentence} {rpt_('More is in {file}.').format(file=self._log_file)}"

    def _end(self, error: str) -> None:
        self._steps.close()
        self._end_time = time.monotonic()
        self.ended, self.error = True, error

    def cancel(self) -> None:
        """Stop; returns at once. A half-made environment is never used and is made anew the next time."""
        self.canceled = True
        if self._process is None:
            self._end(rpt_("Canceled."))
        else:
            self._process.interrupt()

    def abandon(self) -> None:
        """Stop and wait for it, for the add-on goes away."""
        self.cancel()
        if self._process is not None:
            self._process.close()
            self._end(rpt_("Canceled."))


_ANNOUNCED = re.compile(r"^\s*Downloading (\S+) .*?\(([\d.]+)([KMG])iB\)")
_ARRIVED = re.compile(r"^\s*Downloaded (\S+)")


def _largest(folder: Path) -> int:
    sizes = [0]
    with contextlib.suppress(OSError):  # Files come and go.
        sizes.extend(path.stat().st_size for path in folder.rglob("*"))
    return max(sizes)


_REASONS = (
    (r"No space left|os error (?:28|112)\b|not enough space on the disk", n_("the disk is full; free some space and try again")),
    (r"Permission denied|Access is denied|Operation not permitted|Read-only file system", n_("there is no right to write where it has to")),
    (
        r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED",
        n_("the server's certificate is not known here, as behind some proxies; name a file of certificates in the variable SSL_CERT_FILE"),
    ),
    (
        r"dns error|client error \(Connect\)|error sending request|NewConnectionError|urlopen error|Max retries exceeded|[Tt]imed out",
        n_("the server cannot be reached; check the connection to the internet and what stands between, such as a proxy or firewall"),
    ),
    (r"No interpreter found", n_("there is no Python 3.11 to 3.13 on this machine, and none could be fetched; install one")),
    (r"ensurepip", n_("Blender's Python cannot make environments on this system; install the program uv, and start Blender again")),
    (r"THESE PACKAGES DO NOT MATCH|[Hh]ash mismatch", n_("what came is not what was expected, so it is not used")),
)


def _reason(said: list[str]) -> str:
    """Why a command failed, in words where they are known, else in its own."""
    text = "\n".join(said)
    for pattern, reason in _REASONS:
        if re.search(pattern, text):
            return rpt_(reason)
    if match := re.search(r"No module named '(\w+)", text):
        return rpt_("this Python lacks the package {package}; install what {requirements} lists into it").format(
            package=match[1], requirements=REQUIREMENTS
        )
    errors = [line for line in said if re.match(r"\s*error: ", line, re.IGNORECASE)] or [line for line in said if line.strip()]
    return re.sub(r"^\s*error: ", "", errors[-1], flags=re.IGNORECASE).strip().rstrip(".") if errors else ""


# Looking


def check() -> Activity:
    """Ask the engine for its versions, devices and weights; nothing is downloaded."""

    def steps() -> Steps:
        yield from _look(find_python())

    return Activity(steps())


_OLDEST = "import sys; v = sys.version_info; v < (3, 11) and sys.exit(f'this is Python {v[0]}.{v[1]}, and the engine needs 3.11 to 3.13')"


def _look(python: Path) -> Generator[Step, dict[str, Any], dict[str, Any]]:
    label = iface_("Looking at the engine")
    yield Step(label, ([str(python), "-I", "-c", _OLDEST],))
    info = yield Step(label, ([str(python), "-I", "-B", str(CORE), "info", "--json"],))
    if "versions" not in info:
        raise Refused(rpt_("{python} did not answer as Python does; name a Python interpreter.").format(python=python))
    _memory().parent.mkdir(parents=True, exist_ok=True)
    _memory().write_text(json.dumps({"python": str(python), "info": info}), encoding="utf-8")
    return info


def _memory() -> Path:
    return _home() / "looked.json"


def remembered(python: Path) -> dict[str, Any]:
    """What `core info` said when `python` was looked at last; empty where it was not."""
    try:
        looked = json.loads(_memory().read_text("utf-8"))
        return looked["info"] if looked["python"] == str(python) else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def missing_network(info: dict[str, Any]) -> str:
    """The default network, where its weights are not on this machine; empty where they are."""
    network = make_settings().network
    path = info.get("weights", {}).get(network, {}).get("path")
    return "" if path and Path(path).is_file() else network


# Installing


def installation(build: str = "AUTO", *, renew: bool = False) -> Activity:
    """Make what is missing: the engine's environment, and the weights of the default network.

    `build` is a name of BUILDS; `renew` makes the environment again where there is one. The uv on the PATH is used, or one is
    fetched. A Python that the user named is never written to.
    """
    return Activity(_installation(BUILDS[build], renew), _home() / "installation.log")


def _installation(build: Build, renew: bool) -> Steps:
    if reason := offline_reason():
        raise Refused(reason)
    _require_space(_home(), WEIGHTS_SPACE)
    python = named_python()
    if python is None and not renew:
        with contextlib.suppress(Refused):
            python = find_python()
    if python is None:
        yield from _make_environment(build)
        python = _program(environment_folder(), "python")
    info = yield from _look(python)
    is_own = python == _program(environment_folder(), "python")
    if is_own:
        complete_installation()
    if network := missing_network(info):
        # What an interrupted download leaves behind goes with the folder.
        with tempfile.TemporaryDirectory(prefix="weights-", dir=_home(), ignore_cleanup_errors=True) as folder:
            fetch = [str(python), "-I", "-B", str(CORE), "weights", "fetch", network]
            temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)
            yield Step(iface_("Fetching the weights of {network}").format(network=network), (fetch,), temporary, Path(folder))
        yield from _look(python)
    if leftovers := _leftovers():
        remove = "import shutil, sys; [shutil.rmtree(path, ignore_errors=True) for path in sys.argv[1:]]"
        yield Step(iface_("Tidying up"), ([str(python), "-I", "-c", remove, *map(str, leftovers)],))
    if is_own and not any(one["id"].startswith(build.device) for one in info["devices"]):
        raise Refused(
            rpt_(
                "The engine is installed, but PyTorch for {build} finds no graphics card; check the card's driver, "
                "or choose another build and press Reinstall Engine."
            ).format(build=build.name)
        )


def _make_environment(build: Build) -> Steps:
    _require_space(_home(), build.space + WEIGHTS_SPACE)
    folder = environment_folder()
    (folder / _COMPLETE).unlink(missing_ok=True)
    found = shutil.which("uv")
    uv = Path(found) if found else _program(_uv_folder(), "uv")
    if not found and not (_uv_folder() / _COMPLETE).is_file():
        yield from fetch_uv(_uv_folder())
    # Beside the environment links cost no space, an interrupted download is taken up, and all goes away with the extension.
    places = {"UV_CACHE_DIR": str(_home() / "uv-cache"), "UV_PYTHON_INSTALL_DIR": str(_home() / "python")}
    places = {name: place for name, place in places.items() if name not in os.environ}
    venv = [str(uv), "venv", "--clear", "--no-config"]
    yield Step(
        iface_("Making an environment with Python 3.12"),
        ([*venv, "--managed-python", "--python", "3.12", str(folder)], [*venv, "--python", ">=3.11,<3.14", str(folder)]),
        places,
    )
    install = [str(uv), "pip", "install", "--no-config", "--python", str(_program(folder, "python")), "-r", str(REQUIREMENTS)]
    ways = [[*install, f"--torch-backend={backend}"] if backend else install for backend in build.backends]
    yield Step(iface_("Installing the engine's packages"), tuple(ways), places)


def free_space(folder: Path) -> int:
    """Bytes that are free where `folder` is or would be; raises OSError."""
    return shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists())).free


def _require_space(folder: Path, size: float) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = free_space(folder)
    except OSError as error:
        raise Refused(
            rpt_("{folder} cannot be written to ({reason}); change its rights, or name a Python of your own.").format(
                folder=folder, reason=error.strerror
            )
        ) from error
    if free < size:
        raise Refused(
            rpt_("{folder} has {free:.1f} GB free, and up to {size:.0f} GB are needed; free some space, or choose a smaller build.").format(
                folder=folder, free=free / GB, size=size / GB
            )
        )


def _uv_folder() -> Path:
    return _home() / UV.replace("==", "-")


def fetch_uv(folder: Path) -> Steps:
    """The steps that install uv to `folder`, by a pip of its own: Blender's Python is not touched and no address is written down here."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "requirement.txt"
    wanted.write_text(" ".join([UV, *(f"--hash=sha256:{digest}" for digest in UV_HASHES)]) + "\n")
    yield Step(iface_("Preparing to fetch uv"), ([sys.executable, "-I", "-m", "venv", str(folder)],))
    pip = [str(_program(folder, "python")), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]
    yield Step(iface_("Fetching uv"), ([*pip, "--only-binary=:all:", "--require-hashes", "-r", str(wanted)],))
    (folder / _COMPLETE).touch()


def complete_installation() -> None:
    """Mark the environment as usable."""
    (environment_folder() / _COMPLETE).touch()


def _leftovers() -> list[Path]:
    """What earlier installations left behind, and the downloads of this one."""
    kept = (environment_folder(), _uv_folder())
    return [path for pattern in ("engine-*", "uv-*", "weights-*") for path in _home().glob(pattern) if path not in kept]
