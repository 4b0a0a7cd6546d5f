# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -b FILE --command brushflow`: paint strips without a window."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import bpy

from ..core.settings import PRESETS, SettingsError, make_settings, parse
from . import Refused, collect, compat, farm, queue, wording, worker
from .estimate import Estimate, measure
from .order import Existing, Order, job_in, take
from .presets import apply_preset, find
from .properties import apply, claim_job_id, strips_of
from .source import obstacle

__all__ = ["execute", "make_parser", "register", "unregister"]

WRONG_USE, INCOMPLETE = 2, 3


class _WrongUse(Exception):
    """Arguments that make no sense; the message is one sentence."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _WrongUse(f"{message[:1].upper()}{message[1:]}; {self.prog} --help lists what there is.")


def make_parser() -> argparse.ArgumentParser:
    """The command's options, from which docs/command-line.md has its table."""
    parser = _Parser(
        prog="blender -b FILE --command brushflow",
        description="Paint strips in the style of a picture and lay the results above them. Without --strip and --all: the active strip.",
    )
    add = parser.add_argument
    add("--scene", metavar="S", help="the scene whose strips are meant (default: the one in the sequencer)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--strip", metavar="NAME", action="append", default=[], help="a strip to paint")
    which.add_argument("--all", action="store_true", help="every strip with a painting; with --style, every strip that can be painted")
    add("--style", metavar="IMAGE[=WEIGHT]", action="append", default=[], help="a painting, instead of those of the strip")
    add("--style-outside", metavar="IMAGE[=WEIGHT]", action="append", default=[], help="a painting for outside of the matte")
    add("--matte", metavar="NAME", help="paint only where the strip of this name is bright, or with 'alpha' where the strip is opaque")
    add("--matte-invert", action="store_true", help="exchange inside and outside of the matte")
    add("--flow-forward", metavar="PATTERN", help="flow from each frame to the next, .flo or EXR, numbered like the painted frames")
    add("--flow-backward", metavar="PATTERN", help="flow from each frame to the one before")
    add("--vectors", metavar="PATTERN", help="EXR files with the Vector pass, instead of both")
    add("--preset", metavar="P", help=f"{', '.join(PRESETS)}, or one of your own, by name or file; instead of the strip's own values")
    add("--set", metavar="K=V", action="append", default=[], help="a setting, instead of the strip's own")
    add(
        "--frames", metavar="A-B",
        help="timeline frames to paint (default: the strip's own choice); with the same settings they go on from those before A",
    )  # fmt: skip
    add("--output", metavar="DIR", help="folder for the painted frames (default: the strip's own choice)")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="go on in the strip's latest version, even with other settings")
    existing.add_argument("--overwrite", action="store_true", help="paint the strip's latest version again")
    far = parser.add_mutually_exclusive_group()
    far.add_argument(
        "--submit", metavar="ray|openjd|flamenco", choices=[name.lower() for name in farm.ENGINES],
        help="hand the strips to a farm: Ray paints them now, for the others their jobs are written or sent",
    )  # fmt: skip
    far.add_argument("--collect", action="store_true", help="bring in what a farm has painted; exit status 3 while frames are missing")
    add("--farm-address", metavar="A", help="address of the Ray cluster, or of Flamenco's Manager (default: that of the preferences)")
    add("--farm-folder", metavar="DIR", help="folder in which each strip's job for the farm gets a folder (default: //farm/)")
    save = parser.add_mutually_exclusive_group()
    save.add_argument("--save", action="store_true", help="save the project with the painted strips")
    save.add_argument("--save-as", metavar="FILE", help="save it under another name")
    add("--dry-run", action="store_true", help="say what would be painted and what that takes, and stop")
    add("--json", action="store_true", help="print progress, or what would be painted, as JSON lines")
    return parser


def execute(arguments: Sequence[str]) -> int:
    """Run the command; the exit code is the engine's: 0, 1 failed, 2 wrong use, 130 canceled; 3 where a farm has not painted all yet."""
    try:
        given = make_parser().parse_args(arguments)
        return _run(given)
    except _WrongUse as wrong:
        return _fail(str(wrong), WRONG_USE)
    except SettingsError as wrong:
        return _fail(str(wrong), WRONG_USE)
    except Refused as refused:
        return _fail(str(refused), worker.FAILED)
    except SystemExit as wanted:  # --help
        return int(wanted.code or 0)


