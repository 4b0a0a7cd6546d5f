# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that run one after the other while Blender stays usable: installing the engine, and looking at it."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_

from . import Refused
from .process import Process
from .runtime import REQUIREMENTS, clean_environment

__all__ = ["Activity", "Step", "Steps"]

log = logging.getLogger(__name__)


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
