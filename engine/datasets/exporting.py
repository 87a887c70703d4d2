"""Some images of a prepared data set for people to look at, and all of them in an .npz file for any program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.datasets.cache import Prepared
from engine.errors import OutputError, StorageError
from engine.protocol.recipe import Images
from engine.storage.atomic import write_atomic
from engine.storage.images import columns_for, contact_sheet

if TYPE_CHECKING:
    import numpy.typing as npt


def sample_images(prepared: Prepared, count: int) -> Images:
    """At most `count` training images: of each class in turn, evenly spaced within it. Raises StorageError where the cache can't be read."""
    import numpy as np

    images, labels = _load(prepared, "images.npy", True), _load(prepared, "labels.npy", True)
    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)[:count]]
    each = -(-count // len(by_class))
    chosen = [int(own[k * len(own) // each]) for own in by_class for k in range(min(each, len(own)))][:count]
    spec = prepared.spec
    return Images(b"".join(images[k].tobytes() for k in chosen), len(chosen), spec.height, spec.width, spec.channels)


def save_sheet(path: Path, images: Images) -> None:
    """Write the images side by side as a PNG. Raises OutputError."""
    sheet = contact_sheet(images, columns_for(len(images)), gap=2)
    write_atomic(path, lambda file: sheet.save(file, "PNG"), OutputError)


def save_arrays(path: Path, prepared: Prepared) -> None:
    """Write the images just as training sees them, as an .npz file that is itself a source. Raises OutputError and StorageError."""
    import numpy as np

    arrays: dict[str, npt.NDArray[Any]] = {}
    for train in (True, False) if prepared.spec.test_images else (True,):
        prefix = "" if train else "test_"
        arrays[f"{prefix}images"] = _load(prepared, "images.npy", train)
        if prepared.spec.class_names:
            arrays[f"{prefix}labels"] = _load(prepared, "labels.npy", train)
    if prepared.spec.class_names:
        arrays["class_names"] = np.array(prepared.spec.class_names)
    write_atomic(path, lambda file: np.savez(file, **arrays), OutputError)  # type: ignore[arg-type]  # its stub takes allow_pickle for one of them


def _load(prepared: Prepared, name: str, train: bool) -> npt.NDArray[Any]:
    import numpy as np

    try:
        array: npt.NDArray[Any] = np.load(prepared.path(name, train), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise StorageError(f"can't read {prepared.path(name, train)}: {error}; prepare the data set again") from None
    return array
