# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import itertools

import numpy as np

from core.color import display_from_linear
from core.cuts import is_cut, thumbnail
from core.frames import open_source

CUTS = {31, 77, 138, 188, 243}  # first frames of the film's shots, told by eye


def test_the_cuts_of_a_film_are_found_and_nothing_else(data):
    found = set()
    with open_source(data / "clips" / "bikes.mp4") as film:
        before = None
        for number in film.numbers:
            after = thumbnail(display_from_linear(film.read(number)).rgb)
            if before is not None and is_cut(before, after):
                found.add(number)
            before = after
    assert found == CUTS


def test_a_slow_scene_has_no_cut(data):
    with open_source(data / "sintel_alley_1") as film:
        frames = [thumbnail(display_from_linear(film.read(number)).rgb) for number in film.numbers]
    assert not any(is_cut(before, after) for before, after in itertools.pairwise(frames))


def test_blank_frames_are_one_shot():
    gray = np.full((40, 60, 3), 0.5, np.float32)
    assert not is_cut(gray, gray)
    assert not is_cut(gray, gray + 0.005)


def test_thumbnails_keep_small_frames_and_shrink_large_ones():
    assert thumbnail(np.zeros((40, 60, 3), np.float32)).shape == (40, 60, 3)
    assert thumbnail(np.zeros((1080, 1920, 3), np.float32)).shape == (108, 192, 3)
