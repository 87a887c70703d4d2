"""What a run's network is told of its images: strokes, which are kept in the run once they are measured, hands and captions."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoints.tensor_file import read_tensor_file, write_tensor_file
from engine.config.condition import ATTRIBUTES, VARIANTS
from engine.config.training import TrainConfig
from engine.data.measured import Measured, measure, measure_nothing
from engine.data.texts import load_texts
from engine.errors import CheckpointError, StorageError
from engine.process.distributed import ProcessGroup
from engine.protocol.events import Event, Notice
from engine.runs.run import Run
from engine.training.conditions import TrainingConditions
from engine.training.hand_references import HandReferences, read_codes
from engine.training.rank_captions import check_ranked
from engine.training.told_captions import Captions, MeasuredCaptions, OwnCaptions

FORMAT = "digitty-measures"


def measure_strokes(config: TrainConfig, images: tuple[Tensor, Tensor], run: Run | None = None) -> Generator[Event, None, Measured | None]:
    """Returns what was measured of the training images, where the network is told it, or ranks them by it.

    A run to resume keeps it, so that it is told the same as before even if measures have changed since. One process measures, the others wait.
    Raises SettingError or StorageError.
    """
    told = config.model.conditions
    if config.model.network == "tower":
        check_ranked(config)
    elif not config.attributes and (told is None or not told.tells_strokes):
        return None
    if run is not None and _path(run).exists():
        try:
            return _read(_path(run), images[1].cpu())
        except CheckpointError as error:
            yield Notice(f"{error}; strokes are measured again")
    return (yield from measure(config.data, *images))


def keep_measures(run: Run, measured: Measured) -> None:
    """Writes them into the run, unless they are there. Raises StorageError."""
    if not _path(run).exists():
        tensors = {"attributes": measured.attributes.float(), "variants": measured.variants.to(torch.int8)}
        write_tensor_file(_path(run), FORMAT, tensors, {}, StorageError)


def read_conditions(
    config: TrainConfig, images: tuple[Tensor, Tensor], measured: Measured | None, writers: Tensor | None, group: ProcessGroup
) -> Generator[Event, None, TrainingConditions | None]:
    """Returns what the network is told of the images besides their class; None: nothing. Rank 0 reads hands, and keeps them for the others."""
    told = config.model.conditions
    if told is None or not config.model.draws:
        return None
    measured = measured or measure_nothing(images[1])
    hands: HandReferences | None = None
    if config.hands:
        yield from group.stream_on_leader(_read_codes_first(config, images))
        hands = HandReferences((yield from read_codes(config.data, *images)), writers)
    captions: Captions | None = None
    if told.text:
        captions = OwnCaptions(load_texts(config.data, config.limit)) if config.data.texts else MeasuredCaptions(measured, told)
    return TrainingConditions(config, measured, hands, captions)


def _read_codes_first(config: TrainConfig, images: tuple[Tensor, Tensor]) -> Generator[Event, None, None]:
    """So that they lie in the cache."""
    yield from read_codes(config.data, *images)


def _path(run: Run) -> Path:
    return run.path / "measures.safetensors"


def _read(path: Path, labels: Tensor) -> Measured:
    tensors, _ = read_tensor_file(path, FORMAT, "delete it")
    attributes, variants = (tensors.get(name, torch.empty(0)) for name in ("attributes", "variants"))
    shapes = (attributes.shape, variants.shape)
    if shapes != ((len(labels), len(ATTRIBUTES)), (len(labels), len(VARIANTS))) or (attributes.dtype, variants.dtype) != (torch.float32, torch.int8):
        raise CheckpointError(f"{path} holds the measures of another run")
    return Measured(attributes.double(), variants.long(), labels)
