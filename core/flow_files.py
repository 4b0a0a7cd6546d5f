# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flow that lies in files: .flo (Baker et al. 2011, the Middlebury benchmark), EXR, and Blender's Vector pass.

Flow is (H, W, 2) pixels, x right and y down, on the grid of the frame that the file belongs to. Where a file does not know the
motion, it is `UNKNOWN` here: far outside of the frame, so that no mask trusts it, and finite, so that nothing it is added to or
multiplied by stops being a number.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813
from numpy.typing import NDArray

from .files import atomic
from .flow import FlowError
from .limits import MAXIMUM_PIXELS, names_in_text, oversize
from .numbering import Numbered, numbered

__all__ = ["UNKNOWN", "GivenFlow", "read_flo", "read_flow", "read_vectors", "write_flo"]

Array = NDArray[np.float32]

UNKNOWN = np.float32(1e10)
"""Both components where the motion is not known, as in the Middlebury benchmark's own files."""

_KNOWN = 1e9  # below, a motion; the benchmark's threshold
_MAGIC = np.float32(202021.25)
_HEADER = 12
_PAIRS = (("u", "v"), ("x", "y"), ("r", "g"))
_SKY = 1e9  # Blender's depth is 1e10 where there is nothing
_FIRST_WITH_SKY = (5, 2)
_AT_REST = 1e-3  # pixels
_ASPECT = 0.02  # by how much the working size may round


class GivenFlow:
    """The motion between the frames of a shot, from files that the user has.

    Args:
        forward: pattern such as forward_####.flo; number t is the flow from frame t to t + 1 on t's grid, .flo or EXR.
        backward: pattern; number t is the flow from frame t to t - 1 on t's grid.
        vectors: instead of these two, pattern of Blender's EXR files with the Vector pass, which holds both.
    """

    def __init__(self, *, forward: str | None = None, backward: str | None = None, vectors: str | None = None) -> None:
        if (vectors is None) == (forward is None or backward is None) or (forward is None) != (backward is None):
            raise FlowError("Flow is given either as forward and backward files, both of them, or as vectors.")
        self._vectors = vectors is not None
        self._files: dict[int, tuple[Path, Numbered]] = {}
        for toward, pattern in ((+1, vectors or forward or ""), (-1, vectors or backward or "")):
            name = numbered(Path(pattern).name)
            if name is None:
                raise FlowError(f"{pattern} must hold the frame number once, as in flow_####.flo or flow_%04d.exr.")
            self._files[toward] = Path(pattern).parent, name

    def check(self, numbers: Iterable[int]) -> None:
        """Raises FlowError that names the first file that a job over these frames needs and lacks; one file is read as a sample."""
        needed = self.files(numbers)
        for path in needed:
            if not path.is_file():
                raise FlowError(f"{path} does not exist; a job over these frames needs the flow of each step, both ways.")
        for path in needed[:1]:
            read_vectors(path) if self._vectors else read_flow(path)

    def files(self, numbers: Iterable[int]) -> list[Path]:
        """What a job over these frames needs."""
        return list({path: None for one, other in pairwise(sorted(numbers)) for path in self._between(one, other)})

    def step(self, number: int, toward: int, size: tuple[int, int]) -> Array:
        """The flow from frame `number` to the next (`toward` +1) or the one before (-1), (H, W, 2) in pixels of `size`.

        Args:
            size: width and height to give it at. Vectors are taken from the nearest pixel, so that the edges of what moves stay
                crisp, and multiplied by the scale.
        """
        flow = self._read(number, toward)
        (height, width), (to_width, to_height) = flow.shape[:2], size
        if (width, height) == size:
            return flow
        if abs(width * to_height - height * to_width) > _ASPECT * width * to_height:
            path = self._path(number, toward)
            raise FlowError(f"{path} is {width}x{height} pixels, which has not the shape of the frames, {to_width}x{to_height}.")
        rows, columns = (((np.arange(to) + 0.5) * own / to).astype(np.intp) for to, own in ((to_height, height), (to_width, width)))
        scaled = flow[rows[:, np.newaxis], columns] * np.array([to_width / width, to_height / height], np.float32)
        return _with_unknown(scaled, flow[rows[:, np.newaxis], columns] < _KNOWN)

    def digest(self, number: int, toward: int) -> str:
        """SHA-256 of the vectors of this step as the file has them, wherever it lies and however it stores them."""
        flow = self._read(number, toward)
        return hashlib.sha256(f"{flow.shape}".encode() + np.ascontiguousarray(flow, "<f4").tobytes()).hexdigest()

    def _read(self, number: int, toward: int) -> Array:
        path = self._path(number, toward)
        return read_vectors(path)[0 if toward > 0 else 1] if self._vectors else read_flow(path)

    def _path(self, number: int, toward: int) -> Path:
        folder, name = self._files[toward]
        return folder / name.name(number)

    def _between(self, one: int, other: int) -> Iterator[Path]:
        for number in range(one, other):
            yield self._path(number, +1)
            yield self._path(number + 1, -1)