def _fail(sentence: str, code: int) -> int:
    print(f"brushflow: {sentence}", file=sys.stderr, flush=True)
    return code


def _run(given: argparse.Namespace) -> int:
    scene = _scene(given.scene)
    if given.collect:
        return _collect(scene, given)
    frames = _frames(given.frames) if given.frames else None
    existing: Existing | None = "OVERWRITE" if given.overwrite else "REPLACE" if given.resume else None
    if given.submit and existing:
        raise _WrongUse("--submit paints a new version where settings differ, so it takes neither --resume nor --overwrite.")
    if not given.submit and (given.farm_address is not None or given.farm_folder is not None):
        raise _WrongUse("--farm-address and --farm-folder go with --submit.")
    jobs: list[worker.Job] = []
    for strip in _strips(scene, given):
        _adjust(strip, given)
        if given.submit:
            jobs.append(farm.new_job(scene, strip, _farm(given), _order, frames=frames))
        else:
            jobs.append(worker.Job(_order(scene, strip, frames=frames, existing=existing)))
    codes = []
    for job in jobs:
        codes.append(_show(job.order, as_json=given.json) if given.dry_run else _paint(job, as_json=given.json))
        if codes[-1] == worker.CANCELLED:
            break
    if 0 in codes and not given.dry_run:
        _save(given)
    return next((code for code in codes if code), 0)


def _farm(given: argparse.Namespace) -> farm.Farm:
    folder = None if given.farm_folder is None else _absolute(given.farm_folder)
    return farm.chosen(given.submit.upper(), given.farm_address, folder)


def _collect(scene: bpy.types.Scene, given: argparse.Namespace) -> int:
    """Bring in what farms have painted, and return the exit code."""
    strips = [strip for strip in strips_of(scene) if not obstacle(strip)] if given.all else _strips(scene, given)
    codes = []
    for strip in strips:
        orders = collect.due(strip, claim_job_id(scene, strip))
        if not orders and not given.all:
            raise Refused(f"The strip '{strip.name}' was not handed to a farm that paints into its folder.")
        codes += [_bring_in(order, as_json=given.json) for order in orders]
    if not codes:
        raise Refused(f"No strip in the scene '{scene.name}' was handed to a farm that paints into its folder.")
    _save(given)
    return next((code for code in (worker.FAILED, INCOMPLETE) if code in codes), 0)


def _bring_in(order: Order, *, as_json: bool) -> int:
    collector = collect.Collector(order)
    collector.look()
    collector.bring_in()
    if as_json:
        line = {
            "strip": order.source.strip, "version": order.version, "there": collector.there, "total": collector.total,
            "damaged": sorted(collector.damaged), "done": collector.is_done, "folder": str(order.folder), "message": collector.problem,
        }  # fmt: skip
        print(json.dumps(line), flush=True)
    else:
        print(f"{order.source.strip}: {collector.headline()}", flush=True)
    if collector.problem:
        return _fail(collector.problem, worker.FAILED)
    return 0 if collector.is_done else INCOMPLETE


def _order(
    scene: bpy.types.Scene, strip: bpy.types.Strip, *, frames: tuple[int, int] | None = None, existing: Existing | None = None
) -> Order:
    """The order for a strip; a part of it goes on with the chain of frames before it, which is read again and kept."""
    order = take(scene, strip, frames=frames, existing=existing)
    if frames is None or (first := _chain_start(order)) is None:
        return order
    return take(scene, strip, frames=(first + order.source.shift, frames[1]), existing=existing)


def _chain_start(order: Order) -> int | None:
    """First content frame of the last job in the order's folder, where that can be gone on with: same settings, no frame missing."""
    # A plan is taken over only from a job that paints the same picture. In several passes the frames before would change, too.
    if not order.plan or order.overwrite or order.settings["passes"] > 1:
        return None
    content = (job_in(order.folder) or {})["content"]
    first = content["first"] + content.get("offset", 0)
    before = range(first, order.source.first)
    return first if before and all(order.frame_file(frame).is_file() for frame in before) else None


