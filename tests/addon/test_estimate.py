# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The estimate with a small program in the place of the engine; with the engine itself it is in tests/end_to_end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.addon.test_panels import Recorder

_ENGINE = """
import json, pathlib, sys
job = json.loads(pathlib.Path(sys.argv[2]).read_text())
pathlib.Path(%(seen)r).write_text(json.dumps({"job": job, "arguments": sys.argv[1:]}))
assert pathlib.Path(sys.argv[sys.argv.index("--frame") + 1]).is_file()
if %(listen)r: sys.stdin.read()
if %(error)r:
    print(json.dumps({"event": "error", "job": "", "code": "estimate", "message": %(error)r, "hint": ""}))
    sys.exit(1)
content = job["content"]
text = f"Up to 12 min for {content['last'] - content['first'] + 1} frames · 310 MB on disk · 1.9 GB memory"
print(json.dumps({"event": "estimate", "job": job["id"], "text": text, "problem": %(problem)r, "warnings": ["Close other programs."]}))
sys.exit(1 if %(problem)r else 0)
"""


@pytest.fixture
def estimate(extension: None, scene: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from bl_ext.user_default.brushflow.addon import estimate

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)
    yield estimate
    estimate._discard_all()


@pytest.fixture
def engine(estimate: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Puts a program into the place of the engine, which waits, fails with `error` or finds a `problem`, and notes what it was given."""

    def put(*, listen: bool = False, error: str = "", problem: str = "") -> None:
        from bl_ext.user_default.brushflow.addon import runtime

        core = tmp_path / "engine.py"
        core.write_text(_ENGINE % {"listen": listen, "error": error, "problem": problem, "seen": str(tmp_path / "seen.json")})
        monkeypatch.setattr(runtime, "CORE", core)

    put()
    return put


@pytest.fixture
def seen(tmp_path: Path) -> Callable[[], dict[str, Any]]:
    """What the engine was given."""
    return lambda: json.loads((tmp_path / "seen.json").read_text())


@pytest.fixture
def strip(engine: Any, project: Path, image_strip: Callable[..., Any], painting: Path) -> Any:
    """A strip of three frames from frame 10 on."""
    strip = image_strip()
    strip.brushflow.styles.add().path = str(painting)
    return strip


@pytest.fixture
def drawn(strip: Any) -> Callable[..., str]:
    """What the panel shows of the estimate."""
    from bl_ext.user_default.brushflow.addon.estimate_panel import draw_estimate

    def draw(width: int = 80, of: Any = None) -> str:
        layout = Recorder()
        draw_estimate(layout, of or strip, width)
        return " | ".join(layout.texts)

    return draw


def ask() -> set[str]:
    import bpy

    return bpy.ops.sequencer.brushflow_estimate()


def compat() -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    return compat


TOLD = "Up to 12 min for 3 frames · 310 MB on disk · 1.9 GB memory"


def test_one_button_tells_what_the_strip_will_take_and_leaves_it_as_it_is(
    strip: Any, drawn: Callable[..., str], seen: Callable[[], Any], tmp_path: Path
) -> None:
    import bpy

    assert drawn() == ""
    files = {path for path in tmp_path.rglob("*")}
    assert ask() == {"FINISHED"}
    assert drawn() == f"{TOLD} | Close other programs."
    assert drawn(30) == "Up to 12 min for 3 frames | 310 MB on disk | 1.9 GB memory | Close other programs."
    assert (strip.brushflow.job_id, strip.brushflow.folder_name) == ("", "")
    assert {path for path in tmp_path.rglob("*")} - files == {tmp_path / "seen.json"}
    assert not list(Path(bpy.app.tempdir).glob("brushflow-*"))
    job, arguments = seen()["job"], seen()["arguments"]
    assert job["output"]["folder"] == str(tmp_path / "brushflow" / "shot")
    assert arguments[arguments.index("--frame") + 1].endswith("shot_0101.png")
    assert arguments[arguments.index("--rendering-bytes") + 1] == "0"


def test_of_a_strip_that_blender_renders_one_frame_is_rendered(strip: Any, seen: Callable[[], Any], drawn: Callable[..., str]) -> None:
    strip.use_flip_x = True
    assert ask() == {"FINISHED"}
    assert TOLD in drawn()
    arguments = seen()["arguments"]
    assert Path(arguments[arguments.index("--frame") + 1]).name == "shot_0001.exr"
    assert float(arguments[arguments.index("--rendering-seconds") + 1]) > 0
    # Two of its size would be a second frame.
    size = int(arguments[arguments.index("--rendering-bytes") + 1])
    assert 500 < size < 2 * 64 * 48 * 8
    assert (seen()["job"]["content"]["first"], seen()["job"]["content"]["last"]) == (1, 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda scene, strip: setattr(strip.brushflow, "resolution", 0.5),
        lambda scene, strip: setattr(strip, "brushflow_style_weight", 50),
        lambda scene, strip: setattr(strip.brushflow, "frame_range", "CUSTOM"),
        lambda scene, strip: compat().set_handles(strip, 10, 12),
        lambda scene, strip: strip.brushflow.styles.remove(0),
        lambda scene, strip: setattr(scene.render, "resolution_x", 640),
    ],
)
def test_it_is_told_to_be_out_of_date_once_settings_or_range_change(
    scene: Any, strip: Any, drawn: Callable[..., str], change: Callable[..., None]
) -> None:
    ask()
    strip.brushflow.mute_original = False
    scene.frame_set(11)
    assert drawn() == f"{TOLD} | Close other programs."
    change(scene, strip)
    assert drawn() == f"{TOLD} | The settings have changed since this estimate."


def test_a_playhead_that_moves_over_keyframes_and_a_strip_that_moves_as_a_whole_change_nothing(
    scene: Any, strip: Any, drawn: Callable[..., str], seen: Callable[[], Any]
) -> None:
    for frame, value in ((10, 100.0), (12, 300.0)):
        strip.brushflow_style_weight = value
        strip.keyframe_insert("brushflow_style_weight", frame=frame)
    ask()
    assert len(seen()["job"]["per_frame"]["style_weight"]) == 3
    scene.frame_set(12)
    assert "have changed" not in drawn()
    compat().set_content_start(strip, 17)
    assert "have changed" not in drawn()


def test_every_strip_has_its_own(scene: Any, strip: Any, image_strip: Callable[..., Any], drawn: Callable[..., str]) -> None:
    ask()
    other = image_strip(name="other")
    assert drawn(of=other) == ""
    assert TOLD in drawn()


def test_it_gives_way_to_a_job_of_the_strip(scene: Any, strip: Any, drawn: Callable[..., str]) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import order, queue, worker

    ask()
    job = worker.Job(order.take(scene, strip))
    queue.JOBS.append(job)
    assert not bpy.ops.sequencer.brushflow_estimate.poll()
    job.cancel()
    assert drawn() == ""
    queue.JOBS.clear()


def test_what_surely_cannot_be_finished_is_told_and_not_started(estimate: Any, engine: Any, strip: Any, drawn: Callable[..., str]) -> None:
    engine(problem="The disk is too small. Free some.")
    assert ask() == {"FINISHED"}
    assert "The disk is too small. Free some." in drawn()
    assert estimate.refusal(strip) == "The disk is too small. Free some."
    strip.brushflow.output = "//elsewhere"
    assert estimate.refusal(strip) == ""


def test_what_the_engine_cannot_do_is_told_in_its_words(engine: Any, drawn: Callable[..., str]) -> None:
    engine(error="The weights are not on this machine.")
    assert ask() == {"CANCELLED"}
    assert drawn() == "The weights are not on this machine."


def test_while_it_is_made_it_can_be_cancelled_and_nothing_waits_for_it(
    estimate: Any, engine: Any, scene: Any, strip: Any, drawn: Callable[..., str]
) -> None:
    import bpy

    engine(listen=True)
    one = estimate.of_strip(scene, strip)
    begun = time.monotonic()
    estimate.start(one)
    estimate._tick()
    assert time.monotonic() - begun < 2
    assert drawn() == "Trying two iterations | Cancel Estimate"
    assert bpy.ops.sequencer.brushflow_estimate_cancel() == {"FINISHED"}
    while not one.ended:
        estimate._tick()
    estimate._tick()
    assert (one.state, drawn(), one.folder.exists()) == ("cancelled", "", False)
    assert not bpy.ops.sequencer.brushflow_estimate_cancel.poll()


def test_a_new_one_takes_the_place_of_the_one_before(estimate: Any, engine: Any, scene: Any, strip: Any, drawn: Callable[..., str]) -> None:
    engine(listen=True)
    first = estimate.of_strip(scene, strip)
    estimate.start(first)
    engine()
    ask()
    while not first.ended:
        estimate._tick()
    estimate._tick()
    assert (first.state, len(estimate.ESTIMATES)) == ("cancelled", 1)
    assert TOLD in drawn()


def test_what_cannot_be_painted_is_refused_at_once(strip: Any) -> None:
    import bpy

    strip.brushflow.styles[0].path = "/no/such.png"
    with pytest.raises(RuntimeError, match="does not exist"):
        ask()
    strip.lock = True
    assert not bpy.ops.sequencer.brushflow_estimate.poll()
    assert not list(Path(bpy.app.tempdir).glob("brushflow-*"))


def test_a_dry_run_tells_it_to_people_and_programs(strip: Any, engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from bl_ext.user_default.brushflow.addon import cli

    assert cli.execute(["--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [f"  estimate: {TOLD}", "  warning: Close other programs."]
    assert cli.execute(["--dry-run", "--json"]) == 0
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert told["estimate"] == {"text": TOLD, "problem": "", "warnings": ["Close other programs."]}
    engine(problem="The disk is too small.")
    assert cli.execute(["--dry-run", "--json"]) == 1
    assert capsys.readouterr().err.strip() == "brushflow: The disk is too small."
    engine(error="The weights are not on this machine.")
    assert cli.execute(["--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "  estimate: none. The weights are not on this machine."
