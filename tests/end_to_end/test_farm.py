# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a strip to a farm and back: what is handed over is done by the farm's own tools, on a shared folder that it sees elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from ray_head import free_port, is_up, start_head

from tests.blender import read_image

pytestmark = pytest.mark.usefixtures("weights", "engine")

FRAMES = (1, 2, 3)


@pytest.fixture
def prepared(prepared: Any) -> Any:
    """A strip that every machine paints to the same bits."""
    prepared.brushflow.device, prepared.brushflow.threads, prepared.brushflow.cuts = "cpu", 1, "none"
    return prepared


@pytest.fixture
def workers(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the workers see the project's folder: another path than here."""
    seen = tmp_path.parent / f"{tmp_path.name}-seen-by-workers"
    seen.symlink_to(tmp_path)
    monkeypatch.setenv("BRUSHFLOW_WORKER_PATHS", f"{tmp_path}={seen}")
    return seen


@pytest.fixture
def execute(extension: None) -> Callable[..., int]:
    from bl_ext.user_default.brushflow.addon import cli

    return lambda *arguments: cli.execute(list(arguments))


@pytest.fixture
def openjd() -> Callable[[Path], None]:
    """Runs a job bundle as the tool of Open Job Description does it."""
    python = os.environ.get("BRUSHFLOW_FARM_PYTHON")
    if not python:
        pytest.skip("BRUSHFLOW_FARM_PYTHON names no interpreter with the packages of requirements-farm.txt")

    def run(bundle: Path) -> None:
        template, values = bundle / "template.json", bundle / "parameters.json"
        for arguments in (("check", template), ("run", template, "--job-param", f"file://{values}")):
            done = subprocess.run([python, "-m", "openjd", *map(str, arguments)], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr

    return run


def commands(bundle: Path) -> list[list[str]]:
    """The tasks of a job for Flamenco, in their order, as its job type makes commands of them."""
    told = json.loads((bundle / "submission.json").read_text("utf-8"))["settings"]
    return [
        [told["python"], "-I", "-B", told["engine"], "run", f"{told['folder']}/{task['job']}", *task["options"]]
        for task in json.loads(told["tasks"])
    ]


def work(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def stylized(strip: Any, folder: Path) -> list[bytes]:
    """The pixels of a strip that this machine paints."""
    import bpy

    before, strip.brushflow.output = strip.brushflow.output, str(folder)
    assert bpy.ops.sequencer.brushflow_stylize() == {"FINISHED"}
    strip.brushflow.output, strip.mute = before, False
    return pixels(folder / "shot")


def pixels(folder: Path) -> list[bytes]:
    return [read_image(folder / f"shot_{frame:04d}.exr").tobytes() for frame in FRAMES]


def test_a_bundle_paints_what_stylize_paints_and_the_strip_comes_back(
    execute: Callable[..., int], openjd: Callable[[Path], None], scene: Any, prepared: Any, workers: Path, tmp_path: Path
) -> None:
    expected = stylized(prepared, tmp_path / "here")
    for other in [strip for strip in scene.sequence_editor.strips if strip != prepared]:
        scene.sequence_editor.strips.remove(other)
    bundle, folder = tmp_path / "bundles" / "shot", tmp_path / "brushflow" / "shot"
    assert execute("--submit", "openjd", "--farm-folder", str(bundle.parent)) == 0
    job = json.loads((folder / "farm_job.json").read_text("utf-8"))
    for path in (job["content"]["pattern"], job["styles"][0]["path"], job["output"]["folder"]):
        assert Path(path).is_relative_to(workers), path
    assert execute("--collect") == 3
    assert not scene.sequence_editor.strips.get("shot [stripes]")
    openjd(bundle)
    assert execute("--collect") == 0
    result = scene.sequence_editor.strips["shot [stripes]"]
    assert [element.filename for element in result.elements] == [f"shot_{frame:04d}.exr" for frame in FRAMES]
    assert prepared.mute
    assert pixels(folder) == expected


def test_the_farm_is_as_good_as_this_machine_for_what_comes_after(
    execute: Callable[..., int], prepared: Any, workers: Path, tmp_path: Path
) -> None:
    import bpy

    assert execute("--submit", "flamenco", "--farm-address", "", "--farm-folder", str(tmp_path / "jobs")) == 0
    with pytest.raises(RuntimeError, match="is with the farm"):
        bpy.ops.sequencer.brushflow_stylize()
    for command in commands(tmp_path / "jobs" / "shot"):
        work(command)
    assert execute("--collect") == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "brushflow").rglob("shot_*.exr")}
    prepared.mute = False
    assert bpy.ops.sequencer.brushflow_stylize() == {"FINISHED"}
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "brushflow").rglob("shot_*.exr")} == before, "all frames still fit"


