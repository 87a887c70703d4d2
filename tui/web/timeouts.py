"""How long the server of `digitty serve` waits for pages, processes and connections."""

from __future__ import annotations

from dataclasses import dataclass

from engine.process.signals import DEADLINE


@dataclass(frozen=True, slots=True)
class Timeouts:
    """All in seconds."""

    save: float = DEADLINE + 60.0
    """For a session's process to save and exit: first after the request to quit, then once more after SIGTERM."""
    send: float = 30.0
    """For a page to take what it is sent."""
    heartbeat: float = 15.0
    """Of silence, after which the page is pinged. It has half of that to answer."""
    poll: float = 1.0
    """Between checks that the page is still open."""
    close: float = 3.0
    """For a page to answer that it closes, and for a process that has exited to end its output."""
    request: float = 10.0
    """For a new connection to send the header of its request."""
    retry: float = 0.1
    """After a connection could not be accepted."""
    free_session: float = 5.0
    """For one of the sessions to end where there are as many as may be."""
