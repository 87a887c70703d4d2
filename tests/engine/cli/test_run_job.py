"""The loop that runs every job on the command line: events in order, a job that is closed however it ends, and what a signal does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from engine.cli.evaluate import SURE_AFTER, Described
from engine.cli.run_job import OnSignal, run_job, run_with_progress
from engine.errors import MovedError, SettingError
from engine.jobs.jobs import Job
from engine.process.signals import Stopped
from engine.protocol.events import EvaluateDone, EvaluateProgress, Event, Notice, Preparing, Tick

PREPARING, WORKING, LAST = Preparing("loading"), Tick(), Notice("done")


class FakeJob:
    """A job that yields `events`; sends this process SIGTERM before the one at `signalled`, and raises `failure` when it is closed."""

    def __init__(self, *events: Event, signalled: int | None = None, failure: Exception | None = None) -> None:
        self.events, self.signalled, self.failure = events, signalled, failure
        self.log: list[str] = []

    def run(self) -> Job:
        try:
            for number, event in enumerate(self.events):
                if number == self.signalled:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield event
        finally:
            self.log.append("closed")
            if self.failure:
                raise self.failure


@pytest.fixture(autouse=True)
def handlers_are_given_back() -> Iterator[None]:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_every_event_is_handed_on_in_order() -> None:
    job, seen = FakeJob(PREPARING, WORKING, LAST), []
    run_job(job.run(), seen.append)
    assert seen == [PREPARING, WORKING, LAST]
    assert job.log == ["closed"]


def test_until_the_work_starts_a_signal_acts_as_by_default() -> None:
    handlers = []
    run_job(FakeJob(PREPARING, WORKING, LAST).run(), lambda event: handlers.append(signal.getsignal(signal.SIGTERM)))
    assert handlers[:2] == [signal.SIG_DFL, signal.SIG_DFL]
    assert handlers[2] is not signal.SIG_DFL
    handlers.clear()
    run_job(FakeJob(WORKING, LAST, LAST).run(), lambda event: handlers.append(signal.getsignal(signal.SIGTERM)), OnSignal(starts=Notice))
    assert handlers[:2] == [signal.SIG_DFL, signal.SIG_DFL]
    assert handlers[2] is not signal.SIG_DFL


def test_a_signal_closes_the_job_after_the_event_under_way() -> None:
    job, seen = FakeJob(WORKING, LAST, WORKING, signalled=1), []
    on_signal = OnSignal(note=lambda: job.log.append("noted"), closed=lambda: job.log.append("reported"))
    with pytest.raises(Stopped) as stopped:
        run_job(job.run(), seen.append, on_signal)
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    assert seen == [WORKING, LAST]
    assert job.log == ["noted", "closed", "reported"]


def test_a_job_that_ends_by_itself_is_not_closed_early() -> None:
    """As all ranks of a group do, once they have agreed to stop."""
    job, seen = FakeJob(WORKING, LAST, WORKING, signalled=1), []
    with pytest.raises(Stopped):
        run_job(job.run(), seen.append, OnSignal(close=False, closed=lambda: job.log.append("reported")))
    assert seen == [WORKING, LAST, WORKING]
    assert job.log == ["closed"]


def test_an_error_while_reporting_closes_the_job() -> None:
    job = FakeJob(WORKING, LAST)

    def fail(event: Event) -> None:
        raise SettingError("wrong")

    with pytest.raises(SettingError, match="wrong"):
        run_job(job.run(), fail)
    assert job.log == ["closed"]


def test_a_run_whose_folder_was_moved_is_an_error_unless_a_signal_came(capsys: pytest.CaptureFixture[str]) -> None:
    moved = MovedError("the folder was moved to /there", None)
    with pytest.raises(MovedError):
        run_job(FakeJob(WORKING, failure=moved).run(), lambda event: None)
    with pytest.raises(Stopped):
        run_job(FakeJob(WORKING, WORKING, signalled=1, failure=moved).run(), lambda event: None)
    assert capsys.readouterr().err == "digitty: the folder was moved to /there\n"


def test_notices_are_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    done = EvaluateDone({}, ())
    found = run_with_progress(FakeJob(PREPARING, Notice("two judges are trained"), WORKING, done).run(), EvaluateDone, lambda _: None)
    assert found is done
    assert "two judges are trained" in capsys.readouterr().err.splitlines()


def test_the_time_left_is_that_of_the_work_under_way() -> None:
    now = 100.0
    described = Described(lambda: now)
    assert described(WORKING) is None
    assert described(EvaluateProgress("training", 10, 110)) == ("training  10/110", 10 / 110)
    now += SURE_AFTER / 2
    assert described(EvaluateProgress("training", 20, 110)) == ("training  20/110", 20 / 110)  # too early to tell
    now = 100.0 + 60
    assert described(EvaluateProgress("training", 60, 110)) == ("training  60/110  1:00 left", 60 / 110)
    assert described(EvaluateProgress("drawing", 1, 10)) == ("drawing  1/10", 0.1)
