"""Pictures of any kind as strokes, bright on dark."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image


def to_strokes(picture: Image.Image | npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture in mode L, LA, RGB or RGBA, or an array (H, W) or (H, W, 3), as grey values (H, W) of strokes that are brighter than their ground.

    Transparent pixels count as black. Where the border is brighter than the middle grey, as on paper, the picture is turned into its negative.
    """
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    if image.mode in ("LA", "RGBA"):
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    grey = np.asarray(image.convert("L"))
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return 255 - grey if border.mean() > 127.5 else grey
