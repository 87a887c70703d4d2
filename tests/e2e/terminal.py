"""A person at a terminal: a command in a pseudo-terminal of its own, what it shows there (pyte), and keys sent to it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyte

ROOT = Path(__file__).parents[2]
KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "ctrl+s": "\x13",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f7": "\x1b[18~",
    "f8": "\x1b[19~",
    "right": "\x1b[C",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
}
SPOILT = "¿"
"""What a cell shows that nobody has drawn since the window was dragged."""
PATIENCE = 90.0
"""Seconds: importing torch takes several on a busy machine."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """A plain terminal's, with nothing of whoever runs the tests; one thread, as two wait for each other on a busy machine."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    return {
        **kept,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "DIGITTY_HOME": str(home),
        "OMP_NUM_THREADS": "1",
        **more,
    }


class Terminal:
    """`digitty` and its arguments in a terminal of this size; `patch` is Python that runs before it, in the same process."""

    def __init__(
        self,
        arguments: list[str],
        env: Mapping[str, str],
        cwd: Path,
        columns: int = 80,
        lines: int = 24,
        patch: str | None = None,
        python: str = sys.executable,
    ) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._screen.write_process_input = lambda answer: os.write(self._master, answer.encode())  # type: ignore[method-assign]
        self._stream = pyte.ByteStream(self._screen)
        self._lines = [""] * lines
        self._lock = threading.Lock()
        self.sent = b""
        """All that was sent to the terminal."""
        self.watched = True
        """Whether what is sent is also shown, which takes time."""
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.settings_before = termios.tcgetattr(self._slave)
        ends = {"stdin": self._slave, "stdout": self._slave, "stderr": self._slave}
        start = ["-m", "tui"] if patch is None else ["-c", f"{patch}\nfrom tui.cli.main import main\nmain()"]
        command = [python, *start, *arguments]
        self.process = subprocess.Popen(command, env=env, cwd=cwd, start_new_session=True, preexec_fn=_take_terminal, **ends)
        self._enough, self._say_enough = os.pipe()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.hang_up()
        for fd in (self._slave, self._enough, self._say_enough):
            os.close(fd)

    def hang_up(self) -> None:
        """Closes the terminal, as a window that is closed or a connection that is lost."""
        if self._reader.is_alive():
            self.look_away()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def look_away(self) -> None:
        """Takes nothing more of what is sent, as a connection that hangs."""
        os.write(self._say_enough, b"\0")
        self._reader.join(10)

    def takes(self) -> bool:
        """Whether there is room for more to be sent."""
        return bool(select.select([], [self._slave], [], 0)[1])

    def look_back(self) -> bytes:
        """What had been sent and not been taken."""
        taken = b""
        while select.select([self._master], [], [], 0.2)[0]:
            try:
                taken += os.read(self._master, 65536)
            except OSError:
                break
        return taken

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while self._enough not in select.select([self._master, self._enough], [], [])[0]:
                data = os.read(self._master, 65536)
                with self._lock:
                    self.sent += data
                    if self.watched:
                        self._stream.feed(data)
                    else:
                        os.write(self._master, b"\x1b[1;1R" * data.count(b"\x1b[6n"))  # where is the cursor? Every terminal answers

    # --- the person ---------------------------------------------------------------------------------------------------

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def press(self, *keys: str) -> None:
        """Keys by name, or single characters; an escape waits, so that it is not taken for the start of a sequence."""
        for key in keys:
            self.type(KEYS.get(key, key))
            time.sleep(0.3 if key == "esc" else 0.05)

    @property
    def lines(self) -> list[str]:
        with self._lock:
            if self._screen.dirty:  # else nothing was drawn since the last look
                self._lines = [line.rstrip() for line in self._screen.display]
                self._screen.dirty.clear()
            return [*self._lines]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def until(self, seen: Callable[[], Any], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not seen():
            if time.monotonic() > deadline:
                raise AssertionError(f"never seen (exit code {self.process.poll()}):\n{self.text}")
            time.sleep(0.02)

    def sees(self, *texts: str, seconds: float = PATIENCE) -> None:
        self.until(lambda: _has_all(self.text, texts), seconds)

    def start_training(self) -> None:
        """From any screen, where there is no run yet: the preset seed."""
        self.press("f5")
        self.sees("No run yet", "seed ")
        self.press("down", "down", "down")  # over quick, 30 minutes and best
        self.press("n")
        self.sees("preset", "Start")
        self.press("ctrl+s")

    def left(self, seconds: float = 30.0) -> int:
        """Waits for the process to end; its exit code."""
        code = self.process.wait(seconds)
        seen, still = -1, 0
        while still < 3:  # the last bytes: drawing them takes the reader a while
            time.sleep(0.1)
            with self._lock:
                still = still + 1 if len(self.sent) == seen else 0
                seen = len(self.sent)
        return code

    def resize(self, columns: int, lines: int) -> None:
        """As a window that is dragged: the program gets a SIGWINCH. What was shown is spoilt, as by a terminal that reflows it."""
        with self._lock:
            if self.watched and (columns, lines) != (self._screen.columns, self._screen.lines):
                self._screen.resize(lines, columns)
                self._spoil()
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _spoil(self) -> None:
        for y in range(self._screen.lines):
            for x in range(self._screen.columns):
                self._screen.buffer[y][x] = self._screen.default_char._replace(data=SPOILT, reverse=True)
        self._screen.dirty.update(range(self._screen.lines))

    def repainted(self) -> list[list[tuple[object, ...]]]:
        """All that is shown after ctrl+l on a screen that was scribbled over."""
        with self._lock:
            self._spoil()
        self.type("\x0c")
        return self.rested()

    def rested(self, seconds: float = 1.0) -> list[list[tuple[object, ...]]]:
        """All that is shown, once it has not changed for so long."""
        before: object = None
        while before != (before := self.cells()):
            time.sleep(seconds)
        return self.cells()

    # --- what a terminal knows ----------------------------------------------------------------------------------------

    def seen(self, top: int, left: int, size: int = 28, light: bool = False) -> bytes:
        """What a person sees of the picture whose first cell is there, ink bright: its size x size pixels, on a terminal of dark or light ground."""
        with self._lock:
            cells = [[self._screen.buffer[top + y][left + x] for x in range(size)] for y in range(size // 2)]
        halves = [[_halves(cell, light) for cell in row] for row in cells]
        pixels = b"".join(bytes(pair[half] for pair in row) for row in halves for half in (0, 1))
        ground, most = pixels[0], max(1, *(abs(grey - pixels[0]) for grey in pixels))  # eyes take the ground for nothing and the ink for full
        return bytes(abs(grey - ground) * 255 // most for grey in pixels)

    def cells(self) -> list[list[tuple[object, ...]]]:
        """All that is shown: characters with their colours and attributes. The ink of a blank is not."""
        with self._lock:
            cells = [[self._screen.buffer[y][x] for x in range(self._screen.columns)] for y in range(self._screen.lines)]
        return [[tuple(c if c.data != " " or c.reverse else c._replace(fg="", bold=False, italics=False)) for c in row] for row in cells]

    def greys(self, top: int, left: int, size: int = 28) -> bytes:
        """The picture of half blocks whose first cell is there: its pixels, read back from the cells' colours."""
        with self._lock:
            cells = [[self._screen.buffer[top + y][left + x] for x in range(size)] for y in range(size // 2)]
        pairs = [[(_grey(c.fg), _grey(c.bg)) if c.data == "▀" else (_grey(c.bg),) * 2 for c in row] for row in cells]
        return b"".join(bytes(pair[half] for pair in row) for row in pairs for half in (0, 1))

    def restored(self) -> bool:
        """Every mode that was switched on is off again, the cursor is shown, lines wrap, and the line settings are as before."""
        with self._lock:
            sent = self.sent
        on = [*set(re.findall(rb"\x1b\[\?(\d+)h", sent)) - {b"25", b"7"}]
        left = all(sent.rfind(b"\x1b[?%bl" % mode) > sent.rfind(b"\x1b[?%bh" % mode) for mode in on)
        left &= all(sent.rfind(b"\x1b[?%bh" % mode) >= sent.rfind(b"\x1b[?%bl" % mode) for mode in (b"25", b"7"))
        return left and termios.tcgetattr(self._slave) == self.settings_before


def _has_all(shown: str, texts: Sequence[str]) -> bool:
    return all(text in shown for text in texts)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _grey(color: str) -> int:
    return int(color[:2], 16) if len(color) == 6 and color[:2] == color[2:4] == color[4:] else 0


INK = {"▀": (1.0, 0.0), "▄": (0.0, 1.0)} | {char: (i / 4, i / 4) for i, char in enumerate(" ░▒▓█")}
INK |= {char: (i / 9, i / 9) for i, char in enumerate(" .:-=+*#%@")}
"""How much of its upper and of its lower half a character covers."""
NAMED = {"black": 0, "white": 229, "brightblack": 102, "brightwhite": 255}


def _halves(cell: Any, light: bool) -> tuple[int, int]:
    """The greys of a cell's halves."""
    ink, paper = (20, 250) if light else (229, 12)
    fg = ink if cell.fg == "default" else NAMED[cell.fg] if cell.fg in NAMED else int(cell.fg[2:4], 16)
    bg = paper if cell.bg == "default" else NAMED[cell.bg] if cell.bg in NAMED else int(cell.bg[2:4], 16)
    if cell.reverse:
        fg, bg = bg, fg
    above, below = INK[cell.data]
    return round(bg + (fg - bg) * above), round(bg + (fg - bg) * below)


# --- the command with something else behind it ----------------------------------------------------------------------------


def faked(jobs: str = "", more: str = "") -> str:
    """A patch: fake jobs with these arguments."""
    fakes = str(Path(__file__).parents[1] / "tui")
    return "\n".join(
        [
            f"import sys; sys.path.insert(0, {fakes!r})",
            "import engine.jobs.jobs, tui.cli.generate, tui.cli.main",
            "from fakes import FakeJobs",
            f"engine.jobs.jobs.Jobs = tui.cli.generate.Jobs = lambda *_: FakeJobs({jobs})",
            more,
        ]
    )
