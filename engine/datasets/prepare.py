"""Turns a source into a cached data set: looks at its pictures, decodes all of them once, and splits off those that judge."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, wait
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from engine.config.data import MNIST, DataSpec
from engine.datasets import cache
from engine.datasets.decoder import Damage, LookTask
from engine.datasets.findings import Findings, none_readable
from engine.datasets.lock import PrepareLock
from engine.datasets.making import Maker
from engine.datasets.measuring import check_measurable
from engine.datasets.options import DataOptions
from engine.datasets.picture import Look
from engine.datasets.plan import Plan, plan_arrays, plan_pictures, sample
from engine.datasets.selection import Selection, select
from engine.datasets.sources.arrays import ArraySource
from engine.datasets.sources.container import Listing
from engine.datasets.sources.download import download
from engine.datasets.sources.registry import open_source
from engine.datasets.sources.source import Source
from engine.datasets.workers import WorkerPool
from engine.errors import SettingError
from engine.formatting import printable
from engine.process.processors import processors
from engine.protocol.events import Event, Notice, Preparing, Tick

FEW = 32
"""Pictures that this process decodes alone: starting others would take longer."""
MOST_WORKERS = 32
LOOKS = 8
"""Pictures that a worker looks at at once."""
WAIT = 0.1
"""Seconds between two looks at another process's lock."""


@dataclass(frozen=True, slots=True)
class PreparedData:
    """A data set that is ready."""

    spec: DataSpec
    findings: Findings
    images: cache.Prepared


def prepare(source: str, options: DataOptions, data_root: Path | None = None, for_strokes: bool = False) -> Generator[Event, None, DataSpec]:
    """Returns the spec of the prepared data set, whose images `engine.data.registry.load_images` then finds.

    `source` is a folder, a file or the name of a known data set, which is also looked for in `data_root`. Yields Preparing with what is done, how
    much of it and the time left, Notice for each choice that was made for the user and each warning, and Tick several times a second.
    Closing it early stops every worker at once and leaves nothing behind. A second call with unchanged pictures and options is quick.

    With `for_strokes`, images whose strokes can't be measured are refused before they are decoded.

    Raises SettingError where the source has no such data or the options don't fit it, StorageError where it can't be read or the cache
    can't be written.
    """
    if source.strip().lower() == MNIST.source and options.plain:
        return MNIST
    made = yield from prepare_with_findings(source, options, data_root, for_strokes)
    for sentence in made.findings.sentences():
        yield Notice(sentence)
    return made.spec


def prepare_with_findings(
    source: str, options: DataOptions, data_root: Path | None = None, for_strokes: bool = False
) -> Generator[Event, None, PreparedData]:
    """As `prepare`, but returns also what was found, instead of yielding it as notices."""
    yield from download(source, data_root)
    return (yield from prepare_source(partial(open_source, source, data_root), options, f"opening {printable(source, 60)}", for_strokes))


def prepare_source(
    reopen: Callable[[Listing], Source], options: DataOptions, opening: str = "opening the pictures", for_strokes: bool = False
) -> Generator[Event, None, PreparedData]:
    """As `prepare_with_findings`, for the source that `reopen` opens: again once it is read, to see whether it has changed meanwhile.

    `opening` is what progress says while a folder of many files is listed.
    """
    source = yield from _open(reopen, opening)
    fingerprint = source.fingerprint()
    key = _key(source, fingerprint, options)
    if found := _recorded(source, key):
        return _measurable(found) if for_strokes else found
    lock = PrepareLock(cache.lock_path(key))
    try:
        while not lock.acquire():
            yield Preparing(f"waiting for another process, which prepares {source.name}")
            time.sleep(WAIT)
        if found := _recorded(source, key):  # by that process
            return _measurable(found) if for_strokes else found
        record, exact = yield from _make(source, options, key, for_strokes)
        if (yield from _open(reopen, "looking for changes")).fingerprint() != fingerprint:
            raise SettingError(f"{source.name} changed while it was read; try again once nothing writes to it")
        for each in {key, _key(source, fingerprint, exact)}:
            cache.write_record(each, record)
    finally:
        lock.release()
    found = _recorded(source, key)
    if found is None:
        raise SettingError(f"the prepared images of {source.name} were removed again by another process; try again")
    return found


