"""The files of readers, the classifiers that decide which pictures to redraw, and whether a reader is good enough to redraw by default. No torch."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Literal

from engine.config.data import MNIST, DataSpec
from engine.config.sampling import Sampler, default_for
from engine.errors import StorageError
from engine.runs.weights_names import data_of, read_metadata
from engine.storage import paths

Role = Literal["first", "second", "reader"]

READER = paths.ASSETS / "weights" / "reader.safetensors"
"""MNIST's."""
TOWER = paths.ASSETS / "weights" / "rank.safetensors"
"""The image tower that comes with digitty, which ranks pictures by captions."""
RECIPE = 1
"""How classifiers of other data sets are trained. Another way gets the next number, so that files of the old way are not used for new figures."""
GOOD_READER = 0.99
"""The share of real test images that a reader must read as their class before its opinion redraws pictures without being asked.

A reader that is often wrong rejects good pictures of unusual kinds: it costs evaluations and variety, and gains little accuracy.
"""


def cached_path(data: DataSpec, role: Role) -> Path:
    """Where the classifier of a data set is kept, once it is trained on this machine. Raises StorageError if the home folder is unknown."""
    return paths.classifiers_dir() / f"{data.images_key}-{role}-{RECIPE}.safetensors"


def find_reader(data: DataSpec) -> Path | None:
    """The file of the reader for a data set: one that comes with digitty, else one that was trained on this machine; None if there is none."""
    if data.digest == MNIST.digest:
        return READER
    candidates = [READER.with_name(f"reader-{data.images_key}.safetensors")]
    with suppress(StorageError):  # without a home folder there is no cache
        candidates.append(cached_path(data, "reader"))
    return next((path for path in candidates if path.exists()), None)


def reads_well(data: DataSpec) -> bool:
    """Whether the data set has a reader whose file states an accuracy of at least GOOD_READER. Raises nothing."""
    path = find_reader(data)
    if path is None:
        return False
    try:
        accuracy = float(read_metadata(path)["test_accuracy"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return math.isfinite(accuracy) and accuracy >= GOOD_READER


def usual_redraw_below(weights: str, sampler: Sampler) -> float:
    """The default of `redraw_below` for pictures that weights of this name draw: the sampler's where their data has a good reader, else 0."""
    return default_for(sampler).redraw_below if reads_well(data_of(weights)) else 0.0
