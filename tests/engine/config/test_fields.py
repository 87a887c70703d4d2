"""A setting is described once, in its field: what the description says is what is checked and what every help text and hint is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from engine.config.fields import Setting, check_fields, setting, settings_of
from engine.config.model import ScheduleConfig
from engine.config.preset_hints import PRESET_HINTS
from engine.config.sampling import SampleConfig
from engine.config.training import PRESETS, TrainConfig
from engine.errors import SettingError
from engine.protocol.requests import DrawRequest, EvaluateRequest, TrainRequest

DESCRIBED = (SampleConfig, TrainConfig, ScheduleConfig, DrawRequest, EvaluateRequest, TrainRequest)
HINT = 44
"""Characters of a hint that a dialog has room for at 80 columns."""


@dataclass(frozen=True)
class Example:
    """A setting of each kind."""

    kind: Literal["a", "b"] = setting("a", "One of two.", choices=Literal["a", "b"])
    count: int = setting(3, "From {low} to {high}.", low=1, high=9, option="--how-many")
    share: float = setting(0.5, "A share.", low=0, high=1)
    fast: bool = setting(False, "Fast.")
    limit: int | None = setting(None, "No more than this.", low=1, high=9, kind=int)
    plain: int = -1


def test_the_description_stays_with_the_field() -> None:
    assert list(settings_of(Example)) == ["kind", "count", "share", "fast", "limit"]
    assert settings_of(Example)["count"] == Setting(3, "From 1 to 9.", low=1, high=9, kind=int, option="--how-many")
    assert settings_of(Example)["kind"].choices == ("a", "b")
    assert Example() == Example("a", 3, 0.5, False, None, -1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "c"}, "kind 'c' is not one of a, b"),
        ({"count": 0}, "how-many 0 is outside 1 to 9"),
        ({"count": 10}, "how-many 10 is outside 1 to 9"),
        ({"count": 1.0}, "how-many 1.0 is not a whole number from 1 to 9"),
        ({"count": None}, "how-many None is not a whole number from 1 to 9"),
        ({"share": 1.5}, "share 1.5 is outside 0 to 1"),
        ({"share": "x"}, "share 'x' is not a finite number"),
        ({"fast": 1}, "fast 1 is not true or false"),
        ({"limit": 0}, "limit 0 is outside 1 to 9"),
    ],
    ids=str,
)
def test_values_outside_the_description_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as error:
        check_fields(Example(**values))
    assert str(error.value) == message


@pytest.mark.parametrize(
    "values", [{}, {"count": 1}, {"count": 9}, {"share": 0}, {"share": 1.0}, {"fast": True}, {"limit": 9}, {"limit": None}], ids=str
)
def test_values_within_the_description_are_accepted(values: dict[str, Any]) -> None:
    check_fields(Example(**values))


@pytest.mark.parametrize("described", DESCRIBED)
def test_every_default_is_within_its_own_description(described: Any) -> None:
    for name, found in settings_of(described).items():
        if found.default is not None:
            assert isinstance(found.default, found.kind), name
            assert not found.choices or found.default in found.choices, name
            assert found.kind not in (int, float) or found.low <= found.default <= found.high, name  # type: ignore[operator]
        assert len(found.hint) <= HINT, name
        assert found.help.endswith("."), name
        assert "{" not in found.help + found.hint, name


def test_every_field_of_a_drawing_has_an_option_and_a_hint() -> None:
    settings = settings_of(SampleConfig)
    assert list(settings) == list(SampleConfig.__dataclass_fields__)
    for name, found in settings.items():
        assert found.option == f"--{name.replace('_', '-')}"
        assert found.hint


def test_every_preset_has_a_hint() -> None:
    assert list(PRESET_HINTS) == list(PRESETS)
    assert all(len(hint) <= HINT for hint in PRESET_HINTS.values())
