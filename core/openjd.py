# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks as a job of Open Job Description, as AWS Deadline Cloud and others run it, and progress in the words that it listens for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from .events import joint
from .files import write_json
from .graph import Task, common_folder, unique
from .limits import brief

__all__ = ["Report", "template", "write_bundle"]

_SCHEMA = "jobtemplate-2023-09"
_LONGEST_NAME = 60
_MOST_TASKS = 1024
"""Of a step; the schema allows no more values of a parameter."""
_NOTICE = 60
"""Seconds from SIGTERM, which cancels, to the end of patience."""


def write_bundle(tasks: Sequence[Task], folder: Path, python: Path, engine: Path) -> list[Path]:
    """Write the job bundle of tasks, and return its files.

    Args:
        python: the interpreter with the engine's packages, as the workers see it.
        engine: the folder core/, likewise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = {"Python": str(python), "Engine": str(engine), "Folder": str(common_folder(tasks))}
    files = {
        "template.json": template(tasks),
        "parameter_values.json": {"parameterValues": [{"name": name, "value": value} for name, value in values.items()]},
        "parameters.json": values,
    }
    for name, value in files.items():
        write_json(folder / name, value)
    return [folder / name for name in files]


def template(tasks: Sequence[Task]) -> dict[str, Any]:
    """The job template. Tasks that wait for the same become tasks of one step."""
    groups: defaultdict[tuple[Any, ...], list[Task]] = defaultdict(list)
    for task in tasks:
        groups[task.job, task.kind, task.pass_number, task.gpu, task.needs].append(task)
    steps = [ours[start : start + _MOST_TASKS] for ours in groups.values() for start in range(0, len(ours), _MOST_TASKS)]
    names = unique(brief(ours[0].id if len(ours) == 1 else ours[0].id.rpartition(":")[0], _LONGEST_NAME) for ours in steps)
    of_task = {task.id: name for name, ours in zip(names, steps, strict=True) for task in ours}
    jobs = list(dict.fromkeys(task.id.partition(":")[0] for task in tasks))
    return {
        "specificationVersion": _SCHEMA,
        "name": brief(f"Brushflow: {', '.join(jobs)}", 120),
        "parameterDefinitions": [
            _path("Python", "FILE", "The interpreter that has the engine's packages."),
            _path("Engine", "DIRECTORY", "The folder core of the extension or the checkout."),
            _path("Folder", "DIRECTORY", "The folder below which the jobs lie, which all workers share."),
        ],
        "steps": [_step(name, ours, of_task, common_folder(tasks)) for name, ours in zip(names, steps, strict=True)],
    }


def _path(name: str, kind: str, description: str) -> dict[str, str]:
    # Nothing is to be copied: the folder is shared.
    return {"name": name, "type": "PATH", "objectType": kind, "dataFlow": "NONE", "description": description}


def _step(name: str, ours: Sequence[Task], of_task: Mapping[str, str], folder: Path) -> dict[str, Any]:
    one, arguments = ours[0], list(ours[0].options)
    step: dict[str, Any] = {"name": name}
    if needs := dict.fromkeys(of_task[other] for other in one.needs):
        step["dependencies"] = [{"dependsOn": other} for other in needs]
    if one.gpu == "needed":
        step["hostRequirements"] = {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}
    if len(ours) > 1:
        frames = [f"{task.first}-{task.last}" for task in ours]
        step["parameterSpace"] = {"taskParameterDefinitions": [{"name": "Frames", "type": "STRING", "range": frames}]}
        arguments = ["--only={{Task.Param.Frames}}" if text.startswith("--only=") else text for text in arguments]
    place = Path(one.job).relative_to(folder).as_posix()
    action = {
        "command": "{{Param.Python}}",
        "args": ["-I", "-B", "{{Param.Engine}}", "run", "{{Param.Folder}}/" + place, *arguments, "--report=openjd"],
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": _NOTICE},
    }
    step["script"] = {"actions": {"onRun": action}}
    return step


class Report:
    """A listener that tells progress, what is being done and what went wrong in lines that sessions of Open Job Description read."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told = -1
        self._before = self._share = 0.0
        """Of the frame in work: percents that were done when it began, and that it brings."""

    def __call__(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "ready":
                self._progress(0.0)
                self._say("status", f"{event['name']}: {event['total']} to do on {event['device']}")
            case "iteration":
                self._progress(self._before + self._share * event["iteration"] / max(event["limit"], 1))
            case "frame_started":
                self._before, self._share = 100 * (event["index"] - 1) / event["total"], 100 / event["total"]
                self._say("status", f"painting frame {event['frame']}, {event['index']} of {event['total']}")
            case "frame_done" | "pass_frame_done" | "pair_done":
                self._progress(100 * event["index"] / event["total"])
            case "joint":
                self._say("status", joint(event))
            case "warning":
                self._say("status", event["message"])
            case "error":
                self._say("fail", f"{event['message']} {event['hint']}".strip())
            case "done":
                self._progress(100.0)
                self._say("status", f"{event['painted']} done, {event['kept']} were there")

    def _progress(self, percent: float) -> None:
        """Never backward, and in whole steps: a frame's end may be told after the next one's beginning."""
        if int(percent) > self._told:
            self._told = int(percent)
            self._say("progress", f"{float(self._told)}")

    def _say(self, what: str, text: str) -> None:
        self._stream.write(f"openjd_{what}: {' '.join(text.split())}\n")
        self._stream.flush()
