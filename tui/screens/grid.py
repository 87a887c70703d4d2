"""Grid: the ten digits from the same noise, to show what the label does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from engine.config.data import MNIST
from tui.screens.drawing import DrawScreen
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar


class GridScreen(DrawScreen):
    """2×5, captioned, drawn when the screen is first shown."""

    NAME = "grid"
    SHARED_NOISE = True
    ABOUT = "the ten digits from the same noise: only the label differs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "draw", show=False, tooltip="draw with the current settings"),
    ]

    def body(self) -> Iterable[Widget]:
        yield JobBar(id="how")
        yield ImageView(self.studio.terminal, columns=5, id="view")
        yield JobBar(id="bar", ascii=not self.studio.terminal.unicode)

    def on_mount(self) -> None:
        self.draw()

    def labels(self, seed: int) -> Sequence[int]:
        return range(10)

    def captions_for(self, labels: Sequence[int]) -> Sequence[str]:
        return [f"{label} {MNIST.class_names[label]}" for label in labels]

    def action_draw(self) -> None:
        self.draw()
