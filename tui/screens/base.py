"""The base of all screens: top line, footer, keys, and saving a finished drawing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Set
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.keys import key_to_character
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from engine.errors import DigittyError
from engine.protocol.events import DrawDone
from engine.storage import images, paths
from tui.render import captions
from tui.studio.background import run_in_background
from tui.studio.base_app import StudioApp, studio_app
from tui.studio.studio import Studio
from tui.terminal.literal import literal
from tui.widgets.key_footer import KeyFooter
from tui.widgets.notice_line import NoticeLine
from tui.widgets.top_line import TopLine

CHOOSE_FOLDER = 'choose another with pictures = "…" under [screen] in config.toml'
"""What to do when the folder of pictures can't be used."""
COPY = "copy the saved picture: y its path, Y itself"
SMALLEST = (40, 12)
"""Columns and rows. A smaller screen shows only a message that says so."""


class AppScreen(Screen[None]):
    """A screen between the top line and the footer."""

    NAME: ClassVar[str] = ""
    """On its tab."""
    ABOUT: ClassVar[str] = ""
    """What it is for, in a line or two of help."""
    ESCAPE: ClassVar[str] = "leave the input to use letter keys; stop drawing"
    """What escape does, in a line of help."""
    FOOTER_IDS: ClassVar[Set[str]] = {"help", "quit"}
    """The bindings of the application that the footer shows."""
    AUTO_FOCUS = ""  # nothing; None would be the first input
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "out", "commands", tooltip=ESCAPE),
        Binding("y", "copy_path", show=False, tooltip=COPY, id="copy-path"),
        Binding("Y", "copy_picture", show=False, tooltip=COPY, id="copy-picture"),
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

    def about(self) -> str:
        """What help says that the screen is for."""
        return self.ABOUT

    def body(self) -> Iterable[Widget]:
        """Everything between the top line and the footer."""
        return ()

    def footer_label(self, binding: Binding) -> str:
        """What the footer calls a key now; empty if it is useless now. Such a key still works: it says why it does nothing."""
        return binding.description

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """With the labels of the footer."""
        bindings = {}
        for key, active in sorted(super().active_bindings.items(), key=_footer_order):
            binding = active.binding
            if self.focused and active.node is not self.focused and self.focused.check_consume_key(key, key_to_character(key)):
                continue  # config.toml gave this letter to an action, but in an input it is text
            label = self.footer_label(binding) if binding.show and self._in_footer(active) else ""
            if isinstance(active.node.parent, Select) and binding.action == "dismiss":
                label = "close the list"
            bindings[key] = active._replace(binding=replace(binding, show=bool(label), description=label or binding.description))
        return bindings

    def refresh_bindings(self) -> None:
        """Called whenever other keys may do something than before."""
        super().refresh_bindings()
        self.studio_app.end_outdated_notices()

    def explain(self, text: str, still: Callable[[], bool]) -> None:
        """Show why a key does nothing now, until `still` is false or another screen is shown."""
        self.studio_app.explain(text, lambda: self in self.app.screen_stack and still())

    def _in_footer(self, active: ActiveBinding) -> bool:
        if active.binding.key == "escape":
            return self.focused is not None
        return active.node is not self.app or active.binding.action == "leave" or active.binding.id in self.FOOTER_IDS

    def _extend_compose(self, widgets: list[Widget]) -> None:
        super()._extend_compose(widgets)
        widgets.append(NoticeLine(ascii=not self.studio.terminal.unicode))

    def on_screen_resume(self) -> None:
        self.show_status()
        self.studio_app.notices.end_outdated()
        self.studio_app.refresh_notices()

    def on_navigate(self) -> None:
        """The user came here by a key, a tab or the palette, rather than by closing a dialog: letters are keys, whatever was edited before."""
        if isinstance(self.focused, Input | Select):
            self.set_focus(None)
            self.refresh_bindings()

    def show_status(self) -> None:
        """Called whenever the studio's status has changed."""
        self.query_one(TopLine).status = self.studio.status

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < SMALLEST[0] or height < SMALLEST[1], "-too-small")
        text = f"{width}x{height} is too small. Enlarge the terminal to {SMALLEST[0]}x{SMALLEST[1]}."
        self.query_one("#too-small", Static).update(literal(text))

    def _reset_focus(self, widget: Widget, avoiding: list[Widget] | None = None) -> None:
        """Keep the focus on a widget that is hidden because the terminal is too small.

        Textual would take the focus away and never give it back, so that letters typed into an input would act as keys. `avoiding` are
        widgets that are being removed.
        """
        if avoiding or not self.has_class("-too-small"):
            super()._reset_focus(widget, avoiding)

    def action_out(self) -> None:
        """Leave the field that has the focus, or stop the work. The notice goes, too; an error outside of a field takes this key for itself."""
        error_was_shown = self.studio_app.dismiss_notices()
        if self.focused:
            self.set_focus(None)
            self.refresh_bindings()
        elif not error_was_shown:
            self.stop_work()

    def stop_work(self) -> None:
        """Stop the jobs that this screen has started."""

    def enlarge(self, done: DrawDone, index: int = 0, then: Callable[[int], None] = lambda _: None) -> None:
        """Show an image of a finished drawing as large as the screen allows. `then` gets the index of the one that was shown last."""
        from tui.dialogs.enlarged import EnlargedDialog, Subject

        def on_close(last: int | None) -> None:
            if last is not None:
                then(last)

        subject = Subject(done.images, done.recipe, done.frames, done.frame_steps, [captions.timing(done)] if len(done.images) == 1 else [])
        dialog = EnlargedDialog(self.studio.terminal, subject, index, lambda i: self.save_drawing(done.only(i), ".png"))
        self.app.push_screen(dialog, on_close)

    @property
    def has_drawing(self) -> bool:
        """Whether a finished drawing is shown."""
        return False

    def save_drawing(self, done: DrawDone | None, ending: str) -> Path | None:
        """Write a finished drawing to the folder of pictures under a free name, and show its path. None if nothing was written."""
        if done is None:
            self.explain("Nothing to save: no drawing has finished yet.", lambda: not self.has_drawing)
            return None
        stem = _stem(done)
        return self.save_picture(stem, ending, lambda path: images.save_drawing(path, done.recipe, done.images, done.frames, replace=False))

    def save_picture(self, stem: str, ending: str, write: Callable[[Path], None]) -> Path | None:
        """Let `write` write a file in the folder of pictures, under a free name that begins with `stem`, and show its path. None if that fails."""
        try:
            folder = paths.ensure_folder(self.studio.pictures_folder(), CHOOSE_FOLDER)
            path = _free_name(folder, stem, ending)
            write(path)
        except (DigittyError, OSError) as error:
            self.notify(str(error), severity="error")
            return None
        self.studio.last_saved = path
        self.notify(f"Saved {path}")
        return path

    # --- to the terminal that the user sits at -----------------------------------------------------------------------

    def picture_to_copy(self) -> Path | None:
        """The picture that `y` and `Y` are about."""
        return self.studio.last_saved

    def action_copy_path(self) -> None:
        """Send the full path of the picture to the clipboard. No terminal answers whether it takes it."""
        if path := self._picture_to_copy():
            self.app.copy_to_clipboard(str(path))
            self.notify(f"Sent the path to the clipboard, if the terminal allows it: {path}")

    def action_copy_picture(self) -> None:
        """Hand the picture itself to the terminal, or say how to fetch it."""
        if path := self._picture_to_copy():
            run_in_background(self.app, lambda: self.studio_app.send_file(path), self._show_what_was_sent)

    def _show_what_was_sent(self, message: str | DigittyError) -> None:
        if isinstance(message, DigittyError):
            self.studio_app.notify_error(message)
        else:
            self.notify(message)

    def _picture_to_copy(self) -> Path | None:
        path = self.picture_to_copy()
        if path is None:
            self.explain("No picture to copy yet: save one with s first.", lambda: self.picture_to_copy() is None)
        return path


def _footer_order(item: tuple[str, ActiveBinding]) -> tuple[bool, bool]:
    """Enter comes first, and ctrl+q, which works everywhere, after q."""
    return item[1].binding.priority, item[0] != "enter"


def _stem(done: DrawDone) -> str:
    """digitty-777-seed3, digitty-ankle-boot-seed3"""
    return f"digitty-{captions.file_words(done.recipe.labels, done.recipe.data)}-seed{done.recipe.sample.seed}"


def _free_name(folder: Path, stem: str, ending: str) -> Path:
    """digitty-777-seed3.png, or digitty-777-seed3-2.png if that exists."""
    names = (folder / (stem + (f"-{n}" if n > 1 else "") + ending) for n in range(1, 10_000))
    return next(path for path in names if not os.path.lexists(path))
