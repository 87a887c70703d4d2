"""Conditions, intervals and scales."""

from __future__ import annotations

import json
import math
from statistics import NormalDist

import pytest

from engine.config.condition import SCORES, AttributeScales, Condition, ConditionConfig, Interval, Scale
from engine.config.model import ModelConfig
from engine.config.serialize import from_dict, to_dict
from engine.errors import SettingError


def test_scale_of_a_normal_distribution_standardises() -> None:
    normal = NormalDist(5, 14)
    scale = Scale(tuple(normal.mean + z * normal.stdev for z in SCORES))
    for value in (-80.0, -23.0, 5.0, 11.5, 90.0):
        assert scale.score(value) == pytest.approx((value - 5) / 14)
        assert scale.value(scale.score(value)) == pytest.approx(value)
    assert scale.score(math.inf) == math.inf
    assert scale.value(-math.inf) == -math.inf


def test_scale_is_monotone_between_its_values() -> None:
    scale = Scale(tuple(math.exp(z) for z in SCORES))
    values = [scale.value(k / 10) for k in range(-50, 51)]
    assert values == sorted(values)
    assert scale.value(1.5) == pytest.approx(math.exp(1.5))


@pytest.mark.parametrize(
    "values", [(), (1.0,) * 13, tuple(range(12)), (*range(12), math.nan), (*range(12), 11), (*range(12), 1e300), (-(10**300), *range(12))]
)
def test_a_scale_needs_rising_values(values: tuple[float, ...]) -> None:
    with pytest.raises(SettingError):
        Scale(values)


def test_only_width_and_length_are_compared_within_a_class() -> None:
    one, other = Scale(tuple(range(13))), Scale(tuple(range(1, 14)))
    assert AttributeScales("width", one, (other, None)).of(0) is other
    assert AttributeScales("width", one, (other, None)).of(1) is one
    assert AttributeScales("width", one, (other,)).of(None) is one
    assert AttributeScales("thickness", one, (other,)).of(0) is one


def test_the_order_of_parts_does_not_matter() -> None:
    thick, left = ("thickness", Interval(3)), ("slant", Interval(high=-5))
    assert Condition(7, (thick, left), (("crossed", True),)) == Condition(7, (left, thick), (("crossed", True),))
    assert Condition(7, (left, thick)).interval("thickness") == Interval(3)
    assert Condition(7).interval("slant") == Interval()
    assert Condition(7).is_plain
    assert not Condition(7, (thick,)).is_plain


@pytest.mark.parametrize(
    "make",
    [
        lambda: Interval(2, 1),
        lambda: Interval(math.nan),
        lambda: Interval(math.inf, math.inf),
        lambda: Interval("3"),  # type: ignore[arg-type]
        lambda: Condition(-1),
        lambda: Condition(attributes=(("height", Interval(1)),)),
        lambda: Condition(attributes=(("slant", 3),)),  # type: ignore[arg-type]
        lambda: Condition(variants=(("curly", True),)),
        lambda: Condition(variants=(("crossed", 1),)),  # type: ignore[arg-type]
        lambda: Condition(hand=(1.0, math.inf)),
        lambda: Condition(hand=(1.0, 1e39)),
    ],
)
def test_what_no_picture_can_show_is_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingError):
        make()


def test_intervals_meet() -> None:
    assert Interval(1, 3).meet(Interval(2)) == Interval(2, 3)
    assert Interval(1, 2).meet(Interval(3)) is None
    assert 2 in Interval(2, 2)
    assert 1.9 not in Interval(2, 2)


def test_conditions_of_a_network_survive_json_and_are_left_out_of_files_without_any() -> None:
    scale = Scale(tuple(float(k) for k in range(13)))
    conditions = ConditionConfig((AttributeScales("width", scale, (None, scale)), AttributeScales("slant", scale)), ("crossed",), 64, route="tokens")
    model = ModelConfig(conditions=conditions)
    assert from_dict(ModelConfig, json.loads(json.dumps(to_dict(model)))) == model
    assert "conditions" not in to_dict(ModelConfig())


@pytest.mark.parametrize(
    "conditions",
    [
        3,
        {"scales": 3},
        {"scales": [{"name": "width"}]},
        {"scales": [{"name": "depth", "all": {"values": list(range(13))}}]},
        {"scales": [{"name": "width", "all": {"values": [1] * 13}}]},
        {"scales": [{"name": "width", "all": {"values": list(range(13))}, "classes": "many"}]},
        {"scales": [{"name": "width", "all": {"values": list(range(13))}, "classes": [3]}]},
        {"variants": ["dotted"]},
        {"route": "post"},
        {"smell": True},
    ],
)
def test_damaged_conditions_are_refused(conditions: object) -> None:
    with pytest.raises(SettingError):
        from_dict(ModelConfig, to_dict(ModelConfig()) | {"conditions": conditions})
