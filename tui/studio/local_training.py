"""The run that this process trains, one at a time: starts and stops it, hands it over to a background process.

Screens read the run's progress from its files, as they do for runs that other processes train.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from textual.notifications import SeverityLevel

from engine.errors import DigittyError
from engine.jobs.jobs import Jobs
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.requests import TrainRequest
from engine.runs.control import Command, Control
from engine.runs.run import find_run
from tui.studio.job_router import JobRouter
from tui.studio.phase import Phase, describe_phase

STEPS = 2.0
"""Steps that closing the worker may take."""
STEP = 60.0
"""Seconds that a step may take while none was measured yet."""
WAKE_EVERY = 0.5
"""Seconds between steps that refresh the screen: sending a screen over a slow link costs much."""
SPAWN = 3.0
"""Seconds after which the background process certainly exists."""

Callback = Callable[[], None]


class Notify(Protocol):
    """Shows a notice."""

    def __call__(self, message: str, *, severity: SeverityLevel = ..., timeout: float | None = ...) -> None: ...


class LocalTraining:
    """Only for the screen's thread, except `saving`, `patience` and `finish_handover`."""

    def __init__(
        self, router: JobRouter, jobs: Jobs, *, notify: Notify, on_change: Callback, on_begin: Callable[[str], None], leave: Callback
    ) -> None:
        """`on_change` is called whenever something here changes, `on_begin` with a run's name once it trains, `leave` to close the application."""
        self._router, self._jobs = router, jobs
        self._notify, self._on_change, self._on_begin, self._leave = notify, on_change, on_begin, leave
        self._request = TrainRequest()
        self._control = Control()
        self._outcome: Event | None = None
        self._handover_due, self._leave_after, self._stop_after_save = False, False, False
        self._handover_lock = threading.Lock()
        self._process_started = threading.Event()
        self._preparing = ""
        self._woken = 0.0
        self.phase = Phase.IDLE
        self.job: int | None = None
        self.run: str | None = None
        """The run that trains here, once it has begun."""
        self.step, self.rate, self.memory = 0, 0.0, 0
        self.paused = False
        self.full: e.CannotSave | None = None
        """The disk refused a save, and the run waits for a decision."""
        self.unsaved: e.CannotSave | None = None
        """The disk refused a save, and the run continues without saving."""

    # --- state --------------------------------------------------------------------------------------------------------

    @property
    def activity(self) -> str:
        """What happens that the run's files don't show: preparing, stopping, detaching. Empty while it simply trains."""
        return describe_phase(self.phase, self._preparing)

    @property
    def busy(self) -> bool:
        """Whether no other run can be started here."""
        return self.phase is not Phase.IDLE

    @property
    def name(self) -> str | None:
        """The active run's name; None for a new one that has no name yet, and where no run is active."""
        return (self.run or self._request.resume or self._request.run) if self.busy else None

    @property
    def handing_over(self) -> bool:
        """Whether the run is being handed over to a background process."""
        return self._handover_due or self.phase is Phase.HANDING_OVER

    def trains(self, name: str) -> bool:
        """Whether this run has begun to train here, and has not ended."""
        return self.job is not None and self.run == name

    def saving(self) -> bool:
        """Whether training would be lost if the process ended now."""
        return self.job is not None and self.run is not None

    def would_lose_work(self) -> bool:
        """Whether leaving would stop a run. Its files show its end before the worker reports it."""
        if self.run is None or not self.saving() or self.handing_over:
            return False
        try:
            return not find_run(self.run).has_ended()
        except DigittyError:  # somebody deleted it
            return True

    def patience(self) -> float:
        """Seconds that the current step may still take."""
        return STEPS / self.rate if self.rate else STEP

    # --- requests -----------------------------------------------------------------------------------------------------

    def start(self, request: TrainRequest) -> None:
        """Train in this process."""
        self._request, self._control, self._outcome = request, Control(), None
        self.run, self.step, self.rate, self.full, self.unsaved = None, 0, 0.0, None, None
        self.paused = False
        self.phase, self._preparing = Phase.TRAINING, "starting"
        request, control = replace(request, when_full="ask"), self._control
        self.job = self._router.submit("train", lambda: self._jobs.train(request, control), self._on_job_event, "")
        self._on_change()

    def start_detached(self, request: TrainRequest) -> None:
        """Train in a background process, and report when that has begun."""
        self._request, self.run = request, None
        self._process_started.clear()
        self.phase, self._preparing = Phase.HANDING_OVER, ""
        self._router.submit_background(lambda: self._start_process(request), self._on_process_event, "detaching")
        self._on_change()

    def command(self, command: Command) -> None:
        """Pause or resume."""
        self._control.send(command)

    def stop(self) -> None:
        """Stop; a run that has begun saves first."""
        if self.job is not None:
            self._stop(self.job, Phase.STOPPING)

    def hand_over(self, leave_after: bool = False) -> None:
        """Save, stop, and continue in a background process; then close the application if `leave_after`."""
        if self.job is not None:
            self._handover_due, self._leave_after = True, leave_after
            self._stop(self.job, Phase.SAVING)

    def _stop(self, job: int, phase: Phase) -> None:
        self.phase = phase
        self._control.send(Command.STOP)
        if self.run is None:
            self._router.worker.stop(job)
        self._on_change()

    def decide(self, command: Command) -> None:
        """What to do about a refused save: RUN tries again, UNSAVED continues without saving, STOP loses what was not saved.

        Where the run was about to stop or to be detached, RUN does that after the save. The other two do not detach a run that is not saved.
        """
        if self.full is None:
            return
        if command is Command.UNSAVED:
            self.unsaved = self.full
        self.full = None
        if command is Command.RUN:
            self._stop_after_save = self.phase in (Phase.STOPPING, Phase.SAVING)  # the question has replaced the command to stop
        else:
            self.phase = Phase.STOPPING if command is Command.STOP else Phase.TRAINING
            self._cancel_handover()
        self._control.send(command)
        self._on_change()

    def _cancel_handover(self) -> None:
        with self._handover_lock:
            due, self._handover_due = self._handover_due, False
        self._leave_after = self._stop_after_save = False
        if due:
            self._notify(f"{self.run} is not detached, since it can't be saved.", severity="warning")

    def _stop_once_saved(self) -> None:
        """Send the command to stop again, if a question about a refused save has replaced it."""
        if self._stop_after_save:
            self._stop_after_save = False
            self._control.send(Command.STOP)

    def finish_handover(self) -> None:
        """Make sure that the background process exists. Called when the application ends and nothing trains here any more, from any thread."""
        if request := self._take_handover():
            next(iter(self._start_process(request)), None)
        elif self.phase in (Phase.SAVING, Phase.HANDING_OVER) and self.job is None:
            self._process_started.wait(SPAWN)

    # --- events of the job that trains here ---------------------------------------------------------------------------

    def _on_job_event(self, event: Event) -> None:
        match event:
            case e.Preparing(what):
                self._preparing = what
            case e.TrainStarted(run):
                self.run, self._preparing = run, ""
                self._on_begin(run)
            case e.Preview():
                self._preparing = ""
            case e.TrainStep():
                self._stop_once_saved()
                self._preparing = ""
                self.step, self.rate, self.memory = event.step, event.steps_per_s, event.memory
                now = time.monotonic()
                if self.full is None and now - self._woken < WAKE_EVERY:
                    return  # the screen reads the run's files anyway
                self._woken, self.full = now, None
            case e.Paused() | e.Resumed():
                self.paused = isinstance(event, e.Paused)
            case e.Saved():
                self._stop_once_saved()
                self.unsaved = self.full = None
            case e.CannotSave(waiting=True):
                self.full = event
            case e.CannotSave():
                self.unsaved = event
                self._notify(describe_refusal(self.run, event), severity="error", timeout=20)
            case e.Notice(message):
                self._notify(message, severity="warning", timeout=15)
            case e.TrainDone() | e.TrainStopped():
                self._outcome = event
            case e.Ended():
                self._end(event)
        self._on_change()

    def _end(self, ended: e.Ended) -> None:
        self.job, self.full = None, None
        request = self._take_handover()  # the phase stays until the process starts: `finish_handover` waits for that
        leave, self._leave_after = self._leave_after, False
        if isinstance(self._outcome, e.TrainDone):
            self._notify(f"{self.run} has finished training. Press w outside an input to draw with it.", timeout=8)
            if leave:
                self._leave()
        elif request and ended.outcome != "failed":
            self._leave_after = leave
            self.start_detached(request)
            return
        self.phase, self._preparing = Phase.IDLE, ""

    # --- the background process ---------------------------------------------------------------------------------------

    def _take_handover(self) -> TrainRequest | None:
        """The request for the background process, if a handover is due; only the first caller gets it."""
        with self._handover_lock:
            due, self._handover_due = self._handover_due, False
            if due:
                self._process_started.clear()
        if not due or self.run is None:
            return self._request if due else None
        try:
            return TrainRequest(find_run(self.run).config(), resume=self.run)
        except DigittyError:
            return None

    def _start_process(self, request: TrainRequest) -> Iterator[Event]:
        """On a thread in the background."""
        try:
            for event in self._jobs.detach(request):
                self._process_started.set()
                yield event
        finally:
            self._process_started.set()

    def _on_process_event(self, event: Event) -> None:
        match event:
            case e.Detached(run):
                self._on_process_begun(run)
            case e.Preparing(what):
                self._preparing = what
            case e.Ended(outcome, message):
                self.phase, self._preparing = Phase.IDLE, ""
                if outcome == "failed":
                    self._leave_after = False
                    saved = (
                        f". {self._request.resume} is stopped and saved. Press c on the Train screen to continue it." if self._request.resume else ""
                    )
                    self._notify(f"Could not detach: {message}{saved}", severity="error", timeout=20)
        self._on_change()

    def _on_process_begun(self, name: str) -> None:
        self._on_begin(name)
        if self._leave_after:
            self._router.last_words.append(f"{name} keeps training in the background. To follow it, open digitty or run: digitty watch {name}")
            self._leave()
        else:
            self._notify(f"{name} is now training in the background and continues after you quit.", timeout=8)


def describe_refusal(run: str | None, refusal: e.CannotSave) -> str:
    """Which save the disk refused, why, and which save the run still has."""
    saved = f"Its last save is from step {refusal.saved_step}." if refusal.saved_step else "It has not been saved yet."
    return f"{run} can't be saved at step {refusal.step}: {refusal.message}. {saved}"
