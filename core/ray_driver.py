# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands tasks to a cluster of Ray, which decides where and when. In a process of its own: Ray ends it, with the head of its cluster."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from .graph import Task

__all__ = ["NOT_TAKEN", "Request", "drive"]

_POLL = 0.25
"""Seconds between two looks at what has happened."""
_ANSWER = 5.0
"""Seconds in which a cluster takes a connection."""
_PATIENCE = 20.0
"""Seconds that the head of the cluster may be away."""
_CRASHES = 5
"""How often a task is begun again whose worker has died."""

NOT_TAKEN = (
    "See that its version and Python are those of the engine, and that its token is named as on the head, by RAY_AUTH_MODE=token and "
    "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH."
)
"""What to do where a cluster answers, but no more."""


class _Unheard(Exception):
    """Nobody answers."""


@dataclass(frozen=True)
class Request:
    """What a task asks the cluster for."""

    task: Task
    cores: int
    gpu: Literal["no", "useful", "needed"]
    memory: int
    """Bytes; 0 where nothing is known."""


def _endpoint(address: str) -> tuple[str, int] | None:
    """Host and port of an address; None where it names no port, such as `auto`."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    return (host.strip("[]"), int(port)) if colon and port.isdecimal() else None


def drive(requests: Sequence[Request], address: str, pipe: Connection, log: str | None) -> None:
    """Have the tasks done. What happens is sent into the pipe; whatever comes back, and its end, cancels.

    Sends `("refused", sentence, hint)`, or `("connected",)`, `("told", place of the task, event)`, `("ended", place, exit status)`,
    `("warning", sentence)` and at last `("end",)`.

    Args:
        log: file for what Ray prints; None lets it through.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal it reaches all processes; the parent tells us
    if log is not None:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # A worker's first task decides what OpenMP does for all that follow.
    variables = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
    import ray

    try:
        _call(address)
        ray.init(
            address, log_to_driver=False, logging_level="ERROR",
            runtime_env={"py_modules": [str(Path(__file__).parent)], "env_vars": variables},
        )  # fmt: skip
    except Exception as problem:
        pipe.send(("refused", *_reason(problem, address)))
        return
    pipe.send(("connected",))
    with_client = address.startswith("ray://")
    if not with_client:
        threading.Thread(target=_watch_head, args=(ray.get_runtime_context().gcs_address,), name="head", daemon=True).start()
    _Driver(requests, pipe).work(None if with_client else ray.get_runtime_context().get_node_id())
    pipe.send(("end",))
    ray.shutdown()
    os._exit(0)  # libraries that are loaded here complain at an orderly end


class _Driver:
    def __init__(self, requests: Sequence[Request], pipe: Connection) -> None:
        self._requests, self._pipe = requests, pipe
        self._begun: set[int] = set()

    def work(self, node: str | None) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from .ray_relay import Relay

        near = {} if node is None else {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=True)}
        self._relay = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Relay).options(**near).remote()
        pending = self._submit()
        cancelled = False
        while pending:
            if not cancelled and self._is_cancelled():
                cancelled = True
                ray.get(self._relay.take.remote(cancelled=True))
                for result, number in pending.items():
                    if number not in self._begun:
                        ray.cancel(result)
            ended, _ = ray.wait(list(pending), num_returns=len(pending), timeout=_POLL)
            for number, event in ray.get(self._relay.take.remote(cancelled=cancelled)):
                self._begun.add(number)
                self._pipe.send(("told", number, event))
            for result in ended:
                number = pending.pop(result)
                self._pipe.send(("ended", number, self._status(result, number)))

    def _submit(self) -> dict[Any, int]:
        """Hand in all tasks, each with what it waits for; Ray begins them once that is there."""
        import ray

        from .ray_task import work

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = max((node.get("GPU", 0) for node in nodes), default=0)
        # Torch cannot change its graphics card in a process; where there are several, Ray gives a task any of them.
        remote = ray.remote(max_calls=0 if gpus <= 1 else 1, max_retries=_CRASHES)(work)
        results: dict[str, Any] = {}
        pending = {}
        wanting = set()
        for number, request in enumerate(self._requests):
            task = request.task
            wanted = {"CPU": request.cores, "GPU": int(request.gpu == "needed" or (request.gpu == "useful" and gpus > 0))}
            if not any(all(node.get(name, 0) >= count for name, count in wanted.items()) for node in nodes):
                wanting.add(" and ".join(f"{count} {name}" for name, count in wanted.items() if count))
            asked = remote.options(
                name=f"brushflow {task.id}", num_cpus=wanted["CPU"], num_gpus=wanted["GPU"], memory=request.memory or None
            )
            needs = [results[task.job + need] for need in task.needs]
            results[task.job + task.id] = result = asked.remote(task, number, request.cores, self._relay, *needs)
            pending[result] = number
        for what in sorted(wanting):
            self._pipe.send(("warning", f"No machine of the cluster has {what}; tasks wait until one joins."))
        return pending

    def _status(self, result: Any, number: int) -> int:
        import ray

        from .merged import SKIPPED
        from .ray_task import Unfinished

        try:
            ray.get(result)
        except ray.exceptions.TaskCancelledError:
            return 130
        except Unfinished as problem:
            # Ray hands on what a task has raised to those that wait for it.
            return problem.status if number in self._begun else SKIPPED
        except ray.exceptions.RayError as problem:
            cause = getattr(problem, "cause", None)
            if number not in self._begun and isinstance(cause, ray.exceptions.RayError):
                return SKIPPED
            if isinstance(problem, ray.exceptions.RayTaskError):
                message = f"A worker of Ray cannot do its task: {_first(cause or problem)}."
            else:
                message = f"Ray cannot do a task, and has tried {_CRASHES + 1} times where a worker died: {_first(problem)}."
            hint = "Finished frames are kept; see Ray's logs on that machine, and that it has the engine's packages."
            self._pipe.send(("told", number, {"event": "error", "code": "ray", "message": message, "hint": hint, "log": ""}))
            return 1
        return 0

    def _is_cancelled(self) -> bool:
        try:
            if not self._pipe.poll():
                return False
            self._pipe.recv()
        except (EOFError, OSError):
            pass  # who asked is gone
        return True


def _call(address: str) -> None:
    """See that somebody answers: Ray itself tries for minutes. Raises _Unheard."""
    if where := _endpoint(address):
        try:
            socket.create_connection(where, _ANSWER).close()
        except OSError as problem:
            raise _Unheard from problem


def _watch_head(address: str) -> None:
    """End this process where the head of the cluster takes no connection any more: Ray itself waits a minute, and takes its time to end."""
    seen = time.monotonic()
    while True:
        try:
            _call(address)
            seen = time.monotonic()
        except _Unheard:
            if time.monotonic() - seen > _PATIENCE:
                os._exit(1)
        time.sleep(2)


def _reason(problem: Exception, address: str) -> tuple[str, str]:
    """In a sentence, with what to do."""
    if isinstance(problem, _Unheard):
        return f"Ray does not answer at {address}.", "Start it there with 'ray start --head', and name its address and port."
    if "Could not find any running Ray" in str(problem):
        return "No Ray runs on this machine.", "Start it with 'ray start --head', or name a cluster with --on ray:ADDRESS."
    if isinstance(problem, OSError) or type(problem).__name__ == "AuthenticationError":
        return f"Ray at {address} does not take the connection.", NOT_TAKEN
    return f"Ray at {address} cannot be used: {_first(problem)}.", ""


def _first(problem: BaseException) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(problem).__name__
