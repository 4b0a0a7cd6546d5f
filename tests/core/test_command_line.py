# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a person or a farm starts it: in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO
import pytest

from core.command_line import main
from core.exr import read_exr
from core.flow_files import read_flo, write_flo

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["--set", "iterations_first=8", "--set", "iterations=5", "--set", "tolerance=0", "--device", "cpu"]


def engine(*arguments, **more):
    command = [sys.executable, "-I", "-B", str(ROOT / "core"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=more.pop("cwd", None), **more)


def events(text):
    return [json.loads(line) for line in text.splitlines()]


def stylize(pattern, painting, output, *more):
    return ["stylize", str(pattern), "--style", str(painting), "--output", str(output), *QUICK, *map(str, more)]


def test_stylize_paints_a_sequence_and_shows_every_frame(weights, shot, painting, tmp_path):
    done = engine(*stylize(shot(3), painting, tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").glob("*.exr")) == ["shot_0001.exr", "shot_0002.exr", "shot_0003.exr"]
    assert "frame 3 (3/3) painted: 5 iterations" in done.stderr and "Done: 3 painted, 0 kept" in done.stderr
    assert done.stdout == ""


def test_json_prints_events_alone_and_the_job_that_is_left_resumes_from_any_folder(weights, shot, painting, tmp_path):
    done = engine(*stylize(shot(2), painting, tmp_path / "out", "--json"))
    told = [event["event"] for event in events(done.stdout)]
    assert [name for name in told if name in ("ready", "frame_done", "done")] == ["ready", "frame_done", "frame_done", "done"]
    (tmp_path / "elsewhere").mkdir()
    done = engine("run", tmp_path / "out" / "job.json", cwd=tmp_path / "elsewhere")
    assert done.returncode == 0
    assert "0 painted, 2 kept" in done.stderr


def test_some_frames_of_a_movie_keep_their_numbers(weights, data, painting, tmp_path):
    clip = data / "clips" / "bikes.mp4"
    done = engine(*stylize(clip, painting, tmp_path / "out", "--frames", "50-51", "--set", "resolution=0.1"))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").glob("*.exr")) == ["bikes_0050.exr", "bikes_0051.exr"]
    assert read_exr(tmp_path / "out" / "bikes_0050.exr").shape == (272, 640, 4)


def test_a_dry_run_writes_the_job_and_paints_nothing(weights, shot, painting, tmp_path):
    done = engine(*stylize(shot(3), painting, tmp_path / "out", "--dry-run", "--json", "--set", "resolution=0.5"))
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["frames"] == 3 and plan["size"] == [48, 40] and plan["working_size"] == [24, 20] and plan["plan"]["device"] == "cpu"
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_file()] == ["job.json"]


def bad_inputs():
    """What is wrong, the arguments that do it, and words of the sentence that tells."""

    def case(name, words, arguments, status=2):
        return pytest.param(arguments, words, status, id=name)

    def write(path, contents):
        path.write_bytes(contents)
        return path

    def reliability(flow, output):
        return ["reliability", "--flow", flow, "--inverse", flow, "--output", output]

    def small(folder):
        folder.mkdir()
        cv2.imwrite(str(folder / "tiny_0001.png"), np.zeros((8, 8, 3), np.uint8))
        return folder / "tiny_####.png"

    def mixed(shot, tmp_path):
        pattern = shot(3)
        cv2.imwrite(pattern.replace("####", "0002"), np.zeros((30, 48, 3), np.uint8))
        return pattern

    def gap(shot):
        pattern = shot(5)
        Path(pattern.replace("####", "0003")).unlink()
        return pattern

    def silent(data, tmp_path):
        import wave

        with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(16000))
        (tmp_path / "sound.wav").rename(tmp_path / "sound.mp4")
        return tmp_path / "sound.mp4"

    return [
        case("missing style", "no style image", lambda s, p, t, d: stylize(s(), t / "none.jpg", t / "out")),
        case("missing content", "does not exist", lambda s, p, t, d: stylize(t / "none" / "a_####.png", p, t / "out")),
        case("no match", "matches no file", lambda s, p, t, d: stylize(t / "a_####.png", p, t / "out")),
        case("style is no picture", "bad.png", lambda s, p, t, d: stylize(s(), write(t / "bad.png", b"no"), t / "out")),
        case("gap", "lacks", lambda s, p, t, d: stylize(gap(s), p, t / "out")),
        case("sizes", "shot_0002.png", lambda s, p, t, d: stylize(mixed(s, t), p, t / "out")),
        case("no video", "sound.mp4", lambda s, p, t, d: stylize(silent(d, t), p, t / "out")),
        case("8 pixels", "16 pixels", lambda s, p, t, d: stylize(small(t / "tiny"), p, t / "out")),
        case("unknown setting", "did you mean 'style_weight'", lambda s, p, t, d: stylize(s(), p, t / "out", "--set", "stile_weight=1")),
        case("unknown preset", "There is no preset", lambda s, p, t, d: stylize(s(), p, t / "out", "--preset", "fnal")),
        case("out of range", "between 0.05 and 1", lambda s, p, t, d: stylize(s(), p, t / "out", "--set", "resolution=0")),
        case("no value", "KEY=VALUE", lambda s, p, t, d: stylize(s(), p, t / "out", "--set", "resolution")),
        case("no number", "takes a number", lambda s, p, t, d: stylize(s(), p, t / "out", "--set", "resolution=half")),
        case("bad frames", "--frames takes A-B", lambda s, p, t, d: stylize(s(), p, t / "out", "--frames", "first")),
        case("frames outside", "begins at 1 and ends at 4", lambda s, p, t, d: stylize(s(), p, t / "out", "--frames", "3-9")),
        case("output is a file", "cannot be written to", lambda s, p, t, d: stylize(s(), p, write(t / "out", b""))),
        case("missing job", "There is no job file", lambda s, p, t, d: ["run", t / "none.json"]),
        case("broken job", "cannot be read", lambda s, p, t, d: ["run", write(t / "broken.json", b"{")]),
        case("unknown network", "There is no network", lambda s, p, t, d: ["weights", "fetch", "resnet"]),
        case("flow alone", "--content or --mask", lambda s, p, t, d: ["evaluate", "--frames", s(), "--flow", "f_####.flo"]),
        case("broken flow", "bad.flo", lambda s, p, t, d: reliability(write(t / "bad.flo", b"no"), t / "m.png"), 1),
        case("unknown estimator", "no flow estimator", lambda s, p, t, d: ["flow", p, p, "--output", t / "f", "--estimator", "magic"], 1),
    ]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words", "status"), bad_inputs())
@pytest.mark.parametrize("as_json", [False, True])
def test_bad_input_is_refused_in_one_sentence(arguments, words, status, as_json, shot, painting, tmp_path, data, capfd):
    line = [str(part) for part in arguments(shot, painting, tmp_path, data)]
    assert main([*line, "--json"] if as_json else line) == status
    output = capfd.readouterr()
    if as_json:
        (event,) = events(output.out)
        assert event["event"] == "error"
        message = event["message"]
    else:
        assert output.out == ""
        (message,) = output.err.strip().splitlines()
        assert message.startswith("Error: ")
    assert words in message
    assert "Traceback" not in message


def test_bad_input_is_refused_before_torch_is_loaded(shot, painting, tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from core.command_line import main
status = main({[*stylize(shot(), tmp_path / "none.png", tmp_path / "out")]!r})
print(status, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["2", "False"]


def test_frames_that_are_there_need_resume_or_overwrite(shot, painting, tmp_path, capfd):
    pattern = shot(2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "shot_0001.exr").write_bytes(b"precious")
    assert main(stylize(pattern, painting, tmp_path / "out")) == 2
    assert "Resume" in capfd.readouterr().err
    assert (tmp_path / "out" / "shot_0001.exr").read_bytes() == b"precious"


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else False, reason="the superuser writes everywhere")
def test_a_read_only_output_is_refused(shot, painting, tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    done = engine(*stylize(shot(), painting, tmp_path / "out"))
    assert done.returncode == 2 and "cannot be written to" in done.stderr


def test_offline_without_weights_one_sentence_says_what_to_do(shot, painting, tmp_path):
    nowhere = {
        "BRUSHFLOW_CACHE": str(tmp_path / "cache"),
        "https_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "PIP_RETRIES": "0",
    }
    nowhere |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    done = engine(*stylize(shot(), painting, tmp_path / "out", "--json"), env={**os.environ, **nowhere})
    assert done.returncode == 1
    error = events(done.stdout)[-1]
    assert error["code"] == "weights" and "weights fetch vgg16" in error["message"]


def start(job, *more):
    command = [sys.executable, "-I", "-B", str(ROOT / "core"), "run", *more, str(job)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.fixture
def long_job(weights, make, tmp_path):
    """Its second frame is never finished."""
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "job.json"
    path.write_text(json.dumps(make(existing="resume", iterations=100_000, tolerance=0).as_json()), "utf-8")
    return path


def until(process, name):
    for line in process.stdout:
        if json.loads(line)["event"] == name:
            return
    raise AssertionError(f"the engine ended without {name}")


@pytest.mark.parametrize("how", ["line", "end of input", "SIGTERM"])
def test_a_running_job_is_cancelled(long_job, how):
    process = start(long_job, "--supervised")
    until(process, "frame_done")
    if how == "line":
        process.stdin.write("cancel\n")
        process.stdin.flush()
    elif how == "end of input":
        process.stdin.close()
    else:
        process.send_signal(getattr(signal, how))
    begun = time.monotonic()
    rest = events(process.stdout.read())
    assert process.wait(timeout=30) == 130
    assert time.monotonic() - begun < 20
    assert rest[-1]["event"] == "cancelled" and rest[-1]["painted"] == 1
    assert (long_job.parent / "shot_0001.exr").is_file()
    process.stdout.close()
    process.stdin.close()


def test_what_libraries_print_does_not_reach_the_events(weights, shot, painting, tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import os
from core import command_line, job
plain = job.Job.open_content
def noisy(self):
    print("a library prints")
    os.write(1, b"a native library prints\\n")
    return plain(self)
job.Job.open_content = noisy
sys.exit(command_line.main({[*stylize(shot(1), painting, tmp_path / "out", "--json")]!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0
    assert events(done.stdout)[-1]["event"] == "done"
    assert "a library prints" in done.stderr and "a native library prints" in done.stderr


@pytest.mark.parametrize("name", ["dis", "large"])
def test_flow_finds_the_motion_between_two_frames(shot, tmp_path, name, weights):
    pattern = shot(2, width=96, height=64)
    frames = [pattern.replace("####", f"{number:04d}") for number in (1, 2)]
    assert main(["flow", *frames, "--output", str(tmp_path / "f.flo"), "--estimator", name]) == 0
    flow = read_flo(tmp_path / "f.flo")
    assert flow.shape == (64, 96, 2)
    assert np.abs(np.median(flow, axis=(0, 1)) - (1, 0)).max() < 0.1


@pytest.mark.parametrize("suffix", ["png", "pgm", "exr"])
def test_reliability_writes_the_references_map(data, tmp_path, suffix):
    reference = data / "reference"
    output = tmp_path / f"map.{suffix}"
    flows = ["--flow", str(reference / "forward_1_2.flo"), "--inverse", str(reference / "backward_2_1.flo")]
    assert main(["reliability", *flows, "--output", str(output)]) == 0
    theirs = cv2.imread(str(reference / "reliable_1_2.pgm"), cv2.IMREAD_UNCHANGED).astype(int)
    if suffix == "exr":
        ours = np.rint(OpenImageIO.ImageInput.open(str(output)).read_image(format="float")[..., 0] * 255).astype(int)
    else:
        ours = cv2.imread(str(output), cv2.IMREAD_UNCHANGED).astype(int)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours == theirs).mean() >= 0.999


def test_a_binary_map_is_black_and_white(data, tmp_path):
    reference = data / "reference"
    output = tmp_path / "map.png"
    flows = ["--flow", str(reference / "forward_1_2.flo"), "--inverse", str(reference / "backward_2_1.flo")]
    assert main(["reliability", *flows, "--output", str(output), "--binary"]) == 0
    assert set(np.unique(cv2.imread(str(output), cv2.IMREAD_UNCHANGED))) == {0, 255}


def test_evaluate_prints_the_three_measures(weights, shot, painting, tmp_path, capsys):
    pattern = shot(2)
    flow = np.zeros((40, 48, 2), np.float32)
    flow[..., 0] = 1
    write_flo(tmp_path / "flow_0001.flo", flow)
    line = ["evaluate", "--frames", pattern, "--flow", str(tmp_path / "flow_####.flo"), "--content", pattern, "--style", painting]
    assert main([*line, "--json"]) == 0
    measures = json.loads(capsys.readouterr().out)
    assert measures["temporal_error"] < 1e-6 and measures["content_loss"] == 0 and measures["style_loss"] > 0
    assert len(measures["style_losses"]) == measures["frames"] == 2
    assert main(line) == 0
    assert {"temporal error", "style loss", "content loss"} <= {row[:16].strip() for row in capsys.readouterr().out.splitlines()}


def test_info_tells_versions_devices_and_weights(weights, capsys):
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["versions"]["torch"] and facts["devices"][-1]["id"] == "cpu" and facts["devices"][-1]["memory"] > 0
    assert facts["weights"]["vgg16"]["published"]
    assert main(["info"]) == 0
    assert "cpu:" in capsys.readouterr().out


def test_weights_are_verified(weights, capsys):
    assert main(["weights", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["published"]


def test_help_lists_every_setting(capsys):
    from core.settings import specs

    with pytest.raises(SystemExit):
        main(["stylize", "--help"])
    text = capsys.readouterr().out
    assert all(f"  {name}=" in text for name in specs())


@pytest.mark.parametrize("count", ["-1", "many", "1.5"])
def test_smaller_takes_a_count(count, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["run", "job.json", "--smaller", count])
    assert caught.value.code == 2 and "a number from 0 on" in capsys.readouterr().err
