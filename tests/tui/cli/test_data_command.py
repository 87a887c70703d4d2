"""`digitty data`: what a folder of pictures holds, what training will see of it, and room that is freed knowingly."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from memory_source import paint
from PIL import Image

from engine.cli.data_text import training_seconds, training_time
from engine.cli.entry import run
from engine.cli.progress import ProgressLine
from engine.config.compute import ComputeInfo
from engine.config.data import MNIST
from engine.config.training import PRESETS
from engine.datasets import cache
from engine.protocol.recipe import Images
from engine.runs.manage import create_run
from engine.runs.readers import cached_path
from engine.storage import paths
from tui.cli.data import _print_wrapped, images_across
from tui.cli.main import digitty

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs digitty data; its exit code, standard output and standard error."""
    monkeypatch.setattr(ProgressLine, "plain", False)

    def call(*words: str) -> tuple[int, str, str]:
        code = run(digitty, ["data", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of pictures of several sizes, one damaged."""
    for number in range(20):
        folder = tmp_path / "photos" / ("cat" if number % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        paint(number, (70 + number, 66)).save(folder / f"{number:02}.png")
    (folder / "19.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return tmp_path / "photos"


def test_check_says_what_is_in_a_folder_and_what_was_chosen(say: Say, photos: Path) -> None:
    code, out, _ = say("check", str(photos), "--plain")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "photos: 19 images to train on, 64 pixels, in colour"
    assert "pictures: 20; smallest 70×66, median 79×66, largest 88×66" in lines
    assert "classes: 2: cat 9, dog 10" in lines
    assert "time: unknown until the first training" in lines
    assert any("64×64 pixels, the usual size nearest to the median picture of 79×66" in line for line in lines)
    assert any(line.startswith("! 1 picture is damaged and left out: cat/19.png (") for line in lines)
    assert any("--fit pad or stretch" in line for line in lines)


def test_json_has_everything_and_a_second_check_the_same(say: Say, photos: Path) -> None:
    code, first, _ = say("check", str(photos), "--json", "--hold-out", "20%", "--size", "16x24", "--grey", "--classes", "dog", "--fit", "pad")
    assert code == 0
    found = json.loads(first)
    assert (found["spec"]["height"], found["spec"]["width"], found["spec"]["channels"]) == (16, 24, 1)
    assert (found["spec"]["train_images"], found["spec"]["test_images"], found["left_out"]) == (8, 2, 10)
    assert found["spec"]["class_names"] == ["dog"]
    _, second, _ = say("check", str(photos), "--json", "--hold-out", "20%", "--size", "16x24", "--grey", "--classes", "dog", "--fit", "pad")
    assert second == first


def test_arrays_are_just_what_training_sees_and_are_a_source_again(say: Say, photos: Path, tmp_path: Path) -> None:
    _, out, _ = say("check", str(photos), "--json", "--hold-out", "20%", "--out", str(tmp_path / "all.npz"))
    spec = json.loads(out)["spec"]
    with np.load(tmp_path / "all.npz") as arrays:
        assert arrays["images"].shape == (spec["train_images"], 64, 64, 3)
        assert arrays["test_images"].shape == (spec["test_images"], 64, 64, 3)
        assert arrays["class_names"].tolist() == ["cat", "dog"]
    _, again, _ = say("check", str(tmp_path / "all.npz"), "--json")
    assert json.loads(again)["spec"]["digest"] == spec["digest"]
    assert "preparation" not in json.loads(again)["spec"]


def test_a_contact_sheet_is_saved_and_no_file_replaced(say: Say, photos: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    assert say("check", str(photos), "--plain", "--out", str(sheet))[0] == 0
    with Image.open(sheet) as picture:
        assert picture.mode == "RGB"
        assert picture.width > 4 * 64
    before = sheet.read_bytes()
    code, _, err = say("check", str(photos), "--plain", "--out", str(sheet))
    assert (code, sheet.read_bytes()) == (2, before)
    assert "--force" in err
    assert say("check", str(photos), "--plain", "--out", str(sheet), "--force")[0] == 0
    assert say("check", str(photos), "--plain", "--out", str(tmp_path / "sheet.bmp"))[0] == 2


def test_the_terminal_shows_some_of_each_class(say: Say, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Images] = []
    monkeypatch.setattr("tui.cli.data.print_images", lambda images, *_, **__: shown.append(images))
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((80, 24)))
    say("check", str(photos))
    assert [(len(images), images.height, images.channels) for images in shown] == [(2, 64, 3)] * 2
    assert len({image for images in shown for image in images}) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "no-such-folder"], "no-such-folder"),
        (["check", "{photos}", "--size", "30"], "multiple of 4"),
        (["check", "{photos}", "--size", "256"], "16 to 128"),
        (["check", "{photos}", "--classes", "cat,bird"], "has no class bird"),
        (["check", "{empty}"], "empty"),
        (["check", "{broken}"], "can be read: "),
        (["clear"], "--unused"),
        (["clear", "nothing"], "no prepared data set nothing"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(say: Say, photos: Path, tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no picture")
    places = {name: str(tmp_path / name) for name in ("photos", "empty", "broken")}
    code, out, err = say(*(word.format(**places) for word in words))
    assert code == 2, err
    assert out == ""
    assert message in err
    assert err.count("digitty: ") == 1


def test_clear_also_frees_the_judges_of_a_data_set(say: Say, photos: Path) -> None:
    say("check", str(photos))
    (prepared,) = cache.all_prepared()
    judge, other = (cached_path(spec, "first") for spec in (prepared.spec, replace(prepared.spec, digest="sha256:00")))
    judge.parent.mkdir(parents=True)
    for path in (judge, other):
        path.write_bytes(bytes(1000))
    assert say("clear", prepared.spec.name)[0] == 0
    assert [path.exists() for path in (judge, other)] == [False, True]


@pytest.mark.parametrize(
    ("columns", "width", "across"), [(80, 28, 2), (80, 64, 2), (40, 64, 1), (20, 128, 1), (160, 28, 5), (160, 64, 4), (400, 16, 5)]
)
def test_the_images_in_the_terminal_are_few_and_large(columns: int, width: int, across: int) -> None:
    assert images_across(columns, width) == across


def test_long_lines_end_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    line = "the images are 128 pixels wide, the usual size nearest to the median picture; --hold-out 0 trains on all of them"
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((40, 24)))
    _print_wrapped(line)
    assert capsys.readouterr().out == f"{line}\n", "a program gets it in one piece"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _print_wrapped(line)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2
    assert all(len(each) <= 40 for each in lines)
    assert " ".join(each.strip() for each in lines) == line


def test_list_and_clear_name_the_runs_that_use_a_data_set(say: Say, photos: Path) -> None:
    assert "no data set is prepared" in say("list")[2]
    say("check", str(photos), "--plain")
    say("check", str(photos), "--plain", "--size", "32")
    small, large = sorted(cache.all_prepared(), key=lambda prepared: prepared.spec.height)
    create_run("mine", replace(PRESETS["best"].with_data(large.spec)), ComputeInfo("cpu", "fp32", "contiguous"))
    _, out, _ = say("list")
    assert len(out.splitlines()) == 2
    assert [line.rsplit("used by ", 1)[1] for line in sorted(out.splitlines(), key=lambda line: "64 colour" in line)] == ["no run", "mine"]
    assert json.loads(say("list", "--json")[1].splitlines()[0])["spec"]["name"] == "photos"

    code, _, err = say("clear", "photos")  # standard input is no terminal
    assert code == 2
    assert "photos is used by mine; it can be prepared again from" in err
    assert "--yes" in err
    assert len(cache.all_prepared()) == 2

    assert say("clear", "--unused")[0] == 0
    assert [prepared.spec.digest for prepared in cache.all_prepared()] == [large.spec.digest]
    assert say("clear", "photos", "--yes")[0] == 0
    assert cache.all_prepared() == []
    assert not list((cache.datasets_dir() / "records").iterdir())
    assert small.spec.digest != large.spec.digest


def test_the_time_is_that_of_steps_timed_here_on_images_of_the_same_size(home: Path) -> None:
    best = PRESETS["best"]
    spec = replace(MNIST, name="other", digest="sha256:1", source="/other")
    paths.ensure_folder(paths.cache_dir())

    def keep(size: str) -> None:
        key = f"cpu · x · torch 2 · 2 threads · {best.model.channels}{size} · train · auto · {best.optimizer} · batch {best.batch_size} · trial 1"
        (paths.cache_dir() / "speed.json").write_text(json.dumps({key: 0.5}))

    assert training_seconds(spec) is None
    keep(" · images (3, 28, 28)")
    assert training_seconds(spec) is None
    keep("")
    assert training_seconds(spec) == pytest.approx(0.5 * best.total_steps)
    assert training_time(spec).endswith("as fast as this machine trained before")
    large = replace(spec, height=128, width=128, channels=3)
    assert training_seconds(large) == pytest.approx(2.1 * 0.5 * best.total_steps, rel=0.1)
    assert training_time(large).endswith("estimated from how fast this machine trains on images of 28 pixels")
