# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
import struct
import time
import wave
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
from numpy.typing import NDArray

from core.color import HALF_MAXIMUM, linear_to_srgb, srgb_to_linear
from core.exr import read_exr, read_exr_attributes, write_exr
from core.files import PARTIAL
from core.frames import Frame, FrameError, open_source, read_image

HEIGHT, WIDTH = 18, 20


def noise(dtype: Any = np.uint8, channels: int = 3, height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> NDArray[Any]:
    values = np.random.default_rng(seed).random((height, width, channels))
    return (values * np.iinfo(dtype).max).astype(dtype) if np.issubdtype(dtype, np.integer) else values.astype(dtype)


def save(path: Path, pixels: NDArray[Any], **attributes: Any) -> Path:
    """Write `pixels` in their own type; __ in an attribute's name stands for a colon."""
    kind = {"float16": "half", "float32": "float"}.get(pixels.dtype.name, pixels.dtype.name)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for name, value in attributes.items():
        if name in ("x", "y", "full_x", "full_y", "full_width", "full_height", "channelnames"):
            setattr(spec, name, value)
        else:
            spec.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output is not None and output.open(str(path), spec), path
    assert output.write_image(np.ascontiguousarray(pixels)) and output.close()
    return path


def save_sequence(folder: Path, numbers: list[int] | range, name: str = "shot_{:04d}.png") -> Path:
    for number in numbers:
        save(folder / name.format(number), noise(seed=number))
    return folder


def scaled(values: NDArray[Any]) -> NDArray[np.float32]:
    return (values / np.iinfo(values.dtype).max).astype(np.float32)


def codes_apart(path: Path, expected_display: NDArray[np.float32], colorspace: str | None = None) -> float:
    """The largest difference of the frame's linear color, on a scale of display codes of 8 bits near black and near white."""
    return float(np.abs(read_image(path, colorspace).rgb - srgb_to_linear(expected_display)).max() * 255)


# ---- what files hold ----


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (".png", np.uint8), (".png", np.uint16), (".tif", np.uint8), (".tif", np.uint16), (".bmp", np.uint8), (".tga", np.uint8),
        (".dpx", np.uint8), (".dpx", np.uint16), (".ppm", np.uint8),
    ],
)  # fmt: skip
def test_whole_numbers_are_read_as_srgb(tmp_path: Path, suffix: str, dtype: Any) -> None:
    pixels = noise(dtype)
    frame = read_image(save(tmp_path / f"frame{suffix}", pixels))
    assert frame.rgb.dtype == np.float32 and frame.alpha is None
    np.testing.assert_allclose(frame.rgb, srgb_to_linear(scaled(pixels)), atol=1e-6)


@pytest.mark.parametrize(("suffix", "dtype"), [(".exr", np.float16), (".exr", np.float32), (".tif", np.float32)])
def test_floats_are_read_as_linear(tmp_path: Path, suffix: str, dtype: Any) -> None:
    pixels = noise(dtype) * 4 - 1
    assert np.array_equal(read_image(save(tmp_path / f"frame{suffix}", pixels)).rgb, pixels.astype(np.float32))


def test_ten_bit_dpx_keeps_its_ten_bits(tmp_path: Path) -> None:
    pixels = noise(np.uint16)
    frame = read_image(save(tmp_path / "frame.dpx", pixels, oiio__BitsPerSample=10))
    np.testing.assert_allclose(frame.rgb, srgb_to_linear(scaled(pixels)), atol=3 / 1023)


def test_a_jpeg_is_read_as_it_was_compressed(tmp_path: Path) -> None:
    smooth = np.repeat(np.linspace(0, 255, WIDTH).astype(np.uint8)[np.newaxis, :, np.newaxis], HEIGHT, axis=0).repeat(3, axis=2)
    assert codes_apart(save(tmp_path / "frame.jpg", smooth, Compression="jpeg:98"), scaled(smooth)) < 5


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_gray_becomes_three_equal_channels(tmp_path: Path, suffix: str) -> None:
    pixels = noise(channels=1)
    frame = read_image(save(tmp_path / f"frame{suffix}", pixels))
    np.testing.assert_allclose(frame.rgb, srgb_to_linear(scaled(pixels)).repeat(3, axis=2), atol=1e-6)


def test_gray_with_alpha_keeps_both(tmp_path: Path) -> None:
    pixels = noise(channels=2)
    pixels[..., 1] |= 1
    frame = read_image(save(tmp_path / "frame.png", pixels, oiio__UnassociatedAlpha=1))
    np.testing.assert_allclose(frame.rgb, srgb_to_linear(scaled(pixels[..., :1])).repeat(3, axis=2), atol=1e-6)
    assert frame.alpha is not None
    np.testing.assert_allclose(frame.alpha, scaled(pixels[..., 1]))


