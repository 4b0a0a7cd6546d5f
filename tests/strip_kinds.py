# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strips of every kind, each as a user would make it, one after the other on the timeline of one scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.blender import HEIGHT, WIDTH, effect_length, picture, stage, write_image

SLOT = 12
"""Timeline frames that each strip has for itself, its margins included."""
CHANNEL = 3
"""Of the strips; the first holds a backdrop over the whole timeline."""

Build = Callable[["Bench"], Any]
KINDS: dict[str, Build] = {}
"""Each makes a strip from frame `start` + 3 of its slot on, and returns the one to paint."""


def kind(build: Build) -> Build:
    KINDS[build.__name__.replace("_", " ")] = build
    return build


@dataclass
class Bench:
    """Where a strip is made: its slot in the scene, and a folder for its files."""

    scene: Any
    folder: Path
    clip: Path
    """A movie of at least 20 frames."""
    start: int = 1
    """First timeline frame of the slot."""
    name: str = ""
    frames: dict[str, list[Path]] = field(default_factory=dict)

    @property
    def editor(self) -> Any:
        return self.scene.sequence_editor

    @property
    def first(self) -> int:
        """First timeline frame of the strip's content."""
        return self.start + 3

    def sequence(self, look: Callable[[int], np.ndarray] = picture, count: int = 4, suffix: str = ".png", channel: int = CHANNEL) -> Any:
        """An image strip of drawn frames."""
        key = f"{look.__name__}{suffix}"
        if key not in self.frames:
            self.frames[key] = [write_image(self.folder / key / f"plate_{index + 1:04d}{suffix}", look(index)) for index in range(4)]
        paths = self.frames[key][:count]
        strip = self.editor.strips.new_image(self.name, str(paths[0]), channel, self.first, fit_method="ORIGINAL")
        if suffix == ".exr":
            strip.colorspace_settings.name = "Linear Rec.709"
        for path in paths[1:]:
            strip.elements.append(path.name)
        # What elements that Python appends say of their size is set by the first drawing.
        self.scene.frame_set(self.first)
        return strip

    def effect(self, kind: str, *inputs: Any) -> Any:
        """An effect strip over its inputs."""
        from bl_ext.user_default.brushflow.addon import compat

        given = dict(zip(("input1", "input2"), inputs, strict=False))
        length = effect_length(4)
        length = {name: value + (self.first - 1 if name == "frame_end" else 0) for name, value in length.items()}
        channel = max((strip.channel for strip in inputs), default=CHANNEL) + 1
        strip = self.editor.strips.new_effect(
            name=f"{self.name} {kind}", type=kind, channel=channel, frame_start=self.first, **length, **given
        )
        if not inputs:
            compat.set_handles(strip, self.first, self.first + 4)
        return strip

    def modify(self, strip: Any, kind: str) -> Any:
        """Add a modifier, by the operator: in bpy 5.0.1 modifiers.new() crashes."""
        import bpy
        from bl_ext.user_default.brushflow.addon import compat

        self.editor.active_strip = strip
        with compat.editing(self.scene):
            bpy.ops.sequencer.strip_modifier_add(type=kind)
        return strip.modifiers[-1]

    def keyframe(self, owner: Any, name: str, *values: float) -> None:
        """Animate a property over the strip's frames."""
        for index, value in enumerate(values):
            setattr(owner, name, value)
            assert owner.keyframe_insert(name, frame=self.first + index * 3)

    def slow(self, strip: Any) -> None:
        """Let a strip run at half speed from its third frame on, by the operators: Blender may crash where Python moves retiming keys."""
        import bpy
        from bl_ext.user_default.brushflow.addon import compat

        for other in self.editor.strips:
            other.select = other == strip
        self.editor.active_strip = strip
        window = bpy.context.window_manager.windows[0]
        area = window.screen.areas[0]
        before, area.type = area.type, "SEQUENCE_EDITOR"
        region = next(region for region in area.regions if region.type == "WINDOW")
        with compat.editing(self.scene), bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.sequencer.retiming_key_add(timeline_frame=self.first + 2)
            bpy.ops.sequencer.retiming_segment_speed_set(speed=50.0)
        area.type = before
        assert len(strip.retiming_keys) >= 2
        compat.set_handles(strip, self.first, self.first + 8)


def as_blended(strip: Any) -> Any:
    """The strip in floats where that matters: up to 4.5 Blender blends 8-bit strips in 8 bits, by formulas other than those for floats."""
    import bpy

    strip.use_float = bpy.app.version < (5, 0)
    return strip


def soft(frame: int) -> np.ndarray:
    """A picture that becomes transparent toward the right."""
    rgba = picture(frame)
    rgba[..., 3] = np.linspace(1, 0, WIDTH, dtype=np.float32)
    return rgba


