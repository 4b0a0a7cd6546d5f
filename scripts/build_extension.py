# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the extension's zip with Blender's own builder: `python scripts/build_extension.py --output DIR`

`--repository DIR` puts it into a folder that any web server can offer to Blender as an extension repository. The builder is a plain
Python script inside every Blender; it is taken from an installed bpy, or from the Blender on the PATH.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["BuildError", "build", "find_builder", "main", "publish"]

ROOT = Path(__file__).resolve().parents[1]
BUILDER = "scripts/addons_core/bl_pkg/cli/blender_ext.py"


class BuildError(Exception):
    """A zip that cannot be made; the message is one sentence for a person."""


def find_builder() -> Path:
    """Blender's blender_ext.py; raises BuildError where there is no Blender."""
    for folder in _blender_folders():
        # Official builds keep the scripts in a folder named after their version, Linux distributions without it.
        for builder in (*sorted(folder.glob(f"*/{BUILDER}"), reverse=True), *folder.glob(BUILDER)):
            return builder
    raise BuildError("No Blender was found; install the bpy package, put Blender on the PATH or name the file with --blender-ext.")


def _blender_folders() -> Iterator[Path]:
    """Folders that hold Blender's scripts."""
    bpy = importlib.util.find_spec("bpy")
    if bpy is not None and bpy.origin:
        yield Path(bpy.origin).parent
    # The environments that this checkout makes for its tests.
    for packages in ("lib/python*/site-packages", "Lib/site-packages"):
        yield from sorted(ROOT.glob(f".venv/*/{packages}/bpy"))
    if blender := shutil.which("blender"):
        yield Path(blender).resolve().parent
        yield Path("/usr/share/blender")


def build(output: Path, builder: Path | None = None) -> Path:
    """Make the zip in the folder `output`, let Blender's builder check it and return its path; raises BuildError."""
    builder = builder or find_builder()
    output.mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in output.glob("*.zip")}
    _run(builder, "build", "--source-dir", str(ROOT), "--output-dir", str(output))
    made = [path for path in output.glob("*.zip") if before.get(path) != path.stat().st_mtime_ns]
    if len(made) != 1:
        raise BuildError(f"Blender's builder left {len(made)} zips in {output}; empty the folder and try again.")
    _run(builder, "validate", str(made[0]))
    return made[0]


def publish(archive: Path, repository: Path, builder: Path | None = None) -> Path:
    """Put the zip into the folder `repository` and write its index anew; returns the index.json. Raises BuildError.

    Paths in the index are relative, so that the folder works under any address.
    """
    repository.mkdir(parents=True, exist_ok=True)
    target = repository / archive.name
    if not (target.exists() and target.samefile(archive)):
        shutil.copyfile(archive, target)
    _run(builder or find_builder(), "server-generate", "--html", "--repo-dir", str(repository))
    return repository / "index.json"


def _run(builder: Path, *arguments: str) -> None:
    done = subprocess.run([sys.executable, str(builder), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"Blender's builder refused to {arguments[0]}: {(done.stderr or done.stdout).strip()}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for the zip (default: that of --repository)")
    parser.add_argument("--repository", type=Path, metavar="DIR", help="also offer it in this folder, with the index that Blender reads")
    parser.add_argument("--blender-ext", type=Path, metavar="FILE", help="Blender's blender_ext.py, where it is not found by itself")
    parser.add_argument("--json", action="store_true", help="answer with a JSON object")
    given = parser.parse_args()
    output = given.output or given.repository
    if output is None:
        parser.error("name a folder with --output or --repository")
    try:
        made = build(output, given.blender_ext)
        index = publish(made, given.repository, given.blender_ext) if given.repository else None
    except (BuildError, OSError) as problem:
        print(f"build_extension: {problem}", file=sys.stderr)
        return 1
    if given.json:
        answer = {"path": str(made.resolve()), "bytes": made.stat().st_size}
        print(json.dumps({**answer, "index": str(index.resolve())} if index else answer))
    else:
        print(*filter(None, (made, index)), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
