"""The terminal's end that Textual draws on: given back in bounded time, whatever state it is in."""

from __future__ import annotations

import os
import pty
import select
import termios
import threading
import tty
from collections.abc import Iterator

import pytest
from textual.drivers.linux_driver import LinuxDriver

from tui.terminal.tty import ENTERED, LEFT, RESET, RestorableTty


class Pair:
    """A pseudo-terminal: its two ends."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()

    def taken(self) -> bytes:
        """What was sent so far."""
        data = b""
        while select.select([self.master], [], [], 0.05)[0]:
            data += os.read(self.master, 65536)
        return data

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


def test_what_is_written_arrives_once_it_is_flushed(pair: Pair) -> None:
    display = RestorableTty(pair.slave)
    display.write("sieben ")
    display.write("▀")
    assert pair.taken() == b""
    display.flush()
    assert pair.taken() == "sieben ▀".encode()
    assert display.isatty()
    assert display.fileno() == pair.slave


def test_it_is_given_back_with_its_settings_and_then_nothing_is_drawn(pair: Pair) -> None:
    before = termios.tcgetattr(pair.slave)
    display = RestorableTty(pair.slave)
    display.write(ENTERED.decode() + "\x1b[?1000h picture")
    display.flush()
    tty.setraw(pair.slave)
    pair.taken()
    display.restore()
    assert pair.taken() == RESET
    assert termios.tcgetattr(pair.slave) == before
    display.write("more")
    display.flush()
    assert pair.taken() == b""
    display.print_line("saved")
    assert pair.taken() == b"digitty: saved\r\n"
    display.restore()
    assert pair.taken() == b"", "once is enough"


@pytest.mark.parametrize("drawn", ["", ENTERED.decode() + "x" + LEFT.decode()])
def test_a_screen_that_was_never_entered_or_is_left_already_is_not_touched(pair: Pair, drawn: str) -> None:
    display = RestorableTty(pair.slave)
    display.write(drawn)
    display.flush()
    pair.taken()
    display.restore()
    assert pair.taken() == b""


def test_whatever_textual_switches_on_is_switched_off() -> None:
    """Its driver's own words: what it writes to begin, to end, and in answer to a terminal that can more."""
    sent: list[str] = []

    class Driver(LinuxDriver):
        def __init__(self) -> None:
            self._mouse, self._in_band_window_resize = True, True

        def write(self, data: str) -> None:
            sent.append(data)

        def flush(self) -> None:
            pass

    driver = Driver()
    for begin in ("_enable_mouse_support", "_enable_mouse_pixels", "_enable_bracketed_paste", "_enable_in_band_window_resize"):
        getattr(driver, begin)()
    assert len(sent) >= 7
    for sequence in sent:
        assert sequence.endswith("h")
        assert sequence.encode()[:-1] + b"l" in RESET, sequence


def test_a_terminal_that_is_gone_is_no_error(pair: Pair) -> None:
    display = RestorableTty(pair.slave)
    display.write(ENTERED.decode())
    display.flush()
    pair.hang_up()
    for _ in range(100):
        display.write("x" * 1000)
        display.flush()
    display.restore()
    display.print_line("saved")


def test_a_terminal_that_takes_nothing_is_given_back_all_the_same(pair: Pair) -> None:
    display = RestorableTty(pair.slave)

    def draw() -> None:
        display.write(ENTERED.decode())
        for _ in range(1000):
            display.write("x" * 1000)
            display.flush()

    writer = threading.Thread(target=draw, daemon=True)
    writer.start()
    while select.select([], [pair.slave], [], 0)[1]:  # until it is full: the writer then waits for who never reads
        writer.join(0.01)
    assert writer.is_alive()
    restoring = threading.Thread(target=display.restore, daemon=True)
    restoring.start()
    restoring.join(10)
    assert not restoring.is_alive()
    assert pair.taken().endswith(RESET)
    writer.join(10)
    assert not writer.is_alive(), "nothing waits for this terminal any more"
