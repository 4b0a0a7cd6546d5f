# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that paint, and those that say beforehand what that takes and how it divides.

Modules that need torch are imported inside the commands, so that bad input is refused at once.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import flamenco, openjd
from .console import Wrong, print_facts, refuse
from .events import Bar, JsonLines, Listener, claimed_stdout
from .frames import open_source
from .graph import Division
from .job import SCHEMA, Job, JobError, load_job, make_content, make_job
from .limits import brief
from .log import Log
from .numbering import has_placeholder
from .part import Finish, Part, frame_range
from .plan import cost, plan
from .scratch import remove_abandoned
from .settings import make_settings, parse

if TYPE_CHECKING:
    from .estimate import Estimate

__all__ = ["estimate_job", "plan_tasks", "run", "stylize"]


def stylize(options: argparse.Namespace) -> int:
    """Paint frames in the style of a painting."""
    values: dict[str, Any] = {}
    for item in options.set:
        name, equals, text = item.partition("=")
        if not equals:
            raise Wrong(f"--set takes KEY=VALUE, not '{item}'.")
        values[name] = parse(name, text)
    if options.device:
        values["device"] = options.device
    settings = make_settings(values, options.preset)
    first, last = _range(options.frames, "--frames") if options.frames is not None else (None, None)
    content = make_content({**_place(options.content), "first": first, "last": last, "colorspace": options.colorspace})
    output = Path(options.output)
    existing = "resume" if options.resume else "overwrite" if options.overwrite else "error"
    with content.open() as source:
        name = options.name or source.name
    job = make_job(
        {
            "schema": SCHEMA,
            "content": content.model_dump(),
            "styles": [*map(_style, options.style), *({**_style(text), "region": "outside"} for text in options.style_outside)],
            "matte": _matte(options),
            "flow": _given_flow(options),
            "output": {"folder": str(output), "name": name, "existing": existing},
            "settings": settings.as_dict(),
        }
    )
    if options.resume and (recorded := output / "job.json").is_file():
        job = job.model_copy(update={"plan": load_job(recorded).plan})
    if options.dry_run:
        return _plan_only(job, as_json=options.json)
    with _listener(as_json=options.json) as listener:
        return _run_jobs([job], listener)


def run(options: argparse.Namespace) -> int:
    """Run job files, or a part of one."""
    _check_division(options)
    as_json, part = options.supervised or options.json, _part(options)
    if options.on is not None:
        return _run_on(options)
    with _listener(as_json=as_json, report=options.report) as listener:
        jobs = map(load_job, map(Path, options.jobs))  # goes on after one that raises
        return _run_jobs(jobs, Log(listener) if as_json else listener, supervised=options.supervised, part=part, smaller=options.smaller)


def _run_on(options: argparse.Namespace) -> int:
    engine, _, address = options.on.partition(":")
    if engine != "ray":
        raise Wrong(f"--on takes ray or ray:ADDRESS, not '{options.on}'.")
    if options.only or options.finish or options.report or options.smaller:
        raise Wrong("--on takes whole jobs, and neither --only, --finish, --report nor --smaller.")
    from .ray_runner import run_on_ray

    as_json = options.supervised or options.json
    with _listener(as_json=as_json) as listener:
        cancel = _cancelled_by_signals(supervised=options.supervised)
        places, division = list(map(Path, options.jobs)), Division(options.chunk, options.chain, preroll=options.preroll)
        good = [place for place in places if _is_planned(place, division, listener)] if len(places) > 1 else places
        if not good:
            return 2
        tasks = plan(good, division)
        told = Log(listener) if as_json else listener
        ended = run_on_ray(good, tasks, address or "auto", told, cancel, lets_through=as_json or options.verbose)
        return 2 if ended == 0 and good != places else ended


def _is_planned(place: Path, division: Division, listener: Listener) -> bool:
    """Whether a job is not refused; the others need not wait for it."""
    try:
        plan([place], division)
    except JobError as problem:
        listener(_error(problem, "", ""))
        return False
    return True


def _part(options: argparse.Namespace) -> Part | Finish | None:
    if options.only is None:
        if options.pass_number is not None or options.flow_only:
            raise Wrong("--pass and --flow-only go with --only.")
        if options.finish:
            return Finish() if options.preroll is None else Finish(options.preroll, options.chunk)
        if options.preroll is not None and options.on is None:
            raise Wrong("--preroll goes with --only, --finish or --on; one run paints a shot without joints.")
        return None
    if options.finish or len(options.jobs) > 1:
        raise Wrong("--only takes one job, and no --finish.")
    if options.smaller:
        raise Wrong("--smaller goes with whole jobs.")
    if options.flow_only and options.preroll is not None:
        raise Wrong("--preroll is for painting; leave it out with --flow-only.")
    return Part(*_range(options.only, "--only"), options.pass_number, options.flow_only, options.preroll)


