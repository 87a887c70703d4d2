"""What the tests of commands share: fake jobs in the place of the engine."""

from __future__ import annotations

import pytest
from fakes import FakeJobs


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> FakeJobs:
    """The jobs of `digitty generate`."""
    fake = FakeJobs()
    monkeypatch.setattr("tui.cli.generate.Jobs", lambda *_: fake)
    return fake
