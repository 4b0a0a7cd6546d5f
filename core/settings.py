# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every setting, once: name, default, range, unit, tooltip and presets.

The add-on builds its properties from `Settings`, the command line its options and the README its table.
Only the standard library is imported here, so that Blender's own Python can read this file.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "DEFAULT_PRESET",
    "LAYERS",
    "PRESETS",
    "Preset",
    "Settings",
    "SettingsError",
    "Spec",
    "animatable",
    "make_settings",
    "parse",
    "spec",
    "specs",
]

Kind = Literal["float", "int", "bool", "choice", "layers", "weights", "distances", "cuts", "text"]

LAYERS = tuple(f"relu{block}_{layer}" for block, count in enumerate((2, 2, 4, 4, 4), 1) for layer in range(1, count + 1))
"""Names of the rectified layers of VGG-19; VGG-16 lacks relu3_4, relu4_4 and relu5_4."""


class SettingsError(ValueError):
    """A setting that does not exist or a value that it cannot take; the message is one sentence for a person."""


@dataclass(frozen=True)
class Spec:
    """What is known of one setting besides its value."""

    kind: Kind
    label: str
    description: str
    group: str
    minimum: float = -math.inf
    maximum: float = math.inf
    soft_maximum: float | None = None
    unit: str = ""
    choices: tuple[tuple[str, str, str], ...] = ()  # (identifier, label, description)
    animatable: bool = False
    changes_pixels: bool = True
    """Whether finished frames stop being valid when it changes."""


def _define(default: Any, kind: Kind, group: str, label: str, description: str, **more: Any) -> Any:
    return field(default=default, metadata={"spec": Spec(kind, label, description, group, **more)})


