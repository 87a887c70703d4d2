"""What someone asks to train on: a source of pictures, and how they become images of one size. Plain Python: reads nothing."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.data import Background, DataSpec, Fit, Preparation
from engine.config.fields import check_fields, check_within, setting
from engine.errors import SettingError
from engine.formatting import printable

SMALLEST_SIZE, LARGEST_SIZE = 16, 128
"""Pixels of a side …"""
SIDE_STEP = 4
"""… which is a multiple of this, since the network halves images twice."""
MOST_HELD_OUT = 0.9
_SIZE = re.compile(r"(\d{1,4})(?:[x×](\d{1,4}))?", re.ASCII)  # people paste the sign that other programs print
_OF_PREPARATION = Preparation()


@dataclass(frozen=True)
class DataChoice:
    """A source of pictures and what to make of it. Raises SettingError for values that can't be met, whatever the source holds."""

    source: str = setting(
        "mnist",
        "What to train on: a folder of pictures, an .npz, IDX, Parquet, .zip or .tar file, or a known name such as fashion-mnist. Default: mnist, "
        "which comes with digitty.",
        hint="a folder, a file or a known name",
        option="--data",
    )

    size: str | None = setting(
        None,
        f"Pixels of each side: a multiple of {SIDE_STEP} from {SMALLEST_SIZE} to {LARGEST_SIZE}, or HEIGHTxWIDTH. "
        "Default: whichever of 28, 32, 48, 64, 96 and 128 is nearest to the median picture's size.",
        hint="such as 64 or 48x64; empty: as the pictures",
        kind=str,
        option="--size",
    )

    fit: Fit = setting(
        _OF_PREPARATION.fit,
        "How a picture of another shape becomes an image. crop: cut off what does not fit; pad: add a border; stretch: change its shape.",
        choices=Fit,
        option="--fit",
    )

    background: Background = setting(
        _OF_PREPARATION.background,
        "The colour behind transparent pixels, and of the border that --fit pad adds.",
        choices=Background,
        option="--background",
    )

    grey: bool = setting(False, "Make colour pictures grey.", option="--grey")

    classes: str | None = setting(
        None,
        "Use only these classes, separated by commas; names that contain a comma are put in double quotes.",
        hint="such as cat,dog; empty: all",
        kind=str,
        option="--classes",
    )

    hold_out: str | None = setting(
        None,
        "The share of the images that is kept from training, to judge with, such as 10%; 0: none. A source that has test images keeps those instead. "
        "Default: 10% where there are more than 100 pictures.",
        hint="such as 10%, or 0; empty: 10% of more than 100",
        kind=str,
        option="--hold-out",
    )

    data_root: str | None = setting(
        None,
        "The folder that holds the files of a known data set; without it, they are downloaded.",
        hint="where the files of a known data set lie",
        kind=str,
        option="--data-root",
    )

    def __post_init__(self) -> None:
        check_fields(self)
        self.preparation()
        self.height_width()

    @property
    def plain(self) -> bool:
        """Whether the source's images are to be used as they come, with nothing asked about their size, colours, classes or shares."""
        return (self.size, self.grey, self.classes) == (None, False, None) and not parse_share(self.hold_out)

    def height_width(self) -> tuple[int, int] | None:
        """The size that was asked for, in pixels; None: the source decides."""
        if self.size is None:
            return None
        found = _SIZE.fullmatch(self.size.strip())
        if not found:
            raise SettingError(
                f"size {printable(repr(self.size), 40)} is not a size in pixels; use a number such as 64, or HEIGHTxWIDTH such as 48x64"
            )
        height, width = int(found[1]), int(found[2] or found[1])
        for side in (height, width):
            check_within("size", side, SMALLEST_SIZE, LARGEST_SIZE)
            if side % SIDE_STEP:
                near = round(side / SIDE_STEP) * SIDE_STEP
                raise SettingError(f"size {side} is not a multiple of {SIDE_STEP}; the nearest is {near}")
        return height, width

    def preparation(self) -> Preparation:
        """How the pictures are prepared, as a DataSpec records it."""
        return Preparation(self.fit, self.background, parse_names(self.classes), parse_share(self.hold_out))


def choice_again(choice: DataChoice, spec: DataSpec) -> DataChoice:
    """The choice of a source that makes the images of a spec again, if the source still has them: prepared as they were."""
    if spec.preparation is None:
        return DataChoice(choice.source, hold_out="0", data_root=choice.data_root)
    made = spec.preparation
    return DataChoice(
        choice.source,
        f"{spec.height}x{spec.width}",
        made.fit,
        made.background,
        spec.channels == 1,
        format_names(made.classes) if made.classes else None,
        str(made.hold_out),
        choice.data_root,
    )


def parse_names(text: str | None) -> tuple[str, ...]:
    """The names in a list with commas; those that hold a comma stand in double quotes. Raises SettingError where there are none or one is empty."""
    if text is None:
        return ()
    try:
        names = tuple(name.strip() for row in csv.reader([text], skipinitialspace=True) for name in row)
    except csv.Error:
        names = ()
    if not names or not all(names):
        raise SettingError(f"classes {printable(repr(text), 80)} is not a list of names such as cat,dog")
    if len(set(names)) < len(names):
        raise SettingError(f"classes {printable(repr(text), 80)} names a class twice")
    return names


def format_names(names: Sequence[str]) -> str:
    """The reverse of `parse_names`."""
    return ",".join('"{}"'.format(name.replace('"', '""')) for name in names)


def parse_share(text: str | None) -> float:
    """0.1 for 10% or 0.1; 0 for None. Raises SettingError."""
    if text is None:
        return 0.0
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        raise SettingError(f"hold-out {printable(repr(text), 40)} is not a share such as 10%") from None
    if not percent and share > 1:
        raise SettingError(
            f"hold-out {printable(text, 40)} is more than everything; for {printable(text, 40)} in a hundred, use {printable(text, 40)}%"
        )
    if not 0 <= share <= MOST_HELD_OUT:
        raise SettingError(f"hold-out {printable(text.strip(), 40)} is outside 0% to {MOST_HELD_OUT:.0%}")
    return share
