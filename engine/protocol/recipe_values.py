"""Recipes as JSON values, and back. The values may come from any file: they are checked, and nothing in them is trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from engine.config.compute import ComputeInfo, check_device
from engine.config.condition_check import check_conditions
from engine.config.data import MNIST, DataSpec
from engine.config.fields import check_one_of, check_within
from engine.config.sampling import SampleConfig
from engine.config.serialize import from_dict
from engine.errors import SettingError
from engine.formatting import printable
from engine.protocol.condition_values import conditions_from_json, conditions_json
from engine.protocol.recipe import Recipe, WeightsInfo
from engine.protocol.requests import DrawRequest

FORMAT, VERSION = "digitty-recipe", 1
SWEEP_FORMAT = "digitty-sweep"
"""The format of a sheet with several recipes."""
IS_SWEEP = "it is the sheet of a sweep, which holds several recipes; draw it again with digitty sweep"
"""Why such a sheet is not drawn again as a picture."""
KINDS = ("average", "live", "best", "best-validation", "imported")
"""Of weights."""
LONGEST = 255
"""Characters of a text; a file's name has no more."""
MOST_STEPS = 1 << 40
"""Of training."""
MOST_THREADS = 100_000

T = TypeVar("T", WeightsInfo, ComputeInfo)


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """Everything that determines the pictures, as JSON values; `data` only if that is not MNIST, and `conditions` only if there are some."""
    values = asdict(replace(recipe, conditions=None))
    if recipe.data == MNIST:
        del values["data"]
    else:
        del values["data"]["licence"]  # it draws nothing, and older versions of digitty read the rest
    if recipe.conditions is None:
        del values["conditions"]
    else:
        values["conditions"] = conditions_json(recipe.conditions)
    return {"format": FORMAT, "version": VERSION, "digitty": values.pop("version"), **values}


def is_sweep(values: object) -> bool:
    """Whether these are the values of a sheet with several recipes."""
    return isinstance(values, Mapping) and values.get("format") == SWEEP_FORMAT


def sweep_from_json(values: Mapping[str, object]) -> tuple[tuple[str, ...], tuple[Recipe, ...]]:
    """The names of the axes of a sweep, and the recipes of its drawings. Raises SettingError if one of them can't be read."""
    axes, cells = values.get("axes"), values.get("cells")
    if not isinstance(axes, list) or not isinstance(cells, list):
        raise SettingError("its sweep lacks axes or cells")
    names = tuple(printable(axis.get("name"), 20) for axis in axes if isinstance(axis, Mapping))
    return names, tuple(recipe_from_json(cell.get("recipe")) for cell in cells if isinstance(cell, Mapping))


def recipe_from_json(values: object) -> Recipe:
    """The reverse of `recipe_json`, also for the recipes of older versions. Raises SettingError for anything that is no recipe."""
    if is_sweep(values):
        raise SettingError(IS_SWEEP)
    if not isinstance(values, Mapping) or values.get("format") != FORMAT:
        raise SettingError("it holds no digitty recipe")
    if values.get("version") != VERSION:
        version = printable(repr(values.get("version")), 40)
        raise SettingError(f"its recipe has version {version}, and this digitty reads {VERSION}; use a newer digitty")
    data = from_dict(DataSpec, values["data"]) if "data" in values else MNIST
    labels, indices = _row(values, "labels"), _row(values, "indices")
    sample = from_dict(SampleConfig, values.get("sample"))
    DrawRequest(labels, sample, indices)  # checks both rows
    conditions = None
    if values.get("conditions") is not None:
        conditions = check_conditions(conditions_from_json(values["conditions"], labels), labels)
    if any(label is not None and label >= max(1, data.classes) for label in labels):
        raise SettingError(f"its recipe has labels that {data.name} lacks")
    weights, engine = _weights(values.get("weights")), _engine(values.get("engine"))
    version, torch, processor = (_text(values.get(name, ""), name) for name in ("digitty", "torch", "processor"))
    return Recipe(labels, indices, sample, weights, engine, data, version, torch, processor, conditions)


def _row(values: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    row = values.get(name)
    if not isinstance(row, list):
        raise SettingError(f"its recipe has no {name}")
    return tuple(row)


def check_kind(kind: object) -> None:
    """Raises SettingError unless weights can be of this kind: one of KINDS, or a run's snapshot epoch-N."""
    if not (isinstance(kind, str) and re.fullmatch(r"epoch-[1-9]\d{0,6}", kind)):
        check_one_of("kind", kind, KINDS)


def _weights(values: object) -> WeightsInfo:
    weights = _instance(WeightsInfo, values, "weights")
    if not _text(weights.name, "weights") or "/" in weights.name:  # a path could name any file of this machine
        raise SettingError(f"its recipe names no weights: {printable(repr(weights.name), 80)}")
    if weights.step is not None:
        check_within("step", weights.step, 0, MOST_STEPS)
    check_kind(weights.kind)
    _text(weights.digest, "digest")
    return weights


def _engine(values: object) -> ComputeInfo:
    engine = _instance(ComputeInfo, values, "engine")
    check_device(engine.device)
    check_one_of("precision", engine.precision, ("fp32", "tf32", "bf16"))
    check_one_of("layout", engine.layout, ("contiguous", "channels_last"))
    check_within("threads", engine.threads, 0, MOST_THREADS)
    return engine


def _instance(cls: type[T], values: object, name: str) -> T:
    """Fields of later versions are left out."""
    if not isinstance(values, Mapping):
        raise SettingError(f"its recipe has no {name}")
    try:
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})
    except TypeError:
        raise SettingError(f"its recipe is incomplete in its {name}") from None


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or value != printable(value, LONGEST):
        raise SettingError(f"the {name} in its recipe is not a short text")
    return value
