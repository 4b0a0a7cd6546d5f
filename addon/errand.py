# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame's way through the processes: the windowless Blender that renders it where it has to be, then the engine.

A job of the queue paints a shot into a folder of the user's; this is for looking ahead, in a temporary folder that nobody will miss.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused, runtime
from .extraction import Task
from .process import Process
from .source import Source, extraction_command, save_copy

__all__ = ["INTERVAL", "Errand", "picture_of", "wait"]

INTERVAL = 0.1
"""Seconds between two looks at the processes."""


class Errand:
    """Processes one after the other, watched without waiting for them. Holds names, since undo frees strips."""

    not_started = n_("The preview could not be started ({reason}).")
    """What is said of the `reason` why no process could be started."""

    def __init__(self) -> None:
        """Raises Refused where there is no engine, or no folder for its files."""
        runtime.find_python()
        self.state = "waiting"
        """waiting, rendering, starting, painting, canceling; at the end done, failed or cancelled."""
        self.message = ""
        """What went wrong and what helps, in a sentence or two."""
        self._process: Process | None = None
        self._canceled = False
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="brushflow-", dir=bpy.app.tempdir or None))
        except OSError as error:
            raise Refused(
                rpt_("The temporary folder cannot be written to ({reason}); choose another in the preferences.").format(
                    reason=error.strerror
                )
            ) from error

    # What it is about

    def _tasks(self) -> list[Task]:
        """What has to be rendered first."""
        raise NotImplementedError

    def _start_engine(self) -> None:
        """Call `_engine` with what it is to do."""
        raise NotImplementedError

    def _handle(self, message: dict[str, Any]) -> None:
        """Take in what a process says."""
        if message["event"] == "error":
            self.message = f"{message['message']} {message.get('hint') or ''}".strip()

    def _succeeded(self, code: int) -> bool:
        """Whether an engine that ended with `code` has brought what was wanted."""
        raise NotImplementedError

    def _conclude(self) -> None:
        """Show what was brought."""

    # Its way

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @property
    def extracted(self) -> Path:
        """Folder of what is rendered."""
        return self.folder / "source"

    def begin(self) -> None:
        """Start the first process; raises Refused."""
        try:
            if tasks := self._tasks():
                self.state = "rendering"
                save_copy(self._project)
                self._process = Process(extraction_command(tasks, self._project), log_file=self._log_file)
            else:
                self.state = "starting"
                self._start_engine()
        except (OSError, RuntimeError) as error:
            self.discard()
            reason = getattr(error, "strerror", None) or str(error).strip()
            raise Refused(rpt_(self.not_started).format(reason=reason)) from error

    def update(self) -> bool:
        """Read what the processes said and go on; returns at once, and whether there was anything new."""
        if self._process is None or self.ended:
            return False
        heard = False
        for message in self._process.messages():
            heard = True
            self._handle(message)
        if (code := self._process.exit_code) is not None:
            self._process.close()
            try:
                self._process_ended(code)
            except (OSError, RuntimeError, Refused) as error:
                self._end("failed", str(error))
            return True
        return heard

    def cancel(self) -> None:
        """Ask the process to stop, which `update` sees; nothing of it is of use to anyone."""
        if self._process is not None and not self.ended and not self._canceled:
            self._canceled = True
            self.state = "canceling"
            self._process.interrupt()

    def discard(self) -> threading.Thread | None:
        """End the process and delete all files. Returns at once; where a process has to end first, the thread ends with the files."""
        process, running = self._process, not self.ended
        if process is not None and running:
            self.cancel()
            self._end("cancelled")
            return process.dismiss(lambda: shutil.rmtree(self.folder, ignore_errors=True))
        shutil.rmtree(self.folder, ignore_errors=True)
        return None

    def _engine(self, *arguments: str) -> None:
        command = runtime.engine_command(*arguments)
        self._process = Process(command, folder=self.folder, log_file=self._log_file, environment=runtime.clean_environment())

    @property
    def _project(self) -> Path:
        return self.extracted / "project.blend"

    @property
    def _log_file(self) -> Path:
        return self.folder / "run.log"

    def _process_ended(self, code: int) -> None:
        if self._canceled:
            self._end("cancelled")
        elif code == 0 and self.state == "rendering":
            self._project.unlink()
            self.state = "starting"
            self._start_engine()
        elif self.state != "rendering" and self._succeeded(code):
            self._end("done")
            self._conclude()
        else:
            text = (
                rpt_("Blender could not render the frame; the last lines of {file} say more.")
                if self.state == "rendering"
                else rpt_("The engine stopped without a word; the last lines of {file} say more.")
            )
            self._end("failed", self.message or text.format(file=self._log_file))

    def _end(self, state: str, message: str = "") -> None:
        self.state, self.message = state, message


def picture_of(source: Source, folder: Path, name: str) -> Path:
    """The file of the first frame to paint: the strip's own, or what was rendered as `name`_####.exr in `folder`."""
    files = source.files
    if files is None:
        return folder / f"{name}_{source.first:04d}.exr"
    digits = files.pattern.name.count("#")
    return files.pattern.with_name(files.pattern.name.replace("#" * digits, f"{source.first - files.offset:0{digits}d}"))


def wait(errand: Errand) -> None:
    """See an errand to its end, for Blender without a window; Ctrl-C cancels it."""
    while not errand.ended:
        try:
            errand.update()
            time.sleep(0.02)
        except KeyboardInterrupt:
            errand.cancel()
