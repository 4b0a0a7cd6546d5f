# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys; sys.path.insert(0, sys.argv[1])
from core.resident import peak, resident
print(resident())
held = bytearray(b"x") * 300_000_000
print(resident())
del held
print(resident(), peak())
"""
ASK = "import sys; sys.path.insert(0, sys.argv[1]); from core.resident import peak; print(peak())"


def test_the_peak_is_that_of_what_was_held_even_after_it_is_gone():
    done = subprocess.run([sys.executable, "-c", HOLD, str(ROOT)], capture_output=True, text=True, check=True)
    before, during, after, peak_after = map(int, done.stdout.split())
    assert during - before > 290_000_000
    assert after - before < 50_000_000 and peak_after - before > 290_000_000


def test_the_peak_of_a_process_is_its_own_and_not_that_of_what_started_it():
    held = bytearray(b"x") * 300_000_000
    done = subprocess.run([sys.executable, "-c", ASK, str(ROOT)], capture_output=True, text=True, check=True)
    assert len(held) and int(done.stdout) < 200_000_000
