"""What this process trains: one run at a time, started, asked, or handed to a process of its own. How it looks is read from its files, elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.errors import DigittyError
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.requests import TrainRequest
from engine.runs.control import Command, Control
from engine.runs.run import find_run
from tui.dialogs.choice import Choice, ChoiceDialog

if TYPE_CHECKING:
    from tui.app import DigittyApp

STEPS = 2.0
"""Steps that leaving in order may take."""
STEP = 60.0
"""Seconds that a step may take of which nothing is known yet."""
WAKE_EVERY = 0.5
"""Seconds between steps that wake the screen: what it sends over a thin link is dear."""
SPAWN = 3.0
"""Seconds in which the process that takes over has surely been made."""


class LocalTraining:
    """For the screen's thread alone, but for `saving`, `patience` and `complete`."""

    def __init__(self, app: DigittyApp) -> None:
        self._app = app
        self._request = TrainRequest()
        self._control = Control()
        self._ended: Event | None = None
        self._hand_over, self._leave_after = False, False
        self._taking = threading.Lock()
        self._process_made = threading.Event()
        self._question: ChoiceDialog | None = None
        self._woken = 0.0
        self.job: int | None = None
        self.run: str | None = None
        """The run that trains here, once it has begun."""
        self.doing = ""
        """What goes on that no file tells: preparing, stopping, handing over."""
        self._preparing = ""
        self.step, self.rate, self.memory = 0, 0.0, 0
        self.full: e.CannotSave | None = None
        """The disk refused, and the run waits to be told what to do."""
        self.unsaved: e.CannotSave | None = None
        """The disk refused, and the run goes on without saving."""

    # --- what there is ------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether there is no starting another."""
        return self.job is not None or bool(self.doing)

    @property
    def name(self) -> str | None:
        """Of the run that is under way; None for a new one that has none yet, and where there is none."""
        return (self.run or self._request.resume or self._request.run) if self.busy else None

    @property
    def leaving_alone(self) -> bool:
        """Whether the run is being handed to a process of its own."""
        return self._hand_over or (self.job is None and bool(self.doing))

    def trains(self, name: str) -> bool:
        """Whether this run has begun to train here, and has not ended."""
        return self.job is not None and self.run == name

    def saving(self) -> bool:
        """Whether something would be lost if the process just ended."""
        return self.job is not None and self.run is not None

    def at_stake(self) -> bool:
        """Whether leaving would stop a run. Its file tells of its end before the worker does."""
        if self.run is None or not self.saving() or self.leaving_alone:
            return False
        try:
            return not find_run(self.run).ended()
        except DigittyError:  # deleted under it
            return True

    def patience(self) -> float:
        """Seconds that the step under way may still take."""
        return STEPS / self.rate if self.rate else STEP

    # --- what can be asked --------------------------------------------------------------------------------------------

    def start(self, request: TrainRequest) -> None:
        """In this process."""
        self._request, self._control, self._ended = request, Control(), None
        self.run, self.step, self.rate, self.full, self.unsaved = None, 0, 0.0, None, None
        self.doing = self._preparing = "starting…"
        asked, control = replace(request, when_full="ask"), self._control
        self.job = self._app.submit("train", lambda: self._app.jobs.train(asked, control), self._hear, "training")

    def start_detached(self, request: TrainRequest) -> None:
        """In a process of its own, which this one only sees begin."""
        self._request, self.run = request, None
        self._process_made.clear()
        self.doing = "starting a process of its own…"
        self._app.beside(lambda: self._process(request), self._hear_process, "handing over")

    def ask(self, command: Command) -> None:
        self._control.send(command)

    def stop(self) -> None:
        """It saves first, once it has begun."""
        if self.job is not None:
            self.doing = "stopping…"
            self._control.send(Command.STOP)
            if self.run is None:
                self._app.worker.stop(self.job)

    def hand_over(self, leave_after: bool = False) -> None:
        """Stops here, saved, and goes on in a process of its own; afterwards the application leaves, or does not."""
        self._hand_over, self._leave_after = True, leave_after
        self.stop()
        self.doing = "saving, to hand it over…"

    def complete(self) -> None:
        """Once nothing trains here, and the application ends: what was to be handed over has its process then. For any thread."""
        if request := self._taken():
            next(iter(self._process(request)), None)
        elif self.doing and self.job is None:
            self._process_made.wait(SPAWN)

    # --- what is heard of it ------------------------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        match event:
            case e.Preparing(what):
                self._prepare(what + "…")
            case e.TrainStarted(run):
                self.run = run
                self._prepare("")
                self._app.show_run(run)
            case e.Preview():
                self._prepare("")
            case e.TrainStep():
                self._prepare("")
                self.step, self.rate, self.memory = event.step, event.steps_per_s, event.memory
                self._go_on()
                if time.monotonic() - self._woken < WAKE_EVERY:
                    return  # the screen looks by itself, too
                self._woken = time.monotonic()
            case e.Saved():
                self.unsaved = None
                self._go_on()
            case e.CannotSave(waiting=True):
                self.full = event
                self.ask_about_disk()
            case e.CannotSave():
                self.unsaved = event
                self._app.notify(_refused(self.run, event), severity="error", timeout=20)
            case e.Notice(message):
                self._app.notify(message, severity="warning", timeout=15)
            case e.TrainDone() | e.TrainStopped():
                self._ended = event
            case e.Ended():
                self._end(event)
        self._app.training_told()

    def _prepare(self, what: str) -> None:
        """`what` is prepared now, also between two steps; what somebody asked for since is told instead."""
        if self.doing == self._preparing:
            self.doing = what
        self._preparing = what

    def _end(self, ended: e.Ended) -> None:
        self.job = None  # `doing` stays until what is to be handed over is: `complete` waits for that
        request = self._taken()
        self._go_on()
        leave, self._leave_after = self._leave_after, False
        if isinstance(self._ended, e.TrainDone):
            self._app.notify(f"{self.run} is trained; w chooses it to draw with", timeout=8)
            if leave:
                self._app.exit(0)
        elif request and ended.outcome != "failed":
            self._leave_after = leave
            self.start_detached(request)
            return
        self.doing = ""

    def _go_on(self) -> None:
        """The wait for a word about the disk is over, whoever gave it."""
        self.full = None
        if self._question is not None:
            self._question.withdraw()
        self._question = None

    # --- a process of its own -----------------------------------------------------------------------------------------

    def _taken(self) -> TrainRequest | None:
        """What is to be handed over; to the first who asks."""
        with self._taking:
            due, self._hand_over = self._hand_over, False
            if due:
                self._process_made.clear()
        if not due or self.run is None:
            return self._request if due else None
        try:
            return TrainRequest(find_run(self.run).config(), resume=self.run)
        except DigittyError:
            return None

    def _process(self, request: TrainRequest) -> Iterator[Event]:
        """On a thread of its own."""
        try:
            for event in self._app.jobs.detach(request):
                self._process_made.set()
                yield event
        finally:
            self._process_made.set()

    def _hear_process(self, event: Event) -> None:
        match event:
            case e.Detached(run):
                self._begun(run)
            case e.Preparing(what):
                self.doing = f"handing over: {what}…"
            case e.Ended(outcome, message):
                self.doing = ""
                if outcome == "failed":
                    self._leave_after = False
                    kept = f"; {self._request.resume} is stopped and saved: c goes on with it here" if self._request.resume else ""
                    self._app.notify(f"not handed over: {message}{kept}", severity="error", timeout=20)
        self._app.training_told()

    def _begun(self, name: str) -> None:
        self._app.show_run(name)
        if self._leave_after:
            self._app.last_words.append(f"{name} trains on in a process of its own; digitty shows it, digitty watch {name} follows it")
            self._app.exit(0)
        else:
            self._app.notify(f"{name} trains in a process of its own now: it goes on when you leave", timeout=8)

    # --- a full disk --------------------------------------------------------------------------------------------------

    def ask_about_disk(self) -> None:
        """What to do where nothing can be saved; escape lets the run wait."""
        if self.full is None or self._question is not None:
            return
        choices = (
            Choice("run", "try again", ("t",)),
            Choice("unsaved", "go on without saving, and try again at the next save", ("g",)),
            Choice("stop", "stop the run; what came after the last save is lost", ("x",)),
        )
        self._question = ChoiceDialog(
            _refused(self.run, self.full), choices, escape="decide later: the run waits; space on the Train screen asks again"
        )
        self._app.push_screen(self._question, self._told_about_disk)

    def _told_about_disk(self, answer: str | None) -> None:
        self._question = None
        if self.full is None or answer is None:
            return
        if answer == "unsaved":
            self.unsaved = self.full
        self.full = None
        self.doing = "stopping…" if answer == "stop" else ""
        self._control.send(Command(answer))
        self._app.training_told()


def _refused(run: str | None, refused: e.CannotSave) -> str:
    kept = f"its last save is of step {refused.saved_step}" if refused.saved_step else "nothing of it is saved yet"
    return f"{run} can't be saved at step {refused.step}: {refused.message}. Until then {kept}."
