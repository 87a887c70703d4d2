"""Finds out which columns of a Parquet file hold the pictures, their classes and their texts. Reads only the file's schema.

Hugging Face's datasets describe their columns in the schema's metadata, under `huggingface`: which are pictures (Image), and the names of the
classes (ClassLabel). Files without that are read by the usual names of columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.config.data import MOST_CLASSES
from engine.datasets.sources.container import name_some
from engine.errors import SettingError
from engine.storage.atomic import LARGEST, parse_json

IMAGES = ("image", "img", "picture", "jpg", "png", "webp")
LABELS = ("label", "labels", "fine_label", "class", "cls")
TEXTS = ("text", "caption", "txt")
"""Names of columns, the first that is there."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What to read of each row."""

    image: str
    """As pyarrow names it: with the field of a struct behind a dot."""
    label: str | None
    text: str | None
    class_names: tuple[str, ...] | None
    """The names of the label's numbers; None: the labels name their classes themselves."""


def find_columns(schema: Any, where: str) -> Columns:
    """The columns of a `pyarrow.Schema`. Raises SettingError, which names the file, where none holds pictures."""
    features = _features(schema.metadata)
    image = _find_image(schema, features)
    if image is None:
        raise SettingError(
            f"{where} has no column of pictures, but {name_some(schema.names) or 'nothing'}; "
            "it must be called image, and hold the bytes of a picture's file, or a struct with them as bytes"
        )
    label = _find_label(schema, features)
    text = next((name for name in TEXTS if name in schema.names and _is_text(schema.field(name).type)), None)
    names = _class_names(features.get(label), where) if label and _is_number(schema.field(label).type) else None
    return Columns(image, label, text, names)


def _find_image(schema: Any, features: dict[str, Any]) -> str | None:
    described = [name for name, feature in features.items() if _kind(feature) == "Image"]
    for name in (*described, *IMAGES):
        if name not in schema.names or "." in name:
            continue
        kind = schema.field(name).type
        if _is_bytes(kind):
            return name
        if _is_struct(kind) and any(child.name == "bytes" and _is_bytes(child.type) for child in kind):
            return f"{name}.bytes"
    return None


def _find_label(schema: Any, features: dict[str, Any]) -> str | None:
    """The column of classes: a usual name first, so that CIFAR-100's fine labels are taken; else the only one that is described as such."""
    described = [name for name, feature in features.items() if _kind(feature) == "ClassLabel"]
    names: list[str] = [*LABELS, *(described if len(described) == 1 else [])]
    for name in names:
        if name in schema.names and "." not in name and (_is_number(schema.field(name).type) or _is_text(schema.field(name).type)):
            return name
    return None


def _class_names(feature: Any, where: str) -> tuple[str, ...] | None:
    names = feature.get("names") if isinstance(feature, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return None
    if len(names) > MOST_CLASSES:
        raise SettingError(f"{where} has {len(names):,} classes, and the most is {MOST_CLASSES:,}")
    return tuple(names)


def _features(metadata: Any) -> dict[str, Any]:
    """What Hugging Face's datasets say of the columns, by name; empty where they say nothing, or nothing sensible."""
    raw = (metadata or {}).get(b"huggingface", b"")
    if len(raw) > LARGEST:
        return {}
    try:
        features = parse_json(raw)["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def _kind(feature: Any) -> Any:
    return feature.get("_type") if isinstance(feature, dict) else None


def _is_bytes(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_struct(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_struct(kind))


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind))


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    value = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(value) or types.is_large_string(value))
