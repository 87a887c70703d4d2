"""A sweep: the same labels from the same noise, drawn with every combination of some lists of settings. Plain Python."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from engine.config.condition import ATTRIBUTES
from engine.config.condition_options import parse_interval
from engine.config.condition_text import with_unit
from engine.config.fields import check_value, settings_of
from engine.config.sampling import ONE_STEP_MOST, SampleConfig, Sampler, fit_sampler, with_sampler
from engine.errors import SettingError
from engine.formatting import printable

AXES = ("weights", "sampler", "seed", "guidance", "steps", *ATTRIBUTES)
"""What a sweep may vary, from the outermost axis of its sheet to the columns."""
MOST_AXES = 3
MOST_CELLS = 100
"""Drawings of one sweep."""
MOST_IMAGES = 16
"""Images of one drawing."""
USUAL_STEPS: Mapping[Sampler, int] = {"ddpm": 1000, "ddim": 50, "dpmpp": 14, "one-step": 1}
"""The steps with which each sampler draws well."""
EXAMPLES = {
    "weights": "shipped,seed-1:best",
    "sampler": "ddim,dpmpp",
    "seed": "1,2,3",
    "guidance": "1,1.4,2",
    "steps": "4,8,14",
    "thickness": "2,3,4",
    "slant": "-20,0,20",
    "width": "9,12,15",
    "length": "30,40,50",
}

Value = str | int | float


@dataclass(frozen=True)
class Cell:
    """One drawing of a sweep: how, with which weights, and with which attributes."""

    sample: SampleConfig
    weights: str
    attributes: tuple[tuple[str, float], ...] = ()
    """What its pictures shall measure."""


@dataclass(frozen=True)
class Axis:
    """A setting that a sweep varies, and its values in the order they were given."""

    name: str
    values: tuple[Value, ...]

    def label(self, i: int) -> str:
        """guidance 1.4, 8 steps, seed 3, slant -20°, dpmpp, or the name of weights"""
        value = self.values[i]
        if self.name in ATTRIBUTES:
            return f"{self.name} {with_unit(self.name, float(value))}"
        if self.name == "steps":
            return "1 step" if value == 1 else f"{value} steps"
        return f"{self.name} {value:g}" if isinstance(value, int | float) else printable(value, 60)


@dataclass(frozen=True)
class Sweep:
    """The axes, and a cell for each combination of their values; the last axis varies fastest."""

    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]

    @property
    def columns(self) -> int:
        """The number of cells in a row of the sheet."""
        return len(self.axes[-1].values) if self.axes else 1

    def values(self, cell: int) -> tuple[Value, ...]:
        """The cell's value on each axis."""
        return tuple(axis.values[place] for axis, place in zip(self.axes, self._places(cell), strict=True))

    def labels(self, cell: int) -> tuple[str, ...]:
        """The same in words. A sampler is named with its steps where those have no axis."""
        labels = [axis.label(place) for axis, place in zip(self.axes, self._places(cell), strict=True)]
        names = [axis.name for axis in self.axes]
        if "sampler" in names and "steps" not in names:
            labels[names.index("sampler")] += f", {Axis('steps', (self.cells[cell].sample.steps,)).label(0)}"
        return tuple(labels)

    def _places(self, cell: int) -> list[int]:
        """The place of the cell's value on each axis."""
        places = []
        for axis in reversed(self.axes):
            cell, place = divmod(cell, len(axis.values))
            places.append(place)
        return places[::-1]

    def caption(self, cell: int) -> str:
        """guidance 1.4, 8 steps: everything that sets the cell apart"""
        return ", ".join(self.labels(cell))


def parse_values(name: str, text: str) -> tuple[Value, ...]:
    """The values of a list such as 1,1.4,2; equal ones count once. Raises SettingError."""
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise SettingError(f"{name} {printable(text, 60)!r} has an empty entry; separate the values by single commas, such as {EXAMPLES[name]}")
    if name == "weights":
        return tuple(dict.fromkeys(words))
    if name in ATTRIBUTES:
        return tuple(dict.fromkeys(_parse_attribute(name, word) for word in words))
    described = settings_of(SampleConfig)[name]
    values: list[Value] = []
    for word in words:
        try:
            value = described.kind(word)
        except ValueError:
            kind = "whole number" if described.kind is int else "number"
            raise SettingError(f"{name} {printable(word, 60)!r} is not a {kind}; write a list such as {EXAMPLES[name]}") from None
        check_value(name, value, described)
        values.append(value)
    return tuple(dict.fromkeys(values))


