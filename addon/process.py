# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A child process that Blender never waits for."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .messages import message_of

__all__ = ["Process", "is_running", "was_killed"]

_LONGEST = 1 << 20
"""Bytes of a line; a longer one comes in parts, of which none is a message."""
GRACE = 20.0
"""Seconds that a canceled process gets to finish its files before it is ended."""


class Process:
    """A child process whose standard output is read, line by line, without waiting."""

    def __init__(
        self, command: list[str], *, folder: Path | None = None, log_file: Path | None = None, environment: Mapping[str, str] | None = None,
        may_outlive: bool = False,
    ) -> None:  # fmt: skip
        """Start `command`; its messages for people are appended to `log_file`. Raises OSError where it cannot be started.

        Args:
            may_outlive: whether it goes on where the terminal that Blender was started from is closed.
        """
        flags = 0
        if os.name == "nt":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW
        with contextlib.ExitStack() as stack:
            errors = stack.enter_context(log_file.open("ab")) if log_file else subprocess.STDOUT
            self._popen = subprocess.Popen(
                command, cwd=folder, env=dict(environment) if environment is not None else None, creationflags=flags,
                start_new_session=may_outlive, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        if os.name == "posix":
            # Blender stays usable; a process that is gone already needs no priority.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._popen.pid, min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19))
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._drained = False
        self._deadline: float | None = None
        threading.Thread(target=self._read, name="brushflow-reader", daemon=True).start()

    def _read(self) -> None:
        # Only bytes move here; this thread must never touch bpy.
        assert self._popen.stdout
        with self._popen.stdout as pipe:
            while line := pipe.readline(_LONGEST):
                self._lines.put(line)
        self._lines.put(None)

    def lines(self) -> Iterator[str]:
        """The lines that came since the last call."""
        while not self._drained:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                return
            if line is None:
                self._drained = True
            else:
                yield line.decode("utf-8", "replace").rstrip("\r\n")

    def messages(self) -> Iterator[dict[str, Any]]:
        """The messages among the lines that came since the last call."""
        yield from filter(None, map(message_of, self.lines()))

    @property
    def exit_code(self) -> int | None:
        """How the process ended, once every line of it has been read; None before."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            self._popen.kill()
        code = self._popen.poll()
        return code if self._drained else None

    def cancel(self) -> None:
        """Ask the engine to stop; it gets GRACE seconds to leave its files in order."""
        self._deadline = time.monotonic() + GRACE
        self._send(b"cancel\n")

    def interrupt(self) -> None:
        """Stop a process that does not listen to its standard input."""
        self._deadline = time.monotonic() + GRACE
        self._popen.send_signal(signal.CTRL_BREAK_EVENT if os.name == "nt" else signal.SIGTERM)

    def dismiss(self, then: Callable[[], None]) -> threading.Thread:
        """Let go of the process without waiting: the thread that is returned does so, ends it if need be, and calls `then`."""

        def wait() -> None:
            self.close()
            then()

        thread = threading.Thread(target=wait, name="brushflow-reaper", daemon=True)
        thread.start()
        return thread

    def release(self) -> None:
        """Let go of the process and let it run; without --supervised the engine does not mind the end of its input."""
        assert self._popen.stdin
        with contextlib.suppress(OSError):
            self._popen.stdin.close()
        # While Blender runs it reaps the process, which would stay in the system's table otherwise.
        threading.Thread(target=self._popen.wait, name="brushflow-reaper", daemon=True).start()

    @property
    def number(self) -> int:
        """By which the system knows the process."""
        return self._popen.pid

    def _send(self, text: bytes) -> None:
        assert self._popen.stdin
        with contextlib.suppress(OSError, ValueError):
            self._popen.stdin.write(text)
            self._popen.stdin.flush()

    def close(self) -> None:
        """Let go of the process: the end of its input tells a supervised engine to cancel."""
        assert self._popen.stdin
        with contextlib.suppress(OSError):
            self._popen.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(GRACE)
            return
        self._popen.kill()
        self._popen.wait()


def was_killed(code: int) -> bool:
    """Whether a process that ended with `code` was ended by force, as a system does that has run out of memory."""
    return os.name == "posix" and code in (-signal.SIGKILL, 128 + signal.SIGKILL)  # the latter from a shell or a container


def is_running(number: int, argument: str) -> bool:
    """Whether the process `number` is one that was started with `argument`; numbers of ended processes are given out again."""
    if Path("/proc/self/cmdline").is_file():
        try:
            return argument in Path(f"/proc/{number}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
        except OSError:
            return False
    if os.name == "nt":
        # Windows does not tell the arguments without a library of its own.
        question, wanted = ["tasklist", "/FI", f"PID eq {number}", "/NH"], "python"
    else:
        question, wanted = ["ps", "-ww", "-p", str(number), "-o", "args="], argument
    try:
        answer = subprocess.run(question, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return False
    return wanted in answer.stdout
