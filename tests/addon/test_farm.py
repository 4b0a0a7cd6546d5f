# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is handed to a farm, what is refused beforehand, and what of a farm's frames is brought in; whole runs are in tests/end_to_end."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.blender import picture, render, write_image

PLAN = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
for name in ("template.json", "parameters.json", "parameter_values.json"):
    (folder / name).write_text("{}")
(folder / "submission.json").write_text(json.dumps({"settings": {"tasks": "[]"}}))
print(json.dumps({"files": []}))
"""


@pytest.fixture(autouse=True)
def engine(extension: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A program that plans nothing."""
    from bl_ext.user_default.brushflow.addon import collect, queue, runtime

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)
    program = tmp_path / "engine.py"
    program.write_text(PLAN)
    monkeypatch.setattr(runtime, "CORE", program)
    yield
    queue.JOBS.clear()
    collect.WATCHED.clear()


@pytest.fixture
def submit(scene: Any, strip: Any) -> Callable[..., Any]:
    """Hands the strip to a farm, and gives its job."""
    from bl_ext.user_default.brushflow.addon import farm, queue

    def hand(engine: str = "OPENJD", address: str | None = None) -> Any:
        job = farm.new_job(scene, strip, farm.chosen(engine, address))
        queue.run(job)
        return job

    return hand


def paint(folder: Path, *frames: int) -> None:
    """What a farm leaves, as far as the add-on reads it."""
    for frame in frames:
        write_image(folder / f"shot_{frame:04d}.exr", picture(frame))


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("/film/shots/one", "/mnt/film/shots/one"),
        ("/film/../film/plates/./a.png", "P:\\a.png"),
        ("/film", "/mnt/film"),
        ("/films/a", None),
        ("/else/a", "/else/a"),
    ],
)
def test_the_deepest_shared_folder_says_what_the_workers_see(extension: None, here: str, there: str | None) -> None:
    from bl_ext.user_default.brushflow.addon.farm_paths import SharedFolders

    paths = SharedFolders((("/film", "/mnt/film"), ("/film/plates", "P:\\"), ("/else", "/else")))
    assert paths.there(here) == there
    if there:
        assert paths.here(there) == str(Path(here).resolve())


def test_without_shared_folders_all_paths_are_the_same(extension: None) -> None:
    from bl_ext.user_default.brushflow.addon.farm_paths import SharedFolders

    assert (SharedFolders().there("/a/b"), SharedFolders().here("/a/b")) == ("/a/b", "/a/b")


