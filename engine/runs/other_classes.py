"""Which other weights draw a class that a prompt names in vain. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from engine.config.data import DataSpec
from engine.errors import PromptError
from engine.formatting import printable
from engine.prompt.faults import quote
from engine.prompt.tokens import count_at, tokenize
from engine.prompt.vocabulary import Kind, vocabulary_for
from engine.runs.run import all_runs
from engine.runs.weights_names import SHIPPED, data_of, draws

MOST_RUNS = 50
"""The newest runs that are looked at."""


def name_other_weights(error: PromptError, data: DataSpec, how: str) -> PromptError:
    """The error of a prompt for these data, with the weights that draw what it names, if any are here.

    `how` says how people choose weights; it may hold {weights}.
    """
    for weights, other in _weights_of_other_data(data):
        if word := _class_named(error.rest, other):
            hint = f"{quote(word)} is a class of {printable(weights)} ({other.name}); {how.format(weights=printable(weights))}"
            return PromptError(f"{error}. {hint}", error.near, error.rest)
    return error


def _weights_of_other_data(data: DataSpec) -> Iterator[tuple[str, DataSpec]]:
    """Weights and what they draw, for each set of classes once: the shipped ones, then the newest runs."""
    seen = {data.class_names, ()}
    runs = (run.name for run in all_runs()[:MOST_RUNS] if run.states() or run.best_path.exists())
    for weights in (*SHIPPED, *runs):
        other = data_of(weights)
        if other.class_names not in seen and draws(weights):
            seen.add(other.class_names)
            yield weights, other


def _class_named(text: str, data: DataSpec) -> str:
    """The class of these data with which the text begins, perhaps after a count; empty for none.

    A number is a class only where it counts nothing: three is not what `three dogs` asks for.
    """
    vocabulary = vocabulary_for(data.class_names)
    tokens = tokenize(vocabulary.normalize(text), vocabulary)
    count = len(count_at(tokens, 0))
    counted = tokens[count : count + 1]
    if count and counted and counted[0].kind is Kind.TIMES:
        counted = tokens[count + 1 : count + 2]
    own = () if counted and counted[0].kind is Kind.UNKNOWN else tokens[:1]
    return next((token.text for token in (*counted, *own) if token.label is not None), "")