def _parse_attribute(name: str, word: str) -> float:
    interval = parse_interval(name, word)
    if interval.low != interval.high:
        raise SettingError(f"{name} {printable(word, 60)} is an interval, and a sweep takes single values; write a list such as {EXAMPLES[name]}")
    return interval.low


def plan_sweep(lists: Mapping[str, Sequence[Value]], base: SampleConfig, weights: str, students: Collection[str] = ()) -> Sweep:
    """Combine lists of values with the settings that all cells share. Lists of one value are settings, not axes.

    `students` are those of the weights that draw in one step: they take the sampler one-step unless a sampler is listed. A sampler other than
    that of `base` takes its usual number of steps unless steps are listed. No cell redraws an image, since that would change its noise.
    Raises SettingError for too many axes or cells, and for steps that a one-step student can't take.
    """
    if unknown := [name for name in lists if name not in AXES]:
        raise SettingError(f"a sweep can't vary {unknown[0]}; it varies {', '.join(AXES)}")
    axes = tuple(Axis(name, tuple(lists[name])) for name in AXES if len(lists.get(name, ())) > 1)
    if len(axes) > MOST_AXES:
        raise SettingError(f"{', '.join(axis.name for axis in axes)} are {len(axes)} lists; give one value for all but {MOST_AXES} of them")
    everything = [tuple(lists.get(name) or (None,)) for name in AXES]
    count = 1
    for values in everything:
        count *= len(values)
    if count > MOST_CELLS:
        sizes = " × ".join(str(len(axis.values)) for axis in axes)
        raise SettingError(f"{sizes} values are {count:,} drawings, and a sweep has at most {MOST_CELLS}; shorten a list")
    return Sweep(axes, tuple(_cell(dict(zip(AXES, combination, strict=True)), base, weights, students) for combination in product(*everything)))


def plan_race(base: SampleConfig, weights: str, students: Collection[str] = ()) -> Sweep:
    """The samplers that the weights can use, each with its usual number of steps."""
    samplers: tuple[Sampler, ...] = ("one-step",) if weights in students else ("ddpm", "ddim", "dpmpp")
    if weights == "shipped":  # for it the sampler one-step takes the shipped student
        samplers += ("one-step",)
    cells = tuple(Cell(replace(with_sampler(base, sampler), steps=USUAL_STEPS[sampler], redraw_below=0.0), weights) for sampler in samplers)
    return Sweep((Axis("sampler", samplers),), cells)


def _cell(values: Mapping[str, Value | None], base: SampleConfig, weights: str, students: Collection[str]) -> Cell:
    """One combination; None stands for what `base` and `weights` say."""
    weights = str(values["weights"] or weights)
    sample = base
    if values["sampler"] is not None:
        sample = with_sampler(base, str(values["sampler"]))  # type: ignore[arg-type]
    elif weights in students or base.sampler == "one-step":
        sample = fit_sampler(base, weights in students or weights == "shipped")
    if values["steps"] is None and sample.sampler != base.sampler:
        sample = replace(sample, steps=USUAL_STEPS[sample.sampler])
    steps = values["steps"]
    if sample.sampler == "one-step" and isinstance(steps, int) and steps > ONE_STEP_MOST:
        raise SettingError(f"steps {steps} is outside 1 to {ONE_STEP_MOST}, the range that a one-step student was trained for")
    changes = {name: values[name] for name in ("seed", "guidance", "steps") if values[name] is not None}
    attributes = tuple((name, float(value)) for name in ATTRIBUTES if (value := values[name]) is not None)
    return Cell(replace(sample, **changes, redraw_below=0.0), weights, attributes)  # type: ignore[arg-type]
