"""A terminal at the far end of a line that swallows a megabyte and passes on so many bytes a second, as a slow SSH connection does."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Mapping
from pathlib import Path

from terminal import Terminal

SWALLOWED = 1_000_000
"""Bytes that the line takes before a write waits."""


class SlowTerminal(Terminal):
    """What is typed arrives at once: little is. The terminal answers where its cursor is when the question reaches it."""

    def __init__(
        self,
        arguments: list[str],
        env: Mapping[str, str],
        cwd: Path,
        columns: int = 80,
        lines: int = 24,
        patch: str | None = None,
        rate: float = 100_000.0,
    ) -> None:
        self._rate = rate
        self.held = 0
        """Bytes that are on their way."""
        super().__init__(arguments, env, cwd, columns, lines, patch)

    @property
    def cells(self) -> list[list[object]]:
        """What is to be seen: of a blank, no ink."""
        with self._lock:
            rows = [[self._screen.buffer[y][x] for x in range(self._screen.columns)] for y in range(self._screen.lines)]
        return [[(c.data, c.bg, c.reverse) if c.data == " " and not c.reverse else c for c in row] for row in rows]

    def _read(self) -> None:
        self._screen.write_process_input = lambda answer: os.write(self._master, answer.encode())
        held, then, due = bytearray(), time.monotonic(), 0.0
        with contextlib.suppress(OSError):
            while True:
                inputs = [self._enough, self._master] if len(held) < SWALLOWED else [self._enough]
                ready = select.select(inputs, [], [], 0.005 if held else None)[0]
                if self._enough in ready:
                    return
                if self._master in ready:
                    held += os.read(self._master, 65536)
                now = time.monotonic()
                due = min(due + (now - then) * self._rate, self._rate / 20) if held else 0.0
                then = now
                passed = bytes(held[: int(due)])
                due -= len(passed)
                del held[: len(passed)]
                self.held = len(held)
                if passed:
                    with self._lock:
                        self.sent += passed
                        self._stream.feed(passed)
