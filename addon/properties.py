# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings on a strip, built from `core.settings`.

What can be keyframed lies flat on the strip, since Blender cannot keyframe properties in nested groups from its interface;
everything else lies in the group `strip.brushflow`.
"""

# mypy: disable-error-code="valid-type"

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from ..core.settings import PRESETS, Settings, Spec, animatable, make_settings, parse, spec, specs
from . import compat
from .translation import CONTEXT

__all__ = [
    "BrushflowSettings",
    "BrushflowStyle",
    "absolute",
    "apply",
    "claim_job_id",
    "exact",
    "flat_name",
    "keyframed",
    "per_frame",
    "preset_values",
    "register",
    "settings_of",
    "stored_path",
    "strips_of",
    "unchecked",
    "unregister",
    "value_of",
]

_CUSTOM = "custom"
_PLAIN: set[str] = set()  # not animatable
_HIDDEN = {"HIDDEN"}
_PATH = {"PATH_SUPPORTS_BLEND_RELATIVE"}
_PRESETS = tuple(PRESETS)
_TOUCHED = tuple(dict.fromkeys(name for preset in PRESETS.values() for name in preset.values))
"""Settings that one preset or another changes; choosing a preset leaves all others as they are."""


def flat_name(name: str) -> str:
    """Name of the strip's own property for the animatable setting `name`."""
    return f"brushflow_{name}"


def exact(value: float) -> float:
    """The number that was typed: Blender stores single precision, which turns 0.0001 into 0.0000999999974."""
    return float(f"{value:.7g}")


def absolute(path: str) -> Path:
    """The absolute form of a path as Blender stores it; "//" is the project's folder."""
    return Path(bpy.path.abspath(path)).absolute()


def stored_path(path: Path) -> str:
    """A path as Blender's own file browser would store it: relative to a saved project where the user prefers that."""
    if bpy.data.filepath and bpy.context.preferences.filepaths.use_relative_paths:
        with contextlib.suppress(ValueError):  # another drive
            return bpy.path.relpath(str(path))
    return str(path)


def _as_property(default: Any, one: Spec) -> Any:
    """The Blender property of a setting; lists are text, with commas."""
    unit = f"\nUnit: {one.unit}" if one.unit and one.unit not in ("factor", "relative") else ""
    # Without the option a property in a group would be offered for keyframes that Blender cannot make.
    options: set[str] = {"ANIMATABLE"} if one.animatable else set()
    named: Any = {"name": one.label, "description": one.description + unit, "options": options, "translation_context": CONTEXT}
    soft_maximum = one.maximum if one.soft_maximum is None else one.soft_maximum
    match one.kind:
        case "float":
            fine = 0 < default < 0.01
            return FloatProperty(
                **named, default=default, min=one.minimum, max=one.maximum, soft_max=soft_maximum,
                precision=5 if fine else 3, step=0.01 if fine else 10, subtype="FACTOR" if one.maximum == 1.0 and not fine else "NONE",
            )  # fmt: skip
        case "int":
            return IntProperty(**named, default=default, min=int(one.minimum), max=int(one.maximum), soft_max=int(soft_maximum))
        case "bool":
            return BoolProperty(**named, default=default)
        case "choice":
            return EnumProperty(**named, default=default, items=one.choices)
        case _:
            return StringProperty(**named, default=_stored(default))


def _stored(value: Any) -> Any:
    """`value` as its Blender property takes it."""
    return ", ".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value) if isinstance(value, (tuple, list)) else value


def value_of(name: str, stored: Any) -> Any:
    """The value of setting `name` from what its Blender property holds; raises SettingsError for text that is none."""
    if isinstance(stored, str) and spec(name).kind != "choice":
        return parse(name, stored)
    return exact(stored) if isinstance(stored, float) else stored


def preset_values(name: str) -> dict[str, Any]:
    """What one of the presets of `core.settings` sets, by the names of the settings."""
    wanted = make_settings(preset=name)
    return {touched: getattr(wanted, touched) for touched in _TOUCHED}


def _matching_preset(group: "BrushflowSettings") -> int:
    stored = {name: getattr(group, name) for name in _TOUCHED}
    for index, preset in enumerate(_PRESETS):
        if all(_same(value, stored[name]) for name, value in preset_values(preset).items()):
            return index
    return len(_PRESETS)


def _same(wanted: Any, stored: Any) -> bool:
    return bool(_stored(wanted) == (exact(stored) if isinstance(stored, float) else stored))


def _choose_preset(group: "BrushflowSettings", index: int) -> None:
    if index < len(_PRESETS):
        for name, value in preset_values(_PRESETS[index]).items():
            setattr(group, name, _stored(value))


