"""Prompt -> labels, by recursive descent: one method for each rule of the grammar. Plain Python: no tensors, no screen."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.data import MNIST
from engine.errors import PromptError
from engine.prompt.faults import ParseError, counted_range, explain_fault, is_range, quote, replace_tokens
from engine.prompt.tokens import NUMBERS, Token, count_at, count_value, tokenize
from engine.prompt.vocabulary import Kind, Vocabulary, normalize, vocabulary_for

MAX_LABELS = 64
MAX_CHARACTERS = 1000
LONGEST_SUGGESTION = 80
FAULTS_MENDED = 8
"""The most faults that a suggestion corrects."""

Labels = list[int | None]  # None is a random label, drawn when the whole prompt has been read


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to draw: 1 to 64 labels, each the place of a class among the class names."""

    labels: tuple[int, ...]
    shared_noise: bool = False
    """Whether all labels are drawn from the same noise; `grid` asks for it."""


def parse(text: str, rng: random.Random, class_names: Sequence[str] = MNIST.class_names) -> Prompt:
    """Read a prompt for pictures of these classes. Random labels come from `rng`, which is not touched if the prompt can't be read.

        prompt = grid | item {[","] item}                 and & + ; . / separate as the comma does
        grid   = "grid" | "all" ["ten"]                   every class, all from the same noise; must stand alone
        item   = count ["x"] plural | count "x" digit     three sevens, 7 x 4 (seven fours: the count comes first)
               | count ["random"] "digits"                three random digits, three digits
               | count "random" | "random" [["x"] count]  5 random, random 5, random x 5, random
               | digit ("-" | ".." | "to") digit          0-9, 9..0, three to seven; both ends are drawn
               | plural                                   sevens: one 7, as there is no count
               | digit | figures | date                   seven, 7; 314 is 3 1 4; 27/11/26 is 2 7 1 1 2 6
        count  = a number from 1 to 64                    12, twelve, twenty-five, a dozen, a couple of

    Case, articles and words such as "draw", "please", "of" and "number" don't matter: "one seven" is 1 7, "one sevens" and
    "a seven" are 7. Full-width letters and any script's decimal digits count as ASCII; ², ½, Ⅶ, 1.5 and 3/4 are not digits. There are
    no negative numbers. Where the classes are not digits, "digit" above is the name of a class, and "three boot" is three boots.

    Raises PromptError with one line of printable text: what was understood, what is wrong, the nearest prompt that can be read
    (if any), and two examples.
    """
    vocabulary = vocabulary_for(tuple(class_names))
    if len(text) > MAX_CHARACTERS:
        raise PromptError(f"the prompt has {len(text):,} characters, but at most {MAX_CHARACTERS} are allowed; try {vocabulary.examples}")
    parser = _Parser(normalize(text), vocabulary)
    try:
        shared_noise = parser.prompt()
    except ParseError as error:
        near = _nearest_prompt(error.corrected_text, vocabulary)
        advice = f"; did you mean {near!r}? Try {vocabulary.examples}" if near else f"; try {vocabulary.examples}"
        raise PromptError(f"{parser.understood()}{error.why}{advice}", near) from None
    return Prompt(tuple(rng.randrange(len(class_names)) if label is None else label for label in parser.labels), shared_noise)


