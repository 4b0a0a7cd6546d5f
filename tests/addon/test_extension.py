# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip that users get, and the checkout as an extension."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.build_extension import ROOT, build, find_builder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


def test_the_zip_holds_what_the_extension_needs_and_nothing_else(built: Path) -> None:
    names = set(zipfile.ZipFile(built).namelist())
    wanted = {f"{folder}/{path.name}" for folder in ("addon", "core") for path in (ROOT / folder).glob("*.py")}
    wanted |= {f"addon/translations/{path.name}" for path in (ROOT / "addon" / "translations").glob("*.po")}
    wanted |= {"__init__.py", "blender_manifest.toml", "LICENSE", "NOTICE", "README.md", "requirements-engine.txt"}
    wanted |= {"scripts/flamenco/brushflow.js"}
    assert {name for name in names if not name.endswith("/")} == wanted


def test_the_checkout_itself_is_a_valid_extension() -> None:
    done = subprocess.run([sys.executable, find_builder(), "validate", str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


_CYCLE = """
import sys, bpy, warnings
warnings.filterwarnings("error", module="bl_ext.*")
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
assert "bl_ext.user_default.brushflow" in bpy.context.preferences.addons
assert bpy.types.Strip.bl_rna.properties["brushflow"]
assert bpy.ops.sequencer.brushflow_stylize.get_rna_type().name == "Stylize"
for _ in range(2):
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.brushflow")
    assert "brushflow" not in bpy.types.Strip.bl_rna.properties
    assert not hasattr(bpy.types, "SEQUENCER_PT_brushflow")
    bpy.ops.preferences.addon_enable(module="bl_ext.user_default.brushflow")
from bl_ext.user_default.brushflow.addon import runtime
folder = runtime.environment_folder()
folder.mkdir(parents=True)
index = next(i for i, repo in enumerate(bpy.context.preferences.extensions.repos) if repo.module == "user_default")
bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="brushflow")
assert "brushflow" not in bpy.types.Strip.bl_rna.properties
assert not folder.exists()
print("cycle complete")
"""


def test_the_zip_can_be_installed_enabled_disabled_and_uninstalled(built: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", _CYCLE, str(built)], capture_output=True, text=True, env=environment, check=False)
    assert "cycle complete" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("addon/*.py"))


def test_the_add_on_imports_only_the_settings_of_the_engine() -> None:
    for path in (ROOT / "addon").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and "core" in (node.module or "").split("."):
                assert (node.level, node.module) == (2, "core.settings"), path
            assert not (isinstance(node, ast.ImportFrom) and node.module == "torch"), path


def test_enabling_the_extension_imports_nothing_heavy(extension: None) -> None:
    heavy = {"torch", "cv2", "av", "pydantic"}
    script = "from scripts.headless import enabled\nimport sys\nwith enabled(): print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not heavy & set(ast.literal_eval(done.stdout.strip().splitlines()[-1]))
