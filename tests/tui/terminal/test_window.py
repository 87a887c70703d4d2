"""The window around the screen: which terminals get which sequences, how often, and that they are taken back."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tui.terminal.window import PLAIN, RESTORE_TITLE, SAVE_TITLE, UPDATE_EVERY, Alert, Window, WindowState, detect_window

ALL = Window(titled=True, progress=True, notice=9)
XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("env", "titled", "progress", "notice", "multiplexer"),
    [
        (XTERM, True, False, 0, ""),
        ({**XTERM, "WT_SESSION": "1"}, True, True, 0, ""),
        ({**XTERM, "ConEmuANSI": "ON"}, True, True, 0, ""),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.6"}, True, True, 9, ""),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.14"}, True, False, 9, ""),
        ({**XTERM, "LC_TERMINAL": "iTerm2", "LC_TERMINAL_VERSION": "3.6.10"}, True, True, 9, ""),
        ({**XTERM, "TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20240203-110809-5046fc22"}, True, True, 9, ""),
        ({**XTERM, "TERM_PROGRAM": "mintty"}, True, True, 0, ""),
        ({"TERM": "xterm-ghostty"}, True, True, 9, ""),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty", "TERM_PROGRAM_VERSION": "1.1.3"}, True, False, 9, ""),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty", "TERM_PROGRAM_VERSION": "1.2.0"}, True, True, 9, ""),
        ({"TERM": "xterm-kitty"}, True, False, 99, ""),
        ({"TERM": "foot"}, True, False, 777, ""),
        ({"TERM": "rxvt-unicode-256color"}, True, False, 777, ""),
        ({**XTERM, "VTE_VERSION": "7600"}, True, False, 0, ""),
        ({**XTERM, "VTE_VERSION": "8003"}, True, True, 0, ""),
        ({**XTERM, "VTE_VERSION": "x"}, True, False, 0, ""),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "WT_SESSION": "1"}, True, False, 0, "tmux"),
        ({"TERM": "screen-256color", "TMUX": "/tmp/x"}, True, False, 0, "tmux"),
        ({"TERM": "screen", "STY": "1.pts"}, True, False, 0, "screen"),
        ({"TERM": "linux"}, False, False, 0, ""),
        ({"TERM": "vt220"}, False, False, 0, ""),
        ({"TERM": "eterm-color"}, False, False, 0, ""),
        ({**XTERM, "INSIDE_EMACS": "29"}, False, False, 0, ""),
        ({}, False, False, 0, ""),
    ],
)
def test_what_terminals_can_show(env: dict[str, str], titled: bool, progress: bool, notice: int, multiplexer: str) -> None:
    assert detect_window(env) == Window(titled, progress, notice, multiplexer)


def test_an_unknown_terminal_gets_nothing_but_the_bell() -> None:
    state = WindowState(PLAIN)
    assert state.enter() + state.change("seed-2 43%", 43) + state.change("", None) + PLAIN.reset == ""
    assert PLAIN.alert("done", Alert.AUTO) == "\x07"


@pytest.mark.parametrize(
    ("notice", "multiplexer", "how", "sequence"),
    [
        (0, "", "auto", "\x07"),
        (9, "", "auto", "\x1b]9;digitty: a;b\x07"),
        (777, "", "auto", "\x1b]777;notify;digitty;a,b\x07"),
        (99, "", "auto", "\x1b]99;i=digitty:d=0;digitty\x07\x1b]99;i=digitty:d=1:p=body;a;b\x07"),
        (9, "tmux", "auto", "\x07"),
        (9, "tmux", "desktop", "\x1bPtmux;\x1b\x1b]9;digitty: a;b\x07\x1b\\"),
        (0, "screen", "desktop", "\x1bP\x1b]9;digitty: a;b\x07\x1b\\"),
        (0, "", "desktop", "\x1b]9;digitty: a;b\x07"),
        (9, "", "bell", "\x07"),
        (9, "", "off", ""),
    ],
)
def test_alerts(notice: int, multiplexer: str, how: str, sequence: str) -> None:
    assert Window(notice=notice, multiplexer=multiplexer).alert("a;b", Alert(how)) == sequence


@pytest.mark.parametrize("text", ["a\x1b]0;b\x07c", "a\x9d0;b\x9cc", "a\nb\x00", "a\u202eb", "\udc9c", "x" * 1000])
def test_foreign_text_ends_no_sequence_early(text: str) -> None:
    window = replace(ALL, notice=99)
    for sent in (window.set_title(text), *(replace(ALL, notice=number).alert(text, Alert.DESKTOP) for number in (9, 777, 99))):
        plain = re.sub(r"\x1b\](?:2|9|99|777);([^\x00-\x1f\x7f-\x9f]*)\x07", r"\1", sent)
        assert plain.isprintable(), repr(sent)
        assert len(sent) < 250


def test_changes_are_sent_once_and_not_too_often() -> None:
    now = [0.0]
    state = WindowState(ALL, lambda: now[0])
    assert state.enter() == SAVE_TITLE
    assert state.change("idle", None) == "\x1b]2;idle\x07"
    assert state.change("seed-2 1%", 1) == "\x1b]9;4;1;1\x07\x1b]2;seed-2 1%\x07", "a beginning does not wait"
    assert state.change("seed-2 2%", 2) == ""
    now[0] += UPDATE_EVERY
    assert state.change("seed-2 3%", 3) == "\x1b]9;4;1;3\x07\x1b]2;seed-2 3%\x07"
    now[0] += UPDATE_EVERY
    assert state.change("seed-2 3%", 3) == "", "nothing has changed"
    assert state.change("seed-2 3% 1:00", 3) == "\x1b]2;seed-2 3% 1:00\x07"
    assert state.change("seed-2 paused", 3, paused=True) == "\x1b]9;4;4;3\x07\x1b]2;seed-2 paused\x07"
    assert state.change("idle", None) == "\x1b]9;4;0;\x07\x1b]2;idle\x07"
    assert ALL.reset == "\x1b]9;4;0;\x07" + RESTORE_TITLE
    assert state.enter() == SAVE_TITLE
    assert state.change("idle", None) == "\x1b]2;idle\x07", "after ctrl+z everything is sent again"


def test_an_hour_of_training_takes_few_bytes() -> None:
    now = [0.0]
    state, sent = WindowState(ALL, lambda: now[0]), 0
    for second in range(0, 3600, 2):
        now[0] = second
        sent += len(state.change(f"seed-2 {second // 36}% · {59 - second // 60}:{59 - second % 60} left · digitty", second // 36))
    assert sent / 3600 < 15, "bytes a second"
