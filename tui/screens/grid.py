"""Grid: the ten digits from one noise, so that one sees what the label does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from engine.config import CLASS_NAMES
from tui.screens.drawing import DrawScreen
from tui.widgets.digit_view import DigitView
from tui.widgets.job_bar import JobBar


class GridScreen(DrawScreen):
    """2×5, captioned, drawn when the screen is first shown."""

    NAME = "grid"
    SHARED_NOISE = True
    HELP_TEXT = """
[b]Grid[/]   the ten digits from the same noise: what differs is the label's doing
  r                a new noise          enter  draw again with the settings as they are
  space            pause, go on; replay when finished
  ← →  home end    scrub through the denoising
  s  g             save as PNG · as GIF of the denoising
  x                stop"""

    def body(self) -> Iterable[Widget]:
        yield JobBar(id="how")
        yield DigitView(self.digitty.terminal, columns=5, id="view")
        yield JobBar(id="bar", ascii=not self.digitty.terminal.unicode)

    def on_mount(self) -> None:
        self.draw()

    def labels(self, seed: int) -> Sequence[int]:
        return range(10)

    def captions_for(self, labels: Sequence[int]) -> Sequence[str]:
        return [f"{label} {CLASS_NAMES[label]}" for label in labels]

    def key_enter(self) -> None:
        self.draw()
