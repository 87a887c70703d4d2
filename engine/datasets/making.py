"""Makes a folder of images: decodes the selected pictures once, splits off those that judge, and describes what was found."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from engine.config.data import DataSpec
from engine.datasets import cache
from engine.datasets.decoder import Damage, Decoded, DecodeTask
from engine.datasets.duplicates import Duplicates, Place, find_duplicates
from engine.datasets.findings import FIRST, MOST_KEPT, Findings, describe_classes, describe_duplicates, describe_problems, none_readable
from engine.datasets.plan import Plan
from engine.datasets.selection import Selection, hold_out
from engine.datasets.sources.arrays import ArraySource
from engine.datasets.sources.source import Source
from engine.datasets.workers import WorkerPool
from engine.datasets.writing import PartWriter
from engine.errors import SettingError, StorageError
from engine.formatting import format_duration, format_size
from engine.protocol.events import Event, Preparing, Tick
from engine.storage import paths
from engine.storage.atomic import DISK_ERRORS, cannot_write, remove_tree, sync_folder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PICTURES, IMAGES = 16, 1024
"""Pictures that a worker decodes at once; images of an array, or of the spool, that are written at once."""
SPOOL = "spool"
ROOM = "free some space, or set DIGITTY_HOME to a folder on another disk"


class Maker:
    """Makes the images of one source into a folder that only this process writes."""

    def __init__(self, source: Source, selection: Selection, plan: Plan, key: str) -> None:
        self._source, self._selection, self._plan = source, selection, plan
        self._folder = cache.datasets_dir() / "images" / f"{cache.UNFINISHED_KEY}{key}"
        self._keys: list[npt.NDArray[np.void]] = []
        self._sketches: list[npt.NDArray[np.void]] = []
        self._several: list[str] = []
        self._sizes: list[npt.NDArray[np.int32]] = []
        self._kept: list[npt.NDArray[np.int64]] = []
        self._damaged: list[Damage] = []
        self._parts: list[PartWriter] = []
        self._tests: list[npt.NDArray[np.bool_]] = []
        """Which of the images that were written judge."""

    def make(self, pool: WorkerPool) -> Generator[Event, None, cache.Record]:
        """Returns the spec and the findings once the folder is complete. Closing it early removes what it wrote.

        Raises StorageError where the disk refuses, SettingError where too little can be read.
        """
        self._check_room()
        try:
            with self._writing():
                cache.sweep()
                remove_tree(self._folder)
                self._folder.mkdir(parents=True)
            if self._plan.hold_out:
                yield from self._decode_and_split(pool)
            else:
                test = self._selection.test
                self._open_parts(int((~test).sum()), int(test.sum()))
                yield from self._decode(pool, lambda decoded: self._write(decoded.kept, decoded.images, test[decoded.kept]))
            with self._writing():
                for part in self._parts:
                    for _ in part.finish():
                        yield Tick()
                duplicates = yield from self._find_duplicates()
            return self._complete(duplicates)
        finally:
            for part in self._parts:
                part.close()
            remove_tree(self._folder)

    # --- decoding -----------------------------------------------------------------------------------------------------

    def _decode(self, pool: WorkerPool, write: Callable[[Decoded], object]) -> Iterator[Event]:
        """Hands the images to `write` in order."""
        total, started = len(self._selection.indices), time.monotonic()
        for decoded in pool.run(self._tasks()):
            if decoded is None:
                yield Tick()
                continue
            self._keys.append(decoded.keys)
            self._sketches.append(decoded.sketches)
            self._several += decoded.several
            self._sizes.append(decoded.sizes)
            self._kept.append(decoded.kept)
            self._damaged += decoded.damaged
            with self._writing():
                write(decoded)
            done = decoded.first + len(decoded.kept) + len(decoded.damaged)
            left = (time.monotonic() - started) * (total - done) / max(1, done)
            yield Preparing(f"decoding {done:,}/{total:,} pictures  left {format_duration(left)}", done / total)

    def _tasks(self) -> Iterator[DecodeTask]:
        indices, each = self._selection.indices, IMAGES if isinstance(self._source, ArraySource) else PICTURES
        for first in range(0, len(indices), each):
            yield DecodeTask(first, tuple(indices[first : first + each]), self._plan.target)

    def _decode_and_split(self, pool: WorkerPool) -> Iterator[Event]:
        """Decodes into a spool, since which images are kept from training is known only once all are there."""
        import numpy as np

        shape = self._plan.target.shape
        with self._writing(), open(self._folder / SPOOL, "x+b") as spool:
            yield from self._decode(pool, lambda decoded: spool.write(np.ascontiguousarray(decoded.images).data.cast("B")))
            kept, test = np.concatenate(self._kept), self._held_out(np.concatenate(self._keys))
            self._open_parts(int((~test).sum()), int(test.sum()))
            spool.seek(0)
            for first in range(0, len(kept), IMAGES):
                places = kept[first : first + IMAGES]
                block = spool.read(len(places) * self._plan.target.image_bytes)
                self._write(places, np.frombuffer(block, dtype=np.uint8).reshape(-1, *shape), test[first : first + IMAGES])
                yield Tick()
        (self._folder / SPOOL).unlink()

    def _held_out(self, keys: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
        """(N,) which images are kept from training. Raises SettingError where the user asked for a share, and all images are equal."""
        import numpy as np

        try:
            return hold_out(keys, self._plan.hold_out)
        except SettingError:
            if self._plan.hold_out_asked:
                raise
            self._plan = self._plan.without_hold_out()
            return np.zeros(len(keys), dtype=np.bool_)

    # --- writing ------------------------------------------------------------------------------------------------------

    def _open_parts(self, train: int, test: int) -> None:
        named = not isinstance(self._source, ArraySource)
        with self._writing():
            for prefix, expected in (("", train), ("test_", test)):
                self._parts.append(PartWriter(self._folder, prefix, self._plan.target.shape, expected, named, self._selection.has_texts))

    def _write(self, places: npt.NDArray[np.int64], images: npt.NDArray[np.uint8], test: npt.NDArray[np.bool_]) -> None:
        """Images of pictures at these places of the selection, and whether each judges."""
        plain = isinstance(self._source, ArraySource)
        self._tests.append(test)
        for part, chosen in zip(self._parts, (~test, test), strict=True):
            entries = [] if plain else [self._source.entry(self._selection.indices[place]) for place in places[chosen]]
            part.add(images[chosen], self._selection.labels[places[chosen]], [entry.name for entry in entries], [entry.text for entry in entries])

    def _complete(self, duplicates: Duplicates) -> cache.Record:
        """Gives the folder its name, unless there is one with the same images already."""
        train, test = self._parts
        if not train.count + test.count:
            damaged = [(damage.name, damage.reason) for damage in self._damaged]
            raise none_readable(self._source.name, len(self._selection.indices), damaged)
        findings = self._findings(duplicates)
        if not train.count:
            raise SettingError(f"none of the training pictures of {self._source.name} can be read")
        target, (mean, std), texts = self._plan.target, train.moments(), train.texts_digest()
        spec = DataSpec(
            name=self._source.name,
            height=target.height,
            width=target.width,
            channels=target.channels,
            class_names=self._selection.class_names,
            train_images=train.count,
            mean=mean,
            std=std,
            source=self._source.location,
            digest=train.digest(),
            test_images=test.count,
            preparation=self._plan.preparation,
            texts=texts,
        )
        folder = self._folder.with_name(cache.folder_name(train.digest(), test.digest(), texts))
        with self._writing():
            cache.complete_folder(self._folder, spec)
            if cache.read_folder(folder) is None:
                remove_tree(folder)
                self._folder.rename(folder)
                sync_folder(folder.parent)
        return cache.Record(spec, findings, folder.name)

    def _findings(self, duplicates: Duplicates) -> Findings:
        import numpy as np

        sizes = np.concatenate(self._sizes)
        smallest, median, largest = _typical(sizes)
        labels = np.concatenate(self._parts[0].labels) if self._parts[0].labels else np.zeros(0, np.int64)
        names = self._selection.class_names
        counts = tuple(int(count) for count in np.bincount(labels, minlength=len(names)))[: len(names)]
        damaged = tuple((damage.name, damage.reason) for damage in self._damaged[:MOST_KEPT])
        equal, near = self._name(duplicates.equal), self._name(duplicates.near)
        return Findings(
            pictures=len(self._selection.indices),
            left_out=self._selection.left_out,
            damaged=len(self._damaged),
            damaged_pictures=damaged,
            equal=len(duplicates.equal),
            first_equal=equal,
            smallest=smallest,
            median=median,
            largest=largest,
            class_counts=counts,
            choices=self._plan.choices,
            warnings=(
                *self._source.warnings,
                *describe_problems(len(self._damaged), damaged, self._several),
                *describe_duplicates(equal, near, duplicates),
                *describe_classes(counts, names),
            ),
            near=len(duplicates.near),
            first_near=near,
        )

    def _find_duplicates(self) -> Generator[Event, None, Duplicates]:
        import numpy as np

        test = np.concatenate(self._tests or [np.zeros(0, np.bool_)])
        rows = np.where(test, np.cumsum(test), np.cumsum(~test)) - 1
        return (
            yield from find_duplicates(
                np.concatenate(self._keys), np.concatenate(self._sketches), test, lambda place: self._parts[int(test[place])].image(int(rows[place]))
            )
        )

    def _name(self, pairs: Sequence[Place]) -> tuple[tuple[str, str], ...]:
        """The names of the first pictures and of those they are like."""
        import numpy as np

        kept = np.concatenate(self._kept)
        names = [[self._source.entry(self._selection.indices[int(kept[place])]).name for place in pair] for pair in pairs[:FIRST]]
        return tuple((later, earlier) for later, earlier in names)

    # --- the disk -----------------------------------------------------------------------------------------------------

    def _check_room(self) -> None:
        """Raises StorageError if the images can't fit, before any is decoded."""
        needed = len(self._selection.indices) * self._plan.target.image_bytes
        with suppress(OSError):
            folder = paths.ensure_folder(self._folder.parent)
            free = shutil.disk_usage(folder).free
            if needed > free:
                raise StorageError(f"the images need {format_size(needed)}, and {folder} has {format_size(free)} left; {ROOM}")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turns the disk's errors into a StorageError that says what to do."""
        try:
            yield
        except OSError as error:
            if error.errno in DISK_ERRORS:
                raise StorageError(f"can't write the images to {self._folder.parent}: {error.strerror}; {ROOM}. Nothing else was changed") from None
            raise cannot_write(self._folder, error) from None


def _typical(sizes: npt.NDArray[np.int32]) -> list[tuple[int, int]]:
    """The smallest and the largest by their pixels, between them the median by the shorter side, from which the size of the images is chosen."""
    import numpy as np

    area = sizes[:, 0].astype(np.int64) * sizes[:, 1]
    median = np.lexsort((sizes[:, 1], sizes[:, 0], sizes.min(axis=1)))[len(sizes) // 2]
    return [(int(sizes[k][0]), int(sizes[k][1])) for k in (area.argmin(), median, area.argmax())]
