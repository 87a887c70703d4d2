"""The window's title and progress: shown while a run trains, and taken back however the screen ends or is suspended."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from terminal import Terminal, environment, faked

from tui.terminal.window import NO_PROGRESS, RESTORE_TITLE, SAVE_TITLE

FAULT = "import tui.app\ntui.app.DigittyApp.action_choose_weights = lambda app: 1 / 0\n"
RESET = (NO_PROGRESS + RESTORE_TITLE).encode()


def train(home: Path, tmp_path: Path, config: str = "", more: str = "") -> Terminal:
    """A run has begun, in a window that shows titles and progress."""
    if config:
        (home / "config").mkdir(exist_ok=True)
        (home / "config" / "config.toml").write_text(f"[screen]\n{config}\n")
    return Terminal([], environment(home, WT_SESSION="1"), tmp_path, patch=faked("train_holds_at=6, steps_per_epoch=10", more))


def begin(terminal: Terminal) -> None:
    terminal.sees("Type a digit", "cpu fp32")
    terminal.start_training()
    terminal.sees("seed-1", "step 6/")


def rings(sent: bytes) -> bool:
    """Whether there is a bell other than the end of an OSC."""
    return b"\x07" in re.sub(rb"\x1b\][^\x07\x1b]*\x07", b"", sent)


@pytest.mark.parametrize("end", ["q", "SIGTERM", "fault"])
def test_they_are_taken_back_however_it_ends(warm_home: Path, tmp_path: Path, end: str) -> None:
    with train(warm_home, tmp_path, more=FAULT) as terminal:
        begin(terminal)
        terminal.until(lambda: b"\x1b]2;seed-1 6%" in terminal.sent and b"\x1b]9;4;1;6\x07" in terminal.sent)
        assert terminal.sent.index(SAVE_TITLE.encode()) < terminal.sent.index(b"\x1b]2;")
        assert RESET not in terminal.sent
        if end == "q":
            terminal.press("x")
            terminal.sees("stopped")
            terminal.until(lambda: terminal.sent.rfind(b"\x1b]9;4;0;") > terminal.sent.rfind(b"\x1b]9;4;1"))
            terminal.press("q")
        elif end == "SIGTERM":
            terminal.process.send_signal(signal.SIGTERM)
        else:
            terminal.press("w")
        assert terminal.left(30) == {"q": 0, "SIGTERM": 143, "fault": 1}[end]
        assert 1 <= terminal.sent.count(RESET) <= (2 if end == "fault" else 1)  # after a fault the terminal is restored once more, to be sure
        assert b"\x1b]" not in terminal.sent[terminal.sent.rindex(RESET) + len(RESET) :]
        assert terminal.restored()


def test_the_bell_announces_the_end_of_a_run(warm_home: Path, tmp_path: Path) -> None:
    with Terminal([], environment(warm_home), tmp_path, patch=faked("steps_per_epoch=2")) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.start_training()
        terminal.sees("finished")
        terminal.until(lambda: rings(terminal.sent))


def test_a_setting_turns_them_off(warm_home: Path, tmp_path: Path) -> None:
    with train(warm_home, tmp_path, 'title = false\nnotify = "off"') as terminal:
        begin(terminal)
        terminal.press("x")
        terminal.sees("stopped")
        terminal.press("q")
        assert terminal.left(30) == 0
        assert not rings(terminal.sent)
        for sequence in (b"\x1b]2;", b"\x1b]9;", b"\x1b[22;2t", b"\x1b[23;2t"):
            assert sequence not in terminal.sent
