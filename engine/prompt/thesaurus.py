"""Further words for how bold, wide, long and slanted, and the forms of all of them: boldest, boldly, plumper. Plain Python: no tensors, no screen."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.config.condition import AttributeName
from engine.prompt.levels import ADJECTIVES as USUAL
from engine.prompt.levels import ADVERBS as USUAL_ADVERBS
from engine.prompt.levels import COMPARATIVES as USUAL_COMPARATIVES
from engine.prompt.levels import LEANING, SIDES, Degree, Level

Key = tuple[AttributeName, int]
"""An attribute and a side."""

IN_CAPTIONS: Mapping[Key, str] = {
    ("thickness", 1): """massive solid burly thickset robust inky dense fleshy bloated swollen inflated brawny substantial fattened ponderous portly
        rotund tubby pudgy powerful muscular husky hulking forceful intense opaque blocky clunky heavyset heavy-handed puffy darkened overweight""",
    ("thickness", -1): """scrawny bony threadbare sketchy weak skeletal gossamer tenuous fragile frail dainty scant meagre wiry willowy reedy
        emaciated haggard underweight pale sparse subtle weightless airy sheer faded dim lightened slight-looking""",
    ("width", 1): """expansive ample splayed outspread capacious generous vast expanded spaced-out panoramic fanned-out outstretched widespread
        distended full-width baggy loose wide-set""",
    ("width", -1): """cramped jammed crammed slimline constrained confined contracted shrunken shrunk crowded packed sleek tapered tapering snug
        close-set tightened slimmed pressed-together""",
    ("length", 1): """drawn-out sweeping extensive protracted far-reaching lanky leggy rangy endless lengthwise unending
        winding meandering rambling overlong""",
    ("length", -1): "brief cropped truncated curt clipped stunted squat dumpy docked trimmed pruned miniature cut-off concise terse abridged stumpy",
    ("slant", 1): "canted aslant diagonal raked pitched listing forward-leaning",
    ("slant", 0): "unbent unslanting level upstanding standing stiff ramrod square unleaning unangled unsloped bolt-upright straightened",
    ("slant", -1): "left-leaning reverse-slanted counter-slanted leftward leftwards reverse-italic left-slanting back-leaning reversed",
}
"""Words that captions for training have, too."""
_MORE: Mapping[Key, str] = {
    ("thickness", 1): """meaty sturdy thicc phat thickened emboldened embolden beefed-up bulked-up blackened black podgy girthy corpulent obese flabby
        paunchy bulging padded weighted blunt coarse full-bodied hearty strapping rubenesque broad-stroked pumped-up chunked""",
    ("thickness", -1): """gaunt faint thinned twiggy spidery thready stringy scraggy scraggly lithe svelte waifish ethereal filmy weedy puny wasted
        withered starved rake-thin cobwebby fragile-looking washed-out featherlight feather-light diaphanous attenuated""",
    ("width", 1): "sprawling broadened stretched-out flared wide-open spread-out widescreen dilated splayed-out stretched-wide",
    ("width", -1): "squished constricted compact scrunched crushed squeezed-together squeezed-in compacted slimmed-down narrowing bunched",
    ("length", 1): "prolonged trailing long-drawn long-limbed",
    ("length", -1): "abbreviated curtailed shrunken-down",
    ("slant", 1): "slantwise slantways aslope atilt slanty italicky rakish",
    ("slant", 0): "perpendicular uprightly bolt-straight ramrod-straight dead-straight poker-straight straight-up non-slanted orthogonal",
    ("slant", -1): "reclined reclining back-slanted left-slanted left-tilted",
}
_UTMOST: Mapping[Key, str] = {
    ("thickness", 1): "ultra-bold super-bold superbold superthick ultrathick",
    ("thickness", -1): """needle-thin pencil-thin hair-thin rail-thin stick-thin whisker-thin ultrathin superthin superfine ultrafine barely-there
        hairline-thin hair-fine""",
}
_ADVERBS: Mapping[Degree, str] = {
    Degree.VERY: """insanely, ridiculously, absurdly, crazy, crazily, mega, hella, immensely, vastly, wildly, extraordinarily, drastically,
        dramatically, significantly, considerably, markedly, severely, dead, super duper, hyper, exceptionally, tremendously, as hell""",
    Degree.SLIGHT: """barely, minimally, modestly, a smidge, a smidgen, a trifle, a whisker, a fraction, kinda, sorta, a wee bit,
        a teeny bit""",
    Degree.PLAIN: "decently, comparatively, properly, nice and, good and, more or less, suitably, generally, overall, distinctly, plainly",
}
ADVERBS: Mapping[tuple[str, ...], Degree] = {
    **{tuple(adverb.split()): degree for degree, adverbs in _ADVERBS.items() for adverb in adverbs.split(",")},
    **USUAL_ADVERBS,
}
"""How much of a quality each adverb asks for that a prompt may have, those of levels.py among them."""
_SUFFIXES: Mapping[str, Degree] = {"est": Degree.VERY, "ly": Degree.PLAIN, "ish": Degree.SLIGHT}
_AMBIGUOUS = ("lightly", "finish")
"""Forms that are words of another meaning, too: lightly slanted."""
LONGEST = 8
"""Letters of an adjective that has further forms; longer ones take "more" and "most"."""


def inflect(word: str, ending: str) -> str:
    """An adjective with an ending that changes its spelling: thinnest, heavily, widish; "" where it has no such form."""
    if not word.isalpha() or len(word) > LONGEST:
        return ""
    stem = word[:-1] + "i" if word.endswith("y") and ending != "ish" else word
    if word.endswith("e") and ending != "ly":
        stem = word[:-1]
    elif re.fullmatch(r"[a-z]?[^aeiou][aeiou][bdgmnt]", word) and ending != "ly":
        stem = word + word[-1]
    return stem + ending


def _written() -> dict[tuple[str, ...], Level]:
    """The adjectives of the tables."""
    found: dict[tuple[str, ...], Level] = {}
    for table, degree in ((_UTMOST, Degree.VERY), (IN_CAPTIONS, Degree.PLAIN), (_MORE, Degree.PLAIN)):
        for key, words in table.items():
            for word in words.split():
                parts = tuple(word.replace("-", " - ").split())
                if parts[0] not in {*LEANING, *SIDES}:
                    found[parts] = Level(*key, degree)
    return {**found, **USUAL}


def _inflected(ending: str) -> dict[str, Level]:
    """The adjectives of one word with an ending, where they can have it, as levels without it."""
    found: dict[str, Level] = {}
    for words, level in _written().items():
        can_have = len(words) == 1 and level.degree is Degree.PLAIN and not words[0].endswith(("ed", "ing", "ly", "ish"))
        if can_have and (level.side or level.attribute == "slant") and (form := inflect(words[0], ending)):
            found.setdefault(form, level)
    return found


ADJECTIVES: Mapping[tuple[str, ...], Level] = {
    **{
        (word,): level._replace(degree=degree if level.side else Degree.PLAIN)
        for ending, degree in _SUFFIXES.items()
        for word, level in _inflected(ending).items()
        if (word,) not in ADVERBS and word not in _AMBIGUOUS
    },
    **_written(),
}
"""What each adjective asks for that a prompt may have, of one word or of several. A hyphen is a word. The words of levels.py are among them."""

COMPARATIVES: Mapping[str, Key] = {
    **{word: (level.attribute, level.side) for word, level in _inflected("er").items() if (word,) not in ADJECTIVES},
    **USUAL_COMPARATIVES,
}
"""What a comparative changes, and to which side."""
