"""What the training images are: their size, channels and classes, and where they are read from. Plain Python: reads nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from engine.config.fields import check_fields, check_finite, check_within, setting
from engine.errors import SettingError
from engine.formatting import printable

LARGEST_SIDE = 512
"""Pixels; a U-Net of three levels learns nothing from larger images."""
MOST_CLASSES = 10_000
MOST_IMAGES = 10_000_000
LONGEST_NAME = 60
"""Characters of a data set's or a class's name."""
LONGEST_SHORT = 24
"""Characters of a data set's name in a list of runs or weights."""


LICENCES = {"mnist": "CC BY-SA 3.0", "fashion-mnist": "MIT", "kmnist": "CC BY-SA 4.0"}
"""The licences of data sets that are known by name, as their publishers state them. Sets that state none are left out."""

Fit = Literal["crop", "pad", "stretch"]
Background = Literal["black", "white"]


@dataclass(frozen=True)
class Preparation:
    """How pictures of any size and kind become images of one size. Recorded in the DataSpec, so that the same images can be made again."""

    fit: Fit = setting(
        "crop",
        "How a picture of another shape becomes an image. crop: cut off what does not fit; pad: add a border; stretch: change its shape.",
        choices=Fit,
        option="--fit",
    )
    background: Background = setting(
        "black",
        "The colour behind transparent pixels, and of the border that --fit pad adds.",
        choices=Background,
        option="--background",
    )
    classes: tuple[str, ...] = ()
    """The classes that are used, by the names that the source gives them; empty: all."""
    hold_out: float = 0.0
    """The share of the images that is kept from training where the source has no test images."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))  # JSON gives a list
        check_fields(self)
        check_finite("hold_out", self.hold_out, 0, 0.9)


@dataclass(frozen=True)
class DataSpec:
    """A data set as networks, files and screens need to know it. Raises SettingError for values that no data set has."""

    name: str
    """For people to read."""
    height: int
    width: int
    channels: int
    """1: grey, 3: red, green and blue."""
    class_names: tuple[str, ...]
    """Label i is the class class_names[i]. Empty for images without classes, whose labels are all 0."""
    train_images: int
    mean: float
    """The mean of all numbers in the training images, with black at -1 and white at 1 …"""
    std: float
    """… and their standard deviation."""
    source: str
    """Where the images are read from: a data set's name, such as mnist, which comes with digitty, or the full path of a folder or file."""
    digest: str
    """The algorithm and the hex digits of what identifies the images, such as sha256:…"""
    test_images: int | None = None
    """How many images are kept from training, to judge with. None: the source says (MNIST, and files of earlier versions)."""
    preparation: Preparation | None = None
    """How the images were made from the source's pictures. None: they are used as they are."""
    licence: str | None = field(default=None, compare=False)
    """Under which the images may be used. It is no part of which images these are. None: unknown, but for the sources of LICENCES."""
    texts: str | None = None
    """The digest of the training images' texts. None: they have none."""

    def __post_init__(self) -> None:
        if not isinstance(self.class_names, tuple | list):
            raise SettingError("class names are not a list of names")
        object.__setattr__(self, "class_names", tuple(self.class_names))  # JSON gives a list
        for name in (self.name, *self.class_names):
            if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or name != printable(name).strip():
                raise SettingError(f"{printable(repr(name), 80)} can't name a data set or a class; use 1 to {LONGEST_NAME} printable characters")
        check_within("classes", self.classes, 0, MOST_CLASSES)
        if len(set(self.class_names)) < self.classes:
            raise SettingError(f"two classes of {self.name} have the same name")
        check_within("height", self.height, 1, LARGEST_SIDE)
        check_within("width", self.width, 1, LARGEST_SIDE)
        if type(self.channels) is not int or self.channels not in (1, 3):
            raise SettingError(f"channels {self.channels!r} is neither 1 (grey) nor 3 (colour)")
        check_within("train_images", self.train_images, 1, MOST_IMAGES)
        check_finite("mean", self.mean, -1, 1)
        check_finite("std", self.std, 0, 1)
        if self.std == 0:
            raise SettingError(f"all training images of {self.name} are one flat colour; there is nothing to learn")
        for name in ("source", "digest"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise SettingError(f"{name} {printable(repr(getattr(self, name)), 80)} is not text")
        if self.test_images is not None:
            check_within("test_images", self.test_images, 0, MOST_IMAGES)
        if self.preparation is not None and not isinstance(self.preparation, Preparation):
            raise SettingError(f"preparation {printable(repr(self.preparation), 80)} is not a table of settings")
        if self.licence is None:
            object.__setattr__(self, "licence", LICENCES.get(self.known_name))
        elif not isinstance(self.licence, str) or not 1 <= len(self.licence) <= LONGEST_NAME or self.licence != printable(self.licence).strip():
            raise SettingError(f"{printable(repr(self.licence), 80)} can't name a licence; use 1 to {LONGEST_NAME} printable characters")

    @property
    def known_name(self) -> str:
        """The source without the folder of its files: the name of a known data set, if it is one."""
        return self.source.partition(":")[0]

    @property
    def short_name(self) -> str:
        """Name and size for a list, such as Fashion-MNIST 28 or flags 20x32; empty for MNIST as it comes with digitty."""
        if (self.digest, self.shape) == (MNIST.digest, MNIST.shape):
            return ""
        name = self.name if len(self.name) <= LONGEST_SHORT else f"{self.name[: LONGEST_SHORT - 1]}…"
        return f"{name} {self.height}" + (f"x{self.width}" if self.width != self.height else "")

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W), as tensors have it."""
        return self.channels, self.height, self.width

    @property
    def pixel_shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, 3), as pictures of bytes have it."""
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)

    @property
    def images_key(self) -> str:
        """What a classifier depends on, as part of a file's name: the images, their shape and the number of classes."""
        return hashlib.sha256(f"{self.digest} {self.shape} {self.classes}".encode()).hexdigest()[:20]

    @property
    def picture_bytes(self) -> int:
        """Bytes of one picture."""
        return self.height * self.width * self.channels


MNIST = DataSpec(
    name="MNIST",
    height=28,
    width=28,
    channels=1,
    class_names=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    train_images=60_000,
    mean=-0.7387,
    std=0.6162,
    source="mnist",
    digest="md5:6bbc9ace898e44ae57da46a324031adb",  # of the unpacked training images, as published
)
