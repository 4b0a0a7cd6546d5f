# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of events, given anything: a job is neither stopped nor led astray by what it cannot use."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

POSITION = {"index": 1, "total": 3, "pass": 1}
DONE = {**POSITION, "frame": 7, "seconds": 1.5, "eta": None, "kept": False}
SOUND: dict[str, dict[str, Any]] = {
    "extracting": {"kind": "frames", "total": 3},
    "extracted": {"index": 1},
    "ready": {"protocol": 1, "total": 3, "device": "cpu", "passes": 1},
    "frame_started": POSITION,
    "iteration": {"iteration": 1, "limit": 9, "losses": {"total": 1.0}},
    "frame_done": DONE,
    "pass_frame_done": DONE,
    "warning": {"message": "It is so."},
    "error": {"message": "It is not.", "hint": "Make it so."},
}
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.fixed_dictionaries({"total": st.floats() | st.text()})
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """An event some of whose facts are others, or missing."""
    name = draw(st.sampled_from(sorted(SOUND)))
    facts = SOUND[name] | draw(st.dictionaries(st.sampled_from(sorted(SOUND[name])), VALUES, max_size=2))
    for missing in draw(st.sets(st.sampled_from(sorted(facts)), max_size=1)):
        del facts[missing]
    return {"event": name, **facts}


@pytest.fixture
def new_job(extension: None, project: Path, scene: Any, image_strip: Callable[..., Any], painting: Path) -> Callable[[], Any]:
    from bl_ext.user_default.brushflow.addon import worker
    from bl_ext.user_default.brushflow.addon.order import take

    strip = image_strip()
    strip.brushflow.styles.add().path = str(painting)
    order = take(scene, strip)
    return lambda: worker.Job(order)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40) | events().map(json.dumps))
def test_any_line_is_a_message_that_a_job_can_show_or_none(new_job: Callable[[], Any], line: str) -> None:
    from bl_ext.user_default.brushflow.addon import wording
    from bl_ext.user_default.brushflow.addon.messages import message_of

    message = message_of(line)
    if message is None:
        return
    job = new_job()
    job._handle(message)
    assert 0 <= job.progress.factor <= 1
    assert wording.headline(job)
    for seconds in (job.progress.eta, job.progress.seconds):
        assert seconds is None or wording.as_time(seconds)


@pytest.mark.parametrize("name", sorted(SOUND))
def test_sound_events_are_messages(extension: None, name: str) -> None:
    from bl_ext.user_default.brushflow.addon.messages import message_of

    assert message_of(json.dumps({"event": name, **SOUND[name]})) == {"event": name, **SOUND[name]}


@pytest.mark.parametrize("line", ["[" * 100_000, '{"event":' * 100_000, '{"event": 5}', "9" * 5000, '{"event": "ready"}', "\0", "NaN"])
def test_lines_that_are_no_messages_are_passed_over(extension: None, line: str) -> None:
    from bl_ext.user_default.brushflow.addon.messages import message_of

    assert message_of(line) is None
