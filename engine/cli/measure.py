"""`digitty measure`: what the strokes of pictures look like, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.options import force_option, plain_option
from engine.cli.output import print_line, print_path, print_status
from engine.cli.progress import ProgressLine
from engine.errors import OutputError, PictureError
from engine.formatting import printable
from engine.process.signals import interruptible

if TYPE_CHECKING:
    from engine.datasets.sources.source import Source
    from engine.measures.shape import Shape
    from engine.sampling.measure_files import Strokes

LISTED = 20
"""Up to this many pictures are listed one by one. Of more, only the means of each class are."""
LONGEST_NAME = 40
COLUMNS = ("thickness", "slant", "width", "height", "length", "area")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Row:
    """What was measured of one digit of a picture, or of all that it shows."""

    picture: str
    digit: int
    """Its place among those of the picture, from 1."""
    digits: int
    label: str
    """The name of its class; empty if it has none."""
    shape: Shape | None
    """None: the picture is one flat grey."""
    variants: tuple[str, ...]
    """Those of its digit that it shows, such as crossed."""

    def values(self) -> dict[str, Any]:
        shape = dict.fromkeys(COLUMNS) if self.shape is None else {name: round(value, 3) for name, value in asdict(self.shape).items()}
        place = {"picture": self.picture, "digit": self.digit, "digits": self.digits}
        return {**place, "class": self.label, **shape, "variants": " ".join(self.variants)}


@click.command(
    help="Measure the strokes of the pictures in each SOURCE (a picture, a folder, an .npz file, a known data set): thickness, width, height and "
    "length in pixels, area in square pixels, slant in degrees, positive to the right; and variants of digits, such as a crossed seven."
)
@click.argument("names", metavar="SOURCE…", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(min=1), help="Measure the first LIMIT pictures only.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a line for each digit to this .csv file.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each digit on standard output.")
@force_option
@plain_option
def measure(names: tuple[str, ...], limit: int | None, out: Path | None, as_json: bool, force: bool) -> None:
    from engine.storage.images import check_output_path

    if out is not None:
        check_output_path(out, (".csv",), force)
    sources = [_open(name) for name in names]
    rows = []
    with interruptible(), ProgressLine() as bar:
        bar.wait()
        count = min(sum(map(len, sources)), limit or sys.maxsize)
        for done, found in enumerate(islice(_measure_all(names, sources), count), 1):
            if isinstance(found, PictureError):
                bar.clear()
                print_status(f"left out {found}")
                continue
            rows += found
            if as_json:
                for row in found:
                    print_line(json.dumps(row.values(), ensure_ascii=False))
            bar.show(f"{done:,} of {count:,} pictures", done / count)
    if not rows:
        raise PictureError("no picture could be measured")
    if out is not None:
        _write(out, rows)
        print_path(out)
    elif not as_json:
        for line in _list(rows) if len(rows) <= LISTED else _summarise(rows):
            print_line(line)


def _open(name: str) -> Source:
    """Raises SettingError or StorageError where there are no pictures."""
    from engine.datasets.sources.one_picture import OnePicture
    from engine.datasets.sources.registry import expand, is_picture_file, open_source

    source = OnePicture(expand(name)) if is_picture_file(name) else open_source(name)
    for warning in source.warnings:
        print_status(warning)
    return source


def _measure_all(names: Sequence[str], sources: Sequence[Source]) -> Iterator[list[Row] | PictureError]:
    """The rows of each picture, or why it can't be measured. A picture is called by the name of its source too where there are several."""
    from engine.datasets.sources.one_picture import OnePicture
    from engine.sampling.measure_files import read_strokes

    for name, source in zip(names, sources, strict=True):
        for index in range(len(source)):
            picture = printable(name)
            if not isinstance(source, OnePicture):
                own = source.entry(index).name
                picture = own if len(sources) == 1 else f"{picture.rstrip('/')}/{own}"
            try:
                found = read_strokes(source, index, picture)
            except PictureError as error:
                yield error
                continue
            yield [_measure(strokes, picture, place, len(found)) for place, strokes in enumerate(found, 1)]


def _measure(strokes: Strokes, picture: str, place: int, places: int) -> Row:
    from engine.measures.shape import enlarge, measure_enlarged
    from engine.measures.variants import VARIANTS

    label, large = strokes.label, enlarge(strokes.grey)
    if large is None:
        return Row(picture, place, places, label, None, ())
    shown = tuple(name for name, (digit, shows) in VARIANTS.items() if label.lower() in (DIGITS[digit], str(digit)) and shows(large))
    return Row(picture, place, places, label, measure_enlarged(large), shown)


def _write(path: Path, rows: Sequence[Row]) -> None:
    from engine.storage.atomic import write_atomic

    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["picture", "digit", "digits", "class", *COLUMNS, "variants"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.values() for row in rows)
    write_atomic(path, lambda file: file.write(text.getvalue().encode()), OutputError)


def _list(rows: Sequence[Row]) -> Iterator[str]:
    width = max((len(_named(row)) for row in rows), default=0)
    yield " " * width + "".join(f"{name:>11}" for name in COLUMNS)
    for row in rows:
        values = row.values()
        told = "  one flat grey" if row.shape is None else "".join(f"{values[name]:11.2f}" for name in COLUMNS)
        yield f"{_named(row):{width}}{told}  {values['variants']}".rstrip()


def _named(row: Row) -> str:
    place = f" digit {row.digit} of {row.digits}" if row.digits > 1 else ""
    return f"{printable(row.picture, LONGEST_NAME)}{place}" + (f" ({printable(row.label, 20)})" if row.label else "")


def _summarise(rows: Sequence[Row]) -> Iterator[str]:
    """The mean and the standard deviation for each class, and for all."""
    labels = list(dict.fromkeys(row.label for row in rows))
    groups = [(printable(label, 20), [row for row in rows if row.label == label]) for label in labels if label]
    groups.append(("all", list(rows)))
    width = max(len(name) for name, _ in groups)
    yield f"{'':{width}}{'pictures':>10}" + "".join(f"{name:>14}" for name in COLUMNS) + "  variants"
    for name, own in groups:
        shapes = [row.shape for row in own if row.shape is not None]
        columns = "".join(f"{_mean_and_deviation([getattr(shape, column) for shape in shapes]):>14}" for column in COLUMNS)
        found = [variant for row in own for variant in row.variants]
        told = ", ".join(f"{variant} {found.count(variant) / len(own):.1%}" for variant in dict.fromkeys(found)) if name != "all" else ""
        yield f"{name:{width}}{len(own):10,}{columns}  {told}".rstrip()


def _mean_and_deviation(values: Sequence[float]) -> str:
    if not values:
        return "-"
    mean = math.fsum(values) / len(values)
    return f"{mean:.2f} ± {math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values)):.2f}"
