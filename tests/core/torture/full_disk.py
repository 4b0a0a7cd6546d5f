# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a job on a disk of 4 MB that has little room, then again with enough: started by the tests, in a namespace of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def fill(disk: Path, room: int) -> Path:
    """Take all of the disk but `room` kB."""
    filler = disk / "filler"
    size = shutil.disk_usage(disk).free - room * 1024
    filler.write_bytes(bytes(size))
    return filler


def frames(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("[!.]*.exr"))}


def told(answer: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(answer["out"].splitlines()[-1])
    return event


def main(job: Path, disk: Path, rooms: list[str]) -> list[dict[str, Any]]:
    from tests.core.torture.trial import trial

    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    out, arguments, trials = disk / "out", ["run", str(job), "--json"], []
    if rooms == ["read-only"]:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        answer = trial(arguments)
        return [{"status": answer["status"], "error": told(answer)}]
    assert trial(arguments)["status"] == 0
    whole = frames(out)
    shutil.rmtree(out)
    for room in map(int, rooms):
        filler = fill(disk, room)
        answer = trial(arguments)
        there = frames(out)
        filler.unlink()
        again = trial(arguments)
        final = frames(out)
        trials.append(
            {
                "room": room,
                "status": answer["status"],
                "error": told(answer),
                "frames": list(there),
                "damaged": sum(contents != whole[name] for name, contents in there.items()),
                "resumed": again["status"],
                "final": list(final),
                "equal": final == whole,
                "leftovers": sum(path.name.startswith(".") for path in disk.rglob("*")),
            }
        )
        shutil.rmtree(out)
    return trials


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    place, disk_folder, report, *sizes = sys.argv[1:]
    Path(report).write_text(json.dumps(main(Path(place), Path(disk_folder), sizes)), encoding="utf-8")
