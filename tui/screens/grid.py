"""Grid: an image of each class from the same noise, to show what the label does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from engine.prompt.parser import MAX_LABELS
from tui.render import captions
from tui.screens.drawing import DrawScreen
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar


class GridScreen(DrawScreen):
    """2×5, captioned, drawn when the screen is first shown."""

    NAME = "grid"
    SHARED_NOISE = True
    ABOUT = "an image of each class from the same noise: only the label differs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "draw", show=False, tooltip="draw; enlarge what is drawn already"),
    ]

    def body(self) -> Iterable[Widget]:
        yield JobBar(id="how")
        yield ImageView(self.studio.terminal, columns=5, id="view")
        yield JobBar(id="bar", ascii=not self.studio.terminal.unicode)

    def on_mount(self) -> None:
        self.draw()

    def labels(self, seed: int) -> Sequence[int]:
        return range(min(self.studio.data.classes, MAX_LABELS))

    def captions_for(self, labels: Sequence[int]) -> Sequence[str]:
        return [captions.name_of(label, self.studio.data).replace(" · ", " ") for label in labels]

    def action_draw(self) -> None:
        self.draw_or_enlarge()