def read_flow(path: str | Path) -> Array:
    """The (H, W, 2) flow of a .flo file or of an EXR file; raises FlowError where it holds none.

    In an EXR file the flow is a layer with the channels u and v, or X and Y, or R and G, in this order of preference; other
    channels do not matter. What is not a number or not below 1e9 becomes `UNKNOWN`.
    """
    path = Path(path)
    if path.suffix.lower() == ".flo":
        flow = read_flo(path)
        return _with_unknown(flow, np.abs(flow) < _KNOWN)
    with names_in_text(path, FlowError), _Layers(path) as layers:
        for pair in _PAIRS:
            found = [layer for layer, channels in layers.channels.items() if set(pair) <= channels.keys()]
            if len(found) > 1:
                raise FlowError(f"{path} holds several layers that may be the flow ({', '.join(found)}); write the flow alone.")
            if found and {"z", "w"} <= layers.channels[found[0]].keys():
                raise FlowError(f"{path} holds a Vector pass of Blender; give it as vectors.")
            if found:
                u, v = layers.read(found[0], *pair)
                return _flow(u, v, np.zeros(u.shape, bool))
    raise FlowError(f"{path} holds no flow: it needs the channels u and v, X and Y, or R and G.")


def read_vectors(path: str | Path) -> tuple[Array, Array]:
    """Forward and backward flow, each (H, W, 2), of the Vector pass of an EXR file that Blender has rendered.

    The pass has (X, Y) = P(t-1) - P(t) and (Z, W) = P(t) - P(t+1) in pixels with y up. Blender up to 4.5 writes one part for all
    passes, later ones a part each. Before 5.2 the sky's vectors are 0 even where the camera turns; where the file has the Depth pass
    too, they become `UNKNOWN` unless something else is at rest, for then the camera is. Raises FlowError where there is no such pass.
    """
    path = Path(path)
    with names_in_text(path, FlowError), _Layers(path) as layers:
        found = [layer for layer, channels in layers.channels.items() if _is_pass(layer, "vector") and {*"xyzw"} <= channels.keys()]
        if not found:
            raise FlowError(f"{path} holds no Vector pass; switch it on in the view layer's passes and render multi-layer EXR.")
        if len(found) > 1:
            raise FlowError(f"{path} holds the Vector pass of several view layers ({', '.join(found)}); render one of them.")
        x, y, z, w = layers.read(found[0], *"xyzw")
        depth = [layer for layer in layers.channels if _is_pass(layer, "depth")]
        doubtful = len(depth) == 1 and layers.blender_version < _FIRST_WITH_SKY
        sky = layers.read(depth[0], "z")[0] > _SKY if doubtful else np.zeros(x.shape, bool)
    return _flow(-z, w, sky), _flow(x, -y, sky)


def _is_pass(layer: str, name: str) -> bool:
    return layer.lower().rpartition(".")[2] == name


def _flow(u: Array, v: Array, sky: NDArray[np.bool_]) -> Array:
    flow: Array = np.stack([u, v], axis=2)
    known = np.abs(flow) < _KNOWN
    at_rest = np.asarray((np.abs(flow) < _AT_REST).all(2))
    if at_rest[sky].all() and not at_rest[~sky].any():
        known[sky] = False
    return _with_unknown(flow, known)


