"""Reads what is to be measured in pictures of any origin: those that digitty saved, of any scale, small ones, and photographs of digits.

Loads torch only where digits must be found in a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.config.data import MNIST
from engine.datasets.sources.one_picture import OnePicture
from engine.datasets.sources.pictures import PictureSource
from engine.datasets.sources.source import DamagedPictureError, Source
from engine.errors import PictureError, SettingError
from engine.measures.strokes import to_strokes
from engine.protocol.recipe_values import IS_SWEEP
from engine.storage.pictures import StoredPicture, StoredSheet, load_any

LARGEST_SIDE = 128
"""Pixels of the longer side of a picture that is measured as a whole, as it is."""


@dataclass(frozen=True)
class Strokes:
    """One digit of a picture, or whatever else it shows."""

    grey: npt.NDArray[np.uint8]
    """(H, W), bright on dark."""
    label: str
    """The name of its class; empty if none is known."""


def read_strokes(source: Source, index: int, name: str) -> list[Strokes]:
    """What a picture of a source shows, digit by digit. Raises PictureError, which calls the picture `name`.

    A picture that digitty saved is taken apart, in the pixels that were drawn and with the classes of its recipe. Any other of at most
    LARGEST_SIDE pixels a side is taken as it is. In a larger one the digits are found, and prepared as MNIST's were.
    """
    file = source.file(index) if isinstance(source, PictureSource | OnePicture) else None
    if file is not None and (saved := _read_saved(file, name)):
        return saved
    try:
        picture = source.read(index)
    except DamagedPictureError as error:
        raise PictureError(f"{name}: {error.reason}") from None
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    label = source.entry(index).label
    told = "" if label is None else source.class_names[label]
    if max(image.size) <= LARGEST_SIDE:
        return [Strokes(to_strokes(image), told)]
    from engine.sampling.hand_files import load_reader, read_digits

    images, labels = read_digits(image, Path(name), load_reader())
    return [Strokes(each, told or MNIST.class_names[digit]) for each, digit in zip(images.numpy(), labels, strict=True)]


def _read_saved(path: Path, name: str) -> list[Strokes] | None:
    """The images of a picture that digitty saved; None for any other file. Raises PictureError for those that are too large or are no pictures."""
    try:
        stored = load_any(path)
        if isinstance(stored, StoredPicture):
            images = stored.images()
    except (PictureError, SettingError):
        return None  # it may have been cropped, or drawn over: look at what it shows
    if isinstance(stored, StoredSheet):
        raise PictureError(f"{name}: {IS_SWEEP}, and measure what digitty generate saves")
    if max(images.height, images.width) > LARGEST_SIDE:
        size = f"{images.width}×{images.height}"
        raise PictureError(f"{name}: its images have {size} pixels; only those of at most {LARGEST_SIDE} pixels a side can be measured")
    shape = (len(images), images.height, images.width, images.channels)[: 3 if images.channels == 1 else 4]
    labels, names = stored.recipe.labels, stored.recipe.data.class_names
    pixels = np.frombuffer(images.data, np.uint8).reshape(shape)
    return [Strokes(to_strokes(each), "" if label is None else names[label]) for each, label in zip(pixels, labels, strict=True)]
