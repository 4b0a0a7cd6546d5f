# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The style explorer with a small program in the place of the engine; with the engine itself it is in tests/end_to_end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.addon.test_panels import Recorder
from tests.blender import write_image

_ENGINE = """
import json, pathlib, shutil, struct, sys
for file in sys.argv[1:]:
    if not file.endswith(".json"):
        continue
    job = json.loads(pathlib.Path(file).read_text())
    folder, content, name = pathlib.Path(job["output"]["folder"]), job["content"], job["id"]
    def say(**message): print(json.dumps({"job": name, **message}), flush=True)
    painting = pathlib.Path(job["styles"][0]["path"])
    if not painting.is_file():
        say(event="error", code="style", message=f"The painting {painting.name} cannot be read.", hint="Choose another.")
        continue
    say(event="ready", protocol=1, total=1, device="cpu")
    say(event="iteration", iteration=1, limit=2, losses={"total": 1.0})
    if name == %(wait_at)r:
        sys.stdin.read()
    (folder / "cache").mkdir(parents=True)
    pixels = bytes((0, 0, 10 * int(name.replace("preview", "0")), 255)) * 6
    (folder / "cache" / "thumbnail.bmp").write_bytes(b"BM" + bytes(8) + struct.pack("<IIii", 26, 40, 3, 2) + pixels)
    path = folder / (job["output"]["name"] + "_%%04d.exr" %% (content["first"] + content["offset"]))
    shutil.copy(%(painted)r, path)
    say(event="frame_done", path=str(path), frame=1, index=1, total=1, seconds=1.0, eta=None, kept=False, **{"pass": 1})
"""


@pytest.fixture
def explorer(extension: None, scene: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from bl_ext.user_default.brushflow.addon import explorer, preview

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)
    yield explorer
    preview._discard_all()
    explorer._forget()


