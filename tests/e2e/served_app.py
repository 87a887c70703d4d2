"""What `digitty serve` runs in its tests: the real command over jobs without torch, so that a session is up in a second."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tui"))

from fakes import FakeJobs

import engine.jobs.jobs
from tui.cli import main as cli

jobs = FakeJobs(train_holds_at=6)


def fake(*_: Any) -> FakeJobs:
    return jobs


setattr(engine.jobs.jobs, "Jobs", fake)  # noqa: B010
sys.argv = ["digitty"]
cli.main()
