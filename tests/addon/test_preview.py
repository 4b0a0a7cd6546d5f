# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview with a small program in the place of the engine; with the engine itself it is in tests/end_to_end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.addon.test_panels import Recorder
from tests.blender import HEIGHT, WIDTH, write_image

GRAY = 0.25
_ENGINE = """
import json, pathlib, shutil, sys
job = json.loads(pathlib.Path(sys.argv[-1]).read_text())
content, output = job["content"], job["output"]
def say(**message): print(json.dumps(message), flush=True)
say(event="ready", protocol=1, total=1, device="cpu")
say(event="iteration", iteration=1, limit=2, losses={"total": 1.0})
if %(listen)r: sys.stdin.read()
if %(error)r:
    say(event="error", code="memory", message=%(error)r, hint="Lower it.", log="")
    sys.exit(1)
path = pathlib.Path(output["folder"], output["name"] + "_%%04d.exr" %% (content["first"] + content["offset"]))
shutil.copy(%(painted)r, path)
say(event="frame_done", path=str(path), frame=1, index=1, total=1, seconds=1.0, eta=None, kept=False, **{"pass": 1})
"""


@pytest.fixture
def preview(extension: None, scene: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from bl_ext.user_default.brushflow.addon import preview

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)
    yield preview
    preview._discard_all()


