"""Work that would make the screen wait, on threads of its own; what comes of it is handed over on the screen's thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from textual.app import App

from engine.errors import DigittyError
from engine.protocol.events import Ended, Event

log = logging.getLogger(__name__)


def run_in_background(app: App[Any], work: Callable[[], Any], then: Callable[[Any], None]) -> None:
    """`then` gets what `work` returns, or the DigittyError that it raises."""

    def run() -> None:
        try:
            result = work()
        except DigittyError as error:
            result = error
        except Exception as error:
            log.exception("aside")
            result = DigittyError(f"{type(error).__name__}: {error}")
        app.call_later(then, result)

    threading.Thread(target=run, name="aside", daemon=True).start()


def stream_in_background(app: App[Any], start: Callable[[], Iterator[Event]], listener: Callable[[Event], None], name: str) -> None:
    """A job that needs no engine; `listener` is given its events, and last of all Ended."""

    def run() -> None:
        try:
            for event in start():
                app.call_later(listener, event)
            ended = Ended("finished")
        except DigittyError as error:
            ended = Ended("failed", str(error))
        except Exception as error:
            log.exception("%s", name)
            ended = Ended("failed", f"{type(error).__name__}: {error}", unexpected=True)
        app.call_later(listener, ended)

    threading.Thread(target=run, name=name, daemon=True).start()
