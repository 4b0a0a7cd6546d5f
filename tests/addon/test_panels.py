# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels draw in every state without an error; what they look like is seen in the real window."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

MakeStrip = Callable[..., Any]
PANELS = (
    "", "_jobs", "_style", "_matte", "_consistency", "_flow", "_long_term", "_shots", "_timing", "_passes", "_quality", "_optimizer",
    "_network", "_device", "_output", "_farm",
)  # fmt: skip


class Recorder:
    """A layout that takes every call, resolves every property and keeps the texts."""

    def __init__(self, texts: list[str] | None = None, dimmed: list[str] | None = None) -> None:
        self.texts = [] if texts is None else texts
        self.dimmed = [] if dimmed is None else dimmed
        self.active = True

    def prop(self, owner: Any, name: str, **_: Any) -> None:
        self.texts.append(owner.bl_rna.properties[name].name)
        if not self.active:
            self.dimmed.append(name)

    def prop_search(self, owner: Any, name: str, among: Any, collection: str) -> None:
        assert collection in among.bl_rna.properties
        self.prop(owner, name)

    def label(self, *, text: str = "", icon: str = "NONE", translate: bool = True) -> None:
        import bpy

        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
        self.texts.append(text)

    def operator(self, name: str, *, text: str | None = None, icon: str = "NONE", translate: bool = True) -> Any:
        import bpy

        module, function = name.split(".")
        self.texts.append(text or getattr(getattr(bpy.ops, module), function).get_rna_type().name)
        return self

    def menu(self, name: str, *, icon: str = "NONE") -> None:
        import bpy

        self.texts.append(getattr(bpy.types, name).bl_label)

    def progress(self, *, text: str, factor: float, type: str, translate: bool = True) -> None:
        assert 0 <= factor <= 1
        self.texts.append(text)

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: Recorder(self.texts, self.dimmed)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


@pytest.fixture
def panels(scene: Any) -> Callable[[], Recorder]:
    """Draws all panels that are shown."""
    import bpy

    def draw() -> Recorder:
        recorder = Recorder()
        with _sequencer() as context:
            for name in PANELS:
                panel = getattr(bpy.types, f"SEQUENCER_PT_brushflow{name}")
                if not hasattr(panel, "poll") or panel.poll(context):
                    # Python cannot make an instance of a panel, so what is drawn is another class with all that the panel defines.
                    own = [one for one in reversed(panel.__mro__) if one.__module__ == panel.__module__]
                    members = {name: member for one in own for name, member in vars(one).items() if name[:2] != "__"}
                    type("Drawn", (), {**members, "layout": recorder})().draw(context)
        return recorder

    return draw


@pytest.fixture
def draw(panels: Callable[[], Recorder]) -> Callable[[], str]:
    """Draws all panels that are shown, and gives all that is written in them."""
    return lambda: panels().text


@contextmanager
def _sequencer() -> Iterator[Any]:
    import bpy

    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    with bpy.context.temp_override(window=window, area=area, region=area.regions[0]):
        yield bpy.context


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", sys.executable)


def test_without_a_strip_it_says_what_to_select(draw: Callable[[], str]) -> None:
    assert draw() == "Select a strip to paint."


def test_every_setting_that_has_a_choice_is_shown_once(draw: Callable[[], str], strip: Any) -> None:
    from core.settings import specs

    strip.brushflow.long_term = "1, 2"
    text = draw()
    for one in specs().values():
        if len(one.choices) != 1:
            assert one.label in text


