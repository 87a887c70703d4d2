"""Adjectives as intervals: a table that is spelt out here, and what holds for all levels."""

from __future__ import annotations

import math

import pytest

from engine.config.condition import Interval
from engine.prompt.levels import ADJECTIVES, ADVERBS, COMPARATIVES, LADDERS, Degree, Level, level_of

INFINITY = math.inf


@pytest.mark.parametrize(
    ("side", "degree", "scores", "slants"),
    [
        (-1, Degree.VERY, (-INFINITY, -1.28), (-INFINITY, -12)),
        (-1, Degree.PLAIN, (-INFINITY, -0.52), (-INFINITY, -5)),
        (-1, Degree.SLIGHT, (-1.0, -0.25), (-10, -3)),
        (0, Degree.PLAIN, (-0.52, 0.52), (-5, 5)),
        (1, Degree.SLIGHT, (0.25, 1.0), (4, 14)),
        (1, Degree.PLAIN, (0.52, INFINITY), (8, INFINITY)),
        (1, Degree.VERY, (1.28, INFINITY), (22, INFINITY)),
    ],
)
def test_levels_are_these_intervals(side: int, degree: Degree, scores: tuple[float, float], slants: tuple[float, float]) -> None:
    for attribute in LADDERS:
        low, high = slants if attribute == "slant" else scores
        level = next(level for level in LADDERS[attribute] if level.side == side and (not side or level.degree == degree))
        assert level.interval == Interval(low, high)
        assert level.typical in level.interval


@pytest.mark.parametrize("attribute", LADDERS)
def test_what_not_leaves_begins_where_the_level_ends(attribute: str) -> None:
    for level in LADDERS[attribute]:
        if level.side == 0:
            continue
        left = level.opposite
        assert left is not None
        assert (left.high == level.interval.low) if level.side > 0 else (left.low == level.interval.high)
        assert level_of(level.attribute, left) == (level, True)
    assert Level("slant", 0).opposite == Level("slant", 1).interval
    assert Level("thickness", 0).opposite is None


@pytest.mark.parametrize("attribute", LADDERS)
def test_each_level_is_found_by_its_interval_and_ladders_rise(attribute: str) -> None:
    ladder = LADDERS[attribute]
    assert [level_of(level.attribute, level.interval) for level in ladder] == [(level, False) for level in ladder]
    typical = [level.typical for level in ladder]
    assert typical == sorted(set(typical))


def test_no_word_is_an_adjective_an_adverb_and_a_comparative_at_once() -> None:
    assert not {*ADJECTIVES} & {*ADVERBS}
    assert not {*ADJECTIVES, *ADVERBS} & {(word,) for word in COMPARATIVES}
