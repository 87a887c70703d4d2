"""What a drawing keeps of its steps: frames, and on request the network's guesses beside them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.protocol.recipe import Images
from engine.sampling.batch import Progress
from engine.sampling.pixels import to_images, to_pixels


class Frames:
    """Pictures of all images after some steps. An image that is redrawn takes its own place again, unless the drawing before it stays."""

    def __init__(self, like: Tensor, steps: Sequence[int]) -> None:
        """`like` are the images (N, H, W) or (N, H, W, 3) uint8."""
        self.at = {step: torch.empty_like(like) for step in steps}
        """By the number of steps before them."""
        self._before: dict[int, Tensor] = {}

    def record(self, progress: Progress, step: int, x: Tensor | None) -> None:
        """Pictures of the batch x (N, C, H, W) in [-1, 1] after this step, if they are kept. For each progress of a drawing in a single batch."""
        if progress.redrawing and progress.step == 0:
            self._before = {step: frame.clone() for step, frame in self.at.items()}
        if x is not None and step in self.at:
            self.at[step][progress.places] = to_pixels(x)
        if progress.restored:
            for step, frame in self.at.items():
                frame[progress.restored] = self._before[step][progress.restored]


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
