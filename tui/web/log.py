"""Errors inside the server of `digitty serve`, as lines on standard error that a client cannot multiply."""

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
INTERVAL = 60.0
"""Seconds between two lines of one kind."""
MAX_KINDS = 100
"""Kinds that are remembered."""


class RareLines(logging.Handler):
    """Writes at most one line a minute for each kind of record, without tracebacks. A kind is a place, a message and an exception's type."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._kinds: dict[tuple[object, ...], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        first = str(record.msg).split("\n", 1)[0]
        kind = (record.name, record.pathname, record.lineno, first, type(error))
        last, withheld = self._kinds.get(kind, (-INTERVAL, 0))
        now = self._clock()
        if now - last < INTERVAL:
            self._kinds[kind] = (last, withheld + 1)
            return
        if len(self._kinds) >= MAX_KINDS:
            self._kinds.clear()
        self._kinds[kind] = (now, 0)
        try:
            text = record.getMessage().split("\n", 1)[0]
        except (TypeError, ValueError):
            text = first
        cause = "" if error is None else f": {_cause(error)}"
        more = f" ({withheld} more like this)" if withheld else ""
        print_error(f"digitty serve: {printable(text + cause, 400)}{more}")


def print_error(line: str) -> None:
    """Write to standard error, if it is still open."""
    with suppress(OSError, ValueError):
        click.echo(printable(line, 500), err=True)


def _cause(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


@contextmanager
def rare_lines() -> Iterator[None]:
    """Within the block the server's libraries log only through `RareLines`."""
    handler, propagation = RareLines(), {name: logging.getLogger(name).propagate for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).propagate = False
    try:
        yield
    finally:
        for name, propagate in propagation.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).propagate = propagate
