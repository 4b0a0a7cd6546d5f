# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
import torch
from numpy.typing import NDArray

from core.consistency import mask
from core.flow import FlowError
from core.flow_files import UNKNOWN, GivenFlow, read_flo, read_flow, read_vectors, write_flo
from core.warp import warp

Array = NDArray[np.float32]

WIDTH, HEIGHT = 24, 16
SKY_DEPTH = 1e10


def write_parts(path: Path, parts: Sequence[Mapping[str, Array]], *, attributes: Mapping[str, str] | None = None) -> Path:
    """An EXR file of float channels by name; several parts are named after their layers, as Blender names them."""
    specs = []
    for part in parts:
        height, width = next(iter(part.values())).shape
        spec = oiio.ImageSpec(width, height, len(part), "float")
        spec.channelnames = list(part)
        if len(parts) > 1:
            spec.attribute("oiio:subimagename", next(iter(part)).rpartition(".")[0])
        for name, value in (attributes or {}).items():
            spec.attribute(name, value)
        specs.append(spec)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), tuple(specs)) if len(specs) > 1 else output.open(str(path), specs[0])
    for index, (spec, part) in enumerate(zip(specs, parts, strict=True)):
        assert not index or output.open(str(path), spec, "AppendSubimage")
        assert output.write_image(np.stack(list(part.values()), axis=2)), output.geterror()
    assert output.close()
    return path


def whole(value: float, height: int = HEIGHT, width: int = WIDTH) -> Array:
    return np.full((height, width), value, np.float32)


def blender_file(path: Path, vector: tuple[float, float, float, float], *, version: str = "", sky: NDArray[np.bool_] | None = None) -> Path:
    """A rendered frame with the passes Combined, Depth and Vector: with a version, a part each; without, all in one as in 4.5."""
    sky = np.zeros((HEIGHT, WIDTH), bool) if sky is None else sky
    combined = {f"ViewLayer.Combined.{name}": whole(0.5) for name in "RGBA"}
    depth = {"ViewLayer.Depth.Z": np.where(sky, np.float32(SKY_DEPTH), np.float32(10))}
    vectors = {
        f"ViewLayer.Vector.{name}": np.where(sky, np.float32(0), np.float32(value)) for name, value in zip("XYZW", vector, strict=True)
    }
    if version:
        return write_parts(path, [combined, depth, vectors], attributes={"Software": version})
    return write_parts(path, [{**combined, **depth, **vectors}])


def test_a_flow_file_comes_back_bit_by_bit(tmp_path: Path) -> None:
    flow = np.random.default_rng(0).normal(0, 5, (7, 9, 2)).astype(np.float32)
    path = tmp_path / "flow.flo"
    write_flo(path, flow)
    assert np.array_equal(read_flo(path), flow)
    head = struct.unpack("<fii", path.read_bytes()[:12])
    assert head == (202021.25, 9, 7)


def test_the_flow_of_the_film_is_read_with_its_size(data: Path) -> None:
    assert read_flo(data / "sintel_alley_1" / "flow_0001.flo").shape == (436, 1024, 2)


@pytest.mark.parametrize(
    ("contents", "complaint"),
    [
        (b"", "is not a .flo file"),
        (b"PIEH", "is not a .flo file"),
        (struct.pack("<fii", 1.0, 2, 2) + bytes(32), "is not a .flo file"),
        (struct.pack("<fii", 202021.25, 2, 2) + bytes(31), "2x2 pixels take 44 bytes, but it has 43"),
        (struct.pack("<fii", 202021.25, 2, 2) + bytes(40), "but it has 52"),
        (struct.pack("<fii", 202021.25, 0, 2), "claims 0x2 pixels"),
        (struct.pack("<fii", 202021.25, -3, 2), "claims -3x2 pixels"),
        (struct.pack("<fii", 202021.25, 2**30, 2**30), "claims 1073741824x1073741824 pixels"),
    ],
)
def test_a_flow_file_that_is_not_whole_is_refused(tmp_path: Path, contents: bytes, complaint: str) -> None:
    path = tmp_path / "bad.flo"
    path.write_bytes(contents)
    with pytest.raises(FlowError, match=complaint) as caught:
        read_flo(path)
    assert "bad.flo" in str(caught.value)


