# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of a farm's tasks, and the simulation that stands on it."""

from pathlib import Path

import cv2
import farm_joints
import numpy as np
import pytest
from farm_model import CASES, Case, Measured, Model, fit, measure
from farm_simulation import HEIGHT, WIDTH, Film, Shot, film, longest_first, simulate

from core.graph import Division

MODEL = Model(start=5.0, frame=0.5, iteration=4.0, delivered=6.0)


def made(needs, seconds, shots=(0,)):
    return Film([*needs], [*seconds], [1e6] * len(seconds), [*shots])


def test_the_model_of_tasks_that_follow_one_is_found_again():
    pixels = {case: case.megapixels * case.frames for case in CASES}
    measured = [Measured(case, MODEL.seconds(pixels[case], case.work), round(6e6 * pixels[case])) for case in CASES]
    found = fit(measured)
    assert found.start == pytest.approx(5) and found.frame == pytest.approx(0.5) and found.iteration == pytest.approx(4)
    assert found.delivered == pytest.approx(6) and found.error == pytest.approx(0, abs=1e-9)


def test_no_part_of_the_model_is_negative():
    measured = [Measured(case, 5 - 3 * case.megapixels * case.frames + 4 * case.work, 0) for case in CASES]
    found = fit(measured)
    assert found.start > 0 and found.frame == 0 and found.iteration > 0 and found.error > 0


def test_a_task_is_measured_by_running_it(weights, tmp_path):
    painting = tmp_path / "painting.png"
    cv2.imwrite(str(painting), np.random.default_rng(2).integers(0, 256, (20, 24, 3)).astype(np.uint8))
    one = measure(Case(32, 24, 2, 2), painting)
    assert one.seconds > 0.5 and one.delivered > 0
    with pytest.raises(RuntimeError, match="no style image"):
        measure(Case(32, 24, 2, 2), Path("/none.png"))


def test_joints_are_measured_by_painting_them(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(farm_joints, "CHUNK", 2)
    monkeypatch.setattr(farm_joints, "PREROLLS", (1,))
    wide, painting = np.random.default_rng(2).integers(0, 256, (24, 40, 3)).astype(np.uint8), tmp_path / "painting.png"
    cv2.imwrite(str(painting), wide[:20, :24])
    shot = tmp_path / "shot"
    shot.mkdir()
    for number in range(1, 5):
        cv2.imwrite(str(shot / f"in_{number:04d}.png"), np.ascontiguousarray(cv2.blur(wide, (5, 5))[:, 4 - number : 36 - number]))
    (joint,) = farm_joints.measure(shot, painting, {"cuts": "none", "device": "cpu", "iterations_first": 4, "iterations": 2})
    assert joint.preroll == 1 and joint.error > 0 and joint.around > 0
    assert farm_joints.table([joint]).endswith(f" {joint.error / joint.around:.1f} |")


def test_independent_tasks_share_the_workers_and_a_chain_does_not():
    free = made([[], [], [], []], [10, 10, 10, 10])
    assert simulate(free, 1).makespan == 40 and simulate(free, 2).makespan == 20 and simulate(free, 4).makespan == 10
    assert simulate(free, 8).idle == 0.5
    chain = made([[], [0], [1]], [10, 10, 10])
    assert simulate(chain, 3).makespan == 30 and simulate(chain, 3).idle == pytest.approx(2 / 3)


def test_traffic_is_counted_and_its_busiest_time_found():
    done = simulate(made([[], [0]], [360, 3600]), 1)
    assert done.traffic == 2e6 and done.peak == pytest.approx(1e6 / 360)


def test_the_longest_shots_first_end_a_film_sooner():
    late = made([[], [], [], [2], [3]], [10, 10, 10, 10, 10], shots=(0, 1, 2))
    assert longest_first(late) == [2, 0, 1]
    assert simulate(late, 2).makespan == 40 and simulate(late, 2, longest_first(late)).makespan == 30


def test_a_film_is_the_graph_of_its_shots():
    shots = [Shot(30, {"cuts": "none", "iterations_first": 10, "iterations": 5}), Shot(30, {"cuts": "none", "passes": 2, "iterations": 1})]
    one = Film.of(shots, MODEL, speed=2.0, division=Division(chunk=15))
    assert one.shots == [0, 2] and len(one.needs) == 7
    megapixels = WIDTH * HEIGHT / 1e6
    assert one.seconds[0] == pytest.approx(5 + (0.5 * 30 * megapixels + 4 * (10 + 29 * 5) * megapixels) / 2)
    assert one.seconds[1] == 5 and one.traffic[1] == 0
    whole = Film.of(shots, MODEL, division=Division(chunk=15), surveys=False)
    assert sum(whole.traffic) > sum(one.traffic)
    behind = Film.of(shots, MODEL, speed=2.0, division=Division(chunk=15, preroll=5))
    assert behind.shots == [0, 3] and behind.needs[:3] == [[], [], [0, 1]]
    assert behind.seconds[1] == pytest.approx(5 + (0.5 * 20 * megapixels + 4 * (10 + 19 * 5) * megapixels) / 2)
    assert behind.traffic[1] == pytest.approx(behind.traffic[0] * 20 / 15)


def test_tasks_of_motion_alone_write_no_frames():
    one, apart = (Film.of([Shot(24, {"cuts": "none"})], MODEL, division=Division(flow_apart=is_apart)) for is_apart in (False, True))
    assert len(apart.needs) == 3 and sum(apart.traffic) - sum(one.traffic) == pytest.approx(24 * WIDTH * HEIGHT * (6 + 20))


def test_the_same_seed_makes_the_same_film():
    assert film(50) == film(50) != film(50, seed=2)
    assert all(shot.frames >= 8 for shot in film(50)) and any("passes" in shot.settings for shot in film(50))