def test_shared_folders_come_from_the_preferences_else_from_the_variable(extension: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import Refused, farm_paths, runtime

    monkeypatch.setenv("BRUSHFLOW_WORKER_PATHS", "/a=/b; /c=C:\\d")
    assert farm_paths.chosen().pairs == (("/a", "/b"), ("/c", "C:\\d"))
    folders = runtime.preferences().farm.folders
    bpy.ops.preferences.brushflow_farm_folder_add()
    try:
        assert farm_paths.chosen().pairs[0] == ("/a", "/b"), "an empty line says nothing"
        folders[0].here = "/film/"
        assert farm_paths.chosen().pairs == (("/film", "/film"),)
        folders[0].there = "/mnt"
        assert farm_paths.chosen().pairs == (("/film", "/mnt"),)
    finally:
        bpy.ops.preferences.brushflow_farm_folder_remove(index=0)
    monkeypatch.setenv("BRUSHFLOW_WORKER_PATHS", "/a:/b")
    with pytest.raises(Refused, match=r"takes HERE=THERE, several with semicolons between them, not '/a:/b'"):
        farm_paths.chosen()


def test_what_the_workers_do_not_see_is_refused_before_anything_is_written(
    submit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from bl_ext.user_default.brushflow.addon import Refused

    for shared, unseen in ((tmp_path / "plates", "stripes.png"), (tmp_path / "stripes.png", "plates")):
        monkeypatch.setenv("BRUSHFLOW_WORKER_PATHS", f"{shared}=/mnt")
        for engine in ("RAY", "OPENJD", "FLAMENCO"):
            with pytest.raises(Refused, match=f"The workers do not see {tmp_path / unseen}"):
                submit(engine, "")
    monkeypatch.setenv("BRUSHFLOW_WORKER_PATHS", f"{tmp_path}=/mnt")
    with pytest.raises(Refused, match="Ray's workers take paths as they are here"):
        submit("RAY")
    assert not (tmp_path / "brushflow").exists() and not (tmp_path / "farm").exists()


def test_ray_runs_the_job_file_on_the_cluster_and_the_rest_is_as_on_one_machine(scene: Any, strip: Any) -> None:
    from bl_ext.user_default.brushflow.addon import farm

    assert farm.new_job(scene, strip, farm.chosen("RAY", "10.0.0.7:6379"))._options() == ["--on", "ray:10.0.0.7:6379"]
    assert farm.new_job(scene, strip, farm.chosen("RAY", ""))._options() == ["--on", "ray"]


def test_the_bundle_names_everything_as_the_workers_see_it(
    submit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BRUSHFLOW_WORKER_PATHS", f"{tmp_path}=/mnt")
    monkeypatch.setenv("BRUSHFLOW_WORKER_PYTHON", "/opt/engine/bin/python")
    job = submit()
    assert (job.state, job.exit_code) == ("done", 0), job.progress.message
    bundle = tmp_path / "farm" / "shot"
    assert job.advice() == f"The job bundle lies in {bundle}. This submits it: deadline bundle submit {bundle}"
    values = {"Python": "/opt/engine/bin/python", "Engine": "/mnt/engine.py", "Folder": "/mnt/brushflow/shot"}
    assert json.loads((bundle / "parameters.json").read_text()) == values
    listed = json.loads((bundle / "parameter_values.json").read_text())["parameterValues"]
    assert {one["name"]: one["value"] for one in listed} == values
    told = json.loads((tmp_path / "brushflow" / "shot" / "farm_job.json").read_text())
    assert told["content"]["pattern"] == "/mnt/plates/shot_####.png"
    assert (told["styles"][0]["path"], told["output"]["folder"]) == ("/mnt/stripes.png", "/mnt/brushflow/shot")


def test_other_settings_make_a_version_with_a_job_of_its_own_even_where_they_would_replace(
    submit: Callable[..., Any], strip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRUSHFLOW_WORKER_PATHS", f"{tmp_path}=/mnt")
    submit()
    assert submit().order.version == 1, "the same may be handed over again"
    strip.brushflow.existing, strip.brushflow_style_weight = "REPLACE", 300
    job = submit()
    assert (job.order.version, job.bundle) == (2, tmp_path / "farm" / "shot_v002")


def test_strips_of_one_name_do_not_write_over_each_others_jobs(submit: Callable[..., Any], strip: Any, tmp_path: Path) -> None:
    bundle = submit().bundle
    before = (bundle / "parameters.json").read_text()
    strip.brushflow.output = str(tmp_path / "elsewhere")
    other = submit()
    assert other.bundle.parent == bundle.parent and other.bundle.name.startswith("shot_")
    assert (bundle / "parameters.json").read_text() == before
    assert submit().bundle == other.bundle, "the same may be written again"


def test_a_planner_that_refuses_is_heard_and_nothing_is_handed_over(submit: Callable[..., Any], tmp_path: Path, strip: Any) -> None:
    from bl_ext.user_default.brushflow.addon import collect

    (tmp_path / "engine.py").write_text('print(\'{"event": "error", "message": "No.", "hint": ""}\')\nraise SystemExit(2)')
    job = submit()
    assert (job.state, job.exit_code, job.progress.message) == ("failed", 2, "No.")
    assert collect.due(strip, strip.brushflow.job_id) == []


def test_whole_frames_are_brought_in_while_others_come_and_damaged_ones_are_not(
    submit: Callable[..., Any], scene: Any, strip: Any, tmp_path: Path
) -> None:
    from bl_ext.user_default.brushflow.addon import collect, compat

    submit()
    folder = tmp_path / "brushflow" / "shot"
    (order,) = collect.due(strip, strip.brushflow.job_id)
    collector = collect.Collector(order)

    def bring() -> list[str]:
        collector.look()
        collector.bring_in()
        found = [one for one in scene.sequence_editor.strips if one != strip]
        return [element.filename for element in found[0].elements] if found else []

    assert bring() == [] and collector.headline() == "0 of 3 frames are there"
    paint(folder, 1, 2)
    whole = (folder / "shot_0002.exr").read_bytes()
    (folder / "shot_0002.exr").write_bytes(whole[:-1])
    assert bring() == ["shot_0001.exr"]
    assert (collector.damaged, collector.headline()) == ({2}, "1 of 3 frames are there")
    (folder / "shot_0002.exr").write_bytes(whole)
    assert bring() == ["shot_0001.exr", "shot_0002.exr"]
    paint(folder, 3)
    assert len(bring()) == 3 and strip.mute and not collector.is_done, "the farm may still read what was rendered for it"
    (folder / "cache").mkdir(exist_ok=True)
    (folder / "cache" / "finished.json").write_text("{}")
    assert len(bring()) == 3 and collector.is_done
    assert collector.headline() == "All 3 frames are in"
    (result,) = [one for one in scene.sequence_editor.strips if one != strip]
    assert (compat.left_handle(result), compat.right_handle(result)) == (10, 13)


@pytest.mark.parametrize("kept", [0, 3, 40, 300, -1])
def test_a_frame_that_is_cut_off_is_not_whole(extension: None, tmp_path: Path, kept: int) -> None:
    from bl_ext.user_default.brushflow.addon.exr import is_whole

    path = write_image(tmp_path / "a.exr", picture(1))
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:kept])
    assert not is_whole(path)


def test_a_frame_with_a_hole_in_it_is_not_whole(scene: Any, strip: Any, tmp_path: Path) -> None:
    from bl_ext.user_default.brushflow.addon.exr import is_whole

    path = tmp_path / "a.exr"
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.exr_codec = "ZIP"  # as painted frames are written
    render(scene, 10, path, linear=True)
    assert is_whole(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)
    path.write_bytes(data)
    assert not is_whole(path)
    assert not is_whole(tmp_path / "gone.exr")


def test_the_button_brings_results_in_until_all_are_there_and_a_new_project_ends_that(
    submit: Callable[..., Any], scene: Any, strip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import collect

    def tick() -> float | None:
        pause = collect._tick()
        while any(one.is_looking for one in collect.WATCHED):
            time.sleep(0.01)
        return pause

    submit()
    (order,) = collect.due(strip, strip.brushflow.job_id)
    collect.watch(order)
    folder = tmp_path / "brushflow" / "shot"
    paint(folder, 1)
    assert tick() == collect._SOON and tick() == collect.INTERVAL
    assert [one.headline() for one in collect.watched(strip)] == ["1 of 3 frames are there"]
    paint(folder, 2, 3)
    (folder / "cache").mkdir(exist_ok=True)
    (folder / "cache" / "finished.json").write_text("{}")
    assert tick() == collect._SOON and tick() is None, "the timer is removed"
    assert [one.headline() for one in collect.watched(strip)] == ["All 3 frames are in"]
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    assert collect.WATCHED == [] and not bpy.app.timers.is_registered(collect._tick)


def test_a_submission_that_is_forgotten_leaves_the_strip_to_this_machine(
    submit: Callable[..., Any], scene: Any, strip: Any, tmp_path: Path
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import Refused, collect, worker
    from bl_ext.user_default.brushflow.addon.order import take

    submit()
    with pytest.raises(Refused, match="is with the farm"):
        worker.Job(take(scene, strip)).prepare()
    assert bpy.ops.sequencer.brushflow_forget() == {"FINISHED"}
    assert collect.due(strip, strip.brushflow.job_id) == []
    order = take(scene, strip)
    assert order.version == 1, "the folder is still the strip's own"
    worker.Job(order).prepare()


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"source": {}}', '{"version": "one"}', "wrong name", "too long"])
def test_a_note_that_makes_no_sense_is_none(submit: Callable[..., Any], strip: Any, tmp_path: Path, note: str) -> None:
    from bl_ext.user_default.brushflow.addon import submission

    folder = submit().order.folder
    sound = json.loads((folder / submission.NOTE).read_text())
    assert submission.read(folder)
    if note == "wrong name":
        note = json.dumps({**sound, "name": "../shot"})
    elif note == "too long":
        note = json.dumps({**sound, "source": {**sound["source"], "last": 1 << 30}})
    (folder / submission.NOTE).write_text(note)
    assert submission.read(folder) is None


def test_another_blender_that_sees_the_folder_elsewhere_brings_the_frames_in(
    submit: Callable[..., Any], scene: Any, strip: Any, tmp_path: Path
) -> None:
    from bl_ext.user_default.brushflow.addon import collect

    submit()
    shutil.move(tmp_path / "brushflow", tmp_path / "moved")
    strip.brushflow.output = str(tmp_path / "moved")
    (order,) = collect.due(strip, strip.brushflow.job_id)
    assert order.frame_file(1) == tmp_path / "moved" / "shot" / "shot_0001.exr"


@pytest.mark.parametrize(
    ("manager", "address"),
    [
        ("flamenco:8080", "http://flamenco:8080/api/v3/jobs"),
        ("https://farm.example.org/", "https://farm.example.org/api/v3/jobs"),
        ("ftp://farm", None),
        ("http://", None),
        ("http://farm:port", None),
    ],
)
def test_a_managers_address_is_one_of_the_web(extension: None, manager: str, address: str | None) -> None:
    from bl_ext.user_default.brushflow.addon.flamenco import jobs_address

    if address is None:
        with pytest.raises(ValueError):
            jobs_address(manager)
    else:
        assert jobs_address(manager) == address


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--submit", "openjd", "--overwrite"], 2, "takes neither --resume nor --overwrite"),
        (["--submit", "condor"], 2, "invalid choice"),
        (["--submit", "ray", "--collect"], 2, "not allowed with"),
        (["--farm-folder", "jobs"], 2, "go with --submit"),
        (["--collect"], 1, "was not handed to a farm"),
        (["--collect", "--all"], 1, "No strip in the scene 'Scene' was handed to a farm"),
    ],
)
def test_the_command_refuses_in_one_sentence(
    strip: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    from bl_ext.user_default.brushflow.addon import cli

    capsys.readouterr()
    assert cli.execute(arguments) == code
    said = capsys.readouterr().err.strip()
    assert sentence in said and len(said.splitlines()) == 1
