# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library can be told")

ROOT = Path(__file__).parents[2]
MADE_AGAIN = """
import resource, sys
import torch
from core import heap
if "keep" in sys.argv:
    heap.keep()
size = 100_000_000
def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(size, dtype=torch.uint8)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize() / (times * size)
faults(10)  # until the free pieces fit, which alignment makes a little larger
print(faults(10))
"""
RETURNED = """
import numpy as np
from pathlib import Path
from core import heap
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])
heap.keep()
before = resident()
np.ones(200_000_000, np.uint8)
kept = resident()
heap.give_back()
print((kept - before) / max(kept - resident(), 1))
"""


def printed(code: str, *arguments: str) -> float:
    return float(subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def test_large_tensors_take_the_pages_of_earlier_ones() -> None:
    if printed(MADE_AGAIN) < 0.9:
        pytest.skip("the system hands out pages of another size here")
    assert printed(MADE_AGAIN, "keep") < 0.25


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs /proc")
def test_what_was_kept_is_given_back_when_it_is_asked_for() -> None:
    assert 0.9 < printed(RETURNED) < 1.1
