# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the frames of a shot, from images by OpenImageIO and from movies by PyAV, and writing half-float EXR.

Whatever the file holds comes in as scene-linear Rec.709 with straight alpha; what is wrong with it is said before any work begins.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import count, pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import av
import numpy as np
import OpenImageIO as oiio  # noqa: N813
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from .color import HALF_MAXIMUM, srgb_to_linear
from .files import atomic
from .limits import names_in_text, oversize
from .numbering import has_placeholder, numbered

__all__ = [
    "MINIMUM_SIZE",
    "Frame",
    "FrameError",
    "FrameSource",
    "open_source",
    "read_exr",
    "read_exr_attributes",
    "read_image",
    "write_exr",
    "write_gray",
    "write_layers",
]

log = logging.getLogger(__name__)

MINIMUM_SIZE = 16
"""Pixels that a frame must have on each side: the network halves it four times."""

LINEAR = "lin_rec709_scene"
SRGB = "srgb_rec709_scene"

_REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
_NO_CLOCK = "1970:01:01 00:00:00"  # OpenImageIO writes the time of day where there is none
# Names that Blender and image files use and the color config lacks; video that says no more than Rec709 is shown as sRGB by Blender too.
_ALIASES = {"linear rec.709": LINEAR, "non-color": "data", "rec709": SRGB}


class FrameError(Exception):
    """A frame that cannot be read or written; the message is one sentence that names the file."""


@dataclass(frozen=True)
class Frame:
    """One picture."""

    rgb: NDArray[np.float32]
    """(H, W, 3) scene-linear Rec.709, not multiplied by alpha; where alpha is 0, the light that the pixel adds."""
    alpha: NDArray[np.float32] | None
    """(H, W), 0..1, or None where the file has none."""


class FrameSource(ABC):
    """The numbered frames of a shot; a context manager that closes its files."""

    name: str
    """What the frames are called, without number: "shot" of shot_0001.png."""
    numbers: tuple[int, ...]
    size: tuple[int, int]
    """Width and height, in pixels, of every frame."""

    _KEPT: ClassVar[int] = 2

    def __init__(self, name: str, numbers: tuple[int, ...], size: tuple[int, int]) -> None:
        self.name = name
        self.numbers = numbers
        self.size = size
        self._recent: OrderedDict[int, _Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, number: int) -> Frame:
        """Frame `number`; raises FrameError where it cannot be read."""
        return self._pixels(number).frame()

    def digest(self, number: int) -> str:
        """SHA-256 of what frame `number` holds: its decoded values, their type, channels and color space.

        The same picture gives the same digest wherever it lies and whatever else its header says.
        """
        return self._pixels(number).digest()

    def close(self) -> None:
        """Close the files; the source cannot be read afterwards."""
        self._recent.clear()

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    @abstractmethod
    def files(self) -> Collection[Path]:
        """What the frames are read from."""

    @abstractmethod
    def file(self, number: int) -> Path:
        """What frame `number` is read from."""

    @abstractmethod
    def _decode(self, number: int) -> _Pixels: ...

    def _pixels(self, number: int) -> _Pixels:
        with self._lock:  # frames are read ahead in another thread, and a movie has one decoder
            if number not in self._recent:
                if number not in self.numbers:
                    raise FrameError(
                        f"{self.name} has no frame {number}; it has {_in_words([range(self.numbers[0], self.numbers[-1] + 1)])}."
                    )
                self._recent[number] = self._decode(number)
                while len(self._recent) > self._KEPT:
                    self._recent.popitem(last=False)
            self._recent.move_to_end(number)
            return self._recent[number]


