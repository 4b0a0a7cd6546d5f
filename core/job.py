# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job file: its schema, and everything that can be refused before torch is imported."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .frames import Frame, FrameError, FrameSource, open_source, read_image
from .settings import Settings, SettingsError, animatable, make_settings, spec

__all__ = ["JOB_FILE", "SCHEMA", "Content", "Job", "JobError", "Output", "Style", "frame_path", "load_job", "make_job"]

SCHEMA: Literal[1] = 1
JOB_FILE = "job.json"


class JobError(Exception):
    """A job that cannot be run; the message is one sentence for a person, `hint` says what to do."""

    def __init__(self, message: str, hint: str = "", code: str = "job") -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Content(_Strict):
    """The frames to paint: a folder, movie or still by `path`, or a sequence by `pattern` (####, %04d)."""

    path: str | None = None
    pattern: str | None = None
    first: int | None = None
    last: int | None = None
    colorspace: str | None = None
    offset: int = 0
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
    """A painting and its share in the blend."""

    path: str
    weight: float = Field(1.0, ge=0.0, allow_inf_nan=False)


class Output(_Strict):
    """Where frames go: `folder`/`name`_####.exr."""

    folder: str
    name: str = Field(pattern=r"^[^/\\\x00]+$")
    existing: Literal["error", "resume", "overwrite"] = "error"


class Job(_Strict):
    """One shot to paint."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
    id: str | None = None
    content: Content
    styles: tuple[Style, ...] = Field(min_length=1)
    output: Output
    settings: dict[str, Any] = Field(default_factory=dict)
    per_frame: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    plan: dict[str, Any] = Field(default_factory=dict)
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

    def read_styles(self) -> list[tuple[Frame, float]]:
        """The paintings with their shares, which sum to 1."""
        total = sum(style.weight for style in self.styles)
        try:
            return [(read_image(style.path), style.weight / total) for style in self.styles if style.weight]
        except FrameError as problem:
            raise JobError(f"The style image cannot be used: {problem}", "Choose another picture.", code="style") from None

    def check(self, source: FrameSource) -> None:
        """Refuse what is wrong with styles, keyframes and the output, given the content; raises JobError."""
        self.resolved_settings()
        for style in self.styles:
            if not Path(style.path).is_file():
                raise JobError(f"There is no style image {style.path}.", "Choose a picture of a painting.", code="style")
        if not any(style.weight for style in self.styles):
            raise JobError("All style images have the weight 0.", "Raise the weight of one of them.", code="style")
        self.read_styles()
        for name, series in self.per_frame.items():
            if not spec(name).animatable:
                raise JobError(f"{name} cannot change from frame to frame; only {', '.join(animatable())} can.", code="settings")
            if len(series) != len(source.numbers):
                raise JobError(f"per_frame has {len(series)} values of {name} for {len(source.numbers)} frames.", code="settings")
        for index in range(len(source.numbers)) if self.per_frame else ():
            self.settings_at(index)
        self._check_output(source)

    def _check_output(self, source: FrameSource) -> None:
        folder = self.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".brushflow-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as problem:
            reason = (problem.strerror or str(problem)).lower()
            raise JobError(f"The output folder {folder} cannot be written to ({reason}).", "Choose another folder.", "output") from None
        if self.output.existing == "error":
            there = [number for number in source.numbers if self.frame_path(number).exists()]
            if there:
                raise JobError(
                    f"{len(there)} of {len(source.numbers)} frames are already in {folder}, {self.frame_path(there[0]).name} the first.",
                    "Resume to keep those that fit, overwrite to paint all anew, or choose another folder.",
                    code="exists",
                )

    def frame_path(self, number: int) -> Path:
        """Where the frame of the source's `number` is written."""
        return frame_path(self.folder, self.output.name, number + self.content.offset)


def frame_path(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}_{number:04d}.exr"


def load_job(path: Path) -> Job:
    """Read a job file; relative paths in it are taken from its own folder."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise JobError(f"There is no job file {path}.", code="job") from None
    except (OSError, ValueError) as problem:
        raise JobError(f"The job file {path} cannot be read: {problem}.", code="job") from None
    if not isinstance(values, dict):
        raise JobError(f"The job file {path} holds no job: an object was expected.", code="job")
    return make_job(values, relative_to=path.parent)


def make_job(values: Mapping[str, Any], relative_to: Path | None = None) -> Job:
    """The job of a dictionary as in the job file; raises JobError that names the first thing that is wrong."""
    try:
        job = Job.model_validate(values)
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the job"
        raise JobError(f"The job is not valid: {place}: {first['msg'].removeprefix('Value error, ')}.", code="job") from None
    job.resolved_settings()
    return _absolute(job, (relative_to or Path()).absolute())


def _absolute(job: Job, base: Path) -> Job:
    def resolve(path: str | None) -> str | None:
        return None if path is None else str(base / path)

    content = job.content.model_copy(update={"path": resolve(job.content.path), "pattern": resolve(job.content.pattern)})
    styles = tuple(style.model_copy(update={"path": resolve(style.path)}) for style in job.styles)
    output = job.output.model_copy(update={"folder": resolve(job.output.folder)})
    return job.model_copy(update={"content": content, "styles": styles, "output": output})


def _settings(values: Mapping[str, Any]) -> Settings:
    try:
        return make_settings(values)
    except SettingsError as problem:
        raise JobError(str(problem), code="settings") from None
