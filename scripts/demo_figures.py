# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo measures, by `core evaluate`: python -m scripts.demo_figures SOURCE RESULT PAINTING

From the checkout's folder, in the engine's environment. Prints one line of JSON: the measures of the untouched and of the painted frames.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from core.color import display_from_linear
from core.exr import write_exr
from core.flow import estimator
from core.flow_files import write_flo
from core.frames import open_source


def measure(source: Path, result: Path, painting: Path) -> dict[str, Any]:
    """The measures of both, with flow estimated from the source."""
    with tempfile.TemporaryDirectory(prefix="brushflow-") as name, open_source(source) as frames, open_source(result) as painted:
        folder = Path(name)
        dis, before = estimator("dis"), None
        # The source once more under the result's numbers: a movie has no files, and a sequence may start at 1001.
        for theirs, ours in zip(frames.numbers, painted.numbers, strict=False):
            frame = frames.read(theirs)
            alpha = np.ones(frame.rgb.shape[:2], np.float32) if frame.alpha is None else frame.alpha
            write_exr(folder / f"content_{ours:04d}.exr", np.ascontiguousarray(np.dstack([frame.rgb * alpha[..., None], alpha])))
            here = display_from_linear(frame).rgb
            if before is not None:
                write_flo(folder / f"flow_{ours - 1:04d}.flo", dis.estimate(before, here))
            before = here
        content, flow = folder / "content_####.exr", folder / "flow_####.flo"
        common = ["--flow", str(flow), "--content", str(content), "--style", str(painting), "--json"]
        return {"frames": len(painted.numbers), "untouched": _evaluate(content, common), "stylized": _evaluate(result, common)}


def _evaluate(frames: Path, options: list[str]) -> Any:
    command = [sys.executable, "-m", "core", "evaluate", "--frames", str(frames), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.strip() or done.stdout.strip())
    return json.loads(done.stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m scripts.demo_figures")
    for argument in ("source", "result", "painting"):
        parser.add_argument(argument, type=Path)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.source, asked.result, asked.painting)))
