# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job file: its schema, and everything that can be refused before torch is imported."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from .files import PARTIAL
from .flow import FlowError
from .flow_files import GivenFlow
from .frames import Frame, FrameError, FrameSource, open_source, read_image
from .limits import MAXIMUM_FILE, brief, checked_path, is_of_windows
from .lock import FolderLock, Locked
from .settings import Settings, SettingsError, animatable, make_settings, spec

__all__ = [
    "JOB_FILE",
    "SCHEMA",
    "Content",
    "Flow",
    "Job",
    "JobError",
    "Matte",
    "Output",
    "Style",
    "frame_path",
    "load_job",
    "make_content",
    "make_job",
]

SCHEMA: Literal[1] = 1
Model = TypeVar("Model", bound=BaseModel)
Region = Literal["inside", "outside"]
"""Sides of the matte."""
JOB_FILE = "job.json"


class JobError(Exception):
    """A job that cannot be run; the message is one sentence for a person, `hint` says what to do."""

    def __init__(self, message: str, hint: str = "", code: str = "job") -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


Place = Annotated[str, AfterValidator(checked_path)]
"""A path that a file can have."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Content(_Strict):
    """The frames to paint: a folder, movie or still by `path`, or a sequence by `pattern` (####, %04d)."""

    path: Place | None = None
    """A folder of images, a movie or a still; either this or `pattern`."""
    pattern: Place | None = None
    """Files with the frame's number in their names, such as `shot_####.png` or `shot_%04d.png`."""
    first: int | None = None
    """The first frame to paint, by the number in its file's name; movies count from 1. Null: the first there is."""
    last: int | None = None
    """The last frame to paint. Null: the last there is."""
    colorspace: str | None = None
    """A color space that OpenImageIO knows, such as `lin_rec709` or `sRGB`. Null: what the files say, else sRGB for
    whole numbers and linear Rec.709 for floats."""
    offset: int = Field(0, ge=-(10**9), le=10**9)
    """Added to a source's number to give the number of the frame that is written."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Content:
        if (self.path is None) == (self.pattern is None):
            raise ValueError("name either a path or a pattern")
        return self

    def open(self) -> FrameSource:
        """The frames; raises JobError where they are missing, of different sizes or unreadable by their headers."""
        try:
            return open_source(self.path, self.pattern, first=self.first, last=self.last, colorspace=self.colorspace)
        except FrameError as problem:
            raise JobError(str(problem), code="content") from None


class Style(_Strict):
    """A painting and its share in the blend of its side of the matte."""

    path: Place
    """The picture."""
    weight: float = Field(1.0, ge=0.0, allow_inf_nan=False)
    """Its share in the blend, against the others of its side; 0 leaves it out."""
    region: Region = "inside"
    """The side of the matte that it is for; without a matte all are `inside`."""


class Matte(_Strict):
    """Where to paint: the content's alpha, or frames whose white is inside.

    Frames carry the numbers of the painted ones; a still holds for all.
    """

    source: Literal["alpha", "frames"] = "frames"
    """The content's own alpha, or frames that `path` or `pattern` names."""
    path: Place | None = None
    """A folder, a movie or a still, which holds for all frames."""
    pattern: Place | None = None
    """Files with the painted frames' numbers in their names; instead of `path`."""
    invert: bool = False
    """Exchange inside and outside."""

    @model_validator(mode="after")
    def _one_source(self) -> Matte:
        if (self.source == "alpha") + (self.path is not None) + (self.pattern is not None) != 1:
            raise ValueError("name the source alpha, a path or a pattern")
        return self

    def open(self) -> FrameSource | None:
        """The matte's frames, None where it is the content's alpha; raises JobError."""
        if self.source == "alpha":
            return None
        try:
            return open_source(self.path, self.pattern)
        except FrameError as problem:
            raise JobError(f"The matte cannot be used: {problem}", code="matte") from None


class Flow(_Strict):
    """Flow that is given, in files with the numbers of the painted frames.

    `forward` holds t to t + 1 and `backward` t to t - 1; `vectors`, Blender's Vector passes, hold both.
    """

    forward: Place | None = None
    """Pattern of .flo or EXR files: number t is the flow from frame t to t + 1."""
    backward: Place | None = None
    """Pattern of .flo or EXR files: number t is the flow from frame t to t - 1."""
    vectors: Place | None = None
    """Pattern of Blender's EXR files with the Vector pass; instead of both."""

    @model_validator(mode="after")
    def _whole(self) -> Flow:
        if (self.forward is None) != (self.backward is None) or (self.forward is None) == (self.vectors is None):
            raise ValueError("name the patterns forward and backward, or vectors alone")
        return self


def _file_name(text: str) -> str:
    if re.search(r"[/\\]", text) or is_of_windows(Path(text)):
        raise ValueError("it may hold neither slashes nor a drive, for the frames lie in the folder")
    if len(text.encode()) > 200:
        raise ValueError("it is too long; 200 letters at most")
    return text


class Output(_Strict):
    """Where frames go: `folder`/`name`_####.exr."""

    folder: Place
    """Where to write; made where it is missing."""
    name: Annotated[Place, AfterValidator(_file_name)] = Field(min_length=1)
    """What the frames are called."""
    existing: Literal["error", "resume", "overwrite"] = "error"
    """What becomes of frames that are there: refuse the job, keep those that fit and paint the others, or paint all anew."""


_COUNTS: Mapping[str, tuple[int, int]] = {
    "threads": (1, int(spec("threads").maximum)),
    "history": (1, int(spec("history").maximum)),
    "checkpointing": (0, 5),
    "strip_rows": (0, 1 << 16),
}
"""Whole numbers of a plan, with the least and the most that they may be."""


def _usable(plan: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(plan.get("device", ""), str) or plan.get("precision", "float32") not in ("float32", "bfloat16"):
        raise ValueError("device names one, and precision is float32 or bfloat16")
    for name, (least, most) in _COUNTS.items():
        count = plan.get(name, least)
        if type(count) is not int or not least <= count <= most:
            raise ValueError(f"{name} is a whole number from {least} to {most}")
    return plan


class Job(_Strict):
    """One shot to paint."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
    """The version of this schema."""
    id: str | None = None
    """What its events call the job. Null: `output.name`."""
    content: Content
    """The frames to paint."""
    styles: tuple[Style, ...] = Field(min_length=1)
    """The paintings, one at least."""
    matte: Matte | None = None
    """Where to paint. Null: everywhere."""
    flow: Flow | None = None
    """Motion that is known. Null: it is estimated."""
    output: Output
    """Where the frames go."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings by name; those left out have their defaults."""
    per_frame: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """Settings that change over the shot: by name a list with one value for each frame."""
    plan: Annotated[dict[str, Any], AfterValidator(_usable)] = Field(default_factory=dict)
    """How an earlier run computed it (precision, threads, …), taken up again by resume."""

    @property
    def identifier(self) -> str:
        return self.id or self.output.name

    @property
    def folder(self) -> Path:
        return Path(self.output.folder)

    def as_json(self) -> dict[str, Any]:
        """The job as `load_job` reads it."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")

    def resolved_settings(self) -> Settings:
        return _settings(self.settings)

    def settings_at(self, index: int) -> Settings:
        """The settings of the frame `index` (from 0), keyframed values filled in."""
        values = {name: series[index] for name, series in self.per_frame.items()}
        return _settings({**self.settings, **values})

    def open_content(self) -> FrameSource:
        """The frames to paint; see `Content.open`."""
        return self.content.open()

    @property
    def estimator(self) -> str:
        """What finds the motion: the setting `flow`, where "auto" is what is given with the job, else dis."""
        chosen = self.resolved_settings().flow
        if chosen != "auto":
            return chosen
        return "dis" if self.flow is None else "files" if self.flow.vectors is None else "vectors"

    def read_styles(self) -> list[tuple[Frame, Style]]:
        """The paintings that are used; their weights are shares, which sum to 1 on each side of the matte before they are blended."""
        totals = {region: sum(style.weight for style in self.styles if style.region == region) for region in get_args(Region)}
        blends = bool(self.resolved_settings().style_blend or any(self.per_frame.get("style_blend", ())))
        last = {style.region: style for style in self.styles} if blends else {}
        try:
            return [
                (read_image(style.path), style.model_copy(update={"weight": style.weight / totals[style.region] if style.weight else 0.0}))
                for style in self.styles
                if style.weight or style is last.get(style.region)
            ]
        except FrameError as problem:
            raise JobError(f"The style image cannot be used: {problem}", "Choose another picture.", code="style") from None

    def check(self, source: FrameSource, *, existing: str | None = None) -> None:
        """Refuse what is wrong with styles, keyframes and the output, given the content; raises JobError.

        Args:
            existing: what becomes of frames that are there, instead of what the job says.
        """
        self.resolved_settings()
        for style in self.styles:
            if not Path(style.path).is_file():
                raise JobError(f"There is no style image {style.path}.", "Choose a picture of a painting.", code="style")
        if not any(style.weight for style in self.styles):
            raise JobError("All style images have the weight 0.", "Raise the weight of one of them.", code="style")
        if self.matte is None and any(style.region == "outside" for style in self.styles):
            raise JobError("A style is meant for outside of the matte, but there is none.", "Name a matte, or leave it out.", "style")
        self.read_styles()
        self._check_matte(source)
        self._check_flow(source)
        for name, series in self.per_frame.items():
            if not spec(name).animatable:
                raise JobError(f"{name} cannot change from frame to frame; only {', '.join(animatable())} can.", code="settings")
            if len(series) != len(source.numbers):
                raise JobError(f"per_frame has {len(series)} values of {name} for {len(source.numbers)} frames.", code="settings")
        for index in range(len(source.numbers)) if self.per_frame else ():
            self.settings_at(index)
        self._check_output(source, existing or self.output.existing)
        self._check_sources(source)

    def delivered_numbers(self, source: FrameSource) -> list[int]:
        """The numbers in the names of the frames that are written."""
        return [number + self.content.offset for number in source.numbers]

    def _check_matte(self, source: FrameSource) -> None:
        if self.matte is None:
            return
        opened = self.matte.open()
        if opened is None:
            if source.read(source.numbers[0]).alpha is None:
                raise JobError("The matte is the source's alpha, but its frames have none.", "Name a matte of its own.", code="matte")
            return
        with opened:
            missing = sorted({*self.delivered_numbers(source)} - {*opened.numbers})
        if missing and len(opened.numbers) > 1:
            raise JobError(f"The matte lacks frame {missing[0]} ({len(missing)} in all).", "Give it all frames of the shot.", "matte")

    def _check_flow(self, source: FrameSource) -> None:
        chosen = self.estimator
        fitting = {"files": "forward", "vectors": "vectors"}.get(chosen)
        if self.flow is None:
            if fitting:
                raise JobError(f"flow is {chosen}, but the job names no such files.", "Name them, or set flow to auto.", code="flow")
            return
        if fitting is None or getattr(self.flow, fitting) is None:
            raise JobError(
                f"The job names flow files, but flow is {chosen}; the two exclude each other.",
                "Set flow to auto, or leave the files out.",
                code="flow",
            )
        try:
            self.given_flow().check(self.delivered_numbers(source))
        except FlowError as problem:
            raise JobError(str(problem), code="flow") from None

    def given_flow(self) -> GivenFlow:
        """The flow that is given with the job."""
        assert self.flow is not None
        return GivenFlow(forward=self.flow.forward, backward=self.flow.backward, vectors=self.flow.vectors)

    def _check_output(self, source: FrameSource, existing: str) -> None:
        folder = self.folder
        if os.name != "nt" and is_of_windows(Path(folder.name)):
            raise JobError(
                f"The output folder {folder.name} is named as on Windows, and this is another system.",
                "Name a folder of this one.",
                "output",
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".probe.{os.getpid()}{PARTIAL}"
            probe.touch()
            probe.unlink(missing_ok=True)  # another machine's process may have the same number
        except OSError as problem:
            raise self._unwritable(problem) from None
        if existing == "error":
            there = [number for number in source.numbers if self.frame_path(number).exists()]
            if there:
                raise JobError(
                    f"{len(there)} of {len(source.numbers)} frames are already in {folder}, {self.frame_path(there[0]).name} the first.",
                    "Resume to keep those that fit, overwrite to paint all anew, or choose another folder.",
                    code="exists",
                )

    def claim(self, *, shared: bool = False) -> FolderLock:
        """The folder, for this run alone or with other parts of the job, until what is returned is closed; raises JobError."""
        try:
            return FolderLock(self.folder, shared=shared)
        except Locked:
            raise JobError(
                f"Another job is painting into {self.folder}.", "Let it end or cancel it, or choose another folder.", code="locked"
            ) from None
        except OSError as problem:
            raise self._unwritable(problem) from None

    def _unwritable(self, problem: OSError) -> JobError:
        reason = (problem.strerror or str(problem)).lower()
        return JobError(f"The output folder {self.folder} cannot be written to ({reason}).", "Choose another folder.", "output")

    def _check_sources(self, source: FrameSource) -> None:
        """Nothing that the job reads may be written over, whatever becomes of frames that are there."""
        read = [*source.files, *(Path(style.path) for style in self.styles)]
        if self.matte is not None and (opened := self.matte.open()) is not None:
            with opened:
                read += opened.files
        if self.flow is not None:
            read += self.given_flow().files(self.delivered_numbers(source))
        folder, written = self.folder.resolve(), {self.frame_path(number).name for number in source.numbers}
        for path in read:
            if path.name in written and path.parent.resolve() == folder:
                raise JobError(
                    f"The job would write over {path}, which it reads.", "Choose another output folder, or another name.", code="output"
                )

    def frame_path(self, number: int) -> Path:
        """Where the frame of the source's `number` is written."""
        return frame_path(self.folder, self.output.name, number + self.content.offset)


def frame_path(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}_{number:04d}.exr"


def load_job(path: Path) -> Job:
    """Read a job file; relative paths in it are taken from its own folder."""
    try:
        checked_path(str(path))
        if not path.is_file():
            raise JobError(f"There is no job file {path}.", code="job")
        if (size := path.stat().st_size) > MAXIMUM_FILE:
            raise JobError(f"The job file {path} has {size} bytes, which is too long; {MAXIMUM_FILE} at most.", code="job")
        values = json.loads(path.read_text("utf-8"))
    except RecursionError:
        raise JobError(f"The job file {path} is nested too deeply.", code="job") from None
    except (OSError, ValueError) as problem:
        raise JobError(f"The job file {brief(str(path), 80)} cannot be read: {problem}.", code="job") from None
    if not isinstance(values, dict):
        raise JobError(f"The job file {path} holds no job: an object was expected.", code="job")
    return make_job(values, relative_to=path.parent)


def make_job(values: Mapping[str, Any], relative_to: Path | None = None) -> Job:
    """The job of a dictionary as in the job file; raises JobError that names the first thing that is wrong."""
    job = _validated(Job, values)
    job.resolved_settings()
    return _absolute(job, (relative_to or Path()).absolute())


def make_content(values: Mapping[str, Any]) -> Content:
    """The content of a dictionary as in the job file, with paths as they are; raises JobError."""
    return _validated(Content, values)


def _validated(model: type[Model], values: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or model.__name__.lower()
        raise JobError(f"The job is not valid: {place}: {first['msg'].removeprefix('Value error, ')}.", code="job") from None


def _absolute(job: Job, base: Path) -> Job:
    def resolve(path: str | None) -> str | None:
        return None if path is None else str(base / path)

    content = job.content.model_copy(update={"path": resolve(job.content.path), "pattern": resolve(job.content.pattern)})
    styles = tuple(style.model_copy(update={"path": resolve(style.path)}) for style in job.styles)
    matte = job.matte and job.matte.model_copy(update={"path": resolve(job.matte.path), "pattern": resolve(job.matte.pattern)})
    flow = job.flow and job.flow.model_copy(update={name: resolve(pattern) for name, pattern in job.flow.model_dump().items()})
    output = job.output.model_copy(update={"folder": resolve(job.output.folder)})
    return job.model_copy(update={"content": content, "styles": styles, "matte": matte, "flow": flow, "output": output})


def _settings(values: Mapping[str, Any]) -> Settings:
    try:
        return make_settings(values)
    except SettingsError as problem:
        raise JobError(str(problem), code="settings") from None