def test_it_says_why_the_strip_cannot_be_painted_yet(draw: Callable[[], str], strip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    strip.brushflow.styles[0].path = "//gone.png"
    assert "The painting gone.png does not exist" in draw()
    strip.brushflow.styles.clear()
    assert "Add a painting" in draw()
    monkeypatch.setenv("BRUSHFLOW_ENGINE_PYTHON", "/no/such/python")
    assert "Open Preferences" in draw()
    strip.lock = True
    assert "unlock it" in draw()


def test_it_asks_for_the_project_to_be_saved(draw: Callable[[], str], image_strip: MakeStrip, painting: Path) -> None:
    image_strip().brushflow.styles.add().path = str(painting)
    assert "Save the project first" in draw()


def test_options_that_exclude_each_other_or_lack_something_say_so_before_the_start(draw: Callable[[], str], strip: Any) -> None:
    group = strip.brushflow
    group.passes, group.init = 4, "first"
    assert "init=first and passes=4 exclude each other" in draw()
    group.init = "previous_warped"
    text = draw()
    assert "exclude each other" not in text
    assert "Temporal from pass 8 never comes with 4 passes" in text
    group.temporal_from_pass = 3
    assert "never comes" not in draw()
    group.matte = "STRIP"
    assert "Choose the strip that is the matte." in draw()
    group.matte, group.flow = "NONE", "files"
    assert "Name the files of the flow, forward and backward" in draw()
    group.content_layer_weights, group.flow = "1, 2", "auto"
    assert "content_layer_weights has 2 numbers for 1 content_layers" in draw()


def test_a_painting_has_a_side_only_where_there_is_a_matte(draw: Callable[[], str], strip: Any) -> None:
    assert "Side" not in draw()
    strip.brushflow.matte = "ALPHA"
    assert "Side" in draw()


def test_a_scene_strip_says_whether_its_own_motion_is_used(draw: Callable[[], str], scene: Any, painting: Path) -> None:
    import bpy

    other = bpy.data.scenes.new("set")
    other.render.resolution_x, other.render.resolution_y = scene.render.resolution_x, scene.render.resolution_y
    strip = scene.sequence_editor.strips.new_scene("take", other, 2, 1)
    scene.sequence_editor.active_strip = strip
    assert "renders its own exact motion" in draw()
    strip.use_flip_x = True
    assert "because the strip is flipped" in draw()


@pytest.mark.parametrize(
    ("changes", "dimmed"),
    [
        ({}, {"between", "combine", "blend_previous", "blend_next", "temporal_from_pass", "matte_invert"}),
        ({"every": 2, "matte": "ALPHA"}, {"combine", "blend_previous", "blend_next", "temporal_from_pass"}),
        ({"every": 2, "init": "content", "matte": "ALPHA"}, {"combine", "blend_previous", "blend_next", "temporal_from_pass"}),
        ({"long_term": "1, 2", "matte": "ALPHA"}, {"between", "blend_previous", "blend_next", "temporal_from_pass"}),
        ({"passes": 9, "matte": "ALPHA"}, {"between", "combine", "iterations_first", "init", "uncovered"}),
        ({"passes": 9, "init": "first", "matte": "ALPHA"}, {"between", "combine", "iterations_first", "uncovered"}),
        (
            {"init": "content", "matte": "ALPHA", "markers_as_cuts": True},
            {"between", "combine", "blend_previous", "blend_next", "temporal_from_pass", "uncovered", "cuts"},
        ),
        (
            {"optimizer": "adam", "tolerance": 0.0, "device": "cpu", "matte": "ALPHA"},
            {"between", "combine", "blend_previous", "blend_next", "temporal_from_pass", "history", "tolerance_interval", "deterministic"},
        ),
    ],
)
def test_options_without_effect_are_dimmed(panels: Callable[[], Recorder], strip: Any, changes: dict[str, Any], dimmed: set[str]) -> None:
    for name, value in changes.items():
        setattr(strip.brushflow, name, value)
    assert set(panels().dimmed) == dimmed | {"brushflow_style_blend"}  # of a single painting


def test_without_the_temporal_weight_nothing_that_serves_it_has_an_effect_unless_it_is_keyframed(
    panels: Callable[[], Recorder], strip: Any
) -> None:
    strip.brushflow_temporal_weight, strip.brushflow.init = 0, "content"
    serving = {"long_term", "long_term_every", "combine", "temporal_criterion", "flow", "mask"}
    assert serving <= set(panels().dimmed)
    strip.keyframe_insert("brushflow_temporal_weight", frame=10)
    assert serving & set(panels().dimmed) == {"combine"}


def test_every_state_of_a_job_is_shown_in_words(draw: Callable[[], str], scene: Any, strip: Any) -> None:
    from bl_ext.user_default.brushflow.addon import queue, worker
    from bl_ext.user_default.brushflow.addon.order import take

    job = worker.Job(take(scene, strip))
    queue.JOBS.append(job)
    try:
        progress = job.progress
        assert "Jobs" not in draw() and "Waiting for another strip" in draw()
        progress.index, progress.total = 3, 24
        job.state = "rendering"
        assert "Reading frame 3 of 24" in draw()
        job.state = "starting"
        assert "Starting the engine" in draw()
        job.state, progress.eta, progress.seconds, progress.device = "painting", 80.4, 4.25, "cuda"
        progress.iteration, progress.limit, progress.loss = 50, 100, 12345.6
        text = draw()
        assert "Frame 3 of 24, 1:20 left" in text
        assert "4.2 s a frame on cuda" in text
        assert "Cancel" in text and "Stylize" not in text
        job.state = "canceling"
        assert "Canceling" in draw()
        job.exit_code, job.state, progress.message, progress.hint = 1, "failed", "There is not enough memory.", "Lower resolution."
        assert "There is not enough memory. Lower resolution." in draw()
        job.exit_code, job.state = 130, "cancelled"
        assert "Finished frames are kept" in draw()
        job.exit_code, job.state, progress.painted, progress.kept = 0, "done", 20, 4
        assert "Painted 20 frames, kept 4." in draw()
    finally:
        queue.JOBS.clear()


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0:00"), (9, "0:09"), (59.7, "1:00"), (750, "12:30"), (3900, "1:05:00")])
def test_time_is_written_as_people_read_it(extension: None, seconds: float, words: str) -> None:
    from bl_ext.user_default.brushflow.addon.wording import as_time

    assert as_time(seconds) == words


def drawn_in(name: str) -> list[str]:
    """What the extension adds to a menu or a header, with its own submenu."""
    import bpy

    recorder = Recorder()
    for function in getattr(bpy.types, name).draw._draw_funcs:
        if function.__module__.startswith("bl_ext.user_default.brushflow"):
            function(type("Menu", (), {"layout": recorder})(), bpy.context)
    return recorder.texts


def test_the_operators_are_in_the_menus_of_the_sequencer(scene: Any) -> None:
    import bpy

    assert {"Stylize", "Preview Frame"} <= set(drawn_in("SEQUENCER_MT_context_menu"))
    assert "Stylize" in drawn_in("SEQUENCER_MT_preview_context_menu")
    assert "Painted Version of Strip" in drawn_in("SEQUENCER_MT_add")
    assert "Brushflow" in drawn_in("SEQUENCER_MT_strip")
    recorder = Recorder()
    bpy.types.SEQUENCER_MT_brushflow.draw(type("Menu", (), {"layout": recorder})(), bpy.context)
    for label in (
        "Stylize", "Cancel Stylizing", "Preview Frame", "Before/After", "Cancel Preview", "Explore Styles", "Restylize",
        "Submit to Farm", "Bring In Results",
        "Next Painted Version", "Reveal Frames", "Clear Cache",
    ):  # fmt: skip
        assert label in recorder.texts
    strip = scene.sequence_editor.strips.new_meta("m", 1, 1)
    strip.brushflow.source_strip = "shot"
    scene.sequence_editor.active_strip = strip
    assert "Restylize" in drawn_in("SEQUENCER_MT_context_menu") and "Stylize" not in drawn_in("SEQUENCER_MT_context_menu")


def test_users_may_give_keys_to_the_operators_which_have_none(extension: None) -> None:
    import bpy

    keymaps = bpy.context.window_manager.keyconfigs.addon.keymaps
    mine = [(name, item) for name in ("Sequencer", "Image") for item in keymaps[name].keymap_items if "brushflow_" in item.idname]
    assert {item.type for _, item in mine} == {"NONE"}
    keyed = {(name, item.idname.removeprefix("sequencer.brushflow_")) for name, item in mine}
    assert {("Sequencer", "stylize"), ("Sequencer", "preview"), ("Sequencer", "preview_compare"), ("Image", "preview_compare")} <= keyed


def test_the_status_bar_shows_the_job_in_work(scene: Any, strip: Any, jobs: Any) -> None:
    from bl_ext.user_default.brushflow.addon import worker
    from bl_ext.user_default.brushflow.addon.order import take

    assert drawn_in("STATUSBAR_HT_header") == []
    jobs.append(worker.Job(take(scene, strip)))
    assert drawn_in("STATUSBAR_HT_header") == ["shot: Waiting for another strip"]


def test_the_operator_says_why_it_is_disabled(scene: Any) -> None:
    import bpy

    with pytest.raises(RuntimeError, match="Select a strip to paint"):
        bpy.ops.sequencer.brushflow_stylize()
    strip = scene.sequence_editor.strips.new_meta("m", 1, 1)
    scene.sequence_editor.active_strip = strip
    strip.lock = True
    with pytest.raises(RuntimeError, match="unlock it"):
        bpy.ops.sequencer.brushflow_stylize()
    strip.lock = False
    with pytest.raises(RuntimeError, match="has no painting yet"):
        bpy.ops.sequencer.brushflow_stylize()


def test_paintings_are_added_and_removed(scene: Any, strip: Any, painting: Path) -> None:
    import bpy

    bpy.ops.sequencer.brushflow_style_add(directory=str(painting.parent), files=[{"name": painting.name}])
    assert [style.path for style in strip.brushflow.styles] == [str(painting), f"//{painting.name}"]
    bpy.ops.sequencer.brushflow_style_remove(index=0)
    assert [style.path for style in strip.brushflow.styles] == [f"//{painting.name}"]


@pytest.fixture
def jobs(extension: None) -> Iterator[Any]:
    """The jobs of this Blender, as the window has them: painting is never waited for."""
    from bl_ext.user_default.brushflow.addon import queue

    yield queue.JOBS
    for job in queue.JOBS:
        job.abandon()
    queue.JOBS.clear()


def test_stylize_takes_all_selected_strips_in_their_order_in_time(scene: Any, strip: Any, image_strip: MakeStrip, painting: Path) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon.operators import chosen_strips

    def chosen() -> list[str]:
        return [one.name for one in chosen_strips(bpy.context)]

    earlier = image_strip(start=1, name="earlier")
    other = image_strip(start=20, name="other")
    other.select = False
    scene.sequence_editor.active_strip = strip
    strip.select = earlier.select = True
    assert chosen() == ["earlier", "shot"]
    strip.select = False
    assert chosen() == ["shot"]


def test_strips_that_cannot_be_painted_are_named_while_the_others_are_painted(
    scene: Any, strip: Any, image_strip: MakeStrip, monkeypatch: pytest.MonkeyPatch, draw: Callable[[], str], capfd: Any
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import queue

    image_strip(start=20, name="bare")
    image_strip(start=30, name="locked").lock = True
    scene.sequence_editor.active_strip = strip
    assert "Stylize 3 Strips" in draw()
    queued: list[str] = []
    monkeypatch.setattr(queue, "run", lambda job: queued.append(job.order.source.strip))
    bpy.ops.sequencer.brushflow_stylize()
    assert queued == ["shot"]
    said = capfd.readouterr().out
    assert "Warning: The strip 'bare' has no painting yet; add one." in said
    assert "Warning: 'locked' is left out. The strip is locked; unlock it to paint it." in said


def test_the_list_of_jobs_cancels_retries_and_forgets_each_of_them(
    draw: Callable[[], str], scene: Any, strip: Any, jobs: Any, image_strip: MakeStrip, painting: Path
) -> None:
    import bpy
    from bl_ext.user_default.brushflow.addon import worker
    from bl_ext.user_default.brushflow.addon.order import take

    other = image_strip(start=20, name="other")
    other.brushflow.styles.add().path = str(painting)
    first, second = worker.Job(take(scene, strip)), worker.Job(take(scene, other))
    jobs.extend([first, second])
    scene.sequence_editor.active_strip = None
    text = draw()
    assert "shot" in text and "other" in text and text.count("Cancel Job Waiting for another strip") == 2
    bpy.ops.sequencer.brushflow_job_cancel(number=second.number)
    assert (first.state, second.state) == ("waiting", "cancelled")
    assert "Retry Job" in draw()
    bpy.ops.sequencer.brushflow_job_remove(number=first.number)
    assert jobs == [first, second], "a job in work is not forgotten"
    bpy.ops.sequencer.brushflow_job_remove(number=second.number)
    assert jobs == [first]


def test_a_painted_strip_says_where_it_comes_from_and_offers_its_versions(draw: Callable[[], str], scene: Any, strip: Any) -> None:
    strip.brushflow.job_id = "one"
    for version in (1, 2):
        made = scene.sequence_editor.strips.new_meta(f"painted {version}", 1 + version, 10)
        group = made.brushflow
        group.source_strip, group.source_job, group.version = "shot", "one", version
    assert "Version 2 is seen" in draw()
    assert "Clear Cache" in draw()
    made.mute = True
    scene.sequence_editor.active_strip = made
    text = draw()
    assert "Version 2 of shot. Restylize" in text and "Version 1 is seen" in text


def test_the_farm_panel_shows_how_a_farm_is_reached_and_what_has_come_back(
    draw: Callable[[], str], scene: Any, strip: Any, tmp_path: Path
) -> None:
    from bl_ext.user_default.brushflow.addon import collect, farm, queue, runtime
    from bl_ext.user_default.brushflow.addon.order import take

    chosen = runtime.preferences().farm
    assert "Job Folder" in draw() and "Workers see everything under the paths of this machine." in draw()
    chosen.engine = "FLAMENCO"
    assert "Manager" in draw()
    chosen.engine = "RAY"
    assert "Address" in draw() and "Job Folder" not in draw()
    chosen.engine = "OPENJD"
    folder = chosen.folders.add()
    folder.here, folder.there = str(tmp_path), "/mnt/film"
    job = farm.new_job(scene, strip, farm.chosen())
    queue.JOBS.append(job)
    try:
        assert "as /mnt/film." in draw()
        job.state = "planning"
        assert "Planning the tasks" in draw()
        job.state, job.exit_code = "done", 0
        assert "The job bundle is written." in draw() and "Copy Command" in draw()
        collector = collect.Collector(take(scene, strip))
        collect.WATCHED.append(collector)
        collector.damaged = {2}
        assert "0 of 3 frames are there" in draw() and "Frame 2 is not whole yet, and is left out." in draw()
    finally:
        chosen.folders.clear()
        queue.JOBS.clear()
        collect.WATCHED.clear()
