# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from pathlib import Path

from scripts.build_extension import ROOT

WRITE = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from core.debug import write_debug
flow = np.dstack([np.full((6, 8), -3.25, np.float32), np.full((6, 8), 1.5, np.float32)])
write_debug(Path(sys.argv[2]), start=np.full((6, 8, 3), 0.5, np.float32), flow=flow, mask=np.full((6, 8), 0.75, np.float32))
"""


def test_blender_opens_debug_pictures_as_layers(engine_python: str, tmp_path: Path) -> None:
    import bpy

    path = tmp_path / "shot_debug_0001.exr"
    subprocess.run([engine_python, "-c", WRITE, str(ROOT), str(path)], check=True, timeout=300)
    image = bpy.data.images.load(str(path))
    tree = bpy.data.node_groups.new("Layers", "CompositorNodeTree")
    node = tree.nodes.new("CompositorNodeImage")
    node.image = image
    assert image.type == "MULTILAYER"
    assert {(output.name, output.type) for output in node.outputs} == {
        ("Flow", "VECTOR"), ("Mask", "VALUE"), ("Start", "RGBA"), ("Warped", "RGBA"),
    }  # fmt: skip
