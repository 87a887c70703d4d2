"""What the Prompt screen suggests to type: prompts that the chosen weights can draw."""

from __future__ import annotations

import random

from textual.content import Content

from engine.config.condition import ConditionConfig
from engine.config.data import DataSpec
from engine.prompt.parser import parse_or_change_if_readable
from engine.prompt.vocabulary import vocabulary_for

DESCRIBED = (
    "a bold seven leaning left",
    "a very thin, wide 3",
    "a looped two and a plain 1",
    "an 8 that is not bold",
    "eights from thin to bold",
    "2026 in one hand",
)
"""Prompts that ask for more than classes."""
CHANGES = {"bolder": "thickness", "more slanted": "slant", "again, in another hand": "hand"}
"""Prompts that change the last answer, and what the weights must have been told for it."""
LEAST_COLUMNS, LEAST_ROWS = 64, 18
"""Of a screen that has room for them."""
CHOOSE = "esc, then w chooses those weights"
"""How to change to weights that can draw what was asked for, from within an input."""
GAP = 4
"""Columns between two examples on a line."""


def hello(data: DataSpec, told: ConditionConfig | None, columns: int = 80, rows: int = 24) -> Content:
    """What stands on a screen of this size before the first prompt: how to begin and, where it has room, what can be asked for besides classes."""
    what = f"a {vocabulary_for(data.class_names).noun}" if data.class_names else "how many pictures to draw"
    first = Content.assemble(f"Type {what} and press enter. ", ("Type help to list the keys.", "$text-muted"))
    described = [text for text in DESCRIBED if told and parse_or_change_if_readable(text, random.Random(0), data.class_names, told)]
    if not described or columns < LEAST_COLUMNS or rows < LEAST_ROWS:
        return first
    width = max(len(text) for text in described) + GAP
    lines = ["".join(text.ljust(width) for text in described[k : k + 2]).rstrip() for k in range(0, len(described), 2)]
    if changes := [text for text, part in CHANGES.items() if told and (told.hand if part == "hand" else told.scales_of(part))]:
        lines += ["", f"and then: {' · '.join(changes)}"]
    return Content.assemble(first, "\n\nThese words are understood, too:\n\n", ("\n".join(lines), "$text-muted"))


def examples(data: DataSpec, told: ConditionConfig | None) -> str:
    """What the input shows while it is empty."""
    vocabulary = vocabulary_for(data.class_names)
    if vocabulary.is_digits and told:
        return "a digit: seven · two threes · a bold 7 leaning left · 0-9 · grid"
    if vocabulary.is_digits:
        return "a digit: seven · 3 1 4 · three sevens · 0-9 · random · grid"
    if not data.class_names:
        return "a number of pictures: 5 · a dozen · random"
    example = vocabulary.example
    return f"a class: {vocabulary.name(example)} · three {vocabulary.plural(example)} · random · grid"
