# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Iterator
from typing import Any

import pytest

from tests.blender import extension, footage, image_strip, painting, project, scene
from tests.faults import is_full, record

__all__ = ["extension", "footage", "image_strip", "is_full", "painting", "project", "record", "scene"]


@pytest.fixture
def worker(engine_python: str, monkeypatch: pytest.MonkeyPatch, extension: None) -> Iterator[Any]:
    from bl_ext.user_default.brushflow.addon import queue, worker

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)
    yield worker
    for job in queue.JOBS:
        job.abandon()
    queue.JOBS.clear()


@pytest.fixture
def queue(worker: Any) -> Any:
    from bl_ext.user_default.brushflow.addon import queue

    return queue


@pytest.fixture
def wording(worker: Any) -> Any:
    from bl_ext.user_default.brushflow.addon import wording

    return wording
