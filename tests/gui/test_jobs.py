# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's buttons, clicked in a real Blender with the real engine behind them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gui.conftest import COUNT
from tests.gui.window import Window

STYLIZE, CANCEL = "sequencer.brushflow_stylize(", "sequencer.brushflow_cancel("
SLOW = 80
"""Iterations a frame that leave a person the time to do something while others of a shot are painted."""
DONE = "queue.JOBS and queue.JOBS[-1].state == 'done'"

Prepared = Callable[..., Window]


def frames(folder: Path, strip: str = "shot1") -> list[str]:
    return sorted(path.name for path in (folder / "brushflow" / strip).glob("*.exr"))


def all_frames(strip: str = "shot1") -> list[str]:
    return [f"{strip}_{number:04d}.exr" for number in range(1, COUNT + 1)]


def states(window: Window) -> list[str]:
    answer: list[str] = window.ask("[job.state for job in queue.JOBS]")
    return answer


def strips(window: Window) -> list[list[Any]]:
    """Name, channel and whether it is muted, of every strip."""
    answer: list[list[Any]] = window.ask("[(strip.name, strip.channel, strip.mute) for strip in strips]")
    return answer


BEFORE, AFTER = [["shot1", 1, False]], [["shot1", 1, True], ["shot1 [stripes]", 2, False]]


def test_stylize_paints_the_strip_and_undo_takes_the_result_away_and_back(prepared: Prepared, tmp_path: Path) -> None:
    window = prepared()
    window.click(STYLIZE)
    window.wait_for(DONE)
    assert frames(tmp_path) == all_frames()
    assert strips(window) == AFTER
    window.key("Z", ctrl=True)
    assert strips(window) == BEFORE
    window.key("Z", ctrl=True, shift=True)
    assert strips(window) == AFTER


def test_undo_while_a_strip_is_painted_takes_back_the_edit_before_and_the_job_goes_on(prepared: Prepared, tmp_path: Path) -> None:
    window = prepared(iterations=SLOW)
    window.key("M")
    assert window.ask("len(scene.timeline_markers)") == 1
    window.click(STYLIZE)
    window.wait_for("queue.JOBS[0].is_laid")
    window.key("Z", ctrl=True)
    assert window.ask("len(scene.timeline_markers)") == 0
    assert states(window) == ["painting"]
    window.wait_for(DONE)
    assert frames(tmp_path) == all_frames()
    assert strips(window) == AFTER


def test_cancel_keeps_the_finished_frames_and_stylize_goes_on_from_there(prepared: Prepared, tmp_path: Path) -> None:
    window = prepared(iterations=SLOW)
    window.click(STYLIZE)
    window.wait_for("queue.JOBS[0].progress.painted")
    window.click(CANCEL)
    window.wait_for("queue.JOBS[0].ended")
    assert states(window) == ["cancelled"]
    kept = {path: path.read_bytes() for path in (tmp_path / "brushflow" / "shot1").glob("*.exr")}
    assert 0 < len(kept) < COUNT
    window.click(STYLIZE)
    window.wait_for(DONE)
    assert window.ask("queue.JOBS[0].progress.kept") == len(kept)
    assert {path: path.read_bytes() for path in kept} == kept
    assert frames(tmp_path) == all_frames()


def test_two_selected_strips_queue_up_and_the_one_that_waits_is_canceled_and_taken_up_again(prepared: Prepared, tmp_path: Path) -> None:
    window = prepared(shots=2, iterations=SLOW)
    window.key("A")
    window.click(STYLIZE)
    window.wait_for("queue.JOBS[0].state == 'painting'")
    assert states(window) == ["painting", "waiting"]
    number = window.ask("queue.JOBS[1].number")
    window.click(f"brushflow_job_cancel(number={number})")
    assert states(window)[1] == "cancelled"
    window.click(f"brushflow_job_retry(number={number})")
    assert states(window)[1] != "cancelled"
    window.wait_for(DONE)
    assert states(window) == ["done", "done"]
    assert (frames(tmp_path, "shot1"), frames(tmp_path, "shot2")) == (all_frames("shot1"), all_frames("shot2"))
    assert [strip[:2] for strip in strips(window)][2:] == [["shot1 [stripes]", 3], ["shot2 [stripes]", 4]]


def test_preview_frame_shows_the_painted_frame_and_its_source_by_turns(prepared: Prepared) -> None:
    window = prepared(iterations=30)
    shown = "[round(value, 3) for value in bpy.data.images['Brushflow Preview'].pixels[:400]]"
    window.click("sequencer.brushflow_preview(")
    window.wait_for("preview.current().state == 'done'")
    editors = "[a.spaces.active.image.name for w in bpy.context.window_manager.windows for a in w.screen.areas if a.type == 'IMAGE_EDITOR']"
    assert window.ask(editors) == ["Brushflow Preview"]
    painted = window.ask(shown)
    window.click("sequencer.brushflow_preview_compare(")
    source = window.ask(shown)
    assert source != painted
    window.click("sequencer.brushflow_preview_compare(", "IMAGE_EDITOR", "HEADER")
    assert window.ask(shown) == painted
    assert window.ask("len(strips)") == 1


def test_the_clock_tells_what_painting_will_take_and_paints_nothing(prepared: Prepared, tmp_path: Path) -> None:
    window = prepared()
    window.click("sequencer.brushflow_estimate(")
    window.wait_for("estimate.ESTIMATES and estimate.ESTIMATES[-1].ended")
    assert f"{COUNT} frames" in window.ask("estimate.ESTIMATES[-1].result['text']")
    assert states(window) == []
    assert frames(tmp_path) == []


def test_closing_blender_ends_the_engine_and_the_next_session_goes_on(
    prepared: Prepared, open_blender: Callable[[Path], Window], tmp_path: Path
) -> None:
    window = prepared(iterations=SLOW)
    window.click(STYLIZE)
    window.wait_for("queue.JOBS[0].progress.painted")
    engine = window.ask("queue.JOBS[0]._process.number")
    window.key("S", ctrl=True)
    window.leave()
    deadline = time.monotonic() + 30
    while runs(engine):
        assert time.monotonic() < deadline, "the engine outlives Blender"
        time.sleep(0.1)
    kept = frames(tmp_path)
    assert 0 < len(kept) < COUNT
    again = open_blender(tmp_path / "edit.blend")
    again.do("arrange")
    again.click(STYLIZE)
    again.wait_for(DONE)
    assert again.ask("queue.JOBS[0].progress.kept") == len(kept)
    assert frames(tmp_path) == all_frames()
    assert strips(again) == AFTER


def runs(number: int) -> bool:
    """Whether there is a process of that number, dead ones that nobody has asked about aside."""
    try:
        return bool(Path(f"/proc/{number}/cmdline").read_bytes())
    except OSError:
        return False


def test_the_search_finds_stylize(prepared: Prepared) -> None:
    window = prepared()
    window.key("F3")
    window.write("stylize")
    window.key("RET")
    window.wait_for("queue.JOBS")
    assert window.ask("queue.JOBS[0].order.source.strip") == "shot1"
