# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.blender import extension, footage, image_strip, painting, project, queue, scene, wording
from tests.faults import is_full, record

__all__ = ["extension", "footage", "image_strip", "is_full", "painting", "project", "queue", "record", "scene", "wording"]


@pytest.fixture
def strip(project: Path, image_strip: Callable[..., Any], painting: Path) -> Any:
    strip = image_strip()
    strip.brushflow.styles.add().path = str(painting)
    return strip


@pytest.fixture
def runtime(extension: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module, where neither the preference nor the variable names a Python."""
    import bpy
    from bl_ext.user_default.brushflow.addon import ADDON_ID, runtime

    monkeypatch.delenv("BRUSHFLOW_ENGINE_PYTHON", raising=False)
    yield runtime
    bpy.context.preferences.addons[ADDON_ID].preferences.python = ""
    home = runtime.environment_folder().parent
    if home.is_dir():
        shutil.rmtree(home)


@pytest.fixture
def inspection(runtime: Any) -> Any:
    """The module, likewise."""
    from bl_ext.user_default.brushflow.addon import inspection

    return inspection
