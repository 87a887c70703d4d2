"""Driving the screens: an application over fake jobs, what it shows, and waiting until it shows something."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, cast

from fakes import FakeJobs
from textual import events
from textual.css.query import NoMatches
from textual.keys import _character_to_key
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.widgets import Input, Select

from engine.config.sampling import SampleConfig
from engine.jobs.jobs import Jobs
from tui.app import DigittyApp
from tui.settings.config_file import Config
from tui.widgets.image_view import ImageView

SMALL, LARGE = (80, 24), (120, 40)
SIZES = (SMALL, LARGE)
STEPS = SampleConfig.steps
"""Of a drawing, unless it is told otherwise."""


class User:
    """Looks at the screen and presses keys."""

    def __init__(self, app: DigittyApp, pilot: Pilot[int], jobs: FakeJobs) -> None:
        self.app, self.pilot, self.jobs = app, pilot, jobs

    async def press(self, *keys: str) -> None:
        """Presses keys, each after the last one has done what it does."""
        for key in keys:
            self.burst(key)
            await self.settle()

    async def enter(self, text: str) -> None:
        """Types a line."""
        self.burst(*text)
        await self.settle()
        await self.press("enter")

    def burst(self, *keys: str) -> None:
        """Keys as a paste or a slow line delivers them: all at once. A single character stands for its key."""
        for key in keys:
            named = _character_to_key(key) if len(key) == 1 else key
            self.app.post_message(events.Key(named, key if len(key) == 1 else None))

    async def settle(self) -> None:
        """Waits as long as a key takes on its way: to what has the focus, from there to the application, and to the screen that it opens.

        A pilot's own waiting is for an idle process, which a job is not.
        """
        deadline = monotonic() + 5.0
        while self.app.is_running and not self.app.keys.idle and monotonic() < deadline:
            await asyncio.sleep(0)
        focused = self.app.focused or self.app.screen
        for node in (self.app, *focused.ancestors_with_self, self.app.screen):
            await self._passed(node)
        for node in (self.app, self.app.screen):
            await self._passed(node)

    async def _passed(self, node: MessagePump) -> None:
        done = asyncio.Event()
        if self.app.is_running and node.call_later(done.set):
            deadline = monotonic() + 5.0
            while node.is_running and not node._closing and monotonic() < deadline:
                with suppress(TimeoutError):  # it may be on its way out
                    await asyncio.wait_for(done.wait(), 0.05)
                    return

    @property
    def screen(self) -> str:
        """All that is shown, as text."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    @property
    def footer(self) -> str:
        return self.screen.splitlines()[-1].strip()

    async def footer_is(self, keys: str) -> None:
        await self.until(lambda: self.footer == keys)

    @property
    def notices(self) -> str:
        return "\n".join(notice.text for notice in self.app.notices.log)

    @property
    def view(self) -> ImageView:
        return self.app.screen.query_one("#view", ImageView)

    async def until(self, seen: Callable[[], Any], seconds: float = 30.0) -> None:
        """Waits for something to be true of what is shown."""
        deadline = monotonic() + seconds
        while not await self._holds(seen):
            if monotonic() > deadline:
                raise AssertionError(f"never seen on {self.app.screen}; notices: {self.notices!r}; the screen:\n{self.screen}")
            await asyncio.sleep(0.02)

    async def _holds(self, seen: Callable[[], Any]) -> bool:
        try:
            return bool(seen())
        except NoMatches:  # a screen that is not composed yet
            return False

    async def sees(self, *texts: str) -> None:
        def seen() -> bool:
            screen = self.screen  # is rendered once for all texts
            return all(text in screen for text in texts)

        await self.until(seen)

    async def sees_no_more(self, text: str) -> None:
        await self.until(lambda: text not in self.screen)

    async def is_told(self, text: str) -> None:
        await self.until(lambda: text in self.notices)


@asynccontextmanager
async def opened(jobs: FakeJobs | None = None, size: tuple[int, int] = SMALL, config: Config | None = None) -> AsyncIterator[User]:
    """The application on a terminal of this size; afterwards its engine thread must end."""
    jobs = jobs or FakeJobs()
    app = DigittyApp(cast(Jobs, jobs), config=config)
    app.NOTICE_SECONDS = 600.0  # type: ignore[misc]  # on a busy machine a notice would be gone before it is looked for
    try:
        async with app.run_test(size=size) as pilot:
            yield User(app, pilot, jobs)
    finally:
        jobs.end()
        assert app.studio.finish(10), "what trains was not saved"
        assert app.studio.worker.close(10), "the engine's thread did not end"
        for thread in threading.enumerate():
            if thread.name in ("background", "detaching"):
                thread.join(10)
        for process in jobs.processes:
            process.join(10)
            assert not process.is_alive()


async def start(person: User, **fields: str) -> None:
    """Starts a run of the preset seed in the dialog: F5, n, the fields, enter."""
    await person.press("f5", "n")
    await person.sees("preset", "epochs", "Start")
    person.app.screen.query_one("#preset", Select).value = "seed"
    await person.settle()
    for name, text in fields.items():
        field = person.app.screen.query_one(f"#{name}", Input)
        field.focus()
        field.select_all()
        person.burst(*text)
        await person.settle()
    person.app.screen.query_one("#steps", Input).focus()
    await person.press("enter")
