"""Finds out from the names of files which are pictures, which classes they have, and which are kept from training. Reads no pictures.

The rules are those of torchvision's ImageFolder (one folder a class) and Hugging Face's imagefolder (metadata beside the pictures, train/ and
test/). They are the same for folders and archives.
"""

from __future__ import annotations

import posixpath
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from engine.config.data import MOST_CLASSES
from engine.datasets.sources import metadata
from engine.datasets.sources.container import LARGEST_METADATA, Listing, name_some
from engine.datasets.sources.names import fit_names
from engine.datasets.sources.picture import SUFFIXES
from engine.errors import SettingError
from engine.formatting import printable

TRAINING = frozenset({"train", "training"})
TESTING = frozenset({"test", "testing", "val", "valid", "validation"})
"""Folders, in lower case, whose pictures are trained on and kept from training."""

Read = Callable[[str, int], bytes]


@dataclass(frozen=True, slots=True)
class Found:
    """A picture with what its place or its metadata say of it."""

    name: str
    label: str | None
    text: str | None
    test: bool


@dataclass
class Layout:
    """The pictures in order, the training pictures first."""

    class_names: tuple[str, ...] = ()
    names: list[str] = field(default_factory=list)
    labels: array[int] = field(default_factory=lambda: array("i"))
    """-1: no class."""
    texts: list[str | None] | None = None
    """None: no picture has one."""
    training: int = 0
    """How many are trained on."""
    metadata: list[str] = field(default_factory=list)
    """The names of the metadata files."""
    warnings: list[str] = field(default_factory=list)


def arrange(listing: Listing, read: Read, where: str, archive: bool, depth: int = 1) -> Layout:
    """The layout of the files. `read` gives the content of a metadata file, `where` names the container in messages.

    depth: how many folders within each other name a class.

    Raises SettingError where there is no picture, or the metadata don't fit.
    """
    layout = Layout(warnings=list(listing.warnings))
    pictures = _sift(listing, layout)
    base = _find_base(listing, pictures, archive)
    if base and not archive:
        layout.warnings.append(f"the pictures are those of {printable(base)}, the only folder there")
    found = list(_find(listing, pictures, base, read, layout, depth))
    if not any(not each.test for each in found):
        raise SettingError(_explain_none(where, layout))
    _label(found, layout)
    return layout


def _explain_none(where: str, layout: Layout) -> str:
    left = f" ({'; '.join(layout.warnings)})" if layout.warnings else ""
    return printable(
        f"no picture to train on in {where}{left}; give a folder of pictures such as PNG or JPEG, or one with a folder for each class", 600
    )


def _sift(listing: Listing, layout: Layout) -> list[str]:
    """The names of the pictures, in the listing's order."""
    pictures, others = [], Counter[str]()
    empty = []
    for name, size in listing.files.items():
        ending = posixpath.splitext(name)[1].lower()
        if ending not in SUFFIXES:
            if posixpath.basename(name) not in metadata.NAMES:
                others[ending] += 1
        elif not size:
            empty.append(name)
        else:
            pictures.append(name)
    if empty:
        layout.warnings.append(f"left out {_count(len(empty), 'empty file')}: {name_some(empty)}")
    if others:
        kinds = name_some(kind or "no ending" for kind, _ in others.most_common())
        layout.warnings.append(f"left out {_count(others.total(), 'other file')} ({kinds})")
    return pictures


def _find_base(listing: Listing, pictures: list[str], archive: bool) -> str:
    """The folder, with a slash at its end, that classes or halves lie in: further down where each folder holds nothing but one folder."""
    base = ""
    while pictures and not any(base + name in listing.files for name in metadata.NAMES):
        first = pictures[0].find("/", len(base))
        inner = pictures[0][: first + 1]
        if first < 0 or not all(name.startswith(inner) for name in pictures):
            break
        own = any("/" not in name[len(inner) :] for name in pictures)
        if own and not (archive and not base) and inner[len(base) : -1].lower() not in TRAINING | TESTING:
            break  # a folder of pictures, and so a class
        base = inner
    return base


def _find(listing: Listing, pictures: list[str], base: str, read: Read, layout: Layout, depth: int) -> Iterator[Found]:
    """All pictures with their labels, the training pictures first. Raises SettingError."""
    if (rows := _read_metadata(listing, base, read, layout)) is not None:
        found = list(_match(listing, pictures, base, rows, layout))
        testing = {each.name for each in found if each.name[len(base) :].partition("/")[0].lower() in TESTING}
        if len(testing) == len(found):
            testing = set()  # test/ alone is no half
        yield from sorted((Found(each.name, each.label, each.text, each.name in testing) for each in found), key=lambda each: each.test)
        return
    tops = {name[len(base) :].partition("/")[0] for name in pictures if "/" in name[len(base) :]}
    halves = {test: sorted(top for top in tops if top.lower() in kinds) for test, kinds in ((False, TRAINING), (True, TESTING))}
    if not (halves[False] and halves[True]):
        yield from _find_half(listing, pictures, base, False, read, layout, depth)
        return
    inside = tuple(f"{base}{top}/" for tops in halves.values() for top in tops)
    if outside := [name for name in pictures if not name.startswith(inside)]:
        where = name_some(part[len(base) :] for part in inside)
        layout.warnings.append(f"left out {_count(len(outside), 'picture')} outside {where}: {name_some(outside)}")
    for test, folders in halves.items():
        for folder in folders:
            half = f"{base}{folder}/"
            yield from _find_half(listing, [name for name in pictures if name.startswith(half)], half, test, read, layout, depth)


