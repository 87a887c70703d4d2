"""Downloads a known data set from where torchvision says it is published, and checks it against torchvision's checksums."""

from __future__ import annotations

import hashlib
import http.client
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.datasets.sources.finding import explain_missing, is_here, storing_folder
from engine.datasets.sources.known import KNOWN
from engine.datasets.sources.registry import expand, split_name
from engine.errors import PackageError, SettingError
from engine.formatting import one_line, printable
from engine.protocol.events import Event, Preparing
from engine.storage.atomic import cannot_write
from engine.storage.paths import ensure_folder

TIMEOUT = 30.0
"""Seconds that a server may be silent."""
CHUNK = 1 << 16
"""Bytes that are read between two events."""
LARGEST = 1 << 32


@dataclass(frozen=True)
class Resource:
    """A file of a data set, as it is published."""

    urls: tuple[str, ...]
    """The addresses that have it; the first that answers is taken."""
    name: str
    md5: str


def download(text: str, data_root: Path | None = None) -> Generator[Event, None, None]:
    """Downloads a SOURCE that is a known data set whose files are not on this machine; does nothing for any other.

    The files go to the root after a colon in the text, else to `data_root`, else to digitty's own data. Yields Preparing after each piece.
    Closing it early leaves complete files only. Raises SettingError, which says how to bring the files, where a server can't be reached or sends
    something else, StorageError where the files can't be written, PackageError where torchvision can't be loaded.
    """
    name, given = split_name(text)
    if name not in KNOWN:
        return
    root = expand(given) if given else data_root
    if is_here(name, root):
        return
    known = KNOWN[name]
    folder = ensure_folder(storing_folder(name, root), "choose another folder with --data-root")
    resources = [each for each in _resources(name) if not (folder / each.name).exists()]
    for number, resource in enumerate(resources, 1):
        what = f"downloading {known.title}" + (f", file {number} of {len(resources)}" if len(resources) > 1 else "")
        failures = []
        for url in resource.urls:
            try:
                yield from _fetch(url, folder / resource.name, resource.md5, what)
                break
            except (OSError, http.client.HTTPException, ValueError) as error:
                failures.append(one_line(error, 80))
        else:
            way_out = explain_missing(name, root)
            raise SettingError(f"can't download {resource.name} from {printable(resource.urls[-1])} ({failures[-1]}). {way_out}")


def _fetch(url: str, path: Path, md5: str, what: str) -> Iterator[Event]:
    """Raises OSError, HTTPException or ValueError where it can't be downloaded, StorageError where it can't be written."""
    part = path.with_name(f"{path.name}.part")
    digest = hashlib.md5(usedforsecurity=False)
    request = urllib.request.Request(url, headers={"User-Agent": "digitty"})
    yield Preparing(what)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        length = int(response.headers.get("Content-Length") or 0)
        done = 0
        try:
            try:
                file = open(part, "wb")  # noqa: SIM115  # its errors are not the network's
            except OSError as error:
                raise cannot_write(part, error) from None
            with file:
                while piece := response.read(CHUNK):
                    done += len(piece)
                    if done > LARGEST:
                        raise ValueError("it is far too large")
                    digest.update(piece)
                    try:
                        file.write(piece)
                        file.flush()
                    except OSError as error:
                        raise cannot_write(part, error) from None
                    yield Preparing(what, min(1.0, done / length) if length else None)
            if digest.hexdigest() != md5:
                raise ValueError("its checksum is not the published one" if not length or done >= length else "the connection was cut")
            part.replace(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _resources(name: str) -> list[Resource]:
    """The files of a set, from torchvision's tables. Raises PackageError."""
    try:
        from torchvision import datasets
    except (ImportError, OSError, RuntimeError) as error:
        raise PackageError(f"downloads need torchvision, which can't be loaded ({one_line(error)}); install it again") from None
    if name.startswith("emnist-"):
        return [Resource((datasets.EMNIST.url,), "gzip.zip", datasets.EMNIST.md5)]
    if name == "qmnist":
        return [_resource(url, url.rpartition("/")[2], md5) for part in ("train", "test") for url, md5 in datasets.QMNIST.resources[part]]
    if name in ("svhn", "usps"):
        table = (datasets.SVHN if name == "svhn" else datasets.USPS).split_list
        return [_resource(*table[part]) for part in ("train", "test")]
    if name in ("cifar10", "cifar100"):
        cifar: Any = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
        return [_resource(cifar.url, cifar.filename, cifar.tgz_md5)]
    if name == "omniglot":
        archive = "images_background.zip"
        return [_resource(f"{datasets.Omniglot.download_url_prefix}/{archive}", archive, datasets.Omniglot.zips_md5["images_background"])]
    like: Any = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST, "kmnist": datasets.KMNIST}[name]
    return [Resource(tuple(f"{mirror}{file}" for mirror in like.mirrors), file, md5) for file, md5 in like.resources]


def _resource(url: str, name: str, md5: str) -> Resource:
    return Resource((url,), name, md5)