def _plan(order: Order) -> dict[str, Any]:
    """What an order comes to."""
    source = order.source
    frames = range(source.first, source.last + 1)
    return {
        "scene": source.scene,
        "strip": source.strip,
        "frames": {
            "timeline": [source.timeline_frames[0], source.timeline_frames[-1]],
            "content": [source.first, source.last],
            "total": len(frames),
            "there": sum(order.frame_file(frame).is_file() for frame in frames),
        },
        "rendered_first": [task.kind for task in order.tasks],
        "version": order.version,
        "folder": str(order.folder),
        "result": order.title,
        "job": order.description(),
    }


def _show(order: Order, *, as_json: bool) -> int:
    """Say what an order comes to and what it will take, and return the exit code."""
    told = measure(order)
    if told.state == "cancelled":
        return worker.CANCELLED
    plan = {**_plan(order), "estimate": told.result}
    print(json.dumps(plan) if as_json else "\n".join([*_plan_lines(order, plan), *_estimate_lines(told)]), flush=True)
    problem = told.result["problem"] if told.result else ""
    return _fail(problem, worker.FAILED) if problem else 0


def _estimate_lines(told: Estimate) -> list[str]:
    if told.result is None:
        return [f"  estimate: none. {told.message}"]
    return [f"  estimate: {told.result['text']}", *(f"  warning: {sentence}" for sentence in told.result["warnings"])]


def _plan_lines(order: Order, plan: Mapping[str, Any]) -> list[str]:
    """The plan for people."""
    frames = plan["frames"]
    first, last = (order.frame_file(frame).name for frame in frames["content"])
    defaults = make_settings().as_dict()
    changed = [f"{name}={_words(value)}" for name, value in order.settings.items() if value != defaults[name]]
    lines = [
        f"{plan['strip']}: {frames['total']} frames, {frames['timeline'][0]}-{frames['timeline'][1]} of the timeline, as {first} to {last}",
        f"  folder: {plan['folder']}",
        f"  styles: {', '.join(Path(style['path']).name for style in order.styles)}",
        f"  settings: {', '.join(changed) or 'the defaults'}",
    ]
    if order.per_frame:
        lines.append(f"  keyframed: {', '.join(order.per_frame)}")
    if frames["there"]:
        lines.append(f"  there already: {frames['there']}, {'painted again' if order.overwrite else 'kept where they still fit'}")
    if plan["rendered_first"]:
        lines.append(f"  rendered by Blender first: {', '.join(plan['rendered_first'])}")
    lines.append(f"  result: the strip '{plan['result']}'")
    return lines


