# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.build_extension import ROOT

MakeStrip = Callable[..., Any]


@pytest.fixture(autouse=True)
def engine(extension: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only dry runs here, so a program will do that estimates everything alike."""
    from bl_ext.user_default.brushflow.addon import runtime

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)
    program = tmp_path / "engine.py"
    program.write_text("""print('{"event": "estimate", "job": "", "text": "Up to 2 min", "problem": "", "warnings": []}')""")
    monkeypatch.setattr(runtime, "CORE", program)


@pytest.fixture
def execute(extension: None) -> Callable[..., int]:
    from bl_ext.user_default.brushflow.addon import cli

    return lambda *arguments: cli.execute(list(arguments))


@pytest.fixture
def plans(execute: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Callable[..., list[dict[str, Any]]]:
    """What a dry run says to programs."""

    def run(*arguments: str) -> list[dict[str, Any]]:
        capsys.readouterr()
        assert execute("--dry-run", "--json", *arguments) == 0, capsys.readouterr().err
        return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]

    return run


@pytest.fixture
def planned(plans: Callable[..., list[dict[str, Any]]]) -> Callable[..., list[dict[str, Any]]]:
    """The job files of a dry run."""
    return lambda *arguments: [plan["job"] for plan in plans(*arguments)]


@pytest.fixture
def refusal(execute: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Exit code and the sentence of a command that is refused."""

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = execute("--dry-run", *arguments)
        return code, capsys.readouterr().err.strip()

    return run


@pytest.fixture
def strip(project: Path, image_strip: MakeStrip) -> Any:
    return image_strip(count=4, start=10)


def test_everything_can_be_given_on_the_command_line(planned: Callable[..., Any], strip: Any, painting: Path, tmp_path: Path) -> None:
    (job,) = planned(
        "--scene", "Scene", "--strip", "shot", "--style", f"{painting}=0.5", "--style", str(painting), "--preset", "draft",
        "--set", "iterations=3", "--set", "long_term=1,2", "--set", "strength=0.25", "--frames", "11-12", "--output", str(tmp_path / "out"),
    )  # fmt: skip
    assert [style["weight"] for style in job["styles"]] == [0.5, 1.0]
    settings = job["settings"]
    assert (settings["iterations"], settings["long_term"], settings["strength"], settings["resolution"]) == (3, [1, 2], 0.25, 0.5)
    assert (job["content"]["first"], job["content"]["last"]) == (102, 103)
    assert job["output"] == {"folder": str(tmp_path / "out" / "shot"), "name": "shot", "existing": "resume"}


def test_mattes_their_sides_and_given_flow_can_be_named(
    planned: Callable[..., Any], image_strip: MakeStrip, strip: Any, painting: Path, tmp_path: Path
) -> None:
    image_strip(count=4, start=10, name="key")
    (job,) = planned(
        "--strip", "shot", "--style", str(painting), "--style-outside", f"{painting}=2", "--matte", "key", "--matte-invert",
        "--flow-forward", str(tmp_path / "f_####.flo"), "--flow-backward", str(tmp_path / "b_####.flo"),
    )  # fmt: skip
    assert [(style["region"], style["weight"]) for style in job["styles"]] == [("inside", 1.0), ("outside", 2.0)]
    assert (Path(job["matte"]["pattern"]).name, job["matte"]["invert"]) == ("key_####.exr", True)
    assert (job["settings"]["flow"], job["flow"]["forward"]) == ("files", str(tmp_path / "f_####.flo"))
    (job,) = planned("--strip", "shot", "--matte", "alpha", "--vectors", str(tmp_path / "v_####.exr"))
    assert job["matte"] == {"source": "alpha", "invert": True}
    assert (job["settings"]["flow"], job["flow"]) == ("vectors", {"vectors": str(tmp_path / "v_####.exr")})


def test_without_a_name_the_active_strip_is_meant(planned: Callable[..., Any], scene: Any, strip: Any, painting: Path) -> None:
    scene.sequence_editor.strips.new_meta("other", 4, 1)
    assert [job["output"]["name"] for job in planned("--style", str(painting))] == ["shot"]


def test_the_only_strip_that_can_be_painted_needs_no_name(planned: Callable[..., Any], scene: Any, strip: Any, painting: Path) -> None:
    scene.sequence_editor.active_strip = None
    assert [job["output"]["name"] for job in planned("--style", str(painting))] == ["shot"]


def test_all_means_strips_with_a_painting_or_with_style_all_that_can_be_painted(
    planned: Callable[..., Any], image_strip: MakeStrip, strip: Any, painting: Path
) -> None:
    second, third = image_strip(name="second"), image_strip(name="third")
    second.brushflow.styles.add().path = str(painting)
    third.lock = True
    assert [job["output"]["name"] for job in planned("--all")] == ["second"]
    assert [job["output"]["name"] for job in planned("--all", "--style", str(painting))] == ["shot", "second"]


def test_the_strips_own_settings_hold_where_nothing_else_is_said(planned: Callable[..., Any], strip: Any, painting: Path) -> None:
    strip.brushflow.styles.add().path = str(painting)
    strip.brushflow_style_weight = 300
    strip.brushflow.frame_range, strip.brushflow.frame_start, strip.brushflow.frame_end = "CUSTOM", 12, 13
    (job,) = planned()
    assert job["settings"]["style_weight"] == 300
    assert (job["content"]["first"], job["content"]["last"]) == (103, 104)


def test_a_dry_run_says_what_would_be_painted(
    execute: Callable[..., int], strip: Any, painting: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "out" / "shot"
    folder.mkdir(parents=True)
    strip.use_flip_x = True
    capsys.readouterr()
    given = ["--style", str(painting), "--output", str(tmp_path / "out"), "--set", "long_term=1,2", "--frames", "11-12"]
    assert execute("--dry-run", *given) == 0
    # Blender says here that it has saved a copy of the project.
    assert [line for line in capsys.readouterr().out.splitlines() if not line.startswith("Info:")] == [
        "shot: 2 frames, 11-12 of the timeline, as shot_0002.exr to shot_0003.exr",
        f"  folder: {folder}",
        "  styles: stripes.png",
        "  settings: long_term=1,2",
        "  rendered by Blender first: frames",
        "  result: the strip 'shot [stripes]'",
        "  estimate: Up to 2 min",
    ]
    assert not list(folder.iterdir())


@pytest.fixture
def painted(strip: Any, painting: Path, planned: Callable[..., Any], tmp_path: Path) -> Callable[..., None]:
    """Leaves in the strip's folder what a job on the given timeline frames leaves, as far as a dry run looks at it."""

    def paint(frames: str) -> None:
        (job,) = planned("--style", str(painting), "--frames", frames)
        folder, content = Path(job["output"]["folder"]), job["content"]
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(content["first"], content["last"] + 1):
            (folder / f"shot_{number + content['offset']:04d}.exr").touch()
        (folder / "job.json").write_text(json.dumps({**job, "plan": {"device": "cpu"}}))

    return paint


def test_a_part_goes_on_with_the_frames_before_it(plans: Callable[..., Any], painted: Callable[..., None], painting: Path) -> None:
    painted("10-11")
    (plan,) = plans("--style", str(painting), "--frames", "12-13")
    assert plan["frames"] == {"timeline": [10, 13], "content": [1, 4], "total": 4, "there": 2}
    assert (plan["job"]["content"]["first"], plan["job"]["output"]["existing"]) == (101, "resume")
    painted("12-13")
    assert plans("--style", str(painting), "--frames", "12-12")[0]["frames"]["timeline"] == [10, 12]


@pytest.mark.parametrize("more", [["--set", "style_weight=300"], ["--overwrite"], ["--set", "passes=2"]])
def test_a_part_that_cannot_go_on_is_painted_alone(
    plans: Callable[..., Any], painted: Callable[..., None], painting: Path, more: list[str]
) -> None:
    painted("10-11")
    assert plans("--style", str(painting), "--frames", "12-13", *more)[0]["frames"]["timeline"] == [12, 13]


def test_a_part_behind_a_gap_is_painted_alone(plans: Callable[..., Any], painted: Callable[..., None], painting: Path) -> None:
    painted("10-11")
    assert plans("--style", str(painting), "--frames", "13-13")[0]["frames"]["timeline"] == [13, 13]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--strip", "sho"], "There is no strip 'sho' in the scene 'Scene'; there is 'shot'."),
        (["--scene", "X"], "There is no scene 'X'; there is 'Scene'."),
        (["--preset", "finale"], "There is no preset 'finale'; did you mean 'final'?"),
        (["--preset", "mine.py"], "The preset mine.py cannot be read (No such file or directory)."),
        (["--set", "iteration=3"], "did you mean 'iterations'?"),
        (["--set", "iterations=many"], "iterations takes a whole number, not 'many'."),
        (["--set", "strength=3"], "strength must lie between 0 and 1"),
        (["--set", "strength"], "--set takes KEY=VALUE, not 'strength'."),
        (["--frames", "5-a"], "--frames takes a range such as 50-73, not '5-a'."),
        (["--frames", "9-5"], "so 5-9."),
        (["--resume", "--overwrite"], "not allowed with argument"),
        (["--colour"], "--help lists what there is."),
        (["--all"], "name one with --style"),
        (["--matte-invert"], "has no matte"),
        (["--style-outside", "x.png"], "name one with --matte"),
        (["--flow-forward", "f_####.flo"], "--flow-forward and --flow-backward go together."),
        (["--flow-forward", "f", "--flow-backward", "b", "--vectors", "v"], "not all of them"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_2(refusal: Callable[..., Any], strip: Any, arguments: list[str], sentence: str) -> None:
    code, text = refusal(*arguments)
    assert code == 2
    assert sentence in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "has no painting yet"),
        (["--style", "gone.jpg"], "gone.jpg does not exist"),
        (["--style", "{painting}", "--frames", "900-901"], "is not seen on frames 900-901"),
        (["--style", "{painting}", "--matte", "rider"], "There is no strip 'rider' for the matte"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_1(
    refusal: Callable[..., Any], strip: Any, painting: Path, arguments: list[str], sentence: str
) -> None:
    code, text = refusal(*(argument.format(painting=painting) for argument in arguments))
    assert code == 1
    assert sentence in text
    assert len(text.splitlines()) == 1


def test_a_missing_environment_is_exit_1(refusal: Callable[..., Any], strip: Any, painting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", "/no/such/python")
    assert refusal("--style", str(painting))[0] == 1


def test_the_command_works_on_a_checkout_with_the_bpy_package(project: Path, strip: Any, painting: Path) -> None:
    import bpy

    bpy.ops.wm.save_mainfile()
    command = [sys.executable, str(ROOT / "scripts" / "headless.py")]
    done = subprocess.run([*command, str(project), "--dry-run", "--style", str(painting)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "shot: 4 frames, 10-13 of the timeline" in done.stdout
    wrong = subprocess.run([*command, str(project), "--strip", "x"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr.strip()[:9]) == (2, "brushflow")
    assert subprocess.run([*command, "gone.blend"], capture_output=True, check=False).returncode == 2
