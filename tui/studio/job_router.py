"""Delivers each job's events to its listener, and knows which jobs are active. One worker; jobs that need no engine run beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from textual.message_pump import MessagePump

from engine.jobs.worker import Kind, Worker
from engine.protocol import events as e
from engine.protocol.events import Event
from tui.studio.background import stream_in_background
from tui.studio.messages import FromEngine

Listener = Callable[[Event], None]


class JobRouter:
    """Only for the screen's thread, except `finishing`."""

    def __init__(self, app: MessagePump, on_change: Callable[[], None], last_words: list[str]) -> None:
        """`app` gets a FromEngine for every event of the worker; `on_change` is called whenever the running jobs change.

        `last_words` are the lines to print once the screen is closed.
        """
        self._app, self._on_change, self.last_words = app, on_change, last_words
        self._listeners: dict[int, Listener] = {}
        self._activities: dict[int, str] = {}
        self.worker = Worker(self._from_engine)
        self.finishing = False
        """The application is closing: the message of a job that fails now goes to `last_words`, since the screen can't show it any more."""

    def _from_engine(self, job: int, event: Event) -> None:
        """On the engine's thread."""
        if self.finishing and isinstance(event, e.Ended) and event.outcome == "failed":
            self.last_words.append(event.message)
        self._app.post_message(FromEngine(job, event))

    def submit(self, kind: Kind, start: Callable[[], Iterator[Event]], listener: Listener, activity: str) -> int:
        """Queue a job for the worker; `listener` gets its events on this thread. Returns the job's number.

        `activity` is what the top line calls it; empty if it is not to be named.
        """
        number = self.worker.submit(kind, start)
        self._listeners[number] = listener
        self._activities[number] = activity
        self._on_change()
        return number

    def submit_background(self, start: Callable[[], Iterator[Event]], listener: Listener, name: str) -> None:
        """Run a job that needs no engine on a separate thread of this name; `listener` gets its events on this thread, the last of which is Ended."""
        stream_in_background(self._app, start, listener, name)

    def dispatch(self, job: int, event: Event) -> None:
        """Deliver an event to the job's listener."""
        listener = self._listeners.get(job)
        if isinstance(event, e.Ended):
            self._listeners.pop(job, None)
            self._activities.pop(job, None)
            self._on_change()
        if listener:
            listener(event)

    def rename(self, job: int, activity: str) -> None:
        """Change what the top line calls a job."""
        if job in self._activities:
            self._activities[job] = activity
            self._on_change()

    @property
    def idle(self) -> bool:
        """Whether no job is queued or runs."""
        return not self._activities

    @property
    def activities(self) -> tuple[str, ...]:
        """All that runs now and has a name: drawing, sketching."""
        return tuple(dict.fromkeys(filter(None, self._activities.values())))
