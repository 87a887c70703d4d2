"""A setting is described once: its meaning, choices, bounds and option stand in the metadata of its dataclass field.

Command-line options, the comments of config.toml, the hints of dialogs and the checks of values are made from this description.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeVar, get_args

from engine.errors import SettingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_COUNT = 100_000
"""Images of one request."""
MAX_BATCH = 60_000
MAX_SEED = 2**63 - 1

T = TypeVar("T")
_KEY = "setting"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a setting is, and which values it takes."""

    default: object
    help: str
    """A sentence, for --help and config.toml."""
    hint: str = ""
    """At most 44 characters, beside the field of a dialog."""
    choices: tuple[str, ...] = ()
    """All values, where they can be listed."""
    low: float = -math.inf
    high: float = math.inf
    kind: type = str
    """str, int, float or bool."""
    option: str = ""
    """Its name on the command line, such as --guided-from; empty where there is none."""


def setting(
    default: T,
    help: str,
    *,
    hint: str = "",
    choices: object = (),
    low: float = -math.inf,
    high: float = math.inf,
    kind: type | None = None,
    option: str = "",
) -> T:
    """A dataclass field that is described by a Setting. `choices` is a Literal; `kind` is by default the type of the default, and str for None.

    {low} and {high} in `help` and `hint` stand for the bounds.
    """
    help, hint = (text.format(low=low, high=high) for text in (help, hint))
    kind = kind or (str if default is None else type(default))
    value: T = field(default=default, metadata={_KEY: Setting(default, help, hint, get_args(choices), low, high, kind, option)})
    return value


def settings_of(config: DataclassInstance | type[DataclassInstance]) -> dict[str, Setting]:
    """The described fields of a dataclass or of an instance, in their order."""
    return {each.name: each.metadata[_KEY] for each in fields(config) if _KEY in each.metadata}


def check_fields(config: DataclassInstance) -> None:
    """Check the described fields of a dataclass instance. None is valid if it is the default. Raises SettingError."""
    for name, described in settings_of(config).items():
        value = getattr(config, name)
        if value is not None or described.default is not None:
            check_value(described.option.removeprefix("--") or name, value, described)


def check_value(name: str, value: object, described: Setting) -> None:
    """Raises SettingError for a value out of bounds. `name` is what the message calls the setting. A free text must not be empty."""
    if described.choices:
        check_one_of(name, value, described.choices)
    elif described.kind is bool:
        check_bool(name, value)
    elif described.kind is int:
        check_within(name, value, int(described.low), int(described.high))
    elif described.kind is float:
        check_finite(name, value, described.low, described.high)
    elif not isinstance(value, str) or not value:
        raise SettingError(f"{name} {value!r} is not a name")


def check_within(name: str, value: object, low: int, high: int) -> None:
    """Raises SettingError unless the value is a whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingError(f"{name} {value!r} is not a whole number from {low} to {high}")
    if not low <= value <= high:
        raise SettingError(f"{name} {value} is outside {low} to {high}")


def check_finite(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> None:
    """Raises SettingError unless the value is a finite number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:  # isfinite(10**400) raises
        raise SettingError(f"{name} {repr(value)[:80]} is not a finite number")
    if not low <= value <= high:
        raise SettingError(f"{name} {value:g} is outside {low:g} to {high:g}" if high < math.inf else f"{name} {value:g} is less than {low:g}")


def check_one_of(name: str, value: object, choices: object) -> None:
    """Raises SettingError unless the value is among `choices`, a Literal or a tuple."""
    names = choices if isinstance(choices, tuple) else get_args(choices)
    if value not in names:
        raise SettingError(f"{name} {value!r} is not one of {', '.join(names)}")


def check_bool(name: str, value: object) -> None:
    """Raises SettingError unless the value is True or False."""
    if not isinstance(value, bool):
        raise SettingError(f"{name} {value!r} is not true or false")
