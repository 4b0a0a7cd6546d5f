# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import logging
import math
import struct
import wave
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def sound(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import sound

    return sound


def test_a_chime_and_a_file_of_ones_own_are_played(sound: Any, tmp_path: Path) -> None:
    path = tmp_path / "gong.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", round(9000 * math.sin(step / 4))) for step in range(800)))
    assert sound.play("")
    assert sound.play(str(path))


def test_a_sound_that_cannot_be_played_is_only_noted(sound: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    for path in (broken, tmp_path / "gone.wav"):
        with caplog.at_level(logging.WARNING):
            assert not sound.play(str(path))
        assert f"The sound {path} cannot be played" in caplog.text


def test_there_is_none_unless_it_is_asked_for_and_never_in_the_background(sound: Any) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import runtime

    assert bpy.app.background
    chosen = runtime.preferences()
    assert not chosen.use_sound
    chosen.use_sound = True
    try:
        assert not sound.announce()
    finally:
        chosen.use_sound = False
