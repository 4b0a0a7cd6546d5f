# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
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


class Page:
    """A layout that keeps the texts of its labels, bars and buttons."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def label(self, *, text: str, icon: str = "NONE", translate: bool = True) -> None:
        self.texts.append(text)

    def progress(self, *, text: str, factor: float) -> None:
        assert 0 <= factor <= 1
        self.texts.append(text)

    def operator(self, name: str, *, text: str = "", icon: str = "NONE") -> Page:
        self.texts.append(f"[{text or name}]")
        return self

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: Page(self.texts)


@pytest.fixture
def page(preferences: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """What the preferences page says, where nothing is installed at first."""
    import bpy

    monkeypatch.delenv("BRUSHFLOW_ENGINE_PYTHON", raising=False)
    monkeypatch.setattr(preferences.BrushflowPreferences, "activity", None)
    chosen = preferences.runtime.preferences()
    context = SimpleNamespace(region=SimpleNamespace(width=2000), preferences=bpy.context.preferences)

    def draw() -> str:
        texts: list[str] = []
        drawn = SimpleNamespace(layout=Page(texts), python=chosen.python, build=chosen.build, use_sound=False, farm=chosen.farm)
        preferences.BrushflowPreferences.draw(drawn, context)
        return " ".join(texts)

    yield draw
    chosen.python = ""
    shutil.rmtree(preferences.runtime.environment_folder().parent, ignore_errors=True)


def installed(preferences: Any, answer: dict[str, Any]) -> Path:
    """An environment as an installation leaves it, which answered so."""
    runtime = preferences.runtime
    python = runtime.environment_folder() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    python.parent.mkdir(parents=True)
    python.touch()
    runtime.complete_installation()
    (runtime.environment_folder().parent / "looked.json").write_text(json.dumps({"python": str(python), "info": answer}))
    return python


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="the running Python has the engine's packages")
def test_the_page_says_what_is_missing_what_it_takes_and_why_it_cannot_be_fetched(page: Callable[[], str]) -> None:
    text = page()
    assert "lacks a Python environment" in text
    assert "takes up to 9 GB in" in text
    assert "[Install Engine]" in text
    assert "Blender may not go online" in text
    assert "[Allow Online Access]" in text


def test_the_page_fetches_weights_alone_where_they_alone_are_missing(page: Callable[[], str], preferences: Any, tmp_path: Path) -> None:
    weights = tmp_path / "vgg16.safetensors"
    python = installed(preferences, {**info(weights), "weights": {"vgg16": {"path": str(weights)}}})
    text = page()
    assert f"The engine runs on {python}" in text
    assert "The weights of vgg16 are missing" in text
    assert "[Fetch Weights]" in text
    weights.touch()
    text = page()
    assert "Networks: vgg16" in text
    assert "[Fetch Weights]" not in text
    assert "[Reinstall Engine]" in text


def test_the_page_never_offers_to_install_into_a_python_of_the_user(page: Callable[[], str], preferences: Any, tmp_path: Path) -> None:
    installed(preferences, info(tmp_path / "vgg19.safetensors"))
    preferences.runtime.preferences().python = "/no/such/python"
    text = page()
    assert "which does not exist" in text
    assert "nstall Engine]" not in text
    own = tmp_path / "python"
    own.touch()
    preferences.runtime.preferences().python = str(own)
    text = page()
    assert f"The engine runs on {own}" in text
    assert "nstall Engine]" not in text


def test_the_page_names_the_shared_folders_of_a_farm(page: Callable[[], str], preferences: Any) -> None:
    farm = preferences.runtime.preferences().farm
    assert "All paths are the same on the workers" in page()
    farm.folders.add().here = "/film"
    try:
        assert "All paths are the same" not in page() and "brushflow_farm_folder_remove" in page()
    finally:
        farm.folders.clear()


def test_the_page_tells_how_far_an_installation_is(page: Callable[[], str], preferences: Any) -> None:
    from bl_ext.user_default.brushflow.addon.activity import Activity, Step

    step = Step("Fetching paint", ())
    activity = Activity(one for one in (step,))
    activity.label, activity.line, activity.received, activity.size = step.label, "Downloaded ochre", 50e6, 200e6
    preferences.BrushflowPreferences.activity = activity
    text = page()
    assert "Fetching paint, 50 of 200 MB, 0:00" in text
    assert "[preferences.brushflow_install_cancel]" in text
    assert "Downloaded ochre" in text
    activity.cancel()
    assert "Canceled." in page()


def test_long_paths_break_after_a_slash_and_words_stay_whole(extension: None) -> None:
    from bl_ext.user_default.brushflow.addon.preferences import _Wrapper

    lines = _Wrapper(40).wrap("The style image cannot be used: /home/artist/lighthouse/paintings/starry_bay.png is damaged.")
    assert lines == ["The style image cannot be used: /home/", "artist/lighthouse/paintings/", "starry_bay.png is damaged."]
    assert _Wrapper(24).wrap("Let it end or cancel it, or choose another.") == ["Let it end or cancel it,", "or choose another."]