@dataclass(frozen=True)
class Settings:
    """The settings of a job; the names and defaults of Ruder, Dosovitskiy, Brox (2016) where they have one."""

    # Style
    content_weight: float = _define(
        5.0, "float", "style", "Content",
        "How strongly the shot's own shapes are kept, against the other weights: higher values keep more of them",
        minimum=0.0, maximum=1e6, soft_maximum=50.0, animatable=True,
    )  # fmt: skip
    style_weight: float = _define(
        100.0, "float", "style", "Style",
        "How strongly the painting's texture and colors are taken on, against the other weights: higher values paint more boldly",
        minimum=0.0, maximum=1e6, soft_maximum=1000.0, animatable=True,
    )  # fmt: skip
    style_scale: float = _define(
        1.0, "float", "style", "Stroke Size",
        "Size of the painting relative to the frame: larger values give larger brush strokes",
        minimum=0.05, maximum=8.0, soft_maximum=2.0, unit="factor",
    )  # fmt: skip
    style_blend: float = _define(
        0.0, "float", "style", "Style Blend",
        "From the paintings as their weights mix them (0) to the last of them alone (1); a painting of weight 0 comes in by this alone",
        minimum=0.0, maximum=1.0, unit="factor", animatable=True,
    )  # fmt: skip
    tv_weight: float = _define(
        1e-3, "float", "style", "Smoothness", "Weight of the total variation: higher values remove fine noise",
        minimum=0.0, maximum=1e3, soft_maximum=0.1,
    )  # fmt: skip
    keep_colors: Literal["off", "luminance", "match"] = _define(
        "off", "choice", "style", "Keep Colors", "Whose colors the result has",
        choices=(
            ("off", "Off", "The painting's colors"),
            ("luminance", "Luminance", "The shot's own colors: only brightness and texture come from the painting"),
            ("match", "Match", "The painting is recolored to the shot's colors before its style is taken"),
        ),
    )  # fmt: skip
    strength: float = _define(
        1.0, "float", "style", "Strength", "Blend of the source (0, exactly) and the stylized frame (1)",
        minimum=0.0, maximum=1.0, unit="factor", animatable=True,
    )  # fmt: skip
    # Consistency
    temporal_weight: float = _define(
        1000.0, "float", "consistency", "Temporal",
        "How strongly a frame holds to the warped earlier result: higher values flicker less",
        minimum=0.0, maximum=1e7, soft_maximum=5000.0, animatable=True,
    )  # fmt: skip
    init_first: str = _define(
        "content", "choice", "consistency", "First Frame From", "The picture that the first frame of a shot starts from",
        choices=(
            ("content", "Content", "The source frame: fast, keeps its shapes"),
            ("random", "Noise", "Weak noise, as in the paper: freer, but takes far more iterations"),
        ),
    )  # fmt: skip
    init: str = _define(
        "previous_warped", "choice", "consistency", "Later Frames From", "The picture that every later frame starts from",
        choices=(
            ("content", "Content", "The source frame"),
            ("random", "Noise", "Weak noise, new for every frame; the first frame starts from noise too"),
            ("previous", "Previous", "The previous result as it is"),
            ("previous_warped", "Previous, Warped",
             "The previous result moved along the optical flow"),
            ("first", "First", "The result of the shot's first frame"),
        ),
    )  # fmt: skip
    uncovered: Literal["borrowed", "content", "warped"] = _define(
        "borrowed", "choice", "consistency", "Uncovered Areas",
        "What areas start from that come into view or whose motion is unknown, where frames start from the previous one, warped",
        choices=(
            ("borrowed", "Borrowed Strokes", "The source frame with strokes borrowed from where it looks alike"),
            ("content", "Content", "The source frame: bare at first"),
            ("warped", "Warped", "The warped picture as it is, smears included, as in the reference program"),
        ),
    )  # fmt: skip
    flow: str = _define(
        "auto", "choice", "consistency", "Optical Flow", "What finds the motion between frames",
        choices=(
            ("auto", "Automatic", "A 3D scene's own motion vectors, or the flow files that are given; else DIS"),
            ("dis", "DIS", "Dense inverse search: fast, exact to a third of a pixel, loses motions over 30 pixels"),
            ("large", "Large Motion", "DIS led by matches of the network's features: follows motions that DIS loses, slower"),
            ("raft", "RAFT", "A network trained for optical flow, fetched once: robust, slow without a graphics card"),
            ("files", "Flow Files", "Flow that is given as .flo or EXR files"),
            ("vectors", "Motion Vectors", "Vector passes of Blender; a scene strip renders them by itself"),
        ),
    )  # fmt: skip
    mask: Literal["soft", "binary"] = _define(
        "soft", "choice", "consistency", "Reliability Mask", "How pixels that come into view or lie on motion boundaries are left free",
        choices=(
            ("soft", "Soft", "Softened edges, as in the reference program"),
            ("binary", "Binary", "Hard edges, as in the paper"),
        ),
    )  # fmt: skip
    long_term: tuple[int, ...] = _define(
        (1,), "distances", "consistency", "Earlier Frames",
        "Distances of the earlier painted frames that a frame holds to, such as 1,2,4: areas that were hidden for a while return as they "
        "were",
        minimum=1, maximum=1000, unit="frames",
    )  # fmt: skip
    long_term_every: int = _define(
        0, "int", "consistency", "Every Earlier",
        "Hold to every painted frame at a multiple of this distance back to the start of the shot, too: steadier, slower the longer the "
        "shot; 0 does not",
        minimum=0, maximum=1000, soft_maximum=50, unit="frames",
    )  # fmt: skip
    combine: Literal["nearest", "normalize"] = _define(
        "nearest", "choice", "consistency", "Combine", "How the masks of several earlier frames are combined",
        choices=(
            ("nearest", "Nearest First", "Each pixel holds to the nearest frame in which it can be trusted"),
            ("normalize", "Normalize", "Each pixel holds to all of them, with weights that sum to one at most"),
        ),
    )  # fmt: skip
    temporal_criterion: str = _define(
        "mse", "choice", "consistency", "Temporal Criterion", "How a difference from the earlier result is counted",
        choices=(
            ("mse", "Squared", "Mean squared error, as in the paper"),
            ("smoothl1", "Smooth L1", "Absolute error beyond one code value: wrong flow counts for less"),
        ),
    )  # fmt: skip
    cuts: str | tuple[int, ...] = _define(
        "auto", "cuts", "consistency", "Cuts",
        "Frames at which a new shot begins: auto (found in the pictures), none, or a list such as 48,112",
        unit="frames",
    )  # fmt: skip
    # Timing
    every: int = _define(
        1, "int", "timing", "Paint On",
        "Paint every frame (1, on ones, as animators say), every second (2, on twos), every third (3, on threes) and so on, "
        "counted from the start of each shot: the frames in between cost next to nothing",
        minimum=1, maximum=12, soft_maximum=4, unit="frames",
    )  # fmt: skip
    between: Literal["warped", "held"] = _define(
        "warped", "choice", "timing", "In Between", "What is seen between two painted frames",
        choices=(
            ("warped", "Warped", "Both painted frames moved along the optical flow and blended by their nearness: smooth motion"),
            ("held", "Held", "The painted frame as it is, until the next one: the look of animation by hand"),
        ),
    )  # fmt: skip
    # Multi-pass
    passes: int = _define(
        1, "int", "passes", "Passes",
        "Times the whole shot is painted, forward and backward by turns; 1 paints one frame after the other. "
        "Several keep the contrast at the frame's borders when the camera moves; every pass takes Iterations",
        minimum=1, maximum=100, soft_maximum=20, unit="passes",
    )  # fmt: skip
    blend_previous: float = _define(
        1.0, "float", "passes", "Blend Previous",
        "With several passes: share of the neighbor that this pass has already painted in the picture that a frame starts from",
        minimum=0.0, maximum=100.0, soft_maximum=2.0, unit="factor",
    )  # fmt: skip
    blend_next: float = _define(
        0.0, "float", "passes", "Blend Next",
        "With several passes: share of the neighbor on the other side, as the pass before left it",
        minimum=0.0, maximum=100.0, soft_maximum=2.0, unit="factor",
    )  # fmt: skip
    temporal_from_pass: int = _define(
        8, "int", "passes", "Temporal From Pass",
        "With several passes: the first pass in which frames are held to earlier results by the temporal weight",
        minimum=2, maximum=101, soft_maximum=20, unit="pass",
    )  # fmt: skip
    # Quality
    resolution: float = _define(
        1.0, "float", "quality", "Resolution",
        "Fraction of the frame's size to paint at; the result is delivered at full size",
        minimum=0.05, maximum=1.0, unit="factor",
    )  # fmt: skip
    iterations_first: int = _define(
        300, "int", "quality", "Iterations, First",
        "Most iterations for the first frame of a shot; with several passes every frame takes Iterations",
        minimum=0, maximum=100000, soft_maximum=2000, unit="iterations",
    )  # fmt: skip
    iterations: int = _define(
        25, "int", "quality", "Iterations", "Most iterations for every later frame, or for every frame of a pass: more finish the strokes",
        minimum=0, maximum=100000, soft_maximum=1000, unit="iterations",
    )  # fmt: skip
    tolerance: float = _define(
        1e-4, "float", "quality", "Tolerance",
        "A frame is finished when its loss changed by less than this share over the interval, or is that of the frame before; "
        "0 never stops early",
        minimum=0.0, maximum=1.0, soft_maximum=0.01, unit="relative",
    )  # fmt: skip
    tolerance_interval: int = _define(
        50, "int", "quality", "Interval", "Number of iterations between two tests of the tolerance",
        minimum=1, maximum=10000, soft_maximum=100, unit="iterations",
    )  # fmt: skip
    optimizer: str = _define(
        "lbfgs", "choice", "quality", "Optimizer", "The method that minimizes the loss",
        choices=(
            ("lbfgs", "L-BFGS", "The paper's: fewest iterations"),
            ("adam", "Adam", "Less memory, more iterations"),
        ),
    )  # fmt: skip
    learning_rate: float = _define(
        1.0, "float", "quality", "Learning Rate", "Length of a step: 1 for L-BFGS; for Adam code values of 255 times this factor",
        minimum=1e-4, maximum=100.0, soft_maximum=10.0, unit="factor",
    )  # fmt: skip
    history: int = _define(
        20, "int", "quality", "History", "Steps that L-BFGS remembers: each costs memory of two pictures",
        minimum=1, maximum=200, soft_maximum=100, unit="steps",
    )  # fmt: skip
    normalize_gradients: bool = _define(
        False, "bool", "quality", "Normalize Gradients",
        "Scale the gradient of each content and style layer to unit L1 norm, an option of the reference",
    )  # fmt: skip
    precision: str = _define(
        "auto", "choice", "quality", "Precision", "Number format of the network; losses and the picture are always float32",
        choices=(
            ("auto", "Automatic", "The faster one on the device, by a short measurement that is remembered"),
            ("float32", "float32", "Exact and slow"),
            ("bfloat16", "bfloat16", "About twice as fast where the processor has it"),
        ),
    )  # fmt: skip
    network: str = _define(
        "vgg16", "choice", "quality", "Network", "The network whose features are compared",
        choices=(
            ("vgg16", "VGG-16", "Simonyan and Zisserman's network with 16 layers"),
            ("vgg19", "VGG-19", "The paper's network with 19 layers: a little slower, its weights are fetched or given once"),
        ),
    )  # fmt: skip
    pooling: str = _define(
        "max", "choice", "quality", "Pooling", "How the network halves its layers",
        choices=(("max", "Maximum", "As the network was trained"), ("average", "Average", "Smoother, softer strokes")),
    )  # fmt: skip
    content_layers: tuple[str, ...] = _define(
        ("relu4_2",), "layers", "quality", "Content Layers", "Layers of the network whose features keep the shapes",
    )  # fmt: skip
    content_layer_weights: tuple[float, ...] = _define(
        (), "weights", "quality", "Content Weights", "Weight of each content layer, such as 1,0.5; empty weighs all alike",
        minimum=0.0, maximum=1e6, unit="factor",
    )  # fmt: skip
    style_layers: tuple[str, ...] = _define(
        ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), "layers", "quality", "Style Layers",
        "Layers of the network whose correlations make the style",
    )  # fmt: skip
    style_layer_weights: tuple[float, ...] = _define(
        (), "weights", "quality", "Style Weights",
        "Weight of each style layer, such as 1,1,1,0.5,0.5: early ones hold fine texture, late ones large strokes; empty weighs all alike",
        minimum=0.0, maximum=1e6, unit="factor",
    )  # fmt: skip
    # Output
    highlights: Literal["clip", "keep"] = _define(
        "clip", "choice", "output", "Highlights", "What becomes of values brighter than display white",
        choices=(
            ("clip", "Clip", "Clip them to white"),
            ("keep", "Keep", "Multiply the source's excess over white back into the result"),
        ),
    )  # fmt: skip
    seed: int = _define(
        0, "int", "output", "Seed", "Number that decides the noise; the same seed gives the same picture", minimum=0, maximum=2**31 - 1,
    )  # fmt: skip
    debug: bool = _define(
        False, "bool", "output", "Debug Pictures",
        "Write flow, mask, warped previous frame and start picture beside each frame, as layers of an EXR file", changes_pixels=False,
    )  # fmt: skip
    # Device
    device: str = _define(
        "auto", "text", "device", "Device", "Where to compute: auto, cpu, cuda, cuda:1, mps or xpu", changes_pixels=False,
    )  # fmt: skip
    threads: int = _define(
        0, "int", "device", "Threads", "Processor threads; 0 uses all cores", minimum=0, maximum=1024, unit="threads", changes_pixels=False,
    )  # fmt: skip
    memory_limit: float = _define(
        0.0, "float", "device", "Memory Limit",
        "Most memory that the engine takes of the device: with less of it, it remembers fewer steps and computes parts of the network "
        "anew instead of keeping them; 0 is what is free",
        minimum=0.0, maximum=4096.0, soft_maximum=64.0, unit="GB", changes_pixels=False,
    )  # fmt: skip
    deterministic: bool = _define(
        False, "bool", "device", "Deterministic", "Give the same bits in every run on a graphics card too, at some cost in speed",
        changes_pixels=False,
    )  # fmt: skip

    def __post_init__(self) -> None:
        for name, one in specs().items():
            object.__setattr__(self, name, _checked(name, one, getattr(self, name)))
        if not re.fullmatch(r"auto|cpu|mps|(cuda|xpu)(:\d+)?", self.device):
            raise SettingsError(f"device takes auto, cpu, cuda, cuda:N, mps or xpu, not '{self.device}'.")
        if not (self.content_weight or self.style_weight or self.temporal_weight):
            raise SettingsError("content_weight, style_weight and temporal_weight are all 0, so there is nothing to paint; raise one.")
        for name in ("content_layers", "style_layers"):
            missing = [layer for layer in getattr(self, name) if layer not in _layers_of(self.network)]
            if missing:
                raise SettingsError(
                    f"{name}: {missing[0]} is not a layer of {self.network}; choose from {', '.join(_layers_of(self.network))}."
                )
        if not self.style_layers and self.style_weight:
            raise SettingsError("style_layers is empty; name a layer such as relu3_1, or set style_weight to 0.")
        if not self.content_layers and self.content_weight:
            raise SettingsError("content_layers is empty; name a layer such as relu4_2, or set content_weight to 0.")
        for name in ("content", "style"):
            layers, weights = getattr(self, f"{name}_layers"), getattr(self, f"{name}_layer_weights")
            if weights and len(weights) != len(layers):
                raise SettingsError(
                    f"{name}_layer_weights has {len(weights)} numbers for {len(layers)} {name}_layers; give one for each, or none."
                )
            if weights and not any(weights):
                raise SettingsError(f"{name}_layer_weights are all 0; raise one, or set {name}_weight to 0.")
        if self.passes > 1 and self.init in ("previous", "first"):
            raise SettingsError(
                f"init={self.init} and passes={self.passes} exclude each other: with several passes every frame starts from its own result "
                f"of the pass before; set passes to 1, or init ({spec('init').label}) to previous_warped."
            )

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON takes them: tuples become lists."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def changing_pixels(self) -> dict[str, Any]:
        """The part of `as_dict` that finished frames depend on."""
        idle = {name for name, one in specs().items() if one.group == "timing"} if self.every == 1 else set()
        if not self.style_blend:
            idle.add("style_blend")
        return {name: value for name, value in self.as_dict().items() if spec(name).changes_pixels and name not in idle}


