# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from tests.blender import extension, footage, image_strip, painting, project, scene
from tests.faults import is_full, record

__all__ = ["extension", "footage", "image_strip", "is_full", "painting", "project", "record", "scene"]
