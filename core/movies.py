# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading movies by PyAV."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from .pixels import SRGB, FrameError, Pixels, checked_colorspace, reason_of
from .sequences import window
from .source import FrameSource, check_minimum

__all__ = ["Movie"]

log = logging.getLogger(__name__)

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


class Movie(FrameSource):
    """Frames are found by their time stamps, listed once, so that every one is the same from wherever it is reached."""

    def __init__(self, path: Path, first: int | None, last: int | None, colorspace: str | None) -> None:
        self._path = path
        self._colorspace = checked_colorspace(colorspace or SRGB, "The setting")
        self._open()
        try:
            self._list_frames()
            self._reopen()
            height, width = _upright(self._reach(1)).shape[:2]
            check_minimum(path, (width, height))
            numbers = tuple(window(path.name, tuple(range(1, self._total + 1)), first, last))
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

    def _decode(self, number: int) -> Pixels:
        values = _upright(self._reach(number))
        if (values.shape[1], values.shape[0]) != self.size:
            raise FrameError(f"Frame {number} of {self._path} has another size than the first.")
        alpha = 3 if values.shape[2] == 4 else None
        return Pixels(values, tuple("RGBA")[: values.shape[2]], alpha, False, self._colorspace)

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
    return reason_of(getattr(error, "strerror", None) or str(error))