def test_what_was_rendered_stays_until_the_farm_is_done_and_the_strip_fills_meanwhile(
    execute: Callable[..., int], scene: Any, prepared: Any, workers: Path, tmp_path: Path
) -> None:
    prepared.use_flip_x = True
    expected = stylized(prepared, tmp_path / "here")
    assert execute("--submit", "flamenco", "--farm-address", "", "--farm-folder", str(tmp_path / "jobs")) == 0
    folder = tmp_path / "brushflow" / "shot"
    extracted = folder / "cache" / "source"
    assert len(list(extracted.glob("*.exr"))) == 3 and not (extracted / "project.blend").exists()
    bundle = tmp_path / "jobs" / "shot"
    first, *rest = commands(bundle)
    work([*first[:6], "--only=1-2"])
    (folder / "shot_0003.exr").write_bytes((folder / "shot_0002.exr").read_bytes()[:-100])
    assert execute("--collect") == 3
    names = [strip.name for strip in scene.sequence_editor.strips]
    (result,) = [strip for strip in scene.sequence_editor.strips if strip.directory.startswith("//brushflow")]
    assert [element.filename for element in result.elements] == ["shot_0001.exr", "shot_0002.exr"]
    assert not prepared.mute and extracted.is_dir()
    (folder / "shot_0003.exr").unlink()
    for command in [first, *rest]:
        work(command)
    assert execute("--collect") == 0
    assert [strip.name for strip in scene.sequence_editor.strips] == names
    assert len(result.elements) == 3 and prepared.mute
    assert not extracted.exists()
    assert pixels(folder) == expected


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a cluster of Ray, of one machine that lends two cores."""
    python = os.environ.get("BRUSHFLOW_RAY_PYTHON")
    if not python:
        pytest.skip("BRUSHFLOW_RAY_PYTHON names no interpreter with the packages of requirements-engine.txt and requirements-ray.txt")
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", python)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        head = start_head(python, Path(folder), port, cores=2)
        try:
            while not is_up(Path(folder)):
                assert head.poll() is None, Path(folder, "head.log").read_text("utf-8")
                time.sleep(0.2)
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()
            with suppress(subprocess.TimeoutExpired):
                head.wait(60)
            head.kill()
            head.wait()


def test_rays_workers_paint_what_stylize_paints(
    execute: Callable[..., int], cluster: str, scene: Any, prepared: Any, tmp_path: Path
) -> None:
    expected = stylized(prepared, tmp_path / "here")
    for other in [strip for strip in scene.sequence_editor.strips if strip != prepared]:
        scene.sequence_editor.strips.remove(other)
    assert execute("--submit", "ray", "--farm-address", cluster) == 0
    assert len(scene.sequence_editor.strips["shot [stripes]"].elements) == 3 and prepared.mute
    assert pixels(tmp_path / "brushflow" / "shot") == expected


class Manager(BaseHTTPRequestHandler):
    """Flamenco's side of a submission, as its API describes it."""

    received: list[tuple[str, dict[str, Any]]]
    refusal = ""
    busy: ClassVar[list[float]]
    """When it was asked while its database was busy."""
    times_busy = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if len(self.busy) < self.times_busy:
            self.busy.append(time.monotonic())
            self._answer(503, {"code": 503, "message": "too busy, try again later"}, ("Retry-After", "1"))
            return
        self.received.append((self.path, body))
        if self.refusal:
            self._answer(422, {"code": 422, "message": self.refusal})
        else:
            self._answer(200, {"id": "one", "status": "queued"})

    def _answer(self, status: int, said: dict[str, Any], *headers: tuple[str, str]) -> None:
        answer = json.dumps(said).encode()
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(answer)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def manager() -> Iterator[Any]:
    kind = type("Manager", (Manager,), {"received": [], "busy": []})
    with HTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kind.address = f"127.0.0.1:{server.server_address[1]}"
        yield kind
        server.shutdown()


def test_flamencos_manager_is_sent_the_job_where_blender_may_go_online(
    execute: Callable[..., int], prepared: Any, workers: Path, manager: Any, capsys: Any, tmp_path: Path
) -> None:
    import bpy

    given = ["--submit", "flamenco", "--farm-address", manager.address, "--farm-folder", str(tmp_path / "jobs")]
    system = bpy.context.preferences.system
    system.use_online_access = False
    assert execute(*given) == 1
    assert "may not go online" in capsys.readouterr().err and not manager.received and not (tmp_path / "brushflow").exists()
    system.use_online_access = True
    try:
        manager.refusal = "job type brushflow is unknown."
        assert execute(*given) == 1
        assert "did not take the job (job type brushflow is unknown)" in capsys.readouterr().err
        assert execute("--collect") == 1
        manager.refusal, manager.times_busy = "", 2
        assert execute(*given) == 0
    finally:
        system.use_online_access = False
    first, second = manager.busy
    assert second - first >= 1 and len(manager.received) == 2
    place, body = manager.received[-1]
    assert place == "/api/v3/jobs"
    assert {*body} >= {"name", "type", "priority", "submitter_platform", "settings"}
    assert body["settings"]["folder"] == str(workers / "brushflow" / "shot")
    assert execute("--collect") == 3
