"""A prompt's text -> what it asks for: labels alone where they are all that it names, else phrases or a change. No tensors, no screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.prompt.binding import Group, bind, without_articles, words_of_labels
from engine.prompt.changes import Change
from engine.prompt.ellipsis import merge_repeated, share_noun
from engine.prompt.faults import ParseError
from engine.prompt.grammar import Grammar, Item, Labels
from engine.prompt.modifiers import Modifier, find_modifiers, without_leads
from engine.prompt.phrasing import Phrases, make_phrases
from engine.prompt.tokens import Token, tokenize
from engine.prompt.vocabulary import Kind, Vocabulary
from engine.prompt.words import understood

SOME = 5
"""Pictures of "some bold digits"."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What normalized text asks for."""

    labels: Labels
    shared_noise: bool = False
    asked: Phrases | Change | None = None
    """None where it asks for classes alone."""
    plain_text: str = ""
    """The text without what it asks for besides classes."""


class Unreadable(Exception):
    """Text can't be read: what of it was understood, why the rest was not, the text without this fault, and the text from the fault on."""

    def __init__(self, understood: str, why: str, corrected_text: str, rest: str) -> None:
        super().__init__(why)
        self.understood, self.why, self.corrected_text, self.rest = understood, why, corrected_text, rest


def read(text: str, vocabulary: Vocabulary, explains: bool = True) -> Reading:
    """What normalized text asks for. The grammar of labels comes first, so that a prompt of classes alone means only them.

    Without `explains` it does not say what is wrong. Raises Unreadable.
    """
    try:
        return _labels(Grammar(text, vocabulary, explains=False))
    except ParseError:
        pass
    try:
        if described := _described(text, vocabulary, explains):
            return described
    except Unreadable:
        if vocabulary.describes:
            raise
    words = without_leads(tokenize(text, vocabulary)) if vocabulary.describes else None
    grammar = Grammar(text, vocabulary, explains, words)
    try:
        return _labels(grammar)
    except ParseError as error:
        raise Unreadable(grammar.understood(), error.why, error.corrected_text, grammar.rest()) from None


def _labels(grammar: Grammar) -> Reading:
    shared_noise = grammar.prompt()
    return Reading(grammar.labels, shared_noise)


def _described(text: str, vocabulary: Vocabulary, explains: bool) -> Reading | None:
    """What text asks for that says more than classes; None where nothing in it does. Raises Unreadable."""
    tokens = tokenize(text, vocabulary, keep_fillers=True)
    try:
        modifiers, rest = find_modifiers(text, tokens)
    except ParseError as error:
        raise Unreadable("", error.why, error.corrected_text, "") from None
    if not modifiers:
        return None
    if groups := share_noun(modifiers, rest):
        return _shared(text, groups, modifiers, vocabulary)
    words = words_of_labels(without_leads(rest), modifiers)
    words = without_articles(words, tokens, modifiers)
    grammar = Grammar(text, vocabulary, explains, words)
    try:
        no_labels = (Kind.SEPARATOR, Kind.NOUN) if vocabulary.is_digits else (Kind.SEPARATOR,)
        shared_noise = any(word.kind not in no_labels for word in words) and grammar.prompt()
        groups = bind(grammar.items or _unnamed(rest, tokens, vocabulary), modifiers, rest)
        asked = make_phrases(text, merge_repeated(groups, tokens) if grammar.items else groups, vocabulary)
    except ParseError as error:
        raise Unreadable(_understood(text, grammar, modifiers, rest, vocabulary), error.why, error.corrected_text, grammar.rest()) from None
    labels = [phrase.label for phrase in asked.phrases] if isinstance(asked, Phrases) else []
    return Reading(labels, shared_noise or (isinstance(asked, Phrases) and asked.is_row), asked, _without(text, modifiers))


def _shared(text: str, groups: Sequence[Group], modifiers: Sequence[Modifier], vocabulary: Vocabulary) -> Reading:
    """What text asks for that names its digits once. Raises Unreadable."""
    try:
        asked = make_phrases(text, groups, vocabulary)
    except ParseError as error:
        raise Unreadable("", error.why, error.corrected_text, "") from None
    labels = [phrase.label for phrase in asked.phrases] if isinstance(asked, Phrases) else []
    return Reading(labels, False, asked, _without(text, modifiers))


def _unnamed(rest: Sequence[Token], tokens: Sequence[Token], vocabulary: Vocabulary) -> list[Item]:
    """What "a bold digit" asks for, which is a random one; "some bold digits", a few; and "digits from thin to bold", each digit once."""
    for token in rest:
        if token.text in ("digit", "number"):
            return [Item([None], token.start, token.end)]
        if token.kind is Kind.NOUN and vocabulary.is_digits:
            is_some = any(other.text in ("some", "any") for other in tokens if other.start < token.start)
            return [Item([None] * SOME if is_some else [*range(len(vocabulary.class_names))], token.start, token.end)]
    return []


def _understood(text: str, grammar: Grammar, modifiers: Sequence[Modifier], rest: Sequence[Token], vocabulary: Vocabulary) -> str:
    """The start of an error message: what was read before the fault, with what describes it."""
    fault = len(text) - len(grammar.rest()) if grammar.rest() else 0
    before = [modifier for modifier in modifiers if modifier.end <= fault]
    if not grammar.items or not before:
        return grammar.understood()
    try:
        asked = make_phrases(text, bind(grammar.items, before, rest), vocabulary)
    except ParseError:
        return grammar.understood()
    return f"understood {understood(asked.phrases, vocabulary)}, but " if isinstance(asked, Phrases) else ""


def _without(text: str, modifiers: Sequence[Modifier]) -> str:
    """The text without the modifiers."""
    for modifier in sorted(modifiers, key=lambda modifier: -modifier.start):
        text = f"{text[: modifier.start]} {text[modifier.end :]}"
    return text.strip(" ,;:")
