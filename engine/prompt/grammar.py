"""The grammar of prompts, by recursive descent: one method for each rule. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.prompt.faults import ParseError, counted_range, explain_fault, is_range, quote, replace_tokens, too_many_for_a_grid
from engine.prompt.plurals import plurals_of
from engine.prompt.tokens import NUMBERS, Token, count_at, count_value, number_label, tokenize
from engine.prompt.vocabulary import MOST_IN_GRID, Kind, Vocabulary

MAX_LABELS = 64
SHEET = 10
"""Pictures of a grid without classes."""
LINKS = (Kind.TIMES, Kind.TO, Kind.DASH, Kind.RANDOM)
"""What ties the word before it to the one after it."""
Labels = list[int | None]  # None is a random label, drawn when the whole prompt has been read


@dataclass(frozen=True, slots=True)
class Item:
    """The labels that an item names, and where in the text it begins and ends."""

    labels: Labels
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of a prompt: the labels it names, and the words of its count (none where it is drawn once)."""

    labels: Labels
    count: Sequence[Token] = ()


class Grammar:
    """Reads one normalized prompt from left to right. A rule that does not fit here returns None and consumes nothing."""

    def __init__(self, text: str, vocabulary: Vocabulary, explains: bool = True, tokens: Sequence[Token] | None = None) -> None:
        """Without `explains` it does not say what is wrong. Reads all words of the text, or only `tokens` of them."""
        self.labels: Labels = []
        """What was understood so far."""
        self.items: list[Item] = []
        """The same, item by item. A grid is one item."""
        self._text = text
        self._vocabulary = vocabulary
        self._explains = explains
        self._tokens = tokenize(text, vocabulary) if tokens is None else tokens
        self._at = 0

    def prompt(self) -> bool:
        """Fills `labels`, and returns whether they share their noise. Raises ParseError."""
        if not self._vocabulary.class_names:
            self._pictures()
            return False
        if self._grid():
            if len(self._vocabulary.class_names) > MOST_IN_GRID:
                raise too_many_for_a_grid(self._vocabulary)
            self._add(0, list(range(len(self._vocabulary.class_names))))
            return True
        self._skip_separators()
        while self._kind() is not Kind.END:
            start = self._at
            item = self._random() or self._counted() or self._range() or self._single()
            if item is None:
                raise self._fault()
            self._add(start, self._repeat(item, self._tokens[start : self._at]))
            self._skip_separators()
        if not self.labels:
            raise ParseError(f"no {self._vocabulary.noun} in {quote(self._text)}" if self._text.strip() else "the prompt is empty")
        return False

    def _fault(self) -> ParseError:
        """What is wrong where no item starts."""
        return explain_fault(self._text, self._tokens, self._at, self._vocabulary) if self._explains else ParseError("")

    def rest(self) -> str:
        """The normalized text from the place that could not be read."""
        return self._text[self._tokens[self._at].start :] if self._at < len(self._tokens) else ""

    def understood(self) -> str:
        """The start of an error message: what was read before it."""
        if self.labels and not self._vocabulary.class_names:
            return f"understood {len(self.labels)} picture{'s' * (len(self.labels) > 1)}, but "
        words = ["random" if label is None else self._vocabulary.name(label) for label in self.labels[:9]]
        return f"understood {' '.join(words[:8])}{' …' if len(words) > 8 else ''}, but " if words else ""

    # --- the rules ----------------------------------------------------------------------------------------------------

    def _pictures(self) -> None:
        """pictures = count ["random"] ["pictures"] | "random" [["x"] count] | "pictures" | grid: the whole of a prompt without classes"""
        if self._grid():
            self._add(0, [None] * SHEET)
            return
        self._skip_separators()
        start = self._at
        item = self._random() or self._counted() or (_Item([None], count) if (count := self._count()) else None)
        if item is None and self._kind() is Kind.END and any(token.kind is Kind.NOUN for token in self._tokens):
            item, start = _Item([None]), 0
        if item is not None:
            self._add(start, self._repeat(item, self._tokens[start : self._at]))
            self._skip_separators()
        if self._kind() is not Kind.END:
            raise self._fault()
        if item is None:
            raise ParseError(f"no count in {quote(self._text)}" if self._text else "the prompt is empty")

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
        noun = self._counted_noun(count) if count else None
        if noun is None:
            self._at = start
            return None
        return _Item(noun, count)

    def _counted_noun(self, count: Sequence[Token]) -> Labels | None:
        """What stands after a count."""
        has_times = self._accept(Kind.TIMES)
        token = self._token()
        if token and self._can_count_class(count, has_times):
            self._at += 1
            return [token.label]
        if has_times:
            return None
        if self._accept(Kind.NOUN):
            token = self._token()
            if token is None or self._vocabulary.is_digits or token.kind not in (Kind.PLURAL, Kind.CLASS):
                return [None]
            self._at += 1  # three pictures of boots
            return [token.label]
        if self._accept(Kind.RANDOM) and (self._accept(Kind.NOUN) or not self._starts_item_or_link()):
            return [None]
        return None

    def _can_count_class(self, count: Sequence[Token], has_times: bool) -> bool:
        """Whether what comes next is counted: any plural, but a single name only after an x, or if the count can't be the class before it."""
        token = self._token()
        if token is None or token.kind not in (Kind.CLASS, Kind.DIGIT) or token.label is None:
            return self._kind() is Kind.PLURAL
        if has_times or self._vocabulary.is_digits:
            return has_times
        return number_label(count, self._vocabulary) is None or (token.kind is Kind.CLASS and token.text == plurals_of(token.text)[0])

    def _range(self) -> _Item | None:
        """digit ("-" | ".." | "to") digit, or the same with two plurals"""
        first, last = self._token(), self._token(2)
        if first is None or last is None or self._kind(1) not in (Kind.TO, Kind.DASH) or len(count_at(self._tokens, self._at)) > 1:
            return None  # twenty-five is one number
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
        words = count_at(self._tokens, self._at)
        if len(words) > 1 and (label := number_label(words, self._vocabulary)) is not None and self._kind(len(words)) not in LINKS:
            self._at += len(words)  # twenty-five, where a class is called 25
            return _Item([label])
        if token is None or self._kind(1) in LINKS:
            return None
        if token.kind in NUMBERS and self._kind(1) is Kind.MULTIPLE:
            return None
        if token.kind is Kind.DATE and self._kind(1) in (Kind.PLURAL, Kind.CLASS, Kind.MULTIPLE):
            return None
        figures = [token.label]
        if token.kind in (Kind.FIGURES, Kind.DATE) and self._vocabulary.splits_figures:
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

    def _add(self, first: int, labels: Labels) -> None:
        """The labels of the item that begins with the token `first` and ends before the current one."""
        self.labels += labels
        self.items.append(Item(labels, self._tokens[first].start, self._tokens[self._at - 1].end))

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
        if count[0].kind is Kind.DIGIT and self._tokens[after : after + 1] and self._tokens[after].kind is Kind.PLURAL:
            end = count[-1].end
            return ParseError("a count of 0 draws nothing; a comma after it makes it a digit", f"{self._text[:end]}, {self._text[end:]}")
        return ParseError("a count of 0 draws nothing", replace_tokens(self._text, count, ""))

    def _with_count(self, count: Sequence[Token], value: int) -> str:
        """The text with another count, and without the article of "a hundred sevens"."""
        start = self._tokens.index(count[0])
        before = self._text[: self._tokens[start - 1].end] if start else ""
        return f"{before} {value} {self._text[count[-1].end :]}"
