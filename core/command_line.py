# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's commands. Exit status: 0 done, 1 failed, 2 wrong use, 130 cancelled.

Modules that need torch are imported inside the commands, so that bad input is refused at once.
"""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from . import __version__, paint_commands, tool_commands
from .console import Wrong, refuse
from .flow import ESTIMATORS, FlowError
from .frames import FrameError
from .graph import CHUNK
from .job import JobError
from .log import Discreet
from .settings import DEFAULT_PRESET, PRESETS, SettingsError, make_settings, specs

__all__ = ["main", "make_parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the command line and return its exit status."""
    options = make_parser().parse_args(arguments)
    handler = logging.StreamHandler()
    handler.setFormatter(Discreet("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING, handlers=[handler])
    try:
        return options.command(options)
    except (Wrong, SettingsError, JobError) as problem:
        return refuse(options, problem, getattr(problem, "hint", ""), getattr(problem, "code", "usage"), 2)
    except (FrameError, FlowError) as problem:
        return refuse(options, problem, "", "frame", 1)
    except MemoryError:
        return refuse(options, MemoryError("There is not enough memory for pictures of this size; scale them down."), "", "memory", 1)
    except KeyboardInterrupt:
        return 130


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
        "stylize", paint_commands.stylize, "Paint frames in the style of a painting.",
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

    run = command("run", paint_commands.run, "Run job files; what is finished already is kept where the job says resume.")
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

    divide = command(
        "plan", paint_commands.plan_tasks, "Say which tasks jobs consist of and what each waits for, so that many machines do them."
    )
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

    probe = command(
        "estimate",
        paint_commands.estimate_job,
        "Say what a job file will take: time, disk and memory, from two evaluations on its first frame.",
    )
    probe.add_argument("job", metavar="JOB.json", help="the job")
    probe.add_argument("--frame", metavar="PICTURE", help="stands for the job's frames, which are still to be rendered")
    probe.add_argument("--rendering-seconds", metavar="S", type=float, default=0.0, help="what rendering one of them takes (default: 0)")
    probe.add_argument("--rendering-bytes", metavar="N", type=int, default=0, help="size of one of them on the disk (default: 0)")

    flow = command("flow", tool_commands.flow, "Estimate the optical flow from frame A to frame B.")
    flow.add_argument("a", metavar="A", help="a frame")
    flow.add_argument("b", metavar="B", help="another of the same size")
    flow.add_argument("--output", metavar="F.flo", required=True, help="the file to write")
    flow.add_argument("--estimator", metavar="NAME", default="dis", help=f"{', '.join(ESTIMATORS)} (default: dis)")

    reliable = command(
        "reliability", tool_commands.reliability, "Write where a flow can be trusted: the paper's mask c as the reference program draws it."
    )
    reliable.add_argument("--flow", metavar="AB.flo", required=True, help="the flow in question, on the grid of frame A")
    reliable.add_argument("--inverse", metavar="BA.flo", required=True, help="the flow back, on the grid of frame B")
    reliable.add_argument("--output", metavar="M.png|M.pgm|M.exr", required=True, help="the picture to write: white is reliable")
    reliable.add_argument("--binary", action="store_true", help="without the soft edges")

    measure = command("evaluate", tool_commands.evaluate_frames, "Measure flicker, style and content of painted frames.")
    measure.add_argument("--frames", metavar="PATTERN", required=True, help="the painted frames")
    measure.add_argument("--flow", metavar="PATTERN", help="exact flow; number t points from frame t to t + 1")
    measure.add_argument("--mask", metavar="PATTERN", help="white where frame t is seen in t + 1 too")
    measure.add_argument("--content", metavar="PATTERN", help="the frames before painting")
    measure.add_argument("--style", metavar="IMAGE", help="the painting")

    command("info", tool_commands.info, "Versions, devices with memory, and the weights that are here.")
    weights = command("weights", tool_commands.look_after_weights, "Fetch the network's weights into the user's cache, or check them.")
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


def _count(text: str) -> int:
    """For argparse, which tells the name in its own sentence."""
    if not re.fullmatch(r"\d{1,4}", text):
        raise argparse.ArgumentTypeError(f"takes a number from 0 on, not '{text}'")
    return int(text)
