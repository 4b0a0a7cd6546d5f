# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.consistency import chained, mask
from core.content import Content
from core.flow import DIS
from core.flow_files import GivenFlow, write_flo
from core.motion import EstimatedMotion, GivenMotion, along

SIZE = (48, 40)


def content(number: int, shift: int = 0) -> Content:
    generator = np.random.default_rng(3)
    wide = generator.random((SIZE[1] // 4, SIZE[0] // 4 + 8, 3), np.float32).repeat(4, 0).repeat(4, 1)
    picture = np.ascontiguousarray(wide[:, 16 - shift : 16 - shift + SIZE[0]])
    return Content(number - 1, number, f"digest {number} {shift}", picture, picture, None)


class Counting(DIS):
    def __init__(self) -> None:
        self.calls = 0

    def estimate(self, a, b):
        self.calls += 1
        return super().estimate(a, b)


def test_a_pair_is_estimated_once_in_both_directions_and_found_again_to_the_bit(tmp_path: Path) -> None:
    estimator = Counting()
    here, there = content(2, 2), content(1)
    motion = EstimatedMotion(estimator, "soft", tmp_path).find(here, there)
    assert np.array_equal(motion.flow, DIS().estimate(here.working, there.working))
    assert np.array_equal(motion.mask, mask(motion.flow, DIS().estimate(there.working, here.working)))
    assert estimator.calls == 2
    again = EstimatedMotion(estimator, "soft", tmp_path)
    back, kept = again.find(there, here), again.find(here, there)
    assert estimator.calls == 2
    assert np.array_equal(kept.flow, motion.flow) and np.array_equal(kept.mask, motion.mask)
    assert np.array_equal(back.flow, DIS().estimate(there.working, here.working))


def test_other_contents_or_another_mask_are_not_mistaken_for_what_was_kept(tmp_path: Path) -> None:
    estimator = Counting()
    EstimatedMotion(estimator, "soft", tmp_path).find(content(2, 2), content(1))
    hard = EstimatedMotion(estimator, "binary", tmp_path).find(content(2, 2), content(1))
    assert set(np.unique(hard.mask)) <= {0.0, 1.0} and estimator.calls == 2
    EstimatedMotion(estimator, "soft", tmp_path).find(content(2, 4), content(1))
    assert estimator.calls == 4


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    first = EstimatedMotion(DIS(), "soft", tmp_path).find(content(2, 2), content(1))
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    second = EstimatedMotion(DIS(), "soft", tmp_path).find(content(2, 2), content(1))
    assert np.array_equal(first.flow, second.flow) and np.array_equal(first.mask, second.mask)


@pytest.fixture
def given(tmp_path: Path) -> GivenFlow:
    """Everything moves two pixels to the right a frame."""
    for number in (1, 2, 3):
        for name, motion in (("forward", 2.0), ("backward", -2.0)):
            flow = np.zeros((SIZE[1], SIZE[0], 2), np.float32)
            flow[..., 0] = motion
            write_flo(tmp_path / f"{name}_{number:04d}.flo", flow)
    return GivenFlow(forward=str(tmp_path / "forward_####.flo"), backward=str(tmp_path / "backward_####.flo"))


def test_given_steps_are_chained_to_pairs_at_a_distance(given: GivenFlow) -> None:
    finder = GivenMotion(given, "binary", SIZE)
    near, far = finder.find(content(3), content(2)), finder.find(content(3), content(1))
    assert (near.flow[..., 0] == -2).all() and (near.flow[..., 1] == 0).all()
    assert (far.flow[:, 2:, 0] == -4).all()
    assert (near.mask[:, 2:] == 1).all() and (near.mask[:, :2] == 0).all()
    assert (far.mask[:, 4:] == 1).all() and (far.mask[:, :4] == 0).all()


def test_the_identity_of_given_motion_follows_the_files_it_is_made_from(given: GivenFlow, tmp_path: Path) -> None:
    before = GivenMotion(given, "soft", SIZE)
    whole, rest = before.identity(3, 1), before.identity(3, 2)
    changed = np.zeros((SIZE[1], SIZE[0], 2), np.float32)
    write_flo(tmp_path / "backward_0002.flo", changed)
    after = GivenMotion(given, "soft", SIZE)
    assert after.identity(3, 1) != whole and after.identity(3, 2) == rest


def test_a_path_is_followed_step_by_step(tmp_path: Path) -> None:
    finder = EstimatedMotion(DIS(), "soft", tmp_path)
    path = [content(3, 4), content(2, 2), content(1)]
    steps = [finder.find(here, there) for here, there in pairwise(path)]
    flow, trusted = chained([step.flow for step in steps], [step.mask for step in steps])
    motion = along(finder, path)
    assert np.array_equal(motion.flow, flow) and np.array_equal(motion.mask, trusted)
    assert np.array_equal(along(finder, path[:2]).flow, steps[0].flow)
