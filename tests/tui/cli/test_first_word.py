"""A first argument that is no command: words are drawn, misspelt commands are named, and anything else says what could be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import FakeJobs

from engine.cli.entry import run
from engine.cli.progress import ProgressLine
from tui.cli import main as cli

Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ran(jobs: FakeJobs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    """Runs digitty: exit code, standard output, standard error."""
    monkeypatch.setattr(ProgressLine, "plain", False)

    def run_digitty(*arguments: str) -> tuple[int, str, str]:
        return run(cli.digitty, list(arguments)), *capsys.readouterr()

    return run_digitty


@pytest.mark.parametrize(
    ("arguments", "labels", "seed", "steps"),
    [
        (["seven"], (7,), 1, 14),
        (["7"], (7,), 1, 14),
        (["three", "sevens"], (7, 7, 7), 1, 14),
        (["three sevens"], (7, 7, 7), 1, 14),
        (["draw", "me", "3", "1", "4"], (3, 1, 4), 1, 14),
        (["generate", "three", "sevens"], (7, 7, 7), 1, 14),
        (["generate", "three sevens"], (7, 7, 7), 1, 14),
        (["--seed", "5", "three", "sevens"], (7, 7, 7), 5, 14),
        (["three", "--seed", "5", "sevens"], (7, 7, 7), 5, 14),
        (["three", "sevens", "--seed", "5", "--steps=8"], (7, 7, 7), 5, 8),
        (["--steps", "8", "three", "--seed", "5", "sevens"], (7, 7, 7), 5, 8),
        (["generate", "--seed", "5", "3", "-", "5"], (3, 4, 5), 5, 14),
        (["--device", "cpu", "--plain", "seven"], (7,), 1, 14),
        (["3", "--count", "2", "4"], (3, 4, 3, 4), 1, 14),
        (["shirt", "--weights", "shipped:fashion"], (6,), 1, 14),
    ],
)
def test_words_are_drawn_without_quotes_whatever_options_stand_between_them(
    ran: Ran, jobs: FakeJobs, arguments: list[str], labels: tuple[int, ...], seed: int, steps: int
) -> None:
    code, _, err = ran(*arguments)
    assert code == 0, err
    (drawing,) = jobs.drawings
    assert (drawing.labels, drawing.sample.seed, drawing.sample.steps) == (labels, seed, steps)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("trian", "No such command 'trian'. Did you mean 'train'?"),
        ("genrate seven", "No such command 'genrate'. Did you mean 'generate'?"),
        ("runz", "No such command 'runz'. Did you mean 'runs'?"),
        ("seve", "No such command 'seve'. Did you mean 'serve', or the prompt 'seven'?"),
        ("sevn", "can't read 'sevn'; did you mean 'seven'?"),
        ("three sevns", "understood 3, but can't read 'sevns'; did you mean 'three sevens'?"),
        ("twelve", "'twelve' is not a digit (digits go from 0 to 9)"),
        (
            "dance",
            "No such command 'dance', and it can't be drawn: can't read 'dance'; "
            "try 'three sevens', '0-9' or 'a bold 7 leaning left'. For the commands, run",
        ),
        ("runs2 --weights shipped:fashion", "No such command 'runs2'. Did you mean 'runs'?"),
        ("bats --weights=shipped:fashion", "can't read 'bats'; did you mean 'bags'?"),
        ("dance seven", "can't read 'dance'; did you mean 'seven'?"),
        ("--steps 5 train", "Put the options of train after its name: digitty train --steps …"),
        ("--steps 5", "there is no prompt to draw; name one, for example: digitty generate three sevens"),
        ("generate", "there is no prompt to draw"),
        ("generate --seed 3", "there is no prompt to draw"),
        ("--loud seven", "No such option"),
        ("seven --loud", "No such option"),
    ],
)
def test_what_cannot_be_read_says_so_in_one_line(ran: Ran, jobs: FakeJobs, arguments: str, why: str) -> None:
    code, out, err = ran(*arguments.split())
    assert (code, out) == (2, "")
    assert why in err
    assert err.startswith("digitty: ")
    assert err.count("\n") == 1
    assert not jobs.drawings


@pytest.mark.parametrize("first", ["\x1b[31m", "a\nb", "\u202e7", "x" * 5000])
def test_whatever_the_first_argument_is_the_answer_is_one_printable_line(ran: Ran, first: str) -> None:
    code, out, err = ran(first)
    assert (code, out) == (2, "")
    assert err.endswith("\n")
    assert err[:-1].isprintable()


def test_an_empty_prompt_is_named(ran: Ran) -> None:
    assert "the prompt is empty" in ran("")[2]


def test_help_is_a_word_too(ran: Ran) -> None:
    assert ran("help") == ran("--help")
    assert ran("help", "train") == ran("train", "--help")
    assert ran("seven", "--help")[1].startswith("Usage: digitty generate")


def test_a_command_is_never_read_as_a_prompt(jobs: FakeJobs, ran: Ran) -> None:
    assert all(not name.isdecimal() for name in cli.digitty.commands)
    assert ran("runs")[0] == 0
    assert not jobs.drawings


def test_a_mistake_in_the_settings_is_refused_as_with_generate(ran: Ran, jobs: FakeJobs, home: Path) -> None:
    folder = home / "config"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("[draw]\nstpes = 20\n")
    code, _, err = ran("seven")
    assert code == 2
    assert "did you mean steps?" in err
    assert not jobs.drawings
