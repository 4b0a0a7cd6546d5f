# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.flow import FlowError, estimator
from core.raft import RAFT
from core.weights import cache_folder

Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def random_weights() -> dict[str, Tensor]:
    """Weights of the right shapes that have learned nothing."""
    from torchvision.models.optical_flow import raft_large

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return raft_large(weights=None).state_dict()


def texture(height: int, width: int) -> Array:
    noise = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.asarray((smooth - smooth.min()) / (smooth.max() - smooth.min()), np.float32)


@pytest.mark.parametrize("size", [(128, 128), (37, 141)])
def test_frames_of_any_size_get_a_flow_of_their_size(random_weights: dict[str, Tensor], size: tuple[int, int]) -> None:
    raft = RAFT(random_weights)
    a = texture(*size)
    flow = raft.estimate(a, a[::-1].copy())
    assert flow.shape == (*size, 2) and flow.dtype == np.float32
    assert np.isfinite(flow).all() and flow.flags.c_contiguous


def test_padding_is_cut_off_where_it_was_put(random_weights: dict[str, Tensor]) -> None:
    """A frame continued by hand to a size that needs no padding has the same flow inside."""
    raft = RAFT(random_weights)
    a, b = texture(140, 133)[:, :-1], texture(140, 133)[:, 1:]
    whole = [np.pad(frame, ((2, 2), (2, 2), (0, 0)), mode="edge") for frame in (a, b)]
    np.testing.assert_allclose(raft.estimate(a, b), raft.estimate(*whole)[2:-2, 2:-2], atol=1e-4)


def test_frames_of_different_sizes_are_refused(random_weights: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match="one size"):
        RAFT(random_weights).estimate(texture(32, 32), texture(32, 33))


def test_weights_of_another_network_are_refused(random_weights: dict[str, Tensor]) -> None:
    with pytest.raises(FlowError, match="not those of torchvision's raft_large"):
        RAFT({name: tensor for name, tensor in random_weights.items() if "mask" not in name})


def test_offline_the_user_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUSHFLOW_CACHE", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nothing answers
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FlowError, match=r"could not be fetched from torchvision \(.+\); go online once, or use the flow 'large'"):
        estimator("raft")
    assert not list(tmp_path.rglob("*.safetensors"))


def test_kept_weights_are_checked_before_they_are_used(
    random_weights: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRUSHFLOW_CACHE", str(tmp_path))
    path = tmp_path / "weights" / "raft_large.safetensors"
    path.parent.mkdir()
    contents = safetensors.torch.save(random_weights)
    path.write_bytes(contents)
    with pytest.raises(FlowError, match="lost its record"):
        estimator("raft")
    path.with_suffix(".json").write_text(json.dumps({"sha256": hashlib.sha256(contents).hexdigest()}))
    assert estimator("raft").name == "raft"
    path.write_bytes(contents[:-1] + bytes([contents[-1] ^ 1]))
    with pytest.raises(FlowError, match="is damaged"):
        estimator("raft")


def test_with_its_weights_raft_follows_a_shift() -> None:
    if not (cache_folder() / "weights" / "raft_large.safetensors").is_file():
        pytest.skip("the weights of RAFT are not in the cache; 'python -m core flow … --estimator raft' fetches them online")
    scene = texture(160, 180)
    flow = estimator("raft").estimate(scene[16:-16, 16:-16].copy(), scene[14:-18, 12:-20].copy())
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), (4, 2), atol=0.25)
