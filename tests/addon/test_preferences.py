# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def preferences(extension: None) -> Any:
    from bl_ext.user_default.brushflow.addon import preferences

    return preferences


INFO = {
    "versions": {"torch": "2.13.0", "python": "3.12.1"},
    "devices": [{"id": "cuda:0", "name": "Card", "memory": 8 * 2**30}, {"id": "cpu", "name": "Processor", "memory": None}],
    "weights": {"vgg16": {"problem": "The weights of vgg16 are not on this machine."}, "vgg19": {"path": "vgg19.safetensors"}},
}
"""An answer of the engine, of a machine that does not tell its memory and lacks the weights of one network."""


def test_a_device_whose_memory_is_not_known_is_shown_without_it(preferences: Any) -> None:
    lines = preferences.summary(INFO)
    assert "cuda:0: Card, 8.0 GB" in lines
    assert "cpu: Processor" in lines


def test_only_networks_whose_weights_are_here_are_named_as_present(preferences: Any) -> None:
    assert preferences.summary(INFO)[-1] == "Networks: vgg19"
    assert preferences.summary({"weights": {"vgg16": {"problem": "Not here."}}})[-1].startswith("Networks: none yet")
