# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process of the engine loads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NEEDLESS = ("torch._dynamo", "torch._inductor", "sympy", "torchvision", "onnx")
"""Each takes about as long to load as torch itself, or as much memory as the network."""


def test_painting_by_whatever_plan_loads_nothing_that_it_does_not_need(make: Callable[..., Any], weights: Path, tmp_path: Path) -> None:
    plan = {"device": "cpu", "precision": "float32", "threads": 1, "checkpointing": 2, "strip_rows": 16}
    path = tmp_path / "job.json"
    path.write_text(json.dumps(make(iterations_first=2, iterations=2).as_json() | {"plan": plan}), "utf-8")
    code = f"import sys; from core.command_line import main; print(main(['run', {str(path)!r}]), *sys.modules)"
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    status, *loaded = done.stdout.split()
    assert status == "0" and "torch" in loaded, done.stderr
    assert not [name for name in loaded if name.startswith(NEEDLESS)]