def png(path: Path, kind: int, rows: bytes, extra: bytes = b"") -> Path:
    """A PNG put together by hand; `rows` is the data before compression, `extra` the chunks before it."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, kind, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    palette = noise(height=1, width=256)[0]
    indices = np.arange(HEIGHT * WIDTH, dtype=np.uint32).astype(np.uint8).reshape(HEIGHT, WIDTH)
    rows = b"".join(b"\0" + row.tobytes() for row in indices)
    frame = read_image(png(tmp_path / "frame.png", 3, rows, chunk(b"PLTE", palette.tobytes())))
    np.testing.assert_allclose(frame.rgb, srgb_to_linear(scaled(palette[indices])), atol=1e-6)


def test_the_gamma_chunk_of_srgb_means_srgb(tmp_path: Path) -> None:
    pixels = noise()
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    tagged = png(tmp_path / "frame.png", 2, rows, chunk(b"gAMA", struct.pack(">I", 45455)))
    assert codes_apart(tagged, scaled(pixels)) < 1e-3


def test_straight_alpha_is_read_without_multiplying(tmp_path: Path) -> None:
    """Color of every code under the lowest alphas comes through."""
    pixels = np.zeros((HEIGHT, 256, 4), np.uint8)
    pixels[..., :3] = np.arange(256)[np.newaxis, :, np.newaxis]
    pixels[..., 3] = np.arange(1, HEIGHT + 1)[:, np.newaxis]
    frame = read_image(save(tmp_path / "frame.png", pixels, oiio__UnassociatedAlpha=1))
    np.testing.assert_allclose(frame.rgb, srgb_to_linear(scaled(pixels[..., :3])), atol=1e-6)
    assert frame.alpha is not None
    np.testing.assert_allclose(frame.alpha, scaled(pixels[..., 3]))


def test_premultiplied_alpha_is_divided_out_in_linear_light(tmp_path: Path) -> None:
    pixels = noise(np.float32, 4) * 0.9 + 0.1
    frame = read_image(save(tmp_path / "frame.exr", pixels))
    np.testing.assert_allclose(frame.rgb, pixels[..., :3] / pixels[..., 3:], rtol=1e-6)
    assert frame.alpha is not None and np.array_equal(frame.alpha, pixels[..., 3])


def test_light_without_coverage_keeps_its_color(tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    pixels[3, 4, :3] = (5, 2, 1)
    frame = read_image(save(tmp_path / "frame.exr", pixels))
    assert np.array_equal(frame.rgb[3, 4], [5, 2, 1])
    assert np.isfinite(frame.rgb).all()


def test_hidden_color_of_a_straight_file_is_no_light(tmp_path: Path) -> None:
    pixels = np.full((HEIGHT, WIDTH, 4), (255, 255, 255, 0), np.uint8)
    assert (read_image(save(tmp_path / "frame.png", pixels, oiio__UnassociatedAlpha=1)).rgb == 0).all()


def test_values_that_are_not_numbers_are_never_passed_on(tmp_path: Path) -> None:
    pixels = noise(np.float32, 4)
    pixels[0, 0], pixels[0, 1], pixels[0, 2, 3] = np.nan, np.inf, np.nan
    frame = read_image(save(tmp_path / "frame.exr", pixels))
    assert frame.alpha is not None
    assert np.isfinite(frame.rgb).all() and np.isfinite(frame.alpha).all()


def test_a_data_window_is_laid_into_the_display_window(tmp_path: Path) -> None:
    pixels = noise(np.float32, 4, 10, 30) * 0.5 + 0.5
    path = save(tmp_path / "frame.exr", pixels, x=-5, y=4, full_x=0, full_y=0, full_width=20, full_height=18)
    frame = read_image(path)
    assert frame.rgb.shape == (18, 20, 3) and frame.alpha is not None
    assert np.array_equal(frame.alpha[4:14], pixels[:, 5:25, 3])
    assert (frame.alpha[:4] == 0).all() and (frame.alpha[14:] == 0).all()
    with open_source(path) as source:
        assert source.size == (20, 18)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24], upright[:16, 24:], upright[16:, :24] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
        6: np.rot90(upright), 7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    path = save(tmp_path / "frame.jpg", stored, Orientation=orientation, Compression="jpeg:100")
    frame = read_image(path)
    assert np.abs(frame.rgb - srgb_to_linear(scaled(upright))).mean() < 0.02
    with open_source(path) as source:
        assert source.size == (48, 32)


@pytest.mark.parametrize(
    "names",
    [
        ("ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B", "ViewLayer.Combined.A"),
        ("R", "G", "B", "A"),
        ("color.R", "color.G", "color.B", "color.A"),
    ],
)
def test_the_picture_is_found_among_the_channels_of_a_layered_file(tmp_path: Path, names: tuple[str, ...]) -> None:
    others = ("AO.R", "AO.G", "AO.B") if names[0] != "color.R" else ("Depth.Z", "Vector.X", "Vector.Y")
    pixels = noise(np.float32, 7) * 0.5 + 0.5
    path = save(tmp_path / "frame.exr", pixels, channelnames=(*others, *names))
    frame = read_image(path)
    np.testing.assert_allclose(frame.rgb, pixels[..., 3:6] / pixels[..., 6:], rtol=1e-6)


def test_the_picture_is_found_among_the_parts_of_a_file(tmp_path: Path) -> None:
    """Blender 5 writes one part for each pass."""
    depth, combined = noise(np.float32, 1), noise(np.float32, 3, seed=1)
    specs = []
    for name, pixels in (("ViewLayer.Depth", depth), ("ViewLayer.Combined", combined)):
        spec = oiio.ImageSpec(WIDTH, HEIGHT, pixels.shape[2], "float")
        spec.channelnames = tuple(f"{name}.{letter}" for letter in ("Z" if pixels.shape[2] == 1 else "RGB"))
        spec.attribute("oiio:subimagename", name)
        specs.append(spec)
    path = tmp_path / "frame.exr"
    output = oiio.ImageOutput.create(str(path))
    assert output is not None and output.open(str(path), tuple(specs))
    assert output.write_image(depth)
    assert output.open(str(path), specs[1], "AppendSubimage")
    assert output.write_image(combined) and output.close()
    assert np.array_equal(read_image(path).rgb, combined)


# ---- color spaces ----


def test_a_color_space_given_by_hand_wins(tmp_path: Path) -> None:
    pixels = noise()
    path = save(tmp_path / "frame.png", pixels)
    np.testing.assert_allclose(read_image(path, "lin_rec709").rgb, scaled(pixels), atol=1e-6)
    np.testing.assert_allclose(read_image(path, "Linear Rec.709").rgb, scaled(pixels), atol=1e-6)
    np.testing.assert_allclose(read_image(path, "srgb_rec709_scene").rgb, srgb_to_linear(scaled(pixels)), atol=1e-6)


def test_a_color_space_in_the_header_is_converted(tmp_path: Path) -> None:
    pixels = noise(np.float32)
    path = save(tmp_path / "frame.exr", pixels, colorInteropID="lin_ap1_scene")
    to_rec709 = np.array(  # ACES technical bulletin: AP1 with D60 to Rec.709 with D65, Bradford
        [[1.70505, -0.62179, -0.08326], [-0.13026, 1.14080, -0.01055], [-0.02400, -0.12897, 1.15297]]
    )
    np.testing.assert_allclose(read_image(path).rgb, pixels @ to_rec709.T, atol=1e-4)


def test_an_unknown_color_space_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "frame_1.png", noise())
    for read in (lambda: read_image(path, "sRBG"), lambda: open_source(path, colorspace="sRBG")):
        with pytest.raises(FrameError, match="'sRBG', which is not known"):
            read()


def test_a_color_space_that_only_the_header_knows_is_named_with_its_file(tmp_path: Path) -> None:
    path = save(tmp_path / "scan_1.dpx", noise(np.uint16), oiio__ColorSpace="KodakLog")
    with pytest.raises(FrameError, match=r"scan_1\.dpx names the color space 'KodakLog'"):
        open_source(path)
    with open_source(path, colorspace="sRGB") as source:
        assert source.read(1).rgb.shape == (HEIGHT, WIDTH, 3)


# ---- sequences ----


@pytest.mark.parametrize("pattern", ["shot_####.png", "shot_%04d.png"])
def test_a_pattern_gives_the_frames_by_their_own_numbers(tmp_path: Path, pattern: str) -> None:
    save_sequence(tmp_path, range(8, 12))
    for source in (open_source(tmp_path / pattern), open_source(pattern=tmp_path / pattern)):
        with source:
            assert source.name == "shot"
            assert source.numbers == (8, 9, 10, 11)
            assert source.size == (WIDTH, HEIGHT)
            np.testing.assert_allclose(source.read(9).rgb, srgb_to_linear(scaled(noise(seed=9))), atol=1e-6)


def test_a_folder_is_read_as_its_one_sequence(tmp_path: Path) -> None:
    folder = tmp_path / "street"
    folder.mkdir()
    save_sequence(folder, range(1, 4), "take_v002_{:03d}.png")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden_0001.png").write_text("no image")
    with open_source(folder) as source:
        assert source.name == "street"
        assert source.numbers == (1, 2, 3)


def test_an_image_by_itself_is_one_frame(tmp_path: Path) -> None:
    save_sequence(tmp_path, range(1, 4))
    with open_source(tmp_path / "shot_0002.png") as source:
        assert (source.name, source.numbers) == ("shot", (2,))
    save(tmp_path / "still.png", noise())
    with open_source(tmp_path / "still.png") as source:
        assert (source.name, source.numbers) == ("still", (1,))


def test_numbers_may_outgrow_their_digits(tmp_path: Path) -> None:
    save_sequence(tmp_path, range(98, 102), "f{:02d}.png")
    (tmp_path / "f0099.png").write_text("another sequence")
    with open_source(tmp_path / "f##.png") as source:
        assert source.numbers == (98, 99, 100, 101)


def test_a_thousand_frames_are_looked_through_in_a_moment(tmp_path: Path) -> None:
    save_sequence(tmp_path, [1])
    contents = (tmp_path / "shot_0001.png").read_bytes()
    for number in range(2, 1001):
        (tmp_path / f"shot_{number:04d}.png").write_bytes(contents)
    start = time.process_time()
    with open_source(tmp_path) as source:
        assert len(source.numbers) == 1000
    assert time.process_time() - start < 5  # 0.3 s on an idle machine


def test_a_pattern_of_digits_only_is_called_after_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "street"
    folder.mkdir()
    save_sequence(folder, range(1, 3), "{:04d}.png")
    with open_source(folder / "####.png") as source:
        assert source.name == "street"


def test_signs_that_mean_something_elsewhere_are_plain_in_names(tmp_path: Path) -> None:
    save_sequence(tmp_path, range(1, 3), "a[1]+(x)_{:04d}.png")
    with open_source(tmp_path / "a[1]+(x)_####.png") as source:
        assert source.numbers == (1, 2)


def test_first_and_last_choose_a_part(tmp_path: Path) -> None:
    save_sequence(tmp_path, range(1, 7))
    with open_source(tmp_path, first=2, last=4) as source:
        assert source.numbers == (2, 3, 4)
        with pytest.raises(FrameError, match=r"has no frame 5; it has frames 2-4\."):
            source.read(5)


def test_a_gap_in_the_numbering_is_reported_by_number(tmp_path: Path) -> None:
    save_sequence(tmp_path, [1, 2, 4, 5, 6, 10])
    with pytest.raises(FrameError, match=r"^shot_####\.png lacks frames 3 and 7-9\.$"):
        open_source(tmp_path / "shot_####.png")
    with pytest.raises(FrameError, match=r"^shot_####\.png lacks frame 3\.$"):
        open_source(tmp_path, last=5)
    with open_source(tmp_path, first=4, last=6) as source:
        assert source.numbers == (4, 5, 6)


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ({"first": 4, "last": 2}, "The first frame, 4, comes after the last, 2"),
        ({"first": 0}, "has no frame 0; it begins at 1 and ends at 3"),
        ({"last": 4}, "has no frame 4; it begins at 1 and ends at 3"),
        ({"first": 9}, "has no frame 9"),
    ],
)
def test_a_part_that_is_not_there_is_refused(tmp_path: Path, part: dict[str, Any], complaint: str) -> None:
    save_sequence(tmp_path, range(1, 4))
    with pytest.raises(FrameError, match=complaint):
        open_source(tmp_path / "shot_####.png", **part)


def test_the_odd_size_is_named(tmp_path: Path) -> None:
    save_sequence(tmp_path, range(1, 5))
    save(tmp_path / "shot_0001.png", noise(height=30))
    with pytest.raises(FrameError, match=r"shot_0001\.png is 20x30 pixels, but the other frames are 20x18"):
        open_source(tmp_path)


def test_an_image_of_8_pixels_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "frame.png", noise(height=8, width=40))
    with pytest.raises(FrameError, match=r"frame\.png is 40x8 pixels, which is too small: 16 pixels at least"):
        open_source(path)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("none_####.png", "matches no file"),
        ("shot_###.png", "matches no file"),
        ("shot_##_##.png", "must hold the frame number once"),
        ("nowhere/shot_####.png", "does not exist, so shot_####.png matches nothing"),
        ("none.png", "does not exist; name a folder"),
        ("shot_0001.txt", "can be read neither as an image nor as a movie"),
    ],
)
def test_a_path_that_gives_no_frames_is_refused(tmp_path: Path, name: str, complaint: str) -> None:
    save_sequence(tmp_path, range(1, 3))
    (tmp_path / "shot_0001.txt").write_text("no movie")
    with pytest.raises(FrameError, match=complaint):
        open_source(tmp_path / name)


def test_a_pattern_needs_its_placeholder(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="must hold the frame number once"):
        open_source(pattern=tmp_path / "shot.png")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(FrameError, match="holds no images"):
        open_source(tmp_path)


def test_several_sequences_in_a_folder_are_listed(tmp_path: Path) -> None:
    save_sequence(tmp_path, range(1, 3))
    save_sequence(tmp_path, range(1, 3), "shot_{:04d}.tif")
    save(tmp_path / "poster.png", noise())
    with pytest.raises(FrameError, match=r"several sequences, poster\.png, shot_####\.png and shot_####\.tif; name one of them"):
        open_source(tmp_path)


def test_the_same_number_written_twice_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "shot_1.png", noise())
    save(tmp_path / "shot_01.png", noise())
    with pytest.raises(FrameError, match="the same number"):
        open_source(tmp_path)


@pytest.mark.parametrize("contents", [b"", b"no picture"])
def test_a_file_that_is_no_image_is_named(tmp_path: Path, contents: bytes) -> None:
    save_sequence(tmp_path, range(1, 4))
    (tmp_path / "shot_0002.png").write_bytes(contents)
    with pytest.raises(FrameError, match=r"shot_0002\.png cannot be read as an image"):
        open_source(tmp_path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".dpx", ".bmp", ".tga", ".exr"])
def test_a_truncated_frame_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    path = save(tmp_path / f"shot_0001{suffix}", noise(np.float16 if suffix == ".exr" else np.uint8, 3, 64, 64))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(FrameError, match=rf"shot_0001\{suffix} (is damaged|cannot be read)"), open_source(path) as source:
        source.read(1)


def test_a_frame_that_changes_its_size_under_way_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "shot_0001.png", noise())
    with open_source(path) as source:
        save(path, noise(height=30))
        with pytest.raises(FrameError, match="has changed"):
            source.read(1)


# ---- digests ----


def test_a_digest_tells_pictures_apart_and_nothing_else(tmp_path: Path) -> None:
    def digest(name: str, pixels: NDArray[Any], colorspace: str | None = None, **attributes: Any) -> str:
        with open_source(save(tmp_path / name, pixels, **attributes), colorspace=colorspace) as source:
            return source.digest(source.numbers[0])

    pixels = noise()
    plain = digest("a_1.png", pixels)
    assert plain == digest("b_7.png", pixels, DateTime="2001:01:01 00:00:00", Artist="someone")
    assert plain == digest("c_1.tif", pixels)
    changed = pixels.copy()
    changed[5, 5, 1] ^= 1
    others = [
        digest("d.png", changed),
        digest("e.png", pixels, colorspace="lin_rec709"),
        digest("f.png", pixels.astype(np.uint16) * 257),
        digest("g.png", np.concatenate([pixels, pixels[..., :1]], axis=2)),
        digest("h.png", pixels.reshape(WIDTH, HEIGHT, 3)),
    ]
    assert len({plain, *others}) == 6


def test_a_frame_is_decoded_once_for_its_digest_and_its_pixels(tmp_path: Path) -> None:
    save_sequence(tmp_path, range(1, 3))
    with open_source(tmp_path) as source:
        digest = source.digest(1)
        (tmp_path / "shot_0001.png").unlink()
        assert source.read(1).rgb.shape == (HEIGHT, WIDTH, 3)
        assert source.digest(1) == digest


def test_threads_may_read_at_once(data: Path) -> None:
    numbers = list(range(50, 58)) * 2
    with open_source(data / "clips" / "bikes.mp4") as source, ThreadPoolExecutor(4) as pool:
        together = list(pool.map(source.digest, numbers))
        assert together == [source.digest(number) for number in numbers]


# ---- movies ----


def movie(
    path: Path, frames: list[NDArray[np.uint8]], codec: str = "libx264", pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None, matrix: int | None = None, full_range: bool = False, left_out: int = 0,
) -> Path:  # fmt: skip
    """Frames are (H, W, 3) in the codec's own Y, U, V of 8 bits, whatever the pixel format; `left_out` packets never reach the file."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], pixel_format
        stream.options = options or {}
        if matrix is not None:
            stream.codec_context.colorspace = matrix
        if full_range:
            stream.codec_context.color_range = 2
        packets = []
        for number, values in enumerate(frames):
            frame: Any = av.VideoFrame.from_ndarray(np.ascontiguousarray(values.transpose(2, 0, 1)), format="yuv444p")
            frame = frame.reformat(format=pixel_format)
            if matrix is not None:
                frame.colorspace = matrix
            if full_range:
                frame.color_range = 2
            frame.pts = number
            packets += stream.encode(frame)
        container.mux((packets + stream.encode())[left_out:])
    return path


