"""Odd input at the real driver: it costs itself, and the keys after it do what they should."""

from __future__ import annotations

import os
import time
from pathlib import Path

from terminal import Terminal, environment, faked

PATIENT = """
import tui.terminal.driver
from functools import partial
from tui.terminal.typed_input import Timeouts, TypedInput
tui.terminal.driver.TypedInput = partial(TypedInput, timeouts=Timeouts(paste=600.0))
"""
"""A busy machine cannot lose the end of a paste."""


def send(terminal: Terminal, *pieces: bytes | float) -> None:
    """Bytes as they are, and pauses."""
    for piece in pieces:
        if isinstance(piece, bytes):
            os.write(terminal._master, piece)
        else:
            time.sleep(piece)


def test_odd_input_costs_itself(warm_home: Path, tmp_path: Path) -> None:
    patch = faked(more=PATIENT)
    with Terminal([], environment(warm_home), tmp_path, patch=patch) as terminal:
        terminal.sees("Type a digit", "cpu fp32")

        send(terminal, b"s\xe9e\xff\x80", b"v")  # a Latin-1 terminal
        terminal.sees(" s�e��v")
        send(terminal, b"\x15one\x1b[M !\xe9\x1b[M \xe9\xff")  # the mouse beyond column 95, without mode 1006
        terminal.sees(" one")

        send(terminal, b"\x1b[?2048;2$y", 0.3, b"\x1b[48;24;80;0;0t\x1b[<35;9;9M")  # a size of 0 pixels, then the mouse
        send(terminal, b"\x1b[101;5:1u\x1b[1114112u\x15two")  # kitty's keyboard
        terminal.sees(" two")

        send(terminal, b"\x15\x1b[200~sev\x1b[23;16Ren\x1b", 0.2, b"[201~")  # a paste in pieces, an answer in it
        terminal.sees(" seven")
        send(terminal, b"\r")
        terminal.sees("7 · seven", "200 steps/s")

        send(terminal, b"\x1b[O", b"\x15")  # the focus goes and is never said to come back
        send(terminal, b"q eight")
        terminal.sees(" q eight")
        send(terminal, b"\x15grid\r")
        terminal.sees("❯ grid")

        send(terminal, b"\x11")
        assert terminal.left() == 0
        assert terminal.restored()
        assert b"\x1b[?1016h" not in terminal.sent
    log = (warm_home / "log" / "digitty.log").read_text()
    assert "skipped input that makes no sense" in log
    assert "Traceback" not in log


def test_keys_of_one_write_go_where_tab_leads(warm_home: Path, tmp_path: Path) -> None:
    with Terminal([], environment(warm_home), tmp_path, patch=faked()) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        send(terminal, b"\x1bOR")  # F3
        terminal.sees("guidance")
        send(terminal, b"e\x1512\t\x157\t\t\x1530\t\t\x155\r")
        terminal.sees("count 12", "of 7 ", "steps 30", "seed 5", "enter enlarges")
        assert "count 121" not in terminal.text
