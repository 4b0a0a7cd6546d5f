# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the pictures of docs/walkthrough in a real Blender, with the demo's shot and paintings.

    python -m tests.gui.walkthrough MATERIAL HOME ENGINE [--output FOLDER] [--scale 2] [CHAPTER …]

MATERIAL holds painting.png and footage/shot_####.png of scripts/demo.py (demo_output, where the footage has a folder of its size).
HOME is a folder to work in, whose name is seen in some pictures; ENGINE is an environment that has the engine's packages.
Runs in an environment like it; needs Blender and Xvfb as the tests do, and xdotool.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from PIL import Image

from tests.gui import paintings
from tests.gui.window import SIZE, Window, blender, display, opened, screen_picture

ROOT = Path(__file__).resolve().parents[2]
LENGTH = 6
"""Frames of each of the two strips."""

SET_UP = """
bpy.context.preferences.view.ui_scale = {scale}
bpy.context.preferences.filepaths.use_relative_paths = True
bpy.ops.wm.save_as_mainfile(filepath={project!r})
scene.render.resolution_x, scene.render.resolution_y, scene.render.fps = {size[0]}, {size[1]}, 12
scene.view_settings.view_transform = "Standard"
editor = scene.sequence_editor_create()
for number, (name, files) in enumerate({shots!r}.items()):
    strip = editor.strips.new_image(name, files[0], 1, 1 + number * len(files))
    for file in files[1:]:
        strip.elements.append(bpy.path.basename(file))
    strip.directory = bpy.path.relpath(strip.directory) + "/"
    strip.select = False
scene.frame_start, scene.frame_end, scene.frame_current = 1, 2 * len(files), 3
"""

SELECT = """
strip = scene.sequence_editor.active_strip = strips[{strip!r}]
for other in strips:
    other.select = other == strip
for name, weight in {weights!r}.items():
    style = strip.brushflow.styles.add()
    style.path, style.weight = f"//paintings/{{name}}.png", weight
"""

QUICK = """
for strip in strips:
    strip.brushflow.iterations_first, strip.brushflow.iterations, strip.brushflow.resolution = {first}, {later}, {resolution}
"""


FARM = """
chosen = runtime.preferences().farm
chosen.engine = "OPENJD"
chosen.folders.clear()
chosen.folders.add().here = {film!r}
"""


class Camera:
    """Takes pictures of the screen, or of a part of it."""

    def __init__(self, window: Window, pixels: Path, folder: Path, suffix: str) -> None:
        self._window, self._pixels, self._folder, self._suffix = window, pixels, folder, suffix

    def shoot(self, name: str, area: str = "", region: str = "", *, still: bool = True) -> None:
        """Save a picture of a region, of an area, or of the whole window, where menus stay open if it is not to be `still`."""
        if still:
            self._window.do("rest")
        picture = Image.fromarray(screen_picture(self._pixels))
        if area:
            picture = picture.crop(self._window.do("box", area, region))
        colors = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
        colors.save(self._folder / f"{name}{self._suffix}.png", optimize=True)

    def shoot_tab(self, name: str) -> None:
        """Save a picture of the sidebar, and of its end where the interface is too large for all of it."""
        self.shoot(name, "SEQUENCE_EDITOR", "UI")
        if self._suffix:
            self._window.do("scroll", 60)
            self.shoot(f"{name}_end", "SEQUENCE_EDITOR", "UI")
            self._window.do("scroll", -60)


