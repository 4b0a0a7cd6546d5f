# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person is shown of jobs that are painted side by side."""

from core.events import Bar


def ready(job: str) -> dict[str, object]:
    return {"event": "ready", "job": job, "plan": {}, "total": 2, "device": "cpu", "folder": "/film", "name": job}


def frame(job: str) -> dict[str, object]:
    losses = {"total": 1.0}
    return {
        "event": "frame_done", "job": job, "frame": 7, "index": 1, "total": 2, "eta": 3.0, "kept": False, "between": False,
        "seconds": 3.0, "iterations": 9, "losses": losses,
    }  # fmt: skip


def test_frames_of_many_jobs_are_told_with_their_names(capsys):
    bar = Bar()
    for event in (ready("one"), frame("one"), ready("two"), frame("two"), frame("one")):
        bar(event)
    lines = [line.partition(" painted")[0] for line in capsys.readouterr().err.splitlines() if "painted" in line]
    assert lines == ["frame 7 (1/2)", "two: frame 7 (1/2)", "one: frame 7 (1/2)"]


def test_the_end_of_a_job_leaves_the_bars_of_the_others(capsys):
    bar = Bar()
    for event in (ready("one"), ready("two"), {"event": "error", "job": "one", "message": "No.", "hint": ""}, frame("two")):
        bar(event)
    assert "frame 7 (1/2) painted" in capsys.readouterr().err
