"""`digitty rank`: pictures in the order in which they fit a caption."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from engine.cli.options import plain_option
from engine.cli.output import print_line, print_status
from engine.cli.progress import ProgressLine
from engine.errors import PictureError, SettingError
from engine.formatting import printable
from engine.process.signals import interruptible

if TYPE_CHECKING:
    from engine.sampling.rank import Caption, Ranked

LONGEST_NAME = 200
EXAMPLE = 'digitty rank "a bold seven" *.png'


def _complete_files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What the shell completes itself."""
    return [CompletionItem(incomplete, type="file")]


@click.command(
    help="List pictures in the order in which CAPTION fits them: files, and folders of them. Before each stands how likely the caption is true of "
    "its digit, from 0 to 1; of a picture of several digits the one that fits best counts. Words need no quotes."
)
@click.argument("arguments", metavar="CAPTION FILE…", nargs=-1, shell_complete=_complete_files)
@click.option("--weights", metavar="WEIGHTS", default="", help="Rank with the image tower of RUN, RUN:best or a file. Default: the one that ships.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each picture on standard output.")
@plain_option
def rank(arguments: tuple[str, ...], weights: str, as_json: bool) -> None:
    text, paths = split_arguments(arguments)
    with interruptible(), ProgressLine() as bar:
        bar.show("loading torch")
        from engine.checkpoints.tower import load_tower
        from engine.sampling.hand_files import load_reader
        from engine.sampling.rank import find_files, rank_files, read_caption
        from engine.sampling.ranker import Ranker

        ranker = Ranker(load_tower(weights))
        caption = read_caption(text, ranker.reader)
        files = find_files(paths)
        bar.clear()
        print_status(understood(caption))
        bar.wait()
        ranked: list[Ranked] = []
        for done, found in enumerate(rank_files(files, caption, ranker, load_reader()), 1):
            if isinstance(found, PictureError):
                bar.clear()
                print_status(f"left out {found}")
            else:
                ranked.append(found)
            bar.show(f"{done:,} of {len(files):,} pictures", done / len(files))
    if not ranked:
        raise PictureError("no picture could be ranked")
    for place, each in enumerate(sorted(ranked, key=lambda one: -one.logit), 1):
        print_line(_as_json(place, each) if as_json else _as_text(each))


def split_arguments(arguments: Sequence[str]) -> tuple[str, list[Path]]:
    """The caption and the paths: the first argument that is a file or a folder, or looks like the path of one, ends the caption.

    Raises SettingError where one of them is missing.
    """
    first = next((k for k, argument in enumerate(arguments) if _is_path(argument)), len(arguments))
    caption = " ".join(arguments[:first])
    if not caption.strip():
        raise SettingError(f"say first what to look for, then where: {EXAMPLE}")
    if first == len(arguments):
        raise SettingError(f"name pictures or folders after the caption: {EXAMPLE}")
    return caption, [Path(argument) for argument in arguments[first:]]


def _is_path(argument: str) -> bool:
    from engine.datasets.sources.picture import SUFFIXES

    return os.path.sep in argument or os.path.splitext(argument)[1].lower() in SUFFIXES or os.path.exists(argument)


def understood(caption: Caption) -> str:
    """What a caption says, in one line: understood 7 · bold; left out: slant 20°, since no caption for training has numbers or hands."""
    left_out = f"; left out: {', '.join(caption.left_out)}, since captions of pictures have no numbers and no hands" if caption.left_out else ""
    return f"understood {' · '.join(caption.facts)}{left_out}"


def _as_text(each: Ranked) -> str:
    several = f"  digit {each.digit} of {each.digits}" if each.digits > 1 else ""
    return f"{each.score:.3f}  {printable(each.path, LONGEST_NAME)}{several}"


def _as_json(place: int, each: Ranked) -> str:
    return json.dumps({"rank": place, "picture": str(each.path), "score": round(each.score, 6), "digit": each.digit, "digits": each.digits})
