"""Convert configurations to plain dictionaries, as JSON and TOML hold them, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from engine.config.condition import AttributeScales, ConditionConfig, Scale
from engine.config.data import MNIST, DataSpec, Preparation
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.sampling import SampleConfig
from engine.config.text import TextConfig
from engine.config.training import TrainConfig
from engine.errors import SettingError

C = TypeVar("C", DataSpec, Preparation, Scale, AttributeScales, ConditionConfig, TextConfig, ModelConfig, ScheduleConfig, SampleConfig, TrainConfig)

MNIST_FIELDS = {"image_size": MNIST.height, "classes": MNIST.classes}
"""Fields that the files of networks for MNIST hold instead of `data`, so that older versions of digitty read them too."""


def to_dict(config: DataSpec | ModelConfig | ScheduleConfig | SampleConfig | TrainConfig) -> dict[str, Any]:
    """The configuration as JSON values."""
    values = asdict(config)
    if isinstance(config, TrainConfig):
        values["model"] = to_dict(config.model)
        for name in ("keep_every", "flip", "balance", "augment", "attributes", "hands", "text", "route", "writers"):
            if values[name] == getattr(TrainConfig, name):
                del values[name]  # so that older versions of digitty read the run
    elif isinstance(config, ModelConfig):
        values["data"] = to_dict(config.data)
        if not config.augmented:
            del values["augmented"]
        for name in ("patch", "conditions", "text", "reader"):
            if values[name] is None:
                del values[name]  # so that older versions of digitty read it
        if config.draws:
            del values["network"]
        if config.data == MNIST:
            del values["data"]
            values |= MNIST_FIELDS
    elif isinstance(config, DataSpec):
        for name in ("test_images", "preparation", "texts"):
            if values[name] is None:
                del values[name]  # so that older versions of digitty read it
        if config.licence is None or config.known_name == MNIST.source:
            del values["licence"]  # for the same reason; MNIST's is known
    return values


def from_dict(cls: type[C], values: object) -> C:
    """The reverse of `to_dict`. Raises SettingError for unknown fields, wrong types and bad values."""
    if not isinstance(values, Mapping):
        raise SettingError(f"{cls.__name__} is not a table of settings")
    if cls is ModelConfig and "data" not in values:
        values = _without_mnist_fields(values)
    unknown = set(values) - {f.name for f in fields(cls)}
    if unknown:
        raise SettingError(f"{cls.__name__} has no field {sorted(map(str, unknown))[0]!r}; it may come from a newer digitty")
    arguments: dict[str, Any] = dict(values)
    if "data" in arguments:
        arguments["data"] = from_dict(DataSpec, arguments["data"])
    if arguments.get("preparation") is not None:
        arguments["preparation"] = from_dict(Preparation, arguments["preparation"])
    if "model" in arguments:
        arguments["model"] = from_dict(ModelConfig, arguments["model"])
    if "schedule" in arguments:
        arguments["schedule"] = from_dict(ScheduleConfig, arguments["schedule"])
    if arguments.get("conditions") is not None:
        arguments["conditions"] = from_dict(ConditionConfig, arguments["conditions"])
    if cls is ModelConfig and arguments.get("text") is not None:
        arguments["text"] = from_dict(TextConfig, arguments["text"])
    if cls is ConditionConfig:
        arguments["scales"] = tuple(from_dict(AttributeScales, each) for each in _as_list(cls, arguments.get("scales", ())))
    if cls is AttributeScales:
        arguments["all"] = from_dict(Scale, arguments.get("all"))
        classes = _as_list(cls, arguments.get("classes", ()))
        arguments["classes"] = tuple(None if each is None else from_dict(Scale, each) for each in classes)
    try:
        config = cls(**arguments)
        hash(config)  # fails for a list where a number belongs
    except (TypeError, AttributeError) as error:
        raise SettingError(f"{cls.__name__} has a field of the wrong type: {error}") from None
    return config


def _as_list(cls: type, values: object) -> Sequence[object]:
    if not isinstance(values, list | tuple):
        raise SettingError(f"{cls.__name__} has {values!r} where a list belongs")
    return values


def _without_mnist_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a network whose file names no data set, which is MNIST. Raises SettingError for other sizes."""
    for name, value in MNIST_FIELDS.items():
        if values.get(name, value) != value:
            raise SettingError(f"{name} {values[name]!r} is not {value}, as in MNIST")
    return {name: value for name, value in values.items() if name not in MNIST_FIELDS}


def with_changes(config: C, **changes: Any) -> C:
    """`config` with every change that is not None. Raises SettingError as the constructor does."""
    return replace(config, **{k: v for k, v in changes.items() if v is not None})
