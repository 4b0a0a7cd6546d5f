# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs on a real cluster of Ray, a machine that lends two cores. It is killed in parts and as a whole; its shared folder goes away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from ray_head import free_port, is_up, start_head

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("BRUSHFLOW_RAY_PATIENCE", "120"))
"""Seconds that anything may take before a test gives up."""
TOKEN = "0123456789abcdef0123456789abcdef"

thorough = pytest.mark.skipif(os.environ.get("BRUSHFLOW_TORTURE") != "full", reason="takes minutes; the session torture runs it")


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter that has Ray beside the engine."""
    found = os.environ.get("BRUSHFLOW_RAY_PYTHON")
    if not found:
        pytest.skip("BRUSHFLOW_RAY_PYTHON names no interpreter with the packages of requirements-engine.txt and requirements-ray.txt")
    return found


def descendants(process: int) -> dict[int, str]:
    """The processes that a process has begun, and those that these have, with their command lines."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [(int(pid), int(parent), words) for pid, parent, words in (line.split(None, 2) for line in listed)]
    found: dict[int, str] = {}
    heads = {process}
    while heads:
        new = {pid: words for pid, parent, words in rows if parent in heads}
        found |= new
        heads = set(new)
    return found


class Head:
    """`ray start --head` of a cluster of its own."""

    def __init__(self, python: str, folder: Path) -> None:
        self._python, self._folder = python, folder
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.variables: dict[str, str] = {"RAY_AUTH_MODE": "disabled"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **variables: str) -> None:
        self.variables |= variables
        self._process = start_head(self._python, self._folder, self._port, 2, self.variables)
        wait_for(lambda: is_up(self._folder), self._process)

    def workers(self) -> list[int]:
        """The processes that do tasks of ours now."""
        assert self._process
        return [pid for pid, words in descendants(self._process.pid).items() if words.startswith("ray::brushflow")]

    def kill(self) -> None:
        """As when the power fails, but for workers, which see it by themselves."""
        assert self._process
        theirs = descendants(self._process.pid)
        for pid in [self._process.pid, *(pid for pid, words in theirs.items() if not words.startswith("ray::"))]:
            end_at_once(pid)
        self._process.wait()
        (self._folder / "head.log").unlink()
        wait_for(lambda: not any(map(is_alive, theirs)))

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            theirs = descendants(self._process.pid)
            self._process.terminate()
            self._process.wait(PATIENCE)
            for pid in theirs:
                end_at_once(pid)


