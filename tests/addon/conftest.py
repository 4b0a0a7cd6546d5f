# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
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
