"""How: three pages that teach with the weights that draw. The noise, the network's guess, its loss and where it looks."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.lesson import AttentionMap, Guess, GuessRequest, Lesson, LossByNoise
from tui.render import captions
from tui.render import lesson_pages as pages
from tui.render.lesson_pages import PAGES
from tui.screens.base import AppScreen
from tui.studio.explainer import Explainer
from tui.terminal.literal import literal
from tui.widgets.curve_view import CurveView
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar
from tui.widgets.slider import Slider

NARROW, SHORT = 70, 18
"""Columns below which there is no room for pictures and a curve, and rows below which there is none for sentences."""


class HowScreen(AppScreen):
    """Read-only. The first page needs no engine once it has its lesson: the slider's picture is computed here."""

    NAME = "how"
    ESCAPE = "stop computing the losses"
    ABOUT = "the noise, the network's guess, its loss and attention"
    FOOTER_IDS: ClassVar[Set[str]] = {"weights", "help", "quit"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "noise", key_display="← →", tooltip="less or more noise"),
        Binding("right", "move(1)", show=False, tooltip="less or more noise"),
        Binding("ctrl+left,minus", "step(-1)", show=False, tooltip="less or more noise, by one timestep"),
        Binding("ctrl+right,plus", "step(1)", show=False, tooltip="less or more noise, by one timestep"),
        Binding("home", "step(-1000000)", show=False, tooltip="hardly any noise"),
        Binding("end", "step(1000000)", show=False, tooltip="noise alone"),
        Binding("up", "choose(-1)", "image", key_display="↑ ↓", tooltip="an image of another class"),
        Binding("down", "choose(1)", show=False, tooltip="an image of another class"),
        Binding("tab", "turn(1)", "page", tooltip="turn the page"),
        Binding("shift+tab", "turn(-1)", show=False, tooltip="turn back"),
        Binding("shift+left", "look(-1, 0)", "look", key_display="shift+arrows", tooltip="move the frame for attention"),
        Binding("shift+down", "look(0, 1)", show=False, tooltip="move the frame for attention"),
        Binding("shift+up", "look(0, -1)", show=False, tooltip="move the frame for attention"),
        Binding("shift+right", "look(1, 0)", show=False, tooltip="move the frame for attention"),
        Binding("r", "again", show=False, tooltip="compute the losses again", id="again"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        """The number of the page, from 0."""
        self.t, self.label, self.place = 0, 7, (0.4, 0.5)
        """The timestep, the class, and where attention looks from: across and down, as fractions."""
        self.lesson: Lesson | None = None
        self.guess: Guess | None = None
        self.losses: LossByNoise | None = None
        self._weights = ""
        """The weights of the lesson."""
        self._loss_weights = ""

    def body(self) -> Iterable[Widget]:
        terminal = self.studio.terminal
        yield Static(id="pages")
        yield Static(id="about")
        yield Slider("t", ascii=not terminal.unicode, id="t")
        with Horizontal(id="stage"):
            yield ImageView(terminal, id="view")
            yield CurveView(terminal, id="curve")
        yield JobBar(id="bar", ascii=not terminal.unicode)

    @property
    def view(self) -> ImageView:
        return self.query_one("#view", ImageView)

    @property
    def bar(self) -> JobBar:
        return self.query_one("#bar", JobBar)

    def on_mount(self) -> None:
        self._explainer = Explainer(self.studio.router, self.studio.jobs, self._on_event)
        self.call_after_refresh(self._follow)

    def on_screen_suspend(self) -> None:
        """Stop computing while nobody sees the screen."""
        self._explainer.stop()
        self._weights = self._weights if self.lesson else ""

    def show_status(self) -> None:
        super().show_status()
        if self.is_current:
            self._follow()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._arrange()
        self.call_after_refresh(self.show_page, ask=False)

    def stop_work(self) -> None:
        self._explainer.stop_losses()
        self._describe()

    # --- what the engine says -----------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Teach with the weights that are chosen now."""
        if not hasattr(self, "_explainer"):
            return
        if self._weights != self.studio.settings.weights:
            self._weights = self.studio.settings.weights
            self.lesson, self.guess, self.losses, self._loss_weights = None, None, None, ""
            self.view.clear()
            self._explainer.start_lesson(self._weights)
            self.show_page()
        elif self.number == 2 and self.lesson and self._loss_weights != self._weights_of_losses():
            self._want_losses()

    def _on_event(self, event: Event) -> None:
        match event:
            case e.Preparing(what):
                self.bar.fraction, self.bar.words = None, what + "…"
            case Lesson():
                self.lesson = event
                self.t = min(self.t or len(event.alpha_bar) * 3 // 10, len(event.alpha_bar) - 1)
                self.label = min(self.label, len(event.images) - 1)
                self.show_page()
            case Guess():
                self.guess = event
                self.show_page(ask=False)
            case LossByNoise():
                self.losses = event
                self.show_page(ask=False)
            case e.Ended(outcome, message) if outcome != "finished":
                self.bar.fraction, self.bar.words = None, message or outcome
            case e.Ended():
                self._describe()

    def _weights_of_losses(self) -> str:
        """The weights of the run that trains here, otherwise those of the lesson."""
        training = self.studio.training
        return training.run if training.run and training.saving() else self._weights

    def _want_losses(self) -> None:
        weights = self._weights_of_losses()
        if weights != self._loss_weights or (not self._explainer.computes_losses and not self._losses_are_whole()):
            self._loss_weights, self.losses = weights, None
            self._explainer.start_losses(weights)

    def _losses_are_whole(self) -> bool:
        return self.losses is not None and len(self.losses.losses) == self.losses.total

    # --- what is shown ------------------------------------------------------------------------------------------------

    def show_page(self, ask: bool = True) -> None:
        """Show the page with the present t and class; `ask` the engine for what it lacks."""
        lesson = self.lesson
        self._show_pages()
        self._arrange()
        if lesson is None:
            return
        if ask and self.number > 0 and (self.guess is None or (self.guess.label, self.guess.t) != (self.label, self.t)):
            self._explainer.want_guess(GuessRequest(self._weights, self.label, self.t))
        if ask and self.number == 2:
            self._want_losses()
        slider = self.query_one(Slider)
        slider.last, slider.value = len(lesson.alpha_bar) - 1, self.t
        left = f" · {lesson.alpha_bar[self.t]:.1%} of the image is left" if self.size.width >= NARROW else ""
        slider.words = f"t = {self.t} of {slider.last}{left}"
        (self._show_noise, self._show_guess, self._show_loss)[self.number](lesson)
        self._describe()

    def _show_pages(self) -> None:
        tabs = [Content.styled(f" {i + 1} {name} ", "b reverse" if i == self.number else f"@click=screen.page({i})") for i, name in enumerate(PAGES)]
        self.query_one("#pages", Static).update(Content(" " if self.size.width > 42 else "").join(tabs))
        self.query_one("#about", Static).update(literal(pages.about(self.number, self.lesson)))

    def _show_noise(self, lesson: Lesson) -> None:
        name = captions.name_of(self.label, lesson.data)
        self.view.ask_for_columns(None)
        pictures = pages.clean_and_noisy(lesson, self.label, self.t)
        self.view.show(pictures, (f"x_0: {name}", f"x_t: t = {self.t}"), live=True)  # noise in finer pixels would take many bytes at each t
        self.query_one(CurveView).show(pages.noise_curve(lesson, self.t))

    def _show_guess(self, lesson: Lesson) -> None:
        images = pages.guessed_images(lesson, self.guess, self.label, self.t)
        two_rows = len(images) > 1 and pages.fits_two_rows(images, *self.view.size)
        self.view.ask_for_columns((3 if two_rows else 5) if len(images) > 1 else None)
        if two_rows:
            self.view.show(pages.in_two_rows(images), pages.GUESSED_IN_TWO_ROWS)
        else:
            self.view.show(images, pages.GUESSED[: len(images)])

    def _show_loss(self, lesson: Lesson) -> None:
        self.query_one(CurveView).show(pages.loss_curve(lesson, self.losses, self.t))
        self.view.ask_for_columns(None)
        images = pages.attended_images(lesson, self.guess, self.label, self.t, self.place)
        self.view.show(images, ("x_t", "attention")[: len(images)])

    def _describe(self) -> None:
        """The last line: the figures of the page."""
        if self.lesson is None:
            return
        fraction, words = None, str(self.lesson.weights)
        if self.number == 1 and self.guess:
            words = pages.describe_guess(self.lesson, self.guess)
        if self.number == 2 and self.losses:
            words = pages.describe_losses(self.losses, self.t)
            fraction = None if self._losses_are_whole() else len(self.losses.losses) / self.losses.total
        self.bar.fraction, self.bar.words = fraction, words

    def _arrange(self) -> None:
        """What there is room for, and what the page has."""
        width, height = self.size
        has_pictures = self.number != 2 or self.lesson is None or self.lesson.attends
        self.set_class(self.number == 2 and (width < NARROW or not has_pictures), "-curve-only")
        self.set_class(self.number == 1 or (self.number == 0 and width < NARROW), "-pictures-only")
        self.set_class(height < SHORT, "-short")

    def footer_label(self, binding: Binding) -> str:
        attends = self.lesson is not None and self.lesson.attends
        return "" if binding.action == "look(-1, 0)" and not (self.number == 2 and attends) else binding.description

    # --- keys and the mouse -------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self.action_step(by * max(1, len(self.lesson.alpha_bar) // 50) if self.lesson else 0)

    def action_step(self, by: int) -> None:
        self._go_to(self.t + by)

    def _go_to(self, t: int) -> None:
        if self.lesson:
            self.t = max(0, min(len(self.lesson.alpha_bar) - 1, t))
            self.show_page()

    def action_choose(self, by: int) -> None:
        if self.lesson:
            self.label = (self.label + by) % len(self.lesson.images)
            self.show_page()

    def action_turn(self, by: int) -> None:
        self.action_page((self.number + by) % len(PAGES))

    def action_page(self, number: int) -> None:
        self.number = number
        self._explainer.stop_losses()
        self.show_page()
        self.refresh_bindings()

    def action_look(self, across: int, down: int) -> None:
        if attention := self._attention:
            self._look_from(pages.moved(self.place, attention.rows, attention.columns, across, down))
        else:
            self.explain("No attention is shown on this page.", lambda: self._attention is None)

    @property
    def _attention(self) -> AttentionMap | None:
        """What the page shows of it."""
        return self.guess.attention if self.guess and self.number == 2 else None

    def _look_from(self, place: pages.Place) -> None:
        self.place = place
        self.show_page(ask=False)

    def action_again(self) -> None:
        if self.number != 2:
            self.explain("The losses are on the third page.", lambda: self.number != 2)
        self._loss_weights, self.guess = "", None
        self.show_page()

    def on_slider_moved(self, message: Slider.Moved) -> None:
        self._go_to(message.value)

    def on_curve_view_picked(self, message: CurveView.Picked) -> None:
        self._go_to(message.x)

    def on_click(self, event: events.Click) -> None:
        if self.number == 2 and event.widget is self.view and (hit := self.view.place_in_image(event.x, event.y)):
            self._look_from(hit)
