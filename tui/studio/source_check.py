"""A first look at what someone wants to train on, on another thread: how many pictures it has, of which classes, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from textual.message_pump import MessagePump

from engine.config.data import MNIST
from engine.errors import DigittyError
from tui.studio.background import run_in_background

CLASSES_NAMED = 4
MOST_ENTRIES = 1000
"""Files of a folder that a completion looks at."""


class SourceCheck:
    """Looks at one source at a time; `on_found` is called on the screen's thread when something is known of the last one that was asked for."""

    def __init__(self, app: MessagePump, on_found: Callable[[], None]) -> None:
        self._app, self._on_found = app, on_found
        self._asked = ""
        self._found: dict[str, str | DigittyError] = {}

    def look(self, source: str) -> None:
        """Look at a source, unless that was done or is under way."""
        if source != self._asked and source not in self._found:
            run_in_background(self._app, lambda: describe_source(source), lambda found: self._keep(source, found))
        self._asked = source

    def _keep(self, source: str, found: str | DigittyError) -> None:
        self._found[source] = found
        if source == self._asked:
            self._on_found()

    def words(self, source: str) -> str:
        """What is known of a source: 1,204 pictures of 3 classes: cat, dog, hen. Raises DigittyError for one that can't be used."""
        if source not in self._found and "/" in source and not _exists(source):
            return describe_source(source)  # which says at once that there is nothing
        found = self._found.get(source, "looking…")
        if isinstance(found, DigittyError):
            raise found
        return found


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False


def describe_source(source: str) -> str:
    """What a source holds, without reading its pictures. Raises DigittyError where it holds none."""
    if source.strip().lower() == MNIST.source:
        return describe_classes(MNIST.train_images, MNIST.class_names)
    from engine.datasets.sources.registry import open_source

    opened = open_source(source)
    words = describe_classes(len(opened), opened.class_names)
    return f"{words}; {opened.warnings[0]}" if opened.warnings else words


def describe_classes(pictures: int, names: tuple[str, ...]) -> str:
    """1,204 pictures of 3 classes: cat, dog, hen"""
    count = f"{pictures:,} picture{'' if pictures == 1 else 's'}"
    if not names:
        return f"{count} without classes"
    listed = ", ".join(names[:CLASSES_NAMED]) + (", …" if len(names) > CLASSES_NAMED else "")
    return f"{count} of {len(names):,} class{'' if len(names) == 1 else 'es'}: {listed}"


def complete_source(text: str) -> str | None:
    """The text with the rest of the known data set's name, the prepared set or the folder or file that it begins; None for none."""
    if not text:
        return None
    found = (name for name in (*known_sources(), *_paths(text)) if len(name) > len(text) and name.casefold().startswith(text.casefold()))
    return next((text + name[len(text) :] for name in found), None)


def known_sources() -> Iterator[str]:
    """The names of data sets that need no path, then the sources of the prepared ones."""
    from engine.datasets.cache import all_prepared
    from engine.datasets.sources import solids
    from engine.datasets.sources.known import KNOWN

    yield from dict.fromkeys((MNIST.source, solids.NAME, *KNOWN))
    yield from (prepared.spec.source for prepared in all_prepared())


def _paths(text: str) -> Iterator[str]:
    """The folders and files that a path begins, as it is written; folders end in a slash."""
    folder, slash, start = text.rpartition("/")
    if not slash and not text.startswith((".", "~")):
        folder = ""
    try:
        entries = sorted(entry for _, entry in zip(range(MOST_ENTRIES), Path(folder + slash or ".").expanduser().iterdir(), strict=False))
        for entry in entries:
            if not entry.name.startswith(".") or start.startswith("."):
                yield f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
    except (OSError, RuntimeError, ValueError):
        return
