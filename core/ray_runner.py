# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs jobs on Ray, on a laptop as on a cluster, and tells of them as `run` does on one machine."""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .events import Listener
from .graph import Task
from .job import JobError, load_job
from .merged import Merged
from .plan import cost
from .ray_driver import NOT_TAKEN, Request, drive

__all__ = ["run_on_ray"]

logger = logging.getLogger(__name__)

_PATIENCE = 20.0
"""Seconds for Ray to end in order."""


def run_on_ray(
    places: Sequence[Path], tasks: Sequence[Task], address: str, listener: Listener, cancel: threading.Event, *, lets_through: bool = False
) -> int:
    """Have tasks done, and give the exit status: 0 done, 1 failed, 2 refused, 130 cancelled. Raises JobError where Ray cannot be reached.

    Args:
        places: of the job files.
        tasks: of these jobs, each after those that it waits for.
        address: of the cluster, such as `10.0.0.5:6379` or `ray://10.0.0.5:10001`; `auto` is that of this machine.
        cancel: set it to end all tasks; nothing that is finished is lost.
        lets_through: whether what Ray prints goes to stderr.
    """
    if importlib.util.find_spec("ray") is None:
        raise JobError("Ray is not installed beside the engine.", "Install it with pip install 'ray>=2.52,<3'.", "ray")
    merged = Merged(places, tasks, listener)
    if said := cost(tasks):
        merged.warn("preroll", said)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory(prefix="brushflow-ray-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "ray.log"
        arguments = ([_request(task) for task in tasks], address, theirs, None if lets_through else str(log))
        driver = context.Process(target=drive, args=arguments, name="ray", daemon=False)
        driver.start()
        theirs.close()
        try:
            is_asked = has_ended = is_connected = False
            with suppress(EOFError, OSError):
                while not has_ended:
                    if cancel.is_set() and not is_asked:
                        ours.send("cancel")
                        is_asked = True
                    if not ours.poll(0.2):
                        continue
                    match ours.recv():
                        case ("connected",):
                            is_connected = True
                        case ("told", number, event):
                            merged.told(number, event)
                        case ("ended", number, status):
                            merged.ended(number, status)
                        case ("warning", message):
                            merged.warn("ray", message)
                        case ("refused", message, hint):
                            raise JobError(message, hint, "ray")
                        case ("end",):
                            has_ended = True
        finally:
            ours.close()
            driver.join(_PATIENCE)
            driver.kill()
        if has_ended:
            return merged.end()
        if not is_connected and not is_asked:
            raise JobError(f"Ray at {address} does not take the connection.", NOT_TAKEN, "ray")
        if log.exists():
            logger.debug("%s", log.read_text("utf-8", "replace"))
    message = "The connection to Ray was lost, and with it what was in progress."
    hint = "Finished frames are kept; once Ray runs again, run the job.json in the output folder with the same options to go on."
    return merged.end(lost={"code": "ray", "message": message, "hint": hint})


def _request(task: Task) -> Request:
    job = load_job(Path(task.job))
    settings = job.resolved_settings()
    cores = settings.threads or job.plan.get("threads") or 1
    memory = int(settings.memory_limit * 1e9) if task.gpu == "no" or settings.device == "cpu" else 0
    return Request(task, cores, task.gpu, memory)
