"""Grid: an image of each class from the same noise, to show what the label does. Many classes are drawn in pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.widget import Widget

from engine.config.condition import Condition, Interval
from engine.errors import PromptError
from engine.prompt.attribute_rows import ROWS, row_conditions, told_attributes
from engine.prompt.conditions import TOLD_CLASSES
from engine.prompt.grammar import SHEET
from engine.prompt.phrase import Phrase, Target
from engine.prompt.words import prompt_words
from engine.protocol import events as e
from engine.runs.conditional_weights import name_weights_told
from tui.render import captions
from tui.render.tiles import STEPS, fit
from tui.screens.drawing import DrawScreen
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar

FEW = 20
"""Classes that are always drawn together."""
PAGES = (64, 60, 54, 50, 48, 45, 40, 36, 32, 30, 28, 24, 21, 20, 18, 16, 15, 12, 10)
"""Numbers of classes that look well on a page."""
MOST_IN_ROWS = 10
"""Classes of which the values of an attribute are shown at once."""
COMFORTABLE = 14
"""Pixels of a tile, and columns of its caption, that a page has at least."""
CHROME = 5
"""Rows of the screen that are not for images."""


class GridScreen(DrawScreen):
    """2×5, captioned, drawn when the screen is first shown. Without classes: a sheet of pictures, each from its own noise."""

    NAME = "grid"
    ESCAPE = "stop drawing"
    ABOUT = "an image of each class from the same noise: only the label differs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "draw", show=False, tooltip="draw; enlarge what is drawn already"),
        Binding("a", "attribute", "attribute", tooltip="five values of slant, thickness…; ! marks a miss", id="attribute"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._first = 0
        """The first class of the page."""
        self._chosen = ""
        """The attribute whose values are shown; empty for none."""

    def body(self) -> Iterable[Widget]:
        yield JobBar(id="how")
        yield ImageView(self.studio.terminal, columns=5, id="view")
        yield JobBar(id="bar", ascii=not self.studio.terminal.unicode)

    def on_mount(self) -> None:
        self.draw()

    @property
    def shares_noise(self) -> bool:
        return bool(self.studio.data.classes or self.attribute)

    @property
    def attribute(self) -> str:
        """The attribute whose values are shown, where the weights are told it; empty for none."""
        return self._chosen if self._chosen in told_attributes(self.studio.told) else ""

    @property
    def _values_are_across(self) -> bool:
        """Whether each class is a row and each value a column, as it is where there is no room for all classes side by side."""
        return self.app.size.width < MOST_IN_ROWS * (STEPS[0] + 1)

    def conditions(self) -> tuple[Condition, ...] | None:
        told, attribute = self.studio.told, self.attribute
        if not told or not attribute:
            return None
        rows = [row_conditions(told, attribute, label) for label in self._page_classes()]
        return tuple(condition for row in (rows if self._values_are_across else zip(*rows, strict=True)) for condition in row)

    def labels(self, seed: int) -> Sequence[int]:
        conditions = self.conditions()
        return [condition.label or 0 for condition in conditions] if conditions else self._page_classes()

    def _page_classes(self) -> Sequence[int]:
        """The classes of the page."""
        classes = self.studio.data.classes
        if self._first >= classes:
            self._first = 0
        return range(self._first, min(self._first + self._page_length(), classes)) if classes else (0,) * (1 if self.attribute else SHEET)

    def _page_length(self) -> int:
        """Classes on a page: as many as have comfortable tiles."""
        data, (width, height) = self.studio.data, self.app.size
        if self.attribute:
            return MOST_IN_ROWS
        if data.classes <= FEW:
            return FEW
        image = data.height, data.width
        sizes = ((count, fit(count, width, max(1, height - CHROME), image=image, captions=True)) for count in PAGES)
        return next((count for count, tiles in sizes if tiles.pages == 1 and min(tiles.size, tiles.tile_width) >= COMFORTABLE), PAGES[-1])

    def draw(self) -> None:
        columns = 5 if self.studio.data.classes <= 2 * 5 else None
        if self.attribute:
            columns = len(ROWS) if self._values_are_across else len(self._page_classes())
        self.view.ask_for_columns(columns)
        super().draw()

    def heading(self) -> str:
        """Which attribute is shown, and which classes these are, where they are not all."""
        drawn, classes = self._page_classes(), self.studio.data.classes
        attribute = f"what {self.attribute} does · " if self.attribute else ""
        if not classes or len(drawn) == classes:
            return attribute
        return f"{attribute}classes {drawn[0] + 1:,} to {drawn[-1] + 1:,} of {classes:,} · pgdn pgup · "

    def captions_for(self, labels: Sequence[int | None]) -> Sequence[str]:
        data = self.studio.data
        if conditions := self.conditions():
            names = (f"{captions.short_name(label, data)} " if data.classes else "" for label in labels)
            return [name + captions.value_captions(condition)[0] for name, condition in zip(names, conditions, strict=True)]
        return [captions.name_of(label, data).replace(" · ", " ") for label in labels] if data.classes else ()

    def captions_of_drawn(self, done: e.DrawDone) -> Sequence[str]:
        """Those of a row of values also say which pictures are not as asked for, and in as many words as have room, what they are instead."""
        if not (done.recipe.conditions and any(done.measured)):
            return super().captions_of_drawn(done)
        said = []
        for label, condition, measured in zip(done.recipe.labels, done.recipe.conditions, done.measured, strict=True):
            name = f"{captions.short_name(label, done.recipe.data)} " if done.recipe.data.classes else ""
            ways = [name + value for value in captions.value_captions(condition, measured)]
            said.append(next((way for way in ways if cell_len(way) <= self.view.caption_width), ways[-1]))
        return said

    def action_page(self, by: int) -> None:
        """Turn a page of what is drawn; at its end, draw the next classes."""
        if self.view.page_next() if by > 0 else self.view.page_prev():
            return
        length, classes = self._page_length(), self.studio.data.classes
        first = max(0, self._first + by * length)
        if first != self._first and first < classes:
            self._first = first
            self.draw()

    def action_attribute(self) -> None:
        """Show the next attribute, and after the last one, the classes alone."""
        names = ["", *told_attributes(self.studio.told)]
        if len(names) == 1:
            self.explain(self._why_no_attribute(), lambda: not told_attributes(self.studio.told))
            return
        self._chosen = names[(names.index(self.attribute) + 1) % len(names)]
        self._first = 0
        self.draw()

    def _why_no_attribute(self) -> str:
        """Names the weights that can, if any are here."""
        example = prompt_words([Phrase(0, (Target("slant", Interval(20, 20), True),))], self.studio.data.class_names)
        return str(name_weights_told(PromptError(TOLD_CLASSES), example, self.studio.settings.weights, "w chooses those weights".format))

    def footer_label(self, binding: Binding) -> str:
        if binding.action == "attribute" and not told_attributes(self.studio.told):
            return ""
        return super().footer_label(binding)

    def action_draw(self) -> None:
        self.draw_or_enlarge()
