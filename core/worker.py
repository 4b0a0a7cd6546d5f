# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a job and says in words how it ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .devices import DeviceError
from .events import Listener
from .files import is_full
from .flow import FlowError
from .frames import FrameError, FrameSource
from .job import Job, JobError
from .memory import OutOfMemory
from .optimizer import Diverged
from .painter import Painters
from .part import Finish, Part
from .part_run import FinishRun, FlowRun, PartRun
from .preroll_run import PrerollFinish, PrerollRun
from .run import Run
from .shortage import is_shortage
from .weights import WeightsError

__all__ = ["run_job"]

logger = logging.getLogger(__name__)

_MENDED = "Finished frames are kept; once this is mended, the same job goes on from them."


def run_job(
    job: Job,
    source: FrameSource,
    listener: Listener,
    cancel: threading.Event,
    *,
    log: str = "",
    part: Part | Finish | None = None,
    smaller: int = 0,
    painters: Painters | None = None,
) -> int:
    """Paint the frames of a job that was checked, or do a part of its work, and tell `listener`.

    Returns the exit status: 0 done, 1 failed, 2 refused, 130 cancelled.

    Args:
        source: the job's content, opened.
        cancel: set it to end the job after the iteration in progress; nothing that is finished is lost.
        log: path of the log, named in errors.
        part: what of the job is to be done, checked too. None: all of it.
        smaller: of all of it, by how many plans less memory is to be taken than by the one that it would begin with.
        painters: what is kept for the next part in this process.
    """

    def tell(event: str, **facts: Any) -> None:
        listener({"event": event, "job": job.identifier, **facts})

    def fail(code: str, problem: Exception, hint: str, status: int) -> int:
        tell("error", code=code, message=str(problem), hint=hint, log=log)
        return status

    try:
        return _run(job, source, tell, cancel, part, painters, smaller).work()
    except JobError as problem:
        return fail(problem.code, problem, problem.hint, 2)
    except OutOfMemory as problem:
        return fail("memory", problem, problem.hint, 1)
    except DeviceError as problem:
        return fail("device", problem, "", 2)
    except WeightsError as problem:
        return fail("weights", problem, "", 1)
    except FrameError as problem:
        return fail("frame", problem, _MENDED, 1)
    except FlowError as problem:
        return fail("flow", problem, "", 1)
    except Diverged as problem:
        return fail("diverged", problem, "Lower learning_rate, or set precision to float32.", 1)
    except OSError as problem:
        logger.exception("the job failed")
        message, hint = _in_words(problem)
        return fail("disk", OSError(message), hint, 1)
    except Exception as problem:
        logger.exception("the job failed")
        if is_shortage(problem):
            short = MemoryError("There is not enough memory for frames of this size.")
            return fail("memory", short, "Lower resolution, or close other programs; finished frames are kept.", 1)
        return fail("internal", RuntimeError(f"Something unexpected went wrong: {problem}."), "Finished frames are kept; see the log.", 1)


def _run(
    job: Job,
    source: FrameSource,
    tell: Callable[..., None],
    cancel: threading.Event,
    part: Part | Finish | None,
    painters: Painters | None,
    smaller: int,
) -> Run:
    match part:
        case None:
            return Run(job, source, tell, cancel, painters, smaller)
        case Finish(preroll=None):
            return FinishRun(job, source, tell, cancel)
        case Finish():
            return PrerollFinish(job, source, tell, cancel, part)
        case Part(preroll=None):
            return (FlowRun if part.flow_only else PartRun)(job, source, tell, cancel, part, painters)
        case _:
            return PrerollRun(job, source, tell, cancel, part, painters)


def _in_words(problem: OSError) -> tuple[str, str]:
    """What has become of a file, in a sentence, and what helps."""
    if isinstance(problem, FileNotFoundError) and isinstance(problem.filename, (str, Path)):
        gone = [folder for folder in Path(problem.filename).parents if not folder.is_dir()]
        if gone:
            return f"The folder {gone[-1]} is not there any more.", "Bring it back, or begin the job again: what is gone is painted anew."
    reason = str(problem)
    if is_full(problem):
        reason = "there is no space left on its disk"
    elif problem.strerror is not None:
        reason = problem.strerror.lower() + (f" ({problem.filename})" if problem.filename else "")
    return f"A file could not be read or written: {reason}.", _MENDED