def plain(*values: int, height: int = 32, width: int = 48) -> NDArray[np.uint8]:
    return np.full((height, width, 3), values, np.uint8)


def counted(number: int) -> list[NDArray[np.uint8]]:
    """Frames that tell their place: brightness grows with it."""
    return [plain(20 + 3 * index, 128, 128) for index in range(number)]


def place(frame: Frame) -> int:
    """Which of the `counted` frames this is."""
    luma = 16 + 219 * linear_to_srgb(frame.rgb).mean()
    return round((luma - 20) / 3) + 1


X264 = {"crf": "1", "preset": "ultrafast"}


@pytest.fixture
def bikes(data: Path) -> Iterator[Any]:
    with open_source(data / "clips" / "bikes.mp4") as source:
        yield source


def test_a_movie_counts_its_frames_from_1(bikes: Any) -> None:
    assert bikes.name == "bikes"
    assert bikes.numbers == tuple(range(1, 251))
    assert bikes.size == (640, 272)


def test_frames_of_a_movie_are_the_same_in_any_order(data: Path, bikes: Any) -> None:
    sequential = {number: bikes.digest(number) for number in range(1, 80)}
    assert len(set(sequential.values())) == 79
    numbers = list(range(50, 74))
    random.Random(0).shuffle(numbers)
    with open_source(data / "clips" / "bikes.mp4", first=50, last=73) as source:
        assert source.numbers == tuple(range(50, 74))
        assert {number: source.digest(number) for number in numbers} == {number: sequential[number] for number in numbers}
    with av.open(str(data / "clips" / "bikes.mp4")) as container:
        for number, frame in zip(range(1, 54), container.decode(video=0), strict=False):
            if number >= 50:
                rgb = frame.to_ndarray(format="rgb24").astype(int)  # FFmpeg's quick conversion
                assert np.abs(rgb - np.rint(linear_to_srgb(bikes.read(number).rgb) * 255)).mean() < 1.5


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        (".mp4", "libx264", {**X264, "g": "12", "bf": "3", "preset": "medium"}),
        (".mp4", "libx264", {**X264, "preset": "medium", "x264-params": "open-gop=1:keyint=10:bframes=3"}),
        (".mkv", "libx264", {**X264, "g": "12", "bf": "3", "preset": "medium"}),
        (".h264", "libx264", {**X264, "g": "12", "bf": "2", "preset": "medium"}),  # no time stamps at all
        (".avi", "mpeg4", {"qmax": "2", "b": "5M", "bf": "2", "g": "12"}),
        (".webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "10", "g": "12", "crf": "4", "b": "2M"}),  # packets that show nothing
        (".webm", "libvpx-vp9", {"g": "12", "lossless": "1", "cpu-used": "8"}),
        (".mov", "prores_ks", {}),
    ],
)
def test_every_frame_is_exact_from_wherever_it_is_reached(tmp_path: Path, suffix: str, codec: str, options: dict[str, str]) -> None:
    pixel_format = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    path = movie(tmp_path / f"clip{suffix}", counted(60), codec, pixel_format, options)
    with open_source(path) as source:
        assert source.numbers == tuple(range(1, 61))
        for number in (37, 1, 60, 36, 38, 12, 13, 59, 2):
            assert place(source.read(number)) == number


