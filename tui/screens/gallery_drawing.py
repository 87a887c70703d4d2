"""The part of the Gallery screen that draws a picture's recipe again, or with one thing changed, and compares the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType

from engine.errors import DigittyError, RunError
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.recipe import Images, Recipe
from engine.protocol.requests import DrawRequest
from engine.runs.weights_names import weights_of
from tui.dialogs.enlarged import EnlargedDialog, Subject
from tui.dialogs.redraw import Change, RedrawDialog
from tui.render import captions
from tui.screens.base import AppScreen
from tui.studio.background import run_in_background
from tui.studio.picture_list import PictureList
from tui.studio.picture_reader import Item, compare, read_images
from tui.terminal.capabilities import frame_rate
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar

PARTS = "#where, #thumbnails, #view, #recipe, #bar"
"""The selectors of the screen's widgets."""
T = TypeVar("T")


class GalleryDrawing(AppScreen):
    """Knows the selected picture, but not how pictures are listed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,ctrl+r", "again", "again", tooltip="draw its recipe again, and compare", id="again"),
        Binding("e", "change", "change", tooltip="change one thing of its recipe, and draw that", id="change"),
        Binding("z", "single", show=False, tooltip="enlarge a single image of it (or click on it)", id="enlarge"),
        Binding("s,ctrl+s", "save('.png')", "PNG", tooltip="save the new drawing as PNG with its recipe", id="save"),
        Binding("g", "save('.gif')", "GIF", tooltip="save the new denoising as an animated GIF", id="gif"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.pictures = PictureList()
        self.job: int | None = None
        self.done: e.DrawDone | None = None
        """The new drawing of the selected picture's recipe."""
        self.verdict = ""
        """How the new drawing differs from the stored one."""
        self.saved: Path | None = None
        """Where the new drawing is saved."""
        self.enlarged = False

    @property
    def is_whole(self) -> bool:
        """Whether all widgets are there. When the application ends, they are removed one by one."""
        return len(self.query(PARTS)) == len(PARTS.split(","))

    @property
    def view(self) -> ImageView:
        return self.query_one("#view", ImageView)

    @property
    def bar(self) -> JobBar:
        return self.query_one("#bar", JobBar)

    def selected_item(self) -> Item | None:
        """What is known so far about the selected picture."""
        raise NotImplementedError

    def rescan(self) -> None:
        """Look for new and removed files."""
        raise NotImplementedError

    def show_page(self) -> None:
        """Show everything as it is now."""
        raise NotImplementedError

    def set_enlarged(self, enlarged: bool) -> None:
        self.enlarged = enlarged
        self.set_class(enlarged, "-enlarged")
        self.view.clear()

    def in_background(self, work: Callable[[], T], then: Callable[[T | DigittyError], None]) -> None:
        """Run `work` on a thread; `then` gets its result unless the screen is being removed."""
        run_in_background(self.app, work, lambda result: then(result) if self.is_whole else None)

    def forget_drawing(self) -> None:
        if self.job is not None:
            self.studio.worker.stop(self.job)
        self.job, self.done, self.verdict, self.saved = None, None, "", None

    def _recipe(self) -> Recipe | None:
        """The recipe of the selected picture. If there is none, a notice says why."""
        item = self.selected_item()
        if item is None or item.recipe is None:
            self._explain_missing_recipe("No picture to draw again.")
            return None
        return item.recipe

    def _explain_missing_recipe(self, no_picture: str) -> None:
        """Say what is wrong with the selected picture, or `no_picture` where none is selected."""
        item, selected = self.selected_item(), self.pictures.selected
        self.explain(item.problem if item else no_picture, lambda: self.pictures.selected == selected)

    def _weights(self, recipe: Recipe) -> str:
        """Raises RunError, which says what to do on this screen."""
        assert self.pictures.selected
        try:
            return weights_of(recipe.weights, recipe.sample.sampler, self.pictures.selected.path.parent)
        except RunError as error:
            raise RunError(str(error).replace("name them with --weights", "press e and name them")) from None

    def action_again(self) -> None:
        if recipe := self._recipe():
            try:
                self._draw(recipe, Change(recipe.sample, self._weights(recipe)))
            except DigittyError as error:
                self.studio_app.notify_error(error)

    def action_change(self) -> None:
        if not (recipe := self._recipe()):
            return
        try:
            weights = self._weights(recipe)
        except RunError:
            weights = ""

        def on_answer(change: Change | None) -> None:
            if change is not None:
                self._draw(recipe, change)

        self.app.push_screen(RedrawDialog(recipe.sample, weights), on_answer)

    def _draw(self, recipe: Recipe, change: Change) -> None:
        how = change.sample, recipe.indices, change.weights, frame_rate(self.studio.terminal)
        request = DrawRequest(recipe.labels, *how, like=recipe.engine, conditions=recipe.conditions)
        self.start_drawing(lambda listener: self.studio.draw_request(request, listener))

    def start_drawing(self, start: Callable[[Callable[[Event], None]], int]) -> None:
        """Show a drawing in the size of the screen. `start` gets the listener for its events and returns the number of the job."""
        self.forget_drawing()
        if not self.enlarged:
            self.set_enlarged(True)
        number = 0

        def listener(event: Event) -> None:
            if number == self.job:  # not a late event of a drawing that was replaced
                self._on_job_event(event)

        self.job = number = start(listener)
        self.bar.fraction, self.bar.words = None, "waiting for the engine…"
        self.refresh_bindings()

    def _on_job_event(self, event: Event) -> None:
        match event:
            case e.Preparing(what):
                self.bar.words = what + "…"
            case e.Frame(images, step, steps):
                if len(images):
                    self.view.show(images, live=True)
                self.bar.fraction, self.bar.words = step / steps, captions.progress(event)
            case e.DrawDone():
                self.done = event
                self.view.show(event.images)
                self.on_drawn(event)
            case e.Ended(outcome, message):
                self.job = None
                self.bar.fraction = None
                if outcome != "finished":
                    self.bar.words = "stopped" if outcome == "stopped" else message
                self.refresh_bindings()

    def on_drawn(self, done: e.DrawDone) -> None:
        """Compare a finished drawing with the picture whose recipe it is."""
        self._compare(done)

    def _compare(self, done: e.DrawDone) -> None:
        entry = self.pictures.selected
        assert entry
        self.bar.fraction, self.bar.words = 1.0, f"{captions.timing(done)} · comparing…"

        def on_compared(verdict: str | DigittyError) -> None:
            if done is self.done:
                self.verdict = str(verdict)
                self.bar.words = f"{captions.timing(done)} · {self.verdict}"
                self.show_page()

        self.in_background(lambda: compare(entry, done.images, done.recipe), on_compared)

    def action_single(self, index: int = 0) -> None:
        """Show one image of the new drawing, or else of the stored picture, as large as the screen allows."""
        if self.done:
            self.enlarge(self.done, index)
            return
        item = self.selected_item()
        if item is None or item.recipe is None:
            self._explain_missing_recipe("No picture to enlarge.")
            return
        recipe = item.recipe

        def on_read(images: Images | DigittyError) -> None:
            if isinstance(images, DigittyError):
                self.studio_app.notify_error(images)
            elif self.app.screen is self:
                self.app.push_screen(EnlargedDialog(self.studio.terminal, Subject(images, recipe), index))

        self.in_background(lambda: read_images(item.entry), on_read)

    def on_image_view_chosen(self, event: ImageView.Chosen) -> None:
        if self.job is None:
            self.action_single(event.index)

    def action_save(self, ending: str) -> None:
        if self.done is None:
            self.explain("Nothing new to save: r draws this picture again, e with a change.", lambda: self.done is None)
        else:
            self.saved = self.save_drawing(self.done, ending) or self.saved
            self.rescan()
