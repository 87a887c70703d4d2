"""Numbers with units: slant 20°, thickness 3.5, 3 px thick, thickness 3-4. Plain Python: no tensors, no screen."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from engine.config.condition import ATTRIBUTES, AttributeName, Interval
from engine.prompt.cursor import Cursor
from engine.prompt.faults import ParseError, quote, replace_tokens
from engine.prompt.levels import SIDES
from engine.prompt.phrase import Target
from engine.prompt.tokens import count_at, count_value
from engine.prompt.vocabulary import DASHES, DIGITS, Kind

NAMES: Mapping[tuple[str, ...], AttributeName] = {
    **{tuple(words.split()): "thickness" for words in ("thickness", "weight", "boldness", "heaviness", "weighing")},
    **{(line, of): "thickness" for line in ("stroke", "line", "pen") for of in ("width", "thickness", "weight")},
    **{tuple(words.split()): "slant" for words in ("slant", "angle", "tilt", "lean", "inclination", "slope", "slant angle")},
    **{tuple(words.split()): "width" for words in ("width", "breadth")},
    **{tuple(words.split()): "length" for words in ("length", "stroke length", "line length", "path length")},
}
"""What an attribute is called."""
DIMENSIONS: Mapping[str, AttributeName] = {
    **dict.fromkeys(("thick", "bold", "heavy", "fat"), "thickness"),
    **dict.fromkeys(("wide", "broad"), "width"),
    "long": "length",
}
"""What a number with a unit measures: 3 px thick."""
_LENGTHS = "foot ft yard yards mile miles metre metres meter meters millimetres millimeters centimetres centimeters"
_WEIGHTS = "kilo kilos kilogram kilograms gram grams pound pounds lb ton tons tonnes ounces"
UNITS: Mapping[str, str] = {
    **dict.fromkeys(("px", "pixel", "pixels", "pix"), "px"),
    **dict.fromkeys(("°", "deg", "degree", "degrees"), "°"),
    **dict.fromkeys(("z", "σ", "sigma"), "z"),
    **{word: word for word in ["mm", "cm", "km", "inch", "inches", "pt", "points", "percent", "%", "em", "rad", "radian", "radians", "kg", "feet"]},
    **dict.fromkeys(_LENGTHS.split(), "m"),
    **dict.fromkeys(_WEIGHTS.split(), "kg"),
}
"""Units, also those that make no sense here. z is the normal score."""
_BOUNDS: Mapping[tuple[str, ...], int] = {
    **{tuple(words.split()): 1 for words in ("at least", "over", "above", "more than", "≥", ">", "> =", "not under", "not below", "from at least")},
    **{tuple(words.split()): -1 for words in ("at most", "under", "below", "less than", "up to", "≤", "<", "< =", "not over", "not above")},
    **{tuple(words.split()): 0 for words in ("about", "around", "roughly", "approximately", "exactly", "≈", "~", "circa", "ca")},
}
_FIGURES = re.compile(r"[0-9]{1,15}(\.[0-9]{1,30})?")
_LINKS = ("to", "..", "until", "till", "through", *DASHES)
HIGHEST_SCORE = 4.0


class Amount(NamedTuple):
    """A number, or an interval, and its unit ("" for none), from one token up to another."""

    low: float
    high: float
    unit: str
    start: int
    end: int


def read_number(cursor: Cursor) -> float | None:
    """A number with its sign, in figures or in words: -20, 3.5, twenty-five, three point five."""
    start = cursor.at
    negative = cursor.accept((*DASHES, "minus", "negative"))
    if not negative:
        cursor.accept(("+", "plus"))
    word = cursor.word()
    if _FIGURES.fullmatch(word):
        value = float(word + _after_comma(cursor))
        cursor.at += 1
    elif cursor.kind() in (Kind.DIGIT, Kind.TEEN, Kind.TENS) and not word.isdecimal():
        words = [token for token in count_at(cursor.tokens, cursor.at) if token.kind is not Kind.MULTIPLE]
        cursor.at += len(words)
        value = float(count_value(words)) + _decimals(cursor)
    else:
        cursor.at = start
        return None
    return -value if negative else value


def _after_comma(cursor: Cursor) -> str:
    """The decimals of a number with a comma, as in 3,5, with a point before them. The cursor stays before the last token of the number."""
    here = cursor.tokens[cursor.at : cursor.at + 4]
    words = [here[0].text] + [after.text for before, after in pairwise(here) if before.end == after.start]
    if len(words) < 3 or words[1] != "," or not words[0].isdecimal() or not words[2].isdecimal() or words[3:] == [","]:
        return ""
    cursor.at += 2
    return f".{words[2]}"


def _decimals(cursor: Cursor) -> float:
    """What "point five" adds to a number."""
    if cursor.word() != "point" or cursor.word(1) not in DIGITS:
        return 0.0
    cursor.at += 1
    value, place = 0.0, 0.1
    while word := cursor.accept(DIGITS):
        value, place = value + place * DIGITS.index(word), place / 10
    return round(value, 12)


def read_amount(cursor: Cursor) -> Amount | None:
    """A number or an interval: 20°, 3.5 px, 3-4, between 3 and 4, at least 3, 20 ± 5."""
    start = cursor.at
    bound = cursor.longest(_BOUNDS)
    unit = "z" if cursor.accept(("z",)) else ""
    between = cursor.accept(("between",))
    first = read_number(cursor)
    if first is None:
        cursor.at = start
        return None
    unit = _unit(cursor) or unit
    low = high = first
    link = cursor.at
    if bound:
        low, high = (first, math.inf) if bound > 0 else (-math.inf, first)
    elif cursor.accept(("±",)) and (margin := read_number(cursor)) is not None:
        low, high = first - abs(margin), first + abs(margin)
    elif cursor.accept(("and",) if between else _LINKS) and (second := read_number(cursor)) is not None:
        low, high = min(first, second), max(first, second)
    else:
        cursor.at = link
    return Amount(low, high, _unit(cursor) or unit, start, cursor.at)


def _unit(cursor: Cursor) -> str:
    return UNITS.get(cursor.accept(UNITS), "")


def read_measure(cursor: Cursor) -> Target | None:
    """An attribute with a number: slant 20°, thickness of 3.5, width: 12 to 14 px. Raises ParseError for units that make no sense."""
    start = cursor.at
    attribute = cursor.longest(NAMES)
    if attribute is None:
        return None
    amount = read_amount(cursor)
    if amount and not amount.unit and amount.end - amount.start == 1 and start and cursor.word(start - 1 - cursor.at) in ("a", "an"):
        cursor.at = start
        return None  # a lean 7 is a digit
    while amount is None and cursor.accept(("of", ":", "=", "is", "at", "a")):
        amount = read_amount(cursor)
    if amount is None:
        cursor.at = start
        return None
    return to_target(cursor, attribute, _to_side(cursor, amount) if attribute == "slant" else amount)


def read_dimension(cursor: Cursor) -> Target | None:
    """A number with a unit and what it measures: 3 px thick, 20° to the left. Raises ParseError for units that make no sense."""
    start = cursor.at
    is_stroke = _follows_strokes(cursor)
    amount = read_amount(cursor)
    if amount is None or not amount.unit:
        cursor.at = start
        return None
    if word := cursor.accept(DIMENSIONS):
        return to_target(cursor, DIMENSIONS[word], amount)
    if attribute := cursor.longest(NAMES):
        return to_target(cursor, attribute, amount)
    if amount.unit == "px" and (cursor.accept(STROKES) or is_stroke):
        return to_target(cursor, "thickness", amount)
    if amount.unit == "°":
        return to_target(cursor, "slant", _to_side(cursor, amount))
    cursor.at = start
    if amount.unit == "px":
        first, last, text = cursor.tokens[amount.start], cursor.tokens[amount.end - 1], cursor.text
        why = f"say what is {quote(text[first.start : last.end])}: the thickness, the width or the length"
        raise ParseError(why, f"{text[: first.start]} thickness {text[first.start :]}")
    return None


STROKES = ("strokes", "stroke", "lines", "line", "pen", "brush")
"""What 3 px measures the thickness of."""


def _follows_strokes(cursor: Cursor) -> bool:
    """Whether an amount stands behind a stroke: strokes 3 px, a stroke of 3 px."""
    at = cursor.at - 1 - (cursor.at > 0 and cursor.word(-1) == "of")
    return at >= 0 and cursor.word(at - cursor.at) in STROKES


def _to_side(cursor: Cursor, amount: Amount) -> Amount:
    """An angle, to the side that is named after it, if any."""
    if amount.low == amount.high and (side := read_side(cursor)):
        return amount._replace(low=side * abs(amount.low), high=side * abs(amount.low))
    return amount


def read_side(cursor: Cursor) -> int:
    """Left (-1) or right (1), perhaps after "to the"; 0 for none."""
    start = cursor.at
    cursor.accept(("over",))
    cursor.accept(("to", "toward", "towards"))
    cursor.accept(("the", "its"))
    if word := cursor.accept(SIDES):
        return SIDES[word]
    cursor.at = start
    return 0


def to_target(cursor: Cursor, attribute: AttributeName, amount: Amount) -> Target:
    """The target for an amount of an attribute. Raises ParseError for another unit, and for values that no digit has."""
    known = ATTRIBUTES[attribute]
    tokens = cursor.tokens[amount.start : amount.end]
    shown = quote(cursor.text[tokens[0].start : tokens[-1].end])
    if amount.unit not in ("", known.unit, "z"):
        unit = "degrees" if known.unit == "°" else "pixels"
        sign = known.unit.replace("px", " px")
        number = f"{amount.low:g}" + (f" to {amount.high:g}" if amount.low < amount.high else "")
        raise ParseError(f"{attribute} is in {unit}, so {shown} makes no sense", replace_tokens(cursor.text, tokens, f"{number}{sign}"))
    low, high, unit = (-HIGHEST_SCORE, HIGHEST_SCORE, " z") if amount.unit == "z" else (known.low, known.high, known.unit.replace("px", " px"))
    for end in (amount.low, amount.high):
        if math.isfinite(end) and not low <= end <= high:
            sign = known.unit.replace("px", " px") if amount.unit == known.unit else ""
            nearest = f"{'z ' * (amount.unit == 'z')}{min(max(end, low), high):g}{sign}"
            raise ParseError(f"{attribute} goes from {low:g} to {high:g}{unit}, so {shown} is outside", replace_tokens(cursor.text, tokens, nearest))
    return Target(attribute, Interval(amount.low, amount.high), amount.unit != "z")
