# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the project, one session each. `python3 scripts/run_tests.py` runs them without anything installed.

The environments are made by scripts/_environments.py, because the demo shares them and because a host's tests need the engine's.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path

import nox

# nox does not put the checkout's folders on the path of its file.
sys.path.insert(0, str(Path(__file__).resolve().parent / "scripts"))
import _environments as environments

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "core", "farm", "addon", f"end_to_end({environments.fitting_host()})", "gui"]

each_blender = nox.parametrize("blender", [nox.param(blender, id=blender) for blender in environments.HOSTS])


def in_words(function: Callable[..., None]) -> Callable[..., None]:
    """A session whose environment cannot be made ends with the sentence that says why."""

    @functools.wraps(function)
    def session_in_words(session: nox.Session, *arguments: str, **named: str) -> None:
        try:
            function(session, *arguments, **named)
        except environments.SetupError as error:
            session.error(str(error))

    return session_in_words


@nox.session
@in_words
def lint(session: nox.Session) -> None:
    """Style and types."""
    python = str(environments.lint())
    session.run(python, "-m", "ruff", "check", ".", external=True)
    session.run(python, "-m", "mypy", "core", "addon", "scripts", external=True)


@nox.session
@in_words
def core(session: nox.Session) -> None:
    """The engine's tests, and those of the scripts."""
    _pytest(session, environments.engine(), "core", "tests/core", "tests/scripts")


@nox.session
@in_words
def farm(session: nox.Session) -> None:
    """Jobs for farms, by the farms' own tools, and on a cluster of Ray."""
    _pytest(session, environments.engine(), "farm", "tests/farm", **_farms())


@nox.session
@each_blender
@in_words
def addon(session: nox.Session, blender: str) -> None:
    """The add-on's tests in one Blender."""
    _pytest(session, _host(session, blender), f"addon-{blender}", "tests/addon")


@nox.session
@each_blender
@in_words
def end_to_end(session: nox.Session, blender: str) -> None:
    """From a strip to an EXR strip, headless, in one Blender."""
    _pytest(session, _host(session, blender), f"end_to_end-{blender}", "tests/end_to_end", **_farms())


@nox.session
@in_words
def torture(session: nox.Session) -> None:
    """Every fault as often as docs/reliability.md says, whose table it writes anew."""
    python, record = environments.engine(), Path(".nox/reports/torture.json").resolve()
    record.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    variables = {"BRUSHFLOW_TORTURE": "full", "BRUSHFLOW_TORTURE_RECORD": str(record)}
    _pytest(session, python, "torture", "tests/core/torture", **variables)
    _pytest(session, python, "torture-farm", "tests/farm/test_ray.py", **_farms(), **variables)
    # What the add-on makes of faults, in Blender.
    host = environments.host(environments.fitting_host())
    _pytest(session, host, "torture-blender", "tests/end_to_end/test_kills.py", "tests/addon/test_worker.py", **variables)
    session.run(str(python), "scripts/reliability_page.py", str(record), external=True)


@nox.session
@in_words
def gui(session: nox.Session) -> None:
    """The buttons, clicked in the window of a real Blender where there is one: BLENDER, or on the PATH."""
    _pytest(session, environments.engine(), "gui", "tests/gui")


def _farms() -> dict[str, str]:
    """The interpreters that have what farms run."""
    return {"BRUSHFLOW_FARM_PYTHON": str(environments.farm()), "BRUSHFLOW_RAY_PYTHON": str(environments.ray())}


def _host(session: nox.Session, blender: str) -> Path:
    needed = environments.HOSTS[blender].python
    if blender != environments.fitting_host() and environments.find_python(needed) is None:
        session.skip(f"Blender {blender} needs Python {needed}, which is not on this machine")
    return environments.host(blender)


def _pytest(session: nox.Session, python: Path, name: str, *folders: str, **variables: str) -> None:
    report = Path(".nox/reports") / f"{name}.xml"
    env = {
        "BRUSHFLOW_ENGINE_PYTHON": str(environments.engine()),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # as the engine sets it for itself
        **variables,
    }
    session.run(str(python), "-m", "pytest", *folders, f"--junitxml={report}", *session.posargs, external=True, env=env)
