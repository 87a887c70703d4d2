"""Asks the engine for what the screen How shows. It asks for one guess at a time, and then for the latest one that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.jobs.jobs import Jobs
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.lesson import GuessRequest
from tui.studio.job_router import JobRouter, Listener


class Explainer:
    """Its jobs take little time from a run that trains. The top line does not name them, since they change with every key."""

    def __init__(self, router: JobRouter, jobs: Jobs, listener: Listener) -> None:
        """`listener` gets the events of all jobs, except the end of those that were stopped here."""
        self._router, self._jobs, self._listener = router, jobs, listener
        self._lesson: int | None = None
        self._guess: int | None = None
        self._losses: int | None = None
        self._wanted: GuessRequest | None = None

    def start_lesson(self, weights: str) -> None:
        """Ask for the lesson of these weights, and drop earlier requests."""
        self.stop()
        self._lesson = self._submit(lambda: self._jobs.lesson(weights), "_lesson")

    def want_guess(self, request: GuessRequest) -> None:
        """Ask for this guess once the current one is done, unless a later call replaces it."""
        self._wanted = request
        if self._guess is None:
            self._start_guess()

    def start_losses(self, weights: str) -> None:
        self.stop_losses()
        self._losses = self._submit(lambda: self._jobs.loss_by_noise(weights), "_losses")

    @property
    def computes_losses(self) -> bool:
        return self._losses is not None

    def stop_losses(self) -> None:
        self._stop("_losses")

    def stop(self) -> None:
        """Stop everything."""
        self._wanted = None
        for name in ("_lesson", "_guess", "_losses"):
            self._stop(name)

    def _start_guess(self) -> None:
        request, self._wanted = self._wanted, None
        if request is not None:
            self._guess = self._submit(lambda: self._jobs.guess(request), "_guess")

    def _stop(self, name: str) -> None:
        number = getattr(self, name)
        if number is not None:
            setattr(self, name, None)
            self._router.worker.stop(number)

    def _submit(self, start: Callable[[], Iterator[Event]], name: str) -> int:
        number = 0

        def listen(event: Event) -> None:
            if number != getattr(self, name):
                return  # it was stopped, and this event was on its way
            if isinstance(event, e.Ended):
                setattr(self, name, None)
            self._listener(event)
            if isinstance(event, e.Ended) and name == "_guess":
                self._start_guess()

        number = self._router.submit("explain", start, listen, "")
        return number
