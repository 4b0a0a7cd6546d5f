# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job consists of for many machines: the tasks, and what each waits for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.graph import Division, tasks
from core.job import JobError
from core.passes import schedule
from core.plan import plan

ROOT = Path(__file__).resolve().parents[2]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.exr"))}


@pytest.fixture
def graph(make):
    """Tasks of a job of frames from 1 on by their ids."""

    def of(count=10, cuts=(), division=None, **settings):
        job = make("shot_####.png", **settings)
        made = tasks(job, Path("/film/job.json"), range(1, count + 1), 10**6, lambda index: index in cuts, "shot", division)
        assert len({task.id for task in made}) == len(made)
        ids = [task.id for task in made]
        assert all(ids.index(other) < ids.index(task.id) for task in made for other in task.needs)
        return {task.id: task for task in made}

    return of


def test_a_single_pass_is_one_chain_for_each_shot(graph):
    made = graph(cuts=(4, 7), iterations_first=12, iterations=8)
    assert {name: task.needs for name, task in made.items()} == {
        "shot:paint:1-4": (),
        "shot:paint:5-7": (),
        "shot:paint:8-10": (),
        "shot:finish": ("shot:paint:1-4", "shot:paint:5-7", "shot:paint:8-10"),
    }
    assert made["shot:paint:5-7"].command == ("run", "/film/job.json", "--only=5-7")
    assert made["shot:paint:5-7"].weight == 12 + 2 * 8
    assert made["shot:finish"].command == ("run", "/film/job.json", "--finish")


def test_a_chain_can_be_divided_and_its_tasks_follow_each_other(graph):
    made = graph(cuts=(4,), division=Division(chain=3), long_term=[1, 4])
    assert {name: task.needs for name, task in made.items() if task.kind == "paint"} == {
        "shot:paint:1-3": (),
        "shot:paint:4-4": ("shot:paint:1-3",),
        "shot:paint:5-7": (),
        "shot:paint:8-10": ("shot:paint:5-7",),
    }


def test_motion_that_takes_long_has_tasks_of_its_own_that_wait_for_nothing(graph):
    made = graph(flow="large", division=Division(chunk=4))
    flow = [task for task in made.values() if task.kind == "flow"]
    assert [task.id for task in flow] == ["shot:flow:1-4", "shot:flow:5-8", "shot:flow:9-10"]
    assert all(task.needs == () and task.gpu == "no" for task in flow) and [task.weight for task in flow] == [3, 4, 2]
    assert flow[1].command == ("run", "/film/job.json", "--only=5-8", "--flow-only")
    assert made["shot:paint:1-10"].needs == ("shot:flow:1-4", "shot:flow:5-8", "shot:flow:9-10")
    assert not [name for name in graph(division=Division(chunk=4)) if "flow" in name]
    assert [name for name in graph(division=Division(chunk=4, flow_apart=True)) if "flow" in name]


def test_later_passes_are_a_pipeline(graph):
    made = graph(passes=3, division=Division(chunk=4), temporal_from_pass=3, blend_next=0.5)
    assert {name: set(task.needs) for name, task in made.items()} == {
        "shot:pass1:1-4": set(),
        "shot:pass1:5-8": set(),
        "shot:pass1:9-10": set(),
        "shot:pass2:9-10": {"shot:pass1:9-10", "shot:pass1:5-8"},
        "shot:pass2:5-8": {"shot:pass1:5-8", "shot:pass1:1-4", "shot:pass2:9-10"},
        "shot:pass2:1-4": {"shot:pass1:1-4", "shot:pass2:5-8"},
        "shot:pass3:1-4": {"shot:pass2:1-4", "shot:pass2:5-8"},
        "shot:pass3:5-8": {"shot:pass2:5-8", "shot:pass2:9-10", "shot:pass3:1-4"},
        "shot:pass3:9-10": {"shot:pass2:9-10", "shot:pass3:5-8"},
        "shot:finish": {"shot:pass3:1-4", "shot:pass3:5-8", "shot:pass3:9-10"},
    }
    assert made["shot:pass2:5-8"].command == ("run", "/film/job.json", "--only=5-8", "--pass=2")
    # The second pass begins at the end, and so does the first.
    assert list(made)[:4] == ["shot:pass1:9-10", "shot:pass1:5-8", "shot:pass1:1-4", "shot:pass2:9-10"]


