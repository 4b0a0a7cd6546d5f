# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brushflow's engine: artistic style transfer for videos (Ruder, Dosovitskiy, Brox 2016), without Blender."""

__version__ = "0.1.0"
