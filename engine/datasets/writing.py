"""Writes images, labels, names and texts into a folder of the cache, and computes what identifies and describes them."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HEADER = 128
"""Bytes before the pixels in an .npy file."""
BLOCK = 1 << 24
"""Bytes that are read at once."""


class PartWriter:
    """Writes the training or the test part. `prefix` is "" or "test_". Raises OSError where the disk refuses, and leaves that to the caller.

    images.npy    uint8 (N, H, W) or (N, H, W, 3), in C order, behind a header of HEADER bytes
    labels.npy    int64 (N,)
    names.jsonl   the name of each picture in its source, a JSON string a line; not for arrays, whose pictures have no names
    texts.jsonl   the text of each picture, or null; only if any has one
    """

    def __init__(self, folder: Path, prefix: str, shape: tuple[int, ...], expected: int, named: bool, has_texts: bool) -> None:
        """shape: of one image. expected: how many images will come if none is damaged, which saves reading them again for the digest."""
        self.count = 0
        self.labels: list[npt.NDArray[np.int64]] = []
        self._folder, self._prefix, self._shape, self._expected = folder, prefix, shape, expected
        self._total = self._squares = 0
        self._sha = hashlib.sha256(_shape_text(expected, shape))
        self._files: list[BinaryIO] = []
        self._images = self._open("images.npy")
        self._map: npt.NDArray[np.uint8] | None = None
        self._names = self._open("names.jsonl") if named else None
        self._texts = self._open("texts.jsonl") if has_texts else None
        self._images.write(bytes(HEADER))

    def add(self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], names: Sequence[str], texts: Sequence[str | None]) -> None:
        """images (K, H, W) or (K, H, W, 3), labels (K,), and K names and texts where there are any."""
        import numpy as np

        if not len(images):
            return
        data = np.ascontiguousarray(images).data.cast("B")
        self._images.write(data)
        self._sha.update(data)
        for first in range(0, len(data), BLOCK // 8):
            values = np.frombuffer(data[first : first + BLOCK // 8], np.uint8).astype(np.float64)
            self._total += int(values.sum())  # exact: all sums are whole and below 2^53
            self._squares += int(values @ values)
        self.labels.append(labels.astype(np.int64))
        self.count += len(images)
        for file, lines in ((self._names, names), (self._texts, texts)):
            if file is not None:
                file.write("".join(json.dumps(line) + "\n" for line in lines).encode())

    def finish(self) -> Iterator[None]:
        """Completes the files; yields between pieces of work."""
        import numpy as np

        self._images.seek(0)
        self._images.write(npy_header((self.count, *self._shape)))
        if self.count != self._expected:
            self._sha = hashlib.sha256(_shape_text(self.count, self._shape))
            self._images.flush()
            with open(self._folder / f"{self._prefix}images.npy", "rb") as written:
                written.seek(HEADER)
                while block := written.read(BLOCK):
                    self._sha.update(block)
                    yield
        labels = np.concatenate(self.labels or [np.zeros(0, np.int64)])
        self._sha.update(labels.astype("<i8").tobytes())
        np.save(self._open("labels.npy"), labels)
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
            yield

    def texts_digest(self) -> str | None:
        """What identifies the texts, after `finish`; None where there are none."""
        if self._texts is None:
            return None
        with open(self._folder / f"{self._prefix}texts.jsonl", "rb") as written:
            return f"sha256:{hashlib.file_digest(written, 'sha256').hexdigest()}"

    def image(self, row: int) -> npt.NDArray[np.uint8]:
        """The pixels of one image, after `finish`."""
        import numpy as np

        if self._map is None:
            self._map = np.memmap(self._folder / f"{self._prefix}images.npy", np.uint8, "r", HEADER, (self.count, *self._shape))
        pixels: npt.NDArray[np.uint8] = self._map[row]
        return pixels

    def close(self) -> None:
        self._map = None
        for file in self._files:
            with suppress(OSError):  # a full disk, which was reported
                file.close()

    def digest(self) -> str:
        """What identifies the images and labels, as DataSpec.digest; after `finish`."""
        return f"sha256:{self._sha.hexdigest()}"

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of all pixels in [-1, 1]: from sums of whole numbers, so exact in whatever order."""
        size = self.count
        for side in self._shape:
            size *= side
        mean = self._total / size
        variance = (self._squares * size - self._total * self._total) / size**2
        return mean / 127.5 - 1, variance**0.5 / 127.5

    def _open(self, name: str) -> BinaryIO:
        file = open(self._folder / f"{self._prefix}{name}", "xb")  # noqa: SIM115 - `close` closes it
        self._files.append(file)
        return file


def npy_header(shape: tuple[int, ...]) -> bytes:
    """The header of an .npy file of bytes, HEADER bytes long."""
    import numpy as np

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    text = header.getvalue()
    assert len(text) == HEADER, f"a header of {len(text)} bytes"
    return text


def _shape_text(count: int, shape: tuple[int, ...]) -> bytes:
    return str((count, *shape)).encode()
