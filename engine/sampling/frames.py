"""What a drawing keeps of its steps: frames, and on request the network's guesses beside them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.protocol.recipe import Images
from engine.sampling.batch import Progress
from engine.sampling.pixels import to_images, to_pixels

UNDEVELOPED = 1 << 22
"""Numbers in tensors that may wait to become pictures. Turning them into bytes together costs a fraction of doing so after each step."""


class Frames:
    """Pictures of all images after some steps. An image that is redrawn takes its own place again, unless the drawing before it stays."""

    def __init__(self, like: Tensor, steps: Sequence[int]) -> None:
        """`like` are the images (N, H, W) or (N, H, W, 3) uint8; `steps` ascend, and the last one is the last step of the drawing."""
        self._pictures = like.new_empty(len(steps), *like.shape)
        self._rows = {step: row for row, step in enumerate(steps)}
        self._last = steps[-1]
        self._before = self._pictures[:0]
        self._waiting: list[tuple[int, Tensor]] = []
        self.at = dict(zip(steps, self._pictures, strict=True))
        """By the number of steps before them. Complete after the last step."""

    def record(self, progress: Progress, step: int, x: Tensor | None) -> None:
        """Keeps the batch x (N, C, H, W) in [-1, 1] after this step, if it is one of `steps`. For each progress of a drawing in a single batch."""
        if progress.redrawing and progress.step == 0:
            self._before = self._pictures.clone()
        if x is not None and step in self._rows:
            self._waiting.append((self._rows[step], x))
        if self._waiting and (progress.step == self._last or len(self._waiting) * self._waiting[0][1].numel() >= UNDEVELOPED):
            self._develop(progress.places)
        if progress.restored:
            self._pictures[:, progress.restored] = self._before[:, progress.restored]

    def _develop(self, places: Sequence[int]) -> None:
        rows = [row for row, _ in self._waiting]  # one after the other
        pixels = to_pixels(torch.cat([x for _, x in self._waiting]))
        self._pictures[rows[0] : rows[-1] + 1, places] = pixels.reshape(len(rows), len(places), *pixels.shape[1:])
        self._waiting.clear()


class Guesses(Frames):
    """The network's guesses at x0, each beside the frame that it was made from."""

    @staticmethod
    def of_last_step(progress: Progress, now: Tensor) -> tuple[Images, Images] | None:
        """x_t before the step and the guess made from it. Other images than those of the batch are as they are now."""
        if progress.before is None or progress.x0 is None:
            return None
        before, guess = now.clone(), now.clone()
        before[progress.places], guess[progress.places] = to_pixels(progress.before), to_pixels(progress.x0)
        return to_images(before), to_images(guess)

    def finished(self, images: Images) -> tuple[Images, ...]:
        """The guesses for all frames, the last of which are the finished images."""
        *earlier, _ = (self.at[step] for step in sorted(self.at))
        return *(to_images(guess) for guess in earlier), images
