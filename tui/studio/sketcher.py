"""Quick drawings: of a prompt that is still being typed, and of one whose facts are being changed. Knows no screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.config.sampling import FEWEST_STEPS, SampleConfig
from engine.jobs.jobs import Jobs
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.requests import DrawRequest
from engine.runs.students import find_student
from engine.runs.weights_names import is_student
from tui.settings.remembered import Settings
from tui.studio.job_router import JobRouter, Listener

RETRY_AFTER = 30.0
"""Seconds after a sketch that failed until the next is tried, so that it is not reported at every key."""
SKETCHED = ("shipped", "shipped:labels", "shipped:one-step")
"""Weights whose digits are much like those that shipped:one-step draws from the same noise."""


class Sketcher:
    """Queues them, if the user wants any."""

    def __init__(self, router: JobRouter, jobs: Jobs, is_wanted: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._router, self._jobs, self.is_wanted, self._clock = router, jobs, is_wanted, clock
        self._retry_at = 0.0

    @property
    def is_possible(self) -> bool:
        """Whether sketches are wanted, and none failed a moment ago."""
        return self.is_wanted and self._clock() >= self._retry_at

    def why_not(self, settings: Settings) -> str:
        """Why drawings of the chosen weights are not sketched; empty if they are, or if the user wants no sketches."""
        if settings.weights in SKETCHED or not self.is_wanted:
            return ""
        return f"Only digits of the shipped weights are sketched while you type; press enter to draw with {settings.weights}."

    def sketch(self, settings: Settings, labels: Iterable[int | None], listener: Listener, shared_noise: bool = False) -> int | None:
        """Queue a drawing in one step from the noise of the next proper one; None where it would not resemble that."""
        if not self.is_possible or self.why_not(settings):
            return None
        labels = tuple(labels)
        sample = SampleConfig("one-step", 1, redraw_below=0.0, seed=settings.sample.seed)
        request = DrawRequest(labels, sample, (0,) * len(labels) if shared_noise else None, "shipped:one-step", fps=0)
        return self.draw(request, listener)

    def quick_request(self, request: DrawRequest) -> DrawRequest:
        """The same pictures from the same noise, in one step where a student of the weights is here, else in few. Nothing is redrawn."""
        seed, weights = request.sample.seed, request.weights
        student = weights if is_student(weights) else find_student(weights)
        if student:
            return replace(request, sample=SampleConfig("one-step", 1, redraw_below=0.0, seed=seed), weights=student, fps=0, guesses=False)
        sample = replace(request.sample, sampler="dpmpp", steps=FEWEST_STEPS["dpmpp"], eta=0.0, redraw_below=0.0)
        return replace(request, sample=sample, fps=0, guesses=False)

    def draw(self, request: DrawRequest, listener: Listener) -> int:
        """Queue a quick request."""

        def on_job_event(event: Event) -> None:
            if isinstance(event, e.Ended) and event.outcome == "failed":
                self._retry_at = self._clock() + RETRY_AFTER
            listener(event)

        return self._router.submit("draw", lambda: self._jobs.draw(request), on_job_event, "sketching")