def _find_half(listing: Listing, pictures: list[str], base: str, test: bool, read: Read, layout: Layout, depth: int) -> Iterator[Found]:
    """The pictures below one folder, labelled by its metadata or its folders."""
    if (rows := _read_metadata(listing, base, read, layout)) is not None:
        for each in _match(listing, pictures, base, rows, layout):
            yield Found(each.name, each.label, each.text, test)
        return
    inside = [name for name in pictures if "/" in name[len(base) :]]
    if not inside:
        yield from (Found(name, None, None, test) for name in pictures)
        return
    classes = set()
    for name in inside:
        folders = name[len(base) :].split("/")[:-1]
        classes.add(folders[0])
        yield Found(name, "/".join(folders[:depth]), None, test)
    if loose := [name for name in pictures if "/" not in name[len(base) :]]:
        layout.warnings.append(f"left out {_count(len(loose), 'picture')} beside the folders of the classes: {name_some(loose)}")
    tops = {folder[len(base) :] for folder in listing.folders if folder.startswith(base) and "/" not in folder[len(base) :]}
    if empty := sorted(tops - classes - {""}):
        layout.warnings.append(f"left out {_count(len(empty), 'folder')} without pictures: {name_some(empty)}")


def _read_metadata(listing: Listing, base: str, read: Read, layout: Layout) -> list[metadata.Row] | None:
    """The rows of the folder's metadata file, if it has one. Raises SettingError."""
    there = [base + name for name in metadata.NAMES if base + name in listing.files]
    if not there:
        return None
    if len(there) > 1:
        raise SettingError(f"there are both {printable(there[0])} and {printable(there[1])}; remove one of them")
    layout.metadata.append(there[0])
    return metadata.parse_metadata(there[0], read(there[0], LARGEST_METADATA))


def _match(listing: Listing, pictures: list[str], base: str, rows: list[metadata.Row], layout: Layout) -> Iterator[Found]:
    """The pictures that the rows name, in the listing's order. Raises SettingError for files that are not there."""
    named = layout.metadata[-1]
    by_name: dict[str, metadata.Row] = {}
    for row in rows:
        by_name.setdefault(base + row.file_name, row)
    if missing := [name for name in by_name if name not in listing.files]:
        what = _count(len(missing), "file")
        raise SettingError(f"{printable(named)} names {what} that can't be found: {name_some(missing)}; correct it, or bring the pictures")
    if len(by_name) < len(rows):
        layout.warnings.append(f"{printable(named)} names {_count(len(rows) - len(by_name), 'picture')} twice; the first line counts")
    unnamed = [name for name in pictures if name.startswith(base) and name not in by_name]
    if unnamed:
        layout.warnings.append(f"left out {_count(len(unnamed), 'picture')} that {printable(named)} does not name: {name_some(unnamed)}")
    for name, size in listing.files.items():
        if size and name in by_name:
            row = by_name[name]
            yield Found(name, row.label, row.text, False)


def _label(found: list[Found], layout: Layout) -> None:
    """Number the classes, and put the pictures into the layout. Raises SettingError for more classes than digitty takes."""
    raw = {each.label for each in found if not each.test and each.label is not None}
    classes = sorted(raw, key=int) if layout.metadata and all(name.isascii() and name.isdigit() for name in raw) else sorted(raw)
    if len(classes) > MOST_CLASSES:
        way_out = "to train without classes, put all pictures into one folder"
        raise SettingError(f"there are {len(classes):,} classes, and the most is {MOST_CLASSES:,}; {way_out}")
    numbers = {name: number for number, name in enumerate(classes)}
    layout.class_names = fit_names(classes)
    foreign, unlabelled = Counter[str](), []
    for each in found:
        if classes and each.label is None:
            unlabelled.append(each.name)
        elif classes and each.label not in numbers:
            foreign[str(each.label)] += 1
        else:
            layout.names.append(each.name)
            layout.labels.append(numbers[each.label] if classes and each.label is not None else -1)
            layout.training += not each.test
    if any(each.text for each in found):
        texts = {each.name: each.text for each in found}
        layout.texts = [texts[name] for name in layout.names]
    if unlabelled:
        layout.warnings.append(f"left out {_count(len(unlabelled), 'picture')} without a class: {name_some(unlabelled)}")
    if foreign:
        count = _count(foreign.total(), "test picture")
        layout.warnings.append(f"left out {count} of classes that no training picture has: {name_some(sorted(foreign))}")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
