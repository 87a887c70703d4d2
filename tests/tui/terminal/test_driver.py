"""The thread that reads input sleeps until there is some, and ends at once when it is to."""

from __future__ import annotations

import selectors
import threading
import time

from tui.terminal.driver import SelectableEvent


def test_an_event_wakes_a_select_until_it_is_cleared() -> None:
    event = SelectableEvent()
    with selectors.SelectSelector() as selector:
        selector.register(event, selectors.EVENT_READ)
        for _ in range(3):
            assert selector.select(0) == []
            event.set()
            event.set()
            assert event.is_set()
            assert selector.select(0)
            assert selector.select(0), "it stays set"
            event.clear()
            event.clear()
            assert not event.is_set()


def test_it_wakes_a_thread_that_would_wait_for_ever() -> None:
    event, woken = SelectableEvent(), threading.Event()

    def wait() -> None:
        with selectors.SelectSelector() as selector:
            selector.register(event, selectors.EVENT_READ)
            selector.select(None)
        woken.set()

    threading.Thread(target=wait, daemon=True).start()
    time.sleep(0.05)
    assert not woken.is_set()
    event.set()
    assert woken.wait(10)
