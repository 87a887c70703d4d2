"""What a first and a second signal do to a command."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from engine.process import signals as leaving
from engine.process.signals import Stopped, graceful


def test_where_no_thread_can_be_started_the_work_is_saved_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    heard: list[int] = []
    with pytest.raises(Stopped), graceful() as leave:  # noqa: PT012
        leave.defer_signals(lambda: heard.append(1))
        monkeypatch.setattr(threading.Thread, "start", refused)
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [1]
        leave.check()


def test_ctrl_c_twice_at_once_counts_as_one_and_a_later_one_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [100.0]
    monkeypatch.setattr(leaving.time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(threading.Timer, "start", lambda self: None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), graceful() as leave:  # noqa: PT012
            leave.defer_signals()
            os.kill(os.getpid(), signal.SIGINT)
            seconds[0] += leaving.TOGETHER / 2
            os.kill(os.getpid(), signal.SIGINT)
            assert leave.number == signal.SIGINT
            seconds[0] += leaving.TOGETHER
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
