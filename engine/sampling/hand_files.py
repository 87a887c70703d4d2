"""Hands from image files: finds the digits in a picture, prepares them as MNIST's were, reads what they show, and encodes them.

MNIST's digits were scaled into 20x20 pixels and placed by their centre of mass in 28x28 (LeCun et al. 1998, section III.A).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor

from engine.checkpoints.classifier import load_classifier
from engine.config.data import MNIST
from engine.data import mnist
from engine.datasets.sources.picture import LARGEST_FILE, decode
from engine.datasets.sources.source import DamagedPictureError
from engine.errors import CheckpointError, PictureError, SettingError
from engine.formatting import printable
from engine.measures.strokes import to_strokes
from engine.models.classifier import Classifier
from engine.runs.readers import find_reader
from engine.sampling.hands import hand_of_images
from engine.storage.atomic import read_small
from engine.storage.pictures import StoredPicture, load_any

Grey = npt.NDArray[np.uint8]

MOST_DIGITS = 10
BOX = 20
"""Pixels that the longer side of a digit fills in MNIST."""
CENTRE = 14
"""The row and the column of pixels, from 0, at which MNIST's digits have their centre of mass: measured, within half a pixel."""
LARGEST_SIDE = 1024
"""Pixels of a picture's longer side when its digits are looked for; a larger one is scaled down first."""
FAINTEST = 40
"""The least difference between the brightest and the darkest grey of a picture that shows anything."""
SMALLEST_PART = 0.3
"""Ink is a digit, and not a speck, where it is at least this share as tall as the tallest."""
PLAINEST = 0.82
"""The share of a picture's variance that lies between ink and ground. Of 1,000 digits of MNIST all have .86 or more; noise and shading have .75."""
SUREST, NEAREST = 0.6, 0.65
"""Ink is a digit where the reader gives its class this probability, and where it correlates that much with a digit of MNIST of this class: the reader
must choose one of ten for anything. Of 400 test digits of MNIST, three would not pass the second."""
NO_DIGIT = "shows no digit; use a picture of one to ten handwritten digits side by side, on plain ground"


def hand_of_files(paths: Sequence[Path], reader: Classifier | None) -> tuple[float, ...]:
    """The mean hand of the digits in pictures that digitty saved, or in any others: of one to MOST_DIGITS in each, on plain ground.

    `reader` says what they show; it is one for MNIST. Raises PictureError where a file is no picture or shows no digit, CheckpointError where the
    weights that ship are damaged.
    """
    found = [_saved(path) or read_digits(open_picture(path), path, reader) for path in paths]
    return hand_of_images(torch.cat([images for images, _ in found]), [label for _, labels in found for label in labels])


def _saved(path: Path) -> tuple[Tensor, list[int]] | None:
    """The first digits of a picture that digitty saved, with the labels in its recipe; None for any other file."""
    try:
        picture = load_any(path)
        if not isinstance(picture, StoredPicture) or picture.recipe.data.digest != MNIST.digest:
            return None
        images = picture.images()
    except (PictureError, SettingError):
        return None  # it may have been cropped, or drawn over: look at what it shows
    labelled = [(place, label) for place, label in enumerate(picture.recipe.labels) if label is not None][:MOST_DIGITS]
    pixels = np.frombuffer(images.data, np.uint8).reshape(len(images), MNIST.height, MNIST.width)
    return (torch.tensor(pixels[[place for place, _ in labelled]]), [label for _, label in labelled]) if labelled else None


@cache
def load_reader() -> Classifier | None:
    """The classifier that reads digits in pictures, on the CPU; None where it is missing."""
    path = find_reader(MNIST)
    return None if path is None else load_classifier(torch.device("cpu"), path, MNIST)


def open_picture(path: Path) -> Image.Image:
    """Any picture, upright. Raises PictureError."""
    try:
        return decode(read_small(path, LARGEST_FILE), printable(path))
    except DamagedPictureError as error:
        raise PictureError(str(error)) from None
    except OSError as error:
        raise PictureError(f"can't read {printable(path)}: {error.strerror or error}") from None


