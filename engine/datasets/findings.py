"""What was found in a source's pictures while they were prepared, as `digitty data check` reports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from engine.datasets.duplicates import Duplicates
from engine.datasets.sources.container import name_some
from engine.errors import SettingError

FIRST = 10
"""How many damaged pictures a sentence names, and how many equal ones are recorded by name."""
NAMED = 3
"""How many pairs of equal ones a sentence names."""
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
    near: int = 0
    """Images that are nearly like an earlier one, but not exactly."""
    first_near: tuple[Pair, ...] = ()
    """As `first_equal`."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> Findings:
        """The reverse of `to_dict`, after JSON; of earlier versions, too. Raises ValueError."""
        names = {field.name: field.default for field in fields(cls)}
        if not isinstance(values, Mapping) or set(values) - set(names) or any(names[name] is MISSING for name in set(names) - set(values)):
            raise ValueError("these are not findings")
        return cls(**{name: _tuples(value) for name, value in values.items()})

    def sentences(self) -> list[str]:
        """What the user should read before training: choices, then warnings."""
        return [*self.choices, *self.warnings]


def describe_problems(damaged: int, damaged_pictures: tuple[Pair, ...], several: Sequence[str]) -> list[str]:
    """Sentences about single pictures. `several`: the names of those whose files hold more than one picture."""
    said = []
    if damaged:
        named = "; ".join(f"{name} ({reason})" for name, reason in damaged_pictures[:FIRST])
        more = damaged - min(FIRST, len(damaged_pictures))
        verb = "picture is" if damaged == 1 else "pictures are"
        said.append(f"{damaged:,} {verb} damaged and left out: {named}" + (f"; and {more:,} more" if more else ""))
    if several:
        what = "1 file holds" if len(several) == 1 else f"{len(several):,} files hold"
        said.append(f"{what} several pictures, such as an animation or pages; only the first is used: {name_some(several)}")
    return said


def describe_duplicates(equal: tuple[Pair, ...], near: tuple[Pair, ...], found: Duplicates) -> list[str]:
    """Sentences about images that are exactly or nearly like another one. `equal`, `near`: the names of the first ones."""
    said = []
    if found.equal:
        said.append(f"{_images(len(found.equal))} exactly like another one: {_pairs(len(found.equal), equal)}")
    if found.near:
        what = f"{_images(len(found.near))} nearly like another one, as if the same picture had been saved again"
        apart = f"; of {found.split:,} {'pair' if found.split == 1 else 'pairs'} one is trained on and the other judges" if found.split else ""
        said.append(f"{what}: {_pairs(len(found.near), near)}{apart}")
    if found.equal_tests:
        said.append(
            f"{_images(found.equal_tests, 'test ')} exactly like a training image, and so can't tell learning from copying; "
            "remove them from one of the two parts"
        )
    return said


def describe_classes(counts: tuple[int, ...], names: tuple[str, ...]) -> list[str]:
    """Sentences about classes of very unequal size."""
    said = []
    if names and (missing := [name for name, count in zip(names, counts, strict=True) if not count]):
        said.append(f"no training image of {missing[0]}" + (f" and {len(missing) - 1:,} other classes" if missing[1:] else ""))
    elif names and max(counts) >= UNEQUAL * min(counts) and len(names) > 1:
        large, small = counts.index(max(counts)), counts.index(min(counts))
        said.append(
            f"the classes are of very unequal size: {counts[large]:,} images of {names[large]}, {counts[small]:,} of {names[small]}; "
            "--balance draws all classes equally often in training"
        )
    return said


def _images(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}{'image is' if count == 1 else 'images are'}"


def _pairs(count: int, first: tuple[Pair, ...]) -> str:
    """The names of the first pairs."""
    named = ", ".join(f"{later} and {earlier}" for later, earlier in first[:NAMED])
    return named + (f", and {count - NAMED:,} more" if count > NAMED else "")


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples."""
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def none_readable(name: str, looked_at: int, damaged: Sequence[Pair]) -> SettingError:
    """The error where none of the pictures that were looked at can be read."""
    if not damaged:
        return SettingError(f"{name} holds no picture that can be read")
    first, reason = damaged[0]
    more = f", and {len(damaged) - 1:,} more" if damaged[1:] else ""
    return SettingError(f"none of {looked_at:,} pictures of {name} can be read: {first} ({reason}){more}; give pictures such as PNG or JPEG")
