"""Templates, words and pairs that no caption for training has: fixed before any training, to test what an encoder makes of new ones.

Changing this table makes figures measured before incomparable, and those of encoders that were trained before meaningless.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from engine.config.condition import AttributeName

HeldOut = Literal["templates", "orders", "synonyms", "pairs"]
"""What can be held out. Templates are other words around the description, orders put its parts in another order."""

TEMPLATES = (
    "let me see a [before] [name] [behind]",
    "what about a [before] [name] [behind]",
    "we need the [before] [name] [behind]",
    "my [before] [name] [behind] , thanks",
    "render a [before] [name] [behind]",
    "do you have a [before] [name] [behind]",
    "produce some [before] [name] [behind]",
    "i am looking for a [before] [name] [behind]",
    "the [name] came out [is]",
    "for the [name] , [is] would be best",
    "how about the [name] being [is]",
    "[name] , styled as [is]",
)
ORDERS = (
    "[is] , a [name]",
    "[is] : the [name]",
    "[behind] , a [before] [name]",
    "[behind] please , the [before] [name]",
    "[is] and a [name]",
    "draw [is] the [name]",
)

WORDS: Mapping[tuple[AttributeName, int], str] = {
    ("thickness", 1): "hefty plump bulky thickened boldly embolden meaty sturdy",
    ("thickness", -1): "spindly flimsy slender thinned lightly gaunt faint",
    ("width", 1): "spacious roomy broadened sprawling",
    ("width", -1): "pinched narrowly compressed constricted squished",
    ("length", 1): "lengthy prolonged",
    ("length", -1): "stubby abbreviated",
    ("slant", 1): "italicised skewed slantwise",
    ("slant", 0): "plumb vertically unslanted perpendicular",
    ("slant", -1): "backslanting backhand reclined",
}
"""Adjectives by attribute and side; those of the table of levels, and others."""
VARIANT_WORDS: Mapping[tuple[str, bool], str] = {
    ("crossed", True): "slashed, barred",
    ("crossed", False): "unbarred",
    ("looped", True): "loopy, curled",
    ("looped", False): "loopless",
    ("closed", True): "shut",
    ("closed", False): "unclosed",
    ("with a base", True): "footed",
    ("with a base", False): "footless",
}
"""Adjectives, by variant and whether the digit has it."""
ADVERBS = ("exceedingly", "truly", "awfully", "subtly", "vaguely", "reasonably")
"""Never used in training. Held-out synonyms are adjectives: their adverbs are known ones."""

PAIRS: frozenset[tuple[int, AttributeName, int]] = frozenset(
    {
        (0, "length", -1),
        (1, "slant", -1),
        (2, "width", -1),
        (3, "thickness", 1),
        (4, "length", 1),
        (5, "width", 1),
        (6, "thickness", -1),
        (7, "slant", 0),
        (8, "slant", -1),
        (9, "slant", 1),
    }
)
"""A digit, an attribute and a side, of any degree and also with "not", that no caption for training states together."""
