# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine itself tells of a strip before it is painted, held against the strip once it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("weights")


@pytest.mark.parametrize("is_rendered", [False, True])
def test_the_dry_run_tells_what_painting_then_takes_and_nothing_is_left_to_do_after_it(
    project: Path, image_strip: Callable[..., Any], painting: Path, engine_python: str, monkeypatch: pytest.MonkeyPatch, is_rendered: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from bl_ext.user_default.brushflow.addon import cli

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)
    strip = image_strip()
    strip.use_flip_x = is_rendered
    strip.brushflow.styles.add().path = str(painting)
    strip.brushflow.iterations_first, strip.brushflow.iterations = 6, 3

    def told() -> dict[str, Any]:
        capsys.readouterr()
        assert cli.execute(["--dry-run", "--json"]) == 0
        (plan,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
        return plan

    before = told()
    estimate, folder = before["estimate"], Path(before["folder"])
    assert not folder.exists()
    assert (estimate["frames"], estimate["kept"], estimate["evaluations"], estimate["problem"]) == (3, 0, 6 + 3 + 3, "")
    assert estimate["seconds"] > 0 and estimate["memory"] > 1e8
    assert cli.execute([]) == 0
    pictures = sum(path.stat().st_size for path in folder.glob("*.exr"))
    assert pictures / 2 < estimate["disk_pictures"] < pictures * 2
    cache = sum(path.stat().st_size for path in folder.glob("cache/**/*.npy"))
    assert cache * 0.9 < estimate["disk"] - estimate["disk_pictures"]
    after = told()["estimate"]
    assert (after["kept"], after["evaluations"], after["text"]) == (3, 0, "All 3 frames are there already")
