# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import _environments as environments
import pytest
import run_tests

import core

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_the_extra_for_ray_asks_for_what_its_requirements_do() -> None:
    project = tomllib.loads((environments.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = (environments.ROOT / "requirements-ray.txt").read_text("utf-8").splitlines()
    assert project["optional-dependencies"]["ray"] == [line for line in lines if not line.startswith("#")]


def test_the_python_that_is_found_is_of_the_version_asked_for() -> None:
    found = environments.find_python(RUNNING)
    assert found is not None
    answer = subprocess.run([found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == RUNNING


def test_a_python_is_the_same_by_each_of_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the demo and the tests would each make the environments of the other anew."""
    link = tmp_path / "python-by-another-name"
    link.symlink_to(sys.executable)
    found = environments.find_python(RUNNING)
    monkeypatch.setattr(sys, "executable", str(link))
    assert environments.find_python(RUNNING) == found


def test_a_python_that_is_not_on_the_machine_is_none() -> None:
    assert environments.find_python("3.99") is None


def test_a_name_on_the_path_with_nothing_behind_it_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environments.find_python("3.99") is None


def test_a_failed_command_is_told_with_its_last_words() -> None:
    with pytest.raises(environments.SetupError, match="failed with code 3: out of paint"):
        environments.run([sys.executable, "-c", "import sys; print('out of paint', file=sys.stderr); sys.exit(3)"], quiet=True)


def test_a_command_that_does_not_exist_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(environments.SetupError, match="easel cannot be started"):
        environments.run([tmp_path / "easel"])


def test_each_host_is_an_exact_version_of_the_blender_that_it_is_named_for() -> None:
    assert all(host.bpy.startswith(f"{blender}.") for blender, host in environments.HOSTS.items())
    assert environments.fitting_host() in environments.HOSTS


def test_the_reports_of_all_sessions_are_added_up(tmp_path: Path) -> None:
    counts = ((5, 1, 0, 1), (7, 0, 2, 0))
    for index, (tests, failures, errors, skipped) in enumerate(counts):
        suite = f'<testsuite tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"/>'
        (tmp_path / f"{index}.xml").write_text(f"<testsuites>{suite}</testsuites>", "utf-8")
    assert run_tests.summary(sorted(tmp_path.glob("*.xml"))) == "8 passed, 3 failed, 1 skipped"


def test_the_project_the_extension_and_the_engine_have_one_version() -> None:
    project = tomllib.loads((environments.ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    manifest = tomllib.loads((environments.ROOT / "blender_manifest.toml").read_text("utf-8"))["version"]
    assert project == manifest == core.__version__