@dataclass(frozen=True)
class Preset:
    """A named set of values that differ from the defaults."""

    label: str
    description: str
    values: Mapping[str, Any]


DEFAULT_PRESET = "balanced"
PRESETS: Mapping[str, Preset] = {
    "draft": Preset(
        "Draft", "A quick look: half the size, few iterations",
        {"resolution": 0.5, "iterations_first": 100, "iterations": 15, "tolerance": 1e-3, "tolerance_interval": 25},
    ),
    "balanced": Preset("Balanced", "Good strokes and steady motion in reasonable time", {}),
    "final": Preset(
        "Final", "Finished strokes, and areas that were hidden return as they were",
        {"iterations_first": 1000, "iterations": 100, "long_term": (1, 2, 4), "history": 40},
    ),
    "multipass": Preset(
        "Multi-Pass", "The shot painted forward and backward by turns: no loss of contrast at the borders when the camera moves, slow",
        {"passes": 15, "iterations": 100},
    ),
    "paper": Preset(
        "Paper", "The settings of the paper's reference program: slow",
        {"init_first": "random", "iterations_first": 2000, "iterations": 1000, "history": 100, "precision": "float32"},
    ),
}  # fmt: skip


def specs() -> dict[str, Spec]:
    """All settings by name, in the order in which they are shown."""
    return {f.name: f.metadata["spec"] for f in dataclasses.fields(Settings)}