def open_source(
    path: str | Path | None = None,
    pattern: str | Path | None = None,
    *,
    first: int | None = None,
    last: int | None = None,
    colorspace: str | None = None,
) -> FrameSource:
    """The frames of a folder, of a pattern such as shot_####.png or shot_%04d.png, of a movie or of a single image.

    Args:
        path: folder, movie, image or pattern.
        pattern: a pattern, given as such.
        first, last: the part to take, in the files' own numbers; movies count from 1.
        colorspace: any name that OpenImageIO knows; by default what the file says, else sRGB for whole numbers and
            linear Rec.709 for floats.

    Raises FrameError where frames are missing, unreadable by their headers, of different sizes or too small.
    """
    if (path is None) == (pattern is None):
        raise ValueError("open_source takes either a path or a pattern.")
    if first is not None and last is not None and first > last:
        raise FrameError(f"The first frame, {first}, comes after the last, {last}; swap them.")
    if colorspace is not None:
        _checked_colorspace(colorspace, "The setting")
    location = Path(path if path is not None else pattern or "")
    if pattern is not None or (not location.exists() and has_placeholder(location.name)):
        return _Images(_of_pattern(location), first, last, colorspace)
    if location.is_dir():
        return _Images(_of_folder(location), first, last, colorspace)
    if not location.is_file():
        raise FrameError(f"{location} does not exist; name a folder of images, a pattern such as shot_####.png or a movie.")
    if location.suffix.lower() in _image_suffixes() - {".gif"}:
        return _Images(_of_still(location), first, last, colorspace)
    return _Movie(location, first, last, colorspace)


def read_image(path: str | Path, colorspace: str | None = None) -> Frame:
    """One still image, of any size; raises FrameError where it cannot be read."""
    path = Path(path)
    if not path.is_file():
        raise FrameError(f"{path} does not exist; name an image.")
    if colorspace is not None:
        _checked_colorspace(colorspace, "The setting")
    with names_in_text(path, FrameError):
        return _decode_image(path, colorspace).frame()


# ---- what a file holds ----


@dataclass(frozen=True)
class _Pixels:
    """Decoded values as the file has them."""

    values: NDArray[Any]  # (H, W, C), whole numbers or floats
    channels: tuple[str, ...]
    alpha: int | None  # index of the alpha channel
    premultiplied: bool
    colorspace: str

    def digest(self) -> str:
        alpha = "none" if self.alpha is None else "premultiplied" if self.premultiplied else "straight"
        head = "\n".join([str(self.values.shape), self.values.dtype.name, *self.channels, alpha, self.colorspace])
        return hashlib.sha256(head.encode() + b"\0" + np.ascontiguousarray(self.values).tobytes()).hexdigest()

    def frame(self) -> Frame:
        values = self.values.astype(np.float32)
        if self.values.dtype.kind == "u":
            values /= np.iinfo(self.values.dtype).max
        values = np.nan_to_num(values, nan=0.0, posinf=HALF_MAXIMUM, neginf=-HALF_MAXIMUM)
        colors = [index for index in range(values.shape[2]) if index != self.alpha]
        rgb = np.ascontiguousarray(values[..., colors[:3] if len(colors) >= 3 else colors[:1] * 3])
        alpha = None if self.alpha is None else np.clip(values[..., self.alpha], 0.0, 1.0)
        if alpha is not None:
            visible = (alpha > 0)[..., np.newaxis]
            rgb = np.divide(rgb, alpha[..., np.newaxis], out=rgb.copy(), where=visible) if self.premultiplied else rgb * visible
        return Frame(_to_linear(rgb, self.colorspace), alpha)


def _to_linear(rgb: NDArray[np.float32], colorspace: str) -> NDArray[np.float32]:
    config = _color_config()
    if config.equivalent(colorspace, SRGB):
        return srgb_to_linear(rgb)
    if config.equivalent(colorspace, LINEAR) or config.isData(colorspace):
        return np.ascontiguousarray(rgb, np.float32)
    converted = oiio.ImageBufAlgo.colorconvert(oiio.ImageBuf(np.ascontiguousarray(rgb)), colorspace, LINEAR, False, colorconfig=_CONFIG)
    if converted.has_error:
        raise FrameError(f"The color space '{colorspace}' cannot be converted: {_reason(converted.geterror())}.")
    return np.nan_to_num(np.asarray(converted.get_pixels(oiio.FLOAT)).reshape(rgb.shape))


_CONFIG = "ocio://default"  # always the built-in one, so that a picture does not depend on the machine's OCIO variable


@cache  # reading it takes as long as reading a frame
def _color_config() -> Any:
    return oiio.ColorConfig(_CONFIG)


