"""Phrases -> the conditions that a network is told, with the words of the prompt where it reads captions. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.config.condition import Condition, ConditionConfig
from engine.config.condition_check import LONGEST_TEXT
from engine.prompt.conditions import Hands, to_condition
from engine.prompt.levels import level_of
from engine.prompt.phrase import Phrase
from engine.prompt.words import prompt_words


def to_conditions(phrases: Sequence[Phrase], told: ConditionConfig, hands: Hands, text: str = "") -> tuple[Condition, ...]:
    """A condition for each phrase, with a caption where a network reads captions. Raises PromptError as `to_condition` does.

    `text` is the prompt, where it describes one picture and nothing was changed since. It is told as it stands. Of other prompts each picture is told
    its own phrase, so that a bold 3 and a thin 7 don't mix. What captions never say, numbers and hands, is left out, and classes alone need no words.
    """
    conditions = tuple(to_condition(phrase, told, hands) for phrase in phrases)
    if not told.text:
        return conditions
    return tuple(replace(condition, text=_words(phrase, text)) for condition, phrase in zip(conditions, phrases, strict=True))


def _words(phrase: Phrase, text: str) -> str | None:
    """What is told of one picture; None for nothing."""
    levels = tuple(
        target for target in phrase.targets if level_of(target.attribute, target.interval) and target.in_units == (target.attribute == "slant")
    )
    stated = replace(phrase, targets=levels, hand=None)
    if stated.is_plain:
        return None
    text = " ".join(text.split())
    if stated == phrase and 0 < len(text) <= LONGEST_TEXT and text.isprintable():
        return text
    return prompt_words([stated])
