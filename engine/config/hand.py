"""Where a handwriting is read from before a drawing starts: a number, files of digits, or digits. Plain Python: reads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from engine.config.fields import MAX_SEED, check_within
from engine.errors import SettingError

MOST_FILES = 64


@dataclass(frozen=True)
class HandSource:
    """Exactly one of the three. Equal ones make equal codes. Raises SettingError."""

    number: int | None = None
    """Of a hand that no person has, always the same; see `engine.sampling.hands.hand_of_seed`."""
    files: tuple[str, ...] = ()
    """Pictures of digits, whose hands are averaged."""
    digits: tuple[tuple[int, bytes], ...] = ()
    """Labels and pixels of digits as MNIST has them, 28 rows of 28 bytes, bright on dark, whose hands are averaged."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(self.files))
        object.__setattr__(self, "digits", tuple(self.digits))
        if [self.number is not None, bool(self.files), bool(self.digits)].count(True) != 1:
            raise SettingError("a hand is that of a number, of files or of digits; give one of them")
        if self.number is not None:
            check_within("hand", self.number, 0, MAX_SEED)
        if len(self.files) > MOST_FILES:
            raise SettingError(f"a hand is read from at most {MOST_FILES} files, not {len(self.files)}")
