"""Who hears which job, and what the top line says of those under way. One worker; the jobs that need no engine run beside it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from textual.app import App

from engine.jobs.worker import Kind, Worker
from engine.protocol import events as e
from engine.protocol.events import Event
from tui.studio.background import stream_in_background as beside
from tui.studio.messages import FromEngine

Listener = Callable[[Event], None]


class JobRouter:
    """For the screen's thread alone, but for `finishing`."""

    def __init__(self, app: App[Any], changed: Callable[[], None]) -> None:
        """`changed` is called when what is under way did."""
        self._app, self._changed = app, changed
        self._listeners: dict[int, Listener] = {}
        self._activity: dict[int, str] = {}
        self._beside = itertools.count(-1, -1)
        self.worker = Worker(self._from_engine)
        self.finishing = False
        """The application is being left: a job that fails now has nobody to tell but `last_words`."""
        self.last_words: list[str] = []
        """What there is to say once the screen is down."""

    def _from_engine(self, job: int, event: Event) -> None:
        """On the engine's thread."""
        if self.finishing and isinstance(event, e.Ended) and event.outcome == "failed":
            self.last_words.append(event.message)
        self._app.post_message(FromEngine(job, event))

    def submit(self, kind: Kind, start: Callable[[], Iterator[Event]], listener: Listener, activity: str) -> int:
        """Queue a job for the worker; `listener` hears its events on this thread. Returns the job's number."""
        number = self.worker.submit(kind, start)
        self._listeners[number] = listener
        self._activity[number] = activity
        self._changed()
        return number

    def beside(self, start: Callable[[], Iterator[Event]], listener: Listener, activity: str) -> None:
        """A job that needs no engine, on a thread of its own; `listener` is given its events on this thread, and last of all Ended."""
        number = next(self._beside)
        self._activity[number] = activity

        def hear(event: Event) -> None:
            if isinstance(event, e.Ended):
                self._activity.pop(number)
            self._changed()
            listener(event)

        beside(self._app, start, hear, activity)
        self._changed()

    def hear(self, job: int, event: Event) -> None:
        """On this thread: to whoever asked for the job."""
        listener = self._listeners.get(job)
        if isinstance(event, e.Ended):
            self._listeners.pop(job, None)
            self._activity.pop(job, None)
            self._changed()
        if listener:
            listener(event)

    def rename(self, job: int, activity: str) -> None:
        """What the top line says of it from now on."""
        if job in self._activity:
            self._activity[job] = activity
            self._changed()

    @property
    def doing(self) -> str:
        """drawing + training; idle"""
        return " + ".join(dict.fromkeys(self._activity.values())) or "idle"