def _nearest_prompt(text: str, vocabulary: Vocabulary) -> str:
    """The text with its faults corrected one by one until it can be read; "" if that fails or the text is long."""
    for _ in range(FAULTS_MENDED):
        text = " ".join(text.split())
        if not 0 < len(text) <= LONGEST_SUGGESTION:
            break
        try:
            _Parser(text, vocabulary).prompt()
        except ParseError as error:
            text = error.corrected_text
        else:
            return text
    return ""


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of a prompt: the labels it names, and the words of its count (none where it is drawn once)."""

    labels: Labels
    count: Sequence[Token] = ()


class _Parser:
    """Reads one normalized prompt from left to right. A rule that does not fit here returns None and consumes nothing."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.labels: Labels = []
        """What was understood so far."""
        self._text = text
        self._vocabulary = vocabulary
        self._tokens = tokenize(text, vocabulary)
        self._at = 0

    def prompt(self) -> bool:
        """Fills `labels`, and returns whether they share their noise. Raises ParseError."""
        if self._grid():
            self.labels = list(range(len(self._vocabulary.class_names)))
            return True
        self._skip_separators()
        while self._kind() is not Kind.END:
            start = self._at
            item = self._random() or self._counted() or self._range() or self._single()
            if item is None:
                raise explain_fault(self._text, self._tokens, self._at, self._vocabulary)
            self.labels += self._repeat(item, self._tokens[start : self._at])
            self._skip_separators()
        if not self.labels:
            raise ParseError(f"no {self._vocabulary.noun} in {quote(self._text)}" if self._text.strip() else "the prompt is empty")
        return False

    def understood(self) -> str:
        """The start of an error message: what was read before it."""
        words = ["random" if label is None else self._vocabulary.name(label) for label in self.labels[:9]]
        return f"understood {' '.join(words[:8])}{' …' if len(words) > 8 else ''}, but " if words else ""

    # --- the rules ----------------------------------------------------------------------------------------------------

    def _grid(self) -> bool:
        """grid = "grid" | "all" ["ten"], and nothing else in the prompt"""
        self._skip_separators()
        if self._accept(Kind.GRID):
            if self._kind() in NUMBERS and self._tokens[self._at].value == len(self._vocabulary.class_names):
                self._at += 1
            self._skip_separators()
            if self._kind() is Kind.END:
                return True
        self._at = 0
        return False

    def _random(self) -> _Item | None:
        """ "random" ["digits"] [["x"] count], where the count can't belong to what follows, as in "random digits 3 to 7"."""
        start = self._at
        if not self._accept(Kind.RANDOM):
            return None
        has_noun = self._accept(Kind.NOUN)
        after_noun, has_times = self._at, self._accept(Kind.TIMES)
        count = self._count()
        if self._starts_item_or_link() or (has_times and not count):
            if not has_noun:
                self._at = start
                return None
            self._at, count = after_noun, ()
        return _Item([None], count)

    def _counted(self) -> _Item | None:
        """count (["x"] plural | "x" digit | "digits" | "random" ["digits"]). Raises ParseError for count "x" range."""
        start = self._at
        count = self._count()
        if count and self._kind() is Kind.TIMES and is_range(self._tokens[self._at + 1 : self._at + 4]):
            raise counted_range(self._text, self._tokens[start : self._at + 4], self._tokens[self._at + 1 : self._at + 4], count_value(count))
        noun = self._counted_noun() if count else None
        if noun is None:
            self._at = start
            return None
        return _Item(noun, count)

    def _counted_noun(self) -> Labels | None:
        """What stands after a count."""
        has_times = self._accept(Kind.TIMES)
        token = self._token()
        if token and (token.kind in (Kind.PLURAL, Kind.CLASS) or (has_times and token.kind is Kind.DIGIT and token.label is not None)):
            self._at += 1
            return [token.label]
        if has_times:
            return None
        if self._accept(Kind.NOUN):
            return [None]
        if self._accept(Kind.RANDOM) and (self._accept(Kind.NOUN) or not self._starts_item_or_link()):
            return [None]
        return None

    def _range(self) -> _Item | None:
        """digit ("-" | ".." | "to") digit, or the same with two plurals"""
        first, last = self._token(), self._token(2)
        if first is None or last is None or self._kind(1) not in (Kind.TO, Kind.DASH):
            return None
        if first.label is None or last.label is None or (first.kind is Kind.PLURAL) != (last.kind is Kind.PLURAL):
            return None
        if self._kind(3) in (Kind.PLURAL, Kind.TIMES, Kind.RANDOM, Kind.TO, Kind.DASH):  # "3 to 7 sevens" may mean a count of 3 to 7
            return None
        self._at += 3
        step = 1 if first.label <= last.label else -1
        return _Item([*range(first.label, last.label + step, step)])

    def _single(self) -> _Item | None:
        """plural | digit | figures | date"""
        token = self._token()
        if token is None or self._kind(1) in (Kind.TIMES, Kind.TO, Kind.DASH, Kind.RANDOM):
            return None
        if token.kind in NUMBERS and self._kind(1) is Kind.MULTIPLE:
            return None
        if token.kind is Kind.DATE and self._kind(1) in (Kind.PLURAL, Kind.CLASS, Kind.MULTIPLE):
            return None
        figures = [token.label]
        if token.kind in (Kind.FIGURES, Kind.DATE):
            figures = [self._vocabulary.digit_labels.get(int(figure)) for figure in token.text if figure.isdecimal()]
        if None in figures:
            return None
        self._at += 1
        return _Item(figures)

    def _count(self) -> Sequence[Token]:
        """The words of a count; empty for none."""
        words = count_at(self._tokens, self._at)
        self._at += len(words)
        return words

    # --- tokens -------------------------------------------------------------------------------------------------------

    def _token(self, ahead: int = 0) -> Token | None:
        return self._tokens[self._at + ahead] if self._at + ahead < len(self._tokens) else None

    def _kind(self, ahead: int = 0) -> Kind:
        token = self._token(ahead)
        return token.kind if token else Kind.END

    def _accept(self, kind: Kind) -> bool:
        """Consume a token of this kind, if it comes next."""
        if self._kind() is not kind:
            return False
        self._at += 1
        return True

    def _skip_separators(self) -> None:
        """A noun alone, as in "the digits 3 and 4", says no more than a comma."""
        while self._kind() in (Kind.SEPARATOR, Kind.NOUN):
            self._at += 1

    def _starts_item_or_link(self) -> bool:
        """Whether what comes next would change the meaning of "random" before it."""
        return self._kind() not in (Kind.NOUN, Kind.SEPARATOR, Kind.GRID, Kind.UNKNOWN, Kind.END)

    def _repeat(self, item: _Item, words: Sequence[Token]) -> Labels:
        """The labels of an item as often as it counts. Raises ParseError if that is never, or more often than there is room for."""
        count = count_value(item.count) if item.count else 1
        if count == 0:
            raise self._no_count(item.count)
        room = MAX_LABELS - len(self.labels)
        if count * len(item.labels) > room:
            raise ParseError(
                f"{quote(self._text[words[0].start : words[-1].end])} is too much: a prompt draws at most {MAX_LABELS} pictures",
                self._with_count(item.count, room) if item.count and room else "",
            )
        return item.labels * count

    def _no_count(self, count: Sequence[Token]) -> ParseError:
        """A count is 0. In "zero sevens" the zero may be meant to be drawn, too."""
        after = self._tokens.index(count[-1]) + 1
        if count[0].kind is Kind.DIGIT and self._tokens[after].kind is Kind.PLURAL:
            end = count[-1].end
            return ParseError("a count of 0 draws nothing; a comma after it makes it a digit", f"{self._text[:end]}, {self._text[end:]}")
        return ParseError("a count of 0 draws nothing", replace_tokens(self._text, count, ""))

    def _with_count(self, count: Sequence[Token], value: int) -> str:
        """The text with another count, and without the article of "a hundred sevens"."""
        start = self._tokens.index(count[0])
        before = self._text[: self._tokens[start - 1].end] if start else ""
        return f"{before} {value} {self._text[count[-1].end :]}"