@pytest.fixture
def engine(explorer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Puts a program into the place of the engine: it paints everything gray, or waits for its end at the tile `wait_at`."""

    def put(*, wait_at: str = "") -> None:
        from bl_ext.user_default.brushflow.addon import runtime

        painted = write_image(tmp_path / "gray.exr", np.full((48, 64, 4), (0.25, 0.25, 0.25, 1), np.float32))
        core = tmp_path / "engine.py"
        core.write_text(_ENGINE % {"painted": str(painted), "wait_at": wait_at})
        monkeypatch.setattr(runtime, "CORE", core)

    put()
    return put


@pytest.fixture
def paintings(tmp_path: Path, scene: Any) -> Path:
    """A folder of three pictures, and of a text."""
    folder = tmp_path / "paintings"
    for index, name in enumerate(("wave", "Night", "harbor")):
        write_image(folder / f"{name}.png", np.full((8, 8, 4), (0.2 * index, 0.5, 0.5, 1), np.float32))
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture
def strip(engine: Any, image_strip: Callable[..., Any], paintings: Path, scene: Any) -> Any:
    """A strip of three frames from frame 10 on with two paintings, and the playhead on its second frame."""
    strip = image_strip()
    for name, weight in (("wave", 0.25), ("Night", 0.75)):
        style = strip.brushflow.styles.add()
        style.path, style.weight = str(paintings / f"{name}.png"), weight
    scene.frame_set(11)
    return strip


def explore(among: str = "PAINTINGS", folder: str = "") -> set[str]:
    import bpy

    options = bpy.context.window_manager.brushflow_explorer
    options.among, options.folder = among, folder
    return bpy.ops.sequencer.brushflow_explore()


def take(index: int) -> set[str]:
    import bpy

    return bpy.ops.sequencer.brushflow_explore_take(index=index)


def styles(strip: Any) -> list[tuple[str, float, str]]:
    return [(Path(style.path).stem, style.weight, style.region) for style in strip.brushflow.styles]


def job(sheet: Any, index: int) -> dict[str, Any]:
    return json.loads((sheet.folder / str(index) / "job.json").read_text())


def test_each_painting_of_the_strip_is_painted_alone_by_one_engine(explorer: Any, strip: Any) -> None:
    assert explore() == {"FINISHED"}
    sheet = explorer.current()
    assert [tile.label for tile in sheet.tiles] == ["wave", "Night"]
    assert [[style["weight"] for style in job(sheet, index)["styles"]] for index in (0, 1)] == [[1.0], [1.0]]
    assert [tile.thumbnail.pixels[:4] for tile in sheet.tiles] == [bytes((0, 0, 0, 255)), bytes((10, 0, 0, 255))]
    assert job(sheet, 1)["content"] == job(sheet, 0)["content"]


def test_a_click_takes_the_painting_and_shows_it_as_the_preview(explorer: Any, strip: Any) -> None:
    import bpy

    explore()
    assert not bpy.ops.sequencer.brushflow_preview_compare.poll()
    assert take(1) == {"FINISHED"}
    assert styles(strip) == [("Night", 1.0, "INSIDE")]
    assert Path(bpy.data.images["Brushflow Preview"].filepath).parent.name == "1"
    bpy.ops.sequencer.brushflow_preview_compare()
    assert Path(bpy.data.images["Brushflow Preview"].filepath).name == "shot_0102.png"
    take(0)
    assert styles(strip) == [("wave", 1.0, "INSIDE")]


def test_taking_is_one_step_of_undo(strip: Any) -> None:
    import bpy

    explore()
    bpy.ops.ed.undo_push(message="Before")
    bpy.ops.sequencer.brushflow_explore_take("EXEC_DEFAULT", True, index=0)
    bpy.ops.ed.undo()
    assert [name for name, *_ in styles(bpy.context.scene.sequence_editor.strips["shot"])] == ["wave", "Night"]


def test_the_other_side_of_the_matte_keeps_its_painting(explorer: Any, strip: Any, paintings: Path) -> None:
    strip.brushflow.matte = "ALPHA"
    outside = strip.brushflow.styles.add()
    outside.path, outside.region = str(paintings / "harbor.png"), "OUTSIDE"
    explore()
    assert [style["region"] for style in job(explorer.current(), 0)["styles"]] == ["inside", "outside"]
    take(0)
    assert styles(strip) == [("wave", 1.0, "INSIDE"), ("harbor", 1.0, "OUTSIDE")]


def test_all_pictures_of_a_folder_are_tried_even_on_a_strip_without_paintings(explorer: Any, strip: Any, paintings: Path) -> None:
    strip.brushflow.styles.clear()
    assert explore("FOLDER", str(paintings)) == {"FINISHED"}
    assert [tile.label for tile in explorer.current().tiles] == ["harbor", "Night", "wave"]
    take(0)
    assert styles(strip) == [("harbor", 1.0, "INSIDE")]


def test_presets_of_ones_own_are_tried_with_the_paintings_of_the_strip(explorer: Any, strip: Any) -> None:
    import bpy

    strip.brushflow_style_weight, strip.brushflow.pooling = 400, "average"
    bpy.ops.sequencer.brushflow_preset_add(name="Bold")
    try:
        strip.brushflow_style_weight, strip.brushflow.pooling = 100, "max"
        explore("PRESETS")
    finally:
        bpy.ops.sequencer.brushflow_preset_add(name="Bold", remove_name=True)
    sheet = explorer.current()
    assert [tile.label for tile in sheet.tiles][-2:] == ["Paper", "Bold"]
    last = len(sheet.tiles) - 1
    assert (job(sheet, last)["settings"]["pooling"], job(sheet, 0)["settings"]["pooling"]) == ("average", "max")
    assert [style["weight"] for style in job(sheet, 0)["styles"]] == [0.25, 0.75]
    take(last)
    assert (strip.brushflow_style_weight, strip.brushflow.pooling, len(styles(strip))) == (400, "average", 2)


def test_one_that_cannot_be_painted_says_why_and_the_others_are_painted(explorer: Any, strip: Any, paintings: Path) -> None:
    from bl_ext.user_default.brushflow.addon import preview

    sheet = explorer.Sheet(strip.id_data, strip, explorer.of_folder(strip, str(paintings)))
    (paintings / "Night.png").unlink()
    preview.run(sheet)
    assert sheet.state == "done"
    assert [bool(tile.thumbnail) for tile in sheet.tiles] == [True, False, True]
    assert sheet.tiles[1].message == "The painting Night.png cannot be read. Choose another."


def test_a_preset_that_cannot_be_read_says_so_beside_the_others(explorer: Any, strip: Any) -> None:
    import bpy

    broken = Path(bpy.utils.user_resource("SCRIPTS", path="presets/brushflow", create=True), "Broken.py")
    broken.write_text("strip.brushflow.")
    try:
        assert explore("PRESETS") == {"FINISHED"}
    finally:
        broken.unlink()
    *others, last = explorer.current().tiles
    assert "Broken.py cannot be read" in last.message
    assert all(tile.thumbnail for tile in others)


def test_a_tile_is_painted_small_and_with_what_is_keyframed_at_the_playhead(explorer: Any, strip: Any, scene: Any) -> None:
    scene.render.resolution_x, scene.render.resolution_y = 1920, 1080
    strip.use_flip_x = True  # so that the frame is rendered
    for frame, value in ((10, 100.0), (12, 300.0)):
        strip.brushflow_style_weight = value
        strip.keyframe_insert("brushflow_style_weight", frame=frame)
    sheet = explorer.Sheet(scene, strip, explorer.of_paintings(strip))
    small = sheet._jobs((1920, 1080))[0]["settings"]
    assert small["resolution"] == pytest.approx(320 / 1920)
    assert small["iterations_first"] == 30
    assert small["style_weight"] == pytest.approx(200, abs=1)
    sheet.discard()


def test_the_sheet_fills_as_pictures_are_made_and_can_be_canceled(explorer: Any, engine: Any, strip: Any, scene: Any) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import preview

    engine(wait_at="1")
    sheet = explorer.Sheet(scene, strip, explorer.of_paintings(strip))
    preview.start(sheet)
    explorer.keep(sheet)
    while sheet.factor < 0.75:
        preview._tick()
    assert drawn(scene) == ["Among", "Picture 2 of 2", "Cancel Preview", "wave", "", "Night"]
    assert drawn(scene, "preview") == ["Preview Frame"], "the progress is shown once"
    take(0)
    assert styles(strip) == [("wave", 1.0, "INSIDE")]
    bpy.ops.sequencer.brushflow_preview_cancel()
    while not sheet.ended:
        preview._tick()
    assert sheet.state == "cancelled"
    assert drawn(scene) == ["Among", "Explore", "Canceled", "wave", "", "Night"]


def test_a_new_preview_takes_the_files_but_not_the_sheet(explorer: Any, strip: Any) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import preview

    explore()
    sheet = explorer.current()
    bpy.ops.sequencer.brushflow_preview()
    preview._update_all()
    assert not sheet.folder.exists()
    assert explorer.current() is sheet
    take(1)
    assert [name for name, *_ in styles(strip)] == ["Night"]
    assert preview.current() is not sheet


def test_another_project_forgets_it(explorer: Any, strip: Any) -> None:
    import bpy

    explore()
    folder = explorer.current().folder
    bpy.ops.wm.read_homefile(app_template="")
    assert (explorer.current(), folder.exists()) == (None, False)


def drawn(scene: Any, panel: str = "explorer") -> list[str]:
    import bpy

    layout = Recorder()
    context = SimpleNamespace(
        region=SimpleNamespace(width=300), preferences=bpy.context.preferences, scene=scene, window_manager=bpy.context.window_manager
    )
    getattr(bpy.types, f"SEQUENCER_PT_brushflow_{panel}").draw(SimpleNamespace(layout=layout), context)
    return layout.texts


@pytest.mark.parametrize(
    ("among", "folder", "spoil", "sentence"),
    [
        ("PAINTINGS", "", lambda scene, strip: scene.frame_set(13), "Move the playhead over the strip."),
        ("PAINTINGS", "", lambda scene, strip: strip.brushflow.styles.clear(), "Add a painting, whose style the strip takes on."),
        ("PRESETS", "", lambda scene, strip: strip.brushflow.styles.clear(), "Add a painting, whose style the strip takes on."),
        ("FOLDER", "", lambda scene, strip: None, "Choose a folder of pictures."),
        ("FOLDER", "/no/such/folder", lambda scene, strip: None, "The folder /no/such/folder does not exist; choose another."),
    ],
)
def test_why_it_cannot_begin_is_told(strip: Any, scene: Any, among: str, folder: str, spoil: Callable[..., None], sentence: str) -> None:
    import bpy

    spoil(scene, strip)
    with pytest.raises(RuntimeError, match=sentence):
        explore(among, folder)
    assert sentence in " ".join(drawn(scene))
    assert not bpy.ops.sequencer.brushflow_explore.poll()


def test_a_folder_without_pictures_is_refused(strip: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RuntimeError, match=r"empty holds no pictures; choose another\."):
        explore("FOLDER", str(tmp_path / "empty"))
