"""What a prompt asks of weights of some name: classes, phrases, or a caption in the words of their data. Plain Python: no tensors, no screen."""

from __future__ import annotations

import random
from dataclasses import replace

from engine.captions.own_words import caption_words_of, read_caption
from engine.config.condition import Condition, ConditionConfig
from engine.config.hand import HandSource
from engine.errors import PromptError
from engine.prompt.hand_numbers import number_hands, repeat_phrases
from engine.prompt.parser import Prompt, parse
from engine.prompt.phrase import Hand
from engine.prompt.told_words import to_conditions
from engine.prompt.words import hand_words
from engine.runs.weights_names import data_of, model_of


def told_to(weights: str) -> ConditionConfig | None:
    """What weights of this name are told besides classes and captions, as far as their run or file records it. Raises nothing."""
    model = model_of(weights)
    return model.conditions if model and model.conditions and model.conditions.tells_strokes else None


def read_for(weights: str, text: str, seed: int) -> Prompt:
    """What a prompt asks of these weights; random labels follow from the seed. Raises PromptError."""
    names = data_of(weights).class_names
    try:
        return parse(text, random.Random(seed), names, told_to(weights))
    except PromptError as error:
        words = caption_words_of(model_of(weights))
        if words is None:
            raise
        return read_caption(text, words, names, error)


def repeat_prompt(prompt: Prompt, count: int) -> Prompt:
    """The prompt as often as `count` pictures take, each time in other hands where these were left open; the last time may be cut short."""
    times = -(-count // len(prompt.labels))
    phrases = prompt.conditions and repeat_phrases(prompt.conditions, times)[:count]
    return replace(prompt, labels=(prompt.labels * times)[:count], conditions=phrases)


def conditions_of(prompt: Prompt, told: ConditionConfig | None, seed: int) -> tuple[Condition, ...] | None:
    """What the words of a prompt ask of its pictures, of a network that is told this. Hands that are left open follow from the random seed.

    Raises PromptError.
    """
    if prompt.caption:
        return tuple(Condition(label, text=prompt.caption) for label in prompt.labels)
    if not prompt.conditions or told is None:
        return None
    phrases = number_hands(prompt.conditions, seed)
    return to_conditions(phrases, told, _find_hand, prompt.text)


def _find_hand(hand: Hand) -> HandSource:
    """Raises PromptError for the hand of an answer: only the Prompt screen has one."""
    if hand.kind != "number":
        raise PromptError(f"{hand_words(hand)!r} is for the Prompt screen; use 'in hand 12', or --hand with a saved picture of that answer")
    return HandSource(number=hand.number)
