"""Finding known data sets on this machine or downloading them, and IDX files anywhere."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from finish import finish
from test_known_sets import GREY, TEN, idx, save

from engine.datasets.sources import download as downloads
from engine.datasets.sources.download import download
from engine.datasets.sources.known import KNOWN
from engine.datasets.sources.registry import open_source
from engine.errors import SettingError


@pytest.mark.parametrize("name", sorted(set(KNOWN) - {"mnist"}))
def test_a_set_that_is_not_here_says_how_to_bring_it(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.datasets.sources import finding

    monkeypatch.setattr(finding, "DEBIAN", tmp_path)
    for root in (None, tmp_path):
        with pytest.raises(SettingError, match="--data-root") as caught:
            open_source(name, root)
        assert str(root or "datasets") in str(caught.value)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(downloads.urllib.request, "urlopen", refuse)
    with pytest.raises(SettingError, match=r"can't download .*unreachable.*--data-root"):
        list(download(name, tmp_path))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "home" not in path.parts]


class Answer(io.BytesIO):
    """A server's answer."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.headers = {"Content-Length": str(len(content))}


def test_a_set_is_downloaded_with_progress_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    from engine.datasets.sources import finding

    monkeypatch.setattr(finding, "DEBIAN", tmp_path / "none")
    contents = {"images-idx3": GREY, "labels-idx1": TEN}
    files = {f"{part}-{kind}-ubyte.gz": gzip.compress(idx(values), mtime=0) for part in ("train", "t10k") for kind, values in contents.items()}
    monkeypatch.setattr(datasets.KMNIST, "mirrors", ["http://down.example/", "http://up.example/"])
    monkeypatch.setattr(datasets.KMNIST, "resources", [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()])

    def serve(request: Any, timeout: float) -> Answer:
        if "down" in request.full_url:
            raise OSError("no route to host")
        return Answer(files[request.full_url.rpartition("/")[2]])

    monkeypatch.setattr(downloads.urllib.request, "urlopen", serve)
    events = list(download("kmnist", tmp_path / "data"))
    assert any(getattr(event, "fraction", None) == 1 and "file 4 of 4" in getattr(event, "what", "") for event in events)
    assert len(open_source("kmnist", tmp_path / "data")) == 40
    assert list(download("kmnist", tmp_path / "data")) == []
    assert not list((tmp_path / "data").rglob("*.part"))

    broken = download("kmnist", tmp_path / "more")
    next(broken)
    next(broken)
    next(broken)
    broken.close()
    assert not list((tmp_path / "more").rglob("*.part"))
    files["train-labels-idx1-ubyte.gz"] = b"a page that asks for a password"
    with pytest.raises(SettingError, match="checksum"):
        list(download("kmnist", tmp_path / "more"))


def test_what_is_no_name_is_not_downloaded(tmp_path: Path) -> None:
    for text in ("mnist", str(tmp_path), "none", ""):
        assert list(download(text)) == []


def test_a_misspelt_name_is_corrected() -> None:
    with pytest.raises(SettingError, match="did you mean fashion-mnist"):
        open_source("fashon-mnist")
    with pytest.raises(SettingError, match="cifar10"):
        open_source("xyz")


@pytest.mark.parametrize("labelled", [True, False])
def test_one_idx_file_finds_its_labels(tmp_path: Path, labelled: bool) -> None:
    for images, numbers in (("my-images-idx3-ubyte.gz", "my-labels-idx1-ubyte"), ("some-images.idx3-ubyte", "some-labels.idx1-ubyte.gz")):
        save(tmp_path / images, idx(GREY))
        if labelled:
            save(tmp_path / numbers, idx(TEN))
        source = open_source(str(tmp_path / images))
        assert [source.entry(i).label for i in range(20)] == ([*TEN] if labelled else [None] * 20)
        assert len(source.class_names) == (10 if labelled else 0)
        assert bool(source.warnings) != labelled


def test_a_folder_of_idx_files(tmp_path: Path) -> None:
    save(tmp_path / "train-images-idx3-ubyte.gz", idx(GREY))
    save(tmp_path / "train-labels.idx1-ubyte", idx(TEN))
    source = open_source(str(tmp_path))
    assert (len(source), source.location, len(source.class_names)) == (20, str(tmp_path), 10)
    for content in (b"", b"\0\0\x08", idx(GREY)[:-1], idx(GREY) + b"x", b"\0\0\x0d\3" + bytes(12), b"\0\0\x08\3" + b"\xff" * 12, idx(TEN)):
        save(tmp_path / "train-images-idx3-ubyte.gz", content)
        with pytest.raises(SettingError, match="train-images"):
            open_source(str(tmp_path))


def test_a_missing_set_is_downloaded_before_it_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.datasets import prepare
    from engine.datasets.options import DataOptions
    from engine.protocol.events import Event, Preparing

    def fetch(text: str, data_root: Path | None) -> Iterator[Event]:
        for part in ("train", "t10k"):
            save(tmp_path / "KMNIST/raw" / f"{part}-images-idx3-ubyte", idx(GREY))
            save(tmp_path / "KMNIST/raw" / f"{part}-labels-idx1-ubyte", idx(TEN))
        yield Preparing(f"downloading {text} to {data_root}")

    monkeypatch.setattr(prepare, "download", fetch)
    events = prepare.prepare("kmnist", DataOptions(), tmp_path)
    assert next(events) == Preparing(f"downloading kmnist to {tmp_path}")
    spec = finish(events)
    assert (spec.train_images, spec.test_images, spec.source) == (20, 20, f"kmnist:{tmp_path}")
