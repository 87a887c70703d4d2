"""The one loop that runs a job on the command line: it passes on the events, and ends the job cleanly when a signal comes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from engine.cli.output import print_status
from engine.cli.progress import ProgressLine
from engine.errors import MovedError
from engine.jobs.jobs import Job
from engine.process.signals import graceful
from engine.protocol.events import Event, Notice, Preparing

Result = TypeVar("Result", bound=Event)


@dataclass(frozen=True, slots=True)
class OnSignal:
    """What a signal does to a job whose work has started."""

    starts: type[Event] = Event
    """The first event of this type, other than Preparing, says that the work has started. Until then a signal ends the process at once."""
    note: Callable[[], None] = lambda: None
    """Called within the signal handler."""
    patience: Callable[[], float] = lambda: 0.0
    """Seconds beyond `signals.DEADLINE` that the step under way may take."""
    close: bool = True
    """Whether the job is closed after the event under way; otherwise `note` must make it end by itself, as all ranks of a group do together."""
    closed: Callable[[], None] = lambda: None
    """Called when a signal has closed the job."""


def run_job(job: Job, on_event: Callable[[Event], None], on_signal: OnSignal = OnSignal()) -> None:
    """Run the job to its end, and hand each event to `on_event`. Main thread only.

    Raises Stopped if a signal came, once the job is closed, and whatever the job raises.
    """
    with graceful() as guard, closing(job):
        guard.patience = on_signal.patience
        try:
            for event in job:
                on_event(event)
                if isinstance(event, on_signal.starts) and not isinstance(event, Preparing):
                    guard.defer_signals(on_signal.note, once=on_signal.close)
                if guard.number and on_signal.close:
                    job.close()
                    on_signal.closed()
                    break
        except MovedError as error:
            if not guard.number:
                raise
            print_status(f"digitty: {error}")  # the run is saved in its new place, and the signal decides the exit code
        guard.check()


def run_with_progress(job: Job, result: type[Result], describe: Callable[[Event], tuple[str, float] | None]) -> Result:
    """Run a job with progress on standard error, and return its event of type `result`.

    `describe` gives the text of the progress line and the fraction that is done, or None for an event that changes neither. Raises as `run_job`.
    """
    results: list[Result] = []
    with ProgressLine() as bar:

        def show(event: Event) -> None:
            if isinstance(event, Preparing):
                bar.show(event.what, event.fraction)
            elif isinstance(event, Notice):
                bar.clear()
                print_status(event.message)
            elif isinstance(event, result):
                results.append(event)
            elif progress := describe(event):
                bar.show(*progress)

        run_job(job, show)
    return results[0]
