"""Delivers typed keys one at a time, each after the key before it has been handled.

Textual hands a key to the widget that has the focus, from where it travels up to the application, which runs what is bound to it. Keys that
arrive together would all go to the first one's widget: of tab and 30, the 30 to the field that tab leaves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

ROUNDS = 2
"""How often a probe follows a key's way: once behind the key, then from the widget that is focused afterwards, which may still be opening."""
STUCK = 1.0
"""Seconds after which the next key is delivered anyway, for example if a widget on the way was removed."""

Handler = Callable[[events.Event], Awaitable[None]]


class KeyOrder:
    """Only for the application's task."""

    def __init__(self, app: App[Any], handle: Handler) -> None:
        self._app, self._handle = app, handle
        self._waiting: deque[events.Event] = deque()
        self._number = 0
        """The number of the key that is on its way. A probe with another number is late."""
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether every key has been handled."""
        return not self._busy and not self._waiting

    async def on_event(self, event: events.Event) -> None:
        """Handle a key, a paste or a mouse event now, or after the keys before it; everything else now."""
        typed = isinstance(event, events.InputEvent | events.Paste)
        if typed and self._busy and not event.is_forwarded:
            self._waiting.append(event)
        elif isinstance(event, events.Key | events.Paste) and not event.is_forwarded and not self._is_text(event):
            await self._hand_on(event)
        else:
            await self._handle(event)

    def _is_text(self, event: events.Event) -> bool:
        """Whether the event is a character that the focused input takes, so that it goes no further and leaves the focus where it is."""
        focused = self._app.focused if self._app.screen_stack else None
        return isinstance(event, events.Key) and focused is not None and focused.check_consume_key(event.key, event.character)

    async def _hand_on(self, event: events.Event) -> None:
        self._busy, self._number = True, self._number + 1
        try:
            await self._handle(event)
        finally:
            loop, number = asyncio.get_running_loop(), self._number
            self._timer = loop.call_later(STUCK, lambda: self._app.call_later(self._release, number))
            self._follow(number, ROUNDS)

    def _follow(self, number: int, rounds: int) -> None:
        """Travel the way of a key, behind it; then hand on the next one."""
        way = _way(self._app)

        def step() -> None:
            for node in way:
                if node.call_later(step):
                    return
            self._app.call_later(self._follow, number, rounds - 1) if rounds > 1 else self._app.call_later(self._release, number)

        step()

    async def _release(self, number: int) -> None:
        if number != self._number or not self._busy:
            return
        if self._timer:
            self._timer.cancel()
        self._busy = False
        while self._waiting and not self._busy:
            await self.on_event(self._waiting.popleft())


def _way(app: App[Any]) -> Iterator[MessagePump]:
    """The widgets that a key passes, from the one that has the focus up to the application."""
    if app.screen_stack:
        yield from list((app.focused or app.screen).ancestors_with_self)