def test_a_recording_that_begins_between_key_frames_counts_from_its_first_whole_frame(tmp_path: Path) -> None:
    path = movie(tmp_path / "cut.ts", counted(30), options={**X264, "g": "10", "bf": "0"}, left_out=7)
    with open_source(path) as source:
        assert source.numbers == tuple(range(1, 21))
        assert place(source.read(1)) == 11
        assert place(source.read(20)) == 30


@pytest.mark.parametrize(
    ("tag", "full_range", "expected"),
    [  # Y, U, V = 120, 90, 170
        (None, False, (188.1, 101.9, 44.4)),  # untagged: BT.601, as Blender shows it
        (5, False, (188.1, 101.9, 44.4)),
        (1, False, (196.4, 106.5, 40.7)),  # BT.709
        (None, True, (178.9, 103.1, 52.7)),
    ],
)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_the_matrix_and_the_range_are_the_tagged_ones(
    tmp_path: Path, tag: int | None, full_range: bool, expected: tuple[float, ...], pixel_format: str
) -> None:
    path = movie(tmp_path / "clip.mp4", [plain(120, 90, 170)] * 2, "libx264", pixel_format, X264, tag, full_range)
    with open_source(path) as source:
        color = linear_to_srgb(source.read(1).rgb)[16, 24] * 255
    np.testing.assert_allclose(color, expected, atol=1.0 if pixel_format != "yuv420p10le" else 0.6)


