# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine killed at any moment: what is on the disk is whole and right, and the next run goes on from there to the same bits."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.torture.engine import Engine, Fault, leftovers, painted, write_job
from tests.core.torture.trial import ROOT
from tests.faults import running

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture(scope="module")
def warm(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The first run of all takes longer."""
    assert Engine(write_job(tmp_path_factory.mktemp("warm"), frames=1)).wait() == 0


@pytest.fixture(scope="module", params=[1, 3], ids=["single pass", "multi-pass"])
def passes(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


@pytest.fixture(scope="module")
def undisturbed(passes: int, warm: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    """The frames of the job that nothing happens to, and the seconds that it takes."""
    job = write_job(tmp_path_factory.mktemp("whole"), passes=passes)
    begun = time.monotonic()
    assert Engine(job).wait() == 0
    seconds = time.monotonic() - begun
    frames = dict(painted(job.parent / "out"))
    assert len(frames) == 5
    return frames, seconds


def test_killed_at_random_moments_a_job_loses_nothing(
    passes: int, undisturbed: tuple[dict[str, bytes], float], tmp_path: Path, is_full: bool, record: Callable[..., None]
) -> None:
    whole, seconds = undisturbed
    job, out = write_job(tmp_path, passes=passes), tmp_path / "out"
    moments, kills = random.Random(passes), 0
    finished: set[tuple[int, int]] = set()
    lost = 0
    for _ in range(400):
        engine = Engine(job)
        killed = engine.kill_after(moments.uniform(0, seconds))
        started = [(event["pass"], event["frame"]) for event in engine.of("frame_started")]
        assert len(finished & {*started}) <= 1, "more than one finished frame was painted again"
        finished |= {*started[:-1]} if killed else {*started}
        frames = painted(out)
        lost += sum(contents != whole[name] for name, contents in frames.items())
        if not killed:
            assert engine.wait() == 0
            assert frames == whole
            assert not leftovers(tmp_path)
            shutil.rmtree(out)
            finished.clear()
            continue
        kills += 1
        if kills == (25 if is_full else 4):
            break
    assert lost == 0
    final = Engine(job)
    assert final.wait() == 0
    assert painted(out) == whole
    assert not leftovers(tmp_path)
    what = "multi-pass" if passes > 1 else "single pass"
    record(f"engine killed at random moments ({what})", "nothing on the command line; the same command goes on", times=kills)


def test_power_that_goes_between_writing_and_renaming_leaves_old_or_new(
    passes: int, undisturbed: tuple[dict[str, bytes], float], tmp_path: Path, is_full: bool, record: Callable[..., None]
) -> None:
    whole, _ = undisturbed
    job, out = write_job(tmp_path, passes=passes), tmp_path / "out"
    place, cuts = 1, 0
    while True:
        engine = Engine(job, Fault(dies_at_rename=place))
        if engine.wait() == 0:
            break
        assert engine.wait() == -signal.SIGKILL
        cuts += 1
        assert painted(out).items() <= whole.items()
        again = Engine(job)
        assert again.wait() == 0
        assert painted(out) == whole
        assert not leftovers(tmp_path)
        shutil.rmtree(out)
        place += 2 if is_full else 5 * (passes + 1)
    assert cuts > 2
    record("power lost between a file's writing and its naming", "the same", times=cuts)


def test_a_killed_process_leaves_none_behind(tmp_path: Path, record: Callable[..., None]) -> None:
    job = write_job(tmp_path / "job", iterations=100_000)
    command = [sys.executable, "-I", "-B", str(ROOT / "core"), "run", str(job), "--supervised"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    for line in process.stdout:
        if '"frame_done"' in line:
            break
    assert running(str(job)) == [process.pid]
    assert not [one for one in Path(f"/proc/{process.pid}/fd").iterdir() if one.readlink().name.startswith("socket:")], "a port is open"
    process.kill()
    process.communicate()
    assert running(str(job)) == []
    record("engine killed: processes left", "nothing is left running")
