# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hand inside Blender: moves the pointer, clicks and types as window.py asks for it. Not collected by pytest.

    blender --enable-event-simulate -P tests/gui/driver.py -- PORT

Requests and answers are JSON, one a line, over a connection to PORT of this machine; Blender closes where the other side has gone.
Events go the way of a person's, through the whole of Blender. Which button lies under the pointer is asked of Blender itself: what it
would copy as the button's Python command or data path.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
from collections.abc import Generator, Iterator
from typing import Any

import bpy

MODULE = "bl_ext.user_default.brushflow"
INTERVAL = 0.01
"""Seconds between two steps of a gesture: Blender handles the events in between, and draws what they change."""
SETTLE = 12
"""Steps until a layout that changes by a click has been drawn."""
ROW = 17
"""Distance of two points where a button is looked for, in pixels of an interface at scale 1; buttons are 20 high and more."""

Gesture = Generator[None, None, Any]
Place = tuple[bpy.types.Window, bpy.types.Area, bpy.types.Region]


def places(area_type: str, region_type: str) -> Iterator[Place]:
    """The regions of that kind, in the windows that were opened last first."""
    for window in reversed(bpy.context.window_manager.windows):
        for area in window.screen.areas:
            for region in area.regions:
                if area.type == area_type and region.type == region_type and region.width > 1:
                    yield window, area, region


def under_pointer(place: Place) -> str:
    """Python command or data path of the button under the pointer; empty where there is none."""
    window, area, region = place
    with bpy.context.temp_override(window=window, area=area, region=region):
        for copy, options in ((bpy.ops.ui.copy_python_command_button, {}), (bpy.ops.ui.copy_data_path_button, {"full_path": True})):
            if copy.poll():
                copy(**options)
                return bpy.context.window_manager.clipboard
    return ""


def wait(steps: int = SETTLE) -> Gesture:
    for _ in range(steps):
        yield


def move(window: bpy.types.Window, x: int, y: int) -> Gesture:
    window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    yield


def press(window: bpy.types.Window, x: int, y: int, button: str = "LEFTMOUSE") -> Gesture:
    yield from move(window, x, y)
    for value in ("PRESS", "RELEASE"):
        window.event_simulate(type=button, value=value, x=x, y=y)
        yield
    yield from wait()