def _checked_colorspace(name: str, who: str) -> str:
    known = _ALIASES.get(name.lower(), name)
    config = _color_config()
    resolved = config.resolve(known)
    if config.getColorSpaceIndex(resolved) < 0:
        raise FrameError(f"{who} names the color space '{name}', which is not known; use one of OpenImageIO's, such as sRGB or lin_rec709.")
    return str(resolved)


# ---- images ----


@dataclass(frozen=True)
class _Header:
    size: tuple[int, int]  # as shown: display window, turned upright
    subimage: int
    channels: tuple[int, ...]  # red, green, blue and, where there is one, alpha
    names: tuple[str, ...]
    alpha: int | None  # index among `channels`
    spec: Any


def _open_image(path: Path) -> Any:
    # Straight alpha must stay straight: color under low alpha would be lost by multiplying whole numbers.
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), config)
    if image is None:
        raise FrameError(f"{path} cannot be read as an image: {_reason(oiio.geterror())}.")
    return image


def _header(path: Path, image: Any) -> _Header:
    candidates: list[tuple[int, int, tuple[int, ...], Any]] = []
    for subimage in count():
        if not image.seek_subimage(subimage, 0):
            image.geterror()
            break
        spec = image.spec()
        if fault := oversize(spec):
            raise FrameError(f"{path} {fault}.")
        if not spec.deep:
            rank, chosen = _choose_channels(tuple(spec.channelnames), spec.alpha_channel)
            candidates.append((rank, subimage, chosen, spec.copy()))
        if image.format_name() != "openexr":
            break  # the other pictures of a TIFF or an icon are pages, not layers
    if not candidates:
        raise FrameError(f"{path} has no flat picture; deep images cannot be painted.")
    rank, subimage, chosen, spec = min(candidates, key=lambda candidate: candidate[:2])
    names = tuple(spec.channelnames[index] for index in chosen)
    alpha = len(chosen) - 1 if len(chosen) in (2, 4) else None
    width, height = spec.full_width or spec.width, spec.full_height or spec.height
    if spec.get_int_attribute("Orientation", 1) > 4:
        width, height = height, width
    return _Header((width, height), subimage, chosen, names, alpha, spec)


def _choose_channels(names: tuple[str, ...], alpha: int) -> tuple[int, tuple[int, ...]]:
    """How well these channels serve as the picture, 0 best, and which of them are it."""
    index = {name.lower(): position for position, name in enumerate(names)}
    prefixes = sorted({name.rpartition(".")[0] for name in index if name.rpartition(".")[2] == "r"}, key=lambda one: (one.count("."), one))
    for rank, wanted in enumerate(("", "combined", None)):
        for prefix in prefixes:
            if wanted is not None and prefix.rpartition(".")[2] != wanted:
                continue
            layer = [index.get(f"{prefix}.{letter}".lstrip(".")) for letter in "rgba"]
            found = tuple(position for position in layer if position is not None)
            if None not in layer[:3]:
                return rank, found
    if len(names) <= 2:
        return 3, tuple(range(len(names))) if alpha == 1 else (0,)
    colors = [position for position in range(len(names)) if position != alpha][:3]
    if len(colors) < 3:
        colors = colors[:1]
    return 4, (*colors, alpha) if alpha >= 0 else tuple(colors)


_UPRIGHT: Mapping[int, Callable[[NDArray[Any]], NDArray[Any]]] = {  # Exif 2.3, tag 274
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def _decode_image(path: Path, colorspace: str | None) -> _Pixels:
    image = _open_image(path)
    try:
        header = _header(path, image)
        spec = header.spec
        kind = spec.format if str(spec.format) in ("uint8", "uint16", "half") else oiio.TypeDesc("float")
        first, last = min(header.channels), max(header.channels) + 1
        values = image.read_image(header.subimage, 0, first, last, kind)
        if values is None or image.has_error:  # a truncated JPEG gives pixels and an error
            raise FrameError(f"{path} is damaged or incomplete: {_reason(image.geterror())}.")
        file_format = image.format_name()
    finally:
        image.close()
    values = values.reshape(spec.height, spec.width, last - first)[..., [index - first for index in header.channels]]
    values = _UPRIGHT.get(spec.get_int_attribute("Orientation", 1), lambda a: a)(_display_window(values, spec))
    premultiplied = header.alpha is not None and spec.get_int_attribute("oiio:UnassociatedAlpha", 0) != 1
    space = _colorspace_of(spec, path, file_format) if colorspace is None else _checked_colorspace(colorspace, "The setting")
    return _Pixels(np.ascontiguousarray(values), header.names, header.alpha, premultiplied, space)


def _display_window(values: NDArray[Any], spec: Any) -> NDArray[Any]:
    x, y = spec.x - spec.full_x, spec.y - spec.full_y
    width, height = spec.full_width or spec.width, spec.full_height or spec.height
    if (x, y, spec.width, spec.height) == (0, 0, width, height):
        return values
    window = np.zeros((height, width, values.shape[2]), values.dtype)
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + spec.width, width), min(y + spec.height, height)
    if left < right and top < bottom:
        window[top:bottom, left:right] = values[top - y : bottom - y, left - x : right - x]
    return window


