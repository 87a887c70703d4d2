"""Prompt -> labels. Plain Python: no tensors, no screen."""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from engine.config.data import MNIST
from engine.errors import PromptError

MAX_DIGITS = 64
MAX_CHARACTERS = 1000

Labels = list[int | None]  # None is a random label, drawn when the whole prompt has been read


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to draw: 1 to 64 labels from 0 to 9."""

    labels: tuple[int, ...]
    shared_noise: bool = False
    """One noise under all labels; `grid` asks for it."""


def parse(text: str, rng: random.Random) -> Prompt:
    """Reads a prompt; `rng` draws its random labels, and is left alone if the prompt can't be read.

        prompt = grid | item {[","] item}                 and & + ; . / separate as the comma does
        grid   = "grid" | "all" ["ten"]                   0 to 9 over one noise; stands alone
        item   = count ["x"] plural | count "x" digit     three sevens, 7 x 4 (seven fours, the count comes first)
               | count ["random"] "digits"                three random digits, three digits
               | count "random" | "random" [count]        5 random, random 5, random
               | digit ("-" | ".." | "to") digit          0-9, 9..0, three to seven, both ends drawn
               | plural                                   sevens: one 7, as no count is given
               | digit | figures                          seven, 7; 314 is 3 1 4
        count  = 1 to 64, in figures or words             12, twelve, twenty-five, a dozen, a couple of

    Case, articles and words such as "draw", "please", "of" and "number" don't matter: "one seven" is 1 7, "one sevens" and
    "a seven" are 7. Full-width letters and any script's decimal digits count as ASCII; ², ½ and Ⅶ are no digits. There are no
    negative numbers. Raises PromptError, a line of printable text: what was understood, what is wrong, the nearest prompt that
    can be read (if any), two examples.
    """
    if len(text) > MAX_CHARACTERS:
        raise PromptError(f"a prompt of {len(text):,} characters is too long, {MAX_CHARACTERS} is the most; try {_EXAMPLES}")
    try:
        labels, shared = _read(_plain(text))
    except _StuckError as stuck:
        read = ["random" if label is None else str(label) for label in stuck.labels]
        so_far = f"understood {' '.join(read[:8])}{' …' if len(read) > 8 else ''}, but " if read else ""
        near = _nearest(stuck.mended)
        raise PromptError(so_far + stuck.why + (f"; did you mean {near!r}? T" if near else "; t") + f"ry {_EXAMPLES}") from None
    return Prompt(tuple(rng.randrange(len(CLASS_NAMES)) if label is None else label for label in labels), shared)


CLASS_NAMES = MNIST.class_names


# --- words ------------------------------------------------------------------------------------------------------------

_EXAMPLES = "'three sevens' or '0-9'"
_PLURALS = tuple(f"{name}es" if name in ("zero", "six") else f"{name}s" for name in CLASS_NAMES)
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_FILLER = ("a", "an", "the", "of", "some", "just", "only", "another", "digit", "number", "me", "us", "i", "you", "please", "now", "from", "for")
_VERBS = ("draw", "show", "give", "make", "paint", "write", "sketch", "generate", "create", "can", "could", "want", "would", "like")

# Each word has a kind, one letter, and a value; the kinds of a prompt's words, in a string, are what the grammar below matches.
_WORDS: dict[str, tuple[str, int]] = {
    **{name: ("d", value) for value, name in enumerate(CLASS_NAMES)},  # a digit, as is a single figure
    **{name: ("p", value) for value, name in enumerate(_PLURALS)},  # its plural, as is 7s
    "zeros": ("p", 0),
    **{name: ("n", value) for value, name in enumerate(_TEENS, 10)},  # a number; two figures and more are a run, "r"
    **{name: ("t", 10 * value) for value, name in enumerate(_TENS, 2)},
    **{name: ("z", value) for name, value in {"dozen": 12, "pair": 2, "couple": 2, "hundred": 100, "thousand": 1000}.items()},
    **dict.fromkeys(("random", "randomly"), ("q", 0)),
    **dict.fromkeys(("digits", "numbers"), ("g", 0)),
    **dict.fromkeys(("grid", "all"), ("a", 0)),
    **dict.fromkeys(("to", "through", "thru", "until", "till", ".."), ("o", 0)),
    **dict.fromkeys(("x", "×", "*", "times"), ("x", 0)),
    **dict.fromkeys("-‐‒–—−~", ("h", 0)),
    **dict.fromkeys(("and", "then", "plus", *",;&+/|.:!?()[]{}、。"), ("s", 0)),
    **dict.fromkeys(_FILLER + _VERBS, ("", 0)),
}
_KNOWN = [word for word, (kind, _) in _WORDS.items() if kind not in ("", "s") and len(word) > 2]  # to mend misspelt words with
_TOKEN = re.compile(r"[0-9]s\b|[0-9]+|[^\W0-9_]+|\.{2,}|\S")


class _Token(NamedTuple):
    kind: str  # "u" where the word is unknown
    value: int
    text: str
    start: int
    end: int


def _plain(text: str) -> str:
    """Lower case, without quotes, with decimal digits and full-width letters as ASCII. Other numerals stay, to be refused."""
    folded = (str(unicodedata.decimal(c, c)) if c.isnumeric() else unicodedata.normalize("NFKC", c) for c in text)
    return re.sub("['\"`‘’“”]", "", "".join(folded).casefold())


def _tokens(text: str) -> list[_Token]:
    tokens = []
    for found in _TOKEN.finditer(text):
        word = found[0]
        if word[0] in "0123456789":
            kind, value = ("p", int(word[0])) if word[-1] == "s" else ("d" if len(word) == 1 else "r", int(word))
        else:
            kind, value = _WORDS.get(".." if word.startswith("..") else word, ("u", 0))
        if kind:
            tokens.append(_Token(kind, value, word, *found.span()))
    return tokens


# --- grammar ----------------------------------------------------------------------------------------------------------

_COUNT = "(?:(?:th?d|[drnt])?z|th?d|[drnt])"  # two dozen, twenty-five, 12
_GRID = re.compile("[sg]*a(?P<ten>[nr]?)[sg]*")
_ITEM = re.compile(  # what must not follow, (?!…), would change what was meant: "3 to 7 sevens", "random 3 to 7"
    rf"""(?P<count>{_COUNT}) (?P<noun>x?p | xd | g | qg?(?![drntzpxqoh]))
       | q g? (?P<after>(?>{_COUNT}?)) (?![drntzpxqoh])
       | (?P<range>d[oh]d | p[oh]p) (?![pxqoh])
       | (?P<one>p(?![xohq]) | [dr](?![xohqz]))
       | [sg]""",
    re.VERBOSE,
)
_FAULT = re.compile(rf"(?P<left>{_COUNT}|p)(?P<link>[ohxq]?)(?P<right>(?:{_COUNT}|p)?)")


class _StuckError(Exception):
    """Reading stopped: why, what was read before, and the text with this one fault mended (which may have others)."""

    def __init__(self, why: str, mended: str = "", labels: Labels | None = None) -> None:
        super().__init__(why)
        self.why, self.mended, self.labels = why, mended, labels or []


def _read(text: str) -> tuple[Labels, bool]:
    """The labels of plain text, and whether they share their noise. Raises _StuckError."""
    tokens = _tokens(text)
    kinds = "".join(token.kind for token in tokens)
    grid = _GRID.fullmatch(kinds)
    if grid and (not grid["ten"] or tokens[grid.start("ten")].value == len(CLASS_NAMES)):
        return list(range(len(CLASS_NAMES))), True
    labels: Labels = []
    at = 0
    while at < len(tokens):
        item = _ITEM.match(kinds, at)
        if item is None:
            why, mended = _fault(text, tokens, kinds, at)
            raise _StuckError(why, mended, labels)
        labels += _labels(item, text, tokens, labels)
        at = item.end()
    if not labels:
        raise _StuckError(f"no digit in {_shown(text)}" if text.strip() else "the prompt is empty")
    return labels, False


def _labels(item: re.Match[str], text: str, tokens: list[_Token], before: Labels) -> Labels:
    """The labels of one item. Raises _StuckError if it draws none, or more than `before` leaves room for."""
    words = tokens[item.start() : item.end()]
    unit: Labels = []
    if item["range"]:
        first, last = words[0].value, words[-1].value
        step = 1 if first <= last else -1
        unit.extend(range(first, last + step, step))
    elif item["one"]:
        unit.extend(map(int, words[0].text) if words[0].kind == "r" else [words[0].value])
    elif item["noun"] in ("p", "xp", "xd"):
        unit.append(words[-1].value)
    elif item["noun"] or item["after"] is not None:
        unit.append(None)
    start, end = item.span("count" if item["count"] else "after")  # -1, -1 where there is no count
    counted = tokens[start:end]
    count = _number(counted) if counted else 1
    if count == 0:
        raise _StuckError("a count of 0 draws nothing", _swap(text, counted, ""), before)
    room = MAX_DIGITS - len(before)
    if count * len(unit) > room:
        why = f"{_shown(text[words[0].start : words[-1].end])} makes it more than {MAX_DIGITS} digits, the most for one prompt"
        if not counted or not room:
            raise _StuckError(why, labels=before)
        lead = text[: tokens[start - 1].end] if start else ""  # without the article of "a hundred sevens"
        raise _StuckError(why, f"{lead} {room} {text[counted[-1].end :]}", before)
    return unit * count


def _number(words: list[_Token]) -> int:
    """A count's value: 25 for `twenty-five`, 24 for `two dozen`."""
    *parts, last = words  # a hyphen's value is 0
    head = sum(part.value for part in parts)
    return head + last.value if last.kind != "z" else (head if parts else 1) * last.value


