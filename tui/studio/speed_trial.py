"""How long training takes on this machine: the result of a short trial, which runs only while nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.config.preset_hints import ONE_STEP_IN_STEPS_OF_BEST
from engine.config.training import PRESETS, Preset, TrainConfig
from engine.protocol import events as e
from engine.protocol.events import Event
from tui.runs.text import trained_here
from tui.studio.job_router import JobRouter
from tui.studio.local_training import LocalTraining

if TYPE_CHECKING:
    from engine.jobs.jobs import Jobs


MEASURED: set[Preset] = {"quick", "best", "seed"}
ATTEMPTS = 3
"""Trials until all of these are measured: on a busy machine one of a few seconds may not suffice."""


class SpeedTrial:
    """Only for the screen's thread. Call `request` as long as someone looks at an estimate: a trial that gave way to other work starts again."""

    def __init__(self, router: JobRouter, jobs: Jobs, training: LocalTraining) -> None:
        self._router, self._jobs, self._training = router, jobs, training
        self._seconds: dict[Preset, float] = {}
        self._job: int | None = None
        self._left = ATTEMPTS

    @property
    def pending(self) -> bool:
        """Whether an answer is still to come, now or when the machine is free."""
        return self._left > 0

    def request(self, ready: bool) -> None:
        """Start the trial, unless it runs or has run; `ready` says whether the engine is loaded. Never beside a run or another job."""
        if ready and self._left and self._job is None and self._router.idle and not self._training.busy and trained_here() is None:
            self._job = self._router.submit("trial", self._jobs.measure_speed, self._on_event, "measuring speed")

    def _on_event(self, event: Event) -> None:
        if isinstance(event, e.SpeedMeasured):
            self._seconds[event.preset] = event.seconds_per_step
        elif isinstance(event, e.Ended):
            self._job = None
            if set(self._seconds) >= MEASURED or event.outcome == "failed":
                self._left = 0
            elif event.outcome == "finished":  # a busy machine got only so far
                self._left -= 1

    def seconds(self, config: TrainConfig) -> float | None:
        """About how long the run takes here from its first step; None where that is not known."""
        preset = config.preset
        if preset == "one-step":
            best = self._seconds.get("best")
            share = config.total_steps / PRESETS["one-step"].total_steps
            return None if best is None else best * ONE_STEP_IN_STEPS_OF_BEST * share
        each = self._seconds.get(preset)
        return None if each is None else each * config.total_steps * config.batch_size / PRESETS[preset].batch_size