class Stage:
    """A project with the demo's shot in a window of its own, whose engine is `engine`."""

    def __init__(self, stack: ExitStack, asked: argparse.Namespace) -> None:
        self.asked = asked
        resources = asked.home / ".config" / "blender"
        shutil.rmtree(resources, ignore_errors=True)
        screen, pixels = stack.enter_context(display())
        assert pixels
        log = Path(tempfile.gettempdir(), "walkthrough.log")
        self.window = stack.enter_context(opened(blender(), screen, log, resources=resources))
        self.camera = Camera(self.window, pixels, asked.output, "" if asked.scale == 1 else f"_{asked.scale}x")
        self.film = asked.home / "lighthouse"
        self._environment = {**os.environ, "DISPLAY": screen}

    def center(self) -> None:
        """Move the window that was opened last into the middle: there is no window manager to do it."""
        listed = subprocess.run(["xdotool", "search", "--name", "."], env=self._environment, capture_output=True, text=True, check=True)
        newest = listed.stdout.split()[-1]
        asked = subprocess.run(
            ["xdotool", "getwindowgeometry", "--shell", newest], env=self._environment, capture_output=True, text=True, check=True
        )
        size = dict(line.split("=") for line in asked.stdout.split())
        place = [str((SIZE[0] - int(size["WIDTH"])) // 2), str((SIZE[1] - int(size["HEIGHT"])) // 2)]
        subprocess.run(["xdotool", "windowmove", newest, *place], env=self._environment, check=True)
        time.sleep(1)

    def begin(
        self, opened: str = "", closed: str = "quality output", *, engine: bool = True, weights: dict[str, float] | None = None
    ) -> None:
        """Open the project; the strip is selected where it gets paintings, and has an engine where there is to be one."""
        shutil.rmtree(self.film / "brushflow", ignore_errors=True)
        files = sorted((self.film / "footage").glob("*.png"))
        size = Image.open(files[0]).size
        halves = {"lighthouse": files[:LENGTH], "boat": files[LENGTH : 2 * LENGTH]}
        shots = {name: [str(file) for file in half] for name, half in halves.items()}
        self.window.do("unfold", opened.split(), closed.split())
        self.window.run(SET_UP.format(scale=self.asked.scale, project=str(self.film / "lighthouse.blend"), size=size, shots=shots))
        if weights is not None:
            self.select(weights)
        if engine:
            self.install()
        self.window.do("arrange")

    def select(self, weights: dict[str, float], strip: str = "lighthouse") -> None:
        """Let one strip be the active and selected one, and give it more paintings."""
        self.window.run(SELECT.format(strip=strip, weights=weights))

    def hurry(self) -> None:
        """Let the strips be painted quickly; at a scale where only the interface is looked at, very quickly."""
        first, later, resolution = (80, 25, 0.75) if self.asked.scale == 1 else (10, 5, 0.2)
        self.window.run(QUICK.format(first=first, later=later, resolution=resolution))

    def install(self) -> None:
        """What Install Engine leaves behind, from the environment that is there already."""
        environment = Path(self.window.ask("str(runtime.environment_folder())"))
        environment.parent.mkdir(parents=True, exist_ok=True)
        environment.mkdir()
        for part in self.asked.engine.iterdir():
            (environment / part.name).symlink_to(part)
        (environment / "brushflow-complete").touch()


def install(stage: Stage) -> None:
    """From the panel that lacks an engine to the preferences that show it."""
    window, camera = stage.window, stage.camera
    stage.begin(engine=False, weights={"starry_bay": 1.0})
    camera.shoot("install_panel", "SEQUENCE_EDITOR", "UI")
    window.click("preferences.addon_show(")
    stage.center()
    camera.shoot("install_before", "PREFERENCES")
    if stage.asked.scale == 1:
        _install_and_cancel(window, camera)
    stage.install()
    window.run("preferences.BrushflowPreferences.activity = None")
    window.click("preferences.brushflow_check(", "PREFERENCES", "WINDOW")
    window.wait_for("preferences.BrushflowPreferences.activity.ended")
    camera.shoot("install_after", "PREFERENCES")


def _install_and_cancel(window: Window, camera: Camera) -> None:
    """Let the engine's packages begin to come over the network, and leave nothing of them."""
    window.click("extensions.userpref_allow_online", "PREFERENCES", "WINDOW")
    window.click("preferences.brushflow_install(", "PREFERENCES", "WINDOW")
    window.wait_for("preferences.BrushflowPreferences.activity.received > 2e7 or preferences.BrushflowPreferences.activity.ended")
    camera.shoot("install_during", "PREFERENCES", still=False)
    if not window.ask("preferences.BrushflowPreferences.activity.ended"):
        window.click("preferences.brushflow_install_cancel(", "PREFERENCES", "WINDOW")
    window.wait_for("preferences.BrushflowPreferences.activity.ended")
    camera.shoot("install_canceled", "PREFERENCES")
    window.run("import shutil; shutil.rmtree(runtime.environment_folder(), ignore_errors=True)")


def panel(stage: Stage) -> None:
    """The tab without a strip, with one, with paintings, and its presets."""
    camera = stage.camera
    stage.begin()
    camera.shoot("panel_no_strip", "SEQUENCE_EDITOR")
    stage.select({})
    camera.shoot("panel_strip", "SEQUENCE_EDITOR")
    stage.select({"starry_bay": 2.0, "mosaic": 1.0, "cutout": 1.0})
    camera.shoot_tab("panel_paintings")


def presets(stage: Stage) -> None:
    """Blender's preset menu, and the estimate."""
    window, camera = stage.window, stage.camera
    stage.begin(weights={"starry_bay": 1.0})
    window.do("click_at", 67, 17)
    camera.shoot("presets", "SEQUENCE_EDITOR", "UI", still=False)
    window.key("ESC")
    stage.hurry()
    window.click("sequencer.brushflow_estimate(")
    window.wait_for("estimate.ESTIMATES[-1].ended")
    camera.shoot("estimate", "SEQUENCE_EDITOR", "UI")


def preview(stage: Stage) -> None:
    """One frame, before and after."""
    window, camera = stage.window, stage.camera
    stage.begin(weights={"starry_bay": 1.0})
    window.click("sequencer.brushflow_preview(")
    window.wait_for("preview.current().state == 'painting' and preview.current().factor > 0.3")
    stage.center()
    camera.shoot("preview_during")
    window.wait_for("preview.current().state == 'done'")
    camera.shoot("preview_after")
    window.click("sequencer.brushflow_preview_compare(", "IMAGE_EDITOR", "HEADER")
    camera.shoot("preview_before", "IMAGE_EDITOR")


def explorer(stage: Stage) -> None:
    """The frame in the style of every painting, and one of them taken."""
    window, camera = stage.window, stage.camera
    stage.begin("explorer", "quality output style", weights={"starry_bay": 1.0, "mosaic": 1.0, "etching": 1.0, "cutout": 1.0})
    window.click("sequencer.brushflow_explore(")
    window.wait_for("explorer.current().ended")
    window.click("sequencer.brushflow_explore_take(index=3)")
    camera.shoot("explorer")


def jobs(stage: Stage) -> None:
    """Painting: a strip that grows, two in the queue, and what is there when they are done."""
    window, camera = stage.window, stage.camera
    stage.begin(weights={"starry_bay": 1.0})
    stage.select({"starry_bay": 1.0}, "boat")
    stage.select({})
    stage.hurry()
    window.key("A")
    window.click("sequencer.brushflow_stylize(")
    window.wait_for(f"queue.JOBS[0].progress.painted >= {LENGTH // 2}")
    camera.shoot("job_running")
    window.wait_for("queue.JOBS[1].progress.painted >= 2")
    camera.shoot("job_queue", "SEQUENCE_EDITOR", "UI")
    window.wait_for("queue.JOBS[1].ended")
    camera.shoot("job_done", "SEQUENCE_EDITOR")
    stage.select({})
    window.run("strip = strips['lighthouse']; strip.brushflow.styles[0].path = '//paintings/cutout.png'")
    window.click("sequencer.brushflow_stylize(")
    window.wait_for("queue.JOBS[-1].ended")
    stage.select({}, "lighthouse")
    camera.shoot("versions", "SEQUENCE_EDITOR")


def farm(stage: Stage) -> None:
    """A strip that is handed to a farm, of which some frames have come back."""
    window, camera = stage.window, stage.camera
    stage.begin("farm", "style quality output jobs preview", weights={"starry_bay": 1.0})
    window.run(QUICK.format(first=10, later=5, resolution=0.2))  # only the tab is seen
    window.run(FARM.format(film=str(stage.film)))
    window.click("sequencer.brushflow_submit(")
    window.wait_for("queue.JOBS and queue.JOBS[-1].ended")
    job = stage.film / "brushflow" / "lighthouse" / "farm_job.json"
    command = [stage.asked.engine / "bin" / "python", "-I", "-B", ROOT / "core", "run", job, f"--only=1-{LENGTH // 2}"]
    subprocess.run(list(map(str, command)), check=True)
    window.wait_for(f"collect.WATCHED[-1].there >= {LENGTH // 2} and collect.WATCHED[-1].is_laid")
    window.do("scroll", 60)  # to its end
    camera.shoot("farm", "SEQUENCE_EDITOR", "UI")


def menus(stage: Stage) -> None:
    """Where else people look: the context menu, the search and the keymap."""
    window, camera = stage.window, stage.camera
    stage.begin(weights={"starry_bay": 1.0})
    window.key("RIGHTMOUSE")
    camera.shoot("menu_context", still=False)
    window.key("ESC")
    window.key("F3")
    window.write("brushflow")
    camera.shoot("menu_search", "SEQUENCE_EDITOR", still=False)
    window.key("ESC")
    window.run("bpy.ops.screen.userpref_show(section='KEYMAP')")
    window.run("bpy.context.window_manager.windows[-1].screen.areas[0].spaces.active.filter_text = 'Brushflow'")
    stage.center()
    camera.shoot("menu_keymap", "PREFERENCES")


KEYED = """
strip = scene.sequence_editor.active_strip
for frame, strength, content in ((1, 0.0, 20.0), (8, 1.0, 5.0)):
    strip.brushflow_strength, strip.brushflow_content_weight = strength, content
    for name in ("brushflow_strength", "brushflow_content_weight"):
        strip.keyframe_insert(name, frame=frame)
scene.frame_current = 3
scene.frame_set(3)
"""


def time_(stage: Stage) -> None:
    """Strength and weights that change over the strip, and painting on twos."""
    window, camera = stage.window, stage.camera
    stage.begin("quality", "output", weights={"starry_bay": 1.0})
    window.run(KEYED)
    camera.shoot_tab("time")


KINDS = """
stage = bpy.data.scenes.new("Stage")
stage.render.engine = "CYCLES"
stage.render.resolution_x, stage.render.resolution_y = scene.render.resolution_x, scene.render.resolution_y
stage.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
stage.collection.objects.link(stage.camera)
editor = scene.sequence_editor
editor.strips.new_scene("stage", stage, 2, 1).right_handle = 9
title = editor.strips.new_effect("title", "TEXT", 3, 9, length=8)
lost = editor.strips.new_image("lost", "//footage/gone.png", 3, 1)
lost.right_handle = 9
"""


def kinds(stage: Stage) -> None:
    """What the tab says of strips that are not just pictures."""
    window, camera = stage.window, stage.camera
    stage.begin("consistency flow", "style quality output")
    window.run(KINDS)
    stage.select({"starry_bay": 1.0}, "stage")
    camera.shoot_tab("strip_stage")
    for name in ("title", "lost"):
        stage.select({"starry_bay": 1.0}, name)
        camera.shoot(f"strip_{name}", "SEQUENCE_EDITOR", "UI")


CHAPTERS: dict[str, Callable[[Stage], None]] = {
    chapter.__name__.rstrip("_"): chapter for chapter in (install, panel, presets, preview, explorer, jobs, farm, menus, time_, kinds)
}


def parser(description: str, output: Path, chapters: list[str]) -> argparse.ArgumentParser:
    """Of the pictures that go to `output`; all `chapters` are taken unless some are named."""
    one = argparse.ArgumentParser(description=description)
    one.add_argument("material", type=Path)
    one.add_argument("home", type=Path)
    one.add_argument("engine", type=Path)
    one.add_argument("chapters", nargs="*", default=chapters)
    one.add_argument("--output", type=Path, default=output)
    one.add_argument("--scale", type=int, default=1)
    return one


def provide(asked: argparse.Namespace) -> None:
    """The film and the paintings in the folder to work in, anew, for pictures that were interrupted may have left them changed."""
    asked.output.mkdir(parents=True, exist_ok=True)
    film = asked.home / "lighthouse"
    shutil.copytree(asked.material / "footage", film / "footage", dirs_exist_ok=True)
    (film / "paintings").mkdir(exist_ok=True)
    if any(not (film / "paintings" / f"{name}.png").is_file() for name in paintings.PAINTINGS):
        paintings.paint(film / "paintings")
    shutil.copy(asked.material / "painting.png", film / "paintings" / "starry_bay.png")


def main() -> None:
    asked = parser("Takes the pictures of docs/walkthrough.", ROOT / "docs" / "walkthrough", list(CHAPTERS)).parse_args()
    provide(asked)
    for chapter in asked.chapters:
        with ExitStack() as stack:
            CHAPTERS[chapter](Stage(stack, asked))


if __name__ == "__main__":
    main()