@pytest.fixture
def engine(preview: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Puts a program into the place of the engine: it paints every frame gray, waits for its end, or fails with `error`."""

    def put(*, listen: bool = False, error: str = "") -> None:
        from bl_ext.user_default.brushflow.addon import runtime

        gray = np.full((HEIGHT, WIDTH, 4), (GRAY, GRAY, GRAY, 1), np.float32)
        painted = write_image(tmp_path / "gray.exr", gray)
        core = tmp_path / "engine.py"
        core.write_text(_ENGINE % {"painted": str(painted), "listen": listen, "error": error})
        monkeypatch.setattr(runtime, "CORE", core)

    put()
    return put


@pytest.fixture
def strip(engine: Any, image_strip: Callable[..., Any], painting: Path, scene: Any) -> Any:
    """A strip of three frames from frame 10 on, in a project that was never saved, with the playhead on the second."""
    strip = image_strip()
    strip.brushflow.styles.add().path = str(painting)
    scene.frame_set(11)
    return strip


def paint() -> set[str]:
    import bpy

    return bpy.ops.sequencer.brushflow_preview()


def shown() -> np.ndarray:
    """The pixels of the data-block, (H, W, 4), top row first."""
    import bpy

    image = bpy.data.images["Brushflow Preview"]
    return np.array(image.pixels[:], np.float32).reshape(image.size[1], image.size[0], 4)[::-1]


def job_of(one: Any) -> dict[str, Any]:
    return json.loads((one.folder / "job.json").read_text())


def test_the_frame_at_the_playhead_is_painted_and_nothing_else_is_touched(preview: Any, scene: Any, strip: Any) -> None:
    import bpy

    assert paint() == {"FINISHED"}
    job = job_of(preview.current())
    assert (job["content"]["first"], job["content"]["last"], job["content"]["offset"]) == (102, 102, -100)
    assert [style["weight"] for style in job["styles"]] == [1.0]
    assert np.allclose(shown()[..., :3], GRAY, atol=1e-3)
    assert (strip.brushflow.job_id, len(scene.sequence_editor.strips), bpy.data.filepath) == ("", 1, "")


def test_one_button_goes_from_the_painted_frame_to_the_source_and_back(strip: Any) -> None:
    import bpy

    paint()
    assert bpy.ops.sequencer.brushflow_preview_compare() == {"FINISHED"}
    image = bpy.data.images["Brushflow Preview"]
    assert Path(image.filepath).name == "shot_0102.png"
    assert (image.colorspace_settings.name, image.use_view_as_render) == ("sRGB", True)
    assert shown()[..., :3].std() > 0.1
    bpy.ops.sequencer.brushflow_preview_compare()
    assert image.colorspace_settings.name == "Linear Rec.709"
    assert np.allclose(shown()[..., :3], GRAY, atol=1e-3)


def test_keyframed_settings_have_their_value_at_the_playhead(preview: Any, scene: Any, strip: Any) -> None:
    for frame, value in ((10, 100.0), (12, 300.0)):
        strip.brushflow_style_weight = value
        strip.keyframe_insert("brushflow_style_weight", frame=frame)
    paint()
    job = job_of(preview.current())
    assert job["settings"]["style_weight"] == pytest.approx(200, abs=1)
    assert "per_frame" not in job


def test_a_strip_that_is_changed_by_blender_is_rendered_first(preview: Any, scene: Any, strip: Any) -> None:
    import bpy

    strip.use_flip_x = True
    assert paint() == {"FINISHED"}, preview.current().message
    content = job_of(preview.current())["content"]
    assert (Path(content["pattern"]).name, content["first"]) == ("preview_####.exr", 2)
    bpy.ops.sequencer.brushflow_preview_compare()
    # The red square of the second frame, flipped; scene-linear.
    row = shown()[20]
    columns = np.flatnonzero((row[:, 0] > 0.7) & (row[:, 1] < 0.06))
    assert (columns[0], columns[-1]) == (WIDTH - 23, WIDTH - 8)


def test_a_large_frame_is_painted_smaller_and_its_iterations_fill_the_time(preview: Any) -> None:
    settings = {"resolution": 1.0, "iterations_first": 300, "iterations": 100, "passes": 1, "init_first": "random", "init": "random"}
    quick = preview.quick(settings, (1920, 1080))
    assert quick["resolution"] == pytest.approx(512 / 1920)
    assert (quick["iterations_first"], quick["init_first"], quick["init"], quick["cuts"]) == (20, "content", "content", "none")


def test_what_is_small_already_keeps_its_size_and_iterations(preview: Any) -> None:
    settings = {"resolution": 0.5, "iterations_first": 300, "iterations": 100, "passes": 1}
    assert preview.quick(settings, (1024, 576))["resolution"] == 0.5
    assert preview.quick(settings, (1024, 576))["iterations_first"] == 20
    assert preview.quick(settings, (256, 144))["iterations_first"] == 300
    assert preview.quick({**settings, "iterations_first": 10}, (1024, 576))["iterations_first"] == 10
    assert preview.quick({**settings, "passes": 4}, (64, 64))["iterations_first"] == 400


def test_a_frame_in_between_is_previewed_painted(preview: Any) -> None:
    settings = {"resolution": 0.5, "iterations_first": 300, "iterations": 100, "passes": 1, "every": 3}
    assert preview.quick(settings, (64, 64))["every"] == 1


@pytest.mark.parametrize(
    ("init", "later", "iterations"),
    [
        ("previous_warped", 0, 50), ("previous_warped", 3, 80), ("previous", 2, 70), ("first", 3, 60), ("content", 3, 10),
        ("random", 3, 10),
    ],
)  # fmt: skip
def test_a_frame_has_the_iterations_of_those_that_it_goes_on_from(preview: Any, init: str, later: int, iterations: int) -> None:
    settings = {"resolution": 1.0, "iterations_first": 50, "iterations": 10, "passes": 1, "init": init}
    assert preview.quick(settings, (64, 64), later=later)["iterations_first"] == iterations


@pytest.mark.parametrize(
    ("set_up", "later"),
    [
        (lambda scene, group: None, 2),
        (lambda scene, group: setattr(group, "cuts", "2"), 1),
        (lambda scene, group: setattr(group, "cuts", "none"), 2),
        (lambda scene, group: setattr(group, "every", 2), 1),
        (lambda scene, group: (group.__setattr__("frame_range", "CUSTOM"), group.__setattr__("frame_start", 12)), 0),
        (lambda scene, group: (scene.timeline_markers.new("cut", frame=11), group.__setattr__("markers_as_cuts", True)), 1),
    ],
)
def test_the_preview_knows_how_far_into_its_shot_the_frame_is(
    preview: Any, scene: Any, strip: Any, set_up: Callable[..., None], later: int
) -> None:
    scene.frame_set(12)
    set_up(scene, strip.brushflow)
    strip.brushflow.iterations_first, strip.brushflow.iterations = 7, 1
    paint()
    assert job_of(preview.current())["settings"]["iterations_first"] == 7 + later


def test_a_new_preview_ends_the_one_before(preview: Any, engine: Any, scene: Any, strip: Any) -> None:
    engine(listen=True)
    first = preview.Preview(scene, strip)
    preview.start(first)
    engine()
    second = preview.Preview(scene, strip)
    preview.run(second)
    wait_for(preview, first)
    assert (first.state, second.state) == ("cancelled", "done")
    preview._update_all()
    assert preview.current() is second
    assert not first.folder.exists()


def wait_for(preview: Any, one: Any) -> None:
    while not one.ended:
        preview._tick()


def test_cancel_ends_the_engine_and_leaves_the_source_in_view(preview: Any, engine: Any, scene: Any, strip: Any) -> None:
    import bpy

    engine(listen=True)
    one = preview.Preview(scene, strip)
    preview.start(one)
    while one.state != "painting":
        preview._tick()
    assert bpy.ops.sequencer.brushflow_preview_cancel() == {"FINISHED"}
    assert preview.headline(one) == "Canceling"
    wait_for(preview, one)
    assert (one.state, one.shown) == ("cancelled", "source")
    assert not bpy.ops.sequencer.brushflow_preview_cancel.poll()
    assert not bpy.ops.sequencer.brushflow_preview_compare.poll()


def test_what_the_engine_cannot_do_is_told_in_its_words(preview: Any, engine: Any, strip: Any) -> None:
    engine(error="Too little memory.")
    with pytest.raises(RuntimeError, match=r"Too little memory\. Lower it\."):
        paint()
    assert preview.current().state == "failed"


def test_opening_another_project_ends_it_and_deletes_its_files(preview: Any, engine: Any, scene: Any, strip: Any) -> None:
    import bpy

    engine(listen=True)
    one = preview.Preview(scene, strip)
    preview.start(one)
    bpy.ops.wm.read_homefile(app_template="")
    assert (one.ended, preview.current()) == (True, None)
    deadline = time.monotonic() + 30
    while one.folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_picture_that_undo_took_away_comes_back_with_before_after(preview: Any, strip: Any) -> None:
    import bpy

    paint()
    bpy.data.images.remove(bpy.data.images["Brushflow Preview"])
    bpy.ops.sequencer.brushflow_preview_compare()
    assert Path(bpy.data.images["Brushflow Preview"].filepath).name == "shot_0102.png"


def test_it_is_shown_in_an_image_editor_of_no_use_to_others_and_never_saved(preview: Any, strip: Any, tmp_path: Path) -> None:
    import bpy

    areas = bpy.context.window_manager.windows[0].screen.areas
    paint()
    assert not preview.open_editor(bpy.context)
    own, free = areas[0], areas[1]
    own.ui_type = free.ui_type = "IMAGE_EDITOR"
    own.spaces.active.image = bpy.data.images.new("reference", 4, 4)
    assert preview.open_editor(bpy.context)
    assert (own.spaces.active.image.name, free.spaces.active.image.name) == ("reference", "Brushflow Preview")
    path = tmp_path / "edit.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    assert free.spaces.active.image.name == "Brushflow Preview"
    with bpy.data.libraries.load(str(path)) as (there, _):
        assert "reference" in there.images
        assert "Brushflow Preview" not in there.images


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda scene, strip: scene.frame_set(13), "Move the playhead over the strip."),
        (lambda scene, strip: strip.brushflow.styles.clear(), "Add a painting"),
        (lambda scene, strip: setattr(strip, "lock", True), "is locked"),
    ],
)
def test_why_there_can_be_no_preview_is_told(preview: Any, scene: Any, strip: Any, spoil: Callable[..., None], sentence: str) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import preview_panel

    assert preview_panel._obstacle(bpy.context) == ""
    spoil(scene, strip)
    assert sentence in preview_panel._obstacle(bpy.context)
    assert not bpy.ops.sequencer.brushflow_preview.poll()


def test_a_refused_preview_leaves_no_folder_behind(preview: Any, scene: Any, strip: Any) -> None:
    import bpy

    strip.brushflow.styles[0].path = "/no/such.png"
    before = set(Path(bpy.app.tempdir).glob("brushflow-*"))
    with pytest.raises(RuntimeError, match="does not exist"):
        paint()
    assert set(Path(bpy.app.tempdir).glob("brushflow-*")) == before


def test_the_panel_shows_progress_while_it_paints_and_before_after_when_it_is_done(
    preview: Any, engine: Any, scene: Any, strip: Any
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import preview_panel

    def drawn() -> list[str]:
        layout = Recorder()
        context = SimpleNamespace(region=SimpleNamespace(width=300), preferences=bpy.context.preferences, scene=scene)
        preview_panel.SEQUENCER_PT_brushflow_preview.draw(SimpleNamespace(layout=layout), context)
        return layout.texts

    assert drawn() == ["Preview Frame"]
    engine(listen=True)
    one = preview.Preview(scene, strip)
    preview.start(one)
    while not one.limit:
        preview._tick()
    assert drawn() == ["Iteration 1 of 2", "Cancel Preview"]
    one.cancel()
    wait_for(preview, one)
    engine()
    paint()
    assert drawn() == ["Preview Frame", "Show Source", "Frame 11 of shot."]
    bpy.ops.sequencer.brushflow_preview_compare()
    assert drawn() == ["Preview Frame", "Show Painted", "Frame 11 of shot."]
