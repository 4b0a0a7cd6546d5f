# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands beside painting: motion, reliability, measures, and what is on this machine.

Modules that need torch are imported inside the commands, so that bad input is refused at once.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .console import Wrong, print_facts, refuse
from .exr import write_gray
from .flow import estimator
from .flow_files import read_flo, write_flo
from .frames import read_image
from .settings import PRESETS, specs

__all__ = ["evaluate_frames", "flow", "info", "look_after_weights", "reliability"]


def flow(options: argparse.Namespace) -> int:
    """Write the motion between two frames."""
    from .color import display_from_linear

    a, b = (display_from_linear(read_image(path)).rgb for path in (options.a, options.b))
    if a.shape != b.shape:
        raise Wrong(f"The frames differ in size: {a.shape[1]}×{a.shape[0]} and {b.shape[1]}×{b.shape[0]}.")
    write_flo(options.output, estimator(options.estimator).estimate(a, b))
    return 0


def reliability(options: argparse.Namespace) -> int:
    """Write where a flow can be trusted."""
    from .consistency import reliability_map

    flow, inverse = read_flo(options.flow), read_flo(options.inverse)
    if flow.shape != inverse.shape:
        raise Wrong(f"The flows differ in size: {flow.shape[1]}×{flow.shape[0]} and {inverse.shape[1]}×{inverse.shape[0]}.")
    write_gray(Path(options.output), reliability_map(flow, inverse, binary=options.binary))
    return 0


def evaluate_frames(options: argparse.Namespace) -> int:
    """Measure painted frames."""
    from .evaluate import EvaluationError, evaluate
    from .weights import WeightsError

    if options.flow and not (options.mask or options.content):
        raise Wrong("The temporal error needs --content or --mask besides --flow, to leave out occluded pixels.")
    try:
        measures = evaluate(options.frames, flow=options.flow, mask=options.mask, content=options.content, style=options.style)
    except (EvaluationError, WeightsError) as problem:
        return refuse(options, problem, "", "evaluate", 1)
    if options.json:
        print(json.dumps(measures.as_dict()))
    else:
        print_facts({name: value for name, value in measures.as_dict().items() if not isinstance(value, list) and value is not None})
    return 0


def info(options: argparse.Namespace) -> int:
    """Say what is on this machine."""
    from . import weights
    from .devices import available
    from .versions import versions

    found = {}
    for network in weights.NETWORKS:
        try:
            one = weights.verify(network)
            found[network] = {"path": str(one.path), "sha256": one.sha256, "source": one.source, "published": one.published}
        except weights.WeightsError as problem:
            found[network] = {"problem": str(problem)}
    facts: dict[str, Any] = {"versions": versions(), "devices": available(), "weights": found}
    facts |= {"presets": list(PRESETS), "settings": list(specs())}
    if options.json:
        print(json.dumps(facts))
        return 0
    print_facts(facts["versions"])
    for device in available():
        memory = f", {device['memory'] / 2**30:.1f} GiB" if device["memory"] else ""
        print(f"{'device':<16} {device['id']}: {device['name']}{memory}")
    for network, facts_of in found.items():
        print(f"{'weights':<16} {network}: {facts_of.get('path') or facts_of['problem']}")
    return 0


def look_after_weights(options: argparse.Namespace) -> int:
    """Fetch or check the weights of a network."""
    from . import weights

    if options.network not in weights.NETWORKS:
        raise Wrong(f"There is no network '{options.network}'; choose {' or '.join(weights.NETWORKS)}.")
    if options.file and options.action != "fetch":
        raise Wrong("--file goes with fetch.")
    say: Callable[[str], None] = (lambda text: None) if options.json else (lambda text: print(text, file=sys.stderr))
    try:
        if options.action == "verify":
            one = weights.verify(options.network)
        elif options.file:
            one = weights.fetch(options.network, Path(options.file), say=say)
        else:
            one = weights.ensure(options.network, say)
    except weights.WeightsError as problem:
        return refuse(options, problem, "", "weights", 1)
    facts = {"network": options.network, "path": str(one.path), "sha256": one.sha256, "source": one.source, "published": one.published}
    if options.json:
        print(json.dumps(facts))
    else:
        print_facts(facts)
    return 0
