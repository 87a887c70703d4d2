"""Work that would make the screen wait, on separate threads. The result is delivered on the screen's thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from textual.message_pump import MessagePump

from engine.errors import DigittyError
from engine.protocol.events import Ended, Event

T = TypeVar("T")

log = logging.getLogger(__name__)


def run_in_background(app: MessagePump, work: Callable[[], T], then: Callable[[T | DigittyError], None]) -> None:
    """Run `work` on a thread; `then` gets its result, or the DigittyError that it raised."""

    def run() -> None:
        result: T | DigittyError
        try:
            result = work()
        except DigittyError as error:
            result = error
        except Exception as error:
            log.exception("work in the background")
            result = DigittyError(f"{type(error).__name__}: {error}")
        app.call_later(then, result)

    threading.Thread(target=run, name="background", daemon=True).start()


def stream_in_background(app: MessagePump, start: Callable[[], Iterator[Event]], listener: Callable[[Event], None], name: str) -> None:
    """Run a job that needs no engine on a thread; `listener` gets its events, the last of which is Ended."""

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
