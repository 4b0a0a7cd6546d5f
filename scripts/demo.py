# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets everything up and paints a shot: python3 scripts/demo.py

It renders a shot of its own in Blender and paints a picture of its own, puts the shot on a project's timeline, stylizes it there
headless, and leaves the project, the frames and a contact sheet in demo_output. `--content` and `--style` take yours.
Needs Python 3.11 or later and the package index.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import _environments as environments

WORKING_AREA = 352 * 198
"""Pixels that two cores paint in a reasonable time; larger content is painted at a fraction of its size."""
QUICK = ("iterations_first=100", "iterations=30")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python3 scripts/demo.py", description="Sets everything up and paints a shot.")
    parser.add_argument("--output", type=Path, default=environments.ROOT / "demo_output", help="folder for everything it makes")
    parser.add_argument("--content", type=Path, help="your movie, folder of pictures or one picture of a numbered sequence")
    parser.add_argument("--style", type=Path, help="your painting")
    parser.add_argument("--frames", type=int, default=24, help="at most this many frames (24)")
    parser.add_argument("--size", default="352x198", help="size of the shot that the demo renders (352x198)")
    parser.add_argument("--preset", default="balanced", help="draft, balanced, final or paper (balanced)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, such as style_weight=200")
    parser.add_argument("--blender", choices=environments.HOSTS, help="which Blender to use (the one that fits this Python)")
    asked = parser.parse_args(arguments)
    for name in ("content", "style"):
        path = getattr(asked, name)
        if path is not None and not path.exists():
            parser.error(f"--{name}: {path} does not exist")
    try:
        asked.width, asked.height = (int(part) for part in asked.size.split("x"))
    except ValueError:
        parser.error(f"--size takes WIDTHxHEIGHT such as 352x198, not {asked.size}")
    if asked.frames < 2:
        parser.error("--frames takes 2 or more")
    return asked


def demonstrate(asked: argparse.Namespace) -> None:
    """Everything, step by step; raises SetupError where a step fails."""
    started = time.monotonic()
    output = asked.output.absolute()
    output.mkdir(parents=True, exist_ok=True)
    blender = asked.blender or environments.fitting_host()
    engine, host = environments.engine(), environments.host(blender)
    scripts = environments.ROOT / "scripts"

    style = asked.style.absolute() if asked.style else output / "painting.png"
    if not asked.style:
        _say("Painting the picture whose style is taken on")
        environments.run([engine, scripts / "demo_painting.py", style])
    content = asked.content.absolute() if asked.content else output / "footage" / f"{asked.width}x{asked.height}_{asked.frames}"
    if not asked.content and len(list(content.glob("shot_*.png"))) < asked.frames:
        _say(f"Rendering the shot in Blender {blender}: {asked.frames} frames, {asked.width}x{asked.height}")
        environments.run([host, scripts / "demo_footage.py", content, asked.frames, asked.width, asked.height], quiet=True)

    project = output / "demo.blend"
    made = environments.run([host, scripts / "demo_project.py", project, content, asked.frames], quiet=True)
    shot = json.loads(next(line for line in made.stdout.splitlines() if line.startswith("{")))
    fraction = working_fraction(shot["width"], shot["height"])
    settings = [*QUICK, f"resolution={fraction:g}", *asked.set] if asked.preset == "balanced" else asked.set

    _say(f"Stylizing {shot['frames']} frames in Blender {blender}, without a window")
    painting_started = time.monotonic()
    chosen = [part for setting in settings for part in ("--set", setting)]
    environments.run(
        [host, scripts / "headless.py", project, "--strip", shot["strip"], "--style", style, "--preset", asked.preset, *chosen,
         "--resume", "--save"],
        env={**os.environ, "BRUSHFLOW_ENGINE_PYTHON": str(engine)},
    )
    seconds = time.monotonic() - painting_started

    _say("Measuring, and laying out the contact sheet")
    result = _newest_result(output / "brushflow")
    measured = environments.run([engine, "-m", "scripts.demo_figures", content, result, style], quiet=True, cwd=environments.ROOT)
    facts = report(json.loads(measured.stdout), seconds)
    sheet = output / "contact_sheet.png"
    words = [part for name, text in facts.items() for part in ("--line", f"{name}: {text}")]
    environments.run([engine, "-m", "scripts.contact_sheet", content, result, style, sheet, *words], cwd=environments.ROOT)

    facts |= {"everything": f"{time.monotonic() - started:.0f} s"}
    facts |= {"project": str(project), "frames": str(result), "contact sheet": str(sheet)}
    print("\n".join(f"{name:<16} {text}" for name, text in facts.items()))


def report(figures: dict[str, Any], seconds: float) -> dict[str, str]:
    """The figures in words, by name."""
    untouched, stylized = figures["untouched"], figures["stylized"]
    share = stylized["style_loss"] / untouched["style_loss"]
    return {
        "style loss": f"{untouched['style_loss']:.0f} untouched, {stylized['style_loss']:.0f} stylized ({share:.1%})",
        "temporal error": f"{untouched['temporal_error']:.5f} untouched, {stylized['temporal_error']:.5f} stylized",
        "time": f"{seconds:.0f} s for {figures['frames']} frames, {seconds / figures['frames']:.1f} s a frame",
    }


def working_fraction(width: int, height: int) -> float:
    """The resolution at which content of this size is painted."""
    return min(1.0, round(math.sqrt(WORKING_AREA / (width * height)), 3))


def _newest_result(folder: Path) -> Path:
    """The folder of the frames written last: the strip's, or a new version of it."""
    return max(folder.rglob("*_*.exr"), key=lambda path: path.stat().st_mtime).parent


def _say(sentence: str) -> None:
    print(f"{sentence} …", flush=True)


def main() -> int:
    """Run the demo; its exit status."""
    try:
        demonstrate(parse(sys.argv[1:]))
    except environments.SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - the README's reader may have an older one
        sys.exit("Brushflow needs Python 3.11 or later.")
    sys.exit(main())
