# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from core.arrays import read_array, write_array
from core.files import atomic


@given(arrays(np.float32, array_shapes(max_dims=3, max_side=6), elements=st.floats(width=32)), st.booleans())
def test_what_is_written_is_read_to_the_bit(tmp_path_factory, array, turned):
    array = array.T if turned else array
    path = tmp_path_factory.mktemp("arrays") / "array.npy"
    write_array(path, array)
    found = read_array(path)
    assert found.shape == array.shape and found.dtype == array.dtype and found.tobytes() == array.tobytes()
    assert np.load(path).tobytes() == array.tobytes()


def unfinished(path: Path) -> Path:
    """The name under which this process writes a file."""
    with pytest.raises(InterruptedError), atomic(path) as partial:
        raise InterruptedError
    return partial


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_is_told_as_what_it_is_and_leaves_nothing(tmp_path):
    path = tmp_path / "flow.npy"
    unfinished(path).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        write_array(path, np.zeros((400, 400), np.float32))
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
