"""`digitty measure`: what the strokes of pictures look like, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.options import force_option, plain_option
from engine.cli.output import print_line, print_path, print_status
from engine.cli.progress import ProgressLine
from engine.errors import OutputError, SettingError
from engine.formatting import printable
from engine.process.signals import interruptible

if TYPE_CHECKING:
    from engine.datasets.sources.source import Source
    from engine.measures.shape import Shape

LISTED = 20
"""Up to this many pictures are listed one by one. Of more, only the means of each class are."""
LARGEST_SIDE = 128
COLUMNS = ("thickness", "slant", "width", "height", "length", "area")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Row:
    """What was measured of one picture."""

    picture: str
    label: str
    """The name of its class; empty if it has none."""
    shape: Shape | None
    """None: the picture is one flat grey."""
    variants: tuple[str, ...]
    """Those of its digit that it shows, such as crossed."""

    def values(self) -> dict[str, Any]:
        shape = dict.fromkeys(COLUMNS) if self.shape is None else {name: round(value, 3) for name, value in asdict(self.shape).items()}
        return {"picture": self.picture, "class": self.label, **shape, "variants": " ".join(self.variants)}


@click.command(
    help="Measure the strokes of the pictures in SOURCE (a picture, a folder, an .npz file, a known data set): thickness, width, height and length "
    "in pixels, area in square pixels, slant in degrees, positive to the right; and variants of digits, such as a crossed seven."
)
@click.argument("source")
@click.option("--limit", type=click.IntRange(min=1), help="Measure the first LIMIT pictures only.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a line for each picture to this .csv file.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each picture on standard output.")
@force_option
@plain_option
def measure(source: str, limit: int | None, out: Path | None, as_json: bool, force: bool) -> None:
    from engine.storage.images import check_output_path

    if out is not None:
        check_output_path(out, (".csv",), force)
    pictures = _open(source)
    rows = []
    with interruptible(), ProgressLine() as bar:
        count = min(len(pictures), limit or len(pictures))
        for row in _measure_all(pictures, count):
            rows.append(row)
            if as_json:
                print_line(json.dumps(row.values(), ensure_ascii=False))
            bar.show(f"{len(rows):,} of {count:,} pictures", len(rows) / count)
    if out is not None:
        _write(out, rows)
        print_path(out)
    elif not as_json:
        for line in _list(rows) if len(rows) <= LISTED else _summarise(rows):
            print_line(line)


def _open(source: str) -> Source:
    """Raises SettingError or StorageError where there are no pictures."""
    from engine.datasets.sources.registry import open_source

    return open_source(source)


def _measure_all(pictures: Source, count: int) -> Iterator[Row]:
    """A row for each picture that can be read. Warns of the others."""
    from engine.datasets.sources.source import DamagedPictureError
    from engine.measures.shape import enlarge, measure_enlarged
    from engine.measures.strokes import to_strokes
    from engine.measures.variants import VARIANTS

    for warning in pictures.warnings:
        print_status(warning)
    for index in range(count):
        entry = pictures.entry(index)
        label = "" if entry.label is None else pictures.class_names[entry.label]
        try:
            strokes = to_strokes(pictures.read(index))
        except DamagedPictureError as error:
            print_status(f"left out {error}")
            continue
        if max(strokes.shape) > LARGEST_SIDE:
            size = f"{strokes.shape[1]}×{strokes.shape[0]}"
            raise SettingError(f"{entry.name} has {size} pixels; only pictures of at most {LARGEST_SIDE} pixels a side can be measured")
        large = enlarge(strokes)
        if large is None:
            yield Row(entry.name, label, None, ())
            continue
        shown = tuple(name for name, (digit, shows) in VARIANTS.items() if label.lower() in (DIGITS[digit], str(digit)) and shows(large))
        yield Row(entry.name, label, measure_enlarged(large), shown)


def _write(path: Path, rows: Sequence[Row]) -> None:
    from engine.storage.atomic import write_atomic

    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["picture", "class", *COLUMNS, "variants"], lineterminator="\n")
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
    return printable(f"{row.picture} ({row.label})" if row.label else row.picture, 40)


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