def spec(name: str) -> Spec:
    """What is known of setting `name`; raises SettingsError with the nearest name where there is none."""
    try:
        return specs()[name]
    except KeyError:
        raise SettingsError(f"There is no setting '{name}'{_suggestion(name, specs())}.") from None


def animatable() -> tuple[str, ...]:
    """Names of the settings that can have a value of their own at each frame."""
    return tuple(name for name, one in specs().items() if one.animatable)


def make_settings(values: Mapping[str, Any] | None = None, preset: str | None = None) -> Settings:
    """The settings of a preset (default: the dataclass's own) with `values` laid over it.

    Raises SettingsError for an unknown preset or setting and for a value out of its range.
    """
    merged: dict[str, Any] = {}
    if preset is not None:
        if preset not in PRESETS:
            raise SettingsError(f"There is no preset '{preset}'{_suggestion(preset, PRESETS)}; the presets are {', '.join(PRESETS)}.")
        merged.update(PRESETS[preset].values)
    values = dict(values or {})
    for name in values:
        spec(name)
    if values.get("init") == "random" and "init_first" not in values:
        values["init_first"] = "random"
    merged.update(values)
    return Settings(**merged)


def parse(name: str, text: str) -> Any:
    """The value of setting `name` from the words of a command line, such as "0.5", "true" or "1,2,4"."""
    one = spec(name)
    text = text.strip()
    try:
        if one.kind == "float":
            return float(text)
        if one.kind == "int":
            return int(text)
    except ValueError:
        raise SettingsError(f"{name} takes a {_NOUNS[one.kind]}, not '{text}'.") from None
    if one.kind == "bool":
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise SettingsError(f"{name} takes true or false, not '{text}'.")
    if one.kind in ("layers", "weights", "distances") or (one.kind == "cuts" and text not in ("auto", "none")):
        return tuple(part.strip() for part in text.strip("[]() ").split(",") if part.strip())
    return text


