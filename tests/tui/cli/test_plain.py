"""Plain speech: words in lines that stay, for screen readers, though there is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from fakes import FakeJobs

from engine.cli.entry import run
from engine.cli.progress import ProgressLine
from tui.cli import main as cli

Told = Callable[..., tuple[str, str]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs `digitty generate` with standard error at a terminal."""
    monkeypatch.setattr("tui.cli.generate.Jobs", lambda *_: FakeJobs())
    monkeypatch.setattr(ProgressLine, "plain", False)

    def ran(*arguments: str) -> tuple[str, str]:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        assert run(cli.digitty, ["generate", *arguments]) == 0
        return capsys.readouterr()

    return ran


def test_digits_are_said_and_nothing_is_written_over(told: Told) -> None:
    out, err = told("three 1", "--seed", "41", "--plain")
    assert out == "three, one, seed 41, dpmpp, 14 steps, guidance 1.4, shipped, step 4690, average, 0.05 s\n"
    assert not set("\r\x1b━") & set(err)


def test_what_was_drawn_again_is_said_too(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.cli.generate.Jobs", lambda *_: FakeJobs(again=1))
    out, _ = told("three", "--plain")
    assert out.endswith("0.05 s, 1 redrawn\n")


def test_without_it_there_is_a_picture_and_a_line_that_is_written_over(told: Told) -> None:
    out, err = told("three", "--color", "none")
    assert len(out.splitlines()) >= 10
    assert "\r\x1b[K" in err


def test_many_digits_are_not_all_said(told: Told) -> None:
    assert "seven, and 36 more, seed 1" in told("seven", "--count", "100", "--plain")[0]
