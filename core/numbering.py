# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of the frame number in a file's name, as people write it: shot_####.png or shot_%04d.png."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Numbered", "has_placeholder", "numbered"]

_PLACEHOLDER = re.compile(r"#+|%0?(\d{0,2})d")


class Numbered(NamedTuple):
    """What stands before the number, how many digits it has at least, and what follows."""

    prefix: str
    digits: int
    suffix: str

    def name(self, number: int) -> str:
        """The name of one file."""
        return f"{self.prefix}{number:0{self.digits}d}{self.suffix}"


def has_placeholder(name: str) -> bool:
    """Whether a file's name stands for a sequence."""
    return _PLACEHOLDER.search(name) is not None


def numbered(name: str) -> Numbered | None:
    """The parts of a name that holds the number once; None for any other."""
    found = list(_PLACEHOLDER.finditer(name))
    if len(found) != 1:
        return None
    mark = found[0]
    digits = len(mark[0]) if mark[0].startswith("#") else int(mark[1] or 1)
    return Numbered(name[: mark.start()], digits, name[mark.end() :])
