# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's commands. Exit status: 0 done, 1 failed, 2 wrong use, 130 cancelled.

Modules that need torch are imported inside the commands, so that bad input is refused at once.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__, flamenco, openjd
from .events import Bar, JsonLines, Listener, claimed_stdout
from .exr import write_gray
from .flow import ESTIMATORS, FlowError, estimator
from .flow_files import read_flo, write_flo
from .frames import FrameError, open_source, read_image
from .graph import CHUNK, Division
from .job import SCHEMA, Job, JobError, load_job, make_content, make_job
from .limits import brief
from .log import Discreet, Log
from .numbering import has_placeholder
from .part import Finish, Part, frame_range
from .plan import cost, plan
from .scratch import remove_abandoned
from .settings import DEFAULT_PRESET, PRESETS, SettingsError, make_settings, parse, specs

if TYPE_CHECKING:
    from .estimate import Estimate

__all__ = ["main", "make_parser"]


class _Wrong(Exception):
    """Wrong use; the message is one sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the command line and return its exit status."""
    options = make_parser().parse_args(arguments)
    handler = logging.StreamHandler()
    handler.setFormatter(Discreet("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING, handlers=[handler])
    try:
        return options.command(options)
    except (_Wrong, SettingsError, JobError) as problem:
        return _refuse(options, problem, getattr(problem, "hint", ""), getattr(problem, "code", "usage"), 2)
    except (FrameError, FlowError) as problem:
        return _refuse(options, problem, "", "frame", 1)
    except MemoryError:
        return _refuse(options, MemoryError("There is not enough memory for pictures of this size; scale them down."), "", "memory", 1)
    except KeyboardInterrupt:
        return 130


def _refuse(options: argparse.Namespace, problem: Exception, hint: str, code: str, status: int) -> int:
    if options.json:
        print(json.dumps({"event": "error", "job": "", "code": code, "message": brief(str(problem)), "hint": hint, "log": ""}))
    else:
        print(f"Error: {brief(str(problem))}{f' {hint}' if hint else ''}", file=sys.stderr)
    return status


# Painting


def _stylize(options: argparse.Namespace) -> int:
    values: dict[str, Any] = {}
    for item in options.set:
        name, equals, text = item.partition("=")
        if not equals:
            raise _Wrong(f"--set takes KEY=VALUE, not '{item}'.")
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


def _run(options: argparse.Namespace) -> int:
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
        raise _Wrong(f"--on takes ray or ray:ADDRESS, not '{options.on}'.")
    if options.only or options.finish or options.report or options.smaller:
        raise _Wrong("--on takes whole jobs, and neither --only, --finish, --report nor --smaller.")
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
            raise _Wrong("--pass and --flow-only go with --only.")
        if options.finish:
            return Finish() if options.preroll is None else Finish(options.preroll, options.chunk)
        if options.preroll is not None and options.on is None:
            raise _Wrong("--preroll goes with --only, --finish or --on; one run paints a shot without joints.")
        return None
    if options.finish or len(options.jobs) > 1:
        raise _Wrong("--only takes one job, and no --finish.")
    if options.smaller:
        raise _Wrong("--smaller goes with whole jobs.")
    if options.flow_only and options.preroll is not None:
        raise _Wrong("--preroll is for painting; leave it out with --flow-only.")
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


def _plan(options: argparse.Namespace) -> int:
    _check_division(options)
    if bool(options.form) != bool(options.output):
        raise _Wrong("--as and --output go together.")
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
        raise _Wrong("--chunk, --chain and --preroll take a number of frames, 1 at least.")
    if options.chain is not None and options.preroll is not None:
        raise _Wrong("--chain divides a shot into tasks that follow each other, --preroll into chunks that do not; choose one.")


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
            raise _Wrong(str(problem)) from None
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
        _print_facts({**facts, "estimate": told.text if told else f"none: {reason}"})
    return _warn(told) if told else 0


def _warn(told: Estimate) -> int:
    """Say what will not suffice, and return the exit status."""
    for sentence in told.warnings:
        print(f"Warning: {sentence}", file=sys.stderr)
    if told.problem:
        print(f"Error: {told.problem}", file=sys.stderr)
    return 1 if told.problem else 0


def _estimate(options: argparse.Namespace) -> int:
    job = load_job(Path(options.job))
    content = job.content
    if options.frame is None:
        source = job.open_content()
        job.check(source)
        numbers = source.numbers
    elif content.first is None or content.last is None:
        raise _Wrong("--frame stands for frames that are not there yet, so the job has to name the first and the last of them.")
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
    return _refuse(options, failure, "", "estimate", 2 if isinstance(failure, DeviceError) else 1)


def _matte(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.matte is None:
        if options.matte_invert:
            raise _Wrong("--matte-invert goes with --matte.")
        return None
    place = {"source": "alpha"} if options.matte == "alpha" else _place(options.matte)
    return {**place, "invert": options.matte_invert}


def _given_flow(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.vectors and (options.flow_forward or options.flow_backward):
        raise _Wrong("--vectors holds both directions; leave --flow-forward and --flow-backward out.")
    if bool(options.flow_forward) != bool(options.flow_backward):
        raise _Wrong("--flow-forward and --flow-backward go together: the two tell what can be trusted.")
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
        raise _Wrong(f"{option} takes A-B, such as 10-48, not '{text}'.") from None


def _count(text: str) -> int:
    """For argparse, which tells the name in its own sentence."""
    if not re.fullmatch(r"\d{1,4}", text):
        raise argparse.ArgumentTypeError(f"takes a number from 0 on, not '{text}'")
    return int(text)


# Tools


def _flow(options: argparse.Namespace) -> int:
    from .color import display_from_linear

    a, b = (display_from_linear(read_image(path)).rgb for path in (options.a, options.b))
    if a.shape != b.shape:
        raise _Wrong(f"The frames differ in size: {a.shape[1]}×{a.shape[0]} and {b.shape[1]}×{b.shape[0]}.")
    write_flo(options.output, estimator(options.estimator).estimate(a, b))
    return 0


def _reliability(options: argparse.Namespace) -> int:
    from .consistency import reliability_map

    flow, inverse = read_flo(options.flow), read_flo(options.inverse)
    if flow.shape != inverse.shape:
        raise _Wrong(f"The flows differ in size: {flow.shape[1]}×{flow.shape[0]} and {inverse.shape[1]}×{inverse.shape[0]}.")
    write_gray(Path(options.output), reliability_map(flow, inverse, binary=options.binary))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from .evaluate import EvaluationError, evaluate
    from .weights import WeightsError

    if options.flow and not (options.mask or options.content):
        raise _Wrong("The temporal error needs --content or --mask besides --flow, to leave out occluded pixels.")
    try:
        measures = evaluate(options.frames, flow=options.flow, mask=options.mask, content=options.content, style=options.style)
    except (EvaluationError, WeightsError) as problem:
        return _refuse(options, problem, "", "evaluate", 1)
    if options.json:
        print(json.dumps(measures.as_dict()))
    else:
        _print_facts({name: value for name, value in measures.as_dict().items() if not isinstance(value, list) and value is not None})
    return 0


def _info(options: argparse.Namespace) -> int:
    from . import weights
    from .devices import available
    from .versions import versions

    found = {}
    for network in weights.NETWORKS:
        try:
            one = weights.verify(network)
            found[network] = {"path": str(one.path), "sha256": one.sha256, "source": one.source, "published": one.published}
        except weights.WeightsError as problem:
            found[network] = {"problem": str(problem)}
    facts: dict[str, Any] = {"versions": versions(), "devices": available(), "weights": found}
    facts |= {"presets": list(PRESETS), "settings": list(specs())}
    if options.json:
        print(json.dumps(facts))
        return 0
    _print_facts(facts["versions"])
    for device in available():
        memory = f", {device['memory'] / 2**30:.1f} GiB" if device["memory"] else ""
        print(f"{'device':<16} {device['id']}: {device['name']}{memory}")
    for network, facts_of in found.items():
        print(f"{'weights':<16} {network}: {facts_of.get('path') or facts_of['problem']}")
    return 0


def _weights(options: argparse.Namespace) -> int:
    from . import weights

    if options.network not in weights.NETWORKS:
        raise _Wrong(f"There is no network '{options.network}'; choose {' or '.join(weights.NETWORKS)}.")
    if options.file and options.action != "fetch":
        raise _Wrong("--file goes with fetch.")
    say: Callable[[str], None] = (lambda text: None) if options.json else (lambda text: print(text, file=sys.stderr))
    try:
        if options.action == "verify":
            one = weights.verify(options.network)
        elif options.file:
            one = weights.fetch(options.network, Path(options.file), say=say)
        else:
            one = weights.ensure(options.network, say)
    except weights.WeightsError as problem:
        return _refuse(options, problem, "", "weights", 1)
    facts = {"network": options.network, "path": str(one.path), "sha256": one.sha256, "source": one.source, "published": one.published}
    if options.json:
        print(json.dumps(facts))
    else:
        _print_facts(facts)
    return 0


def _print_facts(facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):<16} {value}")


# The parser


def make_parser() -> argparse.ArgumentParser:
    """The engine's commands and their options, from which docs/command-line.md has its tables."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON, for programs")
    common.add_argument("--verbose", action="store_true", help="log everything to stderr")
    parser = argparse.ArgumentParser(prog="python -m core", description="Paint a shot in the style of a painting, without flicker.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, function: Callable[[argparse.Namespace], int], text: str, **more: Any) -> argparse.ArgumentParser:
        one = commands.add_parser(name, parents=[common], help=text, description=text, **more)
        one.set_defaults(command=function)
        return one

    stylize = command(
        "stylize", _stylize, "Paint frames in the style of a painting.",
        epilog=_settings_help(), formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    stylize.add_argument("content", metavar="CONTENT", help="a folder, a pattern (shot_####.png, shot_%%04d.png) or a movie")
    stylize.add_argument("--style", metavar="IMAGE[=WEIGHT]", action="append", required=True, help="a painting; several are blended")
    stylize.add_argument(
        "--style-outside", metavar="IMAGE[=WEIGHT]", action="append", default=[], help="a painting for outside of the matte"
    )
    stylize.add_argument("--matte", metavar="alpha|PATTERN", help="paint inside of it: the source's alpha, or pictures, white inside")
    stylize.add_argument("--matte-invert", action="store_true", help="exchange inside and outside")
    stylize.add_argument("--flow-forward", metavar="PATTERN", help="given flow from each frame t to t + 1, .flo or EXR")
    stylize.add_argument("--flow-backward", metavar="PATTERN", help="given flow from each frame t to t - 1, .flo or EXR")
    stylize.add_argument("--vectors", metavar="PATTERN", help="given flow as EXR files of Blender with the Vector pass")
    stylize.add_argument("--output", metavar="DIR", required=True, help="where DIR/<name>_####.exr are written")
    stylize.add_argument("--name", metavar="NAME", help="what the frames are called (default: as the content)")
    stylize.add_argument("--frames", metavar="A-B", help="first and last frame (default: all)")
    stylize.add_argument("--colorspace", metavar="NAME", help="color space of the content (default: as its files say)")
    stylize.add_argument("--preset", metavar="NAME", help=f"settings to begin with: {', '.join(PRESETS)} (default: {DEFAULT_PRESET})")
    stylize.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="a setting, laid over the preset")
    stylize.add_argument("--device", metavar="NAME", help="where to compute: auto, cpu, cuda[:N], mps or xpu")
    existing = stylize.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="keep the frames that are there and fit")
    existing.add_argument("--overwrite", action="store_true", help="paint all frames anew")
    stylize.add_argument(
        "--dry-run", action="store_true", help="check everything, write job.json, and show the plan and what the job will take"
    )

    run = command("run", _run, "Run job files; what is finished already is kept where the job says resume.")
    run.add_argument("jobs", metavar="JOB.json", nargs="+", help="job files, painted one after the other")
    run.add_argument(
        "--only", metavar="A-B", help="paint only these frames, made of those that are there; for machines that share the folder"
    )
    run.add_argument("--pass", metavar="N", dest="pass_number", type=int, help="the pass that --only means, where there are several")
    run.add_argument("--flow-only", action="store_true", help="with --only: only find the motion that these frames will ask for")
    run.add_argument("--report", metavar="openjd", choices=("openjd",), help="progress in lines that sessions of Open Job Description read")
    run.add_argument("--finish", action="store_true", help="see that all frames are there, and delete what was kept for other parts")
    run.add_argument(
        "--smaller", metavar="N", type=_count, default=0,
        help="begin N plans further down than memory seems to allow, after it has run out (default: 0)",
    )  # fmt: skip
    run.add_argument("--on", metavar="ray[:ADDRESS]", help="have a cluster of Ray paint the jobs (without ADDRESS: that of this machine)")
    _add_division(run, chunk="with --on, and with --finish --preroll: ", chain="with --on: ")
    run.add_argument(
        "--preroll", metavar="N", type=int,
        help="with --only: paint N frames before these first, to warm up, and throw them away; with --finish and --on as plan divided",
    )  # fmt: skip
    run.add_argument("--supervised", action="store_true", help="JSON events; the line 'cancel' or the end of the input cancels")

    divide = command("plan", _plan, "Say which tasks jobs consist of and what each waits for, so that many machines do them.")
    divide.add_argument("jobs", metavar="JOB.json", nargs="+", help="job files, in folders that all machines see")
    divide.add_argument(
        "--as", metavar="openjd|flamenco", dest="form", choices=("openjd", "flamenco"), help="as a job for a farm, written to --output"
    )
    divide.add_argument("--output", metavar="DIR", help="the folder to write it to")
    _add_division(divide)
    divide.add_argument(
        "--preroll", metavar="N", type=int,
        help="divide shots of a single pass into chunks that wait for nothing; each paints N frames more before its own and throws "
        "them away, and where two join the picture may jump (default: shots stay whole)",
    )  # fmt: skip
    divide.add_argument(
        "--flow-tasks", metavar="auto|yes|no", choices=("auto", "yes", "no"), default="auto",
        help="find motion in tasks of its own (default: where that takes long)",
    )  # fmt: skip

    probe = command("estimate", _estimate, "Say what a job file will take: time, disk and memory, from two evaluations on its first frame.")
    probe.add_argument("job", metavar="JOB.json", help="the job")
    probe.add_argument("--frame", metavar="PICTURE", help="stands for the job's frames, which are still to be rendered")
    probe.add_argument("--rendering-seconds", metavar="S", type=float, default=0.0, help="what rendering one of them takes (default: 0)")
    probe.add_argument("--rendering-bytes", metavar="N", type=int, default=0, help="size of one of them on the disk (default: 0)")

    flow = command("flow", _flow, "Estimate the optical flow from frame A to frame B.")
    flow.add_argument("a", metavar="A", help="a frame")
    flow.add_argument("b", metavar="B", help="another of the same size")
    flow.add_argument("--output", metavar="F.flo", required=True, help="the file to write")
    flow.add_argument("--estimator", metavar="NAME", default="dis", help=f"{', '.join(ESTIMATORS)} (default: dis)")

    reliable = command(
        "reliability", _reliability, "Write where a flow can be trusted: the paper's mask c as the reference program draws it."
    )
    reliable.add_argument("--flow", metavar="AB.flo", required=True, help="the flow in question, on the grid of frame A")
    reliable.add_argument("--inverse", metavar="BA.flo", required=True, help="the flow back, on the grid of frame B")
    reliable.add_argument("--output", metavar="M.png|M.pgm|M.exr", required=True, help="the picture to write: white is reliable")
    reliable.add_argument("--binary", action="store_true", help="without the soft edges")

    measure = command("evaluate", _evaluate, "Measure flicker, style and content of painted frames.")
    measure.add_argument("--frames", metavar="PATTERN", required=True, help="the painted frames")
    measure.add_argument("--flow", metavar="PATTERN", help="exact flow; number t points from frame t to t + 1")
    measure.add_argument("--mask", metavar="PATTERN", help="white where frame t is seen in t + 1 too")
    measure.add_argument("--content", metavar="PATTERN", help="the frames before painting")
    measure.add_argument("--style", metavar="IMAGE", help="the painting")

    command("info", _info, "Versions, devices with memory, and the weights that are here.")
    weights = command("weights", _weights, "Fetch the network's weights into the user's cache, or check them.")
    weights.add_argument("action", metavar="fetch|verify", choices=("fetch", "verify"), help="fetch what is missing, or check what is here")
    weights.add_argument("network", metavar="NAME", nargs="?", default="vgg16", help="vgg16 or vgg19 (default: vgg16)")
    weights.add_argument("--file", metavar="FILE", help="take them from this .safetensors or .onnx file")
    return parser


def _add_division(command: argparse.ArgumentParser, *, chunk: str = "", chain: str = "") -> None:
    command.add_argument(
        "--chunk", metavar="N", type=int, default=CHUNK,
        help=f"{chunk}frames of a task that could have any number of them (default: {CHUNK})",
    )  # fmt: skip
    command.add_argument(
        "--chain", metavar="N", type=int,
        help=f"{chain}divide a shot, whose frames follow one after the other, into tasks of N (default: one task)",
    )  # fmt: skip


def _settings_help() -> str:
    defaults = make_settings().as_dict()
    lines = [f"  {name}={_written(defaults[name])}\n      {one.description}" for name, one in specs().items()]
    return "settings and their defaults:\n" + "\n".join(lines)


def _written(value: Any) -> str:
    return (
        ",".join(str(item) for item in value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)
    )
