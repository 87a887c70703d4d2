"""The real hands that an encoder's weights keep, without anything that says whose they are."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import torch
from torch import Tensor

from engine.checkpoints.encoder import to_encoder
from engine.checkpoints.weights import ModelWeights
from engine.compute.seeds import derive_seed
from engine.config.training import TrainConfig
from engine.data.registry import fetch_images, load_images
from engine.datasets.writers import UNKNOWN
from engine.models.writer import KNOWN_HANDS
from engine.protocol.events import Event, Preparing
from engine.runs.run import Run
from engine.sampling.hands import encode, mean_hand
from engine.training.run_writers import find_writers


def keep_hands(weights: ModelWeights, run: Run) -> Generator[Event, None, ModelWeights]:
    """Returns an encoder's weights with the hands of the writers that its run was trained on.

    Raises RunError, SettingError or StorageError where the run or its images are not there any more.
    """
    config: TrainConfig = run.config()
    yield from fetch_images(config.data)
    images, labels = load_images(config.data, True, limit=config.limit)
    writers = yield from find_writers(config, labels, None, run)
    yield Preparing("reading the hands of its writers")
    codes = encode(to_encoder(weights, run.name), images, labels)
    return replace(weights, tensors={**weights.tensors, "hands": hands_of(codes, writers, config.seed)})


def hands_of(codes: Tensor, writers: Tensor, seed: int) -> Tensor:
    """The mean hand of each writer, shuffled, (KNOWN_HANDS, d): of more writers some are left out, and of fewer some occur twice.

    codes (N, d) and writers (N,); images whose writer is UNKNOWN count for none.
    """
    known = [writer for writer in torch.unique(writers).tolist() if writer != UNKNOWN]
    hands = torch.stack([mean_hand(codes[writers == writer]) for writer in known])
    order = torch.randperm(len(hands), generator=torch.Generator().manual_seed(derive_seed(seed, 0, 16)))
    return hands[order.repeat(-(-KNOWN_HANDS // len(order)))[:KNOWN_HANDS]]
