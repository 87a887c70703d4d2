"""How much is sent at once, on a simulated connection with a rate and a round trip."""

from __future__ import annotations

from collections import deque

import pytest

from tui.terminal.flow_control import FIRST_TIMEOUT, HEAVY_BURST, HEAVY_RATE, MAX_DELAY, MIN_WINDOW, TIMEOUT, FlowControl


class Line:
    """To a terminal `length` seconds away there and back, at `rate` bytes a second, behind a buffer without end; the time is its own."""

    def __init__(self, rate: float, length: float = 0.0, remote: bool = False, answers: bool = True) -> None:
        self.now = 0.0
        self.rate, self.length, self.answers = rate, length, answers
        self.flow = FlowControl(remote, lambda: self.now)
        self.free = 0.0
        """When it will have passed on what it has."""
        self.coming: deque[float] = deque()
        self.total = 0
        self.worst = 0.0
        self.send(0)  # to see how long the way is

    def send(self, size: int) -> None:
        self.free = max(self.free, self.now) + size / self.rate
        self.worst = max(self.worst, self.free - self.now)
        self.total += size
        if self.flow.wants_query and self.answers:
            self.coming.append(self.free + self.length)
        self.flow.on_sent(size)

    def pass_time(self, seconds: float, heavy: bool = True, piece: int = 700) -> None:
        """There is always more to send."""
        end = self.now + seconds
        while self.now < end:
            while self.coming and self.coming[0] <= self.now:
                self.flow.on_answer(self.coming.popleft())
            room = min(self.flow.window_left(), self.flow.byte_budget()) if heavy else self.flow.window_left()
            size = 0
            while size < room and self.now - end:
                size += piece
                if size > 200_000:
                    break
            if size:
                self.send(size)
            self.now += 0.01


@pytest.mark.parametrize("length", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("rate", [4_000.0, 16_000.0, 100_000.0, 2e6])
def test_what_is_under_way_stays_short_on_any_line_and_the_line_is_used(rate: float, length: float) -> None:
    line = Line(rate, length)
    line.pass_time(10)
    line.worst, line.total = 0.0, 0
    line.pass_time(20)
    assert line.worst <= 3 * MAX_DELAY + 2 * MIN_WINDOW / rate
    least = min(rate, MIN_WINDOW / (length + 0.02)) if rate * length < MIN_WINDOW else 0.4 * rate
    assert line.total >= 0.4 * 20 * least


def test_over_ssh_heavy_rows_keep_to_their_rate_however_quick_the_line() -> None:
    line = Line(1e9, 0.03, remote=True)
    line.pass_time(20)
    assert line.total <= HEAVY_BURST + 20 * HEAVY_RATE + 1_000
    assert line.total >= 18 * HEAVY_RATE


def test_a_terminal_that_never_answers_is_not_waited_for() -> None:
    line = Line(1e9, answers=False)
    line.pass_time(FIRST_TIMEOUT + 0.1)
    assert not line.flow.wants_query
    before = line.total
    line.pass_time(1)
    assert line.total > before + 1e6
    remote = Line(1e9, answers=False, remote=True)
    remote.pass_time(20)
    assert 18 * HEAVY_RATE <= remote.total <= HEAVY_BURST + 20 * HEAVY_RATE + 1_000


def test_an_answer_that_is_lost_does_not_stop_the_picture() -> None:
    line = Line(1e6)
    line.pass_time(1)
    line.coming.clear()
    line.answers = False
    line.pass_time(0.5)
    before = line.total
    line.pass_time(TIMEOUT)
    assert MIN_WINDOW <= line.total - before <= 4 * MIN_WINDOW, "a little, to ask again"
    line.answers = True
    line.pass_time(2 * TIMEOUT)
    assert line.total > before + 1e6


def test_a_terminal_that_answers_late_after_all_is_asked_again() -> None:
    clock = [0.0]
    flow = FlowControl(clock=lambda: clock[0])
    flow.on_sent(100)
    clock[0] = FIRST_TIMEOUT
    assert flow.window_left() > 1e5
    assert not flow.wants_query
    flow.on_answer(clock[0])
    assert flow.wants_query
