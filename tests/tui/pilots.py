"""Driving the screens: an application over fake jobs, what it shows, and waiting until it shows something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, cast

from fakes import FakeJobs
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from engine.jobs import Jobs
from tui.app import DigittyApp
from tui.widgets.digit_view import DigitView

SMALL, LARGE = (80, 24), (120, 40)
SIZES = (SMALL, LARGE)


class Person:
    """Looks at the screen and presses keys."""

    def __init__(self, app: DigittyApp, pilot: Pilot[int], jobs: FakeJobs) -> None:
        self.app, self.pilot, self.jobs = app, pilot, jobs

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def enter(self, text: str) -> None:
        """Types a line."""
        await self.pilot.press(*(_character_to_key(c) for c in text), "enter")

    def burst(self, *keys: str) -> None:
        """Keys as a paste or a slow line delivers them: all at once."""
        for key in keys:
            self.app.post_message(events.Key(key, key if len(key) == 1 else None))

    @property
    def screen(self) -> str:
        """All that is shown, as text."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    @property
    def notices(self) -> str:
        return "\n".join(notice.message for notice in self.app._notifications)

    @property
    def view(self) -> DigitView:
        return self.app.screen.query_one("#view", DigitView)

    async def until(self, seen: Callable[[], Any], seconds: float = 10.0) -> None:
        """Waits for something to be true of what is shown."""
        deadline = monotonic() + seconds
        while not seen():
            if monotonic() > deadline:
                raise AssertionError(f"never seen; notices: {self.notices!r}; the screen:\n{self.screen}")
            await self.pilot.pause(0.02)

    async def sees(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.screen for text in texts))

    async def sees_no_more(self, text: str) -> None:
        await self.until(lambda: text not in self.screen)

    async def is_told(self, text: str) -> None:
        await self.until(lambda: text in self.notices)


@asynccontextmanager
async def opened(jobs: FakeJobs | None = None, size: tuple[int, int] = SMALL) -> AsyncIterator[Person]:
    """The application on a terminal of this size; afterwards its engine thread must end."""
    jobs = jobs or FakeJobs()
    app = DigittyApp(cast(Jobs, jobs))
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Person(app, pilot, jobs)
    finally:
        for flag in (jobs.warm, jobs.go_on_drawing, jobs.go_on_training):
            flag.set()
        assert app.worker.close(10), "the engine's thread did not end"
