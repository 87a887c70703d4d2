"""How the pictures of a source are to become images: what the user chose, and what is left open. Plain Python."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.config.data import DataSpec, Preparation
from engine.config.data_choice import DataChoice

USUAL_SIZES = (28, 32, 48, 64, 96, 128)
"""The sides that are chosen from where the user names none."""
USUAL_HOLD_OUT, ENOUGH = 0.1, 100
"""The share that is kept from training where the user says nothing, of more pictures than this."""


@dataclass(frozen=True)
class DataOptions:
    """How pictures become images."""

    sides: tuple[int, int] | None = None
    """(height, width) in pixels; None: the pictures decide."""
    preparation: Preparation = field(default_factory=Preparation)
    grey: bool = False
    """Whether colours become grey; otherwise the images have colour if the pictures do."""
    chooses_hold_out: bool = False
    """Whether a share is kept from training where the source has no test images and enough others; otherwise only what `preparation` says."""

    @classmethod
    def of(cls, choice: DataChoice) -> DataOptions:
        """The options of what someone asks to train on."""
        return cls(choice.height_width(), choice.preparation(), choice.grey, choice.hold_out is None)

    @classmethod
    def again(cls, spec: DataSpec) -> DataOptions:
        """The options that make the images of a spec again."""
        return cls((spec.height, spec.width), spec.preparation or Preparation(), spec.channels == 1)

    @property
    def plain(self) -> bool:
        """Whether images that have one size already are used as they are."""
        return self.sides is None and not self.grey and not self.preparation.classes and not self.preparation.hold_out


def format_sides(height: int, width: int) -> str:
    """64, or 48x64, as --size takes it."""
    return str(height) if height == width else f"{height}x{width}"
