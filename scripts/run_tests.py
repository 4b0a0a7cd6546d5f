# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets everything up and runs the tests: python3 scripts/run_tests.py [SESSION …] [-- PYTEST OPTIONS]

Without a session: the style checks, the engine's tests, the add-on's in every Blender whose Python is on this machine, end to
end, and in the window of a Blender that is installed.
`--list` names the sessions. Needs Python 3.11 or later and the package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import _environments as environments

REPORTS = environments.ROOT / ".nox" / "reports"


def main(arguments: list[str]) -> int:
    """Run nox with `arguments` as its sessions; its exit status."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    sessions, rest = arguments[:split], arguments[split:]
    options = [part for part in sessions if part.startswith("-")]
    names = [part for part in sessions if not part.startswith("-")]
    for report in REPORTS.glob("*.xml"):
        report.unlink()
    try:
        nox = environments.tool("nox")
    except environments.SetupError as error:
        print(error, file=sys.stderr)
        return 1
    command = [str(nox), "-f", str(environments.ROOT / "noxfile.py"), *options, *(["-s", *names] if names else []), *rest]
    status = subprocess.run(command, check=False, cwd=environments.ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"}).returncode
    if reports := sorted(REPORTS.glob("*.xml")):
        print(summary(reports))
    return status


def summary(reports: list[Path]) -> str:
    """The sum of pytest's junit `reports`, as "N passed, N failed, N skipped"."""
    total = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for report in reports:
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            for key in total:
                total[key] += int(suite.get(key, 0))
    failed = total["failures"] + total["errors"]
    return f"{total['tests'] - failed - total['skipped']} passed, {failed} failed, {total['skipped']} skipped"


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - the README's reader may have an older one
        sys.exit("Brushflow needs Python 3.11 or later.")
    sys.exit(main(sys.argv[1:]))
