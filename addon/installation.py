# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the engine's environment, on request: a Python of its own, PyTorch for this machine, and the weights."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, runtime
from .activity import Activity, Step, Steps
from .inspection import look, missing_network

__all__ = ["BUILDS", "GB", "WEIGHTS_SPACE", "Build", "fetch_uv", "free_space", "install"]

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


def install(build: str = "AUTO", *, renew: bool = False) -> Activity:
    """Make what is missing: the engine's environment, and the weights of the default network.

    `build` is a name of BUILDS; `renew` makes the environment again where there is one. The uv on the PATH is used, or one is
    fetched. A Python that the user named is never written to.
    """
    return Activity(_installation(BUILDS[build], renew), runtime.home() / "installation.log")


def _installation(build: Build, renew: bool) -> Steps:
    if reason := runtime.offline_reason():
        raise Refused(reason)
    _require_space(runtime.home(), WEIGHTS_SPACE)
    python = runtime.named_python()
    if python is None and not renew:
        with contextlib.suppress(Refused):
            python = runtime.find_python()
    if python is None:
        yield from _make_environment(build)
        python = runtime.program(runtime.environment_folder(), "python")
    info = yield from look(python)
    is_own = python == runtime.program(runtime.environment_folder(), "python")
    if is_own:
        runtime.complete_installation()
    if network := missing_network(info):
        # What an interrupted download leaves behind goes with the folder.
        with tempfile.TemporaryDirectory(prefix="weights-", dir=runtime.home(), ignore_cleanup_errors=True) as folder:
            fetch = [str(python), "-I", "-B", str(runtime.CORE), "weights", "fetch", network]
            temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)
            yield Step(iface_("Fetching the weights of {network}").format(network=network), (fetch,), temporary, Path(folder))
        yield from look(python)
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
    _require_space(runtime.home(), build.space + WEIGHTS_SPACE)
    folder = runtime.environment_folder()
    (folder / runtime.COMPLETE).unlink(missing_ok=True)
    found = shutil.which("uv")
    uv = Path(found) if found else runtime.program(_uv_folder(), "uv")
    if not found and not (_uv_folder() / runtime.COMPLETE).is_file():
        yield from fetch_uv(_uv_folder())
    # Beside the environment links cost no space, an interrupted download is taken up, and all goes away with the extension.
    places = {"UV_CACHE_DIR": str(runtime.home() / "uv-cache"), "UV_PYTHON_INSTALL_DIR": str(runtime.home() / "python")}
    places = {name: place for name, place in places.items() if name not in os.environ}
    venv = [str(uv), "venv", "--clear", "--no-config"]
    yield Step(
        iface_("Making an environment with Python 3.12"),
        ([*venv, "--managed-python", "--python", "3.12", str(folder)], [*venv, "--python", ">=3.11,<3.14", str(folder)]),
        places,
    )
    python = str(runtime.program(folder, "python"))
    packages = [str(uv), "pip", "install", "--no-config", "--python", python, "-r", str(runtime.REQUIREMENTS)]
    ways = [[*packages, f"--torch-backend={backend}"] if backend else packages for backend in build.backends]
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
    return runtime.home() / UV.replace("==", "-")


def fetch_uv(folder: Path) -> Steps:
    """The steps that install uv to `folder`, by a pip of its own: Blender's Python is not touched and no address is written down here."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "requirement.txt"
    wanted.write_text(" ".join([UV, *(f"--hash=sha256:{digest}" for digest in UV_HASHES)]) + "\n")
    yield Step(iface_("Preparing to fetch uv"), ([sys.executable, "-I", "-m", "venv", str(folder)],))
    pip = [str(runtime.program(folder, "python")), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]
    yield Step(iface_("Fetching uv"), ([*pip, "--only-binary=:all:", "--require-hashes", "-r", str(wanted)],))
    (folder / runtime.COMPLETE).touch()


def _leftovers() -> list[Path]:
    """What earlier installations left behind, and the downloads of this one."""
    kept = (runtime.environment_folder(), _uv_folder())
    return [path for pattern in ("engine-*", "uv-*", "weights-*") for path in runtime.home().glob(pattern) if path not in kept]
