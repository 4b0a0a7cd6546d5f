# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def job(extension: None, project: Path, scene: Any, image_strip: Callable[..., Any], painting: Path) -> Any:
    from bl_ext.user_default.brushflow.addon import queue, worker
    from bl_ext.user_default.brushflow.addon.order import take

    strip = image_strip()
    strip.brushflow.styles.add().path = str(painting)
    job = worker.Job(take(scene, strip))
    job._handle({"event": "ready", "protocol": 1, "total": 3, "device": "cpu"})
    job._handle({"event": "error", "message": f"{Path.home()}/film is full.", "hint": "Free some space."})
    job.state, job.exit_code = "failed", 1
    job.order.folder.mkdir(parents=True)
    job.order.log_file.write_text("".join(f"line {number}\n" for number in range(500)), encoding="utf-8")
    queue.JOBS.append(job)
    yield job
    queue.JOBS.clear()


def test_a_report_tells_versions_settings_outcome_and_the_end_of_the_log(job: Any) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon.report import report_of

    text = report_of(job)
    for words in (
        "Brushflow: 0.",
        f"Blender: {bpy.app.version_string}",
        "Device: cpu",
        "State: failed, exit code 1",
        "~/film is full. Free some space.",
    ):
        assert words in text
    assert "line 499" in text and "line 420" in text and "line 419\n" not in text
    assert str(Path.home()) not in text


def test_a_report_names_no_user_and_no_password(extension: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from bl_ext.user_default.brushflow.addon.report import discreet

    user = getpass.getuser()
    text = discreet(f"{Path.home()}/a /media/{user}/disk C:\\Users\\{user}\\b 'https://ann:secret@mirror.example/x' /media/{user}")
    assert text == "~/a /media/USER/disk C:\\Users\\USER\\b 'https://mirror.example/x' /media/USER"


def test_without_a_log_the_report_says_so(job: Any) -> None:
    from bl_ext.user_default.brushflow.addon.report import report_of

    job.order.log_file.unlink()
    assert "(No such file or directory)" in report_of(job)


def test_the_button_is_of_use_for_jobs_on_the_list_alone(job: Any) -> None:
    import bpy

    assert bpy.ops.sequencer.brushflow_job_report(number=job.number) == {"FINISHED"}
    assert bpy.ops.sequencer.brushflow_job_report(number=job.number + 1) == {"CANCELLED"}
