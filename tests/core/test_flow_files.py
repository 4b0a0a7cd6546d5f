# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from core.flow import FlowError
from core.flow_files import read_flo, write_flo


def test_a_flow_file_comes_back_bit_by_bit(tmp_path: Path) -> None:
    flow = np.random.default_rng(0).normal(0, 5, (7, 9, 2)).astype(np.float32)
    path = tmp_path / "flow.flo"
    write_flo(path, flow)
    assert np.array_equal(read_flo(path), flow)
    head = struct.unpack("<fii", path.read_bytes()[:12])
    assert head == (202021.25, 9, 7)


def test_the_flow_of_the_film_is_read_with_its_size(data: Path) -> None:
    assert read_flo(data / "sintel_alley_1" / "flow_0001.flo").shape == (436, 1024, 2)


@pytest.mark.parametrize(
    ("contents", "complaint"),
    [
        (b"", "is not a .flo file"),
        (b"PIEH", "is not a .flo file"),
        (struct.pack("<fii", 1.0, 2, 2) + bytes(32), "is not a .flo file"),
        (struct.pack("<fii", 202021.25, 2, 2) + bytes(31), "2x2 pixels take 44 bytes, but it has 43"),
        (struct.pack("<fii", 202021.25, 2, 2) + bytes(40), "but it has 52"),
        (struct.pack("<fii", 202021.25, 0, 2), "claims 0x2 pixels"),
        (struct.pack("<fii", 202021.25, -3, 2), "claims -3x2 pixels"),
        (struct.pack("<fii", 202021.25, 2**30, 2**30), "claims 1073741824x1073741824 pixels"),
    ],
)
def test_a_flow_file_that_is_not_whole_is_refused(tmp_path: Path, contents: bytes, complaint: str) -> None:
    path = tmp_path / "bad.flo"
    path.write_bytes(contents)
    with pytest.raises(FlowError, match=complaint) as caught:
        read_flo(path)
    assert "bad.flo" in str(caught.value)


def test_a_flow_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"none\.flo cannot be read"):
        read_flo(tmp_path / "none.flo")


def test_a_flow_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="cannot be written"):
        write_flo(tmp_path / "missing" / "flow.flo", np.zeros((2, 2, 2), np.float32))
    assert list(tmp_path.iterdir()) == []
