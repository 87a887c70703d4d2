"""The hands that prompts name on the Prompt screen: those of earlier answers, and those that are left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.config.data import MNIST
from engine.config.hand import HandSource
from engine.errors import PromptError
from engine.prompt.hand_numbers import number_hands
from engine.prompt.parser import Prompt
from engine.prompt.phrase import Hand, Phrase
from tui.widgets.answer import Answer


def name_hands(prompt: Prompt, seed: int, answers: Sequence[Answer]) -> Prompt:
    """The prompt with numbers for hands that it leaves open, and in the place of those answers whose hand has a number."""
    if prompt.conditions is None:
        return prompt
    known = {phrase.hand: _number_of(phrase.hand, answers) for phrase in prompt.conditions if phrase.hand and phrase.hand.kind == "answer"}
    named = (replace(phrase, hand=known.get(phrase.hand) or phrase.hand) if phrase.hand else phrase for phrase in prompt.conditions)
    return replace(prompt, conditions=number_hands([*named], seed))


def _number_of(hand: Hand, answers: Sequence[Answer]) -> Hand | None:
    """The number of an answer's hand, if it was drawn in one that has a number."""
    phrases = _find(hand, answers).prompt.conditions or (Phrase(None),)
    own = phrases[0].hand
    return own if own and own.kind == "number" and all(phrase.hand == own for phrase in phrases) else None


def find_hand(hand: Hand, answers: Sequence[Answer]) -> tuple[float, ...] | HandSource:
    """The code of a hand, or where it is read from. Raises PromptError for the hand of an answer that has none."""
    if hand.kind != "answer":
        return HandSource(number=hand.number)
    answer = _find(hand, answers)
    result, name = answer.result, _name(answer)
    if result is None:
        raise PromptError(f"{name} is not finished yet; wait for it" if answer.is_busy else f"{name} was not drawn to its end, so it has no hand")
    codes = {condition.code for condition in result.recipe.conditions or ()}
    if len(codes) > 1:
        raise PromptError(f"{name} is in several hands; name one of them, such as 'in hand 12'")
    for code in codes:
        if code is not None:
            return code
    if result.recipe.data.class_names != MNIST.class_names or result.images.picture_bytes != MNIST.picture_bytes:
        raise PromptError(f"{name} shows no digits as MNIST has them, so no hand can be read from it")
    labels = result.recipe.labels
    return HandSource(digits=tuple((label, pixels) for label, pixels in zip(labels, result.images, strict=True) if label is not None))


def _name(answer: Answer) -> str:
    return f"answer {answer.number}"


def _find(hand: Hand, answers: Sequence[Answer]) -> Answer:
    """The answer with this number, or the last one that is finished. Raises PromptError where there is none."""
    if hand.number == 0:
        found = next((answer for answer in reversed(answers) if answer.result), None)
    else:
        found = next((answer for answer in answers if answer.number == hand.number), None)
    if found is not None:
        return found
    if not answers:
        raise PromptError("there is no answer yet whose hand could be taken; draw something first, or name a hand: 'in hand 12'")
    first, last = answers[0].number, answers[-1].number
    here = f"the only answer here is {first}" if first == last else f"the answers here are {first} to {last}"
    raise PromptError(f"there is no answer {hand.number}; {here}" if hand.number else f"no answer is finished yet; {here}")
