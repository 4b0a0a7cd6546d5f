# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.blender import extension, footage, image_strip, painting, project, queue, quick, scene, wording
from tests.faults import is_full, record

__all__ = ["extension", "footage", "image_strip", "is_full", "painting", "project", "queue", "record", "scene", "wording"]


@pytest.fixture
def engine(engine_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the add-on find the engine's interpreter."""
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)


@pytest.fixture
def prepared(engine: None, project: Path, painting: Path, image_strip: Callable[..., Any]) -> Any:
    """An image strip of three frames that takes seconds to paint."""
    strip = image_strip()
    quick(strip, painting)
    return strip


@pytest.fixture
def worker(engine: None, extension: None) -> Iterator[Any]:
    from bl_ext.user_default.brushflow.addon import queue, worker

    yield worker
    for job in queue.JOBS:
        job.abandon()
    queue.JOBS.clear()
