# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in processes that can be killed at any moment: forked from one that has loaded torch, so that starting costs nothing."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.core.torture.corpus import picture

_CONTEXT = multiprocessing.get_context("forkserver") if sys.platform != "win32" else None
if _CONTEXT is not None:
    _CONTEXT.set_forkserver_preload(["core.worker", "core.command_line", __name__])


@dataclass(frozen=True)
class Fault:
    """What happens to a run while it writes, by the system's calls: none of it is the program's doing."""

    dies_at_rename: int = 0
    """It is killed when it is about to give its n-th file its name, as when the power goes."""
    slow: float = 0.0
    """Seconds that every opening and renaming below `folder` takes."""
    folder: str = ""
    memory: int = 0
    """Bytes of addresses that it gets beyond those that it begins with; 0 leaves them without a limit."""


def _run(arguments: list[str], events: str, fault: Fault) -> None:
    from core.command_line import main

    renamed = 0

    def happens(event: str, facts: tuple[Any, ...]) -> None:
        nonlocal renamed
        if event == "os.rename":
            renamed += 1
            if renamed == fault.dies_at_rename:
                os.kill(os.getpid(), signal.SIGKILL)
        if fault.slow and event in ("open", "os.rename") and str(facts[0]).startswith(fault.folder):
            time.sleep(fault.slow)

    if fault != Fault():
        sys.addaudithook(happens)
    if fault.memory:
        _limit(fault.memory)
    descriptor = os.open(events, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(os.open(f"{events}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    sys.exit(main(arguments))


def _limit(more: int) -> None:
    """Let this process have `more` bytes of addresses, and give those back that it does not use any more."""
    import resource

    from core import heap

    # As a limit of addresses is all that can be set, what the C library would keep of them for later must not count.
    library = ctypes.CDLL(None)
    library.mallopt(-3, 1 << 18)  # M_MMAP_THRESHOLD
    library.mallopt(-8, 1)  # M_ARENA_MAX
    heap.keep = lambda: None
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))


class Engine:
    """One run of a job file, in a process of its own, with the events that it tells."""

    def __init__(self, job: Path, fault: Fault = Fault(), *options: str) -> None:
        assert _CONTEXT is not None
        self._events = job.with_name("events.jsonl")
        self._events.unlink(missing_ok=True)
        self.process: BaseProcess = _CONTEXT.Process(target=_run, args=(["run", str(job), "--json", *options], str(self._events), fault))
        self.process.start()

    def wait(self, seconds: float = 300) -> int:
        """The exit code, negative for a signal."""
        self.process.join(seconds)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            raise TimeoutError(f"the engine did not end within {seconds} seconds")
        return code

    def kill_after(self, seconds: float) -> bool:
        """Kill it then; whether it was still running."""
        self.process.join(seconds)
        self.process.kill()
        return self.wait() == -signal.SIGKILL

    def until(self, name: str, count: int = 1, seconds: float = 120) -> None:
        """Wait for the n-th event of this name."""
        deadline = time.monotonic() + seconds
        while len(self.of(name)) < count:
            if time.monotonic() > deadline or self.process.exitcode is not None:
                raise TimeoutError(f"{name} did not come; the engine said {self.events[-1:]}")
            time.sleep(0.005)

    @property
    def events(self) -> list[dict[str, Any]]:
        if not self._events.is_file():
            return []
        whole = self._events.read_text("utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def of(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]


def write_job(folder: Path, *, frames: int = 5, size: tuple[int, int] = (24, 16), output: str = "out", **changes: Any) -> Path:
    """A tiny shot, a painting and the job file that paints it; `changes` are laid over the job's settings."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, frames + 1):
        picture(folder / f"shot_{number:04d}.png", number // 3, size)
    picture(folder / "painting.png", 9, (32, 32))
    settings = {"iterations_first": 3, "iterations": 3, "tolerance": 0, "device": "cpu", "cuts": "none", "threads": 1}
    job = {
        "schema": 1,
        "content": {"pattern": "shot_####.png"},
        "styles": [{"path": "painting.png"}],
        "output": {"folder": output, "name": "shot", "existing": "resume"},
        "settings": settings | changes,
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    return folder / "job.json"


def painted(folder: Path) -> Mapping[str, bytes]:
    """The frames in a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("[!.]*.exr"))}


def leftovers(folder: Path) -> list[Path]:
    """Temporary files below a folder."""
    return [path for path in folder.rglob("*") if path.name.startswith(".")]
