"""What the four screens share: the top line, the footer, the keys, and saving a finished drawing."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.keys import key_to_character
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from engine.errors import DigittyError
from engine.protocol.events import DrawDone
from engine.storage import images
from tui.studio.base_app import StudioApp, studio_app
from tui.studio.studio import Studio
from tui.terminal.literal import literal
from tui.widgets.key_footer import KeyFooter
from tui.widgets.top_line import TopLine

SMALLEST = (40, 12)
"""Columns and rows below which a screen says that it has too few, and shows nothing else."""


class AppScreen(Screen[None]):
    """A screen under the top line. `NAME` is its tab."""

    NAME: ClassVar[str] = ""
    ABOUT: ClassVar[str] = ""
    """What it is for, a line or two of help."""
    SHOWN_TOO: ClassVar[Set[str]] = {"help", "quit"}
    """Of the application's keys, those that its footer shows."""
    AUTO_FOCUS = ""  # nothing; None would be the first input
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "out", "keys", tooltip="leave an input, where letters are text; else stop"),
    ]

    @property
    def studio_app(self) -> StudioApp:
        return studio_app(self)

    @property
    def studio(self) -> Studio:
        return self.studio_app.studio

    def compose(self) -> ComposeResult:
        yield TopLine(self.NAME)
        yield from self.body()
        yield KeyFooter()
        yield Static(id="too-small")

    def body(self) -> Iterable[Widget]:
        """Everything between the top line and the footer."""
        return ()

    def key_words(self, binding: Binding) -> str:
        """What the footer says of a key now; nothing where it is of no use now. Pressed all the same, it says why."""
        return binding.description

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """As the footer shows them."""
        shown = {}
        for key, active in sorted(super().active_bindings.items(), key=_footer_order):
            binding = active.binding
            if self.focused and active.node is not self.focused and self.focused.check_consume_key(key, key_to_character(key)):
                continue  # given by the key map, and yet a letter in an input
            words = self.key_words(binding) if binding.show and self._offers(active) else ""
            shown[key] = active._replace(binding=replace(binding, show=bool(words), description=words or binding.description))
        return shown

    def _offers(self, active: ActiveBinding) -> bool:
        """Whether the footer has room for it."""
        if active.binding.key == "escape":
            return isinstance(self.focused, Input)
        return active.node is not self.app or active.binding.action == "leave" or active.binding.id in self.SHOWN_TOO

    def on_screen_resume(self) -> None:
        self.show_status()

    def on_navigate(self) -> None:
        """The user came here by a key, a tab or the palette, rather than by closing a dialog."""

    def show_status(self) -> None:
        """Called whenever what the top line says has changed."""
        self.query_one(TopLine).status = self.studio.status

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < SMALLEST[0] or height < SMALLEST[1], "-too-small")
        words = f"{width}x{height} is too small: {SMALLEST[0]}x{SMALLEST[1]} at least"
        self.query_one("#too-small", Static).update(literal(words))

    def _reset_focus(self, widget: Widget, avoiding: list[Widget] | None = None) -> None:
        """Textual takes the focus from a widget that it hides, and never gives it back: letters typed into an input would become keys.

        What is hidden because the terminal is too small keeps the focus, and hears what is typed. `avoiding` are widgets that go for good.
        """
        if avoiding or not self.has_class("-too-small"):
            super()._reset_focus(widget, avoiding)

    def action_out(self) -> None:
        """Escape: out of an input first, then stop what runs."""
        if isinstance(self.focused, Input):
            self.set_focus(None)
            self.refresh_bindings()
        else:
            self.stop_work()

    def stop_work(self) -> None:
        """Stop what this screen has under way."""

    def save_drawing(self, done: DrawDone | None, ending: str) -> None:
        """Write a finished drawing to the working folder, under a free name, and say where."""
        if done is None:
            self.notify("nothing is drawn yet", severity="warning")
            return
        try:
            path = _free_name(Path.cwd(), done, ending)
            images.save_drawing(path, done.recipe, done.images, done.frames)
        except (DigittyError, OSError) as error:
            self.notify(str(error), severity="error", timeout=10)
        else:
            self.notify(f"saved {path}")


def _footer_order(item: tuple[str, ActiveBinding]) -> tuple[bool, bool]:
    """Enter first; ctrl+q, which holds everywhere, after q."""
    return item[1].binding.priority, item[0] != "enter"


def _free_name(folder: Path, done: DrawDone, ending: str) -> Path:
    """digitty-777-seed3.png, or with -2, -3 … where that exists."""
    digits = "".join("x" if label is None else str(label) for label in done.recipe.labels)
    if len(digits) > 10:
        digits = f"{digits[:10]}-{len(digits)}"
    stem = f"digitty-{digits}-seed{done.recipe.sample.seed}"
    names = (folder / (stem + (f"-{n}" if n > 1 else "") + ending) for n in range(1, 10_000))
    return next(path for path in names if not path.exists())
