# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken inputs, made by code: what the engine must refuse in one sentence, and odd names that it must take.

No torch is imported here, so that a process that refuses can show that it never needed it.
"""

from __future__ import annotations

import json
import os
import random
import struct
import wave
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import OpenImageIO as oiio  # noqa: N813

SIZE = 32
FRAMES = 3
Damage = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Case:
    """One input: `make` writes it below a folder and gives the engine's arguments.

    `stage` is where it ends: at the check, without torch; at the pixels, while the job runs; or not at all.
    """

    name: str
    make: Callable[[Ground], list[str]]
    stage: Literal["check", "pixels", "works"] = "check"


class Ground:
    """A folder with a good shot, painting and job, of which a case spoils something."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for number in range(1, FRAMES + 1):
            picture(folder / f"shot_{number:04d}.png", number)
        picture(folder / "painting.png", 9)

    def at(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, contents: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(contents.encode("utf-8", "surrogateescape") if isinstance(contents, str) else contents)
        return path

    def values(self, **changes: Any) -> dict[str, Any]:
        return {
            "schema": 1,
            "content": {"pattern": "shot_####.png"},
            "styles": [{"path": "painting.png"}],
            "output": {"folder": "out", "name": "shot"},
            "settings": {"iterations_first": 2, "iterations": 1, "tolerance": 0, "device": "cpu", "cuts": "none"},
            **changes,
        }

    def job(self, **changes: Any) -> list[str]:
        return self.file(json.dumps(self.values(**changes)))

    def file(self, text: bytes | str) -> list[str]:
        return ["run", str(self.write("job.json", text)), "--json"]


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (SIZE, SIZE), kind: str = "uint8") -> Path:
    """A picture of smooth random colors, of the format that the name ends in."""
    width, height = size
    coarse = np.random.default_rng(seed).integers(20, 236, (height // 4 + 1, width // 4 + 1, 3))
    pixels = np.kron(coarse, np.ones((4, 4, 1), int))[:height, :width].astype(np.uint8)
    values: Any = pixels if kind == "uint8" else (pixels / 255).astype(np.float32)
    return image(path, values, kind)


def image(path: Path, values: Any, kind: str = "float", names: tuple[str, ...] = ()) -> Path:
    """Values (H, W, C) as an image, with channels of these names."""
    spec = oiio.ImageSpec(values.shape[1], values.shape[0], values.shape[2], kind)
    if names:
        spec.channelnames = names
    output = oiio.ImageOutput.create(str(path))
    assert output and output.open(str(path), spec) and output.write_image(np.ascontiguousarray(values)) and output.close(), path
    return path


def movie(path: Path, frames: int = 8) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            pixels = np.full((48, 64, 3), 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    return path


def flo(width: int, height: int, pixels: int, magic: float = 202021.25) -> bytes:
    return struct.pack("<fii", magic, width, height) + bytes(8 * pixels)


def _chunk(kind: bytes, contents: bytes) -> bytes:
    return struct.pack(">I", len(contents)) + kind + contents + struct.pack(">I", zlib.crc32(kind + contents))


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of one bit a pixel whose megabytes of zeros are compressed a thousandfold."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    packed = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"\0" * 64)) + _chunk(b"IEND", b"")


def exr_windows(contents: bytes, *, data: tuple[int, ...] | None = None, display: tuple[int, ...] | None = None) -> bytes:
    """An EXR file whose header claims other windows."""
    for name, box in ((b"dataWindow\0box2i\0", data), (b"displayWindow\0box2i\0", display)):
        if box is not None:
            place = contents.index(name) + len(name) + 4
            contents = contents[:place] + struct.pack("<4i", *box) + contents[place + 16 :]
    return contents


def _garbled(contents: bytes) -> bytes:
    generator = random.Random(len(contents))
    changed = bytearray(contents)
    for place in range(4, min(len(changed), 64)):
        changed[place] = generator.randrange(256)
    return bytes(changed)


FORMATS = ("png", "jpg", "tif", "exr", "bmp", "tga", "hdr", "dpx", "webp", "gif", "ppm", "sgi", "rla", "iff", "ico", "fits", "jp2")
DAMAGES: dict[str, Damage] = {
    "empty": lambda contents: b"",
    "ten bytes": lambda contents: contents[:10],
    "no magic": lambda contents: b"\0" * 16 + contents[16:],
    "text": lambda contents: b"This is a letter, not a picture.\n" * 9,
}
DEEPER: dict[str, Damage] = {"cut at a third": lambda contents: contents[: len(contents) // 3], "garbled": _garbled}


def _damaged(ground: Ground, path: Path, damage: Damage) -> Path:
    kind = "float" if path.suffix in (".exr", ".hdr") else "uint8"
    picture(path, 3, kind=kind)
    path.write_bytes(damage(path.read_bytes()))
    return path


def _pictures() -> Iterator[Case]:
    for suffix in FORMATS:
        for name, damage in {**DAMAGES, **DEEPER}.items():

            def style(ground: Ground, suffix: str = suffix, damage: Damage = damage) -> list[str]:
                return ground.job(styles=[{"path": _damaged(ground, ground.at(f"style.{suffix}"), damage).name}])

            yield Case(f"style {suffix}: {name}", style)
        for name in ("empty", "no magic"):

            def frame(ground: Ground, suffix: str = suffix, damage: Damage = DAMAGES[name]) -> list[str]:
                for number in (1, 2, 3):
                    picture(ground.at(f"film_{number}.{suffix}"), number, kind="float" if suffix in ("exr", "hdr") else "uint8")
                _damaged(ground, ground.at(f"film_2.{suffix}"), damage)
                return ground.job(content={"pattern": f"film_#.{suffix}"})

            yield Case(f"frame {suffix}: {name}", frame)


def _as_content(name: str, contents: Callable[[], bytes]) -> Callable[[Ground], list[str]]:
    return lambda ground: ground.job(content={"path": ground.write(name, contents()).name})


def _as_style(name: str, contents: Callable[[Ground], bytes]) -> Callable[[Ground], list[str]]:
    return lambda ground: ground.job(styles=[{"path": ground.write(name, contents(ground)).name}])


def _exr(ground: Ground) -> bytes:
    return picture(ground.at("plain.exr"), kind="float").read_bytes()


def _sizes() -> Iterator[Case]:
    giant = (0, 0, 999_999, 999_999)
    yield Case("style: PNG bomb of 1.6 billion pixels", _as_style("bomb.png", lambda ground: png_bomb(40_000, 40_000)))
    yield Case("frame: PNG bomb of 1.6 billion pixels", _as_content("bomb.png", lambda: png_bomb(40_000, 40_000)))
    yield Case("style: PNG that claims 2^31 - 1 pixels a side", _as_style("huge.png", lambda ground: png_header(2**31 - 1, 2**31 - 1)))
    yield Case("style: PNG of no pixels", _as_style("none.png", lambda ground: png_header(0, 0)))
    yield Case("style: PNG that claims a million lines", _as_style("tall.png", lambda ground: png_header(1, 1_000_000)))
    yield Case("frame: PNG that claims a million lines", _as_content("tall.png", lambda: png_header(16, 1_000_000)), "pixels")
    yield Case("style: PPM that claims 10^10 pixels", _as_style("huge.ppm", lambda ground: b"P6 100000 100000 255\n" + bytes(99)))
    yield Case("style: PPM of negative size", _as_style("negative.ppm", lambda ground: b"P6 -5 -5 255\n" + bytes(99)))
    yield Case("frame: PPM that claims 10^18 pixels", _as_content("huge.ppm", lambda: b"P6 1000000000 1000000000 255\n" + bytes(99)))
    yield Case("style: EXR with a giant data window", _as_style("data.exr", lambda ground: exr_windows(_exr(ground), data=giant)))
    yield Case("style: EXR with a giant display window", _as_style("show.exr", lambda ground: exr_windows(_exr(ground), display=giant)))
    yield Case("style: EXR whose windows are reversed", _as_style("back.exr", lambda ground: exr_windows(_exr(ground), data=(9, 9, 0, 0))))
    yield Case(
        "style: EXR whose window overflows 32 bits",
        _as_style("wide.exr", lambda ground: exr_windows(_exr(ground), data=(-(2**31), -(2**31), 2**31 - 1, 2**31 - 1))),
    )
    yield Case("style: BMP that claims 2^30 lines", _as_style("tall.bmp", lambda ground: _bmp(64, 2**30)))
    yield Case("style: TGA that claims 65535 pixels a side", _as_style("wide.tga", lambda ground: _tga(65_535, 65_535)))
    yield Case(
        "style: HDR that claims 10^10 pixels", _as_style("huge.hdr", lambda ground: b"#?RADIANCE\n\n-Y 100000 +X 100000\n" + bytes(99))
    )
    yield Case("style: FITS of no channels", _as_style("none.fits", lambda ground: _fits("NAXIS2  = \0  16", "\0AXIS3  =    3")))
    yield Case("style: FITS of no lines", _as_style("none.fits", lambda ground: _fits("NAXIS2  =    0", "NAXIS3  =    3")))
    yield Case("frame: 15 pixels wide", lambda ground: ground.job(content={"path": picture(ground.at("small.png"), size=(15, 40)).name}))
    yield Case("style: deep EXR without a picture", lambda ground: ground.job(styles=[{"path": _deep(ground.at("deep.exr")).name}]))


def _bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 154, 0, 0, 54, 40, width, height, 1, 24, 0, 100, 0, 0, 0, 0) + bytes(100)


def _tga(width: int, height: int) -> bytes:
    return struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, width, height, 24, 0) + bytes(100)


def _fits(*cards: str) -> bytes:
    head = ("SIMPLE  =    T", "BITPIX  =    8", "NAXIS   =    3", "NAXIS1  =   16", *cards, "END")
    return "".join(card.ljust(80) for card in head).ljust(2880).encode() + bytes(2880)


def _deep(path: Path) -> Path:
    spec = oiio.ImageSpec(16, 16, 1, "float")
    spec.channelnames, spec.deep = ("Z",), True
    data = oiio.DeepData()
    data.init(256, 1, "float", ("Z",))
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_deep_image(data) and output.close()
    return path


def _movies() -> Iterator[Case]:
    def cut(share: float) -> Callable[[Ground], list[str]]:
        def make(ground: Ground) -> list[str]:
            contents = movie(ground.at("whole.mp4")).read_bytes()
            return ground.job(content={"path": ground.write("film.mp4", contents[: int(len(contents) * share)]).name})

        return make

    yield Case("movie: empty", _as_content("film.mp4", lambda: b""))
    yield Case("movie: text", _as_content("film.mov", lambda: b"a film about nothing\n" * 20))
    yield Case("movie: random bytes", _as_content("film.mkv", lambda: random.Random(1).randbytes(5000)))
    for share in (0.01, 0.3, 0.9):
        yield Case(f"movie: cut at {share:.0%}", cut(share))
    yield Case("movie: sound alone", lambda ground: ground.job(content={"path": _sound(ground.at("film.wav")).name}))
    for name, lines in {
        "film.m3u8": "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n",
        "film.ffconcat": "ffconcat version 1.0\nfile http://127.0.0.1:9/a.ts\n",
        "film.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    }.items():
        yield Case(f"movie: {name} that names an address", _as_content(name, lambda lines=lines: lines.encode()))
    yield Case("movie: a playlist of itself", _as_content("film.ffconcat", lambda: b"ffconcat version 1.0\nfile film.ffconcat\n"))
    yield Case("movie: an address instead of a file", lambda ground: ground.job(content={"path": "http://127.0.0.1:9/film.mp4"}))
    yield Case("movie: a frame that it lacks", lambda ground: ground.job(content={"path": movie(ground.at("film.mp4")).name, "last": 99}))


def _sound(path: Path) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    return path


def _flows() -> Iterator[Case]:
    def given(name: str, contents: Callable[[Ground], bytes]) -> Callable[[Ground], list[str]]:
        def make(ground: Ground) -> list[str]:
            for number in range(1, FRAMES + 1):
                for toward in ("forward", "backward"):
                    ground.write(name.format(toward=toward, number=number), contents(ground))
            patterns = {toward: name.format(toward=toward, number="#") for toward in ("forward", "backward")}
            return ground.job(flow=patterns)

        return make

    def vectors(names: tuple[str, ...], damage: Damage = bytes) -> Callable[[Ground], list[str]]:
        def make(ground: Ground) -> list[str]:
            for number in range(1, FRAMES + 1):
                path = image(ground.at(f"v_{number}.exr"), np.zeros((SIZE, SIZE, len(names)), np.float32), names=names)
                path.write_bytes(damage(path.read_bytes()))
            return ground.job(flow={"vectors": "v_#.exr"})

        return make

    pixels = SIZE * SIZE
    for name, contents in {
        "empty": b"",
        "four bytes": b"PIEH",
        "text": b"flow\n" * 30,
        "wrong magic": flo(SIZE, SIZE, pixels, 1.0),
        "cut": flo(SIZE, SIZE, pixels // 2),
        "too long": flo(SIZE, SIZE, pixels + 9),
        "negative size": flo(-SIZE, -SIZE, pixels),
        "no size": flo(0, 0, 0),
        "2^31 - 1 pixels a side": flo(2**31 - 1, 2**31 - 1, 9),
        "65536 pixels a side": flo(2**16, 2**16, 9),
        "NaN for magic": flo(SIZE, SIZE, pixels, float("nan")),
    }.items():
        yield Case(f"flo: {name}", given("{toward}_{number}.flo", lambda ground, contents=contents: contents))
    four = ("ViewLayer.Vector.X", "ViewLayer.Vector.Y", "ViewLayer.Vector.Z", "ViewLayer.Vector.W")
    yield Case("flow EXR: text", given("{toward}_{number}.exr", lambda ground: b"no layers" * 30))
    yield Case("flow EXR: one channel", given("{toward}_{number}.exr", lambda ground: _channels(ground, ("Y",))))
    yield Case(
        "flow EXR: two layers that may be it",
        given("{toward}_{number}.exr", lambda ground: _channels(ground, ("a.u", "a.v", "b.u", "b.v"))),
    )
    yield Case("flow EXR: a Vector pass", given("{toward}_{number}.exr", lambda ground: _channels(ground, four)))
    yield Case(
        "flow EXR: giant window", given("{toward}_{number}.exr", lambda ground: exr_windows(_exr(ground), display=(0, 0, 999_999, 999_999)))
    )
    yield Case(
        "flow EXR: giant data", given("{toward}_{number}.exr", lambda ground: exr_windows(_exr(ground), data=(0, 0, 999_999, 999_999)))
    )
    yield Case("flow: missing", lambda ground: ground.job(flow={"forward": "f_#.flo", "backward": "b_#.flo"}))
    yield Case("flow: a pattern without a number", lambda ground: ground.job(flow={"forward": "f.flo", "backward": "b.flo"}))
    yield Case("vectors: no Vector pass", vectors(("R", "G", "B")))
    yield Case("vectors: two view layers", vectors((*four, *(name.replace("ViewLayer", "Other") for name in four))))
    yield Case("vectors: empty", vectors(four, lambda contents: b""))
    yield Case("vectors: cut at a third", vectors(four, lambda contents: contents[: len(contents) // 3]))
    for what, name in (("forward", "cut"), ("backward", "text")):

        def tool(ground: Ground, name: str = name) -> list[str]:
            good, bad = (
                ground.write("good.flo", flo(SIZE, SIZE, pixels)),
                ground.write("bad.flo", flo(SIZE, SIZE, 5) if name == "cut" else "no"),
            )
            return ["reliability", "--flow", str(bad), "--inverse", str(good), "--output", str(ground.at("m.png")), "--json"]

        yield Case(f"reliability: {what} {name}", tool)
    yield Case(
        "reliability: an endless file",
        lambda ground: ["reliability", "--flow", "/dev/zero", "--inverse", "/dev/zero", "--output", str(ground.at("m.png")), "--json"],
    )


def _channels(ground: Ground, names: tuple[str, ...]) -> bytes:
    return image(ground.at("channels.exr"), np.zeros((SIZE, SIZE, len(names)), np.float32), names=names).read_bytes()


def _mattes() -> Iterator[Case]:
    for name, damage in {**DAMAGES, **DEEPER}.items():

        def matte(ground: Ground, damage: Damage = damage) -> list[str]:
            return ground.job(matte={"path": _damaged(ground, ground.at("matte.png"), damage).name})

        yield Case(f"matte: {name}", matte, "pixels" if name == "cut at a third" else "check")
    yield Case("matte: missing", lambda ground: ground.job(matte={"path": "none.png"}))
    yield Case("matte: alpha where there is none", lambda ground: ground.job(matte={"source": "alpha"}))
    yield Case("matte: too few frames", lambda ground: ground.job(matte={"pattern": _two(ground)}))
    yield Case("matte: bomb", lambda ground: ground.job(matte={"path": ground.write("matte.png", png_bomb(40_000, 40_000)).name}))


def _two(ground: Ground) -> str:
    for number in (1, 2):
        picture(ground.at(f"matte_{number}.png"), number)
    return "matte_#.png"


def _job_files() -> Iterator[Case]:
    texts: dict[str, bytes | str] = {
        "empty": "",
        "a brace": "{",
        "a number": "7",
        "a list": "[]",
        "NUL": "\0" * 50,
        "latin-1": '{"schema": 1, "id": "Stra\xdfe"}'.encode("latin-1"),
        "UTF-16": '{"schema": 1}'.encode("utf-16"),
        "a picture": png_header(5, 5),
        "100000 nested lists": "[" * 100_000,
        "100000 nested objects": '{"a":' * 100_000,
        "a number of 10000 digits": '{"schema": ' + "9" * 10_000 + "}",
        "NaN for schema": '{"schema": NaN}',
        "an unknown key": '{"schema": 1, "run": "rm -rf /"}',
        "a key twice": '{"schema": 1, "schema": 2}',
    }
    for name, text in texts.items():
        yield Case(f"job file: {name}", lambda ground, text=text: ground.file(text))
    changes: dict[str, dict[str, Any]] = {
        "schema 2": {"schema": 2},
        "schema as text": {"schema": "1"},
        "content missing": {"content": {}},
        "content null": {"content": None},
        "content both ways": {"content": {"path": "a", "pattern": "b"}},
        "content path a number": {"content": {"path": 5}},
        "content NUL in the name": {"content": {"path": "a\0b"}},
        "content half a character": {"content": {"path": "a\ud800.png"}},
        "content of 5000 letters": {"content": {"path": "a" * 5000}},
        "content: pattern of 5000 letters": {"content": {"pattern": "a" * 5000 + "_#.png"}},
        "content: folder of 5000 letters": {"content": {"pattern": "a" * 5000 + "/shot_#.png"}},
        "content: first after last": {"content": {"pattern": "shot_####.png", "first": 3, "last": 1}},
        "content: first of 40 digits": {"content": {"pattern": "shot_####.png", "first": 10**40}},
        "content: last of 40 digits": {"content": {"pattern": "shot_####.png", "last": 10**40}},
        "content: first NaN": {"content": {"pattern": "shot_####.png", "first": float("nan")}},
        "content: offset of 400 digits": {"content": {"pattern": "shot_####.png", "offset": 10**400}},
        "content: offset of 4000000 digits of exponent": {"content": {"pattern": "shot_####.png", "offset": 1e300}},
        "content: unknown color space": {"content": {"pattern": "shot_####.png", "colorspace": "ACES$(reboot)"}},
        "content: color space of 100000 letters": {"content": {"pattern": "shot_####.png", "colorspace": "a" * 100_000}},
        "content: two numbers in the pattern": {"content": {"pattern": "shot_##_##.png"}},
        "content: no number in the pattern": {"content": {"pattern": "shot.png"}},
        "content: pattern of 10^12 digits": {"content": {"pattern": "shot_%01000000000000d.png"}},
        "content: pattern of 10^40 digits": {"content": {"pattern": f"shot_%0{10**40}d.png"}},
        "content: pattern of percent signs": {"content": {"pattern": "shot_%s%n%x.png"}},
        "content: pattern is a folder": {"content": {"pattern": "."}},
        "content: pattern with a regular expression": {"content": {"pattern": "(a+)+#.png"}},
        "styles empty": {"styles": []},
        "style missing": {"styles": [{"path": "none.png"}]},
        "style is a folder": {"styles": [{"path": "."}]},
        "style NUL": {"styles": [{"path": "a\0"}]},
        "style of 5000 letters": {"styles": [{"path": "a" * 5000}]},
        "style half a character": {"styles": [{"path": "\udcff.png"}]},
        "style weight negative": {"styles": [{"path": "painting.png", "weight": -1}]},
        "style weight infinite": {"styles": [{"path": "painting.png", "weight": float("inf")}]},
        "style weight NaN": {"styles": [{"path": "painting.png", "weight": float("nan")}]},
        "style weight zero": {"styles": [{"path": "painting.png", "weight": 0}]},
        "style weight text": {"styles": [{"path": "painting.png", "weight": "a lot"}]},
        "style of a UNC path": {"styles": [{"path": "\\\\server\\share\\painting.png"}]},
        "style of a drive letter": {"styles": [{"path": "Z:\\art\\painting.png"}]},
        "style by an address": {"styles": [{"path": "https://127.0.0.1:9/painting.png"}]},
        "style outside without a matte": {"styles": [{"path": "painting.png", "region": "outside"}]},
        "name with a slash": {"output": {"folder": "out", "name": "../../shot"}},
        "name with a backslash": {"output": {"folder": "out", "name": "..\\shot"}},
        "name absolute": {"output": {"folder": "out", "name": "/etc/shot"}},
        "name NUL": {"output": {"folder": "out", "name": "a\0"}},
        "name empty": {"output": {"folder": "out", "name": ""}},
        "name of 300 letters": {"output": {"folder": "out", "name": "a" * 300}},
        "name half a character": {"output": {"folder": "out", "name": "a\ud800"}},
        "name of a drive": {"output": {"folder": "out", "name": "c:shot"}},
        "output a file": {"output": {"folder": "painting.png", "name": "shot"}},
        "output below a file": {"output": {"folder": "painting.png/out", "name": "shot"}},
        "output NUL": {"output": {"folder": "a\0", "name": "shot"}},
        "output of 5000 letters": {"output": {"folder": "a" * 5000, "name": "shot"}},
        "output a device": {"output": {"folder": "/dev/null", "name": "shot"}},
        "output in /proc": {"output": {"folder": "/proc/self/out", "name": "shot"}},
        "output of a UNC path": {"output": {"folder": "\\\\server\\share\\out", "name": "shot"}},
        "output of a drive letter": {"output": {"folder": "C:\\out", "name": "shot"}},
        "output half a character": {"output": {"folder": "o\udc80ut", "name": "shot"}},
        "output: existing unknown": {"output": {"folder": "out", "name": "shot", "existing": "burn"}},
        "settings a list": {"settings": []},
        "setting unknown": {"settings": {"__class__": 1}},
        "setting of the wrong kind": {"settings": {"iterations": "many"}},
        "setting NaN": {"settings": {"style_weight": float("nan")}},
        "setting infinite": {"settings": {"resolution": float("inf")}},
        "setting an object": {"settings": {"style_weight": {"a": [1]}}},
        "setting of 400 digits": {"settings": {"seed": 10**400}},
        "setting cuts of text": {"settings": {"cuts": [1, "two"]}},
        "setting layers unknown": {"settings": {"style_layers": ["relu9_9"]}},
        "setting flow unknown": {"settings": {"flow": "magic"}},
        "setting threads negative": {"settings": {"threads": -4}},
        "setting threads of a million": {"settings": {"threads": 1_000_000}},
        "setting everything zero": {"settings": {"content_weight": 0, "style_weight": 0, "temporal_weight": 0}},
        "keyframes too few": {"per_frame": {"style_weight": [1]}},
        "keyframes NaN": {"per_frame": {"style_weight": [1, float("nan"), 1]}},
        "keyframes of text": {"per_frame": {"style_weight": ["a", "b", "c"]}},
        "keyframes of what cannot change": {"per_frame": {"iterations": [1, 2, 3]}},
        "keyframes of an unknown setting": {"per_frame": {"joy": [1, 2, 3]}},
        "plan of text": {"plan": "fast"},
        "plan: threads as text": {"plan": {"device": "cpu", "threads": "many"}},
        "plan: a billion threads": {"plan": {"device": "cpu", "threads": 10**9}},
        "plan: history as text": {"plan": {"device": "cpu", "checkpointing": 1, "history": "long"}},
        "plan: checkpointing of a list": {"plan": {"device": "cpu", "checkpointing": [1]}},
        "plan: strips of a fraction": {"plan": {"device": "cpu", "checkpointing": 1, "strip_rows": 0.5}},
        "plan: device a number": {"plan": {"device": 5}},
        "plan: precision unknown": {"plan": {"device": "cpu", "precision": "float7"}},
        "matte of no source": {"matte": {}},
        "flow half given": {"flow": {"forward": "f_#.flo"}},
        "id a list": {"id": [1]},
    }
    for name, change in changes.items():
        yield Case(f"job: {name}", lambda ground, change=change: ground.job(**change))
    yield Case("job file: missing", lambda ground: ["run", str(ground.at("none.json")), "--json"])
    yield Case("job file: a folder", lambda ground: ["run", str(ground.folder), "--json"])
    yield Case("job file: a name of 5000 letters", lambda ground: ["run", "a" * 5000, "--json"])
    yield Case("job file: an endless file", lambda ground: ["run", "/dev/zero", "--json"])
    yield Case("job file: a sparse file of 100 GB", lambda ground: ["run", str(_sparse(ground.at("job.json"))), "--json"])
    yield Case("job: output over its own content", _over_itself)
    yield Case("job: output over its painting", _over_its_painting)


def _sparse(path: Path, size: int = 100 * 2**30) -> Path:
    path.touch()
    os.truncate(path, size)
    return path


def _over_itself(ground: Ground) -> list[str]:
    for number in (1, 2, 3):
        picture(ground.at(f"film_{number:04d}.exr"), number, kind="float")
    return ground.job(content={"pattern": "film_####.exr"}, output={"folder": ".", "name": "film", "existing": "overwrite"})


def _over_its_painting(ground: Ground) -> list[str]:
    picture(ground.at("shot_0002.exr"), 5, kind="float")
    return ground.job(styles=[{"path": "shot_0002.exr"}], output={"folder": ".", "name": "shot", "existing": "resume"})


def _file_systems() -> Iterator[Case]:
    def loop(ground: Ground) -> Path:
        ground.at("a.png").symlink_to("b.png")
        ground.at("b.png").symlink_to("a.png")
        return ground.at("a.png")

    def ring(ground: Ground) -> str:
        ground.at("ring").symlink_to("ring")
        return "ring"

    def pipe(ground: Ground, name: str) -> str:
        os.mkfifo(ground.at(name))
        return name

    def piped_flow(ground: Ground) -> list[str]:
        flow = str(ground.at(pipe(ground, "a.flo")))
        return ["reliability", "--flow", flow, "--inverse", flow, "--output", str(ground.at("m.png")), "--json"]

    def broken(ground: Ground) -> list[str]:
        ground.at("shot_0002.png").unlink()
        ground.at("shot_0002.png").symlink_to("nowhere.png")
        return ground.job()

    def looped(ground: Ground) -> list[str]:
        ground.at("shot_0002.png").unlink()
        ground.at("shot_0002.png").symlink_to("shot_0002.png")
        return ground.job()

    def several(ground: Ground) -> list[str]:
        (ground.at("mixed")).mkdir()
        for name in ("a_1.png", "b_1.png"):
            picture(ground.at("mixed") / name)
        return ground.job(content={"path": "mixed"})

    def sizes(ground: Ground) -> list[str]:
        picture(ground.at("shot_0002.png"), size=(SIZE, SIZE + 1))
        return ground.job()

    def far(ground: Ground) -> list[str]:
        for number in (1, 9_999_999_999):
            picture(ground.at(f"far_{number}.png"), 1)
        return ground.job(content={"pattern": "far_#.png"})

    def digits(ground: Ground) -> list[str]:
        for number in ("1", "9" * 200):
            picture(ground.at(f"long_{number}.png"), 1)
        return ground.job(content={"pattern": "long_#.png"})

    yield Case("links: a style in a loop", lambda ground: ground.job(styles=[{"path": loop(ground).name}]))
    yield Case("links: content in a loop", lambda ground: ground.job(content={"path": loop(ground).name}))
    yield Case("links: a folder in a loop", lambda ground: ground.job(content={"path": ring(ground)}))
    yield Case("links: a pattern in a looped folder", lambda ground: ground.job(content={"pattern": ring(ground) + "/shot_#.png"}))
    yield Case("links: an output in a loop", lambda ground: ground.job(output={"folder": ring(ground), "name": "shot"}))
    yield Case("links: a frame that leads nowhere", broken)
    yield Case("links: a frame in a loop", looped)
    yield Case("pipes: a style", lambda ground: ground.job(styles=[{"path": pipe(ground, "style.png")}]))
    yield Case("pipes: content", lambda ground: ground.job(content={"path": pipe(ground, "film.mp4")}))
    yield Case("pipes: a job file", lambda ground: ["run", str(ground.at(pipe(ground, "job.json"))), "--json"])
    yield Case("pipes: flow", piped_flow)
    yield Case("frames: several sequences in a folder", several)
    yield Case("frames: of different sizes", sizes)
    yield Case("frames: a gap of ten billion", far)
    yield Case("frames: a number of 200 digits", digits)
    yield Case("frames: an empty folder", lambda ground: (ground.at("empty").mkdir(), ground.job(content={"path": "empty"}))[1])


def _command_lines() -> Iterator[Case]:
    def stylize(*more: str, content: str = "shot_####.png", style: str = "painting.png") -> Callable[[Ground], list[str]]:
        def make(ground: Ground) -> list[str]:
            base = ["stylize", str(ground.at(content)), "--style", str(ground.at(style)), "--output", str(ground.at("out")), "--json"]
            return [*base, *more]

        return make

    for name, more in {
        "frames of text": ("--frames", "all"),
        "frames reversed": ("--frames", "3-1"),
        "frames of 5000 digits": ("--frames", "9" * 5000),
        "frames with a negative": ("--frames=-5-3",),
        "a setting without a value": ("--set", "iterations"),
        "a setting of an expression": ("--set", "iterations=__import__('os').getcwd()"),
        "a setting of 10000 digits": ("--set", "iterations=" + "9" * 10_000),
        "an unknown preset": ("--preset", "../../secret"),
        "an unknown device": ("--set", "device=toaster"),
        "vectors and flow": ("--vectors", "v_#.exr", "--flow-forward", "f_#.flo"),
        "matte inverted alone": ("--matte-invert",),
        "a name with a slash": ("--name", "a/b"),
        "a color space of nonsense": ("--colorspace", "%n%s"),
    }.items():
        yield Case(f"command line: {name}", stylize(*more), "pixels" if name == "an unknown device" else "check")
    for name, content in {
        "a pattern that matches nothing": "none_####.png",
        "a pattern of 10^9 digits": "shot_%0999999999d.png",
        "two placeholders": "shot_#_%d.png",
        "half a character": "shot_\udcff_#.png",
        "a newline": "shot\n_#.png",
    }.items():
        yield Case(f"command line: content with {name}", stylize(content=content))
    yield Case("command line: style with half a character", stylize(style="\udcff.png"))
    yield Case("command line: style weight NaN", stylize(style="painting.png=nan"))
    yield Case("command line: style weight infinite", stylize(style="painting.png=1e999"))


def _pixels() -> Iterator[Case]:
    """What only the pixels tell: the headers are good."""
    for suffix in ("png", "jpg", "tif", "exr", "hdr", "dpx", "webp", "sgi", "ppm"):

        def cut(ground: Ground, suffix: str = suffix) -> list[str]:
            kind = "float" if suffix in ("exr", "hdr") else "uint8"
            for number in (1, 2, 3):
                picture(ground.at(f"film_{number}.{suffix}"), number, (64, 64), kind)
            path = ground.at(f"film_2.{suffix}")
            path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
            return ground.job(content={"pattern": f"film_#.{suffix}"})

        yield Case(f"frame {suffix}: cut at two thirds", cut, "pixels")

    def swapped(ground: Ground) -> list[str]:
        for number in range(1, FRAMES + 1):
            for toward in ("f", "b"):
                ground.write(f"{toward}_{number}.flo", flo(SIZE, SIZE, SIZE * SIZE))
        ground.write("b_3.flo", flo(SIZE * 2, SIZE, SIZE * SIZE * 2))
        return ground.job(flow={"forward": "f_#.flo", "backward": "b_#.flo"})

    def late(ground: Ground) -> list[str]:
        for number in range(1, FRAMES + 1):
            for toward in ("f", "b"):
                ground.write(f"{toward}_{number}.flo", flo(SIZE, SIZE, SIZE * SIZE))
        ground.write("b_3.flo", "nothing")
        return ground.job(flow={"forward": "f_#.flo", "backward": "b_#.flo"})

    yield Case("flo: another shape than the frames", swapped, "pixels")
    yield Case("flo: a later file is text", late, "pixels")
    for name, contents in {
        "text": b"weights",
        "an endless header": struct.pack("<Q", 2**60) + b"{}",
        "no tensors": struct.pack("<Q", 2) + b"{}",
        "nested 100000 times": struct.pack("<Q", 100_000) + b"[" * 100_000,
    }.items():
        for suffix in ("safetensors", "onnx"):

            def weights(ground: Ground, contents: bytes = contents, suffix: str = suffix) -> list[str]:
                return ["weights", "fetch", "vgg16", "--file", str(ground.write(f"w.{suffix}", contents)), "--json"]

            yield Case(f"weights {suffix}: {name}", weights, "pixels")
    yield Case(
        "weights: a pickle",
        lambda ground: ["weights", "fetch", "vgg16", "--file", str(ground.write("w.pth", b"\x80\x02.")), "--json"],
        "pixels",
    )
    yield Case(
        "evaluate: frames that are not there", lambda ground: ["evaluate", "--frames", str(ground.at("none_#.png")), "--json"], "pixels"
    )


ODD_NAMES = (
    "with spaces", "with 'quotes'", 'with "quotes"', "with\nnewline", "Größe 日本 🎨", "100%", "%04d of it", "a#b", "##", "$(reboot)",
    "back\\slash", "semi;colon & more", "question?x=1", "a,b", "-dash", ".dot", "e\u0301", "x" * 200, "[a-z]*", "~", "{0}",
)  # fmt: skip


def _works() -> Iterator[Case]:
    for odd in ODD_NAMES:

        def make(ground: Ground, odd: str = odd) -> list[str]:
            inner = Ground(ground.at(odd))
            picture(inner.at(f"{odd}.png"), 4)
            return inner.job(
                content={"path": f"{odd}.png"}, styles=[{"path": f"{odd}.png"}], output={"folder": f"out {odd}"[:99], "name": "shot"}
            )

        yield Case(f"name: {odd[:30]!r}", make, "works")

    def on_the_line(ground: Ground) -> list[str]:
        content = str(picture(ground.at("take #3.png"), 4))
        line = ["stylize", content, "--style", str(ground.at("painting.png")), "--output", str(ground.at("out"))]
        return [*line, "--set", "iterations_first=1", "--device", "cpu", "--json"]

    yield Case("name: a # on the command line", on_the_line, "works")


CASES = tuple(
    case
    for cases in (_pictures, _sizes, _movies, _flows, _mattes, _job_files, _file_systems, _command_lines, _pixels, _works)
    for case in cases()
)