def _colorspace_of(spec: Any, path: Path, file_format: str) -> str:
    said = spec.get_string_attribute("oiio:ColorSpace")
    if file_format == "png" and said.startswith("g22_rec709"):
        said = SRGB  # the gamma chunk 1/2.2 is how PNG has always said sRGB
    if not said:
        said = SRGB if str(spec.format) in ("uint8", "uint16", "uint32") else LINEAR
    return _checked_colorspace(said, str(path))


class _Images(FrameSource):
    def __init__(self, sequence: _Sequence, first: int | None, last: int | None, colorspace: str | None) -> None:
        self._files = sequence.between(first, last)
        self._colorspace = colorspace
        super().__init__(sequence.name, tuple(self._files), self._checked_size())

    @property
    def files(self) -> Collection[Path]:
        return self._files.values()

    def file(self, number: int) -> Path:
        return self._files[number]

    def _checked_size(self) -> tuple[int, int]:
        sizes: dict[Path, tuple[int, int]] = {}
        for path in self._files.values():
            with names_in_text(path, FrameError), closing(_open_image(path)) as image:
                header = _header(path, image)
                sizes[path] = header.size
                if self._colorspace is None:
                    _colorspace_of(header.spec, path, image.format_name())
        usual = Counter(sizes.values()).most_common(1)[0][0]
        for path, size in sizes.items():
            if size != usual:
                raise FrameError(
                    f"{path} is {size[0]}x{size[1]} pixels, but the other frames are {usual[0]}x{usual[1]}; all must have the same size."
                )
        _check_minimum(next(iter(sizes)), usual)
        return usual

    def _decode(self, number: int) -> _Pixels:
        with names_in_text(self._files[number], FrameError):
            pixels = _decode_image(self._files[number], self._colorspace)
        height, width = pixels.values.shape[:2]
        if (width, height) != self.size:
            raise FrameError(f"{self._files[number]} has changed: it is {width}x{height} pixels now and was {self.size[0]}x{self.size[1]}.")
        return pixels


def _check_minimum(path: Path, size: tuple[int, int]) -> None:
    if min(size) < MINIMUM_SIZE:
        raise FrameError(f"{path} is {size[0]}x{size[1]} pixels, which is too small: {MINIMUM_SIZE} pixels at least on each side.")


