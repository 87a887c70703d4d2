"""The data sets that are known by name: the names of their files, where those lie, and how they are read. Downloads nothing.

Files are found as torchvision stores them below its `root`, or as they were published, in `root` itself or in a folder of the set's name.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.config.data import MNIST
from engine.datasets.sources import cifar, usps
from engine.datasets.sources.arrays import ArraySource, Part
from engine.datasets.sources.idx import MNIST_FILES, parse_idx
from engine.datasets.sources.matlab import parse_mat
from engine.datasets.sources.names import fit_names
from engine.errors import SettingError

DIGITS = MNIST.class_names
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MERGED = frozenset("cijklmopsuvwxyz")
"""Letters whose small form EMNIST's merged sets count as the capital one."""
CHARACTERS = (*string.digits, *string.ascii_uppercase, *string.ascii_lowercase)
MERGED_CHARACTERS = tuple(each for each in CHARACTERS if each not in MERGED)

Contents = Mapping[str, bytes]
"""The unpacked files of a set, by name."""
Parts = tuple[Part, Part, tuple[str, ...]]
"""Training and test images, and the names of the classes."""


@dataclass(frozen=True)
class Known:
    """A data set that is known by name."""

    title: str
    """For people to read."""
    files: tuple[str, ...]
    """Its files, without .gz and the like."""
    parse: Callable[[Contents], Parts] | None
    """Raises SettingError where the files are damaged. None: they are pictures."""
    folders: tuple[str, ...] = ()
    """Where torchvision stores them below its root, and where else they may be."""
    archive: str = ""
    """The file in the same place that holds all of them, if they were published so."""
    others: tuple[tuple[str, ...], ...] = ()
    """Other files with the same content, which are taken where `files` are not there."""


def _idx(names: tuple[str, ...], classes: tuple[str, ...], first: int = 0, sideways: bool = False) -> Callable[[Contents], Parts]:
    """Reads four IDX files: images and labels to train on, and those to test with. `first` is the smallest label."""

    def part(contents: Contents, images_name: str, labels_name: str) -> Part:
        images, labels = parse_idx(contents[images_name], images_name), parse_idx(contents[labels_name], labels_name)
        if labels.ndim == 2:
            labels = labels[:, 0]  # QMNIST: the class, then where the digit comes from
        if labels.size and labels.min() < first:
            raise SettingError(f"{labels_name} has a label {labels.min()}, and the smallest is {first}; download it again")
        return Part(images.swapaxes(1, 2) if sideways and images.ndim == 3 else images, labels.astype("i8") - first)

    def parse(contents: Contents) -> Parts:
        return part(contents, *names[:2]), part(contents, *names[2:]), classes

    return parse


def _parse_svhn(contents: Contents) -> Parts:
    """X is (32, 32, 3, N), and y says 10 for a zero."""
    parts = []
    for name in SVHN_FILES:
        arrays = parse_mat(contents[name], name, frozenset({"X", "y"}))
        if set(arrays) != {"X", "y"} or arrays["X"].ndim != 4 or arrays["y"].size != arrays["X"].shape[3]:
            raise SettingError(f"{name} holds no images of SVHN; download it again")
        labels = arrays["y"].ravel().astype("i8")
        parts.append(Part(arrays["X"].transpose(3, 0, 1, 2), labels % 10))
    return parts[0], parts[1], DIGITS


def _parse_usps(contents: Contents) -> Parts:
    return usps.parse_usps(contents["usps"], "usps"), usps.parse_usps(contents["usps.t"], "usps.t"), DIGITS


def _parse_cifar(contents: Contents) -> Parts:
    """Either version of CIFAR-10 or CIFAR-100. The last file of each has the names of the classes, the one before it the test images."""
    *training, test, meta = contents
    if meta.endswith(".txt"):
        label_bytes = 2 if meta.startswith("fine") else 1
        parts = [cifar.parse_binary(contents[name], name, label_bytes) for name in (*training, test)]
        names = tuple(contents[meta].decode("latin-1").split())
    else:
        parts = [cifar.parse_pickle(contents[name], name) for name in (*training, test)]
        names = cifar.parse_names(contents[meta], meta)
    return _join(parts[:-1]), parts[-1], names


def _join(parts: list[Part]) -> Part:
    import numpy as np

    labels = [part.labels for part in parts if part.labels is not None]
    return Part(np.concatenate([part.images for part in parts]), np.concatenate(labels))


def _emnist(split: str, classes: tuple[str, ...], first: int = 0) -> Known:
    names = tuple(f"emnist-{split}-{part}-{kind}-ubyte" for part in ("train", "test") for kind in ("images-idx3", "labels-idx1"))
    parse = _idx(names, classes, first, sideways=True)
    return Known(f"EMNIST {split}", names, parse, ("EMNIST/raw", "EMNIST", "EMNIST/raw/gzip", "gzip"), "gzip.zip")


def _like_mnist(title: str, folder: str, classes: tuple[str, ...], *more: str) -> Known:
    return Known(title, MNIST_FILES, _idx(MNIST_FILES, classes), (f"{folder}/raw", folder, *more))


QMNIST_FILES = ("qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int", "qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int")
SVHN_FILES = ("train_32x32.mat", "test_32x32.mat")
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
KNOWN: Mapping[str, Known] = {
    "mnist": _like_mnist("MNIST", "MNIST", DIGITS),
    "fashion-mnist": _like_mnist("Fashion-MNIST", "FashionMNIST", FASHION),
    "kmnist": _like_mnist("KMNIST", "KMNIST", KUZUSHIJI),
    "emnist-letters": _emnist("letters", tuple(string.ascii_lowercase), first=1),
    "emnist-balanced": _emnist("balanced", MERGED_CHARACTERS),
    "emnist-byclass": _emnist("byclass", CHARACTERS),
    "emnist-bymerge": _emnist("bymerge", MERGED_CHARACTERS),
    "emnist-digits": _emnist("digits", DIGITS),
    "emnist-mnist": _emnist("mnist", DIGITS),
    "qmnist": Known("QMNIST", QMNIST_FILES, _idx(QMNIST_FILES, DIGITS), ("QMNIST/raw", "QMNIST")),
    "svhn": Known("SVHN", SVHN_FILES, _parse_svhn, ("SVHN",)),
    "usps": Known("USPS", ("usps", "usps.t"), _parse_usps, ("USPS",)),
    "cifar10": Known(
        "CIFAR-10",
        (*BATCHES, "test_batch", "batches.meta"),
        _parse_cifar,
        ("cifar-10-batches-py", "cifar-10-batches-bin"),
        "cifar-10-python.tar.gz",
        ((*(f"{name}.bin" for name in BATCHES), "test_batch.bin", "batches.meta.txt"),),
    ),
    "cifar100": Known(
        "CIFAR-100",
        ("train", "test", "meta"),
        _parse_cifar,
        ("cifar-100-python", "cifar-100-binary"),
        "cifar-100-python.tar.gz",
        (("train.bin", "test.bin", "fine_label_names.txt"),),
    ),
    "omniglot": Known("Omniglot", ("images_background",), None, ("omniglot-py", "Omniglot"), "images_background.zip"),
}
"""By the name that --data takes."""


def make_source(known: Known, location: str, contents: Contents, paths: tuple[Path, ...]) -> ArraySource:
    """The source of a set's files. Raises SettingError where they are damaged."""
    assert known.parse is not None
    train, test, names = known.parse(contents)
    for part in (train, test):
        part.check(known.title)
    return ArraySource(known.title, location, fit_names(names), train, test, paths)