def restore(spec: DataSpec, data_root: Path | None = None) -> Generator[Event, None, None]:
    """Makes the images of a spec again from its source, if they are not in the cache.

    Raises SettingError, with both digests, if the source no longer gives the same images, and as `prepare`.
    """
    if cache.find_images(spec.digest, spec.test_images, spec.texts):
        return
    try:
        made = yield from prepare_with_findings(spec.source, DataOptions.again(spec), data_root)
    except SettingError:
        if not Path(spec.source).is_absolute() or Path(spec.source).exists():
            raise
        raise SettingError(
            f"{printable(spec.source)} is gone, and the images that were made of it are not in the cache. Move the pictures back; to resume a run "
            "with the same pictures elsewhere: digitty train --resume RUN --data NEW"
        ) from None
    if made.spec.digest == spec.digest and spec.texts not in (None, made.spec.texts):
        raise SettingError(
            f"the texts of {printable(spec.source)} are no longer those of {spec.name}. Restore the old ones, or start a new run with the new ones: "
            "--start-from RUN --data SOURCE"
        )
    if made.spec.digest != spec.digest:
        raise SettingError(
            f"{printable(spec.source)} no longer gives the images of {spec.name}: their digest is {made.spec.digest}, and it was {spec.digest}. "
            "Restore the old pictures, or start a new run with the new ones: --start-from RUN --data SOURCE"
        )


def _open(reopen: Callable[[Listing], Source], what: str) -> Generator[Event, None, Source]:
    """Opens a source on another thread, since a folder of a million files takes a while, and says how many there are so far."""
    listing, opened = Listing(), Future[Source]()

    def work() -> None:
        try:
            opened.set_result(reopen(listing))
        except BaseException as error:
            opened.set_exception(error)

    yield Preparing(what)
    threading.Thread(target=work, name="open", daemon=True).start()
    try:
        while not wait((opened,), WAIT).done:
            found = len(listing.files)
            yield Preparing(f"{what}: {found:,} files" if found else what)
    finally:
        listing.abandoned = True
    return opened.result()


def _make(source: Source, options: DataOptions, key: str, for_strokes: bool) -> Generator[Event, None, tuple[cache.Record, DataOptions]]:
    """Returns what was made, and the options with everything that was chosen."""
    yield Preparing(f"counting the pictures of {source.name}")
    selection = select(source, options.preparation.classes)
    few = isinstance(source, ArraySource) or len(selection.indices) <= FEW
    workers = 0 if few else min(processors(), MOST_WORKERS, math.ceil(len(selection.indices) / FEW))
    with WorkerPool(source, workers) as pool:
        if isinstance(source, ArraySource):
            plan = plan_arrays(source, selection, options)
        else:
            plan = plan_pictures(selection, options, (yield from _look(pool, source, selection)))
        if for_strokes:
            check_measurable(source.name, plan.target.height, plan.target.width, plan.target.channels)
        record = yield from Maker(source, selection, plan, key).make(pool)
    return record, _exact(options, plan, record.spec)


def _measurable(found: PreparedData) -> PreparedData:
    """Raises SettingError for images whose strokes can't be measured."""
    spec = found.spec
    check_measurable(spec.name, spec.height, spec.width, spec.channels)
    return found


def _look(pool: WorkerPool, source: Source, selection: Selection) -> Generator[Event, None, Sequence[Look]]:
    """Returns what some of the pictures look like. Raises SettingError where none of them can be read."""
    chosen = sample(selection.indices)
    yield Preparing(f"looking at {len(chosen):,} of {len(selection.indices):,} pictures")
    looks: list[Look] = []
    damaged: list[Damage] = []
    for result in pool.run(LookTask(tuple(chosen[k : k + LOOKS])) for k in range(0, len(chosen), LOOKS)):
        if result is not None:
            looks += result.looks
            damaged += result.damaged
        yield Tick()
    if not looks:
        raise none_readable(source.name, len(chosen), [(damage.name, damage.reason) for damage in damaged])
    return looks


def _exact(options: DataOptions, plan: Plan, spec: DataSpec) -> DataOptions:
    share = spec.preparation.hold_out if spec.preparation else 0.0
    preparation = replace(options.preparation, hold_out=share)
    return DataOptions((plan.target.height, plan.target.width), preparation, plan.target.channels == 1)


def _key(source: Source, fingerprint: str, options: DataOptions) -> str:
    return cache.key_of(source.location, source.class_names, fingerprint, asdict(options))


def _recorded(source: Source, key: str) -> PreparedData | None:
    """What is in the cache under this key."""
    found = cache.read_record(key)
    if found is None:
        return None
    record, images = found
    images.touch()
    is_mnist = source.location == MNIST.source and record.spec.preparation is None
    return PreparedData(MNIST if is_mnist else record.spec, record.findings, images)
