"""Which weights can be told what a condition asks for. No torch."""

from __future__ import annotations

from collections.abc import Iterable

from engine.config.condition import Condition
from engine.config.condition_check import told_parts, untold_parts
from engine.config.condition_text import list_words
from engine.config.data import MNIST
from engine.config.model import ModelConfig
from engine.errors import SettingError
from engine.formatting import printable
from engine.runs.run import all_runs
from engine.runs.weights_names import SHIPPED, model_of

MOST_RUNS = 50
"""The newest runs that are looked at."""


def check_told(conditions: Iterable[Condition], model: ModelConfig, weights: str) -> None:
    """Raises SettingError where a condition asks for something that the network of these weights is not told, and names weights that are."""
    for condition in dict.fromkeys(conditions):
        if not (untold := untold_parts(condition, model.conditions)):
            continue
        name = printable(weights)
        message = f"{name} was not trained with {list_words(untold, 'or')}"
        if model.conditions is not None and (known := told_parts(model.conditions)):
            message += f", only with {known}"
        others = [printable(other) for other in _weights_that_can(condition, model)]
        raise SettingError(f"{message}; {_way_out(condition, model, others)}")


def _way_out(condition: Condition, model: ModelConfig, others: list[str]) -> str:
    if not others:
        leave_out = "no weights here were, so leave it out"
        if condition.hand or condition.text:
            return leave_out
        return f"{leave_out}, or train some: digitty train {'--preset attributes' if model.data == MNIST else '--data … --attributes'}"
    return f"draw with {list_words(others, 'or')}, which {'was' if len(others) == 1 else 'were'}"


def _weights_that_can(condition: Condition, model: ModelConfig) -> list[str]:
    """The shipped weights, or else the newest runs, that draw the same classes in as many steps and are told all that the condition asks for."""
    runs = (run.name for run in all_runs()[:MOST_RUNS] if run.states() or run.best_path.exists())
    found = []
    for weights in (*SHIPPED, *runs):
        other = model_of(weights)
        same = other is not None and (other.data.class_names, other.one_step) == (model.data.class_names, model.one_step)
        if other and same and not untold_parts(condition, other.conditions):
            found.append(weights)
        if len(found) == 3:
            break
    return found
