"""Which way of showing pictures is chosen, by what the terminal, and tmux around it, say."""

from __future__ import annotations

import os
import subprocess

import pytest

from tui.terminal.capabilities import Terminal, detect
from tui.terminal.graphics import (
    CHOICES,
    QUERIES,
    Answers,
    Graphics,
    Tmux,
    ask_tmux,
    choose,
    ends_answers,
    is_worth_asking,
    read_answers,
    through_tmux,
)

KITTY = "\x1bP>|kitty(0.36.4)\x1b\\\x1b[6;18;9t\x1b[?62;52;c"
XTERM = "\x1bP>|XTerm(379)\x1b\\\x1b[6;16;8t\x1b[?64;1;2;4;6;9;15;18;21;22c"
VTE = "\x1bP>|VTE(7402)\x1b\\\x1b[?65;1;9c"


@pytest.mark.parametrize(
    ("text", "way"),
    [
        (KITTY, Graphics.KITTY),
        ("\x1bP>|ghostty 1.1.0\x1b\\\x1b[?62;22;52c", Graphics.KITTY),
        ("\x1bP>|WezTerm 20240203-110809-5046fc22\x1b\\\x1b[?65;4;6;18;22c", Graphics.ITERM2),
        ("\x1bP>|iTerm2 3.5.10\x1b\\\x1b[?64;1;2;4;6;17;18;21;22c", Graphics.ITERM2),
        (XTERM, Graphics.SIXEL),
        ("\x1bP>|foot(1.20.2)\x1b\\\x1b[?62;4;22;28c", Graphics.SIXEL),
        (VTE, Graphics.BLOCKS),
        ("\x1b[?1;2c", Graphics.BLOCKS),
        ("\x1b[?64;14;40c", Graphics.BLOCKS),  # no attribute is 4
        ("", Graphics.BLOCKS),
    ],
)
def test_the_terminal_says_what_it_has(text: str, way: Graphics) -> None:
    assert choose(read_answers(text)) is way


@pytest.mark.parametrize(
    ("tmux", "way"),
    [
        (Tmux("kitty(0.36.4)", frozenset({"256", "RGB"}), True), Graphics.KITTY),
        (Tmux("xterm-kitty", frozenset(), True), Graphics.KITTY),
        (Tmux("kitty(0.36.4)", frozenset(), False), Graphics.BLOCKS),
        (Tmux("xterm-256color", frozenset({"sixel"}), True), Graphics.SIXEL),
        (Tmux("iTerm2 3.5.10", frozenset(), True), Graphics.BLOCKS),
        (Tmux(), Graphics.BLOCKS),
    ],
)
def test_through_tmux(tmux: Tmux, way: Graphics) -> None:
    """tmux answers for itself, with the attribute of sixel even where the terminal around it has none."""
    assert choose(read_answers("\x1bP>|tmux 3.5a\x1b\\\x1b[?1;2;4c"), tmux) is way


def test_sixel_in_tmux_needs_a_tmux_that_has_it() -> None:
    assert choose(read_answers("\x1b[?1;2c"), Tmux("xterm", frozenset({"sixel"}), True)) is Graphics.BLOCKS


def test_answers() -> None:
    assert read_answers(KITTY) == Answers("kitty(0.36.4)", frozenset({62, 52}), (9, 18))
    assert read_answers("\x1b[6;0;0t").cell is None
    assert ends_answers(VTE)
    assert not ends_answers(KITTY[:-1])


@pytest.mark.parametrize(
    ("env", "asked"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x,1,0"}, True),
        ({"TERM": "linux"}, False),
        ({"TERM": "vt100"}, False),
        ({"TERM": ""}, False),
        ({}, False),
        ({"TERM": "screen-256color", "STY": "1.pts"}, False),
        ({"TERM": "screen-256color", "STY": "1.pts", "TMUX": "/tmp/x,1,0"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
    ],
)
def test_old_terminals_are_not_asked(env: dict[str, str], asked: bool) -> None:
    assert is_worth_asking(env) is asked


def test_no_question_is_a_string_that_old_terminals_would_print() -> None:
    assert "\x1b_" not in QUERIES
    assert "\x1bP" not in QUERIES
    assert QUERIES.endswith("\x1b[c"), "what every terminal answers comes last"


def test_tmux_is_asked_for_the_terminal_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(text: str) -> None:
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, text))

    answer("kitty(0.36.4)\txterm-kitty\t256,RGB,clipboard\ton\n")
    assert ask_tmux({"TMUX": "x"}) == Tmux("kitty(0.36.4)", frozenset({"256", "RGB", "clipboard"}), True)
    answer("\txterm-kitty\tsixel\t0\n")
    assert ask_tmux({"TMUX": "x"}) == Tmux("xterm-kitty", frozenset({"sixel"}), False)
    answer("\n")
    assert ask_tmux({"TMUX": "x"}) == Tmux("", frozenset({""}), False)
    assert ask_tmux({}) is None

    def no_tmux(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", no_tmux)
    assert ask_tmux({"TMUX": "x"}) == Tmux()


def test_tmux_undoubles_every_escape() -> None:
    wrapped = through_tmux("\x1b_Ga=d;\x1b\\")
    assert wrapped == "\x1bPtmux;\x1b\x1b_Ga=d;\x1b\x1b\\\x1b\\"


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_is_the_terminal_s_graphics(choice: str) -> None:
    terminal = detect({**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": ""}, "truecolor", choice)
    assert terminal.graphics == (None if choice == "auto" else Graphics(choice))
    assert terminal.blocks is terminal.greys is (choice != "ascii")
    assert terminal.unicode, "only pictures are ASCII, not lines and bars"


def test_the_default_terminal_asks() -> None:
    assert Terminal().graphics is None
