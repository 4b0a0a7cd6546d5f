# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's scenes as the engine and its measures take them: frames, exact flow, and what is seen in two frames."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813
from numpy.typing import NDArray

from core.color import display_from_linear
from core.consistency import Reliability, chained, reliability
from core.evaluate import temporal_error
from core.exr import write_gray
from core.flow import DIS
from core.flow_files import read_flo, read_vectors, write_flo
from core.frames import open_source, read_image

__all__ = ["ALLEY", "SCENES", "TITLES", "Reappearance", "Scene", "alley", "rendered"]

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

SCENES = ("pan", "crossing", "hidden", "fast", "still")
ALLEY = "alley_1"
TITLES = {
    "pan": "camera pan",
    "crossing": "object crossing",
    "hidden": "object hidden",
    "fast": "fast motion",
    "still": "still",
    ALLEY: "alley_1",
}

_BEFORE, _AFTER = 4, 8
"""The last frame before the beacon of the scene `hidden` is covered, and the first in which it is back."""
_BEACON = 1
"""Its object index."""
_ALLEY_SCALE = 4


@dataclass(frozen=True)
class Reappearance:
    """What was hidden and comes back: flow (H, W, 2) from frame `after` to `before`, and the object's pixels (H, W) seen in both."""

    before: int
    after: int
    flow: Array
    mask: Mask


@dataclass(frozen=True)
class Scene:
    """A shot whose motion is known exactly. Frames, flows and masks lie in `folder`; number t of the latter two is t to t + 1."""

    name: str
    folder: Path
    numbers: tuple[int, ...]
    size: tuple[int, int]
    digest: str
    has_vectors: bool

    @property
    def content(self) -> str:
        return str(self.folder / "shot_####.png")

    @property
    def flow_pattern(self) -> str:
        return str(self.folder / "flow_####.flo")

    @property
    def mask_pattern(self) -> str:
        return str(self.folder / "mask_####.png")

    @property
    def vectors(self) -> str:
        return str(self.folder / "vectors_####.exr")

    @cached_property
    def pictures(self) -> list[Array]:
        """The frames, (H, W, 3) display sRGB."""
        return [read_display(self.folder / f"shot_{number:04d}.png") for number in self.numbers]

    @cached_property
    def flows(self) -> list[Array]:
        """From each frame but the last to the next."""
        return [read_flo(self.folder / f"flow_{number:04d}.flo") for number in self.numbers[:-1]]

    @cached_property
    def masks(self) -> list[Mask]:
        """Where each frame but the last is seen in the next, too."""
        return [read_display(self.folder / f"mask_{number:04d}.png")[..., 0] > 0.5 for number in self.numbers[:-1]]

    @cached_property
    def uncovered(self) -> list[Mask]:
        """What of each frame but the first the one before does not show; for rendered scenes."""
        both = [read_vectors(self.folder / f"vectors_{number:04d}.exr") for number in self.numbers]
        return [~_visible(backward, forward) for (forward, _), (_, backward) in pairwise(both)]

    @cached_property
    def reappearance(self) -> Reappearance:
        """For the scene `hidden`: the beacon's way back, chained over a render without the ship."""
        steps = [read_vectors(self.folder / f"object_{number:04d}.exr")[1] for number in range(_AFTER, _BEFORE, -1)]
        flow, _ = chained(steps, [np.ones(step.shape[:2], np.float32) for step in steps])
        here, there = (_object_index(self.folder / f"vectors_{number:04d}.exr") == _BEACON for number in (_AFTER, _BEFORE))
        there = cv2.remap(there.astype(np.float32), *_targets(flow), cv2.INTER_LINEAR) > 0.5
        return Reappearance(_BEFORE, _AFTER, flow, here & there)

    def first(self, count: int) -> Scene:
        """The first `count` frames alone."""
        numbers = self.numbers[:count]
        return Scene(self.name, self.folder, numbers, self.size, f"{self.digest} {len(numbers)}", self.has_vectors)

    def warping_error(self) -> float:
        """What the untouched frames have as temporal error: what noise and shading leave."""
        pairs = zip(self.pictures, self.pictures[1:], self.flows, self.masks, strict=False)
        return float(np.mean([temporal_error(*pair) for pair in pairs]))


