# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job of thousands of frames: memory, open files and the time of a frame stay as they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.core.torture.engine import Engine, painted, write_job

FRAMES = 2000


def test_memory_files_and_time_stay_flat_over_two_thousand_frames(
    weights: Path, tmp_path: Path, is_full: bool, record: Callable[..., None]
) -> None:
    if not is_full:
        pytest.skip("takes minutes; nox -s torture runs it")
    job = write_job(tmp_path / "job", frames=FRAMES, size=(16, 16), iterations_first=1, iterations=1)
    engine, samples = Engine(job), []
    begun = time.monotonic()
    while engine.process.exitcode is None:
        process = Path(f"/proc/{engine.process.pid}")
        try:
            resident = int((process / "statm").read_text().split()[1]) * 4096 / 1e6
            handles = len(list((process / "fd").iterdir()))
        except (OSError, IndexError):
            break
        frames = len(list((tmp_path / "job" / "out").glob("[!.]*.exr")))
        if not samples or frames - samples[-1][0] >= FRAMES // 100:
            samples.append((frames, resident, handles, time.monotonic() - begun))
        time.sleep(0.2)
    assert engine.wait() == 0
    assert len(painted(tmp_path / "job" / "out")) == FRAMES
    settled = np.array([sample for sample in samples if sample[0] >= FRAMES // 10])
    slope = float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0]) * 1000
    half = len(settled) // 2
    early, late = (float(np.polyfit(part[:, 0], part[:, 3], 1)[0]) for part in (settled[:half], settled[half:]))
    assert slope < 10, f"{slope:.1f} MB more every 1000 frames"
    assert np.ptp(settled[:, 2]) <= 4
    assert late < 2 * early
    record(
        f"{FRAMES} frames in one job",
        f"memory {slope:+.1f} MB per 1000 frames, {settled[0, 2]:.0f} to {settled[-1, 2]:.0f} open files, "
        f"{1000 * early:.0f} ms a frame in the first half and {1000 * late:.0f} ms in the second",
    )
