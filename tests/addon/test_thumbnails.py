# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def thumbnails(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import thumbnails

    return thumbnails


def leave(folder: Path, blue: int = 10, width: int = 3, height: int = 2, cut: int = 0) -> None:
    """Write the small picture of a job: one color, whose red is 200 and green 100."""
    (folder / "cache").mkdir(exist_ok=True)
    data = b"BM" + bytes(8) + struct.pack("<IIii", 26, 40, width, height) + bytes((blue, 100, 200, 255)) * (width * height)
    (folder / "cache" / "thumbnail.bmp").write_bytes(data[: len(data) - cut])


def test_the_newest_frame_becomes_an_icon_and_the_next_one_takes_its_place(thumbnails: Any, tmp_path: Path) -> None:
    def pixel(name: str) -> tuple[int, ...]:
        preview = thumbnails._previews[name]
        assert tuple(preview.image_size) == (3, 2)
        return tuple(round(255 * value) for value in preview.image_pixels_float[:4])

    leave(tmp_path)
    thumbnails.icon("job 1", thumbnails.read(tmp_path))
    assert pixel("job 1") == (200, 100, 10, 255)
    leave(tmp_path, blue=90)
    thumbnails.icon("job 1", thumbnails.read(tmp_path))
    assert pixel("job 1") == (200, 100, 90, 255)


def test_its_middle_fills_a_square(thumbnails: Any) -> None:
    wide = thumbnails.Thumbnail(4, 2, bytes(range(32)))
    assert wide.square() == thumbnails.Thumbnail(2, 2, bytes([*range(4, 12), *range(20, 28)]))
    high = thumbnails.Thumbnail(1, 3, bytes(range(12)))
    assert high.square() == thumbnails.Thumbnail(1, 1, bytes(range(4, 8)))


def test_a_job_without_a_whole_picture_has_none(thumbnails: Any, tmp_path: Path) -> None:
    assert thumbnails.read(tmp_path) is None
    leave(tmp_path, cut=1)
    assert thumbnails.read(tmp_path) is None
    (tmp_path / "cache" / "thumbnail.bmp").write_bytes(b"BM")
    assert thumbnails.read(tmp_path) is None


def test_reading_and_showing_one_takes_a_hundredth_of_a_second_at_most(thumbnails: Any, tmp_path: Path) -> None:
    leave(tmp_path, width=384, height=384)
    took = []
    for _ in range(20):
        begun = time.perf_counter()
        thumbnails.icon("timed", thumbnails.read(tmp_path))
        took.append(time.perf_counter() - begun)
    assert sorted(took)[10] < 0.01


def test_the_panel_of_jobs_shows_the_newest_frame(
    thumbnails: Any, project: Path, scene: Any, image_strip: Callable[..., Any], painting: Path, engine_python: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from bl_ext.user_default.brushflow.addon import panels, worker
    from bl_ext.user_default.brushflow.addon.order import take

    from tests.addon.test_panels import Recorder

    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", engine_python)
    shown: list[float] = []

    class Layout(Recorder):
        def template_icon(self, *, icon_value: int, scale: float) -> None:
            shown.append(scale)

        def row(self, **_: Any) -> Recorder:
            return self

    image_strip().brushflow.styles.add().path = str(painting)
    job = worker.Job(take(scene, scene.sequence_editor.active_strip))
    panels._draw_job(Layout(), job)
    assert shown == []
    job.order.folder.mkdir(parents=True)
    leave(job.order.folder)
    done = {"event": "frame_done", "frame": 1, "pass": 1, "index": 1, "eta": 1.0, "seconds": 1.0, "kept": False}
    job._handle(done)
    panels._draw_job(Layout(), job)
    assert shown == [panels._THUMBNAIL]
    assert job.progress.thumbnail.width == 3
    leave(job.order.folder, blue=90)
    before = job.progress.thumbnail
    job._handle({**done, "kept": True})
    assert job.progress.thumbnail is before, "frames that are kept bring no new picture"
