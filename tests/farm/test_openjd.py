# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import io
import json
from pathlib import Path

from core.command_line import main
from core.openjd import Report, template
from tests.farm.conftest import painted


def test_a_bundle_passes_the_check_and_its_tasks_paint_the_frames_of_one_machine(jobs, undisturbed, farm_tool, tmp_path):
    bundle = tmp_path / "bundle"
    assert main(["plan", *map(str, jobs), "--chunk", "2", "--as", "openjd", "--output", str(bundle)]) == 0
    checked = farm_tool("-m", "openjd", "check", bundle / "template.json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = farm_tool("-m", "openjd", "run", bundle / "template.json", "--job-param", f"file://{bundle / 'parameters.json'}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "openjd_progress: 100.0" in done.stdout
    assert painted(jobs) == undisturbed
    assert not any(path.suffix == ".npy" for place in jobs for path in (place.parent / "out" / "cache" / "state").iterdir())


def test_a_task_that_fails_says_why_in_the_words_of_the_farm(jobs, farm_tool, tmp_path):
    bundle = tmp_path / "bundle"
    assert main(["plan", *map(str, jobs), "--chunk", "2", "--as", "openjd", "--output", str(bundle)]) == 0
    (tmp_path / "painting.png").unlink()
    run = ("-m", "openjd", "run", bundle / "template.json", "--job-param", f"file://{bundle / 'parameters.json'}")
    done = farm_tool(*run, "--step", "one:paint")
    assert done.returncode != 0
    assert "openjd_fail: There is no style image" in done.stdout


def test_tasks_that_wait_for_the_same_are_one_step(graph):
    steps = {step["name"]: step for step in template(graph)["steps"]}
    assert list(steps) == ["two:pass1", "two:pass2:3-4", "two:pass2:1-2", "two:finish", "one:paint", "one:finish"]
    (frames,) = steps["two:pass1"]["parameterSpace"]["taskParameterDefinitions"]
    assert frames["range"] == ["3-4", "1-2"], "pass 2 begins at the end"
    assert steps["two:pass1"]["script"]["actions"]["onRun"]["args"][-3:] == ["--only={{Task.Param.Frames}}", "--pass=1", "--report=openjd"]
    assert steps["two:pass2:1-2"]["dependencies"] == [{"dependsOn": "two:pass1"}, {"dependsOn": "two:pass2:3-4"}]
    assert steps["two:pass2:3-4"]["script"]["actions"]["onRun"]["args"][4] == "{{Param.Folder}}/two/shot.json"


def test_the_chunks_of_a_shot_with_a_preroll_are_one_step_and_its_end_tells_of_the_joint(jobs, farm_tool, tmp_path):
    job = json.loads(jobs[0].read_text("utf-8"))
    jobs[0].write_text(json.dumps({**job, "settings": {**job["settings"], "cuts": "none"}}), "utf-8")
    bundle = tmp_path / "bundle"
    assert main(["plan", str(jobs[0]), "--chunk", "2", "--preroll", "1", "--as", "openjd", "--output", str(bundle)]) == 0
    paint, finish = json.loads((bundle / "template.json").read_text("utf-8"))["steps"]
    (frames,) = paint["parameterSpace"]["taskParameterDefinitions"]
    assert frames["range"] == ["1-2", "3-4"] and "dependencies" not in paint
    done = farm_tool("-m", "openjd", "run", bundle / "template.json", "--job-param", f"file://{bundle / 'parameters.json'}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert finish["dependencies"] == [{"dependsOn": paint["name"]}]
    assert "openjd_status: At the joint before frame 3 the temporal error is " in done.stdout
    assert len(painted(jobs[:1])) == 4


def test_the_values_of_the_parameters_are_those_of_this_machine(jobs, tmp_path):
    assert main(["plan", *map(str, jobs), "--as", "openjd", "--output", str(tmp_path / "bundle")]) == 0
    told = json.loads((tmp_path / "bundle" / "parameter_values.json").read_text("utf-8"))["parameterValues"]
    values = {one["name"]: one["value"] for one in told}
    assert values["Folder"] == str(tmp_path / "film") and Path(values["Engine"], "__main__.py").is_file()
    assert values == json.loads((tmp_path / "bundle" / "parameters.json").read_text("utf-8"))


def test_progress_never_goes_backward_and_ends_at_a_hundred():
    stream = io.StringIO()
    report = Report(stream)
    report({"event": "ready", "name": "shot", "total": 2, "device": "cpu"})
    for frame in (1, 2):
        report({"event": "frame_started", "frame": frame, "index": frame, "total": 2})
        for iteration in (5, 10):
            report({"event": "iteration", "iteration": iteration, "limit": 10})
        report({"event": "frame_done", "frame": 1, "index": 1, "total": 2})
    report({"event": "error", "message": "The disk\nis full.", "hint": "Delete something."})
    report({"event": "done", "painted": 2, "kept": 0})
    lines = stream.getvalue().splitlines()
    progress = [float(line.partition(": ")[2]) for line in lines if line.startswith("openjd_progress")]
    assert progress == [0, 25, 50, 75, 100]
    assert "openjd_fail: The disk is full. Delete something." in lines
    assert all(line.startswith(("openjd_progress: ", "openjd_status: ", "openjd_fail: ")) for line in lines)
