"""Which weights can be told what a condition asks for. No torch."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Protocol

from engine.config.condition import ATTRIBUTES, SCORES, VARIANTS, AttributeScales, Condition, ConditionConfig, Scale
from engine.config.condition_check import told_parts, untold_parts
from engine.config.condition_text import list_words
from engine.config.data import MNIST
from engine.config.model import ModelConfig
from engine.errors import PromptError, SettingError
from engine.formatting import printable
from engine.prompt.changes import Change
from engine.prompt.conditions import NO_HANDS, TOLD_CLASSES
from engine.prompt.parser import parse_or_change_if_readable
from engine.runs.run import all_runs
from engine.runs.weights_names import SHIPPED, model_of

UNIT = Scale(tuple(float(score) for score in SCORES))
EVERYTHING = ConditionConfig(tuple(AttributeScales(name, UNIT) for name in ATTRIBUTES), tuple(VARIANTS), hand=1)
"""A network that could be asked for anything that a prompt can say."""
MOST_RUNS = 50
"""The newest runs that are looked at."""


class HowToChoose(Protocol):
    """Says how people choose weights: use --weights shipped."""

    def __call__(self, *, weights: str) -> str: ...


def check_told(conditions: Iterable[Condition], model: ModelConfig, weights: str, how: HowToChoose | None = None) -> None:
    """Raises SettingError where a condition asks for something that the network of these weights is not told, and names weights that are.

    `how` says how people choose the first of those.
    """
    for condition in dict.fromkeys(conditions):
        if not (untold := untold_parts(condition, model.conditions)):
            continue
        name = printable(weights)
        message = f"{name} was not trained with {list_words(untold, 'or')}"
        if model.conditions is not None and (known := told_parts(model.conditions)):
            message += f", only with {known}"
        others = [printable(other) for other in _weights_that_can(condition, model)]
        choice = f" ({how(weights=others[0])})" if how and others else ""
        raise SettingError(f"{message}; {_way_out(condition, model, others)}{choice}")


def name_weights_told(error: PromptError, text: str, weights: str, how: HowToChoose) -> PromptError:
    """The error of a prompt that asks these weights for more than classes, with the weights that can draw the prompt, if any are here.

    Other errors stay as they are.
    """
    model = model_of(weights)
    said = next((said for said in (TOLD_CLASSES, NO_HANDS) if said in str(error)), None)
    if model is None or said is None:
        return error
    before = str(error).partition(said)[0]

    def can_draw(told: ConditionConfig, other: ModelConfig) -> bool:
        names = other.data.class_names
        if names != model.data.class_names or (needs_hand and not told.hand):
            return False
        return parse_or_change_if_readable(text, random.Random(0), names, told) is not None

    needs_hand = _asks_for_hand(text, model)
    names = [printable(other) for other in _told_weights(can_draw)]
    if names:
        way_out = f"{list_words(names, 'and')} can be asked for it: {how(weights=names[0])}"
    else:
        way_out = f"no weights here can be asked for it, so train some ({_training(model, needs_hand)}), or draw the class alone"
    if model.one_step and said == TOLD_CLASSES:
        said = f"the one-step student {printable(weights)} is told {'digits' if model.data == MNIST else 'classes'} alone"
    return PromptError(f"{before}{said}; {way_out}", error.near, error.rest)


def _asks_for_hand(text: str, model: ModelConfig) -> bool:
    """Whether a prompt asks for a handwriting."""
    names = model.data.class_names
    asked = parse_or_change_if_readable(text, random.Random(0), names, EVERYTHING)
    if isinstance(asked, Change):
        return any(part.hand or part.other_hand for part in asked.parts)
    return asked is not None and any(phrase.hand for phrase in asked.conditions or ())


def _training(model: ModelConfig, hands: bool, words: bool = False) -> str:
    """The command that trains weights which can be asked for it."""
    preset = "--preset attributes" if model.data == MNIST else "--data … --attributes"
    return f"digitty train {preset}{' --hands' if hands else ''}{' --text' if words else ''}"


def _way_out(condition: Condition, model: ModelConfig, others: list[str]) -> str:
    if not others:
        return f"no weights here were, so leave it out, or train some: {_training(model, condition.hand is not None, condition.text is not None)}"
    return f"draw with {list_words(others, 'or')}, which {'was' if len(others) == 1 else 'were'}"


def _weights_that_can(condition: Condition, model: ModelConfig) -> list[str]:
    """Those that draw the same classes and are told all that the condition asks for. A student is named only in the place of another."""

    def can_draw(told: ConditionConfig, other: ModelConfig) -> bool:
        fits = other.data.class_names == model.data.class_names and (model.one_step or not other.one_step)
        return fits and not untold_parts(condition, told)

    return _told_weights(can_draw)


def _told_weights(can_draw: Callable[[ConditionConfig, ModelConfig], bool]) -> list[str]:
    """The shipped weights, then the newest runs, that are told more than classes and can draw what is asked for. At most three."""
    runs = (run.name for run in all_runs()[:MOST_RUNS] if run.states() or run.best_path.exists())
    found = []
    for weights in (*SHIPPED, *runs):
        other = model_of(weights)
        if other and other.conditions and can_draw(other.conditions, other):
            found.append(weights)
        if len(found) == 3:
            break
    return found
