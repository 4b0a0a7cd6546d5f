# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paint strips of a .blend with the bpy package, for machines without Blender: `python scripts/headless.py FILE.blend ...`

Takes what `blender -b FILE.blend --command brushflow ...` takes, and does the same.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["MODULE", "enabled", "link_extension", "main"]

ROOT = Path(__file__).resolve().parents[1]
MODULE = "bl_ext.user_default.brushflow"
PARTS = ("__init__.py", "blender_manifest.toml", "requirements-engine.txt", "addon", "core")


@contextmanager
def enabled() -> Iterator[None]:
    """The checkout as an enabled extension of a Blender with factory settings, whose user folder is thrown away afterwards.

    To be entered before bpy is imported for the first time.
    """
    with tempfile.TemporaryDirectory(prefix="brushflow-") as folder:
        link_extension(Path(folder))
        os.environ["BLENDER_USER_RESOURCES"] = folder
        import bpy

        bpy.ops.preferences.addon_enable(module=MODULE)
        try:
            yield
        finally:
            bpy.ops.preferences.addon_disable(module=MODULE)


def link_extension(resources: Path) -> None:
    """Put the checkout as an extension into the user folder `resources` of a Blender."""
    extension = resources / "extensions" / "user_default" / "brushflow"
    extension.mkdir(parents=True)
    for part in PARTS:
        _link(ROOT / part, extension / part)


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except OSError:  # Windows lets only some users make links.
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)


def main(arguments: list[str]) -> int:
    """Open the project and run the command; returns its exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python scripts/headless.py FILE.blend [--scene S] [--strip NAME ...|--all] [--style IMAGE[=WEIGHT] ...] ...")
        return 0 if arguments else 2
    project = Path(arguments[0])
    if not project.is_file():
        print(f"brushflow: {project} does not exist; name a .blend file.", file=sys.stderr)
        return 2
    with enabled():
        import bpy

        bpy.ops.wm.open_mainfile(filepath=str(project.resolve()))
        return int(importlib.import_module(f"{MODULE}.addon.cli").execute(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
