"""What `digitty generate` does with finished drawings: files, JSON, pictures and words."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from engine.cli.output import print_line, print_status
from engine.cli.progress import ProgressLine
from engine.config.data import DataSpec
from engine.errors import OutputError
from engine.process.signals import interruptible
from engine.protocol import events as e
from engine.protocol.condition_values import condition_json, measured_json
from engine.protocol.recipe import Images, Recipe
from engine.storage import images
from tui.cli.options import chosen_graphics
from tui.cli.prompts import Drawing, hand_numbers
from tui.render import captions as caption
from tui.render.stdout import print_images

MOST_HANDS = 8
"""Hands that are named below a drawing."""
MOST_SHOWN = 64
"""Digits that are drawn in the terminal; more are only written to the file."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where drawings are saved: nowhere, all pictures of one drawing in a file, or each picture in a folder's file of its own."""

    target: str | None
    force: bool
    names: Sequence[Sequence[Path]] = field(default=())
    """The files of each drawing."""

    @property
    def is_folder(self) -> bool:
        return self.target is not None and (self.target.endswith(("/", os.sep)) or Path(self.target).is_dir())

    def prepare(self, drawings: Sequence[Drawing], data: DataSpec) -> Output:
        """This output with the names of all files, none of which exists. Raises OutputError, before anything is drawn."""
        if self.target is None:
            return replace(self, names=[[] for _ in drawings])
        if self.is_folder:
            names = _numbered(Path(self.target), [drawing.request.labels for drawing in drawings], data)
            _check_folder(Path(self.target), names, self.force)
            return replace(self, names=names)
        if len(drawings) > 1:
            raise OutputError(f"several prompts need a folder for their pictures: --out {Path(self.target).stem or 'pictures'}/")
        path, count = images.check_output_path(Path(self.target), replace=self.force), len(drawings[0].request.labels)
        if path.suffix.lower() == ".gif" and count > MOST_SHOWN:
            raise OutputError(f"a GIF holds at most {caption.count_images(MOST_SHOWN, data)}, not {count:,}; use .npz")
        return replace(self, names=[[path]])

    def save(self, i: int, done: e.DrawDone) -> list[str]:
        """Save the drawing; the paths of its files. Raises OutputError."""
        with interruptible():
            if self.is_folder and self.names[i]:
                self._save_each(self.names[i], done)
            else:
                for path in self.names[i]:
                    images.save_drawing(path, done.recipe, done.images, done.frames)
        return [str(path) for path in self.names[i]]

    def _save_each(self, names: Sequence[Path], done: e.DrawDone) -> None:
        """Save each picture in its own file, with progress on standard error."""
        names[0].parent.mkdir(exist_ok=True)
        with ProgressLine() as bar:
            for k, path in enumerate(names):
                images.save_drawing(path, *_single(done, k), (), replace=self.force)
                if k % 16 == 15:
                    bar.show(f"saving {k + 1:,}/{len(names):,}", (k + 1) / len(names))


def _numbered(folder: Path, labels: Sequence[Sequence[int | None]], data: DataSpec) -> list[list[Path]]:
    """folder/0001-7.png or folder/0001-ankle-boot.png for each picture, numbered through all drawings."""
    width = max(4, len(str(sum(map(len, labels)))))
    number = iter(range(1, 1 + sum(map(len, labels))))
    return [[folder / f"{next(number):0{width}}-{caption.file_words([label], data)}.png" for label in own] for own in labels]


def _check_folder(folder: Path, names: Sequence[Sequence[Path]], force: bool) -> None:
    """Raises OutputError if the folder can't be made, or if it holds one of the files and they may not be replaced."""
    if not folder.exists():
        if not folder.parent.is_dir():
            raise OutputError(f"there is no folder {folder.parent}; create it, or choose another")
        if not os.access(folder.parent, os.W_OK):
            raise OutputError(f"{folder.parent} is not writable; choose another folder")
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file; choose another name for the folder")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{folder} is not writable; choose another folder")
    for path in (path for own in names for path in own):
        if force or os.path.lexists(path):
            images.check_output_path(path, replace=force)


def _single(done: e.DrawDone, k: int) -> tuple[Recipe, Images]:
    """One picture of a drawing, and the recipe that draws it alone."""
    return done.recipe.only(k), replace(done.images, data=done.images[k], count=1)


def drawing_json(drawing: Drawing, done: e.DrawDone, files: Sequence[str]) -> dict[str, Any]:
    """The fields that docs/commands.md describes."""
    recipe, sample = done.recipe, done.recipe.sample
    return {
        "prompt": drawing.prompt,
        "labels": list(recipe.labels),
        "hands": hand_numbers(drawing.request) or None,
        "conditions": recipe.conditions and [condition_json(condition) for condition in recipe.conditions],
        "class_names": [None if label is None or not recipe.data.class_names else recipe.data.class_names[label] for label in recipe.labels],
        "seed": sample.seed,
        "indices": list(recipe.indices),
        "sampler": sample.sampler,
        "steps": sample.steps,
        "guidance": None if sample.sampler == "one-step" else sample.guidance,
        "weights": recipe.weights.name,
        "weights_step": recipe.weights.step,
        "weights_kind": recipe.weights.kind,
        "device": recipe.engine.device,
        "precision": recipe.engine.precision,
        "seconds": round(done.seconds, 6),
        "redrawn": done.again,
        "measured": [measured_json(measured) for measured in done.measured] or None,
        "out": list(files),
    }


def report(drawing: Drawing, done: e.DrawDone, files: Sequence[str], *, as_json: bool, color: str) -> None:
    """Print a drawing on standard output: as JSON, in words with --plain, else as a picture with a line about it on standard error."""
    if as_json:
        click.echo(json.dumps(drawing_json(drawing, done, files)))
        return
    if ProgressLine.plain:
        print_line(", ".join(filter(None, (caption.screen_reader_text(done), _describe_hands(drawing)))))
        return
    if len(done.images) <= MOST_SHOWN:
        in_line = done.recipe.is_one_line
        print_images(done.images.side_by_side() if in_line else done.images, color, graphics=chosen_graphics())
    number = caption.count_images(len(done.images), done.recipe.data)
    asked = f"{conditions} · " if (conditions := caption.conditions_of(done.recipe)) else ""
    print_status(f"{number} · {asked}{caption.describe_sample(done.recipe.sample)} · {done.recipe.weights} · {caption.timing(done)}")
    if hands := _describe_hands(drawing):
        print_status(f"drawn in {hands}, which a prompt can name again: in {hands.partition(',')[0]}")
    if missed := caption.describe_missed(done):
        print_status(missed)


def _describe_hands(drawing: Drawing) -> str:
    """hand 12; hand 12, hand 5, …; empty where no hand has a number."""
    numbers = [number for number in dict.fromkeys(hand_numbers(drawing.request)) if number is not None]
    return ", ".join([f"hand {number}" for number in numbers[:MOST_HANDS]] + ["…"] * (len(numbers) > MOST_HANDS))
