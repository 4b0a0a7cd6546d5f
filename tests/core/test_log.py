# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import logging
import sys
from pathlib import Path

from core.command_line import main
from core.log import Discreet
from tests.core.torture.engine import Engine, write_job


def test_the_log_tells_versions_device_settings_and_times(weights, tmp_path):
    job = write_job(tmp_path / "job", frames=2)
    engine = Engine(job)
    assert engine.wait() == 0
    told = (tmp_path / "job" / "events.jsonl.err").read_text("utf-8")
    for words in (
        '"iterations": 3',
        '"device": "cpu"',
        '"torch": "',
        "frame 1 painted in ",
        "frame 2 painted in ",
        "done: 2 painted, 0 kept, in",
    ):
        assert words in told


def test_the_users_folder_is_not_named_even_in_a_traceback():
    try:
        raise OSError(f"{Path.home()}/film/shot.exr")
    except OSError:
        record = logging.LogRecord("core", logging.ERROR, "", 1, "at %s", (Path.home() / "film",), sys.exc_info())
    text = Discreet("%(message)s").format(record)
    assert "at ~/film" in text and "OSError: ~/film/shot.exr" in text and str(Path.home()) not in text


def test_a_job_file_that_is_broken_does_not_keep_the_next_from_being_painted(weights, tmp_path, capfd):
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    job = write_job(tmp_path / "job", frames=1)
    assert main(["run", str(tmp_path / "broken.json"), str(job)]) == 2
    assert (tmp_path / "job" / "out" / "shot_0001.exr").is_file()
