"""What a picture shows, and which of it a caption can state. Plain Python: no tensors, no screen.

What a caption states is a Phrase, the same that the prompt's parser gives for what it reads.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.config.condition import VARIANTS, AttributeName, Interval
from engine.config.data import MNIST
from engine.prompt.facts import facts
from engine.prompt.levels import LADDERS, Degree, Level
from engine.prompt.phrase import Phrase, Target
from engine.prompt.text import normalize
from engine.prompt.vocabulary import vocabulary_for

MOST_WORDS = 24
"""Words, figures and signs of a caption; a text encoder reads no more of a text."""
_WORDS = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")
SPREAD = {"thickness": (0.0, 1.3), "slant": (3.0, 15.0), "width": (0.0, 1.3), "length": (0.0, 1.3)}
"""Mean and standard deviation of what random pictures show: wider than those of real ones, so that all levels are stated about equally often."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a picture shows."""

    label: int
    values: Mapping[AttributeName, float]
    """Normal scores, but degrees for slant, as levels have them. An attribute that is missing is not known."""
    variants: Mapping[str, bool]
    """Whether it has the variant that its digit can have; empty where that is not known, or where the digit can have none."""


def split_words(text: str) -> list[str]:
    """The words of a text in lower case; each figure and each sign is one, too."""
    return _WORDS.findall(normalize(text))


def random_shown(rng: random.Random) -> Shown:
    """What some picture might show. The values of attributes don't depend on each other or on the digit."""
    label = rng.randrange(10)
    values = {name: rng.gauss(*SPREAD[name]) for name in LADDERS}
    return Shown(label, {LADDERS[name][0].attribute: value for name, value in values.items()}, variants_of(label, rng.random() < 0.5))


def variants_of(label: int, has_it: bool) -> dict[str, bool]:
    """Whether a digit has the variant that it can have, by the variant's name."""
    return {name: has_it for name, digit in VARIANTS.items() if digit == label}


def true_levels(attribute: AttributeName, value: float) -> list[Level]:
    """The levels that a value has."""
    return [level for level in LADDERS[attribute] if value in level.interval]


def true_negations(attribute: AttributeName, value: float) -> list[Level]:
    """The levels of which a caption may say that a value does not have them: "not bold" is less than bold, and not merely otherwise."""
    return [level for level in LADDERS[attribute] if (left := negated(level)) is not None and value in left]


def negated(level: Level) -> Interval | None:
    """What "not" leaves of a level in captions; None for "medium" and for "slightly", of which nobody says so."""
    return None if level.side == 0 or level.degree is Degree.SLIGHT else level.opposite


def target_for(level: Level, is_negated: bool) -> Target:
    """The target that states a level, or that states what "not" leaves of it."""
    interval = level.opposite if is_negated else level.interval
    assert interval is not None
    return Target(level.attribute, interval, level.attribute == "slant")


def describe(says: Phrase | None) -> str:
    """What a caption states, in words: 7 · bold · leaning left; nonsense."""
    return " · ".join(fact.text for fact in facts(says, vocabulary_for(MNIST.class_names, True))) if says else "nonsense"


def _intervals(levels: Sequence[Level]) -> tuple[Interval, ...]:
    left = [interval for level in levels if (interval := negated(level)) is not None]
    return (Interval(), *(level.interval for level in levels), *left)


INTERVALS: Mapping[str, tuple[Interval, ...]] = {name: _intervals(levels) for name, levels in LADDERS.items()}
"""Everything that a caption can say of each attribute: nothing (an open interval), its levels from low to high, what "not" leaves of each."""