class BrushflowStyle(bpy.types.PropertyGroup):
    """A painting and its share."""

    path: StringProperty(
        name="Painting",
        description="Picture whose style is taken on",
        subtype="FILE_PATH",
        options=_PATH,
    )
    weight: FloatProperty(
        name="Weight",
        description="Share of this painting when there are several on its side of the matte",
        default=1.0,
        min=0.0,
        soft_max=1.0,
        max=1000.0,
        options=_PLAIN,
    )
    region: EnumProperty(
        name="Side",
        description="Side of the matte that this painting is for; a side without paintings keeps the source",
        items=[
            ("INSIDE", "Inside", "Where the matte is white"),
            ("OUTSIDE", "Outside", "Where the matte is black"),
        ],
        options=_PLAIN,
    )


class BrushflowSettings(bpy.types.PropertyGroup):
    """What a strip is painted with; the settings of the engine are added from `core.settings` below."""

    styles: CollectionProperty(type=BrushflowStyle, name="Paintings", description="Pictures whose style is taken on")
    preset: EnumProperty(
        name="Preset",
        description="A set of values for resolution, iterations and consistency; weights and output stay as they are",
        items=[
            *((name, preset.label, preset.description, index) for index, (name, preset) in enumerate(PRESETS.items())),
            (_CUSTOM, "Custom", "Values of your own", len(PRESETS)),
        ],
        get=_matching_preset,
        set=_choose_preset,
        options=_PLAIN,
        translation_context=CONTEXT,
    )
    matte: EnumProperty(
        name="Matte",
        description="Where the strip is painted",
        items=[
            ("NONE", "None", "Everywhere"),
            ("ALPHA", "Source's Alpha", "Where the strip itself is opaque"),
            ("STRIP", "Strip", "Where another strip is bright, such as a mask strip"),
        ],
        options=_PLAIN,
    )
    matte_strip: StringProperty(
        name="Strip",
        description="Strip of the same scene whose brightness is the matte, frame by frame as the timeline shows both; it may be muted",
        options=_PLAIN,
    )
    matte_invert: BoolProperty(name="Invert", description="Exchange inside and outside", options=_PLAIN)
    flow_forward: StringProperty(
        name="Forward",
        description="Flow from each frame to the next, such as //flow/forward_####.flo (or .exr), in pixels. "
        "Numbers are those of the painted frames, 1 being the first of the strip's content",
        subtype="FILE_PATH",
        options=_PATH,
    )
    flow_backward: StringProperty(
        name="Backward",
        description="Flow from each frame to the one before, such as //flow/backward_####.flo (or .exr), in pixels. "
        "Numbers are those of the painted frames, 1 being the first of the strip's content",
        subtype="FILE_PATH",
        options=_PATH,
    )
    flow_vectors: StringProperty(
        name="Vector Files",
        description="Multi-layer EXR files with the Vector pass, such as //render/shot_####.exr; empty lets a scene strip render them. "
        "Numbers are those of the painted frames, 1 being the first of the strip's content",
        subtype="FILE_PATH",
        options=_PATH,
    )
    frame_range: EnumProperty(
        name="Frames",
        description="Which of the strip's frames are painted",
        items=[
            ("STRIP", "Whole Strip", "Every frame that is seen of the strip"),
            ("PREVIEW", "Preview Range", "The scene's preview range, where one is set"),
            ("CUSTOM", "Custom", "A range of timeline frames"),
        ],
        options=_PLAIN,
    )
    frame_start: IntProperty(name="Start", description="First timeline frame to paint", default=1, options=_PLAIN)
    frame_end: IntProperty(name="End", description="Last timeline frame to paint", default=250, options=_PLAIN)
    markers_as_cuts: BoolProperty(
        name="Markers Are Cuts",
        description="Begin a new shot at every timeline marker within the strip, instead of looking for cuts in the pictures",
        options=_PLAIN,
    )
    output: StringProperty(
        name="Folder",
        description="Folder in which every painted strip gets a folder of its own; // is the folder of the project",
        subtype="DIR_PATH",
        default="//brushflow/",
        options=_PATH,
    )
    existing: EnumProperty(
        name="On Change",
        description="What becomes of painted frames once settings differ from theirs; the same settings always go on where they stopped",
        options=_PLAIN,
        items=[
            ("VERSION", "New Version", "Keep them and paint a new version, with a strip of its own"),
            ("REPLACE", "Replace", "Paint over them and update their strip"),
        ],
    )
    mute_original: BoolProperty(
        name="Mute Original", description="Mute the strip once a painted version of all of it lies above", default=True, options=_PLAIN
    )

    keep_running: BoolProperty(
        name="Keep Running",
        description="Let the engine go on when Blender is closed or another project is opened. "
        "Stylize then finds the frames that it has painted, and takes over if it still paints",
        options=_PLAIN,
    )

    job_id: StringProperty(options=_HIDDEN)
    job_strip: StringProperty(options=_HIDDEN)
    """The strip's name when it was given its job id: tells an original from its duplicate."""
    folder_name: StringProperty(options=_HIDDEN)
    """The strip's name when its painted frames got a folder: renaming it does not lose them."""
    source_job: StringProperty(options=_HIDDEN)
    source_strip: StringProperty(
        name="Painted From", description="Strip that this result was painted from; empty for other strips", options=_HIDDEN
    )
    version: IntProperty(name="Version", description="Version of the result", options=_HIDDEN)


