"""How many bytes may go to the terminal at the moment. Knows only sizes and times: it neither draws nor writes.

A network connection buffers megabytes before a write blocks, so a write that returned says nothing about what has arrived. A query that every
terminal answers therefore follows each piece. The later the answers, the fewer bytes may be in flight.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

CURSOR_QUERY = "\x1b[6n"
"""Where is the cursor? Every terminal answers in order, and Textual's parser knows the answer."""
HEAVY_RATE = 45_000.0
"""Bytes a second for heavy rows over SSH, where traffic may cost money even if it is fast."""
HEAVY_BURST = 45_000.0
"""Bytes of heavy rows that may go out at once after a pause."""
MAX_DELAY = 0.2
"""Seconds, beyond the shortest round trip, that the bytes in flight may take."""
MIN_WINDOW, FIRST_WINDOW, MAX_WINDOW = 2_000, 8_000, 1_000_000
"""Bytes in flight: the least, those before the first answer, and the most."""
FIRST_TIMEOUT = 1.5
"""Seconds after which a terminal that has never answered is taken for one that never does."""
TIMEOUT = 3.0
"""Seconds after which an answer is taken for lost."""
POLL = 0.05
"""Seconds after which more may fit even without an answer."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query whose answer is still to come."""

    sent_at: float
    size: int
    """Bytes since the query before."""
    in_flight: int
    """All bytes that were in flight then."""


class FlowControl:
    """A window of bytes in flight, and a token bucket for heavy rows. For one thread."""

    def __init__(self, remote: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        """`remote` limits the rate of heavy rows."""
        self._clock = clock
        self._heavy_rate = HEAVY_RATE if remote else None
        self._tokens, self._tokens_at = HEAVY_BURST, clock()
        self._queries: deque[Query] = deque()
        self._in_flight = 0
        self._window = FIRST_WINDOW
        self._window_set_at = 0.0
        self._shortest: float | None = None
        """The shortest round trip so far, in seconds."""
        self._never_answers = self._has_answered = False

    @property
    def wants_query(self) -> bool:
        """Whether a query should follow what is sent."""
        return not self._never_answers

    @property
    def in_flight(self) -> int:
        """Bytes that the terminal has not answered yet; 0 where it never answers."""
        self._check_timeout()
        return self._in_flight

    def window_left(self) -> int:
        """Bytes that may go out now."""
        self._check_timeout()
        return MAX_WINDOW if self._never_answers else self._window - self._in_flight

    def byte_budget(self) -> int:
        """How many of those bytes may be heavy rows."""
        now = self._clock()
        if self._heavy_rate is None:
            return MAX_WINDOW
        self._tokens = min(HEAVY_BURST, self._tokens + self._heavy_rate * (now - self._tokens_at))
        self._tokens_at = now
        return int(self._tokens)

    def on_sent(self, size: int) -> None:
        """Count bytes that were sent, followed by a query if `wants_query`."""
        self.byte_budget()
        self._tokens -= size
        if self.wants_query:
            self._in_flight += size
            self._queries.append(Query(self._clock(), size, self._in_flight))

    def on_answer(self, at: float) -> None:
        """Adapt the window to the answer to the oldest query, which came at this time."""
        self._never_answers, self._has_answered = False, True
        if not self._queries:
            return
        query = self._queries.popleft()
        self._in_flight -= query.size
        took = at - query.sent_at
        shortest = self._shortest = took if self._shortest is None else min(took, self._shortest)
        if query.sent_at < self._window_set_at or 2 * query.in_flight < self._window:
            return  # the answer belongs to an earlier window, or the window was not even half full
        target = query.in_flight * MAX_DELAY / max(took - shortest, MAX_DELAY / 8)
        if target < self._window == MIN_WINDOW:
            self._shortest += 0.1 * (took - shortest)  # so few bytes cannot cause a delay, so the round trip itself has grown
        self._window = int(max(MIN_WINDOW, self._window / 4, min(MAX_WINDOW, self._window * 2, target)))
        self._window_set_at = at

    def wait(self) -> float:
        """Seconds after which to look again if no answer comes in between."""
        if self._queries and self._in_flight >= self._window:
            return max(POLL, self._queries[0].sent_at + self._timeout - self._clock())
        return POLL

    @property
    def _timeout(self) -> float:
        return TIMEOUT if self._has_answered else FIRST_TIMEOUT

    def _check_timeout(self) -> None:
        """Start afresh if the oldest answer is overdue: it is lost, or the connection has slowed down, or the terminal never answers."""
        if not self._queries or self._clock() - self._queries[0].sent_at < self._timeout:
            return
        self._never_answers = not self._has_answered
        self._queries.clear()
        self._in_flight, self._window = 0, MIN_WINDOW
