"""Terminals that are not, or hardly: pipes, closed streams, TERM=dumb, C locales. One line says what to do, or plain text comes out."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from terminal import INK, Terminal, environment, faked

from engine.config.serialize import with_changes
from engine.config.training import PRESETS

ASCII_LOCALES: list[dict[str, str]] = [
    {"LANG": "C"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
    {"LANG": "C.UTF-8", "PYTHONIOENCODING": "ascii"},
]
SEVERAL = """
from engine.cli.entry import run
sys.exit(max([run(tui.cli.main.digitty, line.split()) for line in sys.argv[1:]]))
"""
"""Commands one after the other in one process, which is most of what each would take."""


def ran(
    home: Path, *arguments: str, env: Mapping[str, str] | None = None, closed: str = "", end: str = "tui.cli.main.main()"
) -> CompletedProcess[bytes]:
    """`digitty` in pipes, fake jobs behind it; `closed` is how a shell closes streams."""
    command = ["bash", "-c", f'exec "$0" -c "$1" "${{@:2}}" {closed}', sys.executable, f"{faked()}\n{end}", *arguments]
    return subprocess.run(command, env=environment(home, **(env or {})), stdin=subprocess.DEVNULL, capture_output=True, timeout=120)


# --- the screen -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", ["", "<&-", ">&-"])
def test_without_a_terminal_one_line_says_what_to_do(home: Path, closed: str) -> None:
    """As over ssh without -t, in a pipe, from cron."""
    got = ran(home, closed=closed)
    assert (got.returncode, got.stdout) == (2, b"")
    assert re.fullmatch(rb"digitty: the screen needs a terminal[^\n]*ssh -t[^\n]*use: digitty generate seven\n", got.stderr)


def test_a_closed_stream_is_no_terminal(home: Path, tmp_path: Path) -> None:
    patch = "import os; os.close(0); import sys; sys.stdin = None"
    with Terminal([], environment(home), tmp_path, patch=patch) as terminal:
        assert terminal.left() == 2
        assert "the screen needs a terminal" in terminal.text


@pytest.mark.parametrize(("term", "why"), [("unknown", "TERM=unknown can't show the screen"), ("", "TERM is not set")])
def test_a_terminal_that_shows_no_screen(home: Path, tmp_path: Path, term: str, why: str) -> None:
    with Terminal([], environment(home, TERM=term), tmp_path) as terminal:
        assert terminal.left() == 2
        assert why in terminal.text
        assert "use: digitty generate seven" in terminal.text.replace("\n", "")
        assert b"\x1b" not in terminal.sent


# --- plain output -----------------------------------------------------------------------------------------------------


def pixels(art: bytes) -> bytes:
    """What a person sees of 14 lines of ASCII."""
    lines = [line.ljust(28) for line in art.decode("ascii").split("\n")[:14]]
    return b"".join(bytes(round(255 * INK[char][half]) for char in line) for line in lines for half in (0, 1))


@pytest.mark.parametrize("env", [{}, *ASCII_LOCALES], ids=str)
def test_a_pipe_gets_a_seven_in_ascii(home: Path, env: dict[str, str]) -> None:
    import torch

    from engine.checkpoints.classifier import load_classifier

    got = ran(home, "generate", "seven", env=env)
    assert got.returncode == 0, got.stderr
    assert got.stdout.isascii()
    assert b"\x1b" not in got.stdout + got.stderr
    assert got.stderr.isascii() == bool(env)
    picture = torch.frombuffer(bytearray(pixels(got.stdout)), dtype=torch.uint8).view(1, 28, 28)
    assert int(load_classifier().features_and_logits(picture)[1].argmax()) == 7, got.stdout.decode()


@pytest.mark.parametrize(
    ("how", "env"),
    [(["--color", "256"], {}), ([], {"FORCE_COLOR": "1", "COLORTERM": ""}), ([], {"CLICOLOR_FORCE": "1", "TERM": "", "COLORTERM": ""})],
    ids=["--color", "FORCE_COLOR", "CLICOLOR_FORCE"],
)
def test_colours_come_through_a_pipe_where_they_are_asked_for(home: Path, how: list[str], env: dict[str, str]) -> None:
    assert b"\x1b[38;5;" in ran(home, *how, "generate", "seven", env=env).stdout


def test_a_dumb_terminal_gets_no_escape_codes(home: Path, tmp_path: Path) -> None:
    with Terminal(["generate", "seven"], environment(home, TERM="dumb"), tmp_path, patch=faked()) as terminal:
        assert terminal.left() == 0
        assert b"\x1b" not in terminal.sent
        assert "1 digit" in terminal.text


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a run of which there is something to tell."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "tui")
    from fakes import finished_run

    return finished_run("mine", with_changes(PRESETS["quick"], limit=64)).name


@pytest.mark.parametrize("env", ASCII_LOCALES, ids=str)
def test_words_in_ascii(home: Path, run: str, env: dict[str, str]) -> None:
    commands = ("--help", "generate --help", "train --help", "evaluate --help", "runs", f"watch {run}")
    got = ran(home, *commands, env=env, end=SEVERAL)
    assert got.returncode == 0, got.stderr
    assert (got.stdout + got.stderr).isascii()
    assert b"Traceback" not in got.stderr
    assert got.stdout.count(b"Usage:") == 4
    assert b"mine" in got.stdout


def test_the_doctor_in_ascii(warm_home: Path) -> None:
    got = ran(warm_home, "doctor", "--precision", "fp32", env={"PYTHONIOENCODING": "ascii"})
    assert got.returncode == 0, got.stderr
    assert (got.stdout + got.stderr).isascii()
    assert b"test digit" in got.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(home: Path, closed: str) -> None:
    got = ran(home, "--help", "generate seven", "runs", closed=closed, end=SEVERAL)
    assert got.returncode == 0, got.stderr
    assert b"Traceback" not in got.stderr