def test_a_flow_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"none\.flo cannot be read"):
        read_flo(tmp_path / "none.flo")


def test_a_flow_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="cannot be written"):
        write_flo(tmp_path / "missing" / "flow.flo", np.zeros((2, 2, 2), np.float32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", ["", "Blender 5.0.1", "Blender 5.2.3 LTS"])
def test_the_vectors_of_blender_point_forward_and_backward_with_y_down(tmp_path: Path, version: str) -> None:
    # What Blender writes for a plane that came by (+3, +2) and goes on by (+4, +2) pixels, y up.
    forward, backward = read_vectors(blender_file(tmp_path / "v.exr", (-3, -2, -4, -2), version=version))
    assert forward.shape == backward.shape == (HEIGHT, WIDTH, 2) and forward.dtype == backward.dtype == np.float32
    assert (forward == (4, -2)).all() and (backward == (-3, 2)).all()


def test_the_sky_of_a_turning_camera_is_known_only_from_5_2_on(tmp_path: Path) -> None:
    sky = np.zeros((HEIGHT, WIDTH), bool)
    sky[:5] = True
    for version, known in (("", False), ("Blender 5.0.1", False), ("Blender 5.2.3 LTS", True)):
        for flow in read_vectors(blender_file(tmp_path / "v.exr", (-3, 0, -3, 0), version=version, sky=sky)):
            assert (flow[sky] == (0 if known else UNKNOWN)).all()
            assert (np.abs(flow[~sky]) <= 3).all()


def test_the_sky_rests_where_something_else_does(tmp_path: Path) -> None:
    sky = np.zeros((HEIGHT, WIDTH), bool)
    sky[:5] = True
    forward, backward = read_vectors(blender_file(tmp_path / "v.exr", (0, 0, -3, 0), sky=sky))
    assert (backward == 0).all()
    assert (forward[sky] == UNKNOWN).all()


@pytest.mark.parametrize("unknown", [1e10, -1e10, np.inf, np.nan])
def test_unknown_vectors_are_never_trusted_and_never_spread(tmp_path: Path, unknown: float) -> None:
    x = whole(0)
    x[4:8, 10:14] = unknown
    parts = {f"ViewLayer.Vector.{name}": x if name in "XZ" else whole(0) for name in "XYZW"}
    forward, backward = read_vectors(write_parts(tmp_path / "v.exr", [parts]))
    hole = np.isnan(x) | (np.abs(x) > 1)
    assert np.isfinite(forward).all() and (forward[hole] == UNKNOWN).all() and (forward[~hole] == 0).all()
    for flow, inverse in ((forward, backward), (forward, np.zeros_like(backward)), (np.zeros_like(forward), backward)):
        with np.errstate(all="raise"):
            weight = mask(flow, inverse)
        assert (weight[hole] < 0.3).all() and (mask(flow, inverse, "binary")[hole] == 0).all()
        assert (weight[:, :6] == 1).all()
    picture = torch.rand(1, 3, HEIGHT, WIDTH)
    moved = warp(picture, torch.from_numpy(forward).permute(2, 0, 1)[None])
    assert torch.isfinite(moved).all()
    assert torch.equal(moved[..., torch.from_numpy(~hole)], picture[..., torch.from_numpy(~hole)])


def test_a_file_without_a_vector_pass_or_with_two_is_refused(tmp_path: Path) -> None:
    plain = write_parts(tmp_path / "plain.exr", [{name: whole(0) for name in "RGBA"}])
    with pytest.raises(FlowError, match=r"plain\.exr holds no Vector pass"):
        read_vectors(plain)
    layers = {f"{layer}.Vector.{name}": whole(0) for layer in ("Near", "Far") for name in "XYZW"}
    with pytest.raises(FlowError, match=r"several view layers \(Far\.Vector, Near\.Vector\)"):
        read_vectors(write_parts(tmp_path / "two.exr", [layers]))
    with pytest.raises(FlowError, match="give it as vectors"):
        read_flow(blender_file(tmp_path / "v.exr", (0, 0, 0, 0)))


def test_a_file_that_is_no_image_or_was_cut_off_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.exr").write_text("no image")
    for read in (read_flow, read_vectors):
        with pytest.raises(FlowError, match=r"text\.exr cannot be read"):
            read(tmp_path / "text.exr")
        with pytest.raises(FlowError, match=r"none\.exr cannot be read"):
            read(tmp_path / "none.exr")
    path = tmp_path / "cut.exr"
    noise = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    write_parts(path, [{"u": noise, "v": noise}])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FlowError, match=r"cut\.exr"):
        read_flow(path)


@pytest.mark.parametrize("names", [("u", "v"), ("X", "Y"), ("R", "G"), ("flow.X", "flow.Y"), ("motion.U", "motion.V")])
def test_a_flow_is_found_in_an_exr_by_its_channels(tmp_path: Path, names: tuple[str, str]) -> None:
    channels = {names[0]: whole(2.5), names[1]: whole(-1), "picture.B": whole(9)}
    assert (read_flow(write_parts(tmp_path / "f.exr", [channels])) == (2.5, -1)).all()


def test_a_layer_with_u_and_v_comes_before_the_picture_beside_it(tmp_path: Path) -> None:
    channels = {**{name: whole(0.5) for name in "RGBA"}, "motion.u": whole(2), "motion.v": whole(1)}
    assert (read_flow(write_parts(tmp_path / "f.exr", [channels])) == (2, 1)).all()
    both = {f"{layer}.{name}": whole(1) for layer in ("backward", "forward") for name in "uv"}
    with pytest.raises(FlowError, match=r"several layers that may be the flow \(backward, forward\)"):
        read_flow(write_parts(tmp_path / "both.exr", [both]))
    with pytest.raises(FlowError, match="holds no flow"):
        read_flow(write_parts(tmp_path / "depth.exr", [{"Z": whole(1)}]))


def test_outside_of_the_data_window_nothing_is_known(tmp_path: Path) -> None:
    spec = oiio.ImageSpec(4, 3, 2, "float")
    spec.channelnames = ["u", "v"]
    spec.x, spec.y, spec.full_width, spec.full_height = 2, 1, 8, 6
    output = oiio.ImageOutput.create(str(tmp_path / "f.exr"))
    assert output.open(str(tmp_path / "f.exr"), spec) and output.write_image(np.ones((3, 4, 2), np.float32)) and output.close()
    flow = read_flow(tmp_path / "f.exr")
    assert flow.shape == (6, 8, 2)
    assert (flow[1:4, 2:6] == 1).all() and (flow == UNKNOWN).all(2).sum() == 48 - 12


def test_what_the_benchmark_calls_unknown_is_unknown(tmp_path: Path) -> None:
    flow = np.zeros((4, 5, 2), np.float32)
    flow[1, 2], flow[2, 2, 1] = 1.7e9, np.nan
    write_flo(tmp_path / "f.flo", flow)
    read = read_flow(tmp_path / "f.flo")
    assert (read[1, 2] == UNKNOWN).all() and (read[2, 2] == UNKNOWN).all() and (read == 0).sum() == 2 * 18


def sequence(folder: Path, numbers: Sequence[int], height: int = HEIGHT, width: int = WIDTH) -> GivenFlow:
    """Flow files whose vectors tell their number: forward (t, 1), backward (-t, -1)."""
    for number in numbers:
        write_flo(folder / f"f_{number:04d}.flo", np.full((height, width, 2), (number, 1), np.float32))
        write_flo(folder / f"b_{number:04d}.flo", np.full((height, width, 2), (-number, -1), np.float32))
    return GivenFlow(forward=str(folder / "f_####.flo"), backward=str(folder / "b_%04d.flo"))


def test_given_flow_is_found_by_its_number_and_direction(tmp_path: Path) -> None:
    given = sequence(tmp_path, (7, 8))
    assert (given.step(7, +1, (WIDTH, HEIGHT)) == (7, 1)).all()
    assert (given.step(8, -1, (WIDTH, HEIGHT)) == (-8, -1)).all()
    blender_file(tmp_path / "v_0008.exr", (-3, -2, -4, -2))
    vectors = GivenFlow(vectors=str(tmp_path / "v_####.exr"))
    assert (vectors.step(8, +1, (WIDTH, HEIGHT)) == (4, -2)).all()
    assert (vectors.step(8, -1, (WIDTH, HEIGHT)) == (-3, 2)).all()


def test_given_flow_is_scaled_with_its_edges_and_holes_as_they_are(tmp_path: Path) -> None:
    flow = np.zeros((16, 24, 2), np.float32)
    flow[:, 12:] = (8, 4)
    flow[:4] = UNKNOWN
    for name in "fb":
        write_flo(tmp_path / f"{name}_1.flo", flow)
    given = GivenFlow(forward=str(tmp_path / "f_#.flo"), backward=str(tmp_path / "b_#.flo"))
    for scale in (0.5, 2):
        width, height = round(24 * scale), round(16 * scale)
        scaled = given.step(1, +1, (width, height))
        assert scaled.shape == (height, width, 2) and scaled.dtype == np.float32
        top = height // 4
        assert (scaled[:top] == UNKNOWN).all()
        assert (scaled[top:, : width // 2] == 0).all() and (scaled[top:, width // 2 :] == (8 * scale, 4 * scale)).all()
    with pytest.raises(FlowError, match=r"f_1\.flo is 24x16 pixels, .* 24x24"):
        given.step(1, +1, (24, 24))


def test_the_first_missing_flow_file_is_named(tmp_path: Path) -> None:
    given = sequence(tmp_path, (1, 2, 3, 4))
    given.check((2, 3, 4))
    given.check((9,))  # a single frame has no motion
    with pytest.raises(FlowError, match=r"b_0005\.flo does not exist"):
        given.check(range(1, 7))
    (tmp_path / "b_0001.flo").unlink()
    (tmp_path / "f_0004.flo").unlink()
    given.check((1, 2, 3, 4))  # nothing comes before the first frame or after the last
    (tmp_path / "b_0003.flo").unlink()
    with pytest.raises(FlowError, match=r"b_0003\.flo does not exist"):
        given.check((4, 3, 2, 1))


def test_flow_files_of_another_kind_are_refused_before_the_work(tmp_path: Path) -> None:
    for number in (1, 2):
        write_parts(tmp_path / f"v_{number}.exr", [{name: whole(0) for name in "RGBA"}])
    with pytest.raises(FlowError, match="holds no Vector pass"):
        GivenFlow(vectors=str(tmp_path / "v_#.exr")).check((1, 2))


@pytest.mark.parametrize(
    "patterns", [{}, {"forward": "f_#.flo"}, {"backward": "b_#.flo"}, {"vectors": "v_#.exr", "forward": "f_#.flo"}, {"vectors": "v.exr"}]
)
def test_patterns_that_do_not_make_a_flow_are_refused(patterns: dict[str, str]) -> None:
    with pytest.raises(FlowError):
        GivenFlow(**patterns)


def test_the_digest_follows_the_vectors_and_not_the_file(tmp_path: Path) -> None:
    given = sequence(tmp_path, (1, 2))
    assert len({given.digest(number, toward) for number in (1, 2) for toward in (+1, -1)}) == 4
    write_parts(tmp_path / "f_0001.exr", [{"u": whole(1), "v": whole(1)}])
    other = GivenFlow(forward=str(tmp_path / "f_####.exr"), backward=str(tmp_path / "b_####.flo"))
    assert other.digest(1, +1) == given.digest(1, +1)
