"""What the Gallery screen shows where there is no picture yet: examples, and the offer to draw and save a first one."""

from __future__ import annotations

import random

from engine.errors import DigittyError
from engine.prompt.parser import parse
from engine.prompt.vocabulary import vocabulary_for
from engine.protocol.events import DrawDone
from engine.protocol.recipe import Images
from engine.storage.contact_sheet import thumbnail
from engine.storage.examples import load_example
from tui.render import captions
from tui.render.cells import Picture
from tui.screens.gallery_files import GalleryFiles
from tui.widgets.thumbnails import Thumbnail

EXAMPLES = ((7,), (3, 1, 4), tuple(range(10)), (2, 8), (5,), (6, 0, 9, 1))
"""The digits on each example."""
WELCOME = """No pictures yet.

What you save with s on Prompt, Generate or Grid appears here, with its recipe: weights, seed, sampler. From that it can be drawn again, \
to the pixel or with one thing changed.

The pictures shown now are examples. Press enter to draw your first one: """
SHORT_WELCOME = "No pictures yet. Press enter to draw and save one,"


class GalleryFirst(GalleryFiles):
    """Draws with the settings of all screens, and saves the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = False
        """Whether the folder was read once."""
        self.problem = ""
        """Why the folder can't be read."""
        self._drawing_first = False
        self._examples: list[Thumbnail] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is no picture at all."""
        return self.listed and not self.problem and not self.pictures.total

    @property
    def offers_first(self) -> bool:
        """Whether a first picture can be drawn: not in folders that the command named, since it would be saved elsewhere."""
        return self.is_empty and not self.studio.opened_pictures

    def _first_prompt(self) -> str:
        data = self.studio.data
        return "0-9" if vocabulary_for(data.class_names).is_digits else captions.example(data)

    def empty_words(self) -> list[str]:
        """What to say on an empty page."""
        if self._drawing_first:
            return [f"Drawing your first picture: {self._first_prompt()}", "It is saved once it is finished. esc stops it."]
        if not self.offers_first:
            return ["No pictures here. digitty gallery without a folder shows those that the screens saved."]
        deleted = ["", "u brings back the one that was deleted last."] if self.trash else []
        if self.has_class("-narrow"):
            return [SHORT_WELCOME, "or save one with s on Prompt, Generate or Grid." + " u: undo delete." * bool(self.trash)]
        return [*(WELCOME + self._first_prompt()).splitlines(), *deleted]

    def examples(self) -> list[Thumbnail]:
        """The examples once they are read; they are read in the background."""
        if not self._examples:
            self._examples = [Thumbnail(None, "example", "…")] * len(EXAMPLES)
            self.in_background(_read_examples, self._on_examples)
        return self._examples

    def _on_examples(self, examples: list[Thumbnail] | DigittyError) -> None:
        if not isinstance(examples, DigittyError):
            self._examples = examples
            self.show_page()

    def draw_first(self) -> None:
        seed = self.studio.settings.sample.seed
        words = parse(self._first_prompt(), random.Random(seed), self.studio.data.class_names)
        self.start_drawing(lambda listener: self.studio.draw(words.labels, listener, seed, words.shared_noise))
        self._drawing_first = True
        self.show_page()

    def forget_drawing(self) -> None:
        super().forget_drawing()
        self._drawing_first = False

    def on_drawn(self, done: DrawDone) -> None:
        """Save the first picture and go back to the page. If that fails, s tries again."""
        if not self._drawing_first:
            super().on_drawn(done)
        elif self.save_drawing(done, ".png"):
            self.forget_drawing()
            self.set_enlarged(False)
            self.rescan()


def _read_examples() -> list[Thumbnail]:
    """Empty where none come with this installation."""
    digits = load_example("shipped")
    return [_example(digits, labels) for labels in EXAMPLES] if digits else []


def _example(digits: Images, labels: tuple[int, ...]) -> Thumbnail:
    chosen = Images(b"".join(digits[label] for label in labels), len(labels), digits.height, digits.width, digits.channels)
    small = thumbnail(chosen)
    return Thumbnail(Picture(small.data, small.height, small.width, small.channels), "example")
