# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at when a project is opened: files are watched, by what Python is asked for and by what the system sees."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.addon.test_panels import draw, engine, panels
from tests.blender import picture, write_image

__all__ = ["draw", "engine", "panels"]

_watched: list[str] = []
"""What Python opened, listed, started or connected to while somebody watched."""
_is_watching = False


def _happens(event: str, facts: tuple[Any, ...]) -> None:
    if _is_watching and event in ("open", "os.listdir", "os.scandir", "subprocess.Popen", "os.system", "os.exec", "socket.connect"):
        _watched.append(f"{event} {facts[0]}")


sys.addaudithook(_happens)


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is looked at within the block, files that are only asked for included."""
    global _is_watching

    def noting(name: str) -> None:
        original = getattr(os, name)

        def noted(path: Any, *arguments: Any, **named: Any) -> Any:
            _watched.append(f"os.{name} {path}")
            return original(path, *arguments, **named)

        patch.setattr(os, name, noted)

    _watched.clear()
    with monkeypatch.context() as patch:
        for name in ("stat", "lstat", "readlink"):
            noting(name)
        _is_watching = True
        try:
            yield _watched
        finally:
            _is_watching = False


class Opened:
    """Which files of a folder any part of the process opens, Blender's own code included, as Linux tells it."""

    def __init__(self, folder: Path) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._library.inotify_init1(os.O_NONBLOCK)
        assert self._library.inotify_add_watch(self._descriptor, bytes(folder), 0x20) >= 0  # IN_OPEN

    def names(self) -> list[str]:
        found = []
        try:
            data = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return []
        while data:
            _, _, _, length = struct.unpack_from("iIII", data)
            found.append(data[16 : 16 + length].rstrip(b"\0").decode())
            data = data[16 + length :]
        return found

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def elsewhere(tmp_path: Path, scene: Any) -> Path:
    """A folder outside of the project's, with a painting."""
    folder = tmp_path / "elsewhere"
    return write_image(folder / "secret.png", picture(1)).parent


@pytest.fixture
def strangers(tmp_path: Path, scene: Any, elsewhere: Path, image_strip: Callable[..., Any]) -> Path:
    """A project whose strip names a painting, flow, frames and an output elsewhere, as it has just been opened."""
    import bpy
    from bl_ext.user_default.brushflow.addon import versions
    from bl_ext.user_default.brushflow.addon.properties import claim_job_id
    inside = write_image(tmp_path / "project" / "own.png", picture(2))
    strip = image_strip()
    for path in (elsewhere / "secret.png", inside, elsewhere / "absent.png"):
        strip.brushflow.styles.add().path = str(path)
    strip.brushflow.output = str(elsewhere / "painted")
    strip.brushflow.flow, strip.brushflow.flow_forward = "files", str(elsewhere / "forward_####.flo")
    strip.brushflow.flow_backward = str(elsewhere / "backward_####.flo")
    claim_job_id(scene, strip)
    path = tmp_path / "project" / "edit.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), relative_remap=False)
    versions.METER.forget(versions.base_folder(strip))
    bpy.ops.wm.read_homefile(app_template="")
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return path


def settle() -> None:
    """Give threads that look at files the time to do so."""
    time.sleep(0.3)


def test_opening_a_project_looks_at_nothing_outside_of_its_folder(
    strangers: Path, elsewhere: Path, draw: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import bpy

    plates = elsewhere.parent / "plates"
    with watching(monkeypatch) as looked:
        bpy.ops.wm.open_mainfile(filepath=str(strangers))
        opened = Opened(elsewhere) if sys.platform == "linux" else None
        text = draw()
        settle()
    assert "Show Paintings" in text and "absent.png does not exist" not in text
    assert [one for one in looked if str(elsewhere) in one or str(plates) in one] == []
    assert not [one for one in looked if one.startswith(("subprocess", "os.system", "os.exec", "socket"))]
    assert [one for one in looked if "own.png" in one], "what lies in the project's folder is shown"
    if opened:
        assert opened.names() == []
        opened.close()


def test_a_button_lets_the_project_be_looked_at_until_the_next_is_opened(
    strangers: Path, elsewhere: Path, draw: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import bpy

    bpy.ops.sequencer.brushflow_look()
    with watching(monkeypatch) as looked:
        text = draw()
        settle()
    assert "Show Paintings" not in text and "absent.png does not exist" in text
    assert [one for one in looked if "secret.png" in one]
    bpy.ops.wm.open_mainfile(filepath=str(strangers))
    with watching(monkeypatch) as looked:
        assert "Show Paintings" in draw()
    assert not [one for one in looked if "secret.png" in one]


@pytest.mark.parametrize("button", ["stylize", "estimate", "preview"])
def test_the_buttons_that_work_with_files_let_the_project_be_looked_at(strangers: Path, draw: Callable[[], str], button: str) -> None:
    import bpy

    bpy.context.scene.frame_set(10)
    with pytest.raises(RuntimeError, match=r"absent\.png does not exist"):
        getattr(bpy.ops.sequencer, f"brushflow_{button}")()
    assert "Show Paintings" not in draw()


def test_what_leads_out_of_the_folder_is_not_inside(strangers: Path, elsewhere: Path) -> None:
    from bl_ext.user_default.brushflow.addon import reach

    folder = strangers.parent
    (folder / "link").symlink_to(elsewhere)
    (folder / "painting.png").symlink_to(elsewhere / "secret.png")
    assert reach.may_look(folder / "own.png") and reach.may_look(folder / "deeper" / "own.png")
    for path in ("link/secret.png", "painting.png", "../elsewhere/secret.png", "deeper/../../elsewhere"):
        assert not reach.may_look(folder / path), path
    assert not reach.may_look(folder.with_name("project2") / "own.png")
    reach.allow()
    assert reach.may_look(folder / "painting.png")


def test_a_new_project_is_the_users_own(scene: Any, elsewhere: Path) -> None:
    from bl_ext.user_default.brushflow.addon import reach

    assert reach.may_look(elsewhere / "secret.png")
    assert reach.is_missing(elsewhere / "absent.png") and not reach.is_missing(elsewhere / "secret.png")
