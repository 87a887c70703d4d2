"""`digitty gallery`: the Gallery screen, for the folder of saved pictures or for any others; or the same as lines of text."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from engine.cli.options import device_options, plain_option
from engine.cli.output import print_line, print_status
from engine.cli.progress import ProgressLine
from engine.config.compute import Device, Precision
from engine.errors import DigittyError, InputError
from engine.formatting import printable
from engine.jobs.jobs import Jobs
from engine.storage import paths
from engine.storage.gallery import KEEP_DAYS, Gallery
from engine.storage.pictures import StoredSheet, load_any
from tui.cli.options import chosen_graphics, color_option, graphics_option
from tui.cli.screen import open_screen
from tui.render.recipe_text import file_lines, sheet_lines, short_lines
from tui.settings import config_file

TRASH = f"Permanently remove the pictures deleted on the Gallery screen, which otherwise happens after {KEEP_DAYS} days."


@click.command(help="Browse saved pictures: those that the screen saved, or the given FILES and FOLDERS. Without a terminal, list them.")
@click.argument("places", metavar="[FILE|FOLDER]…", nargs=-1, type=click.Path(path_type=Path))
@click.option("--empty-trash", is_flag=True, help=TRASH)
@device_options
@color_option
@graphics_option
@plain_option
@click.pass_obj
def gallery(
    shared_color: str | None,
    /,
    color: str | None,
    places: Sequence[Path],
    empty_trash: bool,
    device: Device,
    precision: Precision,
    threads: int | None,
) -> None:
    config = config_file.load()
    if missing := [place for place in places if not place.exists()]:
        raise InputError(f"no file or folder {printable(missing[0])}")
    pictures = Gallery(places or [paths.pictures_dir(config.values.get("pictures", paths.AUTO))])
    if empty_trash:
        count = pictures.empty_trash()
        print_status(f"removed {count:,} deleted picture{'' if count == 1 else 's'}")
    elif ProgressLine.plain or not sys.stdout.isatty():
        _print_list(pictures)
    else:
        paths.check()
        sys.exit(open_screen(Jobs(device, precision, threads), color or shared_color or "auto", config, "gallery", places, chosen_graphics()))


def _print_list(pictures: Gallery) -> None:
    """One line for each picture, the newest first: when it was saved, its recipe in words, and its path."""
    entries = pictures.entries()
    for entry in entries:
        _, saved = file_lines("", entry.modified_ns, entry.size)
        try:
            stored = load_any(entry.path)
            what = " · ".join(sheet_lines(stored.axes, stored.recipes)[:3] if isinstance(stored, StoredSheet) else short_lines(stored.recipe))
        except DigittyError as error:
            what = str(error)
        line = f"{saved} · {what} · {printable(entry.path, 1000)}"
        print_line(line.replace(" · ", ", ") if ProgressLine.plain else line)
    if not entries:
        print_status(f"no pictures in {', '.join(printable(folder) for folder in pictures.folders())}")
