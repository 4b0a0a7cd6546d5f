# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import os
import shutil

import pytest
import safetensors.torch
import torch

from core import weights as w
from core.vgg import layers

VGG19_NUMBERS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


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


def by_number(tensors, names, numbers):
    """The same tensors by torchvision's names."""
    return {
        f"features.{n}.{part}": tensors[f"{name}.{part}"] for n, name in zip(numbers, names, strict=True) for part in ("weight", "bias")
    }


@pytest.fixture
def save(cache):
    """Writes tensors to a file of the user's."""

    def save(tensors):
        path = cache / "own.safetensors"
        safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
        return path

    return save


def test_the_weights_are_simonyan_and_zissermans(weights):
    first = w.load(w.verify("vgg16"))["conv1_1.weight"]
    assert first.shape == (64, 3, 3, 3)
    # The blue channel of the first filter, as published.
    torch.testing.assert_close(first[0, 2].flatten()[:3], torch.tensor([0.42947057, 0.373467, -0.06136011]))


def test_the_weights_are_the_published_ones_to_the_bit(weights):
    found = w.verify("vgg16")
    assert found.published and found.sha256 == w.PUBLISHED["vgg16"]


@pytest.mark.parametrize("network", w.NETWORKS)
def test_missing_weights_say_what_to_do(cache, network):
    with pytest.raises(w.WeightsError, match=f"core weights fetch {network}' once while online, or add --file FILE"):
        w.verify(network)


@pytest.mark.parametrize("network", w.NETWORKS)
def test_weights_that_cannot_be_fetched_say_why_and_what_to_do(cache, monkeypatch, network):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("PIP_INDEX_URL", "PIP_CONFIG_FILE", "PIP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(w.WeightsError, match=rf"torchvision: .*core weights fetch {network} --file FILE"):
        w.ensure(network)
    assert not w.location(network).exists()


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
    own = cache / "torchvision.safetensors"
    safetensors.torch.save_file(by_number(tensors, layers("vgg16"), numbers), own)
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


def test_torchvisions_vgg19_paints_as_vgg16_does_where_it_sees_the_same(real, cached, save, torchvisions, make, run):
    classifier = {"classifier.0.weight": torch.full((8, 8), torch.nan), "classifier.0.bias": torch.zeros(8)}
    said = []
    fetched = w.fetch("vgg19", save(by_number(torchvisions, layers("vgg19"), VGG19_NUMBERS) | classifier), say=said.append)
    assert "torchvision scale" in said[0]
    record = json.loads(fetched.path.with_suffix(".json").read_text())
    assert record["scale"] == "torchvision" and record["sha256"] == fetched.sha256 and len(record["constants"]) == 16
    assert w.verify("vgg19") == fetched
    losses = {}
    for network in w.NETWORKS:
        status, events = run(make(folder=network, network=network, precision="float32", iterations_first=3))
        assert status == 0
        losses[network] = [event["losses"]["style"] for event in events.of("frame_done")]
    # From iteration to iteration, and from frame to frame, small differences grow.
    assert losses["vgg19"][0] == pytest.approx(losses["vgg16"][0], rel=0.01)
    assert losses["vgg19"] == pytest.approx(losses["vgg16"], rel=0.06)


@pytest.mark.parametrize("numbered", [False, True])
def test_a_vgg19_of_the_original_scale_is_kept_to_the_bit(cache, save, nineteen, numbered):
    fetched = w.fetch("vgg19", save(by_number(nineteen, layers("vgg19"), VGG19_NUMBERS) if numbered else nineteen))
    kept = w.load(w.verify("vgg19"))
    assert list(kept) == list(nineteen) and all(torch.equal(kept[name], nineteen[name]) for name in nineteen)
    assert json.loads(fetched.path.with_suffix(".json").read_text())["scale"] == "original"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_taken_and_stored_in_float32(cache, save, nineteen, dtype):
    fetched = w.fetch("vgg19", save({name: tensor.to(dtype) for name, tensor in nineteen.items()}))
    kept = w.load(fetched)["conv4_2.weight"]
    assert kept.dtype == torch.float32
    torch.testing.assert_close(kept, nineteen["conv4_2.weight"], rtol=0.01, atol=1e-6)


def test_bgr_weights_of_caffe_become_the_published_ones(real, cache, save):
    tensors = safetensors.torch.load_file(real)
    said = []
    assert w.fetch("vgg16", save({**tensors, "conv1_1.weight": tensors["conv1_1.weight"].flip(1)}), say=said.append).published
    assert "BGR" in said[0]


@pytest.mark.parametrize(
    ("network", "change", "sentence"),
    [
        ("vgg19", {"conv3_4.weight": None}, r"it holds no conv3_4\.weight, so it is not a vgg19"),
        ("vgg19", {"conv1_1.bias": None}, r"it holds no conv1_1\.bias, so it is not a vgg19"),
        ("vgg19", {"conv2_2.weight": torch.zeros(128, 128, 5, 5)}, r"conv2_2\.weight is float32 of shape \(128, 128, 5, 5\)"),
        ("vgg19", {"conv2_2.bias": torch.zeros(64)}, r"conv2_2\.bias is float32 of shape \(64,\)"),
        ("vgg19", {"conv2_2.bias": torch.zeros(128, dtype=torch.int8)}, r"conv2_2\.bias is int8"),
        ("vgg19", {"conv2_2.bias": torch.full((128,), torch.nan)}, r"conv2_2\.bias holds numbers that are not finite"),
        ("vgg16", {}, r"it also holds conv3_4\.bias, so it is not a vgg16"),
        (
            "vgg19",
            {f"{name}.{part}": None for name in layers("vgg19") for part in ("weight", "bias")} | {"head": torch.zeros(1)},
            "0 layers",
        ),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_sentence(cache, save, nineteen, network, change, sentence):
    file = save({name: tensor for name, tensor in {**nineteen, **change}.items() if tensor is not None})
    with pytest.raises(w.WeightsError, match=rf"^own\.safetensors cannot be used: .*{sentence}.*\.$"):
        w.fetch(network, file)
    assert not w.location(network).exists()


def test_torchvisions_names_of_another_network_are_refused(cache, save, nineteen):
    with pytest.raises(w.WeightsError, match="it holds 16 layers and not the 13 of vgg16"):
        w.fetch("vgg16", save(by_number(nineteen, layers("vgg19"), VGG19_NUMBERS)))


def test_a_cut_off_file_is_refused_by_name(cache, save, nineteen):
    file = save(nineteen)
    file.write_bytes(file.read_bytes()[:1_000_000])
    with pytest.raises(w.WeightsError, match=r"own\.safetensors cannot be read as weights"):
        w.fetch("vgg19", file)


@pytest.mark.parametrize("record", [None, "", "[]", "{}"])
def test_vgg19_without_its_record_is_not_trusted(cache, record):
    path = w.location("vgg19")
    path.parent.mkdir()
    path.write_bytes(b"anything")
    if record is not None:
        path.with_suffix(".json").write_text(record)
    with pytest.raises(w.WeightsError, match=r"damaged or has lost its record.*core weights fetch vgg19"):
        w.verify("vgg19")
