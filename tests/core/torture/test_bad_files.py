# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every broken input ends in one sentence, soon and in little memory; odd names are taken as they are."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core.torture import trial
from tests.core.torture.corpus import CASES, Case, Ground

GIB = 2**30
CHECKING, PAINTING = 3 * GIB, 16 * GIB
"""Address space: torch alone maps more than a check may take."""
HANGS = 120.0
"""Seconds, on a machine that is busy with other things."""
PAINTED_PEAK = 2.5 * GIB


class Trials:
    """Commands in one process after the other, started again where one brings it down."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, arguments: list[str], seconds: float = HANGS) -> dict[str, Any]:
        if self._process is None:
            command = [sys.executable, "-B", trial.__file__, str(self._limit)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            self.close()
            pytest.fail(f"no answer within {seconds} seconds")
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self.close()
            pytest.fail(f"the process ended with {code}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def checking() -> Iterator[Trials]:
    trials = Trials(CHECKING)
    yield trials
    trials.close()


@pytest.fixture(scope="module")
def painting_trials(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    trials = Trials(PAINTING)
    # What torch does once is not the input's fault.
    assert trials(Ground(tmp_path_factory.mktemp("first") / "ground").job(), 600)["status"] == 0
    yield trials
    trials.close()


def of_stage(stage: str) -> Any:
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES if case.stage == stage])


def sentence_of(answer: dict[str, Any]) -> str:
    """What the user is told; asserts that it is one sentence, and nothing else but lines of libraries."""
    assert "Traceback" not in answer["err"]
    assert answer["status"] in (1, 2)
    events = [json.loads(line) for line in answer["out"].splitlines()]
    assert Counter(event["event"] for event in events)["error"] == 1
    error = events[-1]
    assert error["event"] == "error" and error["code"] != "internal"
    message: str = error["message"]
    assert message.endswith(".") and len(message) <= 502 and message[0] not in "'\" "
    assert answer["cpu"] < 1.0
    return message


@of_stage("check")
def test_what_needs_no_pixels_is_refused_before_torch_is_loaded(
    case: Case, checking: Trials, tmp_path: Path, record: Callable[..., None]
) -> None:
    answer = checking(case.make(Ground(tmp_path / "ground")))
    sentence = sentence_of(answer)
    assert not answer["torch"]
    record("broken input: names, headers, settings", sentence.replace(f"{tmp_path}/ground/", ""))


@of_stage("pixels")
def test_broken_contents_end_in_a_sentence(case: Case, painting_trials: Trials, tmp_path: Path, record: Callable[..., None]) -> None:
    answer = painting_trials(case.make(Ground(tmp_path / "ground")))
    sentence = sentence_of(answer)
    assert answer["peak"] < PAINTED_PEAK
    record("broken input: contents of frames, mattes, flow, weights", sentence.replace(f"{tmp_path}/ground/", ""))


@of_stage("works")
def test_odd_names_are_taken_as_they_are(case: Case, painting_trials: Trials, tmp_path: Path, record: Callable[..., None]) -> None:
    answer = painting_trials(case.make(Ground(tmp_path / "ground")))
    assert answer["status"] == 0, answer["err"]
    assert json.loads(answer["out"].splitlines()[-1])["event"] == "done"
    record("odd names: spaces, quotes, newlines, Unicode, %, #, \\", "nothing: they are painted")


@pytest.mark.parametrize(
    "name", ["style png: garbled", "style: PNG bomb of 1.6 billion pixels", "job file: 100000 nested lists", "movie: cut at 30%"]
)
def test_a_process_of_its_own_refuses_alike(name: str, tmp_path: Path) -> None:
    (case,) = (case for case in CASES if case.name == name)
    arguments = case.make(Ground(tmp_path / "ground"))
    done = subprocess.run(
        [sys.executable, "-I", "-B", str(trial.ROOT / "core"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["error"]
    assert "Traceback" not in done.stderr


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len([case for case in CASES if case.stage != "works"]) >= 200
    assert len({case.name for case in CASES}) == len(CASES)