def _reason(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else "the reader gives no reason"


# ---- names and numbers ----


@dataclass(frozen=True)
class _Sequence:
    name: str
    label: str  # as a person would write it: shot_####.png
    files: Mapping[int, Path]  # in order

    def between(self, first: int | None, last: int | None) -> dict[int, Path]:
        wanted = _window(self.label, tuple(self.files), first, last)
        there = [number for number in self.files if number in wanted]
        ends = [wanted.start - 1, *there, wanted.stop]
        missing = [range(before + 1, after) for before, after in pairwise(ends) if after > before + 1]
        if missing:
            raise FrameError(f"{self.label} lacks {_in_words(missing)}.")
        return {number: self.files[number] for number in there}


def _window(label: str, numbers: tuple[int, ...], first: int | None, last: int | None) -> range:
    start = numbers[0] if first is None else first
    end = numbers[-1] if last is None else last
    for wanted in (start, end):
        if not numbers[0] <= wanted <= numbers[-1]:
            raise FrameError(f"{label} has no frame {wanted}; it begins at {numbers[0]} and ends at {numbers[-1]}.")
    return range(start, end + 1)


def _of_pattern(pattern: Path) -> _Sequence:
    found = numbered(pattern.name)
    if found is None:
        raise FrameError(f"{pattern} must hold the frame number once, as in shot_####.png or shot_%04d.png.")
    prefix, width, suffix = found
    expression = re.compile(rf"{re.escape(prefix)}(\d{{{width}}}|[1-9]\d{{{width},}}){re.escape(suffix)}")
    folder = pattern.parent
    if not folder.is_dir():
        raise FrameError(f"The folder {folder} does not exist, so {pattern.name} matches nothing.")
    matches = ((expression.fullmatch(path.name), path) for path in _listed(folder))
    files = {int(match[1]): path for match, path in matches if match and path.is_file()}
    if not files:
        raise FrameError(f"{pattern} matches no file; check the name and the number of digits.")
    return _Sequence(_stem(prefix) or folder.resolve().name, pattern.name, dict(sorted(files.items())))


def _of_folder(folder: Path) -> _Sequence:
    groups: dict[tuple[str, str], dict[str, Path]] = {}
    for path in sorted(_listed(folder)):
        if path.suffix.lower() in _image_suffixes() and not path.name.startswith(".") and path.is_file():
            prefix, digits, suffix = _split_last_number(path) or (path.stem, "", path.suffix)
            groups.setdefault((prefix, suffix), {})[digits] = path
    if not groups:
        raise FrameError(f"{folder} holds no images; name the folder that holds the frames.")
    labels = [_label(key, digits) for key, digits in groups.items()]
    if len(groups) > 1:
        raise FrameError(f"{folder} holds several sequences, {_and(labels[:4])}{' and more' * (len(labels) > 4)}; name one of them.")
    ((_, by_digits),) = groups.items()
    files = {int(digits or 1): path for digits, path in by_digits.items()}
    if len(files) < len(by_digits):
        raise FrameError(f"{folder} holds frames with the same number written differently, such as 1 and 01; name them by a pattern.")
    return _Sequence(folder.resolve().name, labels[0], dict(sorted(files.items())))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise FrameError(f"The folder {folder} cannot be read: {error.strerror}.") from error


def _of_still(path: Path) -> _Sequence:
    parts = _split_last_number(path)
    number = int(parts[1]) if parts else 1
    return _Sequence((_stem(parts[0]) if parts else "") or path.stem, path.name, {number: path})


def _split_last_number(path: Path) -> tuple[str, str, str] | None:
    """What stands before, in and after the last run of digits: shot_v002_0001.png is frame 1."""
    runs = list(re.finditer(r"\d+", path.stem))
    if not runs:
        return None
    return path.stem[: runs[-1].start()], runs[-1][0], path.stem[runs[-1].end() :] + path.suffix


def _label(key: tuple[str, str], digits: Mapping[str, Path]) -> str:
    return f"{key[0]}{'#' * min(len(one) for one in digits)}{key[1]}"


def _stem(prefix: str) -> str:
    return prefix.rstrip(" _.-")


def _in_words(runs: Sequence[range]) -> str:
    """ "frame 3", "frames 3 and 7-9"."""
    texts = [str(run.start) if run.stop == run.start + 1 else f"{run.start}-{run.stop - 1}" for run in runs]
    shown = texts if len(texts) <= 8 else [*texts[:7], f"{len(texts) - 7} more runs"]
    is_one = len(runs) == 1 and runs[0].stop == runs[0].start + 1
    return f"frame{'s' * (not is_one)} {_and(shown)}"


def _and(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _image_suffixes() -> set[str]:
    formats = dict(entry.split(":") for entry in oiio.get_string_attribute("extension_list").split(";"))
    for virtual in ("null", "term", "zfile", "ffmpeg"):  # no picture files of their own
        formats.pop(virtual, None)
    return {f".{extension}" for extensions in formats.values() for extension in extensions.split(",")}


# ---- movies ----

_ONE_FRAME_A_PACKET = {"h264", "hevc", "av1", "vp9", "prores", "dnxhd", "mjpeg", "ffv1", "mpeg2video", "png", "qtrle", "rawvideo"}

_COEFFICIENTS = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}  # red and blue of ITU-T H.273, table 4
_BT601 = (0.299, 0.114)  # what FFmpeg and Blender take for untagged movies of any size
_FULL_RANGE = 2


_PLAYLISTS = {
    "concat", "concatf", "dash", "hls", "imf", "image2", "image2pipe", "lavfi", "rtp", "rtsp", "sap", "sdp", "vapoursynth",
    "webm_dash_manifest",
}  # fmt: skip
_ALONE = {"protocol_whitelist": "file", "format_whitelist": ",".join(sorted(av.formats_available - _PLAYLISTS))}
"""A movie is one file: what names other files or addresses, perhaps itself, is none."""


class _Movie(FrameSource):
    """Frames are found by their time stamps, listed once, so that every one is the same from wherever it is reached."""

    def __init__(self, path: Path, first: int | None, last: int | None, colorspace: str | None) -> None:
        self._path = path
        self._colorspace = _checked_colorspace(colorspace or SRGB, "The setting")
        self._open()
        try:
            self._list_frames()
            self._reopen()
            height, width = _upright(self._reach(1)).shape[:2]
            _check_minimum(path, (width, height))
            numbers = tuple(_window(path.name, tuple(range(1, self._total + 1)), first, last))
        except BaseException:
            self._container.close()
            raise
        super().__init__(path.stem, numbers, (width, height))

    @property
    def files(self) -> Collection[Path]:
        return (self._path,)

    def file(self, number: int) -> Path:
        return self._path

    def close(self) -> None:
        """Close the movie; it cannot be read afterwards."""
        self._container.close()
        super().close()

    def _open(self) -> None:
        try:
            self._container: Any = av.open(str(self._path), options=_ALONE)
        except (av.error.FFmpegError, OSError) as error:
            raise FrameError(f"{self._path} can be read neither as an image nor as a movie: {_of_ffmpeg(error)}.") from None
        if not self._container.streams.video:
            self._container.close()
            raise FrameError(f"{self._path} has no video stream; choose a movie with pictures.")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._restart()

    def _reopen(self) -> None:
        self._container.close()
        self._open()

    def _restart(self) -> None:
        self._position: int | None = 0  # the number of the frame decoded last; None after a seek
        self._decoder: Iterator[Any] = self._container.decode(self._stream)

    def _list_frames(self) -> None:
        """Time stamp of each frame and which of them can be decoded by themselves."""
        if self._stream.codec_context.name in _ONE_FRAME_A_PACKET:
            packets = [p for p in self._demuxed() if p.size and not p.is_discard and not p.is_corrupt]
            # What precedes the first key frame cannot be decoded: a recording that was cut from a longer one.
            opening = next((i for i, packet in enumerate(packets) if packet.is_keyframe), 0)
            stamps = [(packet.pts, packet.is_keyframe) for packet in packets[opening:]]
            if stamps and None not in dict(stamps):
                stamps = [stamp for stamp in stamps if stamp[0] >= stamps[0][0]]
        else:  # packets that show nothing, and time stamps that depend on where decoding began
            stamps = [(None, False) for _ in self._decoded()]
        if not stamps:
            raise FrameError(f"{self._path} holds no frame that can be decoded.")
        self._total = len(stamps)
        times = {stamp for stamp, _ in stamps}
        self._seekable = None not in times and len(times) == self._total
        self._keys: list[int] = []
        self._times: list[int] = []
        self._number_at: dict[int, int] = {}
        if self._seekable:
            stamps.sort()
            self._times = [time for time, _ in stamps]
            self._number_at = {time: number for number, time in enumerate(self._times, 1)}
            self._keys = [number for number, (_, key) in enumerate(stamps, 1) if key]

    def _demuxed(self) -> Iterator[Any]:
        return self._until_damaged(self._container.demux(self._stream))

    def _decoded(self) -> Iterator[Any]:
        return self._until_damaged(self._decoder)

    def _until_damaged(self, items: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from items
        except av.error.FFmpegError as error:
            log.warning("%s ends early: %s", self._path, error)

    def _decode(self, number: int) -> _Pixels:
        values = _upright(self._reach(number))
        if (values.shape[1], values.shape[0]) != self.size:
            raise FrameError(f"Frame {number} of {self._path} has another size than the first.")
        alpha = 3 if values.shape[2] == 4 else None
        return _Pixels(values, tuple("RGBA")[: values.shape[2]], alpha, False, self._colorspace)

    def _reach(self, number: int) -> Any:
        """Frame `number`, decoded on from where the decoder stands if nothing is gained by jumping."""
        key = max((key for key in self._keys if key <= number), default=1)
        try:
            if self._position is None or not self._position < number or key > self._position + 1:
                self._seek(key)
            frame = self._decode_until(number)
            if frame is None:
                log.info("%s: frame %d was missed by seeking, decoding from the start", self._path, number)
                self._reopen()
                frame = self._decode_until(number)
        except av.error.FFmpegError as error:
            self._reopen()
            raise FrameError(f"Frame {number} of {self._path} cannot be decoded: {_of_ffmpeg(error)}.") from None
        if frame is None or frame.is_corrupt:
            raise FrameError(f"Frame {number} of {self._path} is damaged or missing.")
        return frame

    def _seek(self, key: int) -> None:
        if key > 1:
            self._container.seek(self._times[key - 1], stream=self._stream, backward=True)
            self._restart()
            self._position = None
        else:
            self._reopen()

    def _decode_until(self, number: int) -> Any | None:
        for frame in self._decoder:
            if self._seekable:
                if frame.pts not in self._number_at:
                    continue
                self._position = self._number_at[frame.pts]
            else:
                self._position = (self._position or 0) + 1
            if self._position >= number:
                return frame if self._position == number else None
        return None


def _upright(frame: Any) -> NDArray[Any]:
    return np.ascontiguousarray(np.rot90(_rgb(frame), round(frame.rotation / 90) % 4))


def _rgb(frame: Any) -> NDArray[Any]:
    """(H, W, 3 or 4) whole numbers: 8 bits where the movie has 8, else 16."""
    depth = max(component.bits for component in frame.format.components)
    alpha = any(component.is_alpha for component in frame.format.components)
    if depth <= 8:
        exact = Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
        return np.asarray(frame.reformat(format="rgba" if alpha else "rgb24", interpolation=exact).to_ndarray())
    if frame.format.is_rgb or len(frame.format.components) < 3:
        return np.asarray(frame.reformat(format="rgba64le" if alpha else "rgb48le").to_ndarray())
    # FFmpeg's own way to 16-bit RGB loses up to a code of 8 bits, so only the chroma's resolution is left to it.
    planes = frame.reformat(format="yuva444p16le" if alpha else "yuv444p16le").planes
    y, u, v, *a = (
        np.frombuffer(plane, "<u2").reshape(plane.height, -1)[:, : plane.width].astype(np.float32) / np.float32(256.0) for plane in planes
    )
    full = frame.color_range == _FULL_RANGE
    top = np.float32((1 << depth) - 1) / np.float32(1 << (depth - 8))  # of full range, on the scale of 8 bits
    luma = y / top if full else (y - 16) / 219
    blue, red = ((u - 128) / top, (v - 128) / top) if full else ((u - 128) / 224, (v - 128) / 224)
    k_red, k_blue = _COEFFICIENTS.get(int(frame.colorspace), _BT601)
    r, b = luma + 2 * (1 - k_red) * red, luma + 2 * (1 - k_blue) * blue
    g = (luma - k_red * r - k_blue * b) / (1 - k_red - k_blue)
    channels = [r, g, b, *(plane / top for plane in a)]
    return np.rint(np.clip(np.stack(channels, axis=2), 0.0, 1.0) * 65535).astype(np.uint16)


def _of_ffmpeg(error: BaseException) -> str:
    return _reason(getattr(error, "strerror", None) or str(error))


# ---- EXR ----


def write_exr(path: Path, rgba: NDArray[np.floating], attributes: Mapping[str, str | int | float] | None = None) -> None:
    """Write a frame as half-float EXR, whole or not at all; equal input gives equal bytes.

    Args:
        rgba: (H, W, 4) scene-linear Rec.709, premultiplied. NaN becomes 0, what half cannot hold its largest value.
        attributes: kept in the header; floats in single precision, whole numbers of 32 bits, empty words are left out.

    Raises FrameError where the disk refuses it.
    """
    if rgba.shape[2] != 4:
        raise ValueError(f"write_exr needs (H, W, 4), not {rgba.shape}.")
    pixels = np.nan_to_num(rgba, nan=0.0, posinf=HALF_MAXIMUM, neginf=-HALF_MAXIMUM).clip(-HALF_MAXIMUM, HALF_MAXIMUM)
    spec = _exr_spec(pixels.shape, "half")
    for name, value in (attributes or {}).items():
        spec.attribute(name, value)
    _write(path, spec, pixels)


def write_layers(path: Path, layers: Mapping[str, NDArray[np.floating]]) -> None:
    """Write a multi-layer EXR in single precision, whole or not at all; equal input gives equal bytes.

    Args:
        layers: (H, W, C) each, scene-linear Rec.709 where they are colors. A key is the layer's name, a dot and a letter for each
            of its channels, such as "Flow.XY".

    Raises FrameError where the disk refuses it.
    """
    pixels = np.concatenate(list(layers.values()), axis=2, dtype=np.float32)
    spec = _exr_spec(pixels.shape, "float")
    spec.channelnames = tuple(f"{name}.{letter}" for name, letters in (key.rsplit(".", 1) for key in layers) for letter in letters)
    _write(path, spec, pixels)


def read_exr(path: Path) -> NDArray[np.float32]:
    """The (H, W, 4) scene-linear premultiplied pixels that `write_exr` wrote; raises FrameError."""
    pixels = _decode_image(path, LINEAR)
    if pixels.values.shape[2] != 4:
        raise FrameError(f"{path} does not hold red, green, blue and alpha.")
    return pixels.values.astype(np.float32)


def read_exr_attributes(path: Path) -> dict[str, str | int | float]:
    """The header's words and numbers by name; raises FrameError."""
    with names_in_text(path, FrameError), closing(_open_image(path)) as image:
        found = {entry.name: entry.value for entry in image.spec().extra_attribs}
    # A float is stored with 24 bits; its shortest decimal is the number that was written.
    shortest = {name: float(str(np.float32(value))) if isinstance(value, float) else value for name, value in found.items()}
    return {name: value for name, value in shortest.items() if isinstance(value, (str, int, float))}


def write_gray(path: Path, values: NDArray[np.uint8]) -> None:
    """Write (H, W) values of 0..255 as an image of the format that the name ends in; raises FrameError.

    Float formats such as EXR get 0..1.
    """
    height, width = values.shape
    is_float = path.suffix.lower() in (".exr", ".hdr", ".pfm")
    pixels = values.astype(np.float32) / 255 if is_float else values
    _write(path, oiio.ImageSpec(width, height, 1, "float" if is_float else "uint8"), pixels[..., np.newaxis])


def _exr_spec(shape: tuple[int, ...], kind: str) -> Any:
    """The header of scene-linear Rec.709 pixels (H, W, C)."""
    height, width, channels = shape
    spec = oiio.ImageSpec(width, height, channels, kind)
    spec.attribute("compression", "zip")
    spec.attribute("DateTime", _NO_CLOCK)
    spec.attribute("oiio:ColorSpace", LINEAR)
    spec.attribute("colorInteropID", LINEAR)
    spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), _REC709)
    return spec


def _is_whole(path: Path) -> bool:
    """Whether an image can be read to its end: a disk that becomes full under a buffer is not always told when the file is closed."""
    image = oiio.ImageInput.open(str(path))
    if image is None:
        return False
    try:
        return image.read_image() is not None and not image.has_error
    finally:
        image.close()


def _write(path: Path, spec: Any, pixels: NDArray[Any]) -> None:
    try:
        with atomic(path) as partial:
            output = oiio.ImageOutput.create(str(partial))
            if output is None or not output.open(str(partial), spec):
                raise OSError(output.geterror() if output else oiio.geterror())
            written = output.write_image(np.ascontiguousarray(pixels))
            if not (output.close() and written):
                raise OSError(output.geterror())
            if not _is_whole(partial):
                raise OSError("the disk has not kept all of it")
    except OSError as error:
        reason = error.strerror or _reason(str(error))
        raise FrameError(f"{path} cannot be written: {reason}; check the folder, its permissions and the space left.") from error
