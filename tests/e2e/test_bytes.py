"""What the screen sends: nothing while it is idle, no more than a line takes, and in the end the true picture."""

from __future__ import annotations

import gzip
import signal
import time
from pathlib import Path

import pytest
from slow_terminal import SlowTerminal
from terminal import Terminal, environment
from test_screen import answer_row, faked

from engine.storage import paths
from tui.render.cells import Picture, half_block_rows
from tui.terminal.capabilities import ColorDepth
from tui.terminal.flow_control import HEAVY_BURST

NOISE = """
import os, time, fakes
def draw(jobs, request):
    weights = fakes.WeightsInfo("shipped", 0, "average")
    yield fakes.DrawStarted(fakes.Recipe(request.labels, tuple(range(16)), request.sample, weights, fakes.ENGINE))
    while True:
        yield fakes.Frame(fakes.Images(os.urandom(784 * 16), 16), 5, 10, 15.0)
        time.sleep(1 / 15)
FakeJobs.draw = draw
"""
"""A drawing that never gets anywhere."""


def seven() -> bytes:
    """The picture that the fake jobs draw: the first seven of the test set."""
    images, labels = (gzip.decompress((paths.ASSETS / "mnist" / f"t10k-{name}-ubyte.gz").read_bytes()) for name in ("images-idx3", "labels-idx1"))
    return images[16 + 784 * labels[8:].index(7) :][:784]


def greys(image: bytes) -> bytes:
    """What a terminal of many colours shows of a picture."""
    rows = half_block_rows(Picture(image), 28, ColorDepth.TRUECOLOR)
    halves = ((bytes(run.fg for run in row for _ in run.text), bytes(run.bg for run in row for _ in run.text)) for row in rows)
    return b"".join(upper + lower for upper, lower in halves)


def settle(terminal: Terminal, seconds: float = 0.6) -> None:
    """Waits until nothing has been sent for so long."""

    def quiet() -> bool:
        before = len(terminal.sent)
        time.sleep(seconds)
        return len(terminal.sent) == before

    terminal.until(quiet, 60)


def test_an_idle_screen_sends_nothing(warm_home: Path, tmp_path: Path) -> None:
    with Terminal([], environment(warm_home), tmp_path, patch=faked("steps_per_epoch=2")) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        for keys, seen in (
            (["f5"], "No run yet"),
            (["n"], "Start"),  # a dialog with inputs
            (["\x13"], "finished"),  # a run, by ctrl+s
            (["f6"], "loss by step"),
            (["v", "v"], "1 drawing in"),
            (["c"], "enter draws the prompt"),
            (["f2"], "Type a digit"),
            ([*"seven"], " seven"),  # amid typing
            (["enter"], "7 · seven"),
            (["f3"], "count"),
            (["r"], "scrub"),
            (["f4"], "Grid"),
            (["w"], "Draw with"),
            (["esc", "o"], "How to draw"),
            (["esc", "?"], "Everywhere"),
            (["esc", "f7"], "Gallery"),
            (["f8"], "of the image is left"),
            (["m"], "Messages"),
        ):
            terminal.press(*keys)
            terminal.sees(seen)
            settle(terminal, 1.2)


@pytest.mark.parametrize("rate", [16_000, 100_000])
def test_over_a_slow_line_the_last_picture_is_the_true_one(warm_home: Path, tmp_path: Path, rate: int) -> None:
    with SlowTerminal([], environment(warm_home), tmp_path, patch=faked("pace=0.05"), rate=rate) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.type("seven\r")
        terminal.sees("7 · seven", "200 steps/s")
        settle(terminal)
        assert terminal.greys(answer_row(terminal, "seven"), 2) == greys(seven())
        lines = terminal.lines
        terminal.type("\x0c")
        settle(terminal)
        assert terminal.lines == lines, "drawn afresh it looks the same"


@pytest.mark.parametrize("rate", [16_000, 100_000])
def test_however_much_there_is_to_show_little_is_under_way(warm_home: Path, tmp_path: Path, rate: int) -> None:
    """A key's effect, and the leaving, wait for that alone; and no answer is typed into the shell."""
    with SlowTerminal([], environment(warm_home), tmp_path, 120, 62, faked(more=NOISE), rate) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.press("f3")
        terminal.sees("count")
        terminal.press("r")
        before, most, start = len(terminal.sent), 0, time.monotonic()
        while len(terminal.sent) - before < 3 * rate:
            assert time.monotonic() < start + 90, f"the drawing sends too little:\n{terminal.lines}"
            most = max(most, terminal.held)
            time.sleep(0.01)
        assert most <= max(30_000, rate), "of the megabyte that the line would swallow"
        terminal.press("f2")
        terminal.sees("Type a digit")
        terminal.press("esc", "q")
        assert terminal.left() == 0
        assert terminal.restored()
        assert b"^[[" not in terminal.sent


def test_over_ssh_a_live_view_keeps_to_50_kilobytes_a_second(warm_home: Path, tmp_path: Path) -> None:
    with SlowTerminal([], environment(warm_home, SSH_CONNECTION="::1 1 ::1 22"), tmp_path, 120, 62, faked(more=NOISE), rate=1e9) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.press("f3")
        terminal.sees("count")
        settle(terminal)
        before, start = len(terminal.sent), time.monotonic()
        terminal.press("r")
        terminal.until(lambda: time.monotonic() > start + 4)
        sent, took = len(terminal.sent) - before, time.monotonic() - start
        assert 50_000 < sent <= HEAVY_BURST + 50_000 * took


def test_after_a_while_in_the_background_the_screen_is_whole_again(warm_home: Path, tmp_path: Path) -> None:
    with SlowTerminal([], environment(warm_home), tmp_path, patch=faked(), rate=1e9) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.type("seven\r")
        terminal.sees("7 · seven", "200 steps/s")
        settle(terminal)
        shown = terminal.cells
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.until(lambda: Path(f"/proc/{terminal.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        terminal.until(terminal.restored)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until(lambda: terminal.cells == shown)