def rendered(folder: Path) -> Scene:
    """The scene that scripts/benchmark_scenes.py has rendered into `folder`, with flow and masks of its vectors beside it."""
    with open_source(None, str(folder / "shot_####.png")) as source:
        numbers = source.numbers
    vectors = {number: read_vectors(folder / f"vectors_{number:04d}.exr") for number in numbers}
    for number in numbers[:-1]:
        forward, backward = vectors[number][0], vectors[number + 1][1]
        write_flo(folder / f"flow_{number:04d}.flo", forward)
        write_gray(folder / f"mask_{number:04d}.png", _as_gray(_visible(forward, backward)))
    return _scene(folder.name, folder, has_vectors=True)


def alley(source: Path, folder: Path) -> Scene:
    """The four frames of the film Sintel at a quarter of their size; flow is known forward only, so the mask needs an estimate."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = sorted(source.glob("frame_*.png"))
    small = []
    for number, path in enumerate(frames, 1):
        picture = read_display(path)
        size = (picture.shape[1] // _ALLEY_SCALE, picture.shape[0] // _ALLEY_SCALE)
        small.append(np.rint(cv2.resize(picture, size, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8))
        (folder / f"shot_{number:04d}.png").write_bytes(cv2.imencode(".png", small[-1][..., ::-1])[1].tobytes())
    for number, (here, there) in enumerate(pairwise(small), 1):
        exact = read_flo(source / f"flow_{number:04d}.flo")
        flow = np.asarray(cv2.resize(exact, here.shape[1::-1], interpolation=cv2.INTER_AREA) / _ALLEY_SCALE, np.float32)
        back = DIS().estimate(*(np.asarray(picture / 255, np.float32) for picture in (there, here)))
        write_flo(folder / f"flow_{number:04d}.flo", flow)
        write_gray(folder / f"mask_{number:04d}.png", _as_gray(_visible(flow, back)))
    return _scene(ALLEY, folder, has_vectors=False)


def read_display(path: Path) -> Array:
    """A picture as it is shown, (H, W, 3) in 0..1."""
    return display_from_linear(read_image(path)).rgb


def _scene(name: str, folder: Path, *, has_vectors: bool) -> Scene:
    with open_source(None, str(folder / "shot_####.png")) as source:
        digest = hashlib.sha256("".join(source.digest(number) for number in source.numbers).encode())
        numbers, size = source.numbers, source.size
    for number in numbers[:-1]:
        digest.update((folder / f"flow_{number:04d}.flo").read_bytes())
    return Scene(name, folder, numbers, size, digest.hexdigest(), has_vectors)


def _visible(flow: Array, inverse: Array) -> Mask:
    """Where the other frame shows the same. A motion boundary is no occlusion, so it counts as seen, as in `core.evaluate`."""
    classes = reliability(flow, inverse)
    return (classes == Reliability.RELIABLE) | (classes == Reliability.MOTION_BOUNDARY)


def _targets(flow: Array) -> tuple[Array, Array]:
    y, x = np.mgrid[0 : flow.shape[0], 0 : flow.shape[1]].astype(np.float32)
    return x + flow[..., 0], y + flow[..., 1]


def _as_gray(mask: Mask) -> NDArray[np.uint8]:
    return np.where(mask, 255, 0).astype(np.uint8)


def _object_index(path: Path) -> Array:
    """The object index pass, which Blender 4.5 calls IndexOB and later ones Object Index."""
    names = ("IndexOB.X", "Object Index.X")
    image: Any = oiio.ImageInput.open(str(path))
    part = 0
    while image.seek_subimage(part, 0):
        for position, channel in enumerate(image.spec().channelnames):
            if channel.endswith(names):
                values: Array = image.read_image(part, 0, position, position + 1, oiio.FLOAT)[..., 0]
                image.close()
                return values
        part += 1
    raise ValueError(f"{path} has no object index.")
