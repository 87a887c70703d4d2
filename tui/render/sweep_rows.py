"""The drawings of a sweep on standard output: rows of pictures with their settings and figures, or lines of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.cli.output import print_line
from engine.config.sweep import Sweep
from engine.formatting import format_evaluations
from engine.protocol.events import DrawDone
from engine.protocol.measured import find_missed
from engine.protocol.recipe import Images
from engine.storage.sheet import join_images, measured
from tui.render import captions
from tui.render.stdout import print_images

Figures = Callable[[DrawDone], str]
FIGURES: tuple[Figures, ...] = (
    measured,
    lambda done: f"{format_evaluations(done.evaluations)} ev, {done.seconds:.2f} s",
    lambda done: f"{done.seconds:.2f} s",
)
"""What stands below a picture, the longest text first."""
MOST_MISSED = 6
"""Drawings that are named where pictures are not as asked for."""


def sheet_title(prompt: str, cells: Sequence[DrawDone | None]) -> str:
    """seven · shipped · step 4690 · average · dpmpp · guidance 1.4: what all drawings share"""
    recipes = [done.recipe for done in cells if done]
    facts = [prompt]
    for texts in (
        [str(recipe.weights) for recipe in recipes],
        [recipe.sample.sampler for recipe in recipes],
        [f"{recipe.sample.steps} steps" for recipe in recipes],
        [f"guidance {recipe.sample.guidance:g}" for recipe in recipes if recipe.sample.sampler != "one-step"],
        [f"seed {recipe.sample.seed}" for recipe in recipes],
    ):
        facts += list(dict.fromkeys(texts)) if len(set(texts)) == 1 else []
    return " · ".join(facts)


def describe_missed(sweep: Sweep, cells: Sequence[DrawDone | None]) -> str:
    """4 of 30 digits are not as asked for: slant -20° (3 of 10), slant 20° (1 of 10); empty where all are.

    Drawings whose captions have several values are set apart by semicolons. At most MOST_MISSED are named.
    """
    drawn = [(sweep.caption(i), done, len(find_missed(done.measured))) for i, done in enumerate(cells) if done]
    missed = [each for each in drawn if each[2]]
    if not missed:
        return ""
    total, images = sum(count for *_, count in missed), sum(len(done.images) for _, done, _ in drawn)
    said = f"{total:,} of {captions.count_images(images, missed[0][1].recipe.data)} {'is' if total == 1 else 'are'} not as asked for"
    if not sweep.axes:
        return said
    named = [f"{name} ({count} of {len(done.images)})" if len(done.images) > 1 else name for name, done, count in missed[:MOST_MISSED]]
    named += [f"and {len(missed) - MOST_MISSED} more"] if len(missed) > MOST_MISSED else []
    return f"{said}: {('; ' if any(', ' in name for name in named) else ', ').join(named)}"


def print_plain(sweep: Sweep, cells: Sequence[DrawDone | None]) -> None:
    """A line for each drawing, without symbols."""
    for i, done in enumerate(cells):
        if done:
            print_line(plain_text(sweep.caption(i), done))


def plain_text(caption: str, done: DrawDone) -> str:
    """guidance 1.4, 8 steps: seven, 12 evaluations, 0.05 s"""
    names = [captions.class_name(label, done.recipe.data) for label in done.recipe.labels]
    return (f"{caption}: " if caption else "") + ", ".join([*names, measured(done)])


def print_rows(sweep: Sweep, cells: Sequence[DrawDone | None], color: str, graphics: str) -> None:
    """Each row of the sheet: its label, its pictures side by side, and below them their columns and figures."""
    for first in range(0, len(cells), sweep.columns):
        row = [done for done in cells[first : first + sweep.columns] if done]
        if heading := ", ".join(sweep.labels(first)[:-1]):
            print_line(heading)
        pictures = [join_images(done.images) for done in row]
        shape = pictures[0].height, pictures[0].width, pictures[0].channels
        tiles = print_images(Images(b"".join(picture.data for picture in pictures), len(row), *shape), color, len(row), graphics)
        names = [(sweep.labels(first + i) or ("",))[-1] for i in range(len(row))]
        if tiles.columns < len(row):  # the pictures are in several rows: the terminal is narrow, or shows few shades
            for name, done in zip(names, row, strict=True):
                print_line(f"{name}: {measured(done)}" if name else measured(done))
            continue
        width = tiles.tile_width + tiles.gap_x
        figures = next((texts for texts in ([text(done) for done in row] for text in FIGURES) if max(map(len, texts)) < width), None)
        for texts in (names, figures):
            if texts and any(texts):
                print_line("".join(captions.cut(text, width - 1).ljust(width) for text in texts).rstrip())
