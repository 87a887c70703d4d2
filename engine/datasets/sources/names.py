"""Makes names for data sets and classes that a DataSpec takes, from whatever files and folders are called."""

from __future__ import annotations

from collections.abc import Iterable

from engine.config.data import LONGEST_NAME
from engine.formatting import printable

UNNAMED = "unnamed"


def fit_name(text: str) -> str:
    """The text as a name: printable, not empty, at most LONGEST_NAME characters."""
    return printable(text.strip(), LONGEST_NAME).strip() or UNNAMED


def fit_names(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts as names, each different: where two would be the same, the later ones get a number."""
    taken: set[str] = set()
    names: list[str] = []
    for text in texts:
        name = fit_name(text)
        number = 2
        while name in taken:
            ending = f" ({number})"
            name = fit_name(text)[: LONGEST_NAME - len(ending)].rstrip() + ending
            number += 1
        taken.add(name)
        names.append(name)
    return tuple(names)
