"""The weights of a reader of captions, as a network that is ready to read."""

from __future__ import annotations

from functools import cache

import torch

from engine.checkpoints.lookup import find_weights
from engine.checkpoints.weights import digest_of
from engine.config.encoders import NETWORK_NAMES
from engine.errors import CheckpointError
from engine.models.text import CaptionReader
from engine.runs.caption_reader import CAPTION_READER


def load_reader(name: str) -> CaptionReader:
    """The reader with the weights of this name, in float32 on the CPU. Raises RunError or CheckpointError; runs no code from the file."""
    weights = find_weights(name)
    if weights.model.text is None or weights.model.network != "text":
        found = NETWORK_NAMES[weights.model.network]
        raise CheckpointError(f"{name} is {found}, and not a reader of captions; train one with: digitty train --preset text")
    with torch.device("meta"):
        reader = CaptionReader(weights.model.text)
    reader.load_state_dict(weights.tensors, assign=True)
    return reader.eval().requires_grad_(False)


@cache
def shipped_reader() -> CaptionReader | None:
    """The reader that comes with digitty, loaded once; None where its file is missing. Raises CheckpointError."""
    return load_reader(str(CAPTION_READER)) if CAPTION_READER.exists() else None


def reader_with_digest(wanted: str | None = None) -> tuple[CaptionReader, str]:
    """The reader that comes with digitty, on the CPU, and its digest.

    Raises CheckpointError where its file is missing or damaged, or where it is not the `wanted` one, which an image tower was trained with.
    """
    reader = shipped_reader()
    if reader is None:
        raise CheckpointError("the reader of captions that comes with digitty is missing; install digitty again")
    digest = digest_of(reader.state_dict())
    if wanted is not None and wanted != digest:
        raise CheckpointError(
            "this image tower was trained with another reader of captions than the one that ships; train one with: digitty train --preset rank"
        )
    return reader, digest
