# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers of strangers' files, given what nobody thought of: they answer, or refuse with the one exception that is theirs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.flow import FlowError
from core.flow_files import read_flo, read_flow, read_vectors
from core.frames import FrameError, open_source, read_image
from core.job import JobError, load_job, make_job
from core.numbering import has_placeholder, numbered
from core.settings import SettingsError, parse, specs
from tests.core.torture.corpus import FORMATS, flo, image, picture

EXAMPLES = 1000 if os.environ.get("BRUSHFLOW_TORTURE") == "full" else 100
fuzz = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
VALID: dict[str, Any] = {
    "schema": 1,
    "content": {"pattern": "shot_####.png"},
    "styles": [{"path": "painting.png"}],
    "output": {"folder": "out", "name": "shot"},
}
KEYS = ("schema", "id", "content", "styles", "matte", "flow", "output", "settings", "per_frame", "plan")


@fuzz
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_job_file_is_read_or_refused(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "job.json"
    path.write_bytes(contents)
    with pytest.raises(JobError):
        load_job(path)


@fuzz
@given(st.dictionaries(st.sampled_from(KEYS), JSON, min_size=1))
def test_a_job_with_any_values_is_made_or_refused(changes: dict[str, Any]) -> None:
    try:
        job = make_job({**VALID, **changes})
    except JobError as problem:
        assert str(problem)
    else:
        json.dumps(job.as_json())


@fuzz
@given(st.sampled_from(sorted(specs())), JSON)
def test_any_value_of_a_setting_is_taken_or_refused(name: str, value: Any) -> None:
    try:
        make_job({**VALID, "settings": {name: value}})
    except JobError as problem:
        assert str(problem)


@fuzz
@given(st.sampled_from(sorted(specs())), st.text(max_size=30))
def test_any_words_for_a_setting_are_taken_or_refused(name: str, text: str) -> None:
    try:
        value = parse(name, text)
        make_job({**VALID, "settings": {name: value}})
    except (SettingsError, JobError) as problem:
        assert str(problem)


@fuzz
@given(
    st.binary(max_size=60)
    | st.builds(lambda w, h, rest: flo(w, h, 0) + rest, *[st.integers(-(2**31), 2**31 - 1)] * 2, st.binary(max_size=80))
)
def test_any_flo_file_is_read_or_refused(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "a.flo"
    path.write_bytes(contents)
    try:
        flow = read_flo(path)
    except FlowError as problem:
        assert str(path) in str(problem)
    else:
        assert flow.shape[2] == 2 and flow.size * 4 + 12 == len(contents)


@st.composite
def changed(draw: st.DrawFn, original: bytes) -> bytes:
    """A file some of whose bytes are others, or that ends early."""
    contents = bytearray(original)
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(contents) - 1), st.integers(0, 255)), min_size=1, max_size=8)):
        contents[place] = value
    return bytes(contents[: draw(st.integers(0, len(contents)) | st.just(len(contents)))])


LAYERS = ("ViewLayer.Vector.X", "ViewLayer.Vector.Y", "ViewLayer.Vector.Z", "ViewLayer.Vector.W", "ViewLayer.Depth.Z")


@fuzz
@given(data=st.data())
def test_any_change_to_an_exr_with_vectors_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    source = tmp_path / "whole.exr"
    if not source.is_file():
        image(source, np.ones((6, 8, len(LAYERS)), np.float32), names=LAYERS)
    path = tmp_path / "changed.exr"
    path.write_bytes(data.draw(changed(source.read_bytes())))
    for read in (read_vectors, read_flow):
        try:
            read(path)
        except FlowError as problem:
            assert str(path) in str(problem)


@fuzz
@given(data=st.data())
@pytest.mark.parametrize("suffix", [name for name in FORMATS if name not in ("jp2", "rla")])
def test_any_change_to_a_picture_is_read_or_refused(suffix: str, tmp_path: Path, data: st.DataObject) -> None:
    source = tmp_path / f"whole.{suffix}"
    if not source.is_file():
        picture(source, size=(16, 16), kind="float" if suffix in ("exr", "hdr") else "uint8")
    path = tmp_path / f"changed.{suffix}"
    path.write_bytes(data.draw(changed(source.read_bytes())))
    try:
        frame = read_image(path)
    except FrameError as problem:
        assert str(path) in str(problem)
    else:
        assert np.isfinite(frame.rgb).all()


@fuzz
@given(st.text(alphabet="#%0d19a_. ", max_size=20), st.integers(0, 10**12))
def test_a_pattern_names_the_file_of_a_number_once(name: str, number: int) -> None:
    found = numbered(name)
    if found is None:
        return
    assert has_placeholder(name)
    made = found.name(number)
    assert made.startswith(found.prefix) and made.endswith(found.suffix)
    assert int(made[len(found.prefix) : len(made) - len(found.suffix)]) == number


@fuzz
@given(st.text(alphabet=st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_pattern_finds_frames_or_is_refused(tmp_path: Path, name: str) -> None:
    try:
        open_source(pattern=tmp_path / name).close()
    except FrameError as problem:
        assert str(problem).endswith(".")


def test_the_fuzzing_is_noted(record: Callable[..., None]) -> None:
    record("fuzzed job files, settings, patterns, .flo, EXR layers, pictures", "one sentence", times=EXAMPLES * (8 + len(FORMATS) - 2))
