"""One thread, drawing first, fair shares, and nothing that hangs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from engine.errors import PromptError
from engine.jobs.worker import Worker
from engine.protocol.events import Ended, Event, Preparing, Tick

Told = queue.Queue[tuple[int, Event]]


@pytest.fixture
def told() -> Told:
    return queue.Queue()


@pytest.fixture
def worker(told: Told) -> Iterator[Worker]:
    worker = Worker(lambda job, event: told.put((job, event)))
    yield worker
    assert worker.close(5)


def count_to(n: int, name: str = "") -> Callable[[], Iterator[Event]]:
    def job() -> Iterator[Event]:
        for i in range(n):
            yield Preparing(f"{name}{i}")

    return job


def endless(name: str, closed: list[str], delay: float = 0.002) -> Callable[[], Iterator[Event]]:
    def job() -> Iterator[Event]:
        try:
            while True:
                time.sleep(delay)
                yield Preparing(name)
        except GeneratorExit:
            closed.append(name)
            raise

    return job


def until_ended(told: Told, number: int) -> list[tuple[int, Event]]:
    seen: list[tuple[int, Event]] = []
    while True:
        seen.append(told.get(timeout=30))
        if seen[-1][0] == number and isinstance(seen[-1][1], Ended):
            return seen


def test_tells_every_event_in_order_then_the_end(worker: Worker, told: Told) -> None:
    number = worker.submit("draw", count_to(5))
    assert until_ended(told, number) == [*((number, Preparing(str(i))) for i in range(5)), (number, Ended("finished"))]


def test_ticks_are_not_told(worker: Worker, told: Told) -> None:
    def job() -> Iterator[Event]:
        yield Tick()
        yield Preparing("a")
        yield Tick()

    number = worker.submit("draw", job)
    assert [event for _, event in until_ended(told, number)] == [Preparing("a"), Ended("finished")]


def test_a_drawing_goes_before_training(worker: Worker, told: Told) -> None:
    closed: list[str] = []
    training = worker.submit("train", endless("t", closed))
    told.get(timeout=30)
    drawing = worker.submit("draw", count_to(50, "d"))
    seen = until_ended(told, drawing)
    first = next(i for i, (number, _) in enumerate(seen) if number == drawing)
    assert all(number == drawing for number, _ in seen[first:]), "training was pulled while a drawing was open"
    worker.stop(training)
    assert until_ended(told, training)[-1] == (training, Ended("stopped"))
    assert closed == ["t"]


def test_a_paused_drawing_gives_its_turn_back(worker: Worker, told: Told) -> None:
    closed: list[str] = []
    drawing = worker.submit("draw", endless("d", closed))
    told.get(timeout=30)
    worker.pause(drawing)
    training = worker.submit("train", count_to(3))
    until_ended(told, training)
    while not told.empty():
        told.get()
    time.sleep(0.05)
    assert told.empty(), "a paused job was pulled"
    worker.resume(drawing)
    assert told.get(timeout=30) == (drawing, Preparing("d"))


def test_training_and_judging_share_the_time(worker: Worker, told: Told) -> None:
    closed: list[str] = []
    slow = worker.submit("train", endless("slow", closed, 0.02))
    fast = worker.submit("evaluate", endless("fast", closed, 0.004))
    seen = [told.get(timeout=30)[0] for _ in range(120)]
    assert seen.count(slow) >= 10
    assert seen.count(fast) >= 2.5 * seen.count(slow)  # by time: five to one


def test_errors_are_told_and_the_thread_lives_on(worker: Worker, told: Told, caplog: pytest.LogCaptureFixture) -> None:
    def bad() -> Iterator[Event]:
        raise PromptError("no digit")
        yield

    def worse() -> Iterator[Event]:
        yield Preparing("x")
        raise ZeroDivisionError("oh")

    assert until_ended(told, worker.submit("draw", bad))[-1][1] == Ended("failed", "no digit")
    assert until_ended(told, worker.submit("draw", worse))[-1][1] == Ended("failed", "ZeroDivisionError: oh", unexpected=True)
    assert "ZeroDivisionError" in caplog.text
    assert until_ended(told, worker.submit("draw", count_to(1)))[-1][1] == Ended("finished")


def test_stopping_a_job_that_never_ran(worker: Worker, told: Told) -> None:
    closed: list[str] = []
    blocking = threading.Event()

    def block() -> Iterator[Event]:
        blocking.wait(5)
        yield Preparing("free")

    worker.submit("draw", block)
    waiting = worker.submit("train", endless("t", closed))
    worker.stop(waiting)
    blocking.set()
    assert until_ended(told, waiting)[-1][1] == Ended("stopped")
    assert closed == []
    worker.stop(waiting)  # again, when it is gone: nothing happens


def test_close_closes_every_job() -> None:
    closed: list[str] = []
    seen: Told = queue.Queue()
    worker = Worker(lambda job, event: seen.put((job, event)))
    for name in ("a", "b"):
        worker.submit("train", endless(name, closed))
    for _ in range(10):
        seen.get(timeout=30)
    assert worker.close(5)
    assert sorted(closed) == ["a", "b"]


def test_close_gives_up_after_its_timeout() -> None:
    release = threading.Event()

    def stuck() -> Iterator[Event]:
        release.wait(10)
        yield Tick()

    worker = Worker(lambda job, event: None)
    worker.submit("train", stuck)
    time.sleep(0.02)
    assert not worker.close(0.05)
    release.set()
    assert worker.close(5)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_listener_that_fails_costs_no_job_its_end() -> None:
    """The thread ends, but every job is closed, and saves."""
    closed: list[str] = []
    asked = threading.Event()

    def tell(job: int, event: Event) -> None:
        if asked.wait(30):
            raise RuntimeError("on purpose")

    worker = Worker(tell)
    worker.submit("train", endless("training", closed))
    worker.submit("evaluate", endless("judging", closed))
    asked.set()
    worker._thread.join(30)
    assert "training" in closed
    assert worker.close(5)


def test_explaining_leaves_a_run_four_fifths_of_the_time(worker: Worker, told: Told) -> None:
    closed: list[str] = []
    training = worker.submit("train", endless("training", closed))
    explaining = worker.submit("explain", endless("explaining", closed))
    seen = [told.get(timeout=30)[0] for _ in range(300)]
    assert 0.1 < seen.count(explaining) / len(seen) < 0.3
    for number in (training, explaining):
        worker.stop(number)
