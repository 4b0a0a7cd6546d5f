# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures Brushflow: python3 scripts/benchmark.py quality, or speed

`quality` renders short scenes in Blender, paints them in many ways and prints a table like the paper's with what is required of it, as
Markdown. It takes about an hour on two cores, goes on where it was stopped, and keeps everything in its cache, contact sheets too.

`speed` paints the same frames with the engine and with the objective in plain PyTorch and compares the times to the same loss. The
latter's way is computed once, which takes an hour and a half on two cores and goes on where it was stopped; `--quick` takes eight minutes.
What takes too long for one sitting is measured piece by piece: `--only marple8 --json FILE`, then `--only alley_1 --json FILE`, and so
on with the same file.

Needs Python 3.11 or later and the package index.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import _environments as environments

SCRIPTS = environments.ROOT / "scripts"
SCENES = ("pan", "crossing", "hidden", "fast", "still")
SHOTS = ("marple8", "alley_1", "crossing")
"""What `speed` can paint; the last where there is no test data."""
PIECES = (*SHOTS, "jobs", "large")
"""What `speed` can measure alone."""
SOURCES = ("benchmark_scenes.py", "demo_footage.py")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python3 scripts/benchmark.py", description="Measures Brushflow.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    quality = commands.add_parser("quality", help="flicker, style and content, with exact motion", description="Makes docs/quality.md.")
    quality.add_argument("--only", action="append", default=[], metavar="ROW[/SCENE]", help="paint only these, such as 'full-*/pan'")
    quality.add_argument("--effort", type=float, default=1.0, metavar="SHARE", help="share of the iterations, to try it out (1)")
    quality.set_defaults(run=measure_quality)
    speed = commands.add_parser("speed", help="seconds to the same loss, and memory", description="Makes docs/performance.md.")
    speed.add_argument("--quick", action="store_true", help="one small shot and cut trajectories: eight minutes on two cores")
    what = f"measure only this, and keep what else --json FILE has: {', '.join(PIECES)}"
    speed.add_argument("--only", choices=PIECES, metavar="PIECE", help=what)
    speed.add_argument("--device", default="cpu", help="cpu (the default), cuda, or another of torch's names, for both engines")
    speed.set_defaults(run=measure_speed, effort=1.0)
    for command in (quality, speed):
        command.add_argument("--cache", type=Path, default=environments.ROOT / ".cache" / "benchmark", help="folder of scenes and results")
        command.add_argument("--style", type=Path, help="the painting (the test data's Starry Night, else the demo's own)")
        command.add_argument("--output", type=Path, metavar="FILE.md", help="write the report here, too")
        command.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
        command.add_argument("--blender", choices=environments.HOSTS, help="which Blender renders (the one that fits this Python)")
    asked = parser.parse_args(arguments)
    if asked.style is not None and not asked.style.is_file():
        parser.error(f"--style: {asked.style} does not exist")
    if not 0 < asked.effort <= 1:
        parser.error("--effort takes a share above 0 and up to 1")
    for path in (asked.output, asked.json):
        if path is not None and not path.absolute().parent.is_dir():
            parser.error(f"{path}: its folder does not exist")
    return asked


def measure_quality(asked: argparse.Namespace) -> int:
    """Set up, render what is missing, and measure; the exit status."""
    cache, data = asked.cache.absolute(), _data()
    engine = environments.engine()
    _render(cache / "scenes", SCENES, asked.blender or environments.fitting_host())
    options: list[str | Path] = ["--cache", cache, "--effort", str(asked.effort)]
    if (film := data / "sintel_alley_1").is_dir():
        options += ["--alley", film]
    else:
        print(f"alley_1 is left out: there is no {film}; BRUSHFLOW_TEST_DATA names the folder of the test data.", file=sys.stderr)
    options += [part for pattern in asked.only for part in ("--only", pattern)]
    return _measure(engine, "quality.py", asked, options)


def measure_speed(asked: argparse.Namespace) -> int:
    """Set up, render what stands in for missing test data, and measure; the exit status."""
    cache, data = asked.cache.absolute(), _data()
    engine = environments.engine()
    if not any((data / name).is_dir() for name in ("reference", "sintel_alley_1")):
        print(f"The scene '{SHOTS[-1]}' stands in: there is no {data}; BRUSHFLOW_TEST_DATA names the test data.", file=sys.stderr)
        _render(cache / "scenes", SHOTS[-1:], asked.blender or environments.fitting_host())
    options: list[str | Path] = ["--cache", cache / "speed", "--data", data, "--scene", cache / "scenes" / SHOTS[-1]]
    options += ["--device", asked.device, *(["--only", asked.only] if asked.only else [])]
    options += ["--quick"] if asked.quick else []
    return _measure(engine, "speed.py", asked, options)


def _measure(engine: Path, script: str, asked: argparse.Namespace, options: list[str | Path]) -> int:
    style = _style(asked.style, _data(), engine, asked.cache.absolute())
    for name in ("output", "json"):
        if path := getattr(asked, name):
            options += [f"--{name}", path.absolute()]
    # Waiting threads that spin take the processor from the ones that work.
    env = {**os.environ, "PYTHONPATH": str(environments.ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [engine, SCRIPTS / script, "--style", style, *options]
    return subprocess.run([str(part) for part in command], env=env, cwd=environments.ROOT, check=False).returncode


def _data() -> Path:
    return Path(os.environ.get("BRUSHFLOW_TEST_DATA") or environments.ROOT.parent / "shared" / "data")


def _render(folder: Path, scenes: Sequence[str], blender: str) -> None:
    digest = hashlib.sha256(b"".join((SCRIPTS / source).read_bytes() for source in SOURCES)).hexdigest()
    missing = [name for name in scenes if not is_rendered(folder / name, digest)]
    for name in missing:
        print(f"Rendering the scene '{name}' in Blender {blender} …", file=sys.stderr, flush=True)
        environments.run([environments.host(blender), SCRIPTS / "benchmark_scenes.py", folder, name], quiet=True)
        (folder / name / "scene.json").write_text(json.dumps({"made_by": digest}), "utf-8")


def is_rendered(folder: Path, digest: str) -> bool:
    """Whether the scene in `folder` is complete and made by the scripts with this digest."""
    try:
        return bool(json.loads((folder / "scene.json").read_text("utf-8"))["made_by"] == digest)
    except (OSError, ValueError, KeyError):
        return False


def _style(asked: Path | None, data: Path, engine: Path, cache: Path) -> Path:
    known = data / "styles" / "starry_night.jpg"
    if asked or known.is_file():
        return (asked or known).absolute()
    painted = cache / "painting.png"
    cache.mkdir(parents=True, exist_ok=True)
    if not painted.is_file():
        environments.run([engine, SCRIPTS / "demo_painting.py", painted])
    return painted


def main() -> int:
    """Run the command that is asked for; its exit status."""
    asked = parse(sys.argv[1:])
    # As Ctrl-C, so that what it has started ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(asked.run(asked))
    except environments.SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - the README's reader may have an older one
        sys.exit("Brushflow needs Python 3.11 or later.")
    sys.exit(main())
