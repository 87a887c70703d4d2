"""Settings: ranges hold, JSON round trips, and anything whatever is a configuration or a SettingError."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.data import DataSpec
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.sampling import SampleConfig
from engine.config.serialize import from_dict, to_dict, with_changes
from engine.config.training import PRESETS, TrainConfig
from engine.errors import SettingError

CONFIGS = (DataSpec, ModelConfig, ScheduleConfig, SampleConfig, TrainConfig)
FIELDS = sorted({name for cls in CONFIGS for name in cls.__dataclass_fields__})
HUGE = 10**400  # JSON can say it; a float can't hold it

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(HUGE), st.floats(), st.text(max_size=6), st.sampled_from(["seed", "linear", "cosine", "dpmpp"])
)
json_values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), v, max_size=4), max_leaves=8
)


def test_the_real_set_makes_469_steps_an_epoch_and_96_in_the_last() -> None:
    seed = PRESETS["seed"]
    assert seed.steps_per_epoch == 469
    assert seed.images - 468 * seed.batch_size == 96
    assert seed.total_steps == 4690


def test_the_presets_are_what_the_readme_says() -> None:
    seed, quick = PRESETS["seed"], PRESETS["quick"]
    assert (seed.lr, seed.batch_size, seed.epochs, seed.warmup, seed.lr_schedule, seed.label_dropout) == (1e-3, 128, 10, 200, "cosine", 0.1)
    assert (seed.schedule.beta_start, seed.schedule.beta_end, seed.schedule.T) == (1e-4, 0.02, 1000)
    assert seed.model.channels == (64, 128, 256)
    assert quick.preset == "quick"
    assert quick.total_steps < seed.total_steps


@pytest.mark.parametrize(
    ("epochs", "steps", "total"),
    [(2, None, 8), (2, 3, 3), (2, 8, 8), (2, 9, 8), (1, 100, 4)],
    ids=["epochs", "steps", "equal", "epochs first", "one epoch"],
)
def test_the_first_reached_ends_the_run(epochs: int, steps: int | None, total: int) -> None:
    assert TrainConfig(limit=60, batch_size=16, epochs=epochs, steps=steps).total_steps == total


@pytest.mark.parametrize(
    ("cls", "bad"),
    [
        (SampleConfig, {"steps": 0}),
        (SampleConfig, {"steps": 1001}),
        (SampleConfig, {"steps": 10.0}),
        (SampleConfig, {"steps": True}),
        (SampleConfig, {"guidance": math.nan}),
        (SampleConfig, {"guidance": math.inf}),
        (SampleConfig, {"guidance": HUGE}),
        (SampleConfig, {"eta": -0.1}),
        (SampleConfig, {"eta": 1.1}),
        (SampleConfig, {"seed": -1}),
        (SampleConfig, {"seed": 2**63}),
        (SampleConfig, {"sampler": "euler"}),
        (SampleConfig, {"spacing": None}),
        (TrainConfig, {"lr": 0.0}),
        (TrainConfig, {"lr": math.nan}),
        (TrainConfig, {"lr": -1e-3}),
        (TrainConfig, {"epochs": 0}),
        (TrainConfig, {"steps": 0}),
        (TrainConfig, {"batch_size": 0}),
        (TrainConfig, {"batch_size": 60_001}),
        (TrainConfig, {"limit": 0}),
        (TrainConfig, {"limit": 60_001}),
        (TrainConfig, {"label_dropout": 1.5}),
        (TrainConfig, {"ema": -0.5}),
        (TrainConfig, {"compile": "yes"}),
        (TrainConfig, {"optimizer": "sgd"}),
        (TrainConfig, {"timesteps": "logit"}),
        (TrainConfig, {"weighting": "p2"}),
        (TrainConfig, {"save_minutes": math.inf}),
        (ModelConfig, {"channels": (64,)}),
        (ModelConfig, {"channels": (64, 100)}),
        (ModelConfig, {"attention": 1}),
        (ModelConfig, {"attention_at_14": 1}),
        (ModelConfig, {"prediction": "x1"}),
        (ModelConfig, {"patch": 3}),
        (ModelConfig, {"patch": True}),
        (ModelConfig, {"patch": 8}),
        (ModelConfig, {"channels": (64, 128, 255)}),
        (ModelConfig, {"channels": (64.0, 128.0, 256.0)}),
        (ModelConfig, {"groups": 0}),
        (ModelConfig, {"groups": -8}),
        (ModelConfig, {"time_dim": 5}),
        (ScheduleConfig, {"T": 0}),
        (ScheduleConfig, {"shift": 0.0}),
        (ScheduleConfig, {"beta_start": 0.0}),
        (ScheduleConfig, {"beta_start": 0.5, "beta_end": 0.1}),
        (ScheduleConfig, {"beta_end": 1.0}),
        (ScheduleConfig, {"kind": "sigmoid"}),
    ],
    ids=lambda v: v.__name__ if isinstance(v, type) else "-".join(f"{k}={str(x)[:12]}" for k, x in v.items()),
)
def test_out_of_range_is_an_error(cls: Any, bad: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        cls(**bad)
    with pytest.raises(SettingError):
        from_dict(cls, bad)


@pytest.mark.parametrize(
    "config", [*PRESETS.values(), SampleConfig(eta=0.5, steps=1000), ScheduleConfig("cosine"), ModelConfig(channels=(8, 16, 24))], ids=str
)
def test_json_round_trip(config: Any) -> None:
    assert from_dict(type(config), json.loads(json.dumps(to_dict(config)))) == config


def test_a_field_of_the_future_is_named() -> None:
    with pytest.raises(SettingError, match=r"'flavour'.*newer"):
        from_dict(TrainConfig, {"flavour": "vanilla"})


@pytest.mark.slow
@given(st.sampled_from(CONFIGS), st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=4) | json_values)
@settings(max_examples=150, deadline=None)
def test_anything_is_a_configuration_or_a_setting_error(cls: Any, values: object) -> None:
    try:
        config = from_dict(cls, values)
    except SettingError:
        return
    assert from_dict(cls, json.loads(json.dumps(to_dict(config)))) == config  # what is taken can be kept
    if isinstance(config, TrainConfig):
        assert config.total_steps >= 1


def test_changed_leaves_out_what_is_none() -> None:
    config = with_changes(TrainConfig(), lr=0.01, epochs=None)
    assert (config.lr, config.epochs) == (0.01, 10)
    with pytest.raises(SettingError):
        with_changes(config, lr=-1.0)
