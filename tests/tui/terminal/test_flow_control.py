"""How much is sent at once, on a simulated connection with a rate and a round trip."""

from __future__ import annotations

from collections import deque

import pytest

from tui.terminal.flow_control import FIRST_TIMEOUT, HEAVY_BURST, HEAVY_RATE, MAX_DELAY, MIN_WINDOW, TIMEOUT, FlowControl


class Connection:
    """A simulated connection with `rate` bytes a second, a round trip of `length` seconds, an endless buffer, and its own clock."""

    def __init__(self, rate: float, length: float = 0.0, remote: bool = False, answers: bool = True) -> None:
        self.now = 0.0
        self.rate, self.length, self.answers = rate, length, answers
        self.flow = FlowControl(remote, lambda: self.now)
        self.free = 0.0
        """When everything that was sent will have arrived."""
        self.coming: deque[float] = deque()
        self.total = 0
        self.worst = 0.0
        self.send(0)  # measures the round trip

    def send(self, size: int) -> None:
        self.free = max(self.free, self.now) + size / self.rate
        self.worst = max(self.worst, self.free - self.now)
        self.total += size
        if self.flow.wants_query and self.answers:
            self.coming.append(self.free + self.length)
        self.flow.on_sent(size)

    def pass_time(self, seconds: float, heavy: bool = True, piece: int = 700) -> None:
        """Send whatever the flow control allows."""
        end = self.now + seconds
        while self.now < end:
            while self.coming and self.coming[0] <= self.now:
                self.flow.on_answer(self.coming.popleft())
            allowed = min(self.flow.window_left(), self.flow.byte_budget()) if heavy else self.flow.window_left()
            size = 0
            while size < allowed and self.now - end:
                size += piece
                if size > 200_000:
                    break
            if size:
                self.send(size)
            self.now += 0.01


@pytest.mark.parametrize("length", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("rate", [4_000.0, 16_000.0, 100_000.0, 2e6])
def test_the_delay_stays_short_and_the_connection_is_used(rate: float, length: float) -> None:
    connection = Connection(rate, length)
    connection.pass_time(10)
    connection.worst, connection.total = 0.0, 0
    connection.pass_time(20)
    assert connection.worst <= 3 * MAX_DELAY + 2 * MIN_WINDOW / rate
    least = min(rate, MIN_WINDOW / (length + 0.02)) if rate * length < MIN_WINDOW else 0.4 * rate
    assert connection.total >= 0.4 * 20 * least


def test_over_ssh_heavy_rows_keep_to_their_rate_however_fast_the_connection() -> None:
    connection = Connection(1e9, 0.03, remote=True)
    connection.pass_time(20)
    assert connection.total <= HEAVY_BURST + 20 * HEAVY_RATE + 1_000
    assert connection.total >= 18 * HEAVY_RATE


def test_a_terminal_that_never_answers_is_not_waited_for() -> None:
    connection = Connection(1e9, answers=False)
    connection.pass_time(FIRST_TIMEOUT + 0.1)
    assert not connection.flow.wants_query
    before = connection.total
    connection.pass_time(1)
    assert connection.total > before + 1e6
    remote = Connection(1e9, answers=False, remote=True)
    remote.pass_time(20)
    assert 18 * HEAVY_RATE <= remote.total <= HEAVY_BURST + 20 * HEAVY_RATE + 1_000


def test_a_lost_answer_does_not_stop_the_output() -> None:
    connection = Connection(1e6)
    connection.pass_time(1)
    connection.coming.clear()
    connection.answers = False
    connection.pass_time(0.5)
    before = connection.total
    connection.pass_time(TIMEOUT)
    assert MIN_WINDOW <= connection.total - before <= 4 * MIN_WINDOW, "a little, with new queries"
    connection.answers = True
    connection.pass_time(2 * TIMEOUT)
    assert connection.total > before + 1e6


def test_a_terminal_whose_first_answer_is_late_gets_queries_again() -> None:
    clock = [0.0]
    flow = FlowControl(clock=lambda: clock[0])
    flow.on_sent(100)
    clock[0] = FIRST_TIMEOUT
    assert flow.window_left() > 1e5
    assert not flow.wants_query
    flow.on_answer(clock[0])
    assert flow.wants_query
