# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

from core.color import srgb_to_linear
from core.debug import write_debug
from core.frames import FrameError

HEIGHT, WIDTH = 6, 8


def layers(path: Path) -> dict[str, np.ndarray]:
    """Pixels (H, W, C) by name of the layer."""
    image = oiio.ImageInput.open(str(path))
    names, pixels = image.spec().channelnames, image.read_image("float")
    image.close()
    found: dict[str, list[np.ndarray]] = {}
    for index, name in enumerate(names):
        found.setdefault(name.rpartition(".")[0], []).append(pixels[..., index])
    return {name: np.stack(channels, 2) for name, channels in found.items()}


@pytest.fixture
def pictures() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    shapes = {"start": (HEIGHT, WIDTH, 3), "warped": (HEIGHT, WIDTH, 3), "mask": (HEIGHT, WIDTH), "flow": (HEIGHT, WIDTH, 2)}
    return {name: generator.random(shape, np.float32) for name, shape in shapes.items()}


def test_each_picture_is_a_layer_with_its_exact_values(pictures, tmp_path):
    write_debug(tmp_path / "debug.exr", **pictures)
    found = layers(tmp_path / "debug.exr")
    np.testing.assert_array_equal(found["Brushflow.Flow"][..., :2], pictures["flow"])
    assert not found["Brushflow.Flow"][..., 2].any()
    np.testing.assert_array_equal(found["Brushflow.Mask"][..., 0], pictures["mask"])
    np.testing.assert_array_equal(found["Brushflow.Start"], srgb_to_linear(pictures["start"]))
    np.testing.assert_array_equal(found["Brushflow.Warped"], srgb_to_linear(pictures["warped"]))


def test_a_first_frame_has_the_same_layers(pictures, tmp_path):
    write_debug(tmp_path / "first.exr", start=pictures["start"])
    write_debug(tmp_path / "later.exr", **pictures)
    first, later = layers(tmp_path / "first.exr"), layers(tmp_path / "later.exr")
    assert {name: pixels.shape for name, pixels in first.items()} == {name: pixels.shape for name, pixels in later.items()}
    assert not any(first[name].any() for name in first if name != "Brushflow.Start")


def test_unknown_motion_is_written_as_none(pictures, tmp_path):
    pictures["flow"][2, 3] = np.nan
    write_debug(tmp_path / "debug.exr", **pictures)
    assert not layers(tmp_path / "debug.exr")["Brushflow.Flow"][2, 3].any()


def test_equal_pictures_give_equal_files(pictures, tmp_path):
    for name in ("a.exr", "b.exr"):
        write_debug(tmp_path / name, **pictures)
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()


def test_a_folder_that_is_not_there_is_said(pictures, tmp_path):
    with pytest.raises(FrameError, match="cannot be written"):
        write_debug(tmp_path / "absent" / "debug.exr", **pictures)
