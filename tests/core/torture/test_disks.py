# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are full, read-only, slow or gone, and two jobs on one folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.lock import FolderLock, Locked
from tests.core.torture import full_disk
from tests.core.torture.engine import Engine, Fault, leftovers, painted, write_job

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture
def namespace(tmp_path: Path) -> list[str]:
    """The beginning of a command that may mount file systems of its own, where the machine lets it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare, so no file system of its own can be made")
    command = [unshare, "-Urm", "--"]
    (tmp_path / "probe").mkdir()
    tried = subprocess.run(
        [*command, "mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path / "probe")], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"this machine refuses to mount a file system: {tried.stderr.strip()}")
    return command


@pytest.fixture(scope="module")
def whole(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The frames of the job that nothing happens to."""
    job = write_job(tmp_path_factory.mktemp("whole"), frames=4)
    assert Engine(job).wait() == 0
    return dict(painted(job.parent / "out"))


def said(engine: Engine) -> dict[str, Any]:
    """How a job that failed has ended."""
    error = engine.events[-1]
    assert error["event"] == "error" and error["code"] in ("disk", "frame", "flow", "output"), error
    assert error["message"].endswith(".") and "Traceback" not in error["message"]
    return error


def test_a_full_disk_keeps_what_is_whole_and_goes_on_once_there_is_space(
    namespace: list[str], whole: dict[str, bytes], tmp_path: Path, is_full: bool, record: Callable[..., None]
) -> None:
    # Large enough that a disk is full in the middle of a file, too.
    job, disk = write_job(tmp_path / "job", frames=4, size=(64, 48), output="disk/out"), tmp_path / "job" / "disk"
    disk.mkdir()
    rooms = range(0, 240, 8 if is_full else 80)
    report = tmp_path / "report.json"
    command = [*namespace, sys.executable, "-B", full_disk.__file__, str(job), str(disk), str(report), *map(str, rooms)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    trials = json.loads(report.read_text("utf-8"))
    failures = [trial for trial in trials if trial["status"]]
    assert failures and trials[0]["status"]
    for trial in trials:
        assert trial["leftovers"] == 0 and trial["resumed"] == 0
        assert set(trial["frames"]) <= {*trial["final"]}
        assert trial["damaged"] == 0 and trial["equal"]
        if trial["status"]:
            assert trial["error"]["code"] in ("disk", "frame", "flow", "output")
            assert "no space left on its disk" in trial["error"]["message"] or trial["error"]["code"] == "output"
    assert {*trials[-1]["final"]} == {*whole}
    record("disk full (4 MB tmpfs)", failures[-1]["error"]["message"].replace(f"{disk}/", ""), times=len(failures))


def test_a_disk_that_turns_read_only_is_told(namespace: list[str], tmp_path: Path, record: Callable[..., None]) -> None:
    job, disk = write_job(tmp_path / "job", frames=4, output="disk/out"), tmp_path / "job" / "disk"
    disk.mkdir()
    report = tmp_path / "report.json"
    command = [*namespace, sys.executable, "-B", full_disk.__file__, str(job), str(disk), str(report), "read-only"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    (trial,) = json.loads(report.read_text("utf-8"))
    assert trial["status"] == 2 and "read-only" in trial["error"]["message"]
    record("output read-only", trial["error"]["message"].replace(f"{disk}/", ""))


def test_a_folder_that_vanishes_ends_the_job_in_a_sentence_and_the_next_run_makes_it_anew(
    whole: dict[str, bytes], tmp_path: Path, is_full: bool, record: Callable[..., None]
) -> None:
    for frame in (1, 2, 3, 4) if is_full else (2,):
        job = write_job(tmp_path / f"job{frame}", frames=4)
        engine = Engine(job, Fault(slow=0.02, folder=str(job.parent)))
        engine.until("frame_started", frame)
        shutil.rmtree(job.parent / "out", ignore_errors=True)
        code = engine.wait()
        if code != 0 or len(painted(job.parent / "out")) < 4:
            assert code == 1
            saw = said(engine)["message"].replace(f"{job.parent}/", "")
            record("output folder deleted while the job runs", saw)
        again = Engine(job)
        assert again.wait() == 0
        assert painted(job.parent / "out") == whole


def test_a_slow_folder_costs_time_alone(whole: dict[str, bytes], tmp_path: Path, is_full: bool, record: Callable[..., None]) -> None:
    job, seconds = write_job(tmp_path / "job", frames=4), 0.15 if is_full else 0.03
    engine = Engine(job, Fault(slow=seconds, folder=str(tmp_path)))
    assert engine.wait() == 0
    assert painted(job.parent / "out") == whole
    record(f"slow folder ({seconds} s for every opening and renaming)", "nothing: the frames come later")


def test_a_second_job_in_the_folder_is_refused_and_the_lock_goes_with_its_process(
    whole: dict[str, bytes], tmp_path: Path, record: Callable[..., None]
) -> None:
    long = write_job(tmp_path / "job", frames=4, iterations=100_000)
    first = Engine(long)
    first.until("ready")
    write_job(tmp_path / "job" / "other", frames=4, output="../out")
    second = Engine(tmp_path / "job" / "other" / "job.json")
    assert second.wait() == 2
    error = second.events[-1]
    assert error["code"] == "locked" and "Another job is painting into" in error["message"]
    first.process.kill()
    first.wait()
    third = Engine(write_job(tmp_path / "job", frames=4))
    assert third.wait() == 0
    assert painted(tmp_path / "job" / "out") == whole
    assert not leftovers(tmp_path)
    record("two jobs on one folder", error["message"].replace(f"{tmp_path}/job/", "") + " " + error["hint"])


def test_of_many_that_ask_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    held: list[FolderLock] = []
    refused: list[Locked] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        try:
            held.append(FolderLock(tmp_path))
        except Locked as problem:
            refused.append(problem)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 7)
    held[0].close()
    FolderLock(tmp_path).close()
