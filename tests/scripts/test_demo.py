# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import demo
import demo_painting
import numpy as np
import pytest
from contact_sheet import evenly, seen, sheet

from core.exr import write_exr
from core.frames import Frame, open_source


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--style", "nowhere.jpg"], "--style: nowhere.jpg does not exist"),
        (["--size", "large"], "--size takes WIDTHxHEIGHT"),
        (["--frames", "1"], "--frames takes 2 or more"),
        (["--blender", "2.79"], "--blender"),
    ],
)
def test_a_wrong_option_of_the_demo_is_refused_before_anything_is_installed(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        demo.parse(arguments)
    assert refused.value.code == 2
    assert words in capsys.readouterr().err


def test_the_report_tells_the_share_of_the_style_loss_that_is_left() -> None:
    measures = {"untouched": {"style_loss": 800.0, "temporal_error": 0.001}, "stylized": {"style_loss": 100.0, "temporal_error": 0.002}}
    facts = demo.report({"frames": 24, **measures}, 120.0)
    assert facts["style loss"] == "800 untouched, 100 stylized (12.5%)"
    assert facts["time"] == "120 s for 24 frames, 5.0 s a frame"


def test_large_content_is_painted_at_a_fraction_and_small_content_whole() -> None:
    assert demo.working_fraction(1760, 990) == pytest.approx(0.2, abs=0.001)
    assert demo.working_fraction(320, 180) == 1.0


def test_the_underpainting_is_the_same_every_time_and_within_range() -> None:
    first, second = (demo_painting.underpainting(np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (demo_painting.HEIGHT, demo_painting.WIDTH, 3)
    assert 0 <= first.min() <= first.max() <= 1


def test_a_frame_is_shown_in_display_colors_and_its_transparent_parts_as_paper() -> None:
    rgb = np.full((8, 16, 3), 0.2158605, np.float32)
    alpha = np.ones((8, 16), np.float32)
    alpha[:, 8:] = 0
    image = seen(Frame(rgb, alpha), 16)
    assert image.shape == (8, 16, 3)
    assert (image[:, :8] == 128).all()
    assert (image[:, 8:] == (244, 242, 238)).all()


def test_a_sheet_lays_each_source_over_its_result_beside_the_painting() -> None:
    def plain(value: int) -> np.ndarray:
        return np.full((40, 60, 3), value, np.uint8)

    picture = sheet(plain(10), [(plain(value), plain(value + 1)) for value in (50, 60, 70)], columns=2)
    left, gap = 12 + 60 + 12, 12
    for index, value in enumerate((50, 60, 70)):
        top = 12 + (index // 2) * (40 + 2 + 40 + gap)
        x = left + (index % 2) * (60 + gap)
        assert (picture[top : top + 40, x : x + 60] == value).all()
        assert (picture[top + 42 : top + 82, x : x + 60] == value + 1).all()


def test_frames_for_the_sheet_are_chosen_from_the_first_to_the_last(tmp_path: Path) -> None:
    for number in range(1001, 1012):
        write_exr(tmp_path / f"shot_{number}.exr", np.ones((16, 16, 4), np.float32), {})
    with open_source(tmp_path) as source, open_source(tmp_path) as result:
        assert evenly(source, result, 3) == [(1001, 1001), (1006, 1006), (1011, 1011)]