def is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def end_at_once(pid: int) -> None:
    """Kill a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_for(holds: Callable[[], Any], process: subprocess.Popen[Any] | None = None) -> None:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < PATIENCE, "it took too long"
        assert process is None or process.poll() is None, "it has ended"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def head(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    head = Head(python, tmp_path_factory.mktemp("r"))
    try:
        head.start()
        yield head
    finally:
        head.stop()


class Film:
    """Two shots of six frames in a shared folder, one in two passes, and what one machine paints of them."""

    def __init__(self, folder: Path) -> None:
        self.share, random = folder / "share", np.random.default_rng(4)
        self.share.mkdir(parents=True)
        assert cv2.imwrite(str(self.share / "painting.png"), random.integers(0, 256, (20, 24, 3)).astype(np.uint8))
        self.jobs = []
        for name, settings in (("one", {"cuts": [4]}), ("two", {"cuts": "none", "passes": 2})):
            wide = cv2.resize(random.integers(0, 256, (6, 12, 3)).astype(np.uint8), (54, 32))
            place = self.share / name / "shot.json"
            place.parent.mkdir()
            for number in range(1, 7):
                frame = np.ascontiguousarray(wide[:, 6 - number : 54 - number])
                assert cv2.imwrite(str(place.parent / f"in_{number:04d}.png"), frame)
            common = {"device": "cpu", "threads": 1, "precision": "float32", "iterations_first": 9, "iterations": 8, "tolerance": 0}
            job = {
                "schema": 1, "content": {"pattern": "in_####.png"}, "styles": [{"path": "../painting.png"}],
                "output": {"folder": "out", "name": name, "existing": "resume"}, "settings": {**common, **settings},
            }  # fmt: skip
            place.write_text(json.dumps(job), "utf-8")
            self.jobs.append(place)

    def frames(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for job in self.jobs for path in sorted((job.parent / "out").glob("*.exr"))}


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return Film(tmp_path)


@pytest.fixture(scope="module")
def expected(python: str, tmp_path_factory: pytest.TempPathFactory, weights: Path) -> dict[str, bytes]:
    """The frames of one machine."""
    film = Film(tmp_path_factory.mktemp("alone"))
    done = subprocess.run([python, "-I", str(ROOT / "core"), "run", *map(str, film.jobs)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    frames = film.frames()
    assert len(frames) == 12
    return frames


class Driver:
    """`run --on ray` on its way, with what it tells."""

    def __init__(self, python: str, head: Head, jobs: Sequence[Path], options: Sequence[str], log: Path, **variables: str) -> None:
        command = [python, "-I", str(ROOT / "core"), "run", *map(str, jobs), "--on", f"ray:{head.address}", "--json", *options]
        self._told, self._log = log.with_suffix(".out"), log
        with self._told.open("ab") as told, log.open("ab") as errors:
            self.process = subprocess.Popen(command, stdout=told, stderr=errors, env={**os.environ, **head.variables, **variables})

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        lines = self._told.read_text("utf-8").splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if name in (None, event["event"])]

    def wait_for_frames(self, count: int) -> None:
        wait_for(lambda: len(self.events("frame_done")) + len(self.events("pass_frame_done")) >= count, self.process)

    def end(self) -> int:
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"it took too long; {self._log.read_text('utf-8')[-2000:]}")


@pytest.fixture
def drive(python: str, head: Head, film: Film, tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    drivers = []

    def drive(*options: str, **variables: str) -> Driver:
        drivers.append(Driver(python, head, film.jobs, options, tmp_path / f"driver{len(drivers)}.log", **variables))
        return drivers[-1]

    yield drive
    for driver in drivers:
        if driver.process.poll() is None:
            driver.process.kill()


def begun_twice(*drivers: Driver) -> int:
    """How many frames were begun more than once, in whatever pass."""
    count = Counter((event["job"], event["pass"], event["frame"]) for driver in drivers for event in driver.events("frame_started"))
    assert max(count.values()) <= 2
    return sum(number > 1 for number in count.values())


def test_two_workers_paint_the_frames_of_one_machine_and_tell_of_them_as_it_does(film, drive, expected):
    driver = drive()
    assert driver.end() == 0
    assert film.frames() == expected
    assert sorted(event["job"] for event in driver.events("ready")) == ["one", "two"]
    for name in ("one", "two"):
        told = [event for event in driver.events() if event["job"] == name]
        assert (told[0]["event"], told[0]["total"], told[0]["passes"]) == ("ready", 6, 1 if name == "one" else 2)
        assert [event["index"] for event in told if event["event"] == "frame_done"] == list(range(1, 7))
        assert (told[-1]["event"], told[-1]["painted"], told[-1]["kept"]) == ("done", 6, 0)
        assert told[0]["plan"]["threads"] == 1
    assert begun_twice(driver) == 0
    again = drive()
    assert again.end() == 0
    assert [event["kept"] for event in again.events("done")] == [6, 6]


def test_the_parts_of_a_shot_with_a_preroll_are_those_of_one_machine_and_what_it_costs_is_said(python, film, drive, tmp_path):
    alone = Film(tmp_path / "alone")
    for one in (film, alone):
        del one.jobs[1]  # passes have no preroll
        job = json.loads(one.jobs[0].read_text("utf-8"))
        one.jobs[0].write_text(json.dumps({**job, "settings": {**job["settings"], "cuts": "none"}}), "utf-8")
    driver = drive("--chunk", "3", "--preroll", "1")
    assert driver.end() == 0
    (said,) = driver.events("warning")
    assert said["code"] == "preroll"
    assert [event["frame"] for event in driver.events("joint")] == [4]
    for part in ("1-3", "4-6"):
        command = [python, "-I", str(ROOT / "core"), "run", str(alone.jobs[0]), "--only", part, "--preroll", "1"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    frames = film.frames()
    assert len(frames) == 6 and frames == alone.frames()


@thorough
def test_a_worker_that_is_killed_in_the_middle_of_a_shot_costs_its_frame_alone(film, drive, head, expected, record):
    driver = drive()
    driver.wait_for_frames(2)
    os.kill(head.workers()[0], signal.SIGKILL)
    assert driver.end() == 0
    assert film.frames() == expected
    assert begun_twice(driver) <= 1
    assert sum(event["painted"] for event in driver.events("done")) == 12
    record("a worker of Ray killed", "nothing: another goes on")


def test_cancel_reaches_every_worker_and_nothing_that_is_finished_is_lost(film, drive, head, expected):
    driver = drive()
    driver.wait_for_frames(2)
    driver.process.send_signal(signal.SIGINT)
    assert driver.end() == 130
    assert driver.events("cancelled") and not driver.events("error")
    wait_for(lambda: not head.workers())
    assert film.frames().items() <= expected.items()
    again = drive()
    assert again.end() == 0
    assert film.frames() == expected
    # A frame in progress is given up as on one machine; there were two.
    assert begun_twice(driver, again) <= 2


@thorough
def test_the_shared_folder_is_away_for_ten_seconds(film, drive, expected, record):
    driver = drive()
    driver.wait_for_frames(2)
    away = film.share.with_name("away")
    film.share.rename(away)
    time.sleep(10)
    away.rename(film.share)
    assert driver.end() == 0
    assert film.frames() == expected
    warnings = [event["message"] for event in driver.events("warning") if event["code"] == "again"]
    assert warnings
    assert begun_twice(driver) <= 2, "one for each worker"
    record("the shared folder away for ten seconds (Ray)", warnings[0].replace(f"{film.share}/", ""))


@thorough
def test_the_head_is_killed_and_started_again_with_a_token(film, drive, head, expected, record):
    driver = drive()
    driver.wait_for_frames(2)
    head.kill()
    assert driver.end() == 1
    (told,) = driver.events("error")
    lost = f"{told['message']} {told['hint']}"
    assert told["code"] == "ray" and told["message"] == "The connection to Ray was lost, and with it what was in progress."
    assert film.frames().items() <= expected.items()
    head.start(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN)
    stranger = drive(RAY_AUTH_MODE="disabled", RAY_gcs_server_request_timeout_seconds="5")  # of a minute
    assert stranger.end() == 2
    (told,) = stranger.events("error")
    assert "token" in told["message"] + told["hint"]
    again = drive()
    assert again.end() == 0
    assert film.frames() == expected
    assert begun_twice(driver, again) <= 2, "one for each worker"
    record("the head of Ray's cluster killed", lost)


@pytest.mark.parametrize(
    ("address", "sentence"), [(":127.0.0.1:9", "Ray does not answer at 127.0.0.1:9."), (":nowhere.invalid:1", "Ray does not answer")]
)
def test_a_cluster_that_is_not_there_is_one_sentence(python, film, address, sentence):
    command = [python, "-I", str(ROOT / "core"), "run", str(film.jobs[0]), f"--on=ray{address}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1


def test_an_engine_without_ray_says_how_to_install_it(engine_python, film):
    has_ray = subprocess.run([engine_python, "-c", "import ray"], capture_output=True).returncode == 0
    if has_ray:
        pytest.skip("Ray is installed beside the engine")
    done = subprocess.run([engine_python, "-I", str(ROOT / "core"), "run", str(film.jobs[0]), "--on=ray"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Ray is not installed" in done.stderr and len(done.stderr.splitlines()) == 1
