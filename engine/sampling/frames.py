"""What a drawing of few images keeps of its steps: the network's guesses beside its frames."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.protocol.recipe import Images
from engine.sampling.batch import Progress
from engine.sampling.pixels import to_images, to_pixels


class Guesses:
    """The network's guesses at x0, each beside the frame that it was made from. An image that is redrawn takes its own place again."""

    def __init__(self, frames: Mapping[int, Tensor]) -> None:
        """`frames` are those to fill, by their step."""
        self._guesses = {step: torch.empty_like(frame) for step, frame in frames.items()}

    def record(self, progress: Progress) -> None:
        if progress.x0 is not None and (guess := self._guesses.get(progress.step - 1)) is not None:
            guess[progress.places] = to_pixels(progress.x0)

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
        *earlier, _ = (self._guesses[step] for step in sorted(self._guesses))
        return *(to_images(guess) for guess in earlier), images
