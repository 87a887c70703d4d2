"""`digitty data`: checks a source of pictures, lists what is prepared, and frees it."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from engine.cli.data_text import check_json, check_lines, list_json, list_line, runs_by_digest, short_digest
from engine.cli.options import data_options, force_option, plain_option
from engine.cli.output import LONGEST, print_line, print_status
from engine.cli.progress import ProgressLine
from engine.cli.run_job import run_job
from engine.cli.runs import confirm
from engine.config.data_choice import DataChoice
from engine.datasets import cache
from engine.datasets.exporting import sample_images, save_arrays, save_sheet
from engine.datasets.options import DataOptions
from engine.datasets.prepare import PreparedData, prepare_with_findings
from engine.errors import SettingError
from engine.formatting import format_size, printable
from engine.process.signals import interruptible
from engine.protocol.events import Event, Preparing
from engine.storage.images import check_output_path
from tui.cli.options import chosen_graphics, color_option, graphics_option
from tui.render.stdout import print_images

ROWS, MOST_ACROSS, SAVED = 2, 5, 100
"""Rows of images in the terminal, and images in a row at most; images of the contact sheet in a file."""
LARGE = 32
"""Cells across an image that is looked at; a smaller one gets as many as it has pixels."""
NAME = "[NAME]…"


@click.group(help="Check your own images before training (check), list the prepared data sets (list), and delete them (clear).")
def data() -> None:
    """The group that the commands are added to."""


@data.command(help="Prepare SOURCE as training would, and say what is in it: sizes, classes, damaged and duplicate pictures, and what is chosen.")
@click.argument("source", metavar="SOURCE")
@data_options()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Also write a .png with some of the images, or an .npz with all of them as training sees them.",
)
@force_option
@color_option
@graphics_option
@plain_option
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON on standard output.")
@click.pass_obj
def check(shared_color: str | None, /, source: str, out: Path | None, force: bool, color: str | None, as_json: bool, **options: Any) -> None:
    choice = DataChoice(source, **{name: value for name, value in options.items() if value is not None})
    if out is not None:
        check_output_path(out, (".png", ".npz"), force)
    found = _prepare(choice)
    if as_json:
        click.echo(json.dumps(check_json(found)))
    else:
        for line in check_lines(found):
            _print_wrapped(line)
        if not ProgressLine.plain:
            _print_some(found, color or shared_color or "auto")
    if out is not None:
        with interruptible():
            if out.suffix.lower() == ".npz":
                save_arrays(out, found.images)
            else:
                save_sheet(out, sample_images(found.images, SAVED))
        print_status(f"wrote {out}")


@data.command("list", help="List the prepared data sets: id, name, size, training images, size on disk, when last used, and by which runs.")
@click.option("--json", "as_json", is_flag=True, help="Print each data set as a JSON object.")
def list_sets(as_json: bool) -> None:
    cache.sweep()
    found, runs = cache.all_prepared(), runs_by_digest()
    if not found and not as_json:
        print_status("no data set is prepared; to prepare one: digitty data check SOURCE")
    for prepared in found:
        users = runs.get(prepared.spec.digest, [])
        if as_json:
            click.echo(json.dumps(list_json(prepared, users)))
        else:
            print_line(list_line(prepared, users))


@data.command(help="Delete prepared data sets, by NAME or id, and their judges, to free disk space. Both can be made again.")
@click.argument("names", metavar=NAME, nargs=-1)
@click.option("--unused", is_flag=True, help="Those that no run uses.")
@click.option("--yes", is_flag=True, help="Don't ask about those that runs use.")
def clear(names: Sequence[str], unused: bool, yes: bool) -> None:
    cache.sweep()
    found, runs = cache.all_prepared(), runs_by_digest()
    chosen = _choose(found, names, runs, unused)
    used = [(prepared, runs[prepared.spec.digest]) for prepared in chosen if prepared.spec.digest in runs]
    if used and not yes:
        for prepared, users in used:
            name, place = prepared.spec.name, prepared.spec.source
            print_status(f"{name} is used by {', '.join(users)}; it can be prepared again from {place}, if that is unchanged")
        confirm(f"delete the prepared images of {len(used):,} data set{'' if len(used) == 1 else 's'} that runs use?")
    judges = sum(cache.remove_judges(prepared.spec) for prepared in chosen)
    for prepared in chosen:
        cache.remove(prepared)
    freed = format_size(judges + sum(prepared.bytes() for prepared in chosen))
    print_status(f"freed {freed}: {', '.join(prepared.spec.name for prepared in chosen)}" if chosen else "nothing to free")


def _print_wrapped(line: str) -> None:
    """Print a line; on a terminal that is too narrow for it, as several that end between words."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    text = printable(line, LONGEST)
    lines = textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False) if width > len("  ") + 1 else [text]
    for part in lines:
        print_line(part)


def images_across(width: int, image_width: int) -> int:
    """How many images stand side by side in so many columns of a terminal: few enough for each to be large."""
    return max(1, min(MOST_ACROSS, (width + 1) // (min(image_width, LARGE) + 1)))


def _print_some(found: PreparedData, color: str) -> None:
    """Print some of the images, a row at a time, so that each is as large as the height of the terminal allows."""
    across = images_across(shutil.get_terminal_size().columns, found.spec.width)
    some = sample_images(found.images, ROWS * across)
    for first in range(0, len(some), across):
        row = [some[k] for k in range(first, min(first + across, len(some)))]
        print_images(replace(some, data=b"".join(row), count=len(row)), color, columns=across, graphics=chosen_graphics())


def _choose(found: Sequence[cache.Prepared], names: Sequence[str], runs: dict[str, list[str]], unused: bool) -> list[cache.Prepared]:
    """The data sets to delete. Raises SettingError for none, and for names of none."""
    if not names and not unused:
        raise SettingError("name the data sets to delete, as digitty data list shows them, or use --unused")
    named = {prepared.spec.name for prepared in found} | {short_digest(prepared) for prepared in found}
    for name in names:
        if name not in named:
            listed = ", ".join(sorted({prepared.spec.name for prepared in found})) or "none"
            raise SettingError(f"no prepared data set {name}; prepared data sets: {listed}")
    return [
        prepared
        for prepared in found
        if prepared.spec.name in names or short_digest(prepared) in names or (unused and prepared.spec.digest not in runs)
    ]


def _prepare(choice: DataChoice) -> PreparedData:
    """Prepares the data set with progress on standard error. A signal ends it cleanly, within a tenth of a second."""
    results: list[PreparedData] = []

    def job() -> Generator[Event, None, None]:
        root = None if choice.data_root is None else Path(choice.data_root).expanduser()
        results.append((yield from prepare_with_findings(choice.source, DataOptions.of(choice), root)))

    with ProgressLine() as bar:

        def show(event: Event) -> None:
            if isinstance(event, Preparing):
                bar.show(event.what, event.fraction)

        run_job(job(), show)
    return results[0]
