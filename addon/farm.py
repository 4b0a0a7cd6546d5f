# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From strips to jobs of a farm: Ray paints while Blender watches; OpenJD and Flamenco are handed the tasks and paint on their own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, collect, farm_paths, flamenco, runtime, submission
from .farm_paths import SharedFolders
from .order import FARM_JOB, Existing, Order, take
from .process import Process
from .properties import absolute
from .worker import FAILED, Job

__all__ = ["ENGINES", "BundleJob", "Farm", "RayJob", "chosen", "new_job"]

Engine = Literal["RAY", "OPENJD", "FLAMENCO"]
ENGINES = get_args(Engine)
PYTHON_VARIABLE, CORE_VARIABLE = "BRUSHFLOW_WORKER_PYTHON", "BRUSHFLOW_WORKER_CORE"
"""What the preferences say of the workers, for scripts."""
_VERSIONS: Existing = "VERSION"
"""Nothing is painted over by machines that nobody watches: other settings always make a new version."""


@dataclass(frozen=True)
class Farm:
    """How strips get to a farm, and what its workers see."""

    engine: Engine
    address: str
    """Of the Ray cluster, or of Flamenco's Manager; empty for none."""
    folder: str
    """Folder of the jobs' folders, as a project holds it."""
    paths: SharedFolders
    python: str
    """The interpreter on the workers; empty where it is that of this machine."""
    core: str
    """The folder core/ on the workers; likewise."""

    def worker_path(self, path: str | Path) -> str:
        """A path as the workers see it; raises Refused."""
        there = self.paths.there(path)
        if there is None:
            raise Refused(
                rpt_(
                    "The workers do not see {path}; move it into a shared folder, or add its folder to the shared ones in the preferences."
                ).format(path=path)
            )
        return there

    def workers_job(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """A job file's contents as the workers read them; raises Refused."""
        return farm_paths.with_paths(dict(job), self.worker_path)

    def program(self, path: Path, chosen: str) -> str:
        """A part of the engine as the workers see it: as chosen, else the same as here."""
        return chosen or self.paths.there(path) or str(path)


def chosen(engine: Engine | None = None, address: str | None = None, folder: str | None = None) -> Farm:
    """The farm of the preferences, but for what is given; raises Refused."""
    preferences: Any = runtime.preferences()
    farm = preferences.farm if preferences is not None else None
    engine = engine or (farm.engine if farm else "OPENJD")
    if address is None:
        address = "" if farm is None else farm.manager if engine == "FLAMENCO" else farm.address if engine == "RAY" else ""
    return Farm(
        engine,
        address.strip(),
        folder if folder is not None else farm.folder if farm else "//farm/",
        farm_paths.chosen(),
        (farm.python if farm else "") or os.environ.get(PYTHON_VARIABLE, ""),
        (farm.core if farm else "") or os.environ.get(CORE_VARIABLE, ""),
    )


def new_job(
    scene: bpy.types.Scene,
    strip: bpy.types.Strip,
    farm: Farm,
    take_order: Callable[..., Order] = take,
    **given: Any,
) -> RayJob | BundleJob:
    """A strip's way to the farm; raises Refused where the farm could not paint it.

    Args:
        take_order: takes the order, with what is `given`.
    """
    order = take_order(scene, strip, **given, existing=_VERSIONS)
    return (RayJob if farm.engine == "RAY" else BundleJob)(order, farm, keep_running=strip.brushflow.keep_running)


class RayJob(Job):
    """A strip that Ray's workers paint. The engine runs here as for a local job, and sees to all of them."""

    def __init__(self, order: Order, farm: Farm, *, keep_running: bool = False) -> None:
        super().__init__(order, keep_running=keep_running)
        self.farm = farm
        if farm.workers_job(order.description()) != farm_paths.with_paths(order.description(), os.path.normpath):
            raise Refused(rpt_("Ray's workers take paths as they are here; let them see the same ones, or choose another farm."))

    def anew(self, scene: bpy.types.Scene, strip: bpy.types.Strip) -> Job:
        return new_job(scene, strip, self.farm)

    def _options(self) -> list[str]:
        return ["--on", f"ray:{self.farm.address}" if self.farm.address else "ray"]


class BundleJob(Job):
    """A strip whose tasks are written for a farm that paints them on its own. What was rendered for the engine stays for that."""

    def __init__(self, order: Order, farm: Farm, **_: Any) -> None:
        super().__init__(order)
        self.farm = farm
        self._sending: flamenco.Sending | None = None
        self._is_handed_over = False
        if farm.folder.startswith("//") and not bpy.data.filepath:
            raise Refused(rpt_("Save the project first, since the folder {folder} for the farm lies beside it.").format(folder=farm.folder))
        self._job = farm.workers_job(order.description())
        self.bundle = self._bundle_folder()
        """Folder of what the farm takes."""
        self._manager = self._checked_manager()

    def _bundle_folder(self) -> Path:
        """The folder of the strip's name; where another strip's job lies in that, one of a name that no other has."""
        folder = self.order.folder
        plain = absolute(self.farm.folder) / (folder.name if self.order.version == 1 else f"{folder.parent.name}_{folder.name}")
        if _folder_in(plain) in (None, self.farm.worker_path(folder)):
            return plain
        return plain.with_name(f"{plain.name}_{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}")

    def _checked_manager(self) -> str:
        if self.farm.engine != "FLAMENCO" or not self.farm.address:
            return ""
        if not bpy.app.online_access:
            raise Refused(
                rpt_("Blender may not go online; allow it in Preferences > System > Network, or name no Manager and send the job yourself.")
            )
        try:
            return flamenco.jobs_address(self.farm.address)
        except ValueError:
            raise Refused(
                rpt_("The Manager's address is something like http://10.0.0.7:8080, not '{address}'.").format(address=self.farm.address)
            ) from None

    def anew(self, scene: bpy.types.Scene, strip: bpy.types.Strip) -> Job:
        return new_job(scene, strip, self.farm)

    @property
    def command(self) -> str:
        """What submits the job, to be typed; empty where that is done."""
        if self.farm.engine == "OPENJD":
            return _typed("deadline", "bundle", "submit", str(self.bundle))
        if self._manager:
            return ""
        file = f"@{self.bundle / 'submission.json'}"
        return _typed("curl", "--header", "Content-Type: application/json", "--data", file, "http://MANAGER:8080/api/v3/jobs")

    def achievement(self) -> str:
        if self.farm.engine == "OPENJD":
            return iface_("The job bundle is written")
        return iface_("Handed over to Flamenco") if self._manager else iface_("The job for Flamenco is written")

    def advice(self) -> str:
        """What is left to do, in a sentence or two."""
        if self.farm.engine == "OPENJD":
            return rpt_("The job bundle lies in {folder}. This submits it: {command}").format(folder=self.bundle, command=self.command)
        if self._manager:
            return rpt_("Flamenco has taken the job.")
        text = rpt_(
            "The job lies in {folder}. Lay its brushflow.js into the Manager's folder scripts once. This submits the job: {command}"
        )
        return text.format(folder=self.bundle, command=self.command)

    def update(self) -> bool:
        if self._sending is None or self.ended:
            return super().update()
        if not self._sending.ended:
            return False
        if problem := self._sending.problem:
            self._is_handed_over = False
            submission.forget(self.order)
            text = rpt_("Flamenco's Manager at {address} did not take the job ({reason}).").format(
                address=self.farm.address, reason=problem
            )
            self._end("failed", FAILED, text)
        else:
            self._hand_over()
        return True

    def _check(self) -> None:
        """A job may be handed over again, for the farm may have lost it."""

    def _start_engine(self) -> None:
        self.state = "planning"
        self.progress = type(self.progress)(warnings=self.progress.warnings)
        # Another order may have come of it, where motion could not be rendered.
        self._job = self.farm.workers_job(self.order.description())
        place = self.order.folder / FARM_JOB
        place.write_text(json.dumps(self.order.description(), indent=2), encoding="utf-8")
        self.bundle.mkdir(parents=True, exist_ok=True)
        command = runtime.engine_command(
            "plan", str(place), "--as", self.farm.engine.lower(), "--output", str(self.bundle), "--json",
        )  # fmt: skip
        self._process = Process(command, folder=self.order.folder, log_file=self.order.log_file, environment=runtime.clean_environment())

    def _succeeded(self) -> None:
        self._name_for_workers()
        self._is_handed_over = True
        submission.hand_over(self.order, self._job)
        if self._manager:
            self.state = "sending"
            self._sending = flamenco.Sending(self._manager, self.bundle / "submission.json")
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        self._end("done", 0)
        if not bpy.app.background:
            collect.watch(self.order)

    def _name_for_workers(self) -> None:
        """Write the paths of the engine and of the job as the workers see them."""
        names = ("Python", "Engine", "Folder")
        python, core = self.farm.program(runtime.find_python(), self.farm.python), self.farm.program(runtime.CORE, self.farm.core)
        values = dict(zip(names, (python, core, self.farm.worker_path(self.order.folder)), strict=True))
        if self.farm.engine == "FLAMENCO":
            sent = self.bundle / "submission.json"
            written = json.loads(sent.read_text(encoding="utf-8"))
            written["settings"] |= {name.lower(): value for name, value in values.items()}
            sent.write_text(json.dumps(written, indent=2), encoding="utf-8")
            return
        listed = {"parameterValues": [{"name": name, "value": value} for name, value in values.items()]}
        for name, written in (("parameters.json", values), ("parameter_values.json", listed)):
            (self.bundle / name).write_text(json.dumps(written, indent=2), encoding="utf-8")

    def _clean(self) -> None:
        if not self._is_handed_over:
            super()._clean()


def _folder_in(bundle: Path) -> str | None:
    """The folder that the job in a bundle paints into; None where there is none."""
    for name, read in (("parameters.json", lambda told: told["Folder"]), ("submission.json", lambda told: told["settings"]["folder"])):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return str(read(json.loads((bundle / name).read_text(encoding="utf-8"))))
    return None


def _typed(*words: str) -> str:
    """A command as it is typed."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
