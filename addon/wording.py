# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read of a job: what it is doing, how it ended, and how long that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_

if TYPE_CHECKING:
    from .worker import Job

__all__ = ["as_time", "headline", "joined", "outcome"]

_READING = {"frames": n_("Reading the strip"), "matte": n_("Reading the matte"), "vectors": n_("Reading the motion")}
_READING_FRAME = {
    "frames": n_("Reading frame {number} of {count}"),
    "matte": n_("Reading the matte, frame {number} of {count}"),
    "vectors": n_("Reading the motion, frame {number} of {count}"),
}


def headline(job: Job) -> str:
    """What a job is doing, in a few words."""
    progress = job.progress
    match job.state:
        case "waiting":
            return iface_("Taking over from the engine that was left running") if job.takes_over else iface_("Waiting for another strip")
        case "rendering":
            text = iface_((_READING_FRAME if progress.index else _READING)[progress.reading])
            return text.format(number=progress.index, count=progress.total)
        case "painting" if progress.index:
            left = iface_("{time} left").format(time=as_time(progress.eta)) if progress.eta is not None else ""
            text = iface_("Pass {turn} of {turns}, frame {number} of {count}" if progress.passes > 1 else "Frame {number} of {count}")
            frame = text.format(turn=progress.pass_number, turns=progress.passes, number=progress.index, count=progress.total)
            return joined(frame, left)
        case "canceling":
            return iface_("Canceling")
        case "planning":
            return iface_("Planning the tasks")
        case "sending":
            return iface_("Sending the job to the farm")
        case "done":
            return job.achievement()
        case "failed":
            return iface_("Failed")
        case "cancelled":
            return iface_("Canceled")
    return iface_("Starting the engine")


def joined(*parts: str) -> str:
    """Those of the parts that say something."""
    return ", ".join(part for part in parts if part)


def outcome(job: Job) -> tuple[set[Any], str]:
    """How a job ended, as `Operator.report` takes it."""
    progress = job.progress
    match job.state:
        case "failed":
            return {"ERROR"}, f"{progress.message} {progress.hint}".strip()
        case "cancelled":
            return {"WARNING"}, rpt_("Canceled; finished frames were kept.")
    return {"INFO"}, job.advice() or headline(job)


def as_time(seconds: float) -> str:
    """Seconds as people read them: 0:09, 12:30, 1:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