@contextmanager
def _listener(*, as_json: bool, report: str | None = None) -> Iterator[Listener]:
    if as_json or report:
        with claimed_stdout() as stream:
            yield JsonLines(stream) if as_json else openjd.Report(stream)
    else:
        yield Bar()


def _cancelled_by_signals(*, supervised: bool) -> threading.Event:
    """Set by the signals that end programs, and with `supervised` by what comes from a parent."""
    cancel = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: cancel.set())
    if supervised:
        threading.Thread(target=_watch_stdin, args=(cancel,), name="stdin", daemon=True).start()
    return cancel


def _run_jobs(
    jobs: Iterable[Job], listener: Listener, *, supervised: bool = False, part: Part | Finish | None = None, smaller: int = 0
) -> int:
    cancel = _cancelled_by_signals(supervised=supervised)
    remove_abandoned()
    worst = 0
    iterator = iter(jobs)
    while not cancel.is_set():
        try:
            job = next(iterator, None)
        except JobError as problem:
            listener(_error(problem, "", ""))
            worst = max(worst, 2)
            continue
        if job is None:
            break
        log = str(job.folder / "run.log") if supervised else ""
        with ExitStack() as stack:
            try:
                source = stack.enter_context(job.open_content())
                job.check(source, existing=None if part is None else "resume")
                if part is not None:
                    part.check(job, source)
                stack.enter_context(closing(job.claim(shared=isinstance(part, Part))))
            except JobError as problem:
                listener(_error(problem, job.identifier, log))
                worst = max(worst, 2)
                continue
            if isinstance(listener, Log):
                listener.begin(job)
            from .worker import run_job

            worst = max(worst, run_job(job, source, listener, cancel, log=log, part=part, smaller=smaller))
    return 130 if cancel.is_set() and worst != 1 else worst


def plan_tasks(options: argparse.Namespace) -> int:
    """Say which tasks jobs consist of, or write them for a farm."""
    _check_division(options)
    if bool(options.form) != bool(options.output):
        raise Wrong("--as and --output go together.")
    say: Callable[[str], None] = (lambda text: None) if options.json else (lambda text: print(f"{text} …", file=sys.stderr))
    flow_apart = {"auto": None, "yes": True, "no": False}[options.flow_tasks]
    made = plan([Path(job) for job in options.jobs], Division(options.chunk, options.chain, flow_apart, options.preroll), say)
    said = cost(made)
    facts = {"cost": said} if said else {}
    if said and not options.json:
        print(said, file=sys.stderr)
    if options.form:
        write = {"openjd": openjd.write_bundle, "flamenco": flamenco.write_submission}[options.form]
        files = write(made, Path(options.output).absolute(), Path(sys.executable), Path(__file__).parent)
        print(json.dumps({"files": [str(path) for path in files], **facts}) if options.json else "\n".join(map(str, files)))
        return 0
    if options.json:
        print(json.dumps({"tasks": [task.as_dict() for task in made], **facts}))
        return 0
    for task in made:
        print(f"{task.id:<28} {task.weight:10.1f}  {', '.join(task.needs) or '-'}\n    {task}")
    print(f"{len(made)} tasks, {sum(task.weight for task in made):.0f} megapixel iterations", file=sys.stderr)
    return 0


def _check_division(options: argparse.Namespace) -> None:
    if any(number is not None and number < 1 for number in (options.chunk, options.chain, options.preroll)):
        raise Wrong("--chunk, --chain and --preroll take a number of frames, 1 at least.")
    if options.chain is not None and options.preroll is not None:
        raise Wrong("--chain divides a shot into tasks that follow each other, --preroll into chunks that do not; choose one.")


def _error(problem: JobError, job: str, log: str) -> dict[str, Any]:
    return {"event": "error", "job": job, "code": problem.code, "message": brief(str(problem)), "hint": problem.hint, "log": log}


def _watch_stdin(cancel: threading.Event) -> None:
    """Cancel on the line ``cancel`` and at the end of the input, which is how a parent's death shows."""
    for line in sys.stdin:
        if line.strip() == "cancel":
            break
    cancel.set()


