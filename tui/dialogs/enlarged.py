"""One of several pictures as large as the screen allows, with how it was drawn beside it, and its denoising."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.timer import Timer
from textual.widgets import Static

from engine.protocol.recipe import Images, Recipe
from tui.dialogs.dialog import Dialog
from tui.render import captions
from tui.render.tiles import fit
from tui.terminal.capabilities import Terminal
from tui.terminal.literal import literal_lines
from tui.widgets.fact_line import Fact, FactLine
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar
from tui.widgets.shown_size import describe_shown_size

TEXT_WIDTH, TEXT_HEIGHT = 44, 8
"""Cells that the text needs beside the picture, or below it."""
CHROME = 2
"""Rows of the bar and of the keys."""
REPLAY_FPS = 10.0
FAR = 1000
"""More frames than any drawing has, so that scrubbing this far reaches an end."""


@dataclass(frozen=True)
class Subject:
    """The pictures that a dialog can show, and what is known about them."""

    images: Images
    recipe: Recipe | None = None
    frames: Sequence[Images] = ()
    """The frames of their denoising; the last one holds the finished images."""
    frame_steps: Sequence[int] = ()
    """The number of steps before each frame."""
    names: Sequence[str] = ()
    """The names of the pictures, used if there is no recipe."""
    notes: Sequence[str] = ()
    """More lines for the text."""


class EnlargedDialog(Dialog[int]):
    """Fills the screen. Dismissed with the index of the picture that was shown last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,z", "close", "close"),
        Binding("left,h", "turn(-1)", "others"),
        Binding("right,l", "turn(1)", show=False),
        Binding("up,k", "scrub(-1)", "denoising"),
        Binding("down,j", "scrub(1)", show=False),
        Binding("home", f"scrub(-{FAR})", show=False),
        Binding("end", f"scrub({FAR})", show=False),
        Binding("space", "replay", "replay"),
        Binding("s,ctrl+s", "save", "save"),
    ]
    DEFAULT_CSS = """
    EnlargedDialog {
        align: left top; background: $background;
        & > #stage { layout: horizontal; height: 1fr; align: center middle; }
        & > #stage.below { layout: vertical; align: center top; }
        & #picture { width: auto; height: auto; }
        & #text { width: 44; height: auto; padding: 0 2; }
        & .below #text { width: 100%; }
        & > #denoising { color: $text-muted; }
        & > #keys { color: $text-muted; }
    }
    """

    def __init__(self, terminal: Terminal, subject: Subject, index: int = 0, save: Callable[[int], object] | None = None) -> None:
        """`save` saves the picture with the given index. Without `save` there is no key for it."""
        super().__init__()
        self._subject, self._index, self._save = subject, max(0, min(index, len(subject.images) - 1)), save
        self._frame = max(0, len(subject.frames) - 1)
        self._replay: Timer | None = None
        self._view = ImageView(terminal, id="picture")
        self._bar = JobBar(id="denoising", ascii=not terminal.unicode)

    def compose(self) -> ComposeResult:
        with Container(id="stage"):
            yield self._view
            with Vertical(id="text"):
                yield Static(id="facts")
        yield self._bar
        keys = FactLine(id="keys")
        keys.facts = self._keys()
        yield keys

    def _keys(self) -> tuple[Fact, ...]:
        """The last line. It leaves out the less important keys if it is short."""
        keys = [Fact("esc close")]
        keys += [Fact("← → others", 1)] if len(self._subject.images) > 1 else []
        keys += [Fact("↑ ↓ denoising", 2), Fact("space replay", 4)] if self._has_frames else []
        return (*keys, Fact("s save", 3)) if self._save else tuple(keys)

    @property
    def _has_frames(self) -> bool:
        return len(self._subject.frames) > 1

    def on_mount(self) -> None:
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        """Put the text where it leaves more room for the picture, or beside the picture if both places leave the same."""
        (width, height), images = event.size, self._subject.images
        rows = max(1, height - CHROME)
        beside, below = (max(1, width - TEXT_WIDTH), rows), (width, max(1, rows - TEXT_HEIGHT))
        sizes = [fit(1, *room, image=(images.height, images.width)).size for room in (beside, below)]
        is_below = sizes[1] > sizes[0]
        self.query_one("#stage").set_class(is_below, "below")
        self._view.beside, self._view.max_rows = (0, below[1]) if is_below else (TEXT_WIDTH, beside[1])

    # --- what is shown ------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        subject, last = self._subject, len(self._subject.frames) - 1
        images = subject.frames[self._frame] if subject.frames else subject.images
        self._view.show(images.only(self._index), live=self._frame < last)
        self.call_after_refresh(self._show_facts)
        self._bar.display = self._has_frames
        if self._has_frames:
            step, steps = subject.frame_steps[self._frame], subject.frame_steps[-1]
            self._bar.fraction, self._bar.words = step / max(1, steps), f"after step {step}/{steps}"

    def _show_facts(self) -> None:
        """Once the picture is laid out, since they may name its size on the screen."""
        size = [smaller] if (smaller := describe_shown_size(self._view)) else []
        self.query_one("#facts", Static).update(literal_lines("\n".join([*self._facts(), *size])))

    def _facts(self) -> list[str]:
        """The lines of the text."""
        subject, recipe = self._subject, self._subject.recipe
        place = f"{self._index + 1} of {len(subject.images)}"
        if recipe is None:
            return [f"{subject.names[self._index]}   {place}" if subject.names else place, "", *subject.notes]
        name = captions.name_of(recipe.labels[self._index], recipe.data)
        noise = f"noise {recipe.indices[self._index]} of seed {recipe.sample.seed}"
        return [
            f"{name}   {place}" if len(subject.images) > 1 else name,
            "",
            *captions.describe_sample(recipe.sample).split(" · ")[1:],
            noise,
            str(recipe.weights),
            f"{recipe.engine.device} {recipe.engine.precision}",
            *subject.notes,
        ]

    # --- actions ------------------------------------------------------------------------------------------------------

    def action_turn(self, by: int) -> None:
        """Go to a neighbour, at the same frame."""
        self._index = max(0, min(len(self._subject.images) - 1, self._index + by))
        self._show()

    def action_scrub(self, by: int) -> None:
        self._stop_replay()
        self._go_to(self._frame + by)

    def on_job_bar_scrubbed(self, event: JobBar.Scrubbed) -> None:
        self._stop_replay()
        self._go_to(nearest_frame(self._subject.frame_steps, event.fraction))

    def _go_to(self, frame: int) -> None:
        if self._has_frames:
            self._frame = max(0, min(len(self._subject.frames) - 1, frame))
            self._show()

    def action_replay(self) -> None:
        if self._replay is not None:
            self._stop_replay()
        elif self._has_frames:
            self._frame = self._frame if self._frame < len(self._subject.frames) - 1 else -1
            self._replay = self.set_interval(1 / REPLAY_FPS, self._replay_next)

    def _replay_next(self) -> None:
        self._go_to(self._frame + 1)
        if self._frame >= len(self._subject.frames) - 1:
            self._stop_replay()

    def _stop_replay(self) -> None:
        if self._replay is not None:
            self._replay.stop()
            self._replay = None

    def on_image_view_chosen(self) -> None:
        self.action_close()

    def action_save(self) -> None:
        if self._save:
            self._save(self._index)

    def action_close(self) -> None:
        self.dismiss(self._index)


def nearest_frame(frame_steps: Sequence[int], fraction: float) -> int:
    """The frame whose share of the steps is nearest to a fraction."""
    steps = frame_steps[-1] if frame_steps else 0
    return min(range(len(frame_steps)), key=lambda i: abs(frame_steps[i] - fraction * steps), default=0)
