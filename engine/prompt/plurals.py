"""English plurals of class names. Plain Python: no tensors, no screen."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

IRREGULAR = {
    "zero": ("zeroes", "zeros"),
    "man": ("men",),
    "woman": ("women",),
    "child": ("children",),
    "person": ("people", "persons"),
    "mouse": ("mice",),
    "goose": ("geese",),
    "foot": ("feet",),
    "tooth": ("teeth",),
    "ox": ("oxen",),
    "quiz": ("quizzes",),
    "cactus": ("cacti", "cactuses"),
    "fungus": ("fungi", "funguses"),
    "lens": ("lenses",),
    "gas": ("gases",),
    "atlas": ("atlases",),
    "canvas": ("canvases",),
    "fish": ("fish", "fishes"),
    **{word: (f"{word[:-1]}ves",) for word in ("leaf", "loaf", "thief", "wolf", "shelf", "calf", "half", "elf")},
    **{word: (f"{word[:-2]}ves",) for word in ("knife", "wife", "life")},
    "scarf": ("scarves", "scarfs"),
    **{word: (f"{word}es", f"{word}s") for word in ("potato", "tomato", "hero", "echo", "torpedo", "buffalo", "mosquito", "mango", "volcano")},
    **{word: (word,) for word in ("sheep", "deer", "moose", "bison", "aircraft", "spacecraft", "series", "species", "squid")},
}
"""By a word alone or as the end of a longer one after a space or a hyphen."""
MEN = ("woman", "fireman", "policeman", "postman", "snowman", "fisherman", "businessman", "sportsman", "craftsman")
"""Words in man whose plural ends in men, unlike that of human or talisman."""
_HEAD = re.compile(r"(.*?\w)([ -](?:of|in|on|with|at|by|for|from|de)[ -].*|\s*[(\[{,].*)", re.DOTALL)
"""What is counted, and the words that only describe it: bird of prey, bass (fish)."""
_LAST_WORD = re.compile(r"[^\W\d_]+$")


@lru_cache(maxsize=1 << 15)
def plurals_of(name: str) -> tuple[str, ...]:
    """The plurals of a class name; the first is the usual one, and it is the name itself where English has no other.

    Each side of a slash has its own: T-shirts/tops. Of bird of prey and of bass (fish) the first word is counted.
    """
    if described := _HEAD.fullmatch(name):
        head, rest = described.groups()
        return *(plural + rest for plural in plurals_of(head)), *_plurals_of_word(name)
    before, slash, last = name.rpartition("/")
    if slash and before and last:
        return *(f"{a}/{b}" for a in plurals_of(before)[:1] for b in plurals_of(last)), *(f"{before}/{b}" for b in plurals_of(last))
    return _plurals_of_word(name)


def _plurals_of_word(name: str) -> tuple[str, ...]:
    """The plurals of a name whose last word is counted."""
    if name[-1:].isdecimal():
        return (f"{name}s",)
    found = _LAST_WORD.search(name)
    if not found or not found[0].isascii():
        return (f"{name}s",) if found and "LATIN" in unicodedata.name(name[-1], "") else (name,)
    word, before = found[0], name[: found.start()]
    return tuple(before + _in_case_of(word, plural) for plural in _plurals(word.lower()))


def _plurals(word: str) -> tuple[str, ...]:
    """The plurals of an English word in lower case."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) == 1:
        return (f"{word}s",)
    if word in MEN:
        return (f"{word[:-3]}men",)
    if word.endswith(("ss", "us", "is", "x", "z", "ch", "sh")):
        return (f"{word}es",)
    if word.endswith("s") and len(word) > 2:  # trousers, jeans: a plural already
        return word, f"{word}es"
    if word.endswith("s"):
        return (f"{word}es",)
    if word.endswith("y") and not word.endswith(("ay", "ey", "oy", "uy")):
        return f"{word[:-1]}ies", f"{word}s"
    return (f"{word}s",)


def _in_case_of(word: str, plural: str) -> str:
    """The plural with the capitals of the word that it is of: BOOT, Boot."""
    if len(word) > 1 and word.isupper():
        return plural.upper()
    kept = next((i for i, (a, b) in enumerate(zip(word.lower(), plural, strict=False)) if a != b), min(len(word), len(plural)))
    return word[:kept] + plural[kept:] if kept else (plural.capitalize() if word[0].isupper() else plural)
