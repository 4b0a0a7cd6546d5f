# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import time

import pytest
import torch

from core import precision
from core.precision import fastest_precision

CPU = torch.device("cpu")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BRUSHFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "precision.json"


def seconds(monkeypatch, float32, bfloat16):
    monkeypatch.setattr(precision, "_seconds", lambda device, dtype: float32 if dtype == torch.float32 else bfloat16)


def test_the_precision_is_measured_once_for_a_device_and_remembered(cache, monkeypatch):
    found = fastest_precision(CPU, "a processor", 1)
    assert found in ("float32", "bfloat16")
    ((key, kept),) = json.loads(cache.read_text("utf-8")).items()
    assert kept == found and key == f"a processor, 1 threads, PyTorch {torch.__version__}"
    seconds(monkeypatch, *((1.0, 9.0) if found == "bfloat16" else (9.0, 1.0)))
    assert fastest_precision(CPU, "a processor", 1) == found
    assert fastest_precision(CPU, "a processor", 2) != found
    assert len(json.loads(cache.read_text("utf-8"))) == 2


@pytest.mark.parametrize(("float32", "expected"), [(1.19, "float32"), (1.21, "bfloat16"), (0.5, "float32")])
def test_bfloat16_has_to_be_clearly_faster(cache, monkeypatch, float32, expected):
    seconds(monkeypatch, float32, 1.0)
    assert fastest_precision(CPU, "a processor", 1) == expected


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("BRUSHFLOW_CACHE", str(tmp_path / "file"))
    seconds(monkeypatch, 2.0, 1.0)
    assert fastest_precision(CPU, "a processor", 1) == "bfloat16"


@pytest.mark.parametrize("contents", ["", "[]", "{", '{"a": 1}'])
def test_a_cache_that_cannot_be_read_is_written_anew(cache, monkeypatch, contents):
    cache.parent.mkdir()
    cache.write_text(contents)
    seconds(monkeypatch, 2.0, 1.0)
    assert fastest_precision(CPU, "a processor", 1) == "bfloat16"
    assert "bfloat16" in json.loads(cache.read_text("utf-8")).values()


def test_the_threads_are_as_before_the_measurement(cache):
    before, begun = torch.get_num_threads(), time.monotonic()
    fastest_precision(CPU, "a processor", 1)
    assert torch.get_num_threads() == before
    assert time.monotonic() - begun < 30
