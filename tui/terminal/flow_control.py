"""How much may be sent to the terminal now. Told what is sent and what is answered; draws nothing and asks nobody.

Lines of communication swallow megabytes before a write waits, so what was sent says nothing of what has arrived. Behind each piece goes a question
that every terminal answers, and as long as answers are late, less is under way.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

QUESTION = "\x1b[6n"
"""Where is the cursor? Textual's parser knows the answer, and every terminal gives it in its turn."""
RATE = 45_000.0
"""Bytes a second for heavy rows over SSH, where bytes are dear even if they are quick."""
SAVED_UP = 45_000.0
"""Of which so many may come at once."""
LATE = 0.2
"""Seconds beyond the way there and back that what is under way may take."""
LEAST, FIRST, MOST = 2_000, 8_000, 1_000_000
"""Bytes under way: at least, before there was any answer, and at most."""
SILENCE = 1.5
"""Seconds after which a terminal that never answered is taken for one that can't."""
PATIENCE = 3.0
"""Seconds after which an answer is given up, and a little more is sent."""

SOON = 0.05
"""Seconds until there may be room for more without any answer."""


class FlowControl:
    """For one thread."""

    def __init__(self, remote: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rate = RATE if remote else None
        self._saved, self._at = SAVED_UP, clock()
        self._asked: deque[tuple[float, int, int]] = deque()  # when, the bytes since the last question, and all under way
        self._under_way = 0
        self._window = FIRST
        self._set_at = 0.0
        self._shortest: float | None = None
        self._mute = self._hears = False

    @property
    def asks(self) -> bool:
        """Whether a question should follow what is sent."""
        return not self._mute

    def room(self) -> int:
        """Bytes that may go out now."""
        self._give_up()
        return MOST if self._mute else self._window - self._under_way

    def allowance(self) -> int:
        """Those of them that may be heavy rows."""
        now = self._clock()
        if self._rate is None:
            return MOST
        self._saved = min(SAVED_UP, self._saved + self._rate * (now - self._at))
        self._at = now
        return int(self._saved)

    def sent(self, size: int) -> None:
        """So many bytes, and a question if this link `asks`."""
        self.allowance()
        self._saved -= size
        if self.asks:
            self._under_way += size
            self._asked.append((self._clock(), size, self._under_way))

    def answered(self, at: float) -> None:
        """The oldest question was, at that time."""
        self._mute, self._hears = False, True
        if not self._asked:
            return
        self._under_way -= self._asked[0][1]
        asked, _, under_way = self._asked.popleft()
        took = at - asked
        shortest = self._shortest = took if self._shortest is None else min(took, self._shortest)
        if asked < self._set_at or 2 * under_way < self._window:
            return  # it tells of the window before, or was not put to the test
        fitting = under_way * LATE / max(took - shortest, LATE / 8)
        if fitting < self._window == LEAST:
            self._shortest += 0.1 * (took - shortest)  # so little is not late: the way has grown longer
        self._window = int(max(LEAST, self._window / 4, min(MOST, self._window * 2, fitting)))
        self._set_at = at

    def wait(self) -> float:
        """Seconds after which it is worth looking again, if nothing is answered meanwhile."""
        if self._asked and self._under_way >= self._window:
            return max(SOON, self._asked[0][0] + self._patience - self._clock())
        return SOON

    @property
    def _patience(self) -> float:
        return PATIENCE if self._hears else SILENCE

    def _give_up(self) -> None:
        """Where the oldest question is not answered in time: never was one, or the way is longer or slower than it was, or the answer is lost."""
        if not self._asked or self._clock() - self._asked[0][0] < self._patience:
            return
        self._mute = not self._hears
        self._asked.clear()
        self._under_way, self._window = 0, LEAST
