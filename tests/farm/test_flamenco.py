# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import subprocess
from pathlib import Path

from core.command_line import main
from core.flamenco import SCRIPT
from tests.farm.conftest import FRAMES, painted

COMPILE = """
import json, sys
import quickjs

AUTHOR = '''
const author = {
    Task: function (name, type) {
        const task = { name: name, type: type, commands: [], needs: [] };
        return {
            task: task,
            addCommand: function (command) { task.commands.push(command); },
            addDependency: function (other) { task.needs.push(other.task.name); },
        };
    },
    Command: function (name, parameters) { return { name: name, parameters: parameters }; },
};
function compiled(settings) {
    const tasks = [];
    compileJob({ settings: settings, addTask: function (task) { tasks.push(task.task); } });
    return JSON.stringify(tasks);
}
'''
context = quickjs.Context()
context.eval(AUTHOR + open(sys.argv[1], encoding="utf-8").read() + "globalThis.type = JSON.stringify(JOB_TYPE);")
sent = json.load(open(sys.argv[2], encoding="utf-8"))
context.set("settings", json.dumps(sent["settings"]))
print(json.dumps({"type": json.loads(context.eval("type")), "tasks": json.loads(context.eval("compiled(JSON.parse(settings))"))}))
"""
"""Flamenco's side of a job type script: what its Manager offers to the script, as its documentation describes it."""


def compiled(farm_tool, folder):
    done = farm_tool("-c", COMPILE, folder / SCRIPT.name, folder / "submission.json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run(task):
    """What a worker does."""
    (command,) = task["commands"]
    assert task["type"] == "misc" and command["name"] == "exec"
    return subprocess.run([command["parameters"]["exe"], *command["parameters"]["args"]], capture_output=True, text=True)


def test_every_command_of_the_compiled_job_in_its_order_paints_the_frames_of_one_machine(jobs, undisturbed, farm_tool, tmp_path):
    folder, passes = tmp_path / "flamenco", jobs[1]
    assert main(["plan", str(passes), "--chunk", "2", "--as", "flamenco", "--output", str(folder)]) == 0
    done = set()
    for task in compiled(farm_tool, folder)["tasks"]:
        assert {*task["needs"]} <= done
        ran = run(task)
        assert ran.returncode == 0, ran.stderr
        done.add(task["name"])
    assert painted([passes]) == {name: frame for name, frame in undisturbed.items() if name.startswith("two_")}


def test_the_chunks_of_a_shot_with_a_preroll_wait_for_nothing_and_the_last_task_tells_of_the_joint(jobs, farm_tool, tmp_path):
    folder, job = tmp_path / "flamenco", json.loads(jobs[0].read_text("utf-8"))
    jobs[0].write_text(json.dumps({**job, "settings": {**job["settings"], "cuts": "none"}}), "utf-8")
    assert main(["plan", str(jobs[0]), "--chunk", "2", "--preroll", "1", "--as", "flamenco", "--output", str(folder)]) == 0
    first, second, finish = compiled(farm_tool, folder)["tasks"]
    assert first["needs"] == second["needs"] == [] and finish["needs"] == [first["name"], second["name"]]
    for task in (second, first, finish):
        ran = run(task)
        assert ran.returncode == 0, ran.stderr
    assert "At the joint before frame 3 the temporal error is " in ran.stdout + ran.stderr
    assert len(painted(jobs[:1])) == FRAMES


def test_what_is_sent_has_every_setting_of_the_job_type(jobs, farm_tool, tmp_path):
    folder = tmp_path / "flamenco"
    assert main(["plan", *map(str, jobs), "--chunk", "2", "--as", "flamenco", "--output", str(folder)]) == 0
    sent = json.loads((folder / "submission.json").read_text("utf-8"))
    made = compiled(farm_tool, folder)
    assert sent["type"] == SCRIPT.stem == "brushflow"
    assert {one["key"] for one in made["type"]["settings"]} == sent["settings"].keys()
    assert all(one["type"] == "string" and one["required"] and one["description"] for one in made["type"]["settings"])
    needs = {task["name"]: task["needs"] for task in made["tasks"]}
    assert needs["one:finish"] == ["one:paint:1-2", "one:paint:3-4"] and needs["two:pass2:1-2"] == ["two:pass1:1-2", "two:pass2:3-4"]
    assert Path(sent["settings"]["engine"], "__main__.py").is_file()
