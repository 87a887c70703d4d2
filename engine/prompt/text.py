"""Characters of a prompt in one form: case, width, digits of all scripts, quotes. Plain Python: no tensors, no screen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

QUOTES = {'"': '"', "'": "'", "`": "`", "‘": "’", "“": "”", "„": "“", "«": "»", "「": "」"}
"""What opens a quotation, and what closes it."""
LONGEST_QUOTED = 64
"""Characters in quotes that may be a class name."""
_INVISIBLE = re.compile("[\N{VARIATION SELECTOR-1}-\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}]")
"""What turns a character, such as 7, into an emoji."""
_QUOTE = re.compile("['\"`‘’“”]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Characters of scripts that put no spaces between words: Chinese and Japanese, Thai, Lao, Burmese, Khmer."""


def normalize(text: str) -> str:
    """Lower case, without quotes, with decimal digits, emoji of digits and full-width letters as ASCII. Other numerals stay, and are refused."""
    return _QUOTE.sub("", _fold(text).casefold())


def normalize_name(name: str, keep_case: bool) -> str:
    """A class name as `normalize` gives it, with composed accents and single spaces, and on request with its capitals."""
    return " ".join(_QUOTE.sub("", quotable(name, keep_case)).split())


def quotable(name: str, keep_case: bool) -> str:
    """A class name as it stands in quotes: apostrophes stay."""
    folded = unicodedata.normalize("NFC", _fold(name))
    return " ".join((folded if keep_case else folded.casefold()).replace('"', "").split())


def normalize_quoted(text: str, names: Container[str], keep_case: bool) -> str:
    """The text as `normalize_name` gives it, but with `"` around each of `names` that stands in quotes of any kind. Other quotes go."""
    folded = unicodedata.normalize("NFC", _fold(text))
    parts, at = [], 0
    while at < len(folded):
        end = _end_of_quoted_name(folded, at, names, keep_case)
        if end:
            parts.append(f'"{quotable(folded[at + 1 : end], keep_case)}"')
            at = end + 1
        else:
            parts.append(_QUOTE.sub("", folded[at] if keep_case else folded[at].casefold()))
            at += 1
    return " ".join("".join(parts).split())


def _end_of_quoted_name(text: str, at: int, names: Container[str], keep_case: bool) -> int:
    """Where the quotation that opens at `at` closes, if it holds one of `names`; 0 if none does. A name may itself hold apostrophes."""
    close = QUOTES.get(text[at])
    if close is None or belong_together(text, at - 1, at + 1):
        return 0
    ends = [found.start() for found in re.finditer(re.escape(close), text[at + 1 : at + 2 + LONGEST_QUOTED])]
    return next((at + 1 + end for end in reversed(ends) if quotable(text[at + 1 : at + 1 + end], keep_case) in names), 0)


def belong_together(text: str, left: int, right: int) -> bool:
    """Whether the characters at these places may be part of one word, or of one number, when they stand side by side."""
    if left < 0 or right >= len(text):
        return False
    kind = _kind_of(text[right])
    return kind != "" and kind == _kind_of(text[left])


def _kind_of(character: str) -> str:
    """figure or letter; empty for what stands for itself."""
    if character.isdecimal():
        return "figure"
    if _UNSPACED.match(character):
        return ""
    return "letter" if character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M" else ""


def _fold(text: str) -> str:
    """Full-width letters and all decimal digits as ASCII, without what makes emoji of digits."""
    text = _INVISIBLE.sub("", text)
    return "".join(str(unicodedata.decimal(c, c)) if c.isnumeric() else unicodedata.normalize("NFKC", c) for c in text)