def _plan_only(job: Job, *, as_json: bool) -> int:
    with job.open_content() as source:
        job.check(source)
        from . import weights
        from .devices import DeviceError
        from .estimate import Unmeasured, estimate
        from .memory import planned
        from .passes import schedule
        from .pictures import working_size
        from .run import record_job

        settings = job.resolved_settings()
        try:
            plan = planned(settings, working_size(source.size, settings.resolution), job.plan)
        except DeviceError as problem:
            raise Wrong(str(problem)) from None
        told, reason = None, ""
        try:
            # Fetching nothing: a dry run leaves the machine as it is.
            told = estimate(job, source, weights.verify(settings.network))
        except (Unmeasured, weights.WeightsError) as problem:
            reason = str(problem)
        record_job(job, plan)
        facts = {
            "job": str(job.folder / "job.json"),
            "frames": len(source.numbers),
            "size": list(source.size),
            "working_size": list(working_size(source.size, settings.resolution)),
            "iterations": sum(step.iterations for step in schedule(len(source.numbers), lambda _: False, job.settings_at, settings.passes)),
            "plan": plan.as_dict(),
        }
    if as_json:
        print(json.dumps({**facts, "estimate": told and told.as_dict()}))
    else:
        print_facts({**facts, "estimate": told.text if told else f"none: {reason}"})
    return _warn(told) if told else 0


def _warn(told: Estimate) -> int:
    """Say what will not suffice, and return the exit status."""
    for sentence in told.warnings:
        print(f"Warning: {sentence}", file=sys.stderr)
    if told.problem:
        print(f"Error: {told.problem}", file=sys.stderr)
    return 1 if told.problem else 0


def estimate_job(options: argparse.Namespace) -> int:
    """Say what a job file will take."""
    job = load_job(Path(options.job))
    content = job.content
    if options.frame is None:
        source = job.open_content()
        job.check(source)
        numbers = source.numbers
    elif content.first is None or content.last is None:
        raise Wrong("--frame stands for frames that are not there yet, so the job has to name the first and the last of them.")
    else:
        source = open_source(options.frame, colorspace=content.colorspace)
        numbers = tuple(range(content.first, content.last + 1))
    from . import weights
    from .devices import DeviceError
    from .estimate import Rendering, Unmeasured, estimate

    with source, claimed_stdout() as stream:
        try:
            found = weights.ensure(job.resolved_settings().network)
            told = estimate(job, source, found, numbers, Rendering(options.rendering_seconds, options.rendering_bytes))
        except (Unmeasured, DeviceError, weights.WeightsError) as problem:
            failure = problem
        else:
            if options.json:
                JsonLines(stream)({"event": "estimate", "job": job.identifier, **told.as_dict()})
                return 1 if told.problem else 0
            print(told.text, file=stream)
            return _warn(told)
    return refuse(options, failure, "", "estimate", 2 if isinstance(failure, DeviceError) else 1)


def _matte(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.matte is None:
        if options.matte_invert:
            raise Wrong("--matte-invert goes with --matte.")
        return None
    place = {"source": "alpha"} if options.matte == "alpha" else _place(options.matte)
    return {**place, "invert": options.matte_invert}


def _given_flow(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.vectors and (options.flow_forward or options.flow_backward):
        raise Wrong("--vectors holds both directions; leave --flow-forward and --flow-backward out.")
    if bool(options.flow_forward) != bool(options.flow_backward):
        raise Wrong("--flow-forward and --flow-backward go together: the two tell what can be trusted.")
    if options.vectors:
        return {"vectors": options.vectors}
    return {"forward": options.flow_forward, "backward": options.flow_backward} if options.flow_forward else None


def _place(text: str) -> dict[str, Any]:
    """A sequence by its pattern, anything else by its path: a name with a # may be that of a file."""
    with suppress(OSError, ValueError):  # of names that no file can have
        if Path(text).exists():
            return {"path": text}
    return {"pattern" if has_placeholder(Path(text).name) else "path": text}


def _style(text: str) -> dict[str, Any]:
    """A style and its weight from ``IMAGE`` or ``IMAGE=WEIGHT``."""
    path, equals, weight = text.rpartition("=")
    if equals:
        try:
            return {"path": path, "weight": float(weight)}
        except ValueError:
            pass
    return {"path": text, "weight": 1.0}


def _range(text: str, option: str) -> tuple[int, int]:
    try:
        return frame_range(text)
    except ValueError:
        raise Wrong(f"{option} takes A-B, such as 10-48, not '{text}'.") from None
