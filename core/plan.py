# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From job files to the tasks of all of them. Reads frames only where cuts have to be found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from .frames import FrameSource
from .graph import Division, Task, longest_way, tasks, unique
from .job import Job, JobError, load_job
from .part import refuse_passes

__all__ = ["cost", "plan"]


def plan(places: Sequence[Path], division: Division | None = None, say: Callable[[str], None] = lambda text: None) -> list[Task]:
    """The tasks of jobs, each after those that it waits for; raises JobError or FrameError.

    Jobs whose tasks take longest one after the other come first. Farms hand out tasks in the order in which they get them, and a long
    shot that is begun last keeps one machine busy when all others have nothing to do any more.

    Cuts that the engine shall find (`cuts=auto`) decide what can be painted at the same time. They are found here, once: the graph of
    most farms cannot change any more when it has been handed in. What was read for that is left in the job's folder for its tasks.

    Args:
        places: of the job files.
        say: told which job's frames are read.
    """
    jobs = [load_job(place) for place in places]
    folders: dict[Path, Path] = {}
    graphs: list[list[Task]] = []
    for place, job, name in zip(places, jobs, unique(job.output.name for job in jobs), strict=True):
        if (other := folders.setdefault(job.folder.resolve(), place)) != place:
            raise JobError(f"{other} and {place} paint into one folder.", "Give each job its own.", "output")
        if division is not None and division.preroll is not None:
            refuse_passes(job)
        with job.open_content() as source:
            job.check(source)
            is_cut = _cuts(job, source, say)
            numbers = job.delivered_numbers(source)
            graphs.append(tasks(job, place.absolute(), numbers, _pixels(job, source), is_cut, name, division))
    graphs.sort(key=longest_way, reverse=True)
    return [task for graph in graphs for task in graph]


def cost(tasks: Sequence[Task]) -> str:
    """What a preroll costs, in a sentence; empty where it divides nothing."""
    warming = [task.warming for task in tasks if task.warming]
    if not warming:
        return ""
    frames = sum(task.last - task.first + 1 for task in tasks if task.kind == "finish")
    thrown, places = sum(warming), "one place" if len(warming) == 1 else f"{len(warming)} places"
    return (
        f"The picture may jump at {places}, where a chunk is joined to one that was painted apart from it, and {thrown} frames are "
        f"painted to be thrown away ({100 * thrown / frames:.0f} % more than the {frames} that stay)."
    )


def _pixels(job: Job, source: FrameSource) -> int:
    return round(math.prod(source.size) * job.resolved_settings().resolution ** 2)


def _cuts(job: Job, source: FrameSource, say: Callable[[str], None]) -> Callable[[int], bool]:
    chosen = job.resolved_settings().cuts
    if isinstance(chosen, tuple):
        numbers = job.delivered_numbers(source)
        return lambda index: numbers[index] in chosen
    if chosen == "none" or len(source.numbers) == 1:
        return lambda index: False
    # Pictures need torch.
    from .content import Contents
    from .pictures import working_size
    from .survey import Survey

    say(f"Looking for cuts in the {len(source.numbers)} frames of {job.identifier}")
    size = working_size(source.size, job.resolved_settings().resolution)
    with ThreadPoolExecutor(1, "ahead") as ahead, closing(Contents(job, source, size, ahead, lambda code, text: None)) as contents:
        survey = Survey(job, contents, size)
        survey.complete(range(len(contents)))
    return survey.is_cut