def _points(region: bpy.types.Region) -> Iterator[tuple[int, int]]:
    """Where buttons may lie: the middle first, then the icons at the right, then the rest."""
    scale = bpy.context.preferences.system.ui_scale
    step = int(ROW * scale)
    right = region.width - int(24 * scale)  # beside tabs and scroll bars
    for x in (region.width // 2, *(right - int(k * 20 * scale) for k in range(4)), region.width // 4):
        for y in range(region.height - step // 2, 0, -step):
            yield region.x + x, region.y + y


def find(wanted: str, area_type: str = "SEQUENCE_EDITOR", region_type: str = "UI") -> Gesture:
    """The window and the position of the button whose command or path holds `wanted`, scrolled to; None where there is none."""
    for place in places(area_type, region_type):
        window, _, region = place
        middle = region.x + region.width // 2, region.y + region.height // 2
        yield from _scroll(window, middle, "WHEELUPMOUSE", 60)
        for _ in range(8):
            for x, y in _points(region):
                yield from move(window, x, y)
                if wanted in under_pointer(place):
                    return window, x, y
            before = region.view2d.region_to_view(0, 0)
            yield from _scroll(window, middle, "WHEELDOWNMOUSE", region.height // 80)
            if region.view2d.region_to_view(0, 0) == before:
                break
    return None


def _scroll(window: bpy.types.Window, at: tuple[int, int], wheel: str, turns: int) -> Gesture:
    yield from move(window, *at)
    for _ in range(turns):
        window.event_simulate(type=wheel, value="PRESS", x=at[0], y=at[1])
    yield from wait()


def click(wanted: str, area_type: str = "SEQUENCE_EDITOR", region_type: str = "UI") -> Gesture:
    """Click the button whose Python command or data path holds `wanted`; raises LookupError."""
    found = yield from find(wanted, area_type, region_type)
    if found is None:
        raise LookupError(f"no button of {wanted} is seen")
    yield from press(*found)


def click_at(left: float, down: float, area_type: str = "SEQUENCE_EDITOR", region_type: str = "UI") -> Gesture:
    """Click where there is no operator and no property: so many pixels, at scale 1, from the upper right corner of a region."""
    window, _, region = next(places(area_type, region_type))
    scale = bpy.context.preferences.system.ui_scale
    yield from press(window, int(region.x + region.width - left * scale), int(region.y + region.height - down * scale))


def key(name: str, area_type: str = "SEQUENCE_EDITOR", region_type: str = "WINDOW", **held: bool) -> Gesture:
    """Press and release a key with the pointer in the middle of a region; `held` are shift, ctrl and alt."""
    window, _, region = next(places(area_type, region_type))
    x, y = region.x + region.width // 2, region.y + region.height // 2
    yield from move(window, x, y)
    for value in ("PRESS", "RELEASE"):
        window.event_simulate(type=name, value=value, x=x, y=y, **held)
        yield
    yield from wait()


def write(text: str) -> Gesture:
    """Type letters and spaces into the field that is open."""
    window = bpy.context.window_manager.windows[0]
    for letter in text:
        window.event_simulate(type="SPACE" if letter == " " else letter.upper(), value="PRESS", unicode=letter)
        yield
        window.event_simulate(type="SPACE" if letter == " " else letter.upper(), value="RELEASE")
        yield
    yield from wait()


def modules() -> dict[str, Any]:
    """The add-on's modules by their names."""
    prefix = f"{MODULE}.addon."
    return {name.removeprefix(prefix): module for name, module in sys.modules.items() if name.startswith(prefix)}


def names() -> dict[str, Any]:
    """What requests may speak of: bpy, the add-on's modules, the scene and its strips."""
    scene = bpy.context.scene
    return {**modules(), "bpy": bpy, "scene": scene, "strips": scene.sequence_editor and scene.sequence_editor.strips}


def ask(expression: str) -> Gesture:
    """The value of a Python expression."""
    yield
    return eval(expression, names())


def run(code: str) -> Gesture:
    """Run Python statements, and let Blender draw."""
    exec(code, names())
    yield from wait()


def unfold(opened: list[str], closed: list[str]) -> Gesture:
    """Let sub-panels of the tab Brushflow be open or closed when they are first drawn, by the ends of their names."""
    bpy.ops.preferences.addon_disable(module=MODULE)
    panels = {name: panel for module in modules().values() for name, panel in vars(module).items() if name.startswith("SEQUENCER_PT_")}
    for name in (*opened, *closed):
        panels[f"SEQUENCER_PT_brushflow_{name}"].bl_options = {"DEFAULT_CLOSED"} if name in closed else set()
    bpy.ops.preferences.addon_enable(module=MODULE)
    yield


def scroll(turns: int, area_type: str = "SEQUENCE_EDITOR", region_type: str = "UI") -> Gesture:
    """Turn the wheel down over a region, or up where `turns` is negative."""
    window, _, region = next(places(area_type, region_type))
    at = region.x + region.width // 2, region.y + region.height // 2
    yield from _scroll(window, at, "WHEELUPMOUSE" if turns < 0 else "WHEELDOWNMOUSE", abs(turns))


def rest() -> Gesture:
    """Take the pointer off everything that would be lit by it."""
    window, _, region = next(places("SEQUENCE_EDITOR", "WINDOW"))
    yield from move(window, region.x + region.width - 30, region.y + 40)
    yield from wait(30)


def box(area_type: str, region_type: str = "") -> Gesture:
    """Left, top, right and bottom of a region, or of an area with all its regions, on the screen, which the first window fills."""
    yield
    height = bpy.context.window_manager.windows[0].height
    for window in reversed(bpy.context.window_manager.windows):
        for area in window.screen.areas:
            if area.type == area_type:
                part = next((region for region in area.regions if region.type == region_type), area)
                left, bottom = window.x + part.x, height - window.y - part.y
                return left, bottom - part.height, left + part.width, bottom
    raise LookupError(f"there is no {area_type}")


def arrange() -> Gesture:
    """One large sequencer: preview, timeline and the sidebar at the tab Brushflow."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda one: one.width * one.height)
    area.type = "SEQUENCE_EDITOR"
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = window.scene
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.screen.screen_full_area(use_hide_panels=False)
    area = window.screen.areas[-1]
    area.spaces.active.view_type, area.spaces.active.show_region_ui = "SEQUENCER_PREVIEW", True
    yield from wait()
    regions = {region.type: region for region in area.regions}
    regions["UI"].active_panel_category = "Brushflow"
    for region, view_all in (("WINDOW", bpy.ops.sequencer.view_all), ("PREVIEW", bpy.ops.sequencer.view_all_preview)):
        with bpy.context.temp_override(window=window, area=area, region=regions[region]):
            view_all()
    yield from wait()


def prepare(project: str, shots: list[list[str]], painting: str, iterations: int) -> Gesture:
    """A saved project with one image strip for each list of files, above each other and the first one selected; quick to paint."""
    bpy.ops.wm.save_as_mainfile(filepath=project)
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    editor = scene.sequence_editor_create()
    for channel, files in enumerate(shots, 1):
        strip = editor.strips.new_image(f"shot{channel}", files[0], channel, 1)
        for file in files[1:]:
            strip.elements.append(bpy.path.basename(file))
        strip.brushflow.styles.add().path = painting
        strip.brushflow.iterations_first = strip.brushflow.iterations = iterations
        strip.brushflow.tolerance, strip.brushflow.device, strip.brushflow.threads = 0, "cpu", 1
        strip.select = channel == 1
    scene.frame_start, scene.frame_end = 1, len(shots[0])
    editor.active_strip = editor.strips[0]
    yield from arrange()
    # Where undo goes back to.
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.ed.undo_push(message="Set Up")
    bpy.ops.wm.save_mainfile()


GESTURES = {
    function.__name__: function for function in (arrange, ask, box, click, click_at, key, prepare, rest, run, scroll, unfold, write)
}


class Hand:
    """Answers one request after the other."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setblocking(False)
        self._received = b""
        self._gesture: Gesture | None = None

    def step(self) -> float:
        """What Blender's timer calls."""
        try:
            if self._gesture is None:
                self._listen()
            if self._gesture is not None:
                next(self._gesture)
        except StopIteration as end:
            self._answer({"value": end.value})
        except Exception:
            self._answer({"error": traceback.format_exc()})
        return INTERVAL if self._gesture is not None else 5 * INTERVAL

    def _listen(self) -> None:
        try:
            received = self._connection.recv(65536)
        except BlockingIOError:
            return
        if not received:
            os._exit(1)
        self._received += received
        line, newline, rest = self._received.partition(b"\n")
        if newline:
            self._received = rest
            request = json.loads(line)
            self._gesture = GESTURES[request["gesture"]](*request["arguments"], **request["options"])

    def _answer(self, answer: dict[str, Any]) -> None:
        self._gesture = None
        self._connection.sendall(json.dumps(answer, default=str).encode() + b"\n")


def main() -> None:
    view = bpy.context.preferences.view
    # The first window asks for language and keymap else.
    view.show_splash = False
    bpy.ops.preferences.addon_enable(module=MODULE)
    hand = Hand(int(sys.argv[sys.argv.index("--") + 1]))
    bpy.app.timers.register(hand.step, first_interval=0.5, persistent=True)


main()
