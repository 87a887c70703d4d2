"""MNIST as it ships: checked, repaired, counted; and folders without room for it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from engine import data
from engine.errors import StorageError


def test_shapes_counts_mean_and_deviation(mnist: Path) -> None:
    images, labels = data.load(True)
    assert (images.shape, images.dtype) == ((60_000, 28, 28), torch.uint8)
    assert (labels.shape, labels.dtype) == ((60_000,), torch.int64)
    counts = labels.bincount()
    assert len(counts) == 10
    assert (counts[1], counts[5]) == (6_742, 5_421)
    grey = images.float() / 255
    assert float(grey.mean()) == pytest.approx(0.1307, abs=5e-5)
    assert float(grey.std()) == pytest.approx(0.3081, abs=5e-5)
    x0 = data.to_x0(images[:6000])
    assert (x0.shape, float(x0.min()), float(x0.max())) == ((6000, 1, 28, 28), -1.0, 1.0)


def test_the_test_set_and_limit(mnist: Path) -> None:
    images, labels = data.load(False)
    assert (len(images), len(labels)) == (10_000, 10_000)
    some, few = data.load(False, limit=64)
    assert torch.equal(some, images[:64])
    assert torch.equal(few, labels[:64])


def test_the_sums_are_those_published(unpacked_once: Path) -> None:
    for name, md5 in data.MD5.items():
        assert hashlib.md5((unpacked_once / "raw" / name).read_bytes()).hexdigest() == md5
    assert data.MD5["train-images-idx3-ubyte"] == "6bbc9ace898e44ae57da46a324031adb"


def test_damaged_and_missing_files_are_repaired(home: Path, mnist: Path) -> None:
    (home / "cache" / "MNIST").unlink()
    raw = home / "cache" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in data.MD5:  # the large one is whole, one is missing, one is damaged, one is cut
        if name != "t10k-labels-idx1-ubyte":
            (raw / name).symlink_to(mnist / "raw" / name)
    for name, content in (
        ("train-labels-idx1-ubyte", b"rubbish"),
        ("t10k-images-idx3-ubyte", (mnist / "raw" / "t10k-images-idx3-ubyte").read_bytes()[:-1]),
    ):
        (raw / name).unlink()
        (raw / name).write_bytes(content)
    assert data.unpacked() == home / "cache"
    for name, md5 in data.MD5.items():
        assert hashlib.md5((raw / name).read_bytes()).hexdigest() == md5
    assert (raw / "train-images-idx3-ubyte").is_symlink()  # what was whole was left alone
    assert len(list(raw.iterdir())) == 4


@pytest.mark.parametrize("damage", ["cut", "bits", "empty", "other", "gone"])
def test_a_damaged_archive_says_install_again(damage: str, home: Path, mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "t10k-labels-idx1-ubyte"
    packed = bytearray((data.ARCHIVES / f"{name}.gz").read_bytes())
    archives = tmp_path / "archives"
    archives.mkdir()
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    elif damage == "bits":
        packed[100:140] = b"\xff" * 40
    elif damage == "empty":
        packed = bytearray()
    elif damage == "other":
        packed = bytearray((data.ARCHIVES / "train-labels-idx1-ubyte.gz").read_bytes())
    if damage != "gone":
        (archives / f"{name}.gz").write_bytes(packed)
    monkeypatch.setattr(data, "ARCHIVES", archives)
    monkeypatch.setattr(data, "MD5", {name: data.MD5[name]})
    (home / "cache" / "MNIST").unlink()
    with pytest.raises(StorageError, match="install digitty again"):
        data.unpacked()
    assert not list((home / "cache" / "MNIST" / "raw").iterdir())


def test_no_folder_for_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="DIGITTY_HOME"):
        data.load(False)


def test_no_room_for_it(home: Path) -> None:
    """A real limit on the size of files: the kernel refuses to write more."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageError, match="room"):
            data.unpacked()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list((home / "cache" / "MNIST" / "raw").iterdir())


def test_mix_tells_neighbours_apart() -> None:
    keys = [(seed, step, use) for seed in range(20) for step in range(20) for use in (1, 2, 3)]
    mixed = {data.mix(*key) for key in keys}
    assert len(mixed) == len(keys)
    assert all(0 <= value < 2**63 for value in mixed)
    assert data.mix(1, 2) != data.mix(2, 1)
    assert data.mix(2**63 - 1, 0) != data.mix(2**63 - 2, 0)