def read_digits(picture: Image.Image, path: Path, reader: Classifier | None) -> tuple[Tensor, list[int]]:
    """The digits in the picture of a file, from left to right, and what the reader takes them for. Raises PictureError."""
    if max(picture.size) > LARGEST_SIDE:
        picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    parts = find_digits(to_strokes(picture))
    if not 1 <= len(parts) <= MOST_DIGITS:
        raise PictureError(f"{printable(path)} {NO_DIGIT}")
    if reader is None:
        raise CheckpointError("the network that reads MNIST's digits is missing, so no hand can be read from a picture; install digitty again")
    images = torch.tensor(np.stack([normalise(part) for part in parts]))
    probabilities, labels = reader.features_and_logits(images.to(reader.device))[1].softmax(1).cpu().max(1)
    sure = [k for k, near in enumerate(_correlate(images, labels)) if near >= NEAREST and probabilities[k] >= SUREST]
    if 2 * len(sure) <= len(parts):
        raise PictureError(f"{printable(path)} {NO_DIGIT}")
    return images[sure], labels[sure].tolist()


def _correlate(images: Tensor, labels: Tensor) -> list[float]:
    """The correlation of each image (N, 28, 28) with the training image of its class in MNIST that is most like it."""
    known, classes = mnist.load(True)
    found = []
    for image, label in zip(images, labels, strict=True):
        of_class = known[classes == label].flatten(1).float()
        rows = torch.cat([image.flatten()[None].float(), of_class])
        rows = rows - rows.mean(1, keepdim=True)
        rows = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-9)
        found.append(float((rows[1:] @ rows[0]).max()))
    return found


def find_digits(strokes: Grey) -> list[Grey]:
    """What is written in a picture (H, W), bright on dark, from left to right: pieces of ink that stand above each other belong together.

    Ink is what is brighter than Otsu's threshold (1979); the ground around it becomes black. Empty where ink and ground can't be told apart.
    """
    low, high = int(strokes.min()), int(strokes.max())
    if high - low < FAINTEST:
        return []
    threshold, separable = _otsu(strokes)
    if separable < PLAINEST:
        return []
    ink = strokes > threshold
    pieces, _ = ndimage.label(ink, structure=np.ones((3, 3)))
    boxes = ndimage.find_objects(pieces)
    tallest = max((rows.stop - rows.start for rows, _ in boxes), default=0)
    columns: list[tuple[int, int, list[int]]] = []
    for start, stop, number in sorted((box[1].start, box[1].stop, k) for k, box in enumerate(boxes, 1)):
        if columns and start < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(stop, columns[-1][1]), [*columns[-1][2], number])
        else:
            columns.append((start, stop, [number]))
    found = []
    for _, _, numbers in columns:
        belongs = ndimage.binary_dilation(np.isin(pieces, numbers), iterations=2)  # with the soft edge of its strokes
        rows, across = np.flatnonzero(belongs.any(1)), np.flatnonzero(belongs.any(0))
        if rows[-1] - rows[0] + 1 < max(4, SMALLEST_PART * tallest):
            continue
        part = np.where(belongs, (strokes.astype(np.float64) - low) * (255 / (high - low)), 0)
        found.append(part[rows[0] : rows[-1] + 1, across[0] : across[-1] + 1].round().astype(np.uint8))
    return found


def _otsu(strokes: Grey) -> tuple[int, float]:
    """The threshold that separates two kinds of grey best, and the share of the variance that lies between them (Otsu 1979, eq. 12 and 18)."""
    share = np.bincount(strokes.ravel(), minlength=256) / strokes.size
    below, mean = share.cumsum(), (share * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.nan_to_num((mean[-1] * below - mean) ** 2 / (below * (1 - below)), nan=0.0, posinf=0.0)
    return int(between.argmax()), float(between.max() / strokes.var())


def normalise(part: Grey) -> Grey:
    """A digit (H, W), bright on black, as MNIST has it: 28x28, its longer side BOX pixels long, its centre of mass at CENTRE."""
    ink = part > 127 if (part > 127).any() else part > 0
    rows, across = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    part = part[rows[0] : rows[-1] + 1, across[0] : across[-1] + 1]
    factor = BOX / max(part.shape)
    size = [max(1, round(side * factor)) for side in part.shape]
    scaled = np.asarray(Image.fromarray(part).resize((size[1], size[0]), Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC))
    middle = [float(at) for at in ndimage.center_of_mass(scaled.astype(np.float64))]
    corner = [min(max(round(CENTRE - at), 0), 28 - side) for at, side in zip(middle, size, strict=True)]
    image = np.zeros((MNIST.height, MNIST.width), np.uint8)
    image[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]] = scaled
    return image
