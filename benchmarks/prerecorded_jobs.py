"""Jobs whose pictures were made beforehand, for programs that measure the screen alone: `digitty` in a terminal, without torch."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).absolute().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "tui"), str(ROOT / "tests" / "e2e")]

from fake_pictures import digits  # noqa: E402
from fake_training import ENGINE  # noqa: E402
from fakes import FakeJobs  # noqa: E402

from engine.protocol.events import DrawDone, DrawStarted, Event, Frame, Preparing, Ready  # noqa: E402
from engine.protocol.recipe import Images, Recipe, WeightsInfo  # noqa: E402
from engine.protocol.requests import DrawRequest  # noqa: E402

PATCH = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import engine.jobs.jobs, tui.cli.generate, tui.cli.main
from prerecorded_jobs import PrerecordedJobs
engine.jobs.jobs.Jobs = tui.cli.generate.Jobs = lambda *_: PrerecordedJobs()
"""
"""For tests/e2e/terminal.py: the command with these jobs."""
FRAMES, FPS = 40, 10
"""Of a drawing: four seconds, as many frames a second as the screen shows at most."""


class PrerecordedJobs(FakeJobs):
    """Draws 16 pictures from noise to digits, always the same, at the screen's own pace."""

    def warm_up(self) -> Iterator[Event]:
        yield Preparing("rehearsing")
        rng = random.Random(0)
        pictures = b"".join(digits()[i % 10] for i in range(16))
        self._frames = []
        for k in range(FRAMES + 1):
            share, noise = k / FRAMES, rng.randbytes(len(pictures))
            self._frames.append(Images(bytes(int(share * p + (1 - share) * n) for p, n in zip(pictures, noise, strict=True)), 16))
        yield Ready(ENGINE, WeightsInfo("shipped", 4690, "average"))

    def draw(self, request: DrawRequest) -> Iterator[Event]:
        yield DrawStarted(Recipe(request.labels, tuple(range(16)), request.sample, WeightsInfo("shipped", 4690, "average"), ENGINE))
        start = time.monotonic()
        for k, frame in enumerate(self._frames):
            time.sleep(max(0.0, start + k / FPS - time.monotonic()))
            yield Frame(frame, k, FRAMES, FPS)
        took = time.monotonic() - start
        kept = tuple(range(0, FRAMES + 1, 6))
        yield DrawDone(
            Recipe(request.labels, tuple(range(16)), request.sample, WeightsInfo("shipped", 4690, "average"), ENGINE),
            self._frames[-1],
            tuple(self._frames[k] for k in kept),
            kept,
            took,
            FRAMES / took,
        )
