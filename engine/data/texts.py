"""The texts that come with training images: their captions."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config.data import DataSpec
from engine.datasets import cache
from engine.errors import StorageError
from engine.formatting import printable


def load_texts(spec: DataSpec, limit: int | None = None) -> Sequence[str | None]:
    """The text of each of the first `limit` training images of a data set that has some, None for those without; once its images are fetched.

    Raises StorageError.
    """
    found = cache.find_images(spec.digest, spec.test_images, spec.texts)
    try:
        texts = found.texts() if found else []
    except (OSError, ValueError) as error:
        raise StorageError(f"can't read the texts of {printable(spec.name)}: {error}") from None
    if len(texts) != spec.train_images or not all(text is None or isinstance(text, str) for text in texts):
        raise StorageError(f"the prepared texts of {printable(spec.name)} are missing; remove its images with digitty data clear, and try again")
    return texts[:limit]
