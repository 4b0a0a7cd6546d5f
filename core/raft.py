# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optical flow by RAFT (Teed and Deng 2020), torchvision's network and weights."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .files import atomic, write_json
from .flow import FlowError, check_pair
from .scratch import scratch
from .weights import cache_folder

__all__ = ["RAFT"]

logger = logging.getLogger(__name__)

Array = NDArray[np.float32]

_NAME = "raft_large"
_MULTIPLE = 8  # the network's own stride
_SMALLEST = 128  # pixels on a side: its correlation pyramid halves a sixteenth of that four times


class RAFT:
    """Flow by a network that was trained for it: sharp and robust, slow without a graphics card.

    Args:
        weights: the state of torchvision's `raft_large`.
        device: where to compute, by torch's name.
    """

    name = "raft"

    def __init__(self, weights: Mapping[str, Tensor], device: str = "cpu") -> None:
        from torchvision.models.optical_flow import raft_large

        self._device = torch.device(device)
        self._network = raft_large(weights=None).eval()
        try:
            self._network.load_state_dict(weights)
        except RuntimeError as problem:
            raise FlowError("The weights given to RAFT are not those of torchvision's raft_large.") from problem
        self._network.to(self._device)

    @classmethod
    def with_published_weights(cls, device: str = "cpu", say: Callable[[str], None] = logger.info) -> RAFT:
        """The estimator with torchvision's weights from the user's cache, fetched where they are not there; raises FlowError."""
        path = cache_folder() / "weights" / f"{_NAME}.safetensors"
        if not path.is_file():
            say("Fetching the weights of RAFT (20 MB, once).")
            _fetch(path)
        return cls(_load(path), device)

    def estimate(self, a: Array, b: Array) -> Array:
        """See `FlowEstimator`."""
        height, width = check_pair(a, b)
        # Frames are continued by their borders, evenly on both sides, to a size that the network takes.
        below, right = (max(-side % _MULTIPLE, _SMALLEST - side) for side in (height, width))
        padding = [right // 2, right - right // 2, below // 2, below - below // 2]
        with torch.inference_mode():
            flow = self._network(*(F.pad(self._input(frame), padding, mode="replicate") for frame in (a, b)))[-1][0]
        inner = flow[:, padding[2] : padding[2] + height, padding[0] : padding[0] + width]
        return np.ascontiguousarray(inner.permute(1, 2, 0).float().cpu().numpy())

    def _input(self, frame: Array) -> Tensor:
        """(1, 3, H, W) in -1..1."""
        return torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))[None].to(self._device).clamp(0, 1) * 2 - 1


def _fetch(path: Path) -> None:
    """Keep torchvision's weights at `path` as safetensors, with their SHA-256 beside."""
    from torchvision.models.optical_flow import Raft_Large_Weights

    url = Raft_Large_Weights.C_T_SKHT_V2.url
    try:
        with scratch() as folder:
            download = folder / "weights.pth"
            # torchvision publishes the beginning of the file's SHA-256 in its name.
            torch.hub.download_url_to_file(url, str(download), hash_prefix=url.rpartition("-")[2].partition(".")[0], progress=False)
            tensors = torch.load(download, map_location="cpu", weights_only=True)
        contents = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path.with_suffix(".json"), {"network": _NAME, "sha256": hashlib.sha256(contents).hexdigest(), "source": "torchvision"})
        with atomic(path) as partial:
            partial.write_bytes(contents)
    except Exception as problem:
        logger.debug("weights of RAFT", exc_info=True)
        reason = (str(problem).splitlines() or [type(problem).__name__])[0].rstrip(".")
        raise FlowError(
            f"The weights of RAFT are not on this machine and could not be fetched from torchvision ({reason}); "
            "go online once, or use the flow 'large', which needs no download of its own."
        ) from problem


def _load(path: Path) -> dict[str, Tensor]:
    contents = path.read_bytes()
    try:
        expected = json.loads(path.with_suffix(".json").read_text("utf-8"))["sha256"]
    except (OSError, ValueError, KeyError):
        expected = ""
    if hashlib.sha256(contents).hexdigest() != expected:
        raise FlowError(f"The weights file {path} is damaged or has lost its record; delete it, and it is fetched anew.")
    return safetensors.torch.load(contents)
