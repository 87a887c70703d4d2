"""The ten digits as each of the weights that ship draws them: kept pictures, shown where nothing was trained or saved yet."""

from __future__ import annotations

from functools import lru_cache

from engine.config.data import MNIST
from engine.protocol.recipe import Images
from engine.storage import paths
from engine.storage.images import load_strip

FOLDER = paths.ASSETS / "examples"
NAMES = ("shipped", "shipped:one-step", "shipped:seed")
"""The weights whose digits are kept."""
SEED = 7
"""The random seed of all of them."""


def file_name(weights: str) -> str:
    """The name of the file with the digits of these weights."""
    return f"{weights.removeprefix('shipped:')}.png"


@lru_cache
def load_example(weights: str) -> Images | None:
    """The digits 0 to 9, drawn by one of NAMES with its usual settings. None if the file is missing, as in an incomplete installation."""
    return load_strip(FOLDER / file_name(weights), MNIST)