_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_KEEP_COLORS = {True: "luminance", False: "off", "true": "luminance", "false": "off"}
_NOUNS = {"float": "number", "int": "whole number"}


def _suggestion(name: str, among: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(among), 1, 0.5)
    return f"; did you mean '{near[0]}'?" if near else ""


def _layers_of(network: str) -> tuple[str, ...]:
    return tuple(layer for layer in LAYERS if network == "vgg19" or not layer.endswith("_4"))


def _checked(name: str, one: Spec, value: Any) -> Any:
    if name == "keep_colors":
        value = _KEEP_COLORS.get(value, value) if isinstance(value, (str, bool)) else value
    match one.kind:
        case "float" | "int":
            return _number(name, one, value)
        case "bool":
            if not isinstance(value, bool):
                raise SettingsError(f"{name} takes true or false, not {value!r}.")
            return value
        case "choice":
            names = [choice[0] for choice in one.choices]
            if value not in names:
                raise SettingsError(f"{name} takes {_either(names)}, not {value!r}.")
            return value
        case "text":
            if not isinstance(value, str) or not value:
                raise SettingsError(f"{name} takes a word, not {value!r}.")
            return value
        case "layers":
            layers = tuple(_items(name, value, "layer names"))
            for layer in layers:
                if layer not in LAYERS:
                    raise SettingsError(f"{name}: '{layer}' is not a layer of the network{_suggestion(str(layer), LAYERS)}.")
            return layers
        case "weights":
            return tuple(float(_number(name, one, _real(name, item))) for item in _items(name, value, "numbers"))
        case "distances":
            distances = tuple(sorted({_number(name, one, _whole(name, item)) for item in _items(name, value, "frame distances")}))
            if not distances:
                raise SettingsError(f"{name} is empty; the usual value is 1.")
            return distances
        case "cuts":
            if value in ("auto", "none"):
                return value
            return tuple(sorted({_whole(name, item) for item in _items(name, value, "auto, none or frame numbers")}))
    raise AssertionError(one.kind)


