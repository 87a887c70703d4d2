"""`digitty generate`: prompts from files, JSON, a file for each picture, the animation in a terminal, and steps that suit the sampler."""

from __future__ import annotations

import io
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte
import pytest
from fake_pictures import blend
from fakes import FakeJobs
from PIL import Image

from engine.cli.entry import run
from engine.cli.progress import ProgressLine
from engine.config.sampling import FEWEST_STEPS, SampleConfig, steps_hint, with_sampler
from engine.errors import DeviceError
from tui.cli import main as cli

COLUMNS, LINES = 100, 30
Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ran(jobs: FakeJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    """Runs `digitty generate` in an empty folder: exit code, standard output, standard error."""
    monkeypatch.setattr(ProgressLine, "plain", False)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in (("COLUMNS", COLUMNS), ("LINES", LINES)):
        monkeypatch.setenv(name, str(value))

    def generate(*arguments: str, stdin: bytes = b"", terminal: bool = False) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        if terminal:
            monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        return run(cli.digitty, ["generate", *arguments]), *capsys.readouterr()

    return generate


# --- JSON -----------------------------------------------------------------------------------------------------------------


def test_json_is_an_object_a_line_with_the_documented_fields(ran: Ran) -> None:
    code, out, err = ran("three", "1", "--seed", "41", "--json", "--out", "x.png")
    assert code == 0, err
    assert json.loads(out) == {
        "prompt": "three 1",
        "labels": [3, 1],
        "class_names": ["three", "one"],
        "conditions": None,
        "hands": None,
        "seed": 41,
        "indices": [0, 1],
        "sampler": "dpmpp",
        "steps": 14,
        "guidance": 1.4,
        "weights": "shipped",
        "weights_step": 4690,
        "weights_kind": "average",
        "device": "cpu",
        "precision": "fp32",
        "seconds": 0.05,
        "redrawn": 0,
        "measured": None,
        "out": ["x.png"],
    }
    documented = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
    assert [name for name in json.loads(out) if f"`{name}`" not in documented] == []


def test_json_is_alone_on_standard_output_also_in_a_terminal_and_with_plain(ran: Ran) -> None:
    for options, terminal in ((["--plain"], False), ([], True)):
        _, out, _ = ran("grid", "--json", *options, terminal=terminal)
        fields = json.loads(out)
        assert (fields["indices"], fields["out"]) == ([0] * 10, [])


def test_one_step_has_no_guidance(ran: Ran) -> None:
    assert json.loads(ran("7", "--sampler", "one-step", "--json")[1])["guidance"] is None


# --- prompts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["-", "prompts.txt"])
def test_each_line_is_drawn_with_the_next_seed(ran: Ran, jobs: FakeJobs, source: str) -> None:
    text = "\ufeffseven\n\n# a remark\n  three sevens \r\nrandom".encode()
    Path("prompts.txt").write_bytes(text)
    code, out, err = ran("--prompts", source, "--seed", "5", "--json", stdin=text)
    assert code == 0, err
    found = [json.loads(line) for line in out.splitlines()]
    assert [(each["prompt"], each["seed"]) for each in found] == [("seven", 5), ("three sevens", 6), ("random", 7)]
    assert [request.labels for request in jobs.drawings[:2]] == [(7,), (7, 7, 7)]
    code, again, _ = ran("three", "sevens", "--seed", "6", "--json")
    assert json.loads(again) == found[1], "a line alone draws the same"


def test_all_lines_are_checked_before_anything_is_drawn(ran: Ran, jobs: FakeJobs) -> None:
    Path("prompts.txt").write_text("seven\n\nthree sevns\nhallo\n9\n")
    code, out, err = ran("--prompts", "prompts.txt", "--out", "pictures/")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "prompts.txt, line 3: understood 3, but can't read 'sevns'; did you mean 'three sevens'? "
        "Try 'three sevens', '0-9' or 'a bold 7 leaning left'",
        "prompts.txt, line 4: can't read 'hallo'; try 'three sevens', '0-9' or 'a bold 7 leaning left'",
        "digitty: 2 of 4 prompts can't be read, so nothing was drawn; correct them first",
    ]
    assert not jobs.drawings
    assert not Path("pictures").exists()


