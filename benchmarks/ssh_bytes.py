"""What the screen sends and what drawing costs: bytes a second over SSH, processor time of a live view, and what an idle screen sends.

    python benchmarks/ssh_bytes.py
    python benchmarks/ssh_bytes.py --seconds 5      # a quick look

`one digit` is the size of what is sent for it, enlarged, without a terminal.

`live, 4×4` are sixteen digits at full size that come out of noise, made beforehand, in a terminal of 120×70 that answers at once: frames a second
that arrive, and the share of one processor that the whole process takes meanwhile. `over SSH` is a terminal as quick, with SSH_CONNECTION set:
the same drawing again and again (at 120×70 and at 80×24), and a real training of the smallest preset with its previews. `Prompt`, `How` and
`Compare` are what these screens send with the real engine: for a sketch while someone types, a digit with its filmstrip, a page, a step of the
slider, a sweep. `idle` goes round the screens, and says how
often an idle screen wakes up, and what it costs an hour.
Needs an idle machine, and pyte (in the test extra).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from pathlib import Path

from prerecorded_jobs import FPS, FRAMES, PATCH
from slow_terminal import SlowTerminal
from terminal import Terminal, environment
from test_screen import train
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.render.cells import Picture, half_block_rows, segments
from tui.render.painter import Painter
from tui.terminal.capabilities import ColorDepth
from tui.terminal.graphics import Graphics
from tui.terminal.screen_diff import ScreenDiff

QUESTION = b"\x1b[6n"
STEPS = 5
"""Of the slider on How, each a fiftieth of its length."""
QUICK = 1e9
"""Bytes a second: no line in between."""


class Blind(Terminal):
    """Answers at once, and once told to, looks at nothing: a terminal that costs next to nothing itself."""

    blind = False

    def _read(self) -> None:
        self._screen.write_process_input = lambda answer: os.write(self._master, answer.encode())
        while True:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:
                return
            with self._lock:
                self.sent += data
                if not self.blind:
                    self._stream.feed(data)
                else:
                    with contextlib.suppress(OSError):
                        os.write(self._master, b"\x1b[1;1R" * data.count(QUESTION))

    def look_away(self) -> None:
        """There is nothing to wait for."""


def processor(pid: int) -> float:
    """Seconds that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def live(home: Path) -> None:
    """One drawing."""
    with Blind([], environment(home), home, 120, 70, PATCH) as terminal:
        terminal.sees("Type a digit", "shipped")
        terminal.press("f3")
        terminal.sees("count")
        time.sleep(1)
        terminal.blind = True
        before, busy, start = len(terminal.sent), processor(terminal.process.pid), time.monotonic()
        terminal.type("r")
        time.sleep(FRAMES / FPS)
        took = time.monotonic() - start
        share = (processor(terminal.process.pid) - busy) / took
        sent = terminal.sent[before:]
        rate = sent.count(QUESTION) / took
        print(f"live, 4×4 at 28 px     {rate:5.1f} frames/s of {FPS}, {share:4.0%} of a core, {share / rate * 1000:5.1f} ms a frame")


def drawing_over_ssh(home: Path, seconds: float, columns: int, lines: int) -> None:
    with SlowTerminal([], environment(home, SSH_CONNECTION="::1 1 ::1 22"), home, columns, lines, PATCH, QUICK) as terminal:
        terminal.sees("Type a digit", "shipped")
        terminal.press("f3")
        terminal.sees("count")
        time.sleep(2)
        start, before, again = time.monotonic(), len(terminal.sent), 0.0
        while time.monotonic() < start + seconds:
            if time.monotonic() > again:
                terminal.type("r")
                again = time.monotonic() + FRAMES / FPS + 0.2
            time.sleep(0.02)
        print(f"over SSH, drawing      {columns}x{lines:<4} {(len(terminal.sent) - before) / (time.monotonic() - start) / 1000:5.1f} KB/s")


def training_over_ssh(home: Path, seconds: float) -> None:
    with SlowTerminal([], environment(home, SSH_CONNECTION="::1 1 ::1 22"), home, 80, 24, None, QUICK) as terminal:
        terminal.sees("Type a digit")
        train(terminal, "100000")
        terminal.sees("training", "steps/s")
        start, before = time.monotonic(), len(terminal.sent)
        time.sleep(seconds)
        print(f"over SSH, training     80x24    {(len(terminal.sent) - before) / (time.monotonic() - start) / 1000:5.1f} KB/s")


def idle(home: Path, seconds: float) -> None:
    with SlowTerminal([], environment(home), home, 80, 24, PATCH, QUICK) as terminal:
        terminal.sees("Type a digit", "shipped")
        screens = (("f2", "Type a digit"), ("f3", "count"), ("f4", "Grid"), ("f5", "No run yet"), ("n", "Start"))
        for key, seen in (*screens, ("f6", "enter draws the prompt"), ("f7", "Gallery"), ("f8", "of the image is left")):
            if key == "f6":
                terminal.press("esc")
            terminal.press(key)
            terminal.sees(seen)
            time.sleep(FRAMES / FPS + 2)  # the grid draws by itself
            before = len(terminal.sent)
            time.sleep(seconds)
            print(f"idle after {key:<12}{len(terminal.sent) - before:5} bytes in {seconds:.0f} s")


