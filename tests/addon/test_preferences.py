# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def preferences(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import preferences

    return preferences


def info(path: Path) -> dict[str, Any]:
    """An answer of the engine, of a machine that does not tell its memory and has the weights of one network in `path`."""
    return {
        "versions": {"torch": "2.13.0", "python": "3.12.1"},
        "devices": [{"id": "cuda:0", "name": "Card", "memory": 8 * 2**30}, {"id": "cpu", "name": "Processor", "memory": None}],
        "weights": {"vgg16": {"problem": "The weights of vgg16 are not on this machine."}, "vgg19": {"path": str(path)}},
    }


def test_a_device_whose_memory_is_not_known_is_shown_without_it(preferences: Any, tmp_path: Path) -> None:
    lines = preferences.summary(info(tmp_path / "vgg19.safetensors"))
    assert "cuda:0: Card, 8.0 GB" in lines
    assert "cpu: Processor" in lines


def test_only_networks_whose_weights_are_here_are_named_as_present(preferences: Any, tmp_path: Path) -> None:
    path = tmp_path / "vgg19.safetensors"
    path.touch()
    assert preferences.summary(info(path))[-1] == "Networks: vgg19"
    path.unlink()
    assert preferences.summary(info(path))[-1] == "Networks: none yet"


def test_the_buttons_check_and_cancel_and_do_not_wait(preferences: Any, engine_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import bpy

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)
    assert not bpy.ops.preferences.brushflow_install_cancel.poll()
    longest = 0.0

    def timed(function: Callable[[], Any]) -> Any:
        nonlocal longest
        begin = time.perf_counter()
        answer = function()
        longest = max(longest, time.perf_counter() - begin)
        return answer

    timed(bpy.ops.preferences.brushflow_check)
    assert not bpy.ops.preferences.brushflow_check.poll()
    activity = preferences.BrushflowPreferences.activity
    while activity.label != "Looking at the engine":
        timed(preferences._tick)
    timed(bpy.ops.preferences.brushflow_install_cancel)
    assert not bpy.ops.preferences.brushflow_install_cancel.poll()
    while timed(preferences._tick) is not None:
        time.sleep(0.01)
    assert activity.error == "Canceled."
    assert bpy.ops.preferences.brushflow_check.poll()
    assert longest < 0.05
