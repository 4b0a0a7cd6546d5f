# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from core.consistency import Reliability, chained, long_term, mask, reliability, reliability_map
from core.flow_files import read_flo

Array = NDArray[np.float32]

PAIRS = {
    "reliable_1_2": ("forward_1_2", "backward_2_1"),
    "reliable_2_1": ("backward_2_1", "forward_1_2"),
    "reliable_2_3": ("forward_2_3", "backward_3_2"),
    "reliable_3_2": ("backward_3_2", "forward_2_3"),
}


def constant(x: float, y: float, height: int = 20, width: int = 30) -> Array:
    return np.full((height, width, 2), (x, y), np.float32)


def moving_square(step: int) -> tuple[Array, Array]:
    """The flows of a square that moves to the right over a still ground, forward and backward."""
    flow, inverse = constant(0, 0, 40, 60), constant(0, 0, 40, 60)
    flow[12:28, 20:36, 0] = step
    inverse[12:28, 20 + step : 36 + step, 0] = -step
    return flow, inverse


@pytest.mark.parametrize("name", PAIRS)
def test_the_maps_of_the_reference_are_reproduced(data: Path, name: str) -> None:
    flow, inverse = (read_flo(data / "reference" / f"{part}.flo") for part in PAIRS[name])
    expected = cv2.imread(str(data / "reference" / f"{name}.pgm"), cv2.IMREAD_UNCHANGED)
    made = reliability_map(flow, inverse)
    assert made.dtype == np.uint8
    assert np.abs(made.astype(int) - expected).max() <= 1
    assert (made == expected).mean() >= 0.9999


def test_still_frames_are_reliable_to_the_border() -> None:
    still = constant(0, 0)
    for kind in ("soft", "binary"):
        assert (mask(still, still, kind) == 1).all()  # type: ignore[arg-type]


def test_the_border_of_the_reference_loses_the_last_row_and_column() -> None:
    still = constant(0, 0)
    classes = reliability(still, still, rule="reference")
    assert (classes[-1] == Reliability.OUTSIDE).all() and (classes[:, -1] == Reliability.OUTSIDE).all()
    assert (classes[:-1, :-1] == Reliability.RELIABLE).all()
    assert (mask(still, still, "binary", reference_border=True)[:, -1] == 0).all()


def test_what_leaves_the_frame_is_not_reliable() -> None:
    classes = reliability(constant(5, 0), constant(-5, 0))
    assert (classes[:, -5:] == Reliability.OUTSIDE).all()
    assert (classes[:, :-5] == Reliability.RELIABLE).all()


def test_ground_that_comes_into_view_is_disoccluded() -> None:
    forward, backward = moving_square(6)
    # Seen from the second frame: behind the square lies ground that the first frame hid.
    classes = reliability(backward, forward)
    assert (classes[14:26, 21:25] == Reliability.DISOCCLUSION).all()
    assert (classes[16:24, 30:38] == Reliability.RELIABLE).all()


def test_the_edge_of_what_moves_is_a_motion_boundary() -> None:
    # The ground to the left of the square agrees with its inverse flow, but borders on another motion.
    forward, backward = moving_square(6)
    classes = reliability(forward, backward)
    assert (classes[13:27, 19] == Reliability.MOTION_BOUNDARY).all()
    assert (classes[13:27, 18] == Reliability.RELIABLE).all()


def test_the_test_for_disocclusion_holds_at_its_threshold() -> None:
    # f = (4, 0), w = (-4 + e, 0): not reliable from e² >= 0.01 (16 + (4 - e)²) + 0.5 on, which is e = 0.863...
    roots = np.roots([0.99, 0.08, -0.82])
    edge = float(roots[roots > 0][0])
    for excess, expected in ((-1e-3, Reliability.RELIABLE), (1e-3, Reliability.DISOCCLUSION)):
        classes = reliability(constant(4, 0), constant(-4 + edge + excess, 0))
        assert (classes[:, :-4] == expected).all()


def test_the_test_for_motion_boundaries_holds_at_its_threshold() -> None:
    # u grows by g a pixel, v = 0, u = 0 at column 15: a boundary where g² > 0.01 u² + 0.002.
    gradient = 0.05
    flow = constant(0, 0)
    flow[..., 0] = gradient * (np.arange(30) - 15)
    classes = reliability(flow, -flow)
    boundary = gradient**2 > 0.01 * flow[0, :, 0] ** 2 + 0.002
    assert boundary.any() and not boundary.all()
    assert np.array_equal(classes[5, 1:-1] == Reliability.MOTION_BOUNDARY, boundary[1:-1])


def test_an_inverse_flow_that_is_not_a_number_is_not_trusted() -> None:
    inverse = constant(0, 0)
    inverse[5, 5] = np.nan
    assert reliability(constant(0, 0), inverse)[5, 5] == Reliability.DISOCCLUSION
    assert reliability(inverse, constant(0, 0))[5, 5] == Reliability.OUTSIDE


def test_the_soft_mask_is_a_blur_in_which_disocclusion_reaches_further() -> None:
    forward, backward = moving_square(6)
    hard, soft = mask(backward, forward, "binary"), mask(backward, forward)
    assert soft.dtype == np.float32 and soft.min() >= 0 and soft.max() <= 1
    assert ((soft > 0) & (soft < 1)).any()
    assert set(np.unique(hard)) == {0, 1}
    assert (soft[hard == 0] < 0.7).all()
    np.testing.assert_allclose(soft[2:8, 2:8], 1, atol=1e-6)