@pytest.mark.parametrize(
    "settings", [{}, {"every": 3}, {"passes": 4, "every": 2}, {"long_term_every": 3}, {"passes": 2, "blend_next": 0}], ids=str
)
def test_every_step_has_one_task_and_what_it_is_made_of_comes_before(make, graph, settings):
    """The tasks are done in their order, each by its command's own words; nothing that a step reads may be missing."""
    cuts, count = (5,), 13
    made = graph(count=count, cuts=cuts, division=Division(chunk=4, chain=4), **settings)
    job = make("shot_####.png", **settings)
    steps = list(schedule(count, lambda index: index in cuts, job.settings_at, job.resolved_settings().passes))
    done = set()
    for task in made.values():
        ours = [
            step for step in steps
            if task.kind == "paint" and task.first <= step.reached + 1 <= task.last and step.pass_number == (task.pass_number or 1)
        ]  # fmt: skip
        for step in ours:
            assert all((step.pass_of(other), other) in done for other in step.needs)
            assert (step.pass_number, step.index) not in done
            done.add((step.pass_number, step.index))
    assert done == {(step.pass_number, step.index) for step in steps}


@pytest.mark.parametrize(
    "settings",
    [{"long_term": [1, 2], "flow": "large"}, {"passes": 3, "iterations": 4, "temporal_from_pass": 2, "every": 2}],
    ids=["single pass", "many passes"],
)
def test_the_tasks_done_one_after_the_other_give_the_bits_of_the_whole_job(run, make, written, tmp_path, settings):
    from core.command_line import main

    place = written(**settings)
    for task in plan([place], Division(chunk=3, chain=3)):
        assert main([*task.command, "--json"]) == 0, task
    whole = make(str(tmp_path / "frames_out" / "shot_####.png"), folder="whole", **settings)
    assert run(whole)[0] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole") != {}


def test_cuts_are_found_when_the_job_is_planned_and_no_task_reads_all_frames_again(make, shot, tmp_path):
    shot(3, seed=1, folder="film")
    shot(3, seed=77, folder="film", first=4)
    job = make(str(tmp_path / "film" / "shot_####.png"), cuts="auto")
    job.folder.mkdir()
    place = job.folder / "job.json"
    place.write_text(json.dumps(job.as_json()), "utf-8")
    said = []
    assert [task.id for task in plan([place], say=said.append)] == ["shot:paint:1-3", "shot:paint:4-6", "shot:finish"]
    assert said == ["Looking for cuts in the 6 frames of shot"]
    assert (job.folder / "cache" / "survey.json").is_file()


def test_jobs_of_one_name_have_tasks_of_different_names(written):
    made = plan([written("one"), written("two")])
    assert [task.id for task in made] == ["shot:paint:1-8", "shot:finish", "shot-2:paint:1-8", "shot-2:finish"]


def test_what_takes_longest_comes_first(graph, written):
    from core.graph import longest_way

    made = plan([written("short", 3), written("long", 6), written("same", 3)])
    assert [task.id for task in made if task.kind == "paint"] == ["shot-2:paint:1-6", "shot:paint:1-3", "shot-3:paint:1-3"]
    # Passes 2 and 3 follow the first chunk through the shot in turn; pass 1 and what is free is done beside.
    chain = graph(passes=2, blend_next=0.5, iterations=1, division=Division(chunk=5)).values()
    assert longest_way(chain) == 5 + 5 + 5
    assert longest_way(graph(cuts=(4,), iterations_first=3, iterations=1).values()) == 3 + 5


def test_jobs_of_one_folder_are_refused(written, tmp_path):
    place = written()
    other = tmp_path / "other.json"
    other.write_text(place.read_text("utf-8"), "utf-8")
    with pytest.raises(JobError, match="paint into one folder"):
        plan([place, other])


def test_the_command_prints_tasks_that_programs_can_read_without_torch(written):
    place = written(passes=2)
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from core.command_line import main; "
        f"status = main(['plan', {str(place)!r}, '--chunk', '4', '--json']); sys.exit(status or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["tasks"]
    assert [task["id"] for task in made][-1] == "shot:finish" and len(made) == 5
    assert made[3] == {
        "id": "shot:pass2:1-4", "job": str(place), "kind": "paint", "first": 1, "last": 4, "pass_number": 2, "gpu": "no",
        "command": ["run", str(place), "--only=1-4", "--pass=2"], "needs": ["shot:pass1:1-4", "shot:pass2:5-8"],
        "weight": pytest.approx(4 * 4 * 48 * 40 / 1e6, abs=1e-4),
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [["--chunk", "0"], ["--chain", "-1"]])
def test_tasks_of_no_frames_are_refused(written, arguments, capsys):
    from core.command_line import main

    assert main(["plan", str(written()), *arguments]) == 2
    assert "1 at least" in capsys.readouterr().err
