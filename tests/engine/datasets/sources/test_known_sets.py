"""The data sets that are known by name, each from a small archive in its own published form, and torchvision's reading of it where it has one."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import pickle
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.config.data import MNIST
from engine.datasets.sources.arrays import ArraySource
from engine.datasets.sources.known import KNOWN
from engine.datasets.sources.registry import open_source
from engine.errors import DigittyError, SettingError

RNG = np.random.default_rng(0)
Array = np.ndarray[Any, Any]


def idx(values: Array) -> bytes:
    kind = {"u1": 8, "i4": 12}[values.dtype.str[1:]]
    return struct.pack(f">HBB{values.ndim}I", 0, kind, values.ndim, *values.shape) + values.astype(values.dtype.newbyteorder(">")).tobytes()


def save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else bz2.compress(content) if path.suffix == ".bz2" else content)


GREY = RNG.integers(0, 256, (20, 28, 28), np.uint8)
TEN = np.arange(20, dtype=np.uint8) % 10


def opened(name: str, root: Path) -> ArraySource:
    source = open_source(name, root)
    assert isinstance(source, ArraySource)
    assert source.location == f"{name}:{root}"
    again = open_source(source.location)
    assert again.fingerprint() == source.fingerprint()
    assert len(pickle.loads(pickle.dumps(source))) == len(source)
    return source


def labels(source: ArraySource) -> list[int | None]:
    return [source.entry(i).label for i in range(len(source))]


def kept(source: ArraySource) -> list[bool]:
    return [source.entry(i).test for i in range(len(source))]


@pytest.mark.parametrize(
    ("name", "folder", "seven"), [("mnist", "MNIST/raw", "seven"), ("fashion-mnist", "FashionMNIST/raw", "Sneaker"), ("kmnist", "KMNIST/raw", "ya")]
)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_sets_like_mnist(tmp_path: Path, name: str, folder: str, seven: str, ending: str) -> None:
    for part, count in (("train", 20), ("t10k", 10)):
        save(tmp_path / folder / f"{part}-images-idx3-ubyte{ending}", idx(GREY[:count]))
        save(tmp_path / folder / f"{part}-labels-idx1-ubyte{ending}", idx(TEN[:count]))
    source = opened(name, tmp_path)
    np.testing.assert_array_equal(source.arrays(0, 30), np.concatenate([GREY, GREY[:10]]))
    assert labels(source) == [*TEN, *TEN[:10]]
    assert kept(source) == [False] * 20 + [True] * 10
    assert source.class_names[7] == seven


@pytest.mark.slow
def test_mnist_comes_with_digitty(tmp_path: Path) -> None:
    for root in (None, tmp_path):
        source = open_source("MNIST", root)
        assert (len(source), source.class_names, source.location) == (70_000, MNIST.class_names, "mnist")
    assert isinstance(source, ArraySource)
    assert MNIST.digest == f"md5:{hashlib.md5(b''.join([struct.pack('>4I', 2051, 60_000, 28, 28), source.arrays(0, 60_000).tobytes()])).hexdigest()}"


def test_fashion_mnist_of_debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.datasets.sources import finding

    for part in ("train", "t10k"):
        save(tmp_path / "fashion-mnist" / f"{part}-images-idx3-ubyte.gz", idx(GREY))
        save(tmp_path / "fashion-mnist" / f"{part}-labels-idx1-ubyte.gz", idx(TEN))
    monkeypatch.setattr(finding, "DEBIAN", tmp_path)
    assert open_source("Fashion_MNIST").location == "fashion-mnist"
    with pytest.raises(SettingError, match="KMNIST is not on this machine"):
        open_source("kmnist")


@pytest.mark.parametrize("form", ["raw", "zip"])
@pytest.mark.parametrize(
    ("split", "first", "classes", "sample"),
    [
        ("letters", 1, 26, "c"),
        ("balanced", 0, 47, "2"),
        ("digits", 0, 10, "two"),
        ("byclass", 0, 62, "2"),
        ("bymerge", 0, 47, "2"),
    ],
)
def test_emnist_is_upright_and_counts_from_zero(tmp_path: Path, split: str, first: int, classes: int, sample: str, form: str) -> None:
    names = np.arange(20, dtype=np.uint8) % 10
    files = {}
    for part in ("train", "test"):
        files[f"emnist-{split}-{part}-images-idx3-ubyte"] = idx(GREY.swapaxes(1, 2).copy())
        files[f"emnist-{split}-{part}-labels-idx1-ubyte"] = idx((names + first).astype(np.uint8))
    if form == "raw":
        for name, content in files.items():
            save(tmp_path / "EMNIST/raw" / name, content)
    else:
        (tmp_path / "EMNIST/raw").mkdir(parents=True)
        with zipfile.ZipFile(tmp_path / "EMNIST/raw/gzip.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(f"gzip/{name}.gz", gzip.compress(content))
    source = opened(f"emnist-{split}", tmp_path)
    np.testing.assert_array_equal(source.arrays(0, 20), GREY)
    np.testing.assert_array_equal(source.read(3), GREY[3])
    assert labels(source) == [*names, *names]
    assert (len(source.class_names), source.class_names[2]) == (classes, sample)


def test_emnists_classes_are_torchvisions() -> None:
    from torchvision.datasets import EMNIST

    for split, theirs in EMNIST.classes_split_dict.items():
        if split not in ("digits", "mnist"):
            known = KNOWN[f"emnist-{split}"]
            empty = {name: idx(GREY[:1]) if "images" in name else idx(np.array([1], np.uint8)) for name in known.files}
            assert known.parse is not None
            assert list(known.parse(empty)[2]) == [each for each in theirs if each != "N/A"]


def test_qmnist(tmp_path: Path) -> None:
    more = np.zeros((20, 8), np.int32)
    more[:, 0] = TEN
    more[:, 2] = 70_000
    for part in ("train", "test"):
        save(tmp_path / "QMNIST/raw" / f"qmnist-{part}-images-idx3-ubyte.gz", idx(GREY))
        save(tmp_path / "QMNIST/raw" / f"qmnist-{part}-labels-idx2-int.gz", idx(more))
    source = opened("qmnist", tmp_path)
    assert labels(source) == [*TEN, *TEN]
    np.testing.assert_array_equal(source.arrays(20, 40), GREY)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_svhn(tmp_path: Path, compressed: bool, kind: type) -> None:
    from scipy.io import savemat

    pictures = RNG.integers(0, 256, (32, 32, 3, 12), np.uint8)
    numbers = np.array([[10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1]], kind).T
    for part in ("train", "test"):
        savemat(tmp_path / f"{part}_32x32.mat", {"X": pictures, "y": numbers}, do_compression=compressed)
    source = opened("svhn", tmp_path)
    assert (labels(source)[:12], source.shape) == ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1], (32, 32, 3))
    np.testing.assert_array_equal(source.arrays(0, 24)[12:], pictures.transpose(3, 0, 1, 2))


def test_usps_is_read_as_torchvision_does(tmp_path: Path) -> None:
    from torchvision.datasets import USPS

    values = RNG.uniform(-1, 1, (12, 256)).round(6)
    lines = [f"{i % 10 + 1} " + " ".join(f"{j + 1}:{value:g}" for j, value in enumerate(row)) for i, row in enumerate(values)]
    for name in ("usps.bz2", "usps.t.bz2"):
        save(tmp_path / name, ("\n".join(lines) + "\n").encode())
    source, theirs = opened("usps", tmp_path), USPS(tmp_path)
    np.testing.assert_array_equal(source.arrays(0, 12), theirs.data)
    assert labels(source)[:12] == theirs.targets


def old_string(text: bytes) -> bytes:
    """A string as Python 2 pickles it."""
    return b"U" + bytes([len(text)]) + text if len(text) < 256 else b"T" + struct.pack("<i", len(text)) + text


def old_pickle(key: bytes, numbers: list[int], data: bytes, label_key: bytes = b"labels") -> bytes:
    """A dict as CIFAR's files have it: pickled by Python 2 with protocol 2, an array of bytes among its values."""
    shape = b"(K\x01M" + struct.pack("<H", len(numbers)) + b"M\x00\x0c\x86"
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85q\tU\x01b\x87Rq\n" + shape
    dtype = b"cnumpy\ndtype\nq\x0bU\x02u1K\x00K\x01\x87Rq\x0c(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    listed = b"](" + b"".join(b"K" + bytes([number]) for number in numbers) + b"e"
    images = old_string(b"data") + array + dtype + old_string(data) + b"tb"
    return b"\x80\x02}q\x01(" + old_string(b"batch_label") + old_string(key) + old_string(label_key) + listed + images + b"u."


def old_names(key: bytes, names: list[str]) -> bytes:
    return b"\x80\x02}q\x01" + old_string(key) + b"](" + b"".join(old_string(name.encode()) for name in names) + b"es."


COLOUR = RNG.integers(0, 256, (4, 3, 32, 32), np.uint8)
NAMES10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def cifar10(root: Path, form: str) -> None:
    batch = old_pickle(b"training batch 1 of 5", [3, 9, 0, 1], COLOUR.tobytes())
    assert pickle.loads(batch, encoding="latin1")["data"].shape == (4, 3072)  # Python agrees that it is one
    pickled = {f"data_batch_{i}": batch for i in range(1, 6)} | {"test_batch": batch, "batches.meta": old_names(b"label_names", NAMES10)}
    binary = b"".join(bytes([label]) + image.tobytes() for label, image in zip([3, 9, 0, 1], COLOUR, strict=True))
    if form == "binary":
        for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
            save(root / "cifar-10-batches-bin" / f"{name}.bin", binary)
        save(root / "cifar-10-batches-bin/batches.meta.txt", "\n".join(NAMES10).encode() + b"\n\n")
    elif form == "python":
        for name, content in pickled.items():
            save(root / "cifar-10-batches-py" / name, content)
    else:
        with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as archive:
            for name, content in pickled.items():
                member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("form", ["binary", "python", "archive"])
def test_cifar10(tmp_path: Path, form: str) -> None:
    cifar10(tmp_path, form)
    source = opened("cifar10", tmp_path)
    assert (labels(source), source.class_names) == ([3, 9, 0, 1] * 6, tuple(NAMES10))
    np.testing.assert_array_equal(source.arrays(0, 4), COLOUR.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("form", ["binary", "python"])
def test_cifar100(tmp_path: Path, form: str) -> None:
    names = [f"thing_{i}" for i in range(100)]
    for part in ("train", "test"):
        if form == "binary":
            save(tmp_path / "cifar-100-binary" / f"{part}.bin", b"".join(bytes([1, 50 + i]) + image.tobytes() for i, image in enumerate(COLOUR)))
        else:
            save(tmp_path / "cifar-100-python" / part, old_pickle(b"x", [50, 51, 52, 53], COLOUR.tobytes(), b"fine_labels"))
    if form == "binary":
        save(tmp_path / "cifar-100-binary/fine_label_names.txt", "\n".join(names).encode())
    else:
        save(tmp_path / "cifar-100-python/meta", old_names(b"fine_label_names", names))
    source = opened("cifar100", tmp_path)
    assert (labels(source), source.class_names) == ([50, 51, 52, 53] * 2, tuple(names))
    np.testing.assert_array_equal(source.arrays(0, 4), COLOUR.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_omniglot_has_a_class_for_each_character(tmp_path: Path, form: str) -> None:
    names = [f"images_background/{alphabet}/character0{i}/0{i}_0{j}.png" for alphabet in ("Greek", "Korean") for i in (1, 2) for j in (1, 2, 3)]
    file = io.BytesIO()
    Image.new("1", (105, 105), 1).save(file, "PNG")
    if form == "zip":
        (tmp_path / "omniglot-py").mkdir()
        with zipfile.ZipFile(tmp_path / "omniglot-py/images_background.zip", "w") as archive:
            for name in names:
                archive.writestr(name, file.getvalue())
    else:
        for name in names:
            save(tmp_path / "omniglot-py" / name, file.getvalue())
    source = open_source("omniglot", tmp_path)
    assert source.class_names == ("Greek/character01", "Greek/character02", "Korean/character01", "Korean/character02")
    assert [source.entry(i).label for i in range(12)] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert (source.name, source.location) == ("Omniglot", f"omniglot:{tmp_path}")
    picture = source.read(0)
    assert isinstance(picture, Image.Image)
    assert (picture.mode, picture.getpixel((0, 0))) == ("L", 255)


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return exec, ("raise SystemExit('it ran')",)


def test_pickles_are_never_run(tmp_path: Path) -> None:
    pickles = [pickle.dumps(each, 2) for each in ({"data": Bomb(), "labels": [1]}, {"data": [1] * 9, "labels": [[]]}, {})]
    for hostile in (*pickles, b"garbage", b""):
        cifar10(tmp_path, "python")
        save(tmp_path / "cifar-10-batches-py/data_batch_2", hostile)
        with pytest.raises(SettingError, match="data_batch_2"):
            open_source("cifar10", tmp_path)


@pytest.mark.parametrize("name", ["svhn", "usps", "cifar10", "qmnist"])
def test_damaged_files_cost_a_sentence(tmp_path: Path, name: str) -> None:
    rng = random.Random(name)
    if name == "svhn":
        test_svhn(tmp_path, False, np.uint8)
    elif name == "usps":
        test_usps_is_read_as_torchvision_does(tmp_path)
    elif name == "qmnist":
        test_qmnist(tmp_path)
    else:
        cifar10(tmp_path, "python")
    path = sorted(each for each in tmp_path.rglob("*") if each.is_file())[0]
    whole = path.read_bytes()
    for _ in range(40):
        damaged = bytearray(whole)
        damaged[rng.randrange(min(len(whole), 400))] = rng.randrange(256)
        for content in (bytes(damaged), whole[: rng.randrange(len(whole))]):
            path.write_bytes(content)
            with suppress(DigittyError):
                open_source(name, tmp_path)
