"""Which pictures of a source are used, with which labels, and which of them only judge."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from engine.datasets.sources.source import Source
from engine.errors import SettingError
from engine.formatting import printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NAMED = 5
"""How many names a message lists at most."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The pictures that are used, in the source's order."""

    indices: Sequence[int]
    """Where the source has them."""
    labels: npt.NDArray[np.int64]
    """(N,) their classes among `class_names`; all 0 if they have none."""
    test: npt.NDArray[np.bool_]
    """(N,) whether the source keeps them from training."""
    class_names: tuple[str, ...]
    has_texts: bool
    left_out: int
    """Pictures of classes that are not used."""


def select(source: Source, classes: Sequence[str] = ()) -> Selection:
    """The pictures of these classes, numbered in this order; empty: all. Raises SettingError where the source has no such class or label."""
    import numpy as np

    new_label = _new_labels(source, classes)
    indices, labels, test = array("q"), array("q"), array("b")
    unlabelled = 0
    has_texts = False
    for index in range(len(source)):
        entry = source.entry(index)
        label = -1 if entry.label is None else entry.label
        if source.class_names and not 0 <= label < len(source.class_names):
            if entry.label is not None:
                raise SettingError(_outside(source, entry.name, label))
            unlabelled += 1
            continue
        if source.class_names and label not in new_label:
            continue
        indices.append(index)
        labels.append(new_label[label] if source.class_names else 0)
        test.append(entry.test)
        has_texts = has_texts or entry.text is not None
    if unlabelled:
        raise SettingError(f"{unlabelled:,} pictures of {source.name} have no class, but the others do; give every picture a class, or none")
    if not indices:
        raise SettingError(f"{source.name} holds no picture that can be read" + (f" of {', '.join(classes)}" if classes else ""))
    whole = len(indices) == len(source)
    return Selection(
        range(len(source)) if whole else indices,
        np.frombuffer(labels, dtype=np.int64),
        np.frombuffer(test, dtype=np.int8).astype(bool),
        tuple(classes) or source.class_names,
        has_texts,
        len(source) - len(indices),
    )


def hold_out(keys: npt.NDArray[np.void], share: float) -> npt.NDArray[np.bool_]:
    """(N,) which images are kept from training: about `share` of them, at least one, and not all. Depends only on what the images are.

    Those with the lowest digests are kept, so that adding pictures moves few of the others, and equal images are never on both sides.
    Raises SettingError where all images are equal.
    """
    import numpy as np

    different, of = np.unique(keys, return_inverse=True)
    if len(different) < 2:
        raise SettingError("--hold-out needs at least two different pictures")
    copies = np.cumsum(np.bincount(of))
    wanted = max(1, round(share * len(keys)))
    least = int(np.searchsorted(copies, wanted)) + 1
    return np.asarray(of.reshape(-1) < min(least, len(different) - 1))


def _new_labels(source: Source, classes: Sequence[str]) -> dict[int, int]:
    """The label that each used class of the source gets. Raises SettingError."""
    if not classes:
        return {label: label for label in range(len(source.class_names))}
    if not source.class_names:
        raise SettingError(f"--classes can't be used: the pictures of {source.name} have no classes")
    if len(set(classes)) < len(classes):
        raise SettingError("--classes names a class twice")
    at = {name: label for label, name in enumerate(source.class_names)}
    for name in classes:
        if name not in at:
            near = get_close_matches(name, at, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; its classes are {list_names(source.class_names)}"
            raise SettingError(f"{source.name} has no class {printable(name, 60)}{hint}")
    return {at[name]: label for label, name in enumerate(classes)}


def _outside(source: Source, name: str, label: int) -> str:
    return f"{name} of {source.name} has the label {label}, but its {len(source.class_names):,} classes are numbered from 0"


def list_names(names: Sequence[str]) -> str:
    """a, b, c; and the number of others, if there are many."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