@pytest.mark.parametrize(
    ("arguments", "stdin", "why"),
    [
        ("--prompts missing.txt", b"", "can't read the prompts in missing.txt: No such file or directory"),
        ("--prompts .", b"", "can't read the prompts in .: Is a directory"),
        ("--prompts -", b"", "standard input has no prompts; write one on each line"),
        ("--prompts -", b"# nothing\n\n", "standard input has no prompts"),
        ("--prompts -", b"\xff\xfe", "standard input is not text in UTF-8"),
        ("--prompts -", b"\x1b[31m\n", r"can't read '\x1b'"),
        ("seven --prompts -", b"seven\n", "'seven' and --prompts - both say what to draw; use only one of them"),
        ("--prompts - --out x.png", b"1\n2\n", "several prompts need a folder for their pictures: --out x/"),
        ("--prompts - --count 99999", b"1\n2\n", "standard input, line 2: 199,998 digits is more than the 100,000 allowed"),
        ("--prompts - --seed 9223372036854775807", b"1\n2\n", "seed 9223372036854775808 is outside"),
    ],
)
def test_what_cannot_be_drawn_is_refused(ran: Ran, jobs: FakeJobs, arguments: str, stdin: bytes, why: str) -> None:
    code, out, err = ran(*arguments.split(), stdin=stdin)
    assert (code, out) == (2, "")
    assert why in err
    assert all(line.isprintable() for line in err.splitlines())
    assert not jobs.drawings
    assert not list(Path().iterdir())


