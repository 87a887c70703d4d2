"""What an image tower has learned, to look at: captions, and the images that fit each of them best."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from engine.checkpoints.reader import reader_with_digest
from engine.models.image_tower import ImageTower
from engine.models.tokenizer import Tokenizer
from engine.protocol.events import Event, Tick
from engine.protocol.recipe import Images
from engine.training.trainer import Trainer

SHOWN = ("bold 7", "not wide 3")
"""Short enough for a tile of ten columns."""
BEST = 4
COMPARED = 1000
"""Training images that are ranked: the first ones."""
BATCH = 250


def ranked_images(trainer: Trainer) -> Generator[Event, None, tuple[Images, tuple[str, ...]]]:
    """Returns for each caption a black image that carries it, then the BEST images that fit it best, with the probability that it is true of them.

    By the average weights. Yields Ticks.
    """
    tower, data = trainer.ema.model, trainer.config.data
    assert isinstance(tower, ImageTower)
    reader, _ = reader_with_digest(trainer.config.model.reader)
    n, parts = min(COMPARED, trainer.config.images), []
    with torch.no_grad():
        captions = tower.encode_captions(reader.sentences(Tokenizer(reader.config)(SHOWN)).to(trainer.device))
    for first in range(0, n, BATCH):
        parts.append(_encode(trainer, tower, torch.arange(first, min(first + BATCH, n))))
        yield Tick()
    with torch.no_grad():
        fits, best = tower.compare(torch.cat(parts), captions).T.sigmoid().topk(min(BEST, n), 1)
    pixels, texts = trainer.batches.images, []
    rows = torch.zeros(len(SHOWN), 1 + best.shape[1], *pixels.shape[1:], dtype=torch.uint8)
    for k, caption in enumerate(SHOWN):
        rows[k, 1:] = pixels[best[k].to(pixels.device)].cpu()
        texts += [caption, *(f"{fit:.2f}" for fit in fits[k].tolist())]
    return Images(rows.numpy().tobytes(), len(texts), data.height, data.width, data.channels), tuple(texts)


@torch.no_grad()
def _encode(trainer: Trainer, tower: ImageTower, places: Tensor) -> Tensor:
    x0, _ = trainer.batches.take(places)
    with trainer.numerics.autocast(trainer.device):
        return tower.encode_pictures(x0.contiguous(memory_format=trainer.numerics.format))
