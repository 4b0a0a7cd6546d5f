# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures Brushflow: python3 scripts/benchmark.py quality

`quality` renders short scenes in Blender, paints them in many ways and prints a table like the paper's with what is required of it, as
Markdown. It takes about an hour on two cores, goes on where it was stopped, and keeps everything in its cache, contact sheets too.
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
from pathlib import Path

import _environments as environments

SCRIPTS = environments.ROOT / "scripts"
SCENES = ("pan", "crossing", "hidden", "fast", "still")
SOURCES = ("benchmark_scenes.py", "demo_footage.py")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python3 scripts/benchmark.py", description="Measures Brushflow.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    quality = commands.add_parser("quality", help="flicker, style and content, with exact motion", description="Makes docs/quality.md.")
    quality.add_argument("--cache", type=Path, default=environments.ROOT / ".cache" / "benchmark", help="folder of scenes and results")
    quality.add_argument("--style", type=Path, help="the painting (the test data's Starry Night, else the demo's own)")
    quality.add_argument("--only", action="append", default=[], metavar="ROW[/SCENE]", help="paint only these, such as 'full-*/pan'")
    quality.add_argument("--effort", type=float, default=1.0, metavar="SHARE", help="share of the iterations, to try it out (1)")
    quality.add_argument("--output", type=Path, metavar="FILE.md", help="write the report here, too")
    quality.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    quality.add_argument("--blender", choices=environments.HOSTS, help="which Blender renders (the one that fits this Python)")
    quality.set_defaults(run=measure_quality)
    asked = parser.parse_args(arguments)
    if asked.style is not None and not asked.style.is_file():
        parser.error(f"--style: {asked.style} does not exist")
    if not 0 < asked.effort <= 1:
        parser.error("--effort takes a share above 0 and up to 1")
    return asked


def measure_quality(asked: argparse.Namespace) -> int:
    """Set up, render what is missing, and measure; the exit status."""
    cache = asked.cache.absolute()
    engine = environments.engine()
    _render(cache / "scenes", asked.blender or environments.fitting_host())
    data = Path(os.environ.get("BRUSHFLOW_TEST_DATA") or environments.ROOT.parent / "shared" / "data")
    style = _style(asked.style, data, engine, cache)
    command = [engine, SCRIPTS / "quality.py", "--cache", cache, "--style", style, "--effort", asked.effort]
    if (film := data / "sintel_alley_1").is_dir():
        command += ["--alley", film]
    else:
        print(f"alley_1 is left out: there is no {film}; BRUSHFLOW_TEST_DATA names the folder of the test data.", file=sys.stderr)
    for name in ("output", "json"):
        if path := getattr(asked, name):
            command += [f"--{name}", path.absolute()]
    command += [part for pattern in asked.only for part in ("--only", pattern)]
    # Waiting threads that spin take the processor from the ones that work.
    env = {**os.environ, "PYTHONPATH": str(environments.ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
    return subprocess.run([str(part) for part in command], env=env, cwd=environments.ROOT, check=False).returncode


def _render(folder: Path, blender: str) -> None:
    digest = hashlib.sha256(b"".join((SCRIPTS / source).read_bytes() for source in SOURCES)).hexdigest()
    missing = [name for name in SCENES if not is_rendered(folder / name, digest)]
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