def test_ten_bits_give_more_than_eight(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(64, 96, 256)[np.newaxis], 32, axis=0)
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 256, 32, "yuv444p10le"
        frame: Any = av.VideoFrame(256, 32, "yuv444p10le")
        for plane, values in zip(frame.planes, (ramp * 4, np.full_like(ramp, 512), np.full_like(ramp, 512)), strict=True):
            rows = np.zeros((32, plane.line_size // 2), "<u2")
            rows[:, :256] = np.rint(values)
            plane.update(rows.tobytes())
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with open_source(path) as source:
        row = linear_to_srgb(source.read(1).rgb)[16]
    assert len(np.unique(row)) > 100
    np.testing.assert_allclose(row[:, 0], (np.rint(ramp[0] * 4) / 4 - 16) / 219, atol=2e-4)


def test_a_turned_movie_is_shown_upright(tmp_path: Path) -> None:
    values = plain(180, 128, 128)
    values[:16, :24] = (40, 128, 128)  # dark above to the left
    path = movie(tmp_path / "clip.mp4", [values] * 2, options=X264)
    contents = path.read_bytes()
    at = contents.index(b"tkhd") + 4 + 40  # the matrix of the track's header
    clockwise = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    path.write_bytes(contents[:at] + clockwise + contents[at + 36 :])
    with open_source(path) as source:
        assert source.size == (32, 48)
        rgb = source.read(2).rgb
    assert rgb[:24, 16:].mean() < 0.1 < rgb[:24, :16].mean()


# Without 10 bits of 4:2:0: FFmpeg's scaler, which makes the frames of the test, writes past the rows of that format when they are odd.
@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv420p", "yuv444p10le", "gray"])
def test_odd_sizes_of_movies_are_kept(tmp_path: Path, pixel_format: str) -> None:
    path = movie(tmp_path / "clip.mkv", [plain(126, 128, 128, height=33, width=37)] * 2, "ffv1", pixel_format)
    with open_source(path) as source:
        assert source.size == (37, 33)
        np.testing.assert_allclose(linear_to_srgb(source.read(2).rgb), (126 - 16) / 219, atol=0.005)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "values", "expected"),
    [
        ("qtrle", "argb", (128, 200, 100, 50), (200, 100, 50)),
        ("prores_ks", "yuva444p10le", (126 * 4, 128 * 4, 128 * 4, 128 * 4), (128.1, 128.1, 128.1)),
    ],
)
def test_alpha_of_a_movie_is_straight(
    tmp_path: Path, codec: str, pixel_format: str, values: tuple[int, ...], expected: tuple[float, ...]
) -> None:
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 32, 32, pixel_format
        frame: Any = av.VideoFrame(32, 32, pixel_format)
        for index, plane in enumerate(frame.planes):
            row = values if len(frame.planes) == 1 else values[index : index + 1]
            samples = np.resize(np.array(row, np.uint8 if len(frame.planes) == 1 else np.uint16), plane.buffer_size)
            plane.update(samples.tobytes()[: plane.buffer_size])
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with open_source(path) as source:
        read = source.read(1)
    assert read.alpha is not None
    np.testing.assert_allclose(read.alpha, 128 / 255, atol=2e-3)
    np.testing.assert_allclose(linear_to_srgb(read.rgb)[0, 0] * 255, expected, atol=0.4)