def test_a_file_of_prompts_is_limited(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.cli.prompts.LARGEST", 10)
    assert "holds more than" in ran("--prompts", "-", stdin=b"seven\n" * 10)[2]


# --- a file for each picture ----------------------------------------------------------------------------------------------


def recipe_of(path: Path) -> dict[str, Any]:
    with Image.open(path) as picture:
        recipe: dict[str, Any] = json.loads(picture.info["digitty"])
        recipe["pixels"] = picture.convert("L").resize((28, 28), Image.Resampling.NEAREST).tobytes()
        assert picture.size == (224, 224)
    return recipe


def test_a_folder_gets_a_file_for_each_picture_with_the_recipe_that_draws_it_alone(ran: Ran) -> None:
    code, _, err = ran("--prompts", "-", "--out", "pictures/", "--plain", stdin=b"3 1\ngrid\n")
    assert code == 0, err
    assert err.endswith("saved 12 pictures in pictures/\n")
    files = sorted(Path("pictures").iterdir())
    assert [file.name for file in files[:4]] == ["0001-3.png", "0002-1.png", "0003-0.png", "0004-1.png"]
    assert len(files) == 12
    for file, label, seed, index in ((files[0], 3, 1, 0), (files[1], 1, 1, 1), (files[11], 9, 2, 0)):
        recipe = recipe_of(file)
        assert (recipe["labels"], recipe["sample"]["seed"], recipe["indices"]) == ([label], seed, [index])
        assert recipe["pixels"] == blend(label, seed, index, 1.0)


def test_nothing_in_the_folder_is_replaced_without_force(ran: Ran, jobs: FakeJobs) -> None:
    folder = Path("pictures")
    folder.mkdir()
    (folder / "0002-7.png").write_text("precious")
    code, _, err = ran("two 7s", "--out", "pictures")
    assert (code, err) == (2, "digitty: pictures/0002-7.png exists; choose another name, or replace it with --force\n")
    assert not jobs.drawings
    assert ran("two 7s", "--out", "pictures", "--force")[0] == 0
    assert recipe_of(folder / "0002-7.png")["labels"] == [7]
    assert sorted(file.name for file in folder.iterdir()) == ["0001-7.png", "0002-7.png"]


def test_a_folder_that_cannot_be_made_is_named(ran: Ran, jobs: FakeJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("x")
    assert "there is no folder missing" in ran("7", "--out", "missing/pictures/")[2]
    assert "file is a file; choose another name for the folder" in ran("7", "--out", "file/")[2]
    Path("locked").mkdir()
    monkeypatch.setattr("tui.cli.drawn.os.access", lambda *_: False)
    assert "locked is not writable; choose another folder" in ran("7", "--out", "locked")[2]
    assert ". is not writable; choose another folder" in ran("7", "--out", "new/")[2]
    assert not jobs.drawings


# --- the animation --------------------------------------------------------------------------------------------------------


def screen_of(output: str, columns: int = COLUMNS, lines: int = LINES) -> list[str]:
    """What a terminal shows after this output, without the empty lines at the end."""
    screen = pyte.Screen(columns, lines)
    pyte.Stream(screen).feed(output.replace("\r\n", "\n").replace("\n", "\r\n"))
    assert not screen.cursor.hidden
    return "\n".join(line.rstrip() for line in screen.display).rstrip("\n").split("\n")


@pytest.mark.parametrize("color", ["truecolor", "256", "16", "none"])
def test_in_a_terminal_the_digit_emerges_in_place_and_only_the_picture_stays(ran: Ran, color: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.render.live_tiles.LOCAL_RATE", math.inf)
    _, still, _ = ran("three", "7s", "--color", color)
    code, live, err = ran("three", "7s", "--color", color, terminal=True)
    assert code == 0, err
    assert live.count("\x1b[?25l") > 10, "frames"
    assert "step 5/14 · 100 steps/s" in live
    assert screen_of(live) == screen_of(still)
    during = screen_of(live[: live.index("step 6/14")] + "\x1b[?25h")
    assert "step 5/14" in "\n".join(during)
    assert len(during) <= len(screen_of(still)) + 2, "one frame over the other"


@pytest.mark.parametrize(("options", "terminal"), [(["--plain"], True), (["--json"], True), ([], False)])
def test_nothing_moves_without_a_terminal_or_where_words_were_asked_for(ran: Ran, options: list[str], terminal: bool) -> None:
    code, out, _ = ran("7", *options, "--color", "none", terminal=terminal)
    assert code == 0
    assert "\x1b" not in out


def test_a_terminal_that_cannot_move_its_cursor_gets_the_picture_alone(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in ran("7", terminal=True)[1]


def test_what_does_not_fit_is_not_animated(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "8")
    code, out, err = ran("64", "7s", terminal=True)
    assert code == 0
    assert "\x1b[?25l" not in out
    assert "step" in err


def test_a_failure_leaves_neither_a_frame_nor_a_hidden_cursor(ran: Ran, jobs: FakeJobs) -> None:
    jobs.failures.append(DeviceError("cuda:0 ran out of memory"))
    code, out, err = ran("7", terminal=True)
    assert code == 4
    assert err.endswith("digitty: cuda:0 ran out of memory\n")
    assert "\x1b[?25l" in out
    assert screen_of(out) == [""]


def test_ctrl_c_leaves_neither_a_frame_nor_a_hidden_cursor(ran: Ran, jobs: FakeJobs) -> None:
    jobs.draw_holds_at = 5

    def interrupt() -> None:
        while not jobs.drawings:
            time.sleep(0.01)
        time.sleep(0.3)  # it holds after its fifth step
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    code, out, err = ran("7", terminal=True)
    thread.join()
    assert (code, err) == (130, "")
    assert "\x1b[?25l" in out
    assert screen_of(out) == [""]


def test_over_ssh_the_frames_leave_room_for_what_comes_after_them(ran: Ran, jobs: FakeJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tui.render.live_tiles.time.monotonic", lambda: now[0])
    _, local, _ = ran("7", "--color", "truecolor", terminal=True)
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    _, still, _ = ran("7", "--color", "truecolor", terminal=True)
    assert (local.count("\x1b[?25l"), still.count("\x1b[?25l")) == (1, 1), "no time passes"
    assert jobs.drawings[1].fps < jobs.drawings[0].fps

    def later() -> float:
        now[0] += 0.05
        return now[0]

    monkeypatch.setattr("tui.render.live_tiles.time.monotonic", later)
    _, remote, _ = ran("7", "--color", "truecolor", terminal=True)
    frames = remote.count("\x1b[?25l")
    assert 1 < frames < 14
    assert screen_of(remote) == screen_of(still)


def test_many_pictures_are_not_animated(ran: Ran) -> None:
    assert "\x1b[?25l" not in ran("7", "--count", "65", terminal=True)[1]


# --- steps ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "options", "steps"),
    [
        ("", "--sampler ddpm", 1000),
        ("", "--sampler ddpm --steps 14", 14),
        ("", "--sampler ddim", 14),
        ("", "--sampler one-step", 1),
        ('sampler = "ddpm"', "", 1000),
        ('sampler = "ddpm"\nsteps = 200', "", 200),
        ("steps = 20", "--sampler ddpm", 1000),
        ("steps = 20", "--sampler ddim", 20),
        ('sampler = "ddpm"', "--sampler dpmpp", 14),
    ],
)
def test_a_sampler_has_its_usual_number_of_steps_unless_it_is_named(
    ran: Ran, jobs: FakeJobs, home: Path, config: str, options: str, steps: int
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text(f"[draw]\n{config}\n")
    code, _, err = ran("7", "--plain", *options.split())
    assert code == 0, err
    assert jobs.drawings[0].sample.steps == steps


def test_far_too_few_steps_get_a_hint(ran: Ran) -> None:
    assert "ddpm leaves speckles after 14 steps; it usually takes 1000, while dpmpp needs 14" in ran("7", "--sampler", "ddpm", "--steps", "14")[2]
    assert "dpmpp draws blurred pictures in a step; use at least" in ran("7", "--steps", "1")[2]
    for sampler, fewest in FEWEST_STEPS.items():
        assert not steps_hint(SampleConfig(sampler, fewest))
        assert not steps_hint(with_sampler(SampleConfig(), sampler)), "the usual number is enough"
