# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import shutil

import pytest
import safetensors.torch
import torch

from core import weights as w


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BRUSHFLOW_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def real(weights):
    """The published weights' file, found before a test names another cache."""
    return w.location("vgg16")


@pytest.fixture
def cached(real, cache):
    """A copy of the published weights in the test's own cache."""
    path = w.location("vgg16")
    path.parent.mkdir(parents=True)
    shutil.copy(real, path)
    return path


def test_the_weights_are_simonyan_and_zissermans(weights):
    first = w.load(w.verify("vgg16"))["conv1_1.weight"]
    assert first.shape == (64, 3, 3, 3)
    # The blue channel of the first filter, as published.
    torch.testing.assert_close(first[0, 2].flatten()[:3], torch.tensor([0.42947057, 0.373467, -0.06136011]))


def test_the_weights_are_the_published_ones_to_the_bit(weights):
    found = w.verify("vgg16")
    assert found.published and found.sha256 == w.NETWORKS["vgg16"]


def test_missing_weights_say_what_to_do(cache):
    with pytest.raises(w.WeightsError, match="core weights fetch vgg16"):
        w.verify("vgg16")


def test_a_damaged_file_is_noticed(cached):
    with cached.open("r+b") as stream:
        stream.seek(1_000_000)
        stream.write(b"\x00\x01\x02")
    with pytest.raises(w.WeightsError, match="damaged"):
        w.verify("vgg16")


def test_a_file_that_changes_between_check_and_load_is_noticed(cached):
    found = w.verify("vgg16")
    cached.write_bytes(cached.read_bytes() + b" ")
    with pytest.raises(w.WeightsError, match="changed"):
        w.load(found)


def test_the_users_own_file_is_taken_and_remembered(real, cache):
    tensors = safetensors.torch.load_file(real)
    tensors["conv1_1.bias"] = tensors["conv1_1.bias"] + 1
    own = cache / "own.safetensors"
    safetensors.torch.save_file(tensors, own)
    fetched = w.fetch("vgg16", own)
    assert not fetched.published
    again = w.verify("vgg16")
    assert again.source == "own.safetensors" and again.sha256 == fetched.sha256
    torch.testing.assert_close(w.load(again)["conv1_1.bias"], tensors["conv1_1.bias"])
    assert json.loads(w.location("vgg16").with_suffix(".json").read_text())["source"] == "own.safetensors"


def test_torchvisions_names_are_understood(real, cache):
    tensors = safetensors.torch.load_file(real)
    numbers = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    names = list(w.load(w.Weights(real, w.NETWORKS["vgg16"], "", True)))[::2]
    renamed = {
        f"features.{n}.{part}": tensors[f"{name[:7]}.{part}"] for n, name in zip(numbers, names, strict=True) for part in ("weight", "bias")
    }
    own = cache / "torchvision.safetensors"
    safetensors.torch.save_file(renamed, own)
    assert w.fetch("vgg16", own).published


@pytest.mark.parametrize("contents", [b"", b"not weights at all", b"\xff" * 64])
@pytest.mark.parametrize("suffix", [".safetensors", ".onnx", ".pth"])
def test_a_file_that_holds_no_weights_is_refused_by_name(cache, contents, suffix):
    own = cache / f"own{suffix}"
    own.write_bytes(contents)
    with pytest.raises(w.WeightsError, match="own"):
        w.fetch("vgg16", own)
    assert not w.location("vgg16").exists()


def test_weights_of_another_network_are_refused(real, cache):
    tensors = safetensors.torch.load_file(real)
    del tensors["conv5_3.weight"]
    own = cache / "other.safetensors"
    safetensors.torch.save_file(tensors, own)
    with pytest.raises(w.WeightsError, match=r"conv5_3\.weight"):
        w.fetch("vgg16", own)