BrushflowSettings.__annotations__.update(
    {name: _as_property(getattr(Settings(), name), one) for name, one in specs().items() if not one.animatable}
)


def strips_of(scene: bpy.types.Scene) -> Iterable[bpy.types.Strip]:
    """All strips of a scene, those in meta strips too."""
    return scene.sequence_editor.strips_all if scene.sequence_editor else ()


def unchecked(strip: bpy.types.Strip) -> dict[str, Any]:
    """The strip's settings by name as they are held, whether they go together or not."""
    return {
        name: value_of(name, getattr(strip, flat_name(name)) if one.animatable else getattr(strip.brushflow, name))
        for name, one in specs().items()
    }


def settings_of(strip: bpy.types.Strip) -> dict[str, Any]:
    """The strip's settings by name; raises SettingsError for a value that its setting cannot take."""
    return make_settings(unchecked(strip)).as_dict()


def keyframed(strip: bpy.types.Strip) -> set[str]:
    """Names of the settings that have keyframes."""
    scene: Any = strip.id_data
    paths = {curve.data_path for curve in compat.fcurves(scene) if not curve.mute}
    return {name for name in animatable() if compat.strip_path(strip, flat_name(name)) in paths}


def apply(strip: bpy.types.Strip, values: Mapping[str, Any]) -> None:
    """Lay `values` over the strip's settings; raises SettingsError, and changes nothing then."""
    merged = dict(values)
    if values.get("init") == "random" and "init_first" not in values:
        merged["init_first"] = "random"
    wanted = make_settings({**settings_of(strip), **merged})
    for name in merged:
        owner, attribute = (strip, flat_name(name)) if spec(name).animatable else (strip.brushflow, name)
        setattr(owner, attribute, _stored(getattr(wanted, name)))


def per_frame(scene: bpy.types.Scene, strip: bpy.types.Strip, frames: range) -> dict[str, list[float]]:
    """Values at the given timeline frames of the settings that are keyframed and change over them.

    Read from the F-Curves, not by moving the playhead, which would evaluate the whole scene at every frame.
    """
    values: dict[str, list[float]] = {}
    curves = {curve.data_path: curve for curve in compat.fcurves(scene) if not curve.mute}
    for name in animatable():
        curve = curves.get(compat.strip_path(strip, flat_name(name)))
        if curve is None:
            continue
        one = spec(name)
        at_frames = [exact(min(max(curve.evaluate(frame), one.minimum), one.maximum)) for frame in frames]
        values[name] = at_frames
    return values


def claim_job_id(scene: bpy.types.Scene, strip: bpy.types.Strip) -> str:
    """The id that ties the strip to its painted frames; a duplicate, which was born with the id of its original, gets its own.

    Made of names, not of chance, so that a project which is not saved after a run on a farm still finds its frames in the next one.
    """
    group = strip.brushflow
    taken = {other.brushflow.job_id for each in bpy.data.scenes for other in strips_of(each) if other != strip}
    if not group.job_id or (group.job_id in taken and strip.name != group.job_strip):
        project = Path(bpy.data.filepath).name
        made = (hashlib.sha256(f"{project}\n{scene.name}\n{strip.name}\n{turn}".encode()).hexdigest()[:12] for turn in itertools.count())
        group.job_id, group.folder_name = next(one for one in made if one not in taken), strip.name
    group.folder_name = group.folder_name or group.job_strip or strip.name
    group.job_strip = strip.name
    return str(group.job_id)


_CLASSES = (BrushflowStyle, BrushflowSettings)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    _register_classes()
    bpy.types.Strip.brushflow = PointerProperty(type=BrushflowSettings, name="Brushflow")
    for name in animatable():
        setattr(bpy.types.Strip, flat_name(name), _as_property(getattr(Settings(), name), spec(name)))


def unregister() -> None:
    for name in animatable():
        delattr(bpy.types.Strip, flat_name(name))
    del bpy.types.Strip.brushflow
    _unregister_classes()