def _words(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _scene(name: str | None) -> bpy.types.Scene:
    if name is None:
        return compat.edit_scene(bpy.context)
    if name not in bpy.data.scenes:
        raise _WrongUse(f"There is no scene '{name}'; there is {_listed(bpy.data.scenes.keys())}.")
    return bpy.data.scenes[name]


def _strips(scene: bpy.types.Scene, given: argparse.Namespace) -> list[bpy.types.Strip]:
    strips = {strip.name: strip for strip in strips_of(scene)}
    if given.strip:
        for name in given.strip:
            if name not in strips:
                raise _WrongUse(f"There is no strip '{name}' in the scene '{scene.name}'; there is {_listed(list(strips))}.")
        return [strips[name] for name in given.strip]
    paintable = [strip for strip in strips.values() if not obstacle(strip)]
    if given.all:
        chosen = [strip for strip in paintable if (given.style and strip.parent_meta() is None) or strip.brushflow.styles]
        if not chosen:
            raise _WrongUse(f"No strip in the scene '{scene.name}' has a painting; name one with --style.")
        return chosen
    active = scene.sequence_editor.active_strip if scene.sequence_editor else None
    if active is None and len(paintable) == 1:
        return paintable
    if active is None:
        raise _WrongUse(f"No strip is active in the scene '{scene.name}'; name one with --strip, or use --all.")
    return [active]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"


def _adjust(strip: bpy.types.Strip, given: argparse.Namespace) -> None:
    """Lay what the command line says over the strip's settings."""
    values = {}
    for one in given.set:
        name, equals, text = one.partition("=")
        if not equals:
            raise _WrongUse(f"--set takes KEY=VALUE, not '{one}'.")
        values[name.strip()] = parse(name.strip(), text)
    if given.preset:
        apply_preset(strip, find(given.preset))
    apply(strip, values)
    if given.output:
        strip.brushflow.output = _absolute(given.output)
    _adjust_matte(strip, given)
    _adjust_flow(strip, given)
    for region, chosen in (("INSIDE", given.style), ("OUTSIDE", given.style_outside)):
        _replace_styles(strip, region, chosen)


def _adjust_matte(strip: bpy.types.Strip, given: argparse.Namespace) -> None:
    group = strip.brushflow
    if given.matte == "alpha":
        group.matte = "ALPHA"
    elif given.matte:
        group.matte, group.matte_strip = "STRIP", given.matte
    if given.matte_invert:
        group.matte_invert = True
    if group.matte == "NONE" and (given.matte_invert or given.style_outside):
        raise _WrongUse(f"The strip '{strip.name}' has no matte, which --matte-invert and --style-outside need; name one with --matte.")


def _adjust_flow(strip: bpy.types.Strip, given: argparse.Namespace) -> None:
    group = strip.brushflow
    if given.vectors and (given.flow_forward or given.flow_backward):
        raise _WrongUse("Either --vectors or --flow-forward and --flow-backward, not all of them.")
    if bool(given.flow_forward) != bool(given.flow_backward):
        raise _WrongUse("--flow-forward and --flow-backward go together.")
    if given.vectors:
        group.flow, group.flow_vectors = "vectors", _absolute(given.vectors)
    if given.flow_forward:
        group.flow, group.flow_forward, group.flow_backward = "files", _absolute(given.flow_forward), _absolute(given.flow_backward)


def _replace_styles(strip: bpy.types.Strip, region: str, chosen: Sequence[str]) -> None:
    group = strip.brushflow
    styles, everywhere = group.styles, group.matte == "NONE"
    if chosen:
        for index in reversed(range(len(styles))):
            if everywhere or styles[index].region == region:
                styles.remove(index)
    for one in chosen:
        path, weight = _style(one)
        style = styles.add()
        style.path, style.weight, style.region = str(Path(path).absolute()), weight, region


def _absolute(path: str) -> str:
    """A path of the command line as a project takes it."""
    return path if path.startswith("//") else str(Path(path).absolute())


def _style(text: str) -> tuple[str, float]:
    path, equals, weight = text.rpartition("=")
    if not equals or Path(text).is_file():
        return text, 1.0
    try:
        return path, float(weight)
    except ValueError:
        return text, 1.0


def _frames(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        frames = int(first), int(last or first)
    except ValueError:
        raise _WrongUse(f"--frames takes a range such as 50-73, not '{text}'.") from None
    if frames[0] > frames[1]:
        raise _WrongUse(f"--frames takes the lower number first, so {frames[1]}-{frames[0]}.")
    return frames


def _paint(job: worker.Job, *, as_json: bool) -> int:
    job.listener = _print_json if as_json else _line_printer()
    queue.run(job)
    assert job.exit_code is not None
    if job.state == "failed":
        _fail(f"{job.progress.message} {job.progress.hint}".strip(), job.exit_code)
    elif job.state == "done" and not as_json and (advice := job.advice()):
        print(advice, flush=True)
    return job.exit_code


def _print_json(job: worker.Job) -> None:
    progress = job.progress
    line = {
        "strip": job.order.source.strip, "state": job.state, "index": progress.index, "total": progress.total, "loss": progress.loss,
        "seconds": progress.seconds, "eta": progress.eta, "folder": str(job.order.folder), "message": progress.message,
    }  # fmt: skip
    print(json.dumps(line), flush=True)


def _line_printer() -> Callable[[worker.Job], None]:
    """A listener that prints one line a frame; on a terminal a single line that moves."""
    terminal = sys.stdout.isatty()
    shown = ""

    def show(job: worker.Job) -> None:
        nonlocal shown
        line = f"{job.order.source.strip}: {wording.headline(job)}"
        if line != shown:
            shown = line
            print(f"\r\x1b[K{line}" if terminal else line, end="" if terminal and not job.ended else "\n", flush=True)

    return show


def _save(given: argparse.Namespace) -> None:
    if given.save:
        bpy.ops.wm.save_mainfile()
    elif given.save_as:
        target = Path(given.save_as).absolute()
        target.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(target))


_command: object = None


def register() -> None:
    global _command
    _command = bpy.utils.register_cli_command("brushflow", execute)


def unregister() -> None:
    bpy.utils.unregister_cli_command(_command)