def idle_cost(home: Path, seconds: float) -> None:
    """Of the first screen, with the weights loaded."""
    with SlowTerminal([], environment(home), home, 80, 24, None, QUICK) as terminal:
        terminal.sees("Type a digit", "cpu")
        time.sleep(2)
        pid = terminal.process.pid
        woken, busy, start = wake_ups(pid), processor(pid), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - start
        each, hour = (wake_ups(pid) - woken) / took, (processor(pid) - busy) / took * 3600
        print(f"idle                   {each:5.1f} wake-ups/s, {hour:4.1f} seconds of the processor an hour")


def wake_ups(pid: int) -> int:
    """How often the threads of a process have been woken so far."""
    texts = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status"))
    return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("voluntary_ctxt_switches"))


def quiet(terminal: SlowTerminal, still: float = 1.0) -> int:
    """Bytes sent so far, once nothing has been sent for `still` seconds."""
    sent, since = len(terminal.sent), time.monotonic()
    while time.monotonic() - since < still:
        time.sleep(0.05)
        if len(terminal.sent) != sent:
            sent, since = len(terminal.sent), time.monotonic()
    return sent


def prompting(home: Path, columns: int, lines: int) -> None:
    """On Prompt, a word as it is typed, with its sketch; then the digit in full, as large as the screen allows, with its filmstrip."""
    with SlowTerminal([], environment(home, SSH_CONNECTION="::1 1 ::1 22"), home, columns, lines, None, QUICK) as terminal:
        terminal.sees("Type a digit", "cpu")
        sent = quiet(terminal)
        terminal.type("seven")
        terminal.sees("a one-step sketch")
        before, sent = sent, quiet(terminal)
        start = time.monotonic()
        terminal.press("enter")
        terminal.sees("steps/s", "average")
        drawn, took = quiet(terminal) - sent, time.monotonic() - start
        sketched, size = (sent - before) / 1000, f"{columns}x{lines}"
        print(f"Prompt, seven          {size:8} {sketched:5.1f} KB typed, with a sketch; {drawn / 1000:5.1f} KB drawn in {took:.1f} s")


def teaching_and_comparing(home: Path, columns: int, lines: int) -> None:
    """How, page by page and for a step of its slider; a sweep of nine drawings on Compare, from the first frame to the last."""
    with SlowTerminal([], environment(home, SSH_CONNECTION="::1 1 ::1 22"), home, columns, lines, None, QUICK) as terminal:
        terminal.sees("Type a digit", "cpu")
        sent, size = quiet(terminal), f"{columns}x{lines}"
        for page, seen in (("noise", "of the image is left"), ("guess", "guessed noise"), ("loss", "at t =")):
            terminal.press("f8" if page == "noise" else "tab")
            terminal.sees(seen)
            opened, sent = sent, quiet(terminal, 3.0)
            shown = sent - opened
            for _ in range(STEPS):
                terminal.press("right")
                before, sent = sent, quiet(terminal)
            print(f"How, the {page:12}  {size:8} {shown / 1000:5.1f} KB to open, {(sent - before) / 1000:5.1f} KB for the last of {STEPS} steps of t")
        terminal.press("f6")
        terminal.sees("enter draws the prompt")
        sent, start = quiet(terminal), time.monotonic()
        terminal.press("enter")
        terminal.sees("9 drawings")
        took = time.monotonic() - start
        print(f"Compare, a sweep       {size:8} {(quiet(terminal) - sent) / 1000:5.1f} KB for nine drawings in {took:.1f} s")


def enlarged() -> None:
    """What one digit takes at each size in half blocks: the frames of its denoising, the finished picture, and that in real pixels."""
    from fake_pictures import blend, digits  # found once prerecorded_jobs is imported

    for size in (28, 56, 84, 112):
        diff, rows, took = ScreenDiff(), size // 2, []
        for k in range(FRAMES + 1):
            picture = Picture(blend(7, k, 0, k / FRAMES))
            cells = half_block_rows(picture, size, ColorDepth.TRUECOLOR, smooth=k == FRAMES)
            diff.set_wanted(LayoutUpdate([[Strip(segments(row, ColorDepth.TRUECOLOR))] for row in cells], Region(0, 0, size, rows)))
            due = diff.due_rows()
            took.append(sum(len(sequence.encode()) for _, sequence in due))
            for y, _ in due:
                diff.mark_sent(y)
        region, seven = Region(0, 0, size, rows), Picture(digits()[7])
        still = {way: len(Painter(way, (9, 18), remote=True).place(region, seven).paint().encode()) for way in Graphics if way.has_pixels}
        stills = ", ".join(f"{way} {size / 1000:.1f}" for way, size in still.items())
        frame, finished = max(took[1:-1]) / 1000, took[-1] / 1000
        print(f"one digit at {size:3} px    {frame:5.1f} KB a frame at most, {finished:5.1f} KB finished; in pixels: {stills} KB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="For each of those over SSH; a third of it for each idle screen.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        enlarged()
        live(home)
        drawing_over_ssh(home, given.seconds, 120, 70)
        drawing_over_ssh(home, given.seconds, 80, 24)
        for columns, lines in ((80, 24), (120, 40), (160, 50)):
            prompting(home, columns, lines)
        for columns, lines in ((80, 24), (120, 40)):
            teaching_and_comparing(home, columns, lines)
        idle(home, given.seconds / 3)
        idle_cost(home, 2 * given.seconds)
        training_over_ssh(home, given.seconds)


if __name__ == "__main__":
    main()
