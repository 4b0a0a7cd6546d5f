# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sound when a job is finished, for those who look elsewhere meanwhile."""

from __future__ import annotations

import logging
from typing import Any

import bpy

from .properties import absolute
from .runtime import preferences

__all__ = ["announce", "play"]

log = logging.getLogger(__name__)


def announce() -> bool:
    """Play what the preferences ask for, if they ask for anything; whether it plays."""
    chosen = preferences()
    if bpy.app.background or chosen is None or not chosen.use_sound:
        return False
    return play(chosen.sound)


def play(path: str) -> bool:
    """Play a sound file, or a chime where `path` is empty; whether it plays. What does not is no reason for a job to fail."""
    try:
        import aud
    except ImportError:  # a build of Blender without sound
        return False
    try:
        sound = aud.Sound.file(str(absolute(path))) if path else _chime(aud)
        log.debug("Playing a sound of %s", sound.specs)  # which opens it, as a device that nobody hears does not
        aud.Device().play(sound)
    except aud.error as error:
        log.warning("The sound %s cannot be played: %s", path or "of Brushflow", error)
        return False
    return True


def _chime(aud: Any) -> Any:
    """Two soft tones, a fourth apart."""
    low, high = aud.Sound.sine(659.26).limit(0, 0.18), aud.Sound.sine(880.0).limit(0, 0.6)
    return low.fadein(0, 0.02).fadeout(0.12, 0.06).join(high.fadein(0, 0.02).fadeout(0.1, 0.5)).volume(0.3)