def test_a_movie_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(FrameError, match=r"sound\.wav has no video stream"):
        open_source(path)


def test_a_movie_that_holds_no_decodable_frame_is_refused(tmp_path: Path) -> None:
    path = movie(tmp_path / "clip.mkv", counted(3), options=X264)
    contents = bytearray(path.read_bytes())
    for at in range(contents.index(b"\x1f\x43\xb6\x75") + 12, len(contents)):  # the pictures of the first cluster
        contents[at] = 0
    path.write_bytes(contents)
    with pytest.raises(FrameError, match=r"clip\.mkv"):
        open_source(path)


def test_a_movie_of_8_pixels_is_refused(tmp_path: Path) -> None:
    path = movie(tmp_path / "clip.mkv", [plain(120, 128, 128, height=8)], "ffv1", "yuv444p")
    with pytest.raises(FrameError, match="48x8 pixels, which is too small"):
        open_source(path)


def test_a_part_beyond_the_end_of_a_movie_is_refused(tmp_path: Path) -> None:
    path = movie(tmp_path / "clip.mp4", counted(5), options=X264)
    with pytest.raises(FrameError, match=r"clip\.mp4 has no frame 9; it begins at 1 and ends at 5"):
        open_source(path, first=2, last=9)


def test_a_truncated_movie_gives_its_whole_frames_or_says_which_is_damaged(tmp_path: Path) -> None:
    frames = [noise(height=64, width=64, seed=index) for index in range(30)]
    path = movie(tmp_path / "clip.mkv", frames, options={**X264, "g": "6"})
    with open_source(path) as source:
        whole = [source.digest(number) for number in source.numbers]
    contents = path.read_bytes()
    path.write_bytes(contents[: len(contents) * 6 // 10])
    with open_source(path) as source:
        assert 10 <= len(source.numbers) < 30
        for number in source.numbers[:-1]:
            assert source.digest(number) == whole[number - 1]
        try:
            assert source.digest(source.numbers[-1]) == whole[len(source.numbers) - 1]
        except FrameError as error:
            assert "clip.mkv" in str(error)


def test_a_movie_without_its_index_is_refused(tmp_path: Path) -> None:
    path = movie(tmp_path / "clip.mp4", counted(5), options=X264)
    contents = path.read_bytes()
    path.write_bytes(contents[: len(contents) // 3])
    with pytest.raises(FrameError, match=r"clip\.mp4 can be read neither as an image nor as a movie"):
        open_source(path)


# ---- EXR ----


def test_a_written_frame_comes_back_within_half_precision(tmp_path: Path) -> None:
    rgba = noise(np.float32, 4) * 3
    write_exr(tmp_path / "frame.exr", rgba, {})
    np.testing.assert_allclose(read_exr(tmp_path / "frame.exr"), rgba, rtol=2**-11, atol=2**-25)


def test_pixels_may_lie_in_any_order_in_memory(tmp_path: Path) -> None:
    rgba = noise(np.float32, 4).transpose(1, 0, 2)
    write_exr(tmp_path / "a.exr", rgba, {})
    write_exr(tmp_path / "b.exr", np.asfortranarray(rgba), {})
    np.testing.assert_allclose(read_exr(tmp_path / "a.exr"), rgba, rtol=2**-11, atol=2**-25)
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()


def test_attributes_come_back(tmp_path: Path) -> None:
    written: dict[str, str | int | float] = {"brushflow:fingerprint": "0123abcd" * 8, "brushflow:frame": 12, "note": "Grüße"}
    written |= {"brushflow:loss": 0.1, "brushflow:tiny": 1.25e-7}
    write_exr(tmp_path / "frame.exr", noise(np.float32, 4), written)
    read = read_exr_attributes(tmp_path / "frame.exr")
    assert {name: read[name] for name in written} == written
    assert isinstance(read["brushflow:frame"], int) and isinstance(read["brushflow:loss"], float)


def test_equal_frames_give_equal_files_that_hold_no_clock_and_no_path(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_exr(tmp_path / name / f"{name}.exr", noise(np.float32, 4), {"brushflow:loss": 0.5})
    contents = (tmp_path / "a" / "a.exr").read_bytes()
    assert contents == (tmp_path / "b" / "b.exr").read_bytes()
    assert b"1970:01:01 00:00:00" in contents
    assert str(tmp_path).encode() not in contents


def test_the_header_says_linear_rec709(tmp_path: Path) -> None:
    write_exr(tmp_path / "frame.exr", noise(np.float32, 4), {})
    image = oiio.ImageInput.open(str(tmp_path / "frame.exr"))
    assert image is not None
    spec = image.spec()
    assert spec.get_string_attribute("colorInteropID") == "lin_rec709_scene"
    np.testing.assert_allclose(spec.getattribute("chromaticities"), (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329), rtol=1e-6)
    assert str(spec.format) == "half" and spec.channelnames == ("R", "G", "B", "A")


def test_what_half_cannot_hold_is_made_safe(tmp_path: Path) -> None:
    rgba = np.full((HEIGHT, WIDTH, 4), [np.nan, 1e9, -np.inf, 1], np.float32)
    write_exr(tmp_path / "frame.exr", rgba, {})
    assert np.array_equal(read_exr(tmp_path / "frame.exr")[0, 0], [0, HALF_MAXIMUM, -HALF_MAXIMUM, 1])


def test_a_frame_that_cannot_be_written_whole_leaves_the_old_one(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="only Unix limits the size of files")
    path = tmp_path / "frame.exr"
    write_exr(path, noise(np.float32, 4), {})
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # what a full disk does
        with pytest.raises(FrameError, match=r"frame\.exr cannot be written: .*; check the folder, its permissions and the space left\."):
            write_exr(path, noise(np.float32, 4, 64, 64), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(f".*{PARTIAL}*"))


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="cannot be written"):
        write_exr(tmp_path / "missing" / "frame.exr", noise(np.float32, 4), {})


@pytest.mark.parametrize("read", [read_exr, read_exr_attributes])
def test_a_damaged_exr_is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    (tmp_path / "frame.exr").write_bytes(b"v/1\x01 and nothing else")
    with pytest.raises(FrameError, match=r"frame\.exr"):
        read(tmp_path / "frame.exr")


def test_a_picture_without_alpha_is_no_delivered_frame(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="does not hold red, green, blue and alpha"):
        read_exr(save(tmp_path / "frame.exr", noise(np.float32)))
