"""A run in words, for logs, dumb terminals and screen readers: read from its files, whoever trains it. No torch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from engine.config.training import TrainConfig
from engine.formatting import format_duration
from engine.runs.liveness import Life
from engine.runs.metrics_log import is_step
from engine.runs.run import Run


class RunLine:
    """`line` says where a run is now."""

    def __init__(self, run: Run) -> None:
        """Raises RunError where its config.json can't be read."""
        self.run = run
        self.config: TrainConfig = run.config()
        self._looked_at = 0
        self._epoch: dict[str, Any] | None = None

    def line(self) -> str:
        """seed-1  running  epoch 3/10  step 1100/4690  loss 0.0231  average 0.0244  0.67 steps/s  left 1:29:17"""
        state = self.run.state()
        self.config = self.run.config()
        return "  ".join([self.run.name, state, *self._numbers("running" in state)])

    def ended(self) -> bool:
        """Whether its writer is gone; one of whom nothing is known yet is watched on."""
        return self.run.sight().life is Life.GONE

    def _numbers(self, running: bool) -> Iterator[str]:
        config, last = self.config, self.run.last(is_step, b'"loss"')
        step = int(last["step"]) if last else 0
        yield f"epoch {1 + max(0, step - 1) // config.steps_per_epoch}/{config.epochs}"
        yield f"step {step}/{config.total_steps}"
        if last is None:
            return
        yield f"loss {last['loss']:.4f}"
        epoch = self._last_epoch(step)
        if epoch is not None:
            yield f"average {epoch['average']:.4f}"
        rate = float(last.get("rate", 0))
        if running and rate > 0:
            yield f"{rate:.2f} steps/s"
            yield f"left {format_duration((config.total_steps - step) / rate)}"

    def _last_epoch(self, step: int) -> dict[str, Any] | None:
        """The last epoch that ended; looked for once an epoch, since it may be far back in the file."""
        if step // self.config.steps_per_epoch != self._looked_at:
            self._looked_at = step // self.config.steps_per_epoch
            self._epoch = self.run.last(lambda record: "average" in record, b'"average"')
        return self._epoch


def watch(run: Run, every: float = 1.0) -> Iterator[str]:
    """A line now and every so many seconds, with the time of day, until the run's writer is gone."""
    teller = RunLine(run)
    while True:
        ended = teller.ended()
        yield f"{time.strftime('%H:%M:%S')}  {teller.line()}"
        if ended:
            return
        time.sleep(every)
