"""The run that this process trains, without a screen: what its events and the commands make of its state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fake_training import ENGINE
from fakes import FakeJobs, finished_run

from engine.config.training import PRESETS
from engine.jobs.worker import Kind
from engine.protocol import events as e
from engine.protocol.requests import TrainRequest
from engine.runs.control import Command
from tui.studio.job_router import JobRouter, Listener
from tui.studio.local_training import LocalTraining
from tui.studio.phase import Phase

REFUSAL = e.CannotSave(8, 4, "No space left on device", waiting=True)


class NoRouter(JobRouter):
    """Keeps the listener of the job instead of running the job."""

    def __init__(self) -> None:
        self.last_words: list[str] = []
        self.listeners: list[Listener] = []

    def submit(self, kind: Kind, start: object, listener: Listener, activity: str) -> int:
        self.listeners.append(listener)
        return len(self.listeners)

    def submit_background(self, start: object, listener: Listener, name: str) -> None:
        self.listeners.append(listener)


class Observed:
    """A LocalTraining, how often it changed, and its notices."""

    def __init__(self, jobs: FakeJobs | None = None) -> None:
        self.changes, self.left = 0, False
        self.notices: list[str] = []
        self.begun: list[str] = []
        self.router = NoRouter()
        self.training = LocalTraining(
            self.router,
            jobs or FakeJobs(),  # type: ignore[arg-type]
            notify=lambda message, **_: self.notices.append(message),
            on_change=self._count,
            on_begin=self.begun.append,
            leave=self._leave,
        )

    def _count(self) -> None:
        self.changes += 1

    def _leave(self) -> None:
        self.left = True

    def hear(self, *events: e.Event) -> int:
        """Events of the latest job. Returns how often the training changed meanwhile."""
        before = self.changes
        for event in events:
            self.router.listeners[-1](event)
        return self.changes - before


def step(number: int) -> e.TrainStep:
    return e.TrainStep(number, 1, 0.5, 1e-3, 4.0, 512.0, 0)


@pytest.fixture
def observed() -> Observed:
    """A run that has begun."""
    seen = Observed()
    seen.training.start(TrainRequest(PRESETS["quick"], run="mine"))
    seen.hear(e.TrainStarted("mine", PRESETS["quick"], ENGINE, 0, 1))
    return seen


def test_what_is_prepared_is_shown_until_the_next_step(observed: Observed) -> None:
    assert observed.training.activity == ""
    observed.hear(e.Preparing("measuring fp32"))
    assert observed.training.activity == "measuring fp32…"
    observed.hear(step(1))
    assert observed.training.activity == ""


def test_what_is_prepared_does_not_hide_that_the_run_stops(observed: Observed) -> None:
    observed.training.stop()
    observed.hear(e.Preparing("measuring fp32"))
    assert (observed.training.phase, observed.training.activity) == (Phase.STOPPING, "stopping…")


def test_a_step_refreshes_the_screen_now_and_then_but_at_once_where_a_question_is_answered(observed: Observed) -> None:
    assert observed.hear(step(1)) == 1
    assert observed.hear(step(2), step(3)) == 0, "within half a second"
    assert observed.training.step == 3
    observed.hear(REFUSAL)
    assert observed.hear(step(9)) == 1, "another process has answered: the question must close"
    assert observed.training.full is None


DECISIONS = (
    (Command.RUN, Phase.TRAINING, None),
    (Command.UNSAVED, Phase.TRAINING, REFUSAL),
    (Command.STOP, Phase.STOPPING, None),
)


@pytest.mark.parametrize(("command", "phase", "unsaved"), DECISIONS)
def test_a_decision_is_sent_to_the_run_once(observed: Observed, command: Command, phase: Phase, unsaved: e.CannotSave | None) -> None:
    observed.hear(REFUSAL)
    observed.training.decide(command)
    assert observed.training._control.poll() is command
    assert (observed.training.full, observed.training.unsaved, observed.training.phase) == (None, unsaved, phase)
    observed.training.decide(Command.STOP)
    assert observed.training._control.poll() is command, "nothing waits for a decision any more"


@pytest.mark.parametrize("next_event", [step(9), e.Saved(8, "state.pt")], ids=["step", "save"])
@pytest.mark.parametrize("leave", [True, False])
def test_to_try_again_detaches_after_the_save_and_not_later(observed: Observed, leave: bool, next_event: e.Event) -> None:
    finished_run("mine", PRESETS["quick"])
    observed.training.hand_over(leave_after=leave)
    observed.hear(REFUSAL)
    observed.training.decide(Command.RUN)
    assert observed.training._control.poll() is Command.RUN, "first the save is tried again"
    assert observed.training.activity == "saving before detaching…"
    observed.hear(next_event)
    assert observed.training._control.poll() is Command.STOP
    observed.hear(e.TrainStopped("mine", 9), e.Ended("stopped"))
    assert observed.training.phase is Phase.HANDING_OVER
    assert not observed.notices


def test_to_try_again_also_stops_after_the_save(observed: Observed) -> None:
    observed.training.stop()
    observed.hear(REFUSAL)
    observed.training.decide(Command.RUN)
    observed.hear(e.Saved(8, "state.pt"))
    assert observed.training._control.poll() is Command.STOP


def test_to_try_again_while_it_trains_stops_nothing(observed: Observed) -> None:
    observed.hear(REFUSAL)
    observed.training.decide(Command.RUN)
    observed.hear(e.Saved(8, "state.pt"), step(9))
    assert observed.training._control.poll() is Command.RUN


@pytest.mark.parametrize("command", [Command.UNSAVED, Command.STOP])
def test_a_run_that_stays_unsaved_is_not_detached_then_or_later(observed: Observed, command: Command) -> None:
    observed.training.hand_over(leave_after=True)
    observed.hear(REFUSAL)
    observed.training.decide(command)
    assert "not detached" in observed.notices[-1]
    assert not observed.training.handing_over
    observed.hear(step(9), e.TrainStopped("mine", 9), e.Ended("stopped"))
    assert (observed.training.phase, observed.left) == (Phase.IDLE, False)
    assert len(observed.router.listeners) == 1, "no process was started"


def test_a_run_that_ends_before_it_is_handed_over_starts_no_process(observed: Observed) -> None:
    observed.training.hand_over(leave_after=True)
    assert (observed.training.phase, observed.training.handing_over) == (Phase.SAVING, True)
    observed.hear(e.TrainDone("mine", 40, 1.0), e.Ended("finished"))
    assert (observed.training.phase, observed.training.busy, observed.left) == (Phase.IDLE, False, True)
    assert len(observed.router.listeners) == 1


def test_only_one_process_takes_a_run_over() -> None:
    """The application may end while the screen hands the run over: the one that comes second starts nothing."""
    started: list[TrainRequest] = []

    class Counted(FakeJobs):
        def detach(self, request: TrainRequest) -> Iterator[e.Event]:
            started.append(request)
            yield e.Preparing("starting a process")

    observed = Observed(Counted())
    observed.training.start(TrainRequest(PRESETS["quick"], run="mine"))  # not begun yet: handed over as it was asked for
    observed.training._handover_due = True
    observed.training.finish_handover()
    observed.training.finish_handover()
    assert [request.run for request in started] == ["mine"]


def test_a_background_process_is_reported() -> None:
    observed = Observed()
    observed.training.start_detached(TrainRequest(PRESETS["quick"]))
    assert observed.training.activity == "detaching…"
    observed.hear(e.Preparing("starting a process"))
    assert observed.training.activity == "detaching: starting a process…"
    observed.hear(e.Detached("quick-1"), e.Ended("finished"))
    assert (observed.begun, observed.training.phase) == (["quick-1"], Phase.IDLE)
    assert observed.notices == ["quick-1 is now training in the background and continues after you quit."]
