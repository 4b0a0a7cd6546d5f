# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import benchmark
import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
import quality
from quality_jobs import Cell, Failed
from quality_report import Estimate, Figures, Findings, Objective, checks, markdown
from quality_scenes import SCENES, Scene, alley, rendered

from core.job import make_job

WIDTH, HEIGHT, STEP = 48, 40, 2
TINY = {"cuts": "none", "iterations_first": 3, "iterations": 2, "threads": 1}


@pytest.fixture
def footage(tmp_path: Path) -> Callable[..., Path]:
    """A scene as the renderer leaves it: a texture that moves `STEP` pixels a frame to the right, with its vectors."""

    def write(count: int = 3, name: str = "pan") -> Path:
        folder = tmp_path / "scenes" / name
        folder.mkdir(parents=True)
        wide = np.random.default_rng(1).integers(0, 256, (HEIGHT // 4, (WIDTH + STEP * count) // 4 + 1, 3)).astype(np.uint8)
        wide = cv2.resize(wide, (WIDTH + STEP * count, HEIGHT), interpolation=cv2.INTER_CUBIC)
        for index in range(count):
            left = STEP * (count - index)
            assert cv2.imwrite(str(folder / f"shot_{index + 1:04d}.png"), wide[:, left : left + WIDTH])
            _write_vectors(folder / f"vectors_{index + 1:04d}.exr")
        return folder

    return write


def _write_vectors(path: Path) -> None:
    spec = oiio.ImageSpec(WIDTH, HEIGHT, 4, oiio.FLOAT)
    spec.channelnames = tuple(f"ViewLayer.Vector.{channel}" for channel in "XYZW")
    vectors = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    vectors[..., 0], vectors[..., 2] = -STEP, -STEP
    image = oiio.ImageOutput.create(str(path))
    assert image.open(str(path), spec) and image.write_image(vectors) and image.close()


@pytest.fixture
def style(tmp_path: Path) -> Path:
    path = tmp_path / "style.png"
    assert cv2.imwrite(str(path), np.random.default_rng(2).integers(0, 256, (40, 40, 3)).astype(np.uint8))
    return path


@pytest.fixture
def cell(footage: Callable[..., Path], style: Path, tmp_path: Path) -> Cell:
    return Cell("full-dis", rendered(footage()), {**TINY, "flow": "dis"}, style, "digest of the painting", tmp_path / "results")


# The command line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["quality", "--style", "nowhere.jpg"], "--style: nowhere.jpg does not exist"),
        (["quality", "--effort", "0"], "--effort takes a share"),
        (["quality", "--blender", "2.79"], "--blender"),
        (["speed", "--only", "sintel"], "--only"),
        (["speed", "--style", "nowhere.jpg"], "--style: nowhere.jpg does not exist"),
        (["speed", "--json", "nowhere/figures.json"], "nowhere/figures.json: its folder does not exist"),
    ],
)
def test_a_wrong_option_of_the_benchmark_is_refused_before_anything_is_installed(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        benchmark.parse(arguments)
    assert refused.value.code == 2
    assert words in capsys.readouterr().err


def test_a_scene_is_rendered_anew_when_its_source_changes(tmp_path: Path) -> None:
    folder = tmp_path / "pan"
    folder.mkdir()
    assert not benchmark.is_rendered(folder, "one")
    (folder / "scene.json").write_text(json.dumps({"made_by": "one"}))
    assert benchmark.is_rendered(folder, "one")
    assert not benchmark.is_rendered(folder, "another")


# Scenes


def test_a_rendered_scene_moves_along_its_vectors(footage: Callable[..., Path]) -> None:
    scene = rendered(footage(4))
    assert scene.numbers == (1, 2, 3, 4) and scene.size == (WIDTH, HEIGHT)
    assert all((flow == (STEP, 0)).all() for flow in scene.flows)
    assert scene.warping_error() == pytest.approx(0, abs=1e-9)
    assert all(seen[:, : WIDTH - STEP].all() and not seen[:, WIDTH - STEP :].any() for seen in scene.masks)
    assert all(new[:, :STEP].all() and not new[:, STEP:].any() for new in scene.uncovered)


def test_the_first_frames_of_a_scene_are_another_scene_for_the_records(footage: Callable[..., Path]) -> None:
    scene = rendered(footage(3))
    assert scene.first(2).numbers == (1, 2)
    assert scene.first(2).digest != scene.digest


def test_alley_is_taken_at_a_quarter_of_its_size_with_its_flow(data: Path, tmp_path: Path) -> None:
    scene = alley(data / "sintel_alley_1", tmp_path / "alley_1")
    assert scene.numbers == (1, 2, 3, 4) and scene.size == (256, 109)
    still = float(np.mean([np.square(a - b).mean() for a, b in zip(scene.pictures, scene.pictures[1:], strict=False)]))
    assert scene.warping_error() < 0.2 * still


# Jobs


def test_the_key_of_a_cell_follows_what_its_pixels_depend_on(cell: Cell) -> None:
    others = [
        replace(cell, settings={**cell.settings, "temporal_weight": 5.0}),
        replace(cell, scene=cell.scene.first(2)),
        replace(cell, style_digest="another"),
    ]
    assert len({one.key for one in [cell, *others]}) == 4
    assert replace(cell, settings={**cell.settings, "threads": 2}).key == cell.key


def test_the_cost_counts_every_iteration_of_every_frame_and_pass(cell: Cell) -> None:
    pixels = WIDTH * HEIGHT
    assert cell.cost == (3 + 2 + 2) * pixels
    assert replace(cell, settings={**cell.settings, "passes": 4}).cost == 4 * 3 * 2 * pixels
    assert replace(cell, settings={**cell.settings, "precision": "float32"}).cost > 2 * cell.cost


def test_exact_flow_is_given_with_the_job_only_where_the_row_asks_for_it(cell: Cell) -> None:
    exact = replace(cell, settings={**TINY, "flow": "vectors"}).job()
    assert exact["flow"] == {"vectors": cell.scene.vectors}
    assert "flow" not in cell.job()
    assert make_job(exact).resolved_settings().flow == "vectors"


def test_a_finished_cell_is_measured_once_and_an_interrupted_one_goes_on(cell: Cell, weights: Path) -> None:
    record = cell.run()
    assert cell.record() == record
    assert record.iterations == 7 and record.measures["frames"] == 3 and len(record.measures["temporal_errors"]) == 2
    first, last = (cell.folder / f"shot_{number:04d}.exr" for number in (1, 3))
    (cell.folder / "measured.json").unlink()
    last.unlink()
    kept = first.stat().st_mtime_ns
    again = cell.run()
    assert first.stat().st_mtime_ns == kept
    # Not to the bit: with the frame went the exact state of the one before, which a real interruption leaves.
    assert again.iterations == record.iterations
    assert again.measures["temporal_errors"] == pytest.approx(record.measures["temporal_errors"], rel=0.05)


def test_a_refused_job_is_told_in_the_engines_own_words(cell: Cell) -> None:
    with pytest.raises(Failed, match="There is no setting 'strokes'") as failed:
        replace(cell, settings={**TINY, "strokes": 3}).run()
    assert failed.value.code == "settings"


@pytest.mark.parametrize(
    ("pattern", "meant"), [("full-*/pan", True), ("full-dis", True), ("pan", True), ("noise", False), ("full-*/fast", False)]
)
def test_cells_are_chosen_by_row_scene_or_both(cell: Cell, pattern: str, meant: bool, capsys: pytest.CaptureFixture[str]) -> None:
    (cell.folder / "measured.json").parent.mkdir(parents=True)
    (cell.folder / "measured.json").write_text(json.dumps({"key": cell.key, "seconds": 1.0, "iterations": 1, "measures": {}}))
    quality.run([cell], [pattern])
    assert capsys.readouterr().err == f"{int(meant)} of {int(meant)} jobs are done already\n"


def test_only_the_chosen_cells_are_painted(cell: Cell, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = replace(cell, row="noise", settings={**TINY, "flow": "dis", "init": "random"})
    assert quality.run([cell, other], ["full-*/pan"]) == {}
    assert cell.record() and not other.record()
    quality.run([cell, other], ["full-*/pan"])
    assert capsys.readouterr().err.endswith("1 of 1 jobs are done already\n")


# The plan


def _scene(name: str, count: int, folder: Path) -> Scene:
    return Scene(name, folder, tuple(range(1, count + 1)), (256, 144), hashlib.sha256(name.encode()).hexdigest(), name != "alley_1")


def test_every_row_has_a_cell_in_every_scene_where_it_can(style: Path, tmp_path: Path) -> None:
    scenes = {name: _scene(name, 48 if name == "still" else 12, tmp_path) for name in SCENES} | {"alley_1": _scene("alley_1", 4, tmp_path)}
    cells = {(cell.row, cell.scene.name): cell for cell in quality.planned(scenes, style, tmp_path)}
    for row in ("full-dis", "full-large", "full-raft", "warped-dis", "previous", "noise"):
        assert {scene for one, scene in cells if one == row} == set(scenes)
    assert ("full-exact", "alley_1") not in cells and ("full-exact", "fast") in cells
    assert len(cells["full-dis", "still"].scene.numbers) == 48
    assert cells["long-term", "hidden"].settings["long_term"] == (1, 2, 4)
    trial = {(cell.row, cell.scene.name): cell for cell in quality.planned(scenes, style, tmp_path, 0.1)}
    assert trial["full-dis", "pan"].settings["iterations_first"] == quality.FIRST // 10
    assert trial["default", "alley_1"].settings["iterations_first"] == 30


# The report


def _findings(full: float = 2.0, warped: float = 4.0, previous: float = 20.0, noise: float = 200.0, style: float = 100.0) -> Findings:
    errors = {"full-dis": full, "warped-dis": warped, "previous": previous, "noise": noise}
    cells = {row: {"pan": Figures(1e-4 * error, style, 40e3, style if row == "full-dis" else 100.0, 12)} for row, error in errors.items()}
    return Findings(scenes={"pan": "camera pan"}, moving=["pan"], table=cells)


@pytest.mark.parametrize(
    ("findings", "failing"),
    [
        (_findings(), []),
        (_findings(full=4.19), []),
        (_findings(full=4.21), ["order"]),
        (_findings(previous=3.9), ["order"]),
        (_findings(full=10.5, warped=11.0), ["noise over"]),
        (_findings(style=121.0), ["style loss"]),
        (_findings(style=79.0), ["style loss"]),
    ],
)
def test_the_checks_of_the_table_are_the_papers(findings: Findings, failing: list[str]) -> None:
    listed = checks(findings)
    assert len(listed) == 3
    assert [word for word in ("order", "noise over", "style loss") if any(word in one.text and not one.holds for one in listed)] == failing


def test_the_checks_of_the_studies_have_their_limits() -> None:
    terms = {"content": 1.0, "style": 1.0, "temporal": 1.0, "tv": 1.0}
    good = Findings(
        drift=0.9 / 255, reappearance={"1": 2.0, "1,2,4": 1.0}, border={"single pass": 0.8, "multi-pass": 0.9}, repeated=True,
        objective={"ours": Objective(104.0, **terms), "reference": Objective(100.0, **terms)},
        estimators={"dis": {"fast": Estimate(8.0), "alley_1": Estimate(0.3)}, "large": {"fast": Estimate(2.0), "alley_1": Estimate(0.3)}},
    )  # fmt: skip
    bad = Findings(
        drift=1.1 / 255, reappearance={"1": 2.0, "1,2,4": 1.1}, border={"single pass": 0.9, "multi-pass": 0.9}, repeated=False,
        objective={"ours": Objective(106.0, **terms), "reference": Objective(100.0, **terms)},
        estimators={"dis": {"fast": Estimate(8.0), "alley_1": Estimate(0.3)}, "large": {"fast": Estimate(2.1), "alley_1": Estimate(0.31)}},
    )  # fmt: skip
    assert len(checks(good)) == len(checks(bad)) == 7
    assert all(one.holds for one in checks(good))
    assert not any(one.holds for one in checks(bad))


def test_dis_is_not_asked_to_follow_the_fast_scene_and_what_is_missing_is_not_judged() -> None:
    cells = {row: {"fast": Figures(1e-4, 1, 1, 1, 12)} for row in ("full-dis", "full-large", "previous", "noise")}
    cells["full-raft"] = {"fast": Figures(reason="no weights")}
    found = Findings(scenes={"fast": "fast motion"}, moving=["fast"], table=cells)
    assert not any("order" in one.text for one in checks(found))
    assert checks(Findings()) == []


def test_the_report_shows_the_table_the_checks_and_why_a_row_is_empty() -> None:
    found = _findings(full=10.5)
    table = {**found.table, "full-raft": {"pan": Figures(reason="The weights of RAFT are not here.")}}
    text = markdown(replace(found, table=table, untouched={"pan": 2.2e-4}))
    assert "| full method, DIS | **10.5** · 100 · 40.0 |" in text
    assert "| *the untouched shot* | 2.20 |" in text
    assert "**does not hold**" in text
    assert "– full method, RAFT: The weights of RAFT are not here." in text
