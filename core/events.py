# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job tells while it runs: one JSON object a line, or lines and a bar for a person."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

__all__ = ["PROTOCOL", "Bar", "JsonLines", "Listener", "claimed_stdout", "joint"]

PROTOCOL = 1


class Listener(Protocol):
    """Gets every event: a dictionary with `event`, `job` and the event's own keys."""

    def __call__(self, event: dict[str, Any]) -> None: ...


@contextmanager
def claimed_stdout() -> Iterator[TextIO]:
    """File descriptor 1 for events alone: whatever libraries print goes to stderr inside the block."""
    sys.stdout.flush()
    printed, descriptor = sys.stdout, os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    try:
        # Half a character, as a file's name may hold one, is written as JSON escapes it.
        with os.fdopen(os.dup(descriptor), "w", encoding="utf-8", errors="backslashreplace", newline="\n") as events:
            yield events
    finally:
        sys.stdout = printed
        os.dup2(descriptor, 1)
        os.close(descriptor)


class JsonLines:
    """Writes events as JSON lines. A reader that has gone away is no reason to fail."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, event: dict[str, Any]) -> None:
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n"
        with self._lock:
            try:
                self._stream.write(line)
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                pass


class Bar:
    """Shows frames, loss, seconds a frame and time left: a moving bar on a terminal, a line a frame elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._console = Console(stderr=True, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[details]}"))
        self._progress = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._tasks: dict[str, Any] = {}
        """The bars of the jobs that are open; on a farm these are many."""
        self._seconds = ""

    def __call__(self, event: dict[str, Any]) -> None:
        handler = getattr(self, f"_{event['event']}", None)
        if handler is not None:
            handler(event)

    def _ready(self, event: dict[str, Any]) -> None:
        plan = event["plan"]
        self._say(f"{event['name']}: {event['total']} frames on {event['device']} ({plan.get('precision')}), to {event['folder']}")
        self._tasks[event["job"]] = self._progress.add_task(event["job"], total=event["total"], details="")
        self._progress.start()

    def _iteration(self, event: dict[str, Any]) -> None:
        details = (
            f"frame {event['frame']}, iteration {event['iteration']}/{event['limit']}, loss {event['losses']['total']:.4g}{self._seconds}"
        )
        self._progress.update(self._tasks[event["job"]], details=details)

    def _frame_done(self, event: dict[str, Any]) -> None:
        eta = event["eta"]
        left = "" if eta is None else f", {_duration(eta)} left"
        if event["kept"]:
            text = f"frame {event['frame']} ({event['index']}/{event['total']}) kept"
        elif event["between"]:
            text = f"frame {event['frame']} ({event['index']}/{event['total']}) in between: {event['seconds']:.1f} s{left}"
        else:
            self._seconds = f", {event['seconds']:.1f} s a frame{left}"
            text = (
                f"frame {event['frame']} ({event['index']}/{event['total']}) painted: {event['iterations']} iterations, "
                f"loss {event['losses']['total']:.4g}, {event['seconds']:.1f} s{left}"
            )
        self._progress.update(self._tasks[event["job"]], completed=event["index"])
        self._say(f"{event['job']}: {text}" if len(self._tasks) > 1 else text)

    def _joint(self, event: dict[str, Any]) -> None:
        self._say(joint(event))

    def _warning(self, event: dict[str, Any]) -> None:
        self._say(f"Warning: {event['message']}", style="yellow")

    def _error(self, event: dict[str, Any]) -> None:
        self._end(event)
        self._say(f"Error: {' '.join(part for part in (event['message'], event['hint']) if part)}", style="red")

    def _done(self, event: dict[str, Any]) -> None:
        self._end(event)
        self._say(f"Done: {event['painted']} painted, {event['kept']} kept, in {_duration(event['seconds'])}: {event['folder']}")

    def _cancelled(self, event: dict[str, Any]) -> None:
        self._end(event)
        self._say(
            f"Cancelled; {event['painted'] + event['kept']} of {event['total']} frames are done. Run it again with --resume to go on."
        )

    def _end(self, event: dict[str, Any]) -> None:
        """Take the bar of a job away, and with the last one what moves."""
        if (task := self._tasks.pop(event["job"], None)) is not None:
            self._progress.remove_task(task)
        if not self._tasks or not event["job"]:
            self._progress.stop()

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, markup=False, soft_wrap=True)


def joint(event: dict[str, Any]) -> str:
    """What an event `joint` tells, in a sentence."""
    around = "" if event["around"] is None else f", {event['around']:.2g} at the frames around it"
    return f"At the joint before frame {event['frame']} the temporal error is {event['temporal_error']:.2g}{around}."


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
