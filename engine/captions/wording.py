"""What a caption states -> its words: an adjective, or words that stand behind the digit. Plain Python: no tensors, no screen."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import NamedTuple

from engine.captions.held_out import HeldOut
from engine.captions.synonyms import (
    ADVERBS_OF,
    HELD_OUT_VARIANT_WORDS,
    HELD_OUT_WORDS,
    INCLINES,
    LEANS,
    NAMES,
    NOT,
    PLAIN,
    SIZES,
    USUAL_ADVERBS,
    VARIANT_PARTS,
    VARIANT_WORDS,
    WORDS,
)
from engine.prompt.levels import WORDS as KNOWN
from engine.prompt.levels import Degree, Level
from engine.prompt.thesaurus import inflect

SIDES = {-1: ("left", "to the left", "leftwards", "to the left side"), 1: ("right", "to the right", "rightwards", "forward")}
LEFT_OR_RIGHT = {-1: "left", 1: "right"}
UPRIGHT = ("without a slant", "without a tilt", "standing upright", "not slanted", "not tilted", "not leaning", "with no slant")
STROKES = ("strokes", "lines")
"""What bold strokes are."""
STATED_ADVERB = 0.2
"""How often an adverb such as "quite", which changes nothing, stands before an adjective."""
RARE_ADVERB = 0.5
DERIVED = 0.08
"""How often an adjective has another ending."""
ENDINGS = {Degree.SLIGHT: ("ish",), Degree.PLAIN: ("ly",), Degree.VERY: ()}


HELD_OUT_FORMS = frozenset(word for words in HELD_OUT_WORDS.values() for word in words)


class Part(NamedTuple):
    """What a caption says of one attribute or variant."""

    text: str
    is_adjective: bool
    """Whether it can stand before the digit."""
    is_negated: bool = False


def word_level(rng: random.Random, level: Level, is_negated: bool, held_out: Collection[HeldOut] = ()) -> Part:
    """A level, or that a picture is "not" so. Held-out synonyms are used where they are asked for."""
    text, is_adjective = _adjective(rng, level, held_out, may_add=not is_negated)
    if not is_negated and "synonyms" not in held_out and level.attribute in ("thickness", "slant") and rng.random() < 0.5:
        text, is_adjective = _behind(rng, level) or (text, is_adjective)
    return Part(f"{rng.choice(NOT)} {text}", True, True) if is_negated else Part(text, is_adjective)


def word_variant(rng: random.Random, name: str, wanted: bool, held_out: Collection[HeldOut] = ()) -> Part:
    """A variant that the digit has, or has not."""
    if "synonyms" in held_out:
        return Part(rng.choice(HELD_OUT_VARIANT_WORDS[name, wanted]), True)
    way = rng.random()
    if not wanted and way < 0.2:
        return Part(rng.choice(PLAIN), True)
    if not wanted and way < 0.5:
        without = rng.choice(("without a", "without any", "with no", "without"))
        return Part(f"{without} {rng.choice(VARIANT_PARTS[name, True])}", False, True)
    if not wanted and way < 0.65:
        return Part(f"not {rng.choice(VARIANT_WORDS[name, True])}", True, True)
    if (name, wanted) in VARIANT_PARTS and way > 0.8 - 0.3 * wanted:
        return Part(f"{rng.choice(('with a', 'with a', 'having a', 'that has a'))} {rng.choice(VARIANT_PARTS[name, wanted])}", False)
    return Part(rng.choice(VARIANT_WORDS[name, wanted]), True)


def _adjective(rng: random.Random, level: Level, held_out: Collection[HeldOut], may_add: bool) -> tuple[str, bool]:
    """Words for a level, and whether they are an adjective. `may_add`: an adverb that changes nothing."""
    plain = level._replace(degree=Degree.PLAIN)
    if "synonyms" in held_out:
        return _with_adverb(rng, rng.choice(HELD_OUT_WORDS[plain]), level.degree, may_add), True
    own = WORDS.get(level, ())
    if level.degree is not Degree.PLAIN and own and rng.random() < 0.3:
        return rng.choice(own), True
    if level.attribute in NAMES and (plain not in WORDS or rng.random() < (0.5 if level.side == 0 else 0.08)):
        size = _with_adverb(rng, rng.choice(SIZES[level.side]), level.degree, may_add) if level.side else rng.choice(SIZES[0])
        return f"{rng.choice(('of', 'with', 'having'))} {size} {rng.choice(NAMES[level.attribute])}", False
    if level.attribute == "slant" and level.side and rng.random() < (0.7 if level.side < 0 else 0.4):
        word = f"{LEFT_OR_RIGHT[level.side]}-{rng.choice(('leaning', 'slanted', 'slanting', 'tilted', 'tilting'))}"
        return _with_adverb(rng, word, level.degree, may_add), True
    word = rng.choice(WORDS[plain])
    if level.side and rng.random() < DERIVED and (derived := derive(rng, word, level.degree)):
        return derived, True
    return _with_adverb(rng, word, level.degree, may_add) if level.side else word, True


def derive(rng: random.Random, word: str, degree: Degree) -> str:
    """The word with an ending that goes with the degree: widish, thinly; "" for none, or where that word is held out."""
    if not ENDINGS[degree]:
        return ""
    derived = inflect(word, rng.choice(ENDINGS[degree]))
    return "" if derived in HELD_OUT_FORMS or derived in KNOWN else derived


def _with_adverb(rng: random.Random, word: str, degree: Degree, may_add: bool = True) -> str:
    adverb = _adverb(rng, degree) if may_add or degree is not Degree.PLAIN else ""
    return f"{adverb} {word}" if adverb else word


def _adverb(rng: random.Random, degree: Degree) -> str:
    if degree is Degree.PLAIN and rng.random() >= STATED_ADVERB:
        return ""
    return rng.choice(_choices(rng, degree))


def _choices(rng: random.Random, degree: Degree) -> Sequence[str]:
    return ADVERBS_OF[degree] if rng.random() < RARE_ADVERB else USUAL_ADVERBS[degree]


def _behind(rng: random.Random, level: Level) -> tuple[str, bool] | None:
    """Words for a level that stand behind the digit; None where there are none."""
    if level.attribute == "thickness":
        if level.side == 0:
            return None
        adjective = _with_adverb(rng, rng.choice(WORDS[level._replace(degree=Degree.PLAIN)]), level.degree)
        return f"{rng.choice(('with', 'in', 'made of', 'drawn with'))} {adjective} {rng.choice(STROKES)}", False
    if level.side == 0:
        return rng.choice(
            ("without a slant", "without a tilt", "standing upright", "not slanted", "not tilted", "not leaning", "with no slant")
        ), False
    side, way = rng.choice(SIDES[level.side]), rng.random()
    if way < 0.25 and level.degree is not Degree.VERY:
        adjective = rng.choice(("slight", "gentle", "mild")) if level.degree is Degree.SLIGHT else ""
        return " ".join(f"with a {adjective} {rng.choice(INCLINES)} {rng.choice(SIDES[level.side][1:2])}".split()), False
    adverb = _adverb(rng, level.degree) if level.degree is not Degree.VERY or rng.random() < 0.7 else "far"
    return f"{rng.choice(LEANS)} {adverb} {side}" if adverb else f"{rng.choice(LEANS)} {side}", False
