# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def start(extension: None) -> Any:
    """Starts a small Python program as a process; all are closed at the end."""
    from bl_ext.user_default.brushflow.addon.process import Process

    started = []

    def make(program: str, **options: Any) -> Any:
        process = Process([sys.executable, "-c", program], **options)
        started.append(process)
        return process

    yield make
    for process in started:
        process.close()


def finish(process: Any, seconds: float = 30) -> tuple[list[Any], int]:
    """All messages of a process and its exit code."""
    messages, deadline = [], time.monotonic() + seconds
    while process.exit_code is None:
        messages += process.messages()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return messages, process.exit_code


def test_messages_are_read_among_other_output(start: Callable[..., Any]) -> None:
    lines = ["Fra:1 Mem:2M", '{"event": "a"}', '{"no": 1}', "[1]", '{"event": "b", "x": "é"}']
    program = f"for line in {lines}: print(line)\nexit(3)"
    messages, code = finish(start(program, environment={**os.environ, "PYTHONIOENCODING": "utf-8"}))
    assert messages == [{"event": "a"}, {"event": "b", "x": "é"}]
    assert code == 3


def test_reading_never_waits(start: Callable[..., Any]) -> None:
    process = start("import time; time.sleep(5)")
    begun = time.monotonic()
    assert list(process.messages()) == []
    assert process.exit_code is None
    assert time.monotonic() - begun < 1
    process.interrupt()


def test_more_output_than_a_pipe_holds_does_not_block(start: Callable[..., Any]) -> None:
    messages, code = finish(start("""print('{"event": "e"}\\n' * 20000)"""))
    assert (len(messages), code) == (20000, 0)


def test_cancel_reaches_a_process_that_listens(start: Callable[..., Any]) -> None:
    process = start("import sys; exit(130 if sys.stdin.readline() == 'cancel\\n' else 1)")
    process.cancel()
    assert finish(process)[1] == 130


def test_the_end_of_its_input_tells_a_process_that_blender_is_gone(start: Callable[..., Any]) -> None:
    process = start("import sys; sys.stdin.read(); print('{\"event\": \"orphan\"}', flush=True)")
    process.close()
    assert finish(process)[0] == [{"event": "orphan"}]


def test_a_process_that_ignores_cancel_is_ended(start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from bl_ext.user_default.brushflow.addon import process as module

    monkeypatch.setattr(module, "GRACE", 0.2)
    process = start("import time; time.sleep(60)")
    process.cancel()
    assert finish(process)[1] != 0


def test_errors_go_to_the_log_and_the_process_runs_in_its_folder(start: Callable[..., Any], tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("before\n")
    program = "import os, sys; print('oops', os.getcwd(), file=sys.stderr)"
    assert finish(start(program, folder=tmp_path, log_file=log)) == ([], 0)
    assert log.read_text() == f"before\noops {tmp_path}\n"


def test_a_program_that_does_not_exist_is_told(extension: None) -> None:
    from bl_ext.user_default.brushflow.addon.process import Process

    with pytest.raises(OSError):
        Process(["/no/such/program"])


@pytest.mark.skipif(os.name != "posix", reason="priorities are numbers on POSIX only")
def test_a_process_runs_at_lower_priority_than_blender(start: Callable[..., Any]) -> None:
    program = """import os, time; time.sleep(0.5); print('{"event": "e", "nice": %d}' % os.getpriority(os.PRIO_PROCESS, 0))"""
    messages, _ = finish(start(program))
    assert messages[0]["nice"] > os.getpriority(os.PRIO_PROCESS, 0)


def test_a_process_is_known_again_by_its_number_and_an_argument(start: Callable[..., Any]) -> None:
    from bl_ext.user_default.brushflow.addon.process import Process, is_running

    process = Process([sys.executable, "-c", "import sys; sys.stdin.read()", "job.json"], may_outlive=True)
    deadline = time.monotonic() + 30
    try:
        while not is_running(process.number, "job.json"):  # at first it is still a copy of this one
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if os.name == "posix":
            assert not is_running(process.number, "other.json")
    finally:
        process.close()
    assert not is_running(process.number, "job.json")
