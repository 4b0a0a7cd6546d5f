# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from core.scratch import remove_abandoned, scratch

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys; sys.path.insert(0, sys.argv[1])
from core.scratch import scratch
with scratch() as folder:
    (folder / "download.whl").write_bytes(bytes(1000))
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def hold():
    """Starts a process that holds a folder, and gives both."""
    started = []

    def start():
        process = subprocess.Popen([sys.executable, "-c", HOLDER, str(ROOT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def age(folder):
    """Let a folder be an hour old."""
    os.utime(folder, (time.time() - 3600,) * 2)


def test_a_folder_is_gone_after_its_block(temporary):
    with scratch() as folder:
        assert folder.parent == temporary
        (folder / "file").touch()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_has_left_is_removed_and_what_is_in_use_stays(temporary, hold):
    killed, left = hold()
    _, used = hold()
    killed.kill()
    killed.communicate()
    assert (left / "download.whl").is_file()
    remove_abandoned()
    assert left.exists(), "it may be from a process that is about to lock it"
    for folder in (left, used):
        age(folder)
    remove_abandoned()
    assert not left.exists() and (used / "download.whl").is_file()


def test_links_and_other_folders_are_left_alone(temporary, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (temporary / "brushflow-engine-link").symlink_to(elsewhere)
    other = temporary / "of-another-program"
    other.mkdir()
    age(other)
    age(elsewhere)
    remove_abandoned()
    assert other.is_dir() and elsewhere.is_dir() and list(elsewhere.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only the superuser can give a folder to somebody else")
def test_folders_of_other_users_are_left_alone(temporary):
    theirs = temporary / "brushflow-engine-theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    age(theirs)
    remove_abandoned()
    assert theirs.is_dir() and list(theirs.iterdir()) == []
