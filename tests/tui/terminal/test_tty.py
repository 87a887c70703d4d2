"""The terminal is restored in bounded time, whatever its state."""

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
from tui.terminal.window import Window


class Pair:
    """A pseudo-terminal: its two ends."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()

    def read_all(self) -> bytes:
        """Everything sent since the last call."""
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
    assert pair.read_all() == b""
    display.flush()
    assert pair.read_all() == "sieben ▀".encode()
    assert display.isatty()
    assert display.fileno() == pair.slave


def test_restore_brings_the_settings_back_and_drops_later_output(pair: Pair) -> None:
    before = termios.tcgetattr(pair.slave)
    display = RestorableTty(pair.slave)
    display.write(ENTERED.decode() + "\x1b[?1000h picture")
    display.flush()
    tty.setraw(pair.slave)
    pair.read_all()
    display.restore()
    assert pair.read_all() == RESET
    assert termios.tcgetattr(pair.slave) == before
    display.write("more")
    display.flush()
    assert pair.read_all() == b""
    display.print_line("saved")
    assert pair.read_all() == b"digitty: saved\r\n"
    display.restore()
    assert pair.read_all() == b"", "once is enough"


@pytest.mark.parametrize("drawn", ["", ENTERED.decode() + "x" + LEFT.decode()])
def test_a_terminal_that_was_not_entered_or_is_left_already_is_not_touched(pair: Pair, drawn: str) -> None:
    display = RestorableTty(pair.slave)
    display.write(drawn)
    display.flush()
    pair.read_all()
    display.restore()
    assert pair.read_all() == b""


def test_whatever_textual_switches_on_is_switched_off() -> None:
    """Checked against the sequences of Textual's own driver."""
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


def test_a_terminal_that_takes_nothing_is_restored_all_the_same(pair: Pair) -> None:
    display = RestorableTty(pair.slave)

    def draw() -> None:
        display.write(ENTERED.decode())
        for _ in range(1000):
            display.write("x" * 1000)
            display.flush()

    writer = threading.Thread(target=draw, daemon=True)
    writer.start()
    while select.select([], [pair.slave], [], 0)[1]:  # until it is full, so that the writer waits
        writer.join(0.01)
    assert writer.is_alive()
    restoring = threading.Thread(target=display.restore, daemon=True)
    restoring.start()
    restoring.join(10)
    assert not restoring.is_alive()
    assert pair.read_all().endswith(RESET)
    writer.join(10)
    assert not writer.is_alive(), "no thread waits for this terminal any more"


@pytest.mark.parametrize("window", [Window(titled=True, progress=True), Window(titled=True), Window(progress=True)])
@pytest.mark.parametrize("fails_at", ["drawing", "leaving", "left"])
def test_the_window_is_reset_once_wherever_the_screen_fails(pair: Pair, window: Window, fails_at: str) -> None:
    """Also when it was suspended before. A second reset would restore the title of a program further out."""
    display = RestorableTty(pair.slave, window=window)
    entry, leave = (ENTERED.decode(), window.entry, window.set_title("seven")), (window.reset, LEFT.decode())
    parts = {"drawing": (*entry, *leave, *entry), "leaving": (*entry, window.reset), "left": (*entry, *leave)}[fails_at]
    for part in parts:
        display.write(part)
        display.flush()
    display.restore()
    sent = pair.read_all()
    assert sent.count(window.reset.encode()) == parts.count(window.reset) + (fails_at == "drawing")
    assert sent.rfind(window.entry.encode() or ENTERED) < sent.rfind(window.reset.encode())
