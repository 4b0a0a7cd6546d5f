# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reference engine's optimizer goes through on a frame, computed once and kept.

It takes an hour and more for all frames, so an interrupted one goes on where its state was kept last.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from reference_engine import Frame, ReferenceEngine
from report import say
from torch import Tensor

from core.color import network_bounds
from core.files import atomic
from core.pictures import array

__all__ = ["Trajectory", "clamped", "is_looked_at", "judged", "trajectory"]

_CLOSELY, _THEN_EVERY = 30, 5
"""The loss that the picture has once it is delivered is looked at after each of the first evaluations, then at every fifth."""
_KEPT_EVERY = 120.0
"""Seconds between two states that are kept: one takes up to a few hundred megabytes."""


@dataclass(frozen=True)
class Trajectory:
    """The losses on the way, and the picture (1, 3, H, W) at the end, RGB 0..255 minus the mean, not clamped.

    A picture that leaves the range of colors has one loss as the optimizer sees it, in `losses`, and another one once it is delivered,
    in `delivered`, which is known after the evaluations `delivered_at`, in both cases of the picture that was evaluated then.
    """

    losses: NDArray[np.float64]
    delivered: NDArray[np.float64]
    delivered_at: NDArray[np.int64]
    picture: NDArray[np.float32]

    @property
    def evaluations(self) -> int:
        return len(self.losses)

    @property
    def result(self) -> NDArray[np.float32]:
        """(H, W, 3) display sRGB, what is delivered."""
        return array(torch.from_numpy(self.picture))

    def final(self, *, delivered: bool) -> float:
        return float((self.delivered if delivered else self.losses)[-1])

    def reaches(self, loss: float, *, delivered: bool) -> int:
        """Evaluations until the loss is no more than `loss`, which the end reaches; between two looks, the fewest that it can be."""
        if not delivered:
            return int(np.argmax(self.losses <= loss)) + 1
        index = int(np.argmax(self.delivered <= loss))
        return int(self.delivered_at[index - 1]) + 1 if index else 1


def is_looked_at(evaluations: int) -> bool:
    """Whether the loss of the delivered picture is asked for after so many evaluations; it takes a pass of its own."""
    return evaluations > 0 and (evaluations <= _CLOSELY or evaluations % _THEN_EVERY == 0)


def clamped(picture: Tensor) -> Tensor:
    """The picture as it is delivered, within the range of colors."""
    return picture.clamp(*network_bounds(picture))


def judged(engine: ReferenceEngine, picture: Tensor, frame: Frame, content: Tensor) -> float:
    """The loss of a picture in float32."""
    with torch.no_grad():
        return engine.loss(picture, frame, content).item()


def trajectory(
    engine: ReferenceEngine,
    frame: Frame,
    iterations: int,
    file: Path,
    identity: str,
    kept_every: float = _KEPT_EVERY,
) -> Trajectory:
    """From the cache, else computed.

    Args:
        file: of the cache, .npz; the state of an unfinished frame is kept beside it.
        identity: what the trajectory depends on besides the frame and the iterations.
        kept_every: seconds between two states.
    """
    key = _key(frame, iterations, identity)
    known = _known(file, key)
    if known is None:
        file.parent.mkdir(parents=True, exist_ok=True)
        known = _computed(engine, frame, iterations, file.with_suffix(".state"), key, kept_every)
        with atomic(file) as partial:
            np.savez(partial, key=np.array(key), **vars(known))
        file.with_suffix(".state").unlink(missing_ok=True)
    return known


def _computed(
    engine: ReferenceEngine, frame: Frame, iterations: int, file: Path, key: str, kept_every: float
) -> Trajectory:
    content = engine.content_features(frame)
    kept = _kept(file, key)
    losses, delivered, delivered_at = kept.get("losses", []), kept.get("delivered", []), kept.get("delivered_at", [])
    if losses:
        say(f"    goes on after {len(losses)} evaluations")
    saved = time.monotonic()
    for point in engine.paint(frame, iterations, kept.get("state")):
        losses.append(point.loss)
        if is_looked_at(point.evaluations):
            delivered.append(judged(engine, clamped(point.picture), frame, content))
            delivered_at.append(point.evaluations)
        if time.monotonic() - saved >= kept_every and not point.is_last:
            with atomic(file) as partial:
                facts = {"key": key, "losses": losses, "delivered": delivered, "delivered_at": delivered_at, "state": point.state()}
                torch.save(facts, partial)
            say(f"    {point.evaluations} evaluations, loss {point.loss:.0f}")
            saved = time.monotonic()
    if not delivered_at or delivered_at[-1] != len(losses):
        delivered.append(judged(engine, clamped(point.picture), frame, content))
        delivered_at.append(len(losses))
    return Trajectory(np.array(losses), np.array(delivered), np.array(delivered_at), point.picture.cpu().numpy())


def _key(frame: Frame, iterations: int, identity: str) -> str:
    digest = hashlib.sha256(f"{identity} {iterations}".encode())
    for tensor in (frame.content, frame.start, frame.warped, frame.mask):
        digest.update(b"none" if tensor is None else tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _known(file: Path, key: str) -> Trajectory | None:
    try:
        with np.load(file, allow_pickle=False) as kept:
            if str(kept["key"]) == key:
                return Trajectory(**{name: kept[name] for name in Trajectory.__dataclass_fields__})
    except (OSError, ValueError, KeyError, EOFError):
        pass
    return None


def _kept(file: Path, key: str) -> dict[str, Any]:
    if not file.is_file():
        return {}
    facts: dict[str, Any] = torch.load(file, weights_only=True)
    return facts if facts["key"] == key else {}
