# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A painted strip lies exactly over what the sequencer showed of its source: at strength 0 both look the same.

All kinds of strips are read by one windowless Blender and painted by one engine, since starting those takes most of the time.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.build_extension import ROOT
from tests.blender import HEIGHT, WIDTH, picture, render, write_image
from tests.strip_kinds import KINDS, SLOT, Bench, build_all

VIEWS = ("Standard", "AgX")
Looks = dict[tuple[str, int], np.ndarray]


@dataclass
class Comparison:
    """What the timeline shows of each kind, by view transform and timeline frame, before and after it is painted."""

    before: Looks
    after: Looks
    slots: dict[str, range]


@pytest.fixture(scope="module")
def compared(extension: None, engine_python: str, weights: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    import bpy
    from bl_ext.user_default.brushflow.addon import order, result, runtime, source

    folder = tmp_path_factory.mktemp("kinds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)
        bpy.ops.wm.read_homefile(app_template="")
        scene = bpy.context.scene
        scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
        # Neither is to keep frames from being painted.
        scene.frame_step, scene.frame_end = 3, 5
        scene.sequence_editor_create()
        bench = Bench(scene, folder / "plates", data / "clips" / "bikes.mp4")
        names = dict(build_all(bench))
        scene.use_preview_range = True
        start = list(KINDS).index("within the preview range") * SLOT + 1
        scene.frame_preview_start, scene.frame_preview_end = start + 4, start + 5
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "edit.blend"))
        slots = {name: range(index * SLOT + 1, index * SLOT + 1 + SLOT) for index, name in enumerate(KINDS)}
        before = looks(scene, folder / "shown.png")
        style = write_image(folder / "style.png", picture(0))
        orders = []
        for name in names.values():
            strip = scene.sequence_editor.strips_all[name]
            settings = strip.brushflow
            settings.styles.add().path = str(style)
            strip.brushflow_strength, strip.brushflow_temporal_weight = 0, 0
            settings.iterations_first = settings.iterations = 1
            settings.init, settings.cuts, settings.resolution = "content", "none", 0.5
            orders.append(order.take(scene, strip))
        project = folder / "cache" / "project.blend"
        source.save_copy(project)
        tasks = [task for one in orders for task in one.tasks]
        finish(source.extraction_command(tasks, project))
        for one in orders:
            one.folder.mkdir(parents=True, exist_ok=True)
            one.job_file.write_text(json.dumps(one.description()), encoding="utf-8")
        finish(runtime.engine_command("run", "--json", *(str(one.job_file) for one in orders)))
        for one in orders:
            result.lay(one)
        return Comparison(before, looks(scene, folder / "shown.png"), slots)


def finish(command: list[str]) -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "default::DeprecationWarning"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    ours = (str(ROOT / "addon"), str(ROOT / "core"))
    assert [line for line in done.stderr.splitlines() if "DeprecationWarning" in line and line.startswith(ours)] == []


def looks(scene: Any, path: Path) -> Looks:
    shown = {}
    for view in VIEWS:
        scene.view_settings.view_transform = view
        for frame in range(1, len(KINDS) * SLOT + 1):
            shown[view, frame] = render(scene, frame, path, linear=False)
    return shown


@pytest.mark.parametrize("kind", KINDS)
def test_a_painted_strip_looks_like_its_source_at_strength_0(kind: str, compared: Comparison) -> None:
    before, after = without_noise(kind, compared.before), without_noise(kind, compared.after)
    for view in VIEWS:
        slot = [(view, frame) for frame in compared.slots[kind]]
        assert any(codes_apart(before[slot[0]], before[place]) > 30 for place in slot), "the strip is not seen"
        apart = {place: codes_apart(after[place], before[place]) for place in slot}
        assert max(apart.values()) <= 1, {place: codes for place, codes in apart.items() if codes > 1}


def without_noise(kind: str, shown: Looks) -> Looks:
    """Up to 5.0 Blender leaves in the last pixel of a mask what lay in memory, other at each drawing."""
    if kind == "masked":
        shown = {place: pixels.copy() for place, pixels in shown.items()}
        for pixels in shown.values():
            pixels[0, -1] = 0
    return shown


def codes_apart(a: np.ndarray, b: np.ndarray) -> int:
    """How many 8-bit codes two pictures lie apart at most; the color of what is transparent is not seen."""
    opacity = np.abs(a[..., 3] - b[..., 3]).max()
    color = (np.abs(a - b)[..., :3].max(axis=2) * ((a[..., 3] > 0) | (b[..., 3] > 0))).max()
    return round(255 * float(max(opacity, color)))
