# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Blender with its window, the checkout as its extension, and a hand in it that clicks and types (driver.py)."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from scripts.headless import link_extension

__all__ = ["SIZE", "Absent", "Window", "blender", "display", "opened", "screen_picture"]

DRIVER = Path(__file__).with_name("driver.py")
SIZE = 1600, 900
PATIENCE = 900.0
"""Seconds after which there will be no answer, on a machine that is very busy."""


class Absent(Exception):
    """What a window needs and this machine lacks, in a sentence."""


def blender() -> str:
    """The program: BLENDER, else `blender` on the PATH; raises Absent."""
    named = os.environ.get("BLENDER")
    program = shutil.which(named or "blender")
    if program is None:
        raise Absent(f"BLENDER names {named}, which is no program" if named else "no blender on the PATH; set BLENDER to one")
    return program


@contextmanager
def display() -> Iterator[tuple[str, Path | None]]:
    """A display of X: one in memory, with the folder of its pixels, where there is Xvfb; else that of this session. Raises Absent."""
    if shutil.which("Xvfb") is None:
        if not os.environ.get("DISPLAY"):
            raise Absent("no Xvfb to open a window in, and no DISPLAY either")
        yield os.environ["DISPLAY"], None
        return
    with tempfile.TemporaryDirectory(prefix="brushflow-screen-") as folder:
        reading, writing = os.pipe()
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "+extension", "GLX",
             "-nocursor", "-fbdir", folder],
            pass_fds=[writing], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writing)
        try:
            with open(reading) as pipe:  # noqa: PTH123 - a file descriptor
                number = pipe.readline().strip()
            if not number:
                raise Absent("Xvfb does not start")
            yield f":{number}", Path(folder)
        finally:
            server.terminate()
            server.wait()


def screen_picture(pixels: Path) -> NDArray[np.uint8]:
    """What a display of our own shows, (height, width, 3) uint8 RGB, from the file in X's window dump format that it keeps."""
    dump = (pixels / "Xvfb_screen0").read_bytes()
    header = struct.unpack(">25I", dump[:100])
    start, width, height, stride = header[0] + 12 * header[19], header[4], header[5], header[12]
    rows = np.frombuffer(dump, np.uint8, stride * height, start).reshape(height, stride)
    return np.ascontiguousarray(rows[:, : 4 * width].reshape(height, width, 4)[..., 2::-1])


class Window:
    """Blender's window, seen from a test. Every method returns when Blender has drawn what it led to."""

    def __init__(self, process: subprocess.Popen[bytes], stream: IO[bytes]) -> None:
        self.process = process
        self._stream = stream

    def click(self, button: str, area: str = "SEQUENCE_EDITOR", region: str = "UI") -> None:
        """Click the button whose Python command or data path holds `button`."""
        self.do("click", button, area, region)

    def key(self, name: str, **held: bool) -> None:
        """Press a key over the timeline."""
        self.do("key", name, **held)

    def write(self, text: str) -> None:
        self.do("write", text)

    def run(self, code: str) -> None:
        """Run Python statements in Blender, for what is no part of the test."""
        self.do("run", code)

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in Blender; `scene`, `strips` and the add-on's modules are known by name."""
        return self.do("ask", expression)

    def wait_for(self, expression: str, seconds: float = PATIENCE) -> None:
        """Wait until an expression is true; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not self.ask(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {seconds:.0f} s there is still not: {expression}")
            time.sleep(0.1)

    def leave(self) -> None:
        """Close Blender by its shortcut, and by Save where it asks; raises subprocess.TimeoutExpired where it stays."""
        try:
            self.key("Q", ctrl=True)
            self.key("RET")
        except ConnectionError:
            pass
        self.process.wait(60)

    def _send(self, gesture: str, *arguments: object, **options: object) -> None:
        self._stream.write(json.dumps({"gesture": gesture, "arguments": arguments, "options": options}).encode() + b"\n")
        self._stream.flush()

    def do(self, gesture: str, *arguments: object, **options: object) -> Any:
        """Let the driver make a gesture; what it answers."""
        self._send(gesture, *arguments, **options)
        line = self._stream.readline()
        if not line:
            raise ConnectionError(f"Blender is gone; it was asked to {gesture} {arguments}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]


@contextmanager
def opened(
    program: str, screen: str, log: Path, project: Path | None = None, *, python: str = "", resources: Path | None = None
) -> Iterator[Window]:
    """Blender with factory settings and the checkout as its extension, on the display `screen`; `python` runs the engine.

    Its user folder is `resources`, which must be new, or else a temporary one.
    """
    with ExitStack() as stack:
        if resources is None:
            resources = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="brushflow-user-")))
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        link_extension(resources)
        port = server.getsockname()[1]
        command = [
            program, "--factory-startup", "--enable-event-simulate", "--gpu-backend", "opengl", "--window-geometry", "0", "0",
            *map(str, SIZE), *([str(project)] if project else []), "--python", str(DRIVER), "--", str(port),
        ]  # fmt: skip
        with log.open("ab") as words:
            process = subprocess.Popen(
                command, stdout=words, stderr=words, stdin=subprocess.DEVNULL,
                env={**os.environ, "DISPLAY": screen, "BLENDER_USER_RESOURCES": str(resources)},
            )  # fmt: skip
        try:
            connection = _answered(server, process, log)
            connection.settimeout(PATIENCE)
            with connection, connection.makefile("rwb") as stream:
                window = Window(process, stream)
                window.run(f"runtime.preferences().python = {python!r}")
                yield window
        finally:
            process.kill()
            process.wait()


def _answered(server: socket.socket, process: subprocess.Popen[bytes], log: Path) -> socket.socket:
    """The connection to the hand in Blender; raises RuntimeError where none comes."""
    server.settimeout(1)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(TimeoutError):
            return server.accept()[0]
    raise RuntimeError(f"Blender does not open its window; it said: {log.read_text(errors='replace')}")