def _with_unknown(flow: Array, known: NDArray[np.bool_]) -> Array:
    return np.where(known.all(2, keepdims=True), flow, UNKNOWN)


class _Layers:
    """The channels of all parts of an EXR file by layer; a context manager that closes the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        image = oiio.ImageInput.open(str(path))
        if image is None:
            reason = oiio.geterror() or "it is not an image"
            raise FlowError(f"{path} cannot be read: {reason.splitlines()[0].rstrip('.')}.")
        self._image = image
        said = re.match(r"Blender (\d+)\.(\d+)", image.spec().get_string_attribute("Software"))
        self.blender_version = (int(said[1]), int(said[2])) if said else (0, 0)
        self.channels: dict[str, dict[str, tuple[int, int]]] = {}
        """Part and position by the channel's name in lower case, by layer."""
        part = 0
        while self._image.seek_subimage(part, 0):
            if fault := oversize(self._image.spec()):
                self._image.close()
                raise FlowError(f"{path} {fault}.")
            for position, channel in enumerate(self._image.spec().channelnames):
                layer, _, name = channel.rpartition(".")
                self.channels.setdefault(layer, {})[name.lower()] = part, position
            part += 1
        self._image.geterror()  # that there are no more parts

    def __enter__(self) -> _Layers:
        return self

    def __exit__(self, *_: object) -> None:
        self._image.close()

    def read(self, layer: str, *names: str) -> list[Array]:
        """The channels, each (H, W) of the display window; what the data window leaves out is not a number."""
        return [self._channel(*self.channels[layer][name]) for name in names]

    def _channel(self, part: int, position: int) -> Array:
        values = self._image.read_image(part, 0, position, position + 1, oiio.FLOAT)
        if values is None or self._image.has_error:
            raise FlowError(f"{self._path} is damaged or incomplete.")
        self._image.seek_subimage(part, 0)
        return _in_display_window(values[..., 0], self._image.spec())


def _in_display_window(values: Array, spec: Any) -> Array:
    x, y = spec.x - spec.full_x, spec.y - spec.full_y
    if (x, y, spec.width, spec.height) == (0, 0, spec.full_width, spec.full_height):
        return values
    window = np.full((spec.full_height, spec.full_width), np.nan, np.float32)
    left, top = max(x, 0), max(y, 0)
    shown = values[top - y : spec.full_height - y, left - x : spec.full_width - x]
    window[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return window


def read_flo(path: str | Path) -> Array:
    """The (H, W, 2) flow of a .flo file, pixels; raises FlowError where the file is not whole."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise FlowError(f"{path} is not a file.")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEADER)
            if len(head) < _HEADER or np.frombuffer(head, "<f4", 1)[0] != _MAGIC:
                raise FlowError(f"{path} is not a .flo file: it does not begin with the number {_MAGIC:.2f}.")
            width, height = (int(size) for size in np.frombuffer(head, "<i4", 2, offset=4))
            if min(width, height) < 1 or width * height > MAXIMUM_PIXELS:
                raise FlowError(f"{path} is damaged: it claims {width}x{height} pixels.")
            size, expected = os.fstat(stream.fileno()).st_size, _HEADER + 8 * width * height
            if size != expected:
                raise FlowError(f"{path} is damaged: {width}x{height} pixels take {expected} bytes, but it has {size}.")
            data = stream.read(expected - _HEADER)
    except OSError as error:
        raise FlowError(f"{path} cannot be read: {error.strerror}.") from error
    return np.frombuffer(data, "<f4").reshape(height, width, 2).astype(np.float32)


def write_flo(path: str | Path, flow: Array) -> None:
    """Write an (H, W, 2) flow as .flo, whole or not at all; raises FlowError where the disk refuses it."""
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise ValueError(f"A flow is (H, W, 2), not {flow.shape}.")
    path = Path(path)
    height, width = flow.shape[:2]
    head = _MAGIC.astype("<f4").tobytes() + np.array([width, height], "<i4").tobytes()
    try:
        with atomic(path) as partial:
            partial.write_bytes(head + np.ascontiguousarray(flow, "<f4").tobytes())
    except OSError as error:
        raise FlowError(f"{path} cannot be written: {error.strerror}; check the folder, its permissions and the space left.") from error