# --- what to say when it can't be read --------------------------------------------------------------------------------

_RULES = {
    "a": "'grid' and 'all' stand alone",
    "o": "a range goes from one digit to another, 0 to 9 at most",
    "h": "a dash goes between two digits, and none is negative",
    "x": "'x' goes between a count and a digit, the count first",
    "q": "'random' takes a count and nothing else",
}


def _fault(text: str, tokens: list[_Token], kinds: str, at: int) -> tuple[str, str]:
    """What is wrong at token `at`, where no item starts, and the text with that mended."""
    here = tokens[at]
    if here.kind == "u":
        return f"can't read {_shown(here.text)}", _swap(text, [here], _similar(here.text))
    fault = _FAULT.match(kinds, at)
    if fault is None:
        return _RULES[here.kind], _swap(text, [here], "")
    left, link, right = (tokens[fault.start(name) : fault.end(name)] for name in ("left", "link", "right"))
    if link and right:
        sides, end = fault["left"] + fault["right"], right[-1].end
        if fault["link"] == "x":
            swapped = " x ".join(text[side[0].start : side[-1].end] for side in (right, left))
            return _RULES["x"], _swap(text, left + right, swapped)
        if fault["link"] in "oh" and sides in ("dd", "pp"):
            return "a comma goes after a range", f"{text[:end]}, {text[end:]}"
        if fault["link"] in "oh" and fault["right"] != "p":
            first, last = min(_number(left), 9), min(_number(right), 9)
            return _RULES["o"], _swap(text, left + right, f"{first} to {last}" if first != last else "0 to 9")
    if link:
        return _RULES[fault["link"]], _swap(text, link, "")
    why = f"{_shown(text[left[0].start : left[-1].end])} is not a digit, they go from 0 to 9"
    if fault["right"] == "d":
        (digit,) = right
        return why, _swap(text, right, f"{digit.value}s" if digit.text.isdecimal() else _PLURALS[digit.value])
    return why, _swap(text, left, " ".join(str(_number(left))))


