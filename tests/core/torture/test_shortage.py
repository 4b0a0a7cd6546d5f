# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that runs out: the job goes on by plans that take less, and ends with what would help once there is none."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.devices import Plan
from tests.core.torture.engine import Engine, Fault, leftovers, painted, write_job

pytestmark = [
    pytest.mark.usefixtures("weights"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory of a process cannot be limited here"),
]
SIZE = (512, 384)
ROOMS = (250_000_000, 220_000_000, 190_000_000)
"""Bytes of addresses that let frames of that size be painted after some steps."""
SMALL, ROOM = (320, 240), 115_000_000
"""Likewise, for the tests of every day. Here memory runs out where oneDNN compiles a loop."""
FEW = {"iterations_first": 2, "iterations": 2}
"""Iterations: memory runs out in the first one or never."""


def recorded(folder: Path) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((folder / "out" / "job.json").read_text("utf-8"))["plan"]
    return plan


def test_a_job_whose_memory_runs_out_goes_on_by_smaller_plans_and_the_next_run_takes_them_up(
    tmp_path: Path, is_full: bool, record: Callable[..., None]
) -> None:
    size = SIZE if is_full else SMALL
    for number, room in enumerate(ROOMS if is_full else (ROOM,)):
        job = write_job(tmp_path / str(number), frames=2, size=size, **FEW)
        engine = Engine(job, Fault(memory=room))
        assert engine.wait() == 0, engine.events[-1]
        warnings = [event for event in engine.of("warning") if event["code"] == "memory"]
        assert warnings
        (ready,) = engine.of("ready")
        plans = [Plan(**ready["plan"]), *(Plan(**event["plan"]) for event in warnings)]
        assert plans == [plans[0], *(plan.smaller() for plan in plans[:-1])]
        assert recorded(job.parent) == warnings[-1]["plan"]

        # A frame has the bits of a run that begins with the plan that it was painted by.
        steps = [event["message"] for event in warnings].count(_told(1))
        again = Engine(write_job(tmp_path / f"again{number}", frames=1, size=size, **FEW), Fault(), "--smaller", str(steps))
        assert again.wait() == 0
        assert painted(job.parent / "out")["shot_0001.exr"] == painted(tmp_path / f"again{number}" / "out")["shot_0001.exr"]

        (job.parent / "out" / "shot_0002.exr").unlink()
        resumed = Engine(job.parent / "out" / "job.json")
        assert resumed.wait() == 0
        assert resumed.of("ready")[0]["plan"] == warnings[-1]["plan"]
        assert [event["kept"] for event in resumed.of("frame_done")] == [True, False]
        assert not leftovers(tmp_path)
        record("memory that runs out (limit of addresses)", warnings[-1]["message"], times=len(warnings))


def _told(frame: int) -> str:
    return f"Memory ran out while frame {frame} was painted, so the job goes on in a way that takes less memory and more time."


def test_a_job_for_which_no_plan_is_small_enough_ends_with_what_would_help(
    tmp_path: Path, is_full: bool, record: Callable[..., None]
) -> None:
    size = SIZE if is_full else SMALL
    assert Engine(write_job(tmp_path, frames=1, size=size, **FEW)).wait() == 0
    first = painted(tmp_path / "out")
    # Every day only the last of the plans are tried.
    options = () if is_full else ("--smaller", "9")
    engine = Engine(write_job(tmp_path, frames=2, size=size, **FEW), Fault(memory=50_000_000), *options)
    assert engine.wait() == 1
    error = engine.events[-1]
    assert error["code"] == "memory" and error["message"] == (
        f"There is not enough memory for frames of {size[0]}×{size[1]}, even by the plan that takes least."
    )
    assert "Lower resolution" in error["hint"]
    assert painted(tmp_path / "out") == first
    assert not leftovers(tmp_path)
    record("memory that no plan is small enough for", f"{error['message']} {error['hint']}")


def test_an_engine_without_memory_for_the_network_says_so(tmp_path: Path) -> None:
    engine = Engine(write_job(tmp_path, frames=1), Fault(memory=30_000_000))
    assert engine.wait() == 1
    assert engine.events[-1]["code"] == "memory", engine.events[-1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no graphics card of NVIDIA's here")
def test_a_graphics_card_whose_memory_runs_out_is_asked_for_less(make: Any, run: Any, shot: Any) -> None:
    whole = torch.cuda.get_device_properties(0).total_memory
    sizes = {"width": 1024, "height": 768}
    status, calm = run(make(shot(2, **sizes), folder="calm", device="cuda"))
    peak = torch.cuda.max_memory_reserved()
    torch.cuda.empty_cache()
    try:
        torch.cuda.set_per_process_memory_fraction(0.6 * peak / whole)
        status, events = run(make(shot(2, **sizes), device="cuda"))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert status == 0
    assert [event for event in events.of("warning") if event["code"] == "memory"]
    assert not calm.of("warning")
