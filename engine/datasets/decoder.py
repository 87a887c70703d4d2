"""What a worker does with some pictures of a source: it looks at them, or makes images of them. Also the worker's loop.

A worker is a process that imports neither torch nor the screen. It ends when the process that started it closes their connection or dies.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from engine.datasets.near import sketches
from engine.datasets.picture import Look, Target, holds_several, look, original_size, to_pixels
from engine.datasets.sources.source import DamagedPictureError, Source
from engine.formatting import one_line

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    import numpy as np
    import numpy.typing as npt

KEY_BYTES = 16
"""Bytes of the digest by which equal images are found."""
KILLED = "decoding it ended the process that tried, perhaps for lack of memory"
LOOK_LEAST = 128
"""Pixels of a side that are enough to look at a picture."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A picture that can't be read."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Looks:
    """What some pictures look like."""

    looks: tuple[Look, ...]
    damaged: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class Decoded:
    """The images of consecutive pictures, without those that are damaged."""

    first: int
    """The place of the first picture in the whole order."""
    kept: npt.NDArray[np.int64]
    """(K,) the places of those that could be read."""
    images: npt.NDArray[np.uint8]
    """(K, H, W) or (K, H, W, 3)"""
    sizes: npt.NDArray[np.int32]
    """(K, 2) width and height of the pictures."""
    keys: npt.NDArray[np.void]
    """(K,) KEY_BYTES each: equal for equal images."""
    sketches: npt.NDArray[np.void]
    """(K,) by which nearly equal images are found, see `near.sketches`."""
    damaged: tuple[Damage, ...]
    several: tuple[str, ...] = ()
    """The names of pictures that others follow in their files: animations, and files of several pages."""


T = TypeVar("T")
Result = TypeVar("Result", covariant=True)


class Task(Protocol[Result]):
    """Some pictures, and what is to be done with them."""

    def run(self, source: Source) -> Result: ...

    def split(self) -> Sequence[Task[Result]]:
        """A task for each picture."""

    def give_up(self, source: Source) -> Result:
        """The result for a picture whose decoding ended the process."""


@dataclass(frozen=True, slots=True)
class LookTask:
    indices: tuple[int, ...]

    def run(self, source: Source) -> Looks:
        looks, damaged = [], []
        for index in self.indices:
            try:
                looks.append(look(source.read(index, LOOK_LEAST)))
            except Exception as error:
                damaged.append(_damage(source, index, error))
        return Looks(tuple(looks), tuple(damaged))

    def split(self) -> list[LookTask]:
        return [LookTask((index,)) for index in self.indices]

    def give_up(self, source: Source) -> Looks:
        return Looks((), tuple(Damage(source.entry(index).name, KILLED) for index in self.indices))


@dataclass(frozen=True, slots=True)
class DecodeTask:
    first: int
    """The place of the first picture in the whole order."""
    indices: tuple[int, ...]
    """Where the source has them."""
    target: Target

    def run(self, source: Source) -> Decoded:
        images, kept, sizes, damaged, several = [], [], [], [], []
        for place, index in enumerate(self.indices, self.first):
            try:
                picture = source.read(index, self.target.least)
                images.append(to_pixels(picture, self.target))
                sizes.append(original_size(picture))
                kept.append(place)
                if holds_several(picture):
                    several.append(source.entry(index).name)
            except Exception as error:
                damaged.append(_damage(source, index, error))
        return replace(collect(self.first, kept, images, sizes, damaged, self.target), several=tuple(several))

    def split(self) -> list[DecodeTask]:
        return [DecodeTask(self.first + k, (index,), self.target) for k, index in enumerate(self.indices)]

    def give_up(self, source: Source) -> Decoded:
        return collect(self.first, [], [], [], [Damage(source.entry(index).name, KILLED) for index in self.indices], self.target)


def collect(
    first: int,
    kept: Sequence[int],
    images: Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8],
    sizes: Sequence[tuple[int, int]],
    damaged: Sequence[Damage],
    target: Target,
) -> Decoded:
    """A Decoded of these images."""
    import numpy as np

    stacked = np.ascontiguousarray(images, dtype=np.uint8).reshape(-1, *target.shape)
    keys = b"".join(hashlib.blake2b(image, digest_size=KEY_BYTES).digest() for image in stacked)
    return Decoded(
        first,
        np.array(kept, dtype=np.int64),
        stacked,
        np.array(sizes, dtype=np.int32).reshape(-1, 2),
        np.frombuffer(keys, dtype=f"V{KEY_BYTES}"),
        sketches(stacked),
        tuple(damaged),
    )


def _damage(source: Source, index: int, error: Exception) -> Damage:
    """Pictures may be anybody's, and decoders raise whatever they like: nothing about one picture stops the others."""
    if isinstance(error, DamagedPictureError):
        return Damage(error.name, error.reason)
    return Damage(source.entry(index).name, one_line(error))


# --- the worker's loop ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The result of a task, or the error that kept the worker from it."""

    result: T | None = None
    error: Exception | None = None


def serve(connection: Connection) -> None:
    """Does the tasks that come through the connection, until it closes."""
    with suppress(EOFError, OSError):  # the other process has ended, or has all it wants
        pickled = connection.recv_bytes()
        try:
            source: Source = pickle.loads(pickled)
        except Exception as error:
            connection.send(Answer(error=_portable(error)))
            return
        del pickled
        connection.send(Answer())  # ready
        while True:
            task: Task[object] = connection.recv()
            connection.send(_answer(task, source))


def _answer(task: Task[T], source: Source) -> Answer[T]:
    try:
        return Answer(task.run(source))
    except Exception as error:
        return Answer(error=_portable(error))


def _portable(error: Exception) -> Exception:
    """The error as another process can read it."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {one_line(error)}")
