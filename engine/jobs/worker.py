"""One thread that owns the device: it pulls one event at a time from the jobs it holds. Knows no torch and no screen.

Drawing goes before everything else; training, judging and explaining share what is left, by time. A paused job is not pulled. A trial of the
machine's speed is stopped as soon as there is another job.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from engine.errors import DigittyError
from engine.process.foreign_errors import explain
from engine.protocol.events import Ended, Event, Tick

Kind = Literal["draw", "train", "evaluate", "explain", "trial"]
WEIGHT = {"explain": 4.0}
"""A second of such a job counts as this many, so that a training run keeps four fifths of the time beside it."""
Listener = Callable[[int, Event], None]
"""Called on the engine's thread with a job's number and its event; must not wait for anything."""

log = logging.getLogger(__name__)


@dataclass
class _Job:
    number: int
    kind: Kind
    start: Callable[[], Iterator[Event]]
    events: Iterator[Event] | None = None
    seconds: float = 0.0
    paused: bool = False
    stopped: bool = False


class Worker:
    """Runs jobs on its own daemon thread. Every method may be called from any thread and returns at once, except `close`."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._jobs: dict[int, _Job] = {}
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def submit(self, kind: Kind, start: Callable[[], Iterator[Event]]) -> int:
        """Queue a job; `start` makes its generator, on the engine's thread. Returns the number that its events carry."""
        with self._changed:
            number = next(self._numbers)
            behind = min((job.seconds for job in self._jobs.values() if job.kind != "draw"), default=0.0)
            self._jobs[number] = _Job(number, kind, start, seconds=behind)
            self._changed.notify()
            return number

    def pause(self, number: int) -> None:
        """No more pulls until `resume`."""
        self._set(number, paused=True)

    def resume(self, number: int) -> None:
        self._set(number, paused=False)

    def stop(self, number: int) -> None:
        """Close the job after the pull under way; it saves what it has to, and its last event is Ended("stopped")."""
        self._set(number, stopped=True)

    def close(self, timeout: float | None = None) -> bool:
        """Stop every job and join the thread. True if it ended within `timeout` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _set(self, number: int, paused: bool | None = None, stopped: bool = False) -> None:
        with self._changed:
            job = self._jobs.get(number)
            if job is None:
                return
            job.paused = job.paused if paused is None else paused
            job.stopped |= stopped
            self._changed.notify()

    def _work(self) -> None:
        try:
            while (job := self._next()) is not None:
                if job.stopped or self._closing:
                    self._end(job, self._close_job(job))
                else:
                    self._pull(job)
        finally:
            for job in self._jobs.values():  # there are some if the listener raised: a training still saves
                self._close_job(job)

    def _next(self) -> _Job | None:
        """Waits for a job that has something to do; None when all are closed and the worker is to end."""
        with self._changed:
            while True:
                jobs = self._jobs.values()
                if self._closing:
                    return next(iter(jobs), None)
                if any(job.kind != "trial" for job in jobs):
                    for job in jobs:
                        job.stopped |= job.kind == "trial"
                stopped = [job for job in jobs if job.stopped]
                ready = [job for job in jobs if not job.paused]
                drawing = [job for job in ready if job.kind == "draw"]
                if stopped or drawing:
                    return (stopped or drawing)[0]
                if ready:
                    return min(ready, key=lambda job: job.seconds)
                self._changed.wait()

    def _pull(self, job: _Job) -> None:
        start = time.perf_counter()
        try:
            if job.events is None:
                job.events = job.start()
            event = next(job.events)
        except StopIteration:
            self._end(job, Ended("finished"))
        except DigittyError as error:
            self._end(job, Ended("failed", str(error)))
        except BaseException as error:
            log.exception("job %d (%s)", job.number, job.kind)
            self._end(job, _explain_failure(error))
        else:
            job.seconds += (time.perf_counter() - start) * WEIGHT.get(job.kind, 1.0)
            if not isinstance(event, Tick):
                self._listener(job.number, event)

    def _close_job(self, job: _Job) -> Ended:
        try:
            close = getattr(job.events, "close", None)
            if close is not None:
                close()
        except DigittyError as error:
            return Ended("failed", str(error))
        except BaseException as error:
            log.exception("closing job %d (%s)", job.number, job.kind)
            return _explain_failure(error)
        return Ended("stopped")

    def _end(self, job: _Job, ended: Ended) -> None:
        with self._changed:
            del self._jobs[job.number]
        self._listener(job.number, ended)


def _explain_failure(error: BaseException) -> Ended:
    reason = explain(error)
    return Ended("failed", str(reason)) if reason else Ended("failed", f"{type(error).__name__}: {error}", unexpected=True)