def bright(frame: int) -> np.ndarray:
    """Scene-linear light up to four times white, premultiplied, half transparent at the bottom."""
    rgba = picture(frame)
    rgba[..., :3] *= 4
    rgba[HEIGHT // 2 :] *= 0.5
    return rgba


def small(frame: int) -> np.ndarray:
    return picture(frame)[:30, :40]


def gray(_frame: int) -> np.ndarray:
    ramp = np.linspace(0.2, 0.8, HEIGHT, dtype=np.float32)[:, np.newaxis, np.newaxis]
    return np.concatenate([np.broadcast_to(ramp, (HEIGHT, WIDTH, 3)), np.ones((HEIGHT, WIDTH, 1), np.float32)], axis=2)


@kind
def image_sequence(bench: Bench) -> Any:
    return bench.sequence()


@kind
def image_with_alpha(bench: Bench) -> Any:
    return as_blended(bench.sequence(soft))


@kind
def bright_float_image(bench: Bench) -> Any:
    return bench.sequence(bright, suffix=".exr")


@kind
def small_image(bench: Bench) -> Any:
    return bench.sequence(small)


@kind
def scene(bench: Bench) -> Any:
    return bench.editor.strips.new_scene(bench.name, stage(bench.scene), CHANNEL, bench.first)


@kind
def movie(bench: Bench) -> Any:
    return _film(bench)


def _film(bench: Bench) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    strip = bench.editor.strips.new_movie(bench.name, str(bench.clip), CHANNEL, bench.first - 6, fit_method="FIT")
    compat.set_handles(strip, bench.first, bench.first + 4)
    return strip


@kind
def movie_clip(bench: Bench) -> Any:
    import bpy
    from bl_ext.user_default.brushflow.addon import compat

    strip = bench.editor.strips.new_clip(bench.name, bpy.data.movieclips.load(str(bench.clip)), CHANNEL, bench.first - 6)
    compat.set_handles(strip, bench.first, bench.first + 4)
    return strip


@kind
def meta(bench: Bench) -> Any:
    return _grouped(bench, bench.sequence(), bench.sequence(soft, channel=CHANNEL + 1))


def _grouped(bench: Bench, *strips: Any) -> Any:
    import bpy
    from bl_ext.user_default.brushflow.addon import compat

    for other in bench.editor.strips:
        other.select = other in strips
    bench.editor.active_strip = strips[0]
    known = {strip.name for strip in bench.editor.strips}
    with compat.editing(bench.scene):
        bpy.ops.sequencer.meta_make()
    return next(strip for strip in bench.editor.strips if strip.type == "META" and strip.name not in known)


@kind
def within_a_meta(bench: Bench) -> Any:
    outer = _grouped(bench, bench.sequence())
    # Not scaled: since 5.2 Blender filters float pictures before it takes them to the sequencer's color space, and 8-bit ones after.
    outer.transform.offset_x, outer.transform.offset_y, outer.use_flip_x = 6, -5, True
    outer.blend_alpha = 0.8
    return outer.strips[0]


@kind
def retimed_movie(bench: Bench) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    strip = _film(bench)
    compat.set_content_start(strip, bench.first)
    bench.slow(strip)
    return strip


@kind
def slowed_sequence(bench: Bench) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    strip = bench.sequence()
    compat.set_handles(strip, bench.first, bench.first + 4)
    bench.slow(strip)
    return strip


@kind
def slowed_scene(bench: Bench) -> Any:
    strip = bench.editor.strips.new_scene(bench.name, stage(bench.scene), CHANNEL, bench.first)
    bench.slow(strip)
    return strip


@kind
def cropped(bench: Bench) -> Any:
    strip = bench.sequence()
    strip.crop.min_x, strip.crop.max_y = 7, 5
    return strip


@kind
def transformed(bench: Bench) -> Any:
    strip = bench.sequence(soft)
    strip.transform.scale_x, strip.transform.rotation, strip.transform.offset_x = 0.6, 0.4, 6.5
    strip.use_flip_x = True
    return strip


@kind
def reversed_and_flipped(bench: Bench) -> Any:
    strip = bench.sequence()
    strip.use_reverse_frames = strip.use_flip_y = True
    return strip


@kind
def strobed(bench: Bench) -> Any:
    strip = bench.sequence()
    strip.strobe = 2
    return strip


@kind
def colored(bench: Bench) -> Any:
    strip = bench.sequence(soft)
    strip.color_saturation, strip.color_multiply, strip.multiply_alpha = 0.3, 1.4, True
    return strip


@kind
def bright_and_multiplied(bench: Bench) -> Any:
    strip = bench.sequence(bright, suffix=".exr")
    strip.color_multiply = 1.5
    return strip


@kind
def modified(bench: Bench) -> Any:
    strip = bench.sequence()
    bright_contrast = bench.modify(strip, "BRIGHT_CONTRAST")
    bright_contrast.bright, bright_contrast.contrast = 12, 25
    curves = bench.modify(strip, "CURVES").curve_mapping
    curves.curves[3].points.new(0.4, 0.6)
    curves.update()
    bench.modify(strip, "COLOR_BALANCE").color_balance.gain = (1.3, 0.8, 1.0)
    return strip


@kind
def masked(bench: Bench) -> Any:
    import bpy

    strip = bench.sequence()
    made = bpy.data.masks.new(bench.name)
    spline = made.layers.new().splines.new()
    corners = ((0.2, 0.2), (0.8, 0.3), (0.5, 0.9))
    spline.points.add(len(corners) - 1)
    for point, place in zip(spline.points, corners, strict=True):
        point.co = point.handle_left = point.handle_right = place
    spline.use_cyclic = True
    modifier = bench.modify(strip, "MASK")
    modifier.input_mask_type, modifier.input_mask_id = "ID", made
    return strip


@kind
def under_a_speed_effect(bench: Bench) -> Any:
    strip = bench.sequence()
    speed = bench.effect("SPEED", strip)
    speed.speed_control, speed.speed_factor = "MULTIPLY", 0.5
    return strip


@kind
def under_glow_and_blur(bench: Bench) -> Any:
    strip = as_blended(bench.sequence())
    glow = bench.effect("GLOW", strip)
    glow.threshold, glow.boost_factor = 0.1, 2
    blur = bench.effect("GAUSSIAN_BLUR", glow)
    blur.size_x, blur.blend_type, blur.blend_alpha = 4, "SCREEN", 0.5
    return strip


@kind
def handles_over_the_content(bench: Bench) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    strip = bench.sequence()
    compat.set_handles(strip, bench.first - 2, bench.first + 7)
    return strip


@kind
def trimmed(bench: Bench) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    strip = bench.sequence()
    setattr(strip, compat._TRIM, 1)
    left = compat.left_handle(strip)
    compat.set_handles(strip, left + 1, left + 3)
    return strip


@kind
def half_opaque(bench: Bench) -> Any:
    strip = as_blended(bench.sequence(soft))
    strip.blend_alpha = 0.4
    return strip


@kind
def fading(bench: Bench) -> Any:
    strip = bench.sequence()
    bench.keyframe(strip, "blend_alpha", 0.0, 1.0)
    return strip


def _blended(bench: Bench, how: str, opacity: float = 0.7) -> Any:
    strip = as_blended(bench.sequence(soft))
    strip.blend_type, strip.blend_alpha = how, opacity
    return strip


@kind
def added(bench: Bench) -> Any:
    return _blended(bench, "ADD")


@kind
def subtracted(bench: Bench) -> Any:
    return _blended(bench, "SUBTRACT")


@kind
def multiplied(bench: Bench) -> Any:
    return _blended(bench, "MULTIPLY")


@kind
def screened(bench: Bench) -> Any:
    return _blended(bench, "SCREEN", 1.0)


@kind
def replacing(bench: Bench) -> Any:
    return _blended(bench, "REPLACE", 1.0)


@kind
def moving_still(bench: Bench) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    strip = bench.sequence(count=1)
    compat.set_handles(strip, bench.first - 1, bench.first + 5)
    # Off the grid of pixels, where rounding decides which of two is seen.
    strip.transform.offset_y = 0.3
    bench.keyframe(strip.transform, "scale_x", 1.1, 2.0)
    return strip


@kind
def graying_still(bench: Bench) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    strip = bench.sequence(count=1)
    compat.set_handles(strip, bench.first, bench.first + 5)
    bench.keyframe(strip, "color_saturation", 1.0, 0.0)
    return strip


@kind
def still_under_an_animated_modifier(bench: Bench) -> Any:
    from bl_ext.user_default.brushflow.addon import compat

    strip = bench.sequence(count=1)
    compat.set_handles(strip, bench.first, bench.first + 5)
    bench.keyframe(bench.modify(strip, "BRIGHT_CONTRAST"), "bright", 0.0, 30.0)
    return strip


@kind
def proxied(bench: Bench) -> Any:
    strip = bench.sequence()
    strip.use_proxy = True
    strip.proxy.build_25 = strip.proxy.build_50 = strip.proxy.build_75 = strip.proxy.build_100 = True
    strip.proxy.use_proxy_custom_directory, strip.proxy.directory = True, str(bench.folder / "proxies")
    for size in (25, 50, 75, 100):
        for frame in range(4):
            write_image(bench.folder / "proxies" / "images" / str(size) / f"plate_{frame + 1:04d}.png_proxy.jpg", gray(frame))
    return strip


@kind
def within_the_preview_range(bench: Bench) -> Any:
    strip = bench.sequence()
    strip.brushflow.frame_range = "PREVIEW"
    return strip


def build_all(bench: Bench) -> Iterator[tuple[str, Any]]:
    """Make every kind of strip over a backdrop; yields names and the strips' own names."""
    from bl_ext.user_default.brushflow.addon import compat

    bench.name = "backdrop"
    backdrop = bench.sequence(gray, count=1, channel=1)
    compat.set_handles(backdrop, 1, len(KINDS) * SLOT + 1)
    for index, (name, build) in enumerate(KINDS.items()):
        bench.start, bench.name = index * SLOT + 1, name
        yield name, build(bench).name