def test_the_blur_is_the_gaussian_of_the_reference() -> None:
    """One pixel out of the frame in an else reliable map, against the taps exp(-x²/2σ²)."""
    flow, inverse = constant(0, 0), constant(0, 0)
    flow[10, 15] = np.nan
    taps = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 0.8**2))
    taps /= taps.sum()
    classes = reliability(flow, inverse)
    values = np.where(classes == Reliability.RELIABLE, 1.0, 0.0)
    padded = np.pad(values, 2, mode="symmetric")
    across = sum(tap * padded[:, i : i + 30] for i, tap in enumerate(taps))
    expected = sum(tap * across[i : i + 20] for i, tap in enumerate(taps))
    np.testing.assert_allclose(mask(flow, inverse), expected, atol=1e-6)


def test_the_map_of_the_reference_has_a_binary_form() -> None:
    forward, backward = moving_square(6)
    made = reliability_map(backward, forward, binary=True)
    assert np.array_equal(made == 255, reliability(backward, forward, rule="reference") == Reliability.RELIABLE)
    assert set(np.unique(made)) == {0, 255}


def test_a_frame_of_a_film_takes_a_tenth_of_a_second() -> None:
    flow = np.random.default_rng(0).normal(0, 2, (436, 1024, 2)).astype(np.float32)
    times = []
    for _ in range(5):
        start = time.process_time()
        mask(flow, -flow)
        times.append(time.process_time() - start)
    assert min(times) < 0.2  # of processor time; 0.03 s on an idle machine


def test_flows_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="Both flows"):
        reliability(constant(0, 0, 20, 30), constant(0, 0, 20, 31))


MASKS = st.lists(hnp.arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)), min_size=1, max_size=4)


@given(MASKS, st.sampled_from(["nearest", "normalize"]))
def test_long_term_masks_never_sum_above_one(masks: list[Array], combine: str) -> None:
    combined = long_term(masks, combine)  # type: ignore[arg-type]
    assert len(combined) == len(masks)
    for one, whole in zip(combined, masks, strict=True):
        assert one.dtype == np.float32 and (one >= 0).all() and (one <= whole).all()
    assert np.sum(combined, axis=0, dtype=np.float64).max() <= 1 + 1e-6


def test_a_pixel_holds_to_the_nearest_frame_in_which_it_can_be_trusted() -> None:
    near, middle, far = (np.array([row], np.float32) for row in ([1, 0, 0, 0.25], [1, 1, 0, 0.5], [1, 1, 1, 1]))
    combined = long_term([near, middle, far])
    assert np.array_equal(combined[0], near)
    assert np.array_equal(combined[1], [[0, 1, 0, 0.25]])
    assert np.array_equal(combined[2], [[0, 0, 1, 0.5]])


def test_normalizing_divides_by_the_sum_only_above_one() -> None:
    combined = long_term([np.array([[1, 0.25]], np.float32), np.array([[1, 0.5]], np.float32)], "normalize")
    assert np.array_equal(combined[0], [[0.5, 0.25]]) and np.array_equal(combined[1], [[0.5, 0.5]])


def test_a_chain_of_shifts_is_their_sum_where_it_stays_in_the_frame() -> None:
    steps = [constant(3, 1), constant(2, -1), constant(1, 0)]
    flow, weight = chained(steps, [np.ones((20, 30), np.float32)] * 3)
    assert flow.dtype == weight.dtype == np.float32
    assert (flow[2:-2, :-6] == (6, 0)).all() and (weight[2:-2, :-6] == 1).all()
    assert (weight[:, -3:] == 0).all() and (flow[5, -1] == (3, 1)).all()
    one, same = chained(steps[:1], [np.full((20, 30), 0.5, np.float32)])
    assert np.array_equal(one, steps[0]) and (same == 0.5).all()


def test_a_chain_follows_each_pixel_to_where_it_is() -> None:
    """Rotations by one and two degrees make one by three."""
    y, x = np.mgrid[0:40, 0:40].astype(np.float32) - 19.5

    def rotation(degrees: float) -> Array:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return np.stack([c * x - s * y - x, s * x + c * y - y], axis=2).astype(np.float32)

    flow, _ = chained([rotation(1), rotation(2)], [np.ones((40, 40), np.float32)] * 2)
    np.testing.assert_allclose(flow[4:-4, 4:-4], rotation(3)[4:-4, 4:-4], atol=1e-4)


def test_the_mask_of_a_chain_is_what_every_step_on_the_way_trusts() -> None:
    first, second = np.ones((20, 30), np.float32), np.ones((20, 30), np.float32)
    first[4, 4], second[10, 15] = 0.5, 0.25  # the second is reached from column 12
    _, weight = chained([constant(3, 0), constant(3, 0)], [first, second])
    assert weight[4, 4] == 0.5 and weight[10, 12] == 0.25 and weight[10, 15] == 1


@pytest.mark.parametrize("unknown", [1e10, -1e10, np.nan])
def test_a_chain_through_unknown_motion_is_not_trusted_and_does_not_spread(unknown: float) -> None:
    flow = constant(2, 0)
    flow[8:10, 10:12] = unknown
    trusted = mask(flow, constant(-2, 0), "binary")
    chain, weight = chained([constant(2.5, 0), flow, flow], [np.ones_like(trusted), trusted, trusted])
    assert (weight[8:10, 6:10] == 0).all() and (weight[np.abs(np.nan_to_num(chain[..., 0], nan=unknown)) > 30] == 0).all()
    assert np.isfinite(weight).all() and (weight[:6, :-7] == 1).all() and (chain[:6, :-7] == (6.5, 0)).all()
