# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts.build_extension import build, publish

_INSTALL = """
import sys, bpy
preferences = bpy.context.preferences
preferences.system.use_online_access = True
repositories = preferences.extensions.repos
repositories.new(name="studio", module="studio", remote_url=sys.argv[1])
index = len(repositories) - 1
bpy.ops.extensions.repo_sync(repo_index=index)
bpy.ops.extensions.package_install(repo_index=index, pkg_id="brushflow", enable_on_install=True)
assert "bl_ext.studio.brushflow" in preferences.addons
print("installed")
"""


def test_blender_installs_the_extension_from_its_own_repository(tmp_path: Path) -> None:
    index = publish(build(tmp_path / "dist"), tmp_path / "repository")
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")}
    (tmp_path / "user").mkdir()
    command = [sys.executable, "-c", _INSTALL, index.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert "installed" in done.stdout, done.stdout + done.stderr
