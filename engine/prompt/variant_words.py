"""Words for the variants of digits: crossed, with a loop, open, plain, with a base. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.config.condition import VARIANTS
from engine.prompt.cursor import Cursor

PLAIN = ""
"""The name of "plain": without the variant that the digit can have, if any."""


class VariantTarget(NamedTuple):
    """A variant, by its name in VARIANTS or PLAIN, and whether it is wanted."""

    name: str
    wanted: bool


def _table(entries: Mapping[tuple[str, bool], str]) -> dict[tuple[str, ...], VariantTarget]:
    return {
        tuple(phrase.replace("-", " - ").split()): VariantTarget(name, wanted)
        for (name, wanted), phrases in entries.items()
        for phrase in phrases.split(", ")
    }


ADJECTIVES: Mapping[tuple[str, ...], VariantTarget] = _table(
    {
        ("crossed", True): "crossed, barred, continental, european, slashed",
        ("crossed", False): "uncrossed, unbarred",
        ("looped", True): "looped, loopy, curly, looping",
        ("looped", False): "unlooped, loopless",
        ("closed", True): "closed, closed top, closed-top, closed-topped, closed topped, shut, closed at the top, closed on top, closed at its top",
        ("closed", False): "open, opened, open top, open-top, open-topped, open topped, unclosed, open at the top, open on top, open at its top",
        ("with a base", True): "serifed, footed, based",
        ("with a base", False): "baseless, footless, sans serif",
        (PLAIN, True): "plain, simple, bare, unadorned",
    }
)
"""Variants that stand before a digit."""
_STROKES = ("line", "bar", "dash", "stroke")
_STEM = ("through the stem", "across the stem", "through its stem", "across its stem")
_ACROSS = (
    *_STEM,
    "through it",
    "across",
    "across it",
    "through the middle",
    "across the middle",
    "in the middle",
    "through its middle",
    "through the stem",
    "across its stem",
)
_BELOW = ("at the bottom", "at its bottom", "below", "underneath", "under it", "at the base")
NOUNS: Mapping[tuple[str, ...], VariantTarget] = _table(
    {
        ("crossed", True): ", ".join(
            (
                "crossbar, crossbars, bar, bars, cross, cross bar, cross-bar, cross stroke, cross line, dash, slash, crossline, crossstroke",
                *(f"{stroke} {where}" for stroke in _STROKES for where in _ACROSS),
            )
        ),
        ("looped", True): ", ".join(("loop, loops, curl, curls, loop in it, looped tail, curly tail", *(f"loop {where}" for where in _BELOW))),
        ("closed", True): "closed top, closed head, closed triangle, triangular top",
        ("closed", False): "open top, open head",
        ("with a base", True): ", ".join(
            (
                "base, bases, foot, feet, serif, serifs, base line, baseline, base stroke, bottom line, bottom bar, underline",
                *(f"{stroke} {where}" for stroke in _STROKES for where in _BELOW),
                "flat base, horizontal base, pedestal",
            )
        ),
    }
)
"""Variants that stand after "with" or "without"."""


def read_variant(cursor: Cursor, after_with: bool) -> VariantTarget | None:
    """A variant; a noun only after "with", "without" and the like, which are read already."""
    start = cursor.at
    if after_with:
        cursor.accept(("little", "small", "short", "horizontal", "tiny", "big", "clear", "nice", "visible"))
        if found := cursor.longest(NOUNS):
            return found
        cursor.at = start
    return cursor.longest(ADJECTIVES)


def variants_for(target: VariantTarget, digit: int | None) -> list[tuple[str, bool]]:
    """What the target says of a digit: the variant, if the digit can have it. Any digit can be plain."""
    return [
        (name, target.wanted if target.name else not target.wanted) for name, own in VARIANTS.items() if own == digit and target.name in (name, PLAIN)
    ]