_BEYOND = 1 << 1000
"""Whole numbers of any length come in, of which a float holds those below 2^1024."""


def _number(name: str, one: Spec, value: Any) -> float | int:
    whole = one.kind not in ("float", "weights")
    if isinstance(value, int) and abs(value) > _BEYOND:
        value = math.inf if value > 0 else -math.inf
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (whole and math.isfinite(value) and value != int(value)):
        raise SettingsError(f"{name} takes a {_NOUNS.get(one.kind, 'whole number')}, not {value!r}.")
    if not (one.minimum <= value <= one.maximum and math.isfinite(value)):
        unit = f" {one.unit}" if one.unit and one.unit not in ("factor", "relative") else ""
        raise SettingsError(f"{name} must lie between {one.minimum:g} and {one.maximum:g}{unit}, but is {value:g}.")
    return int(value) if whole else float(value)


def _whole(name: str, item: Any) -> int:
    try:
        return int(item)
    except (TypeError, ValueError, OverflowError):
        raise SettingsError(f"{name} takes whole numbers separated by commas, not '{item}'.") from None


def _real(name: str, item: Any) -> float:
    try:
        return float(item)
    except (TypeError, ValueError, OverflowError):
        raise SettingsError(f"{name} takes numbers separated by commas, not '{item}'.") from None


def _items(name: str, value: Any, what: str) -> list[Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, (list, tuple)):
        raise SettingsError(f"{name} takes {what} separated by commas, not {value!r}.")
    return list(value)


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
