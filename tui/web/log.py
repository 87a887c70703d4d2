"""What goes wrong inside the server of `digitty serve`, as lines on standard error that strangers can't multiply."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import click

from engine.formatting import printable

LOGGERS = ("aiohttp", "asyncio", "textual-serve", "digitty.serve")
log = logging.getLogger("digitty.serve")
QUIET = 60.0
"""Seconds between two lines of one kind."""
KINDS = 100
"""Kinds that are remembered."""


class RareLines(logging.Handler):
    """Writes at most one line a minute for each kind of record, and never a traceback. A kind is a place, a message and an exception's type."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._kinds: dict[tuple[object, ...], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        first = str(record.msg).split("\n", 1)[0]
        kind = (record.name, record.pathname, record.lineno, first, type(error))
        last, withheld = self._kinds.get(kind, (-QUIET, 0))
        now = self._clock()
        if now - last < QUIET:
            self._kinds[kind] = (last, withheld + 1)
            return
        if len(self._kinds) >= KINDS:
            self._kinds.clear()
        self._kinds[kind] = (now, 0)
        try:
            text = record.getMessage().split("\n", 1)[0]
        except (TypeError, ValueError):
            text = first
        cause = "" if error is None else f": {_cause(error)}"
        more = f" ({withheld} more like this)" if withheld else ""
        complain(f"digitty serve: {printable(text + cause, 400)}{more}")


def complain(line: str) -> None:
    """Writes to standard error, where that still goes anywhere."""
    with suppress(OSError, ValueError):
        click.echo(printable(line, 500), err=True)


def _cause(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


@contextmanager
def rare_lines() -> Iterator[None]:
    """Within the block the server's libraries log through `RareLines` alone."""
    handler, before = RareLines(), {name: logging.getLogger(name).propagate for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).propagate = False
    try:
        yield
    finally:
        for name, propagate in before.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).propagate = propagate
