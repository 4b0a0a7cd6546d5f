# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests need from outside themselves: the test data, the engine's interpreter and the network's weights.

Loaded by the engine's environment and by the hosts', so it imports nothing that one of them lacks.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]

# Deadlines fail on a busy machine, not on a wrong program.
hypothesis.settings.register_profile("brushflow", deadline=None)
hypothesis.settings.load_profile("brushflow")


def _absent(reason: str) -> None:
    """Skip for `reason`; where BRUSHFLOW_REQUIRE_DATA is 1, fail instead, so that a green run has tested everything."""
    if os.environ.get("BRUSHFLOW_REQUIRE_DATA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of films, flows and paintings to test with: BRUSHFLOW_TEST_DATA, else ../shared/data beside the checkout."""
    folder = Path(os.environ.get("BRUSHFLOW_TEST_DATA") or ROOT.parent / "shared" / "data").resolve()
    if not folder.is_dir():
        _absent(f"no test data in {folder}; set BRUSHFLOW_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def engine_python() -> str:
    """The interpreter that runs `core`: BRUSHFLOW_ENGINE_PYTHON, else this one where torch is there."""
    python = os.environ.get("BRUSHFLOW_ENGINE_PYTHON")
    if not python and importlib.util.find_spec("torch"):
        python = sys.executable
    if not python:
        _absent("no interpreter for the engine; set BRUSHFLOW_ENGINE_PYTHON to a Python that has requirements-engine.txt installed")
    assert python
    return python


@pytest.fixture(scope="session")
def weights(engine_python: str) -> Path:
    """The file of the VGG-16 weights, fetched into the user's cache once."""
    fetch = "import sys; sys.path.insert(0, sys.argv[1]); from core import weights; print(weights.ensure('vgg16').path)"
    done = subprocess.run([engine_python, "-c", fetch, str(ROOT)], capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        _absent(f"the weights of VGG-16 could not be had: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return Path(done.stdout.strip().splitlines()[-1])
