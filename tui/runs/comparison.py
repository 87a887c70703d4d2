"""Runs side by side: their losses over steps, time or epochs, and the settings in which they differ. Plain Python, no screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from engine.config.serialize import to_dict
from engine.config.training import TrainConfig
from engine.formatting import printable
from engine.runs.metrics_log import Steps
from engine.runs.run import Run
from tui.runs.history import RunHistory
from tui.runs.loss_series import LossSeries
from tui.runs.step_clock import StepClock

Alignment = Literal["step", "time", "epoch"]
ALIGNMENTS: tuple[Alignment, ...] = get_args(Alignment)
MOST_RUNS = 8
"""The most runs that a reader can tell apart in one chart."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The losses of one run, and where each step is on the horizontal axis."""

    number: int
    """Chooses its colour and its mark."""
    series: LossSeries
    position: Callable[[int], float]
    """From a step to a place on the axis: steps, seconds or epochs."""
    step_at: Callable[[float], float]
    """The reverse."""


class ComparedRun(RunHistory):
    """A run's history that also knows when its steps were done."""

    def __init__(self, run: Run) -> None:
        """Raises RunError if the run's config.json can't be read."""
        self.clock = StepClock()
        super().__init__(run)

    def _clear(self) -> None:
        super()._clear()
        self.clock = StepClock()

    def _add_steps(self, batch: Steps) -> None:
        super()._add_steps(batch)
        self.clock.advance(batch.last["step"], batch.last["time"])

    def _add_record(self, record: dict[str, Any]) -> bool:
        started = super()._add_record(record)
        step, wall, event = record["step"], record.get("time"), record.get("event")
        if isinstance(wall, int | float):
            if event in ("started", "resumed"):
                self.clock.begin(step, wall)
            elif event in ("saved", "unsaved") or "loss" in record:
                self.clock.advance(step, wall)
            elif event is not None:
                self.clock.hold(step, wall)
        return started

    def curve(self, number: int, alignment: Alignment) -> Curve:
        """Its losses over `alignment`."""
        if alignment == "time":
            return Curve(number, self.series, self.clock.seconds_at, self.clock.step_at)
        unit = self.config.steps_per_epoch if alignment == "epoch" else 1
        return Curve(number, self.series, lambda step: step / unit, lambda x: x * unit)


def flat_settings(config: TrainConfig) -> dict[str, str]:
    """All settings of a run by their names, those of parts with a dot: model.channels."""
    return dict(_flatten(to_dict(config)))


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """The classes of a data set, its digests, scales and words stay out: the name and the size say which one it is."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += _flatten(value, f"{prefix}{name}.")
        elif name not in ("class_names", "digest", "mean", "std", "scales", "words"):
            rows.append((prefix + name, _describe(value)))
    return rows


def _describe(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return " ".join(_describe(each) for each in value)
        case _:
            return printable(value, 60)


def differing(tables: Sequence[Mapping[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    """(name, values) of the settings that are not the same in all tables; "-" where a table lacks one."""
    names = dict.fromkeys(name for table in tables for name in table)
    rows = [(name, tuple(table.get(name, "-") for table in tables)) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def results_of(run: ComparedRun) -> dict[str, str]:
    """What became of the run: its state of progress, its losses, its speed."""
    now = run.now
    best = run.best
    return {
        "step": f"{now.step}/{run.config.total_steps}",
        "loss": "-" if now.loss is None else f"{now.loss:.4f}",
        "best epoch": "-" if best is None else f"{best:.4f}",
        "steps/s": f"{now.rate:.3g}" if now.rate else "-",
    }
