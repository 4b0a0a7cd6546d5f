# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak memory and seconds a megapixel of frames of several sizes, each painted in a process of its own under a memory limit:

python -m scripts.speed_memory --sizes 640x360 3840x2160 --evaluations 20 --limit 8
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["measure"]

ROOT = Path(__file__).resolve().parents[1]


def measure(sizes: Sequence[tuple[int, int]], evaluations: int = 20, limit: float = 8.0, device: str = "auto") -> dict[str, Any]:
    """By size, "3840x2160": the plan, seconds of an evaluation and of one a megapixel, and the peak of memory.

    Args:
        sizes: width and height of the frames.
        evaluations: of the objective, of which the first does not count for the time.
        limit: the setting `memory_limit`, in gigabytes; 0 is what is free.
        device: the setting.
    """
    found = {}
    for width, height in sizes:
        command = [sys.executable, "-m", "scripts.speed_memory", "--one", f"{width}x{height}", "--evaluations", str(evaluations)]
        command += ["--limit", str(limit), "--device", device]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"A frame of {width}×{height} could not be measured: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
        found[f"{width}x{height}"] = json.loads(done.stdout)
    return found


def _measure_one(size: tuple[int, int], evaluations: int, limit: float, device: str) -> dict[str, Any]:
    """A later frame, held to one before, in this process."""
    import torch

    from core import weights
    from core.devices import configure
    from core.memory import Work, needed, planned
    from core.painter import Painter
    from core.passes import Step
    from core.settings import Settings
    from core.start import Earlier
    from core.styles import StyleImage

    settings = Settings(memory_limit=limit, tolerance=0.0, device=device)
    plan = planned(settings, size)
    configure(plan)
    width, height = size
    content, painting = _picture(width, height, 1), _picture(512, 384, 2)
    network = weights.load(weights.ensure(settings.network))
    painter = Painter(settings, plan, network, [StyleImage(painting, 1.0)], size)
    before = Earlier(content[::-1].copy(), np.zeros((height, width, 2), np.float32), np.ones((height, width), np.float32))
    laps: list[float] = []
    peak = _Peak(plan.torch_device.type)
    painter.paint(
        content, Step(1, 0, (0,), "previous_warped", evaluations), {0: before}, settings, 1, check=lambda: laps.append(time.perf_counter())
    )
    if plan.torch_device.type != "cpu":
        torch.accelerator.synchronize()
    laps.append(time.perf_counter())
    seconds = float(np.median(np.diff(laps)[1:])) if len(laps) > 2 else laps[1] - laps[0]
    return {
        "plan": plan.as_dict(), "evaluations": evaluations, "seconds_evaluation": seconds,
        "seconds_per_megapixel": seconds * 1e6 / (width * height), "peak_memory_bytes": peak.read(),
        "planned_memory_bytes": needed(plan, Work.of(settings, size)),
    }  # fmt: skip


class _Peak:
    """The most memory from now on: resident, all of the process, or allocated on a graphics card."""

    def __init__(self, kind: str) -> None:
        import torch

        self._kind = kind
        if kind != "cpu":
            torch.accelerator.reset_peak_memory_stats()
        elif (switch := Path("/proc/self/clear_refs")).exists():
            switch.write_text("5")

    def read(self) -> int | None:
        import torch

        if self._kind != "cpu":
            return int(torch.accelerator.max_memory_allocated())
        if not (status := Path("/proc/self/status")).exists():
            return None
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def _picture(width: int, height: int, seed: int) -> np.ndarray:
    """(H, W, 3) float32 in 0..1: smooth colors with grain."""
    import cv2

    generator = np.random.default_rng(seed)
    coarse = generator.random((height // 64 + 2, width // 64 + 2, 3), np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(smooth + generator.random((height, width, 3), np.float32) * 0.1 - 0.05, 0, 1)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=_size, default=[(640, 360), (3840, 2160)], metavar="WxH")
    parser.add_argument("--one", type=_size, help=argparse.SUPPRESS)
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--limit", type=float, default=8.0, metavar="GB", help="memory_limit; 0 is what is free")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    more = (options.evaluations, options.limit, options.device)
    print(json.dumps(_measure_one(options.one, *more) if options.one else measure(options.sizes, *more), indent=2))


if __name__ == "__main__":
    main()
