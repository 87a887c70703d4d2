"""What was found in a source's pictures while they were prepared, as `digitty data check` reports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from engine.errors import SettingError

FIRST = 10
"""How many damaged or equal pictures a sentence names."""
MOST_KEPT = 10_000
"""How many damaged pictures are recorded by name."""
UNEQUAL = 10
"""How many times as many pictures the largest class has as the smallest, to call their sizes very unequal."""
Pair = tuple[str, str]
Size = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True)
class Findings:
    """Facts about a source, for one choice of options."""

    pictures: int
    """All that were to be used, readable or not."""
    left_out: int
    """Pictures of other classes."""
    damaged: int
    damaged_pictures: tuple[Pair, ...]
    """Their names, and what is wrong with them; of the first MOST_KEPT."""
    equal: int
    """Images that are exactly as an earlier one is."""
    first_equal: tuple[Pair, ...]
    """The names of the first ones, each with that of the earlier one."""
    smallest: Size
    median: Size
    largest: Size
    class_counts: tuple[int, ...]
    """How many training images each class has."""
    choices: tuple[str, ...]
    """What was done, and how to have it otherwise, a sentence each."""
    warnings: tuple[str, ...]
    """A sentence each."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> Findings:
        """The reverse of `to_dict`, after JSON. Raises ValueError."""
        names = {field.name for field in fields(cls)}
        if not isinstance(values, Mapping) or set(values) != names:
            raise ValueError("these are not findings")
        return cls(**{name: _tuples(value) for name, value in values.items()})

    def sentences(self) -> list[str]:
        """What the user should read before training: choices, then warnings."""
        return [*self.choices, *self.warnings]


def describe_problems(
    damaged: int, damaged_pictures: tuple[Pair, ...], equal: int, leaked: int, counts: tuple[int, ...], names: tuple[str, ...]
) -> list[str]:
    """Sentences about damaged and equal pictures, and about classes of very unequal size. `leaked`: test images that are training images too."""
    said = []
    if damaged:
        named = "; ".join(f"{name} ({reason})" for name, reason in damaged_pictures[:FIRST])
        more = damaged - min(FIRST, len(damaged_pictures))
        verb = "picture is" if damaged == 1 else "pictures are"
        said.append(f"{damaged:,} {verb} damaged and left out: {named}" + (f"; and {more:,} more" if more else ""))
    if equal:
        said.append(f"{equal:,} {'image is' if equal == 1 else 'images are'} exactly like another one")
    if leaked:
        said.append(
            f"{leaked:,} test {'image is' if leaked == 1 else 'images are'} exactly like a training image, and so can't tell learning from copying; "
            "remove them from one of the two parts"
        )
    if names and (missing := [name for name, count in zip(names, counts, strict=True) if not count]):
        said.append(f"no training image of {missing[0]}" + (f" and {len(missing) - 1:,} other classes" if missing[1:] else ""))
    elif names and max(counts) >= UNEQUAL * min(counts) and len(names) > 1:
        large, small = counts.index(max(counts)), counts.index(min(counts))
        said.append(
            f"the classes are of very unequal size: {counts[large]:,} images of {names[large]}, {counts[small]:,} of {names[small]}; "
            "--balance draws all classes equally often in training"
        )
    return said


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples."""
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def check_findings(findings: Findings) -> None:
    """Raises SettingError where no picture could be read."""
    if findings.damaged and findings.damaged == findings.pictures:
        name, reason = findings.damaged_pictures[0]
        raise SettingError(f"none of the {findings.pictures:,} pictures can be read: {name} ({reason})")
