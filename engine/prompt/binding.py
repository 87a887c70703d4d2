"""Which digits of a prompt each modifier describes. Plain Python: no tensors, no screen.

An adjective describes the digits after it, a part such as "leaning left" those before it, and neither reaches over a comma or an "and" where
there are digits on its own side: `a bold 3 and a thin 7`, `seven, but upright`. Digits that stand together are described together: `bold 3 1 4`.
A handwriting behind digits is that of all digits before it that have none: `a 3 and a 7 in one hand`; so is what follows "all" or "both".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.prompt.grammar import Item
from engine.prompt.hands import HandTarget
from engine.prompt.modifiers import Modifier
from engine.prompt.tokens import Token
from engine.prompt.vocabulary import Kind


@dataclass(slots=True)
class Group:
    """Digits that are described together, and what describes them."""

    items: list[Item]
    modifiers: list[Modifier] = field(default_factory=list)

    @property
    def has_hand(self) -> bool:
        return any(isinstance(modifier.meaning, HandTarget) for modifier in self.modifiers)


_CONTRASTS = ("but", "yet", "though")
"""Before an article they mean nothing: in hand 3, but a 9."""


def words_of_labels(tokens: Sequence[Token], modifiers: Sequence[Modifier]) -> list[Token]:
    """The tokens that say which digits are drawn, without those that mean nothing.

    A comma or an "and" between two adjectives goes with them, so that "three bold, wide sevens" are three.
    """
    words: list[Token] = []
    for token in tokens:
        if token.kind is Kind.FILLER or token.text in _CONTRASTS:
            continue
        if token.kind is Kind.SEPARATOR:
            before = max((m for m in modifiers if m.end <= token.start), key=lambda m: m.end, default=None)
            after = min((m for m in modifiers if m.start >= token.end), key=lambda m: m.start, default=None)
            if before and after and not before.follows and not any(_is_word(t) and before.end <= t.start < after.start for t in tokens):
                continue
        words.append(token)
    return words


def without_articles(words: Sequence[Token], tokens: Sequence[Token], modifiers: Sequence[Modifier]) -> list[Token]:
    """The words without a "one" that only counts the described digit after it: one bold three. "One three" stays two digits.

    The same for "1" beside other counts: two thin sevens and 1 bold three. Without a "=", too, as in "digit = 7".
    """
    has_counts = any(word.kind is Kind.PLURAL for word in words)
    kept: list[Token] = []
    for at, word in enumerate(words):
        begins = not kept or kept[-1].kind in (Kind.SEPARATOR, Kind.PLURAL)
        counts_one = word.text == "one" or (word.text == "1" and has_counts)
        if not (begins and counts_one and _is_described(word, words[at + 1 : at + 2], tokens, modifiers)) and word.text != "=":
            kept.append(word)
    return kept


def _is_described(word: Token, following: Sequence[Token], tokens: Sequence[Token], modifiers: Sequence[Modifier]) -> bool:
    """Whether adjectives stand right behind a word, and then a single digit, named or not; or the digit, and right behind it a description."""
    between = [token for token in tokens if token.start >= word.end]
    if following and between and following[0] is between[0] and following[0].kind is Kind.DIGIT:  # one 2 with a loop
        return any(modifier.start == token.start for token in between[1:2] for modifier in modifiers)
    first = next((modifier for modifier in modifiers if between and modifier.start == between[0].start), None)
    if first is None or first.follows:
        return False
    end = following[0].start if following else None
    unnamed = any(token.text in ("digit", "number") and (end is None or token.start < end) for token in between)
    return unnamed or (bool(following) and following[0].kind is Kind.DIGIT)


def _is_word(token: Token) -> bool:
    return token.kind not in (Kind.FILLER, Kind.SEPARATOR)


def bind(items: Sequence[Item], modifiers: Sequence[Modifier], tokens: Sequence[Token]) -> list[Group]:
    """The groups of digits, each with its modifiers; one group without digits where a prompt has none. `tokens` belong to no modifier."""
    if not items:
        return [Group([], [*modifiers])]
    separators = [token.start for token in tokens if token.kind in (Kind.SEPARATOR, Kind.NOUN)]

    def separated(start: int, end: int) -> bool:
        return any(start <= at < end for at in separators)

    groups = _group(items, modifiers, separated)
    for_many: list[tuple[int, Modifier]] = []
    for at in range(-1, len(groups)):  # the modifiers after groups[at] and before the next
        start = groups[at].items[-1].end if at >= 0 else None
        end = groups[at + 1].items[0].start if at + 1 < len(groups) else None
        run = [modifier for modifier in modifiers if modifier.start >= (start or 0) and (end is None or modifier.end <= end)]
        split = _split(run, start, end, separated)
        for k, modifier in enumerate(run):
            leads_to_next = k >= split and end is not None and not separated(modifier.end, end)
            if modifier.is_for_all or (isinstance(modifier.meaning, HandTarget) and not leads_to_next):
                for_many.append((at, modifier))
            else:
                groups[at + (k >= split)].modifiers.append(modifier)
    _spread(groups, for_many)
    return groups


def _group(items: Sequence[Item], modifiers: Sequence[Modifier], separated: Callable[[int, int], bool]) -> list[Group]:
    """Digits that stand together, with the modifiers among the words of one item: three bold sevens."""
    groups: list[Group] = []
    for item in items:
        inside = [modifier for modifier in modifiers if _is_inside(modifier, item)]
        before = groups[-1] if groups else None
        end = before.items[-1].end if before else 0
        between = any(end <= modifier.start and modifier.end <= item.start for modifier in modifiers)
        if before is None or before.modifiers or inside or between or separated(end, item.start):
            groups.append(Group([item], inside))
        else:
            before.items.append(item)
    return groups


def _is_inside(modifier: Modifier, item: Item) -> bool:
    return item.start <= modifier.start and modifier.end <= item.end


def _split(run: Sequence[Modifier], start: int | None, end: int | None, separated: Callable[[int, int], bool]) -> int:
    """How many of the modifiers between two groups describe the first."""
    if start is None:
        return 0
    if end is None or not run or separated(run[-1].end, end):
        return len(run)
    first = len(run) - 1  # of the modifiers that lead up to the second group without a comma
    while first and not separated(run[first - 1].end, run[first].start):
        first -= 1
    leads_on = not separated(run[first - 1].end if first else start, run[first].start) and not run[first].has_article
    if leads_on:  # from the first group: 7 leaning left bold 3
        return max((k + 1 for k in range(first, len(run)) if run[k].follows and not run[k].has_article), default=0)
    while first and not run[first - 1].follows:  # very thin, wide 3
        if first == 1 and not separated(start, run[0].start) and not run[0].has_article:  # 7 bold, wide 3
            break
        first -= 1
    return first


def _spread(groups: Sequence[Group], modifiers: Sequence[tuple[int, Modifier]]) -> None:
    """Give each modifier to all groups up to its place, a hand only to those that have none; one before all groups to all."""
    for at, modifier in modifiers:
        is_hand = isinstance(modifier.meaning, HandTarget)
        for group in groups if at < 0 else groups[: at + 1]:
            if not (is_hand and group.has_hand) or group is groups[max(at, 0)]:  # two hands of one group are refused later
                group.modifiers.append(modifier)