def _similar(word: str) -> str:
    """The known word nearest to an unknown one, or none; ² and Ⅶ are near 2 and 7."""
    value = unicodedata.numeric(word, -1.0) if len(word) == 1 else -1.0
    if value in range(len(CLASS_NAMES)):
        return str(int(value))
    near = get_close_matches(word, _KNOWN, n=1, cutoff=0.65 if len(word) < 4 else 0.7)
    return near[0] if near else ""


def _nearest(text: str) -> str:
    """`text` with its faults mended one by one until it reads; nothing if that fails or the text is long."""
    for _ in range(8):
        text = " ".join(text.split())
        if not 0 < len(text) <= 80:
            break
        try:
            _read(text)
        except _StuckError as stuck:
            text = stuck.mended
        else:
            return text
    return ""


def _swap(text: str, tokens: list[_Token], by: str) -> str:
    return f"{text[: tokens[0].start]} {by} {text[tokens[-1].end :]}"


def _shown(text: str) -> str:
    """Quoted, escaped (combining marks too) and shortened, so that it is safe on any screen."""
    quoted = "".join(ascii(c)[1:-1] if unicodedata.category(c)[0] == "M" else c for c in repr(text[:40]))
    return quoted if len(quoted) <= 40 else f"{quoted[:38]}…'"
