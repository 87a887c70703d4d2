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
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pyte

ROOT = Path(__file__).parents[2]
KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
}
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

    def __init__(self, arguments: list[str], env: Mapping[str, str], cwd: Path, columns: int = 80, lines: int = 24, patch: str | None = None) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.sent = b""
        """All that was sent to the terminal."""
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.settings_before = termios.tcgetattr(self._slave)
        ends = {"stdin": self._slave, "stdout": self._slave, "stderr": self._slave}
        start = ["-m", "tui.cli"] if patch is None else ["-c", f"{patch}\nfrom tui.cli import main\nmain()"]
        command = [sys.executable, *start, *arguments]
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
                    self._stream.feed(data)

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
            return [line.rstrip() for line in self._screen.display]

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
        self.until(lambda: all(text in self.text for text in texts), seconds)

    def left(self, seconds: float = 30.0) -> int:
        """Waits for the process to end; its exit code."""
        code = self.process.wait(seconds)
        time.sleep(0.1)  # for the last bytes
        return code

    # --- what a terminal knows ----------------------------------------------------------------------------------------

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


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _grey(color: str) -> int:
    return int(color[:2], 16) if len(color) == 6 and color[:2] == color[2:4] == color[4:] else 0
