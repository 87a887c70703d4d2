"""How well pictures and captions fit, by an image tower and the reader of captions that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.checkpoints.reader import reader_with_digest
from engine.data.batches import to_x0
from engine.models.image_tower import ImageTower
from engine.models.tokenizer import Tokenizer

BATCH = 250
"""Pictures, or captions, at once."""


class Ranker:
    """Both on the CPU. Raises CheckpointError where the reader that ships is not the one that the tower was trained with."""

    def __init__(self, tower: ImageTower) -> None:
        self.tower, self.data = tower, tower.config.data
        self.reader, _ = reader_with_digest(tower.config.reader)
        self._tokenizer = Tokenizer(self.reader.config)

    @torch.inference_mode()
    def encode_pictures(self, images: Tensor) -> Tensor:
        """The codes of images (N, H, W) or (N, H, W, 3) uint8, (N, d)."""
        return torch.cat([self.tower.encode_pictures(to_x0(some.cpu())) for some in torch.split(images, BATCH)])

    @torch.inference_mode()
    def encode_captions(self, texts: Sequence[str]) -> Tensor:
        """The codes of texts, (M, d)."""
        parts = (self._tokenizer(texts[first : first + BATCH]) for first in range(0, len(texts), BATCH))
        return torch.cat([self.tower.encode_captions(self.reader.sentences(tokens)) for tokens in parts])

    @torch.inference_mode()
    def compare(self, pictures: Tensor, captions: Tensor) -> Tensor:
        """The logits of the probability that each caption is true of each picture, (N, M), from codes (N, d) and (M, d)."""
        return self.tower.compare(pictures, captions)

    @torch.inference_mode()
    def compare_pairs(self, pictures: Tensor, captions: Tensor) -> Tensor:
        """The same for the k pictures of each caption, (M, k), from codes (M, k, d) and (M, d)."""
        similar = (pictures * captions[:, None]).sum(2)
        return self.tower.log_scale.exp() * similar + self.tower.bias
