"""What the Train screen shows where there is no run: what can be trained, what it gives, and how long it takes on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.config.model import NetworkKind
from engine.config.preset_hints import PRESET_RESULTS
from engine.config.training import PRESETS, TrainConfig
from engine.formatting import format_roughly
from engine.protocol.recipe import Images
from tui.render.tiles import Tiles
from tui.terminal.capabilities import Terminal
from tui.terminal.literal import literal
from tui.widgets.answer_list import AnswerList
from tui.widgets.image_view import ImageView

TITLE = "No run yet. Choose what to train on MNIST: ↑ ↓ select, enter starts; n: more."
ASCII_TITLE = "No run yet. Choose what to train on MNIST: arrows select, enter starts; n: more."
WHAT_TRAINING_SHOWS = (
    "Training mixes noise into real images and lets the network guess what was mixed in. The loss says how far off the guesses are: "
    "it falls fast at first, then slowly, and lower is better. A few images are drawn from the same noise again and again, "
    "so that you see them sharpen."
)
"""Also shown before the first step of a run."""
WHAT_ENCODING_SHOWS = (
    "Training shows the encoder digits by many writers. Its codes of one writer's digits attract each other, those of different writers repel each "
    "other. The loss says how often it takes a stranger's digit for the writer's own: lower is better. Five digits are shown, and below each the one "
    "of another class whose hand it finds most alike."
)
"""The same for a run of the preset hand."""
WHAT_READING_SHOWS = (
    "Training shows the reader captions of digits, such as 'a bold seven leaning left', and what each states. The loss says how far off its answers "
    "are: lower is better. Some captions are shown with what it reads in them; their templates and some of their words are never trained on."
)
"""The same for a run of the preset text."""
WHAT_RANKING_SHOWS = (
    "Training shows the tower images beside captions, some true of an image and some not. The loss says how often it takes the one for the other: "
    "lower is better. For two captions the four images are shown that fit best, with how likely the caption is true of each."
)
"""The same for a run of the preset rank."""
WHAT_IS_SHOWN: Mapping[NetworkKind, str] = {
    "unet": WHAT_TRAINING_SHOWS,
    "writer": WHAT_ENCODING_SHOWS,
    "text": WHAT_READING_SHOWS,
    "tower": WHAT_RANKING_SHOWS,
}
NAME, TIME = 12, 13
"""Columns of the first and the last part of a line."""
MOST_WIDTH = 90
"""A wider line would have its time far from its name."""
LEAST_RESULT = 30
"""A narrower line leaves out what a choice gives."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to train. With `minutes` it is planned for that long."""

    name: str
    gives: str
    config: TrainConfig
    minutes: float | None = None
    example: str = "shipped"
    """The weights that ship whose digits are shown beside the offer."""
    about: str = "Digits of the weights that ship: the same recipe, trained longer."
    """What the example has to do with the offer."""


SMALLER = "Digits of the weights that ship: a larger network, trained longer. Almost as many of quick's are read correctly."
IN_ONE_STEP = "Digits of shipped:one-step, which this preset made. Each took one evaluation of the network."
OFFERS = (
    Offer("quick", PRESET_RESULTS["quick"], PRESETS["quick"], about=SMALLER),
    Offer("30 minutes", "the recipe best, planned for half an hour", PRESETS["best"], minutes=30.0),
    Offer("best", PRESET_RESULTS["best"], PRESETS["best"]),
    Offer("seed", PRESET_RESULTS["seed"], PRESETS["seed"], example="shipped:seed", about="Digits of shipped:seed, which this preset made."),
    Offer("one-step", PRESET_RESULTS["one-step"], PRESETS["one-step"], example="shipped:one-step", about=IN_ONE_STEP),
)
"""The first one is selected at first."""


class Example(ImageView):
    """Pictures where all of them fit at once, else nothing."""

    def _fit(self, width: int, height: int) -> Tiles | None:
        grid = super()._fit(width, height)
        return grid if grid and grid.pages == 1 else None


class Invitation(VerticalScroll):
    """Posts Chosen when an offer is chosen, and Selected when one is selected: `show_example` gets its pictures."""

    DEFAULT_CSS = """
    Invitation {
        height: 1fr; padding: 1 1; scrollbar-size-vertical: 1;
        & > OptionList { height: auto; border: none; background: transparent; padding: 0; margin: 1 0; }
        & > .note { color: $text-muted; }
        & > Vertical { height: 1fr; min-height: 0; margin-top: 1; overflow: hidden; }
        & Example { height: 1fr; }
        & #about { height: auto; color: $text-muted; }
    }
    """

    class Chosen(Message):
        """The user wants to train this."""

        def __init__(self, offer: Offer) -> None:
            super().__init__()
            self.offer = offer

    class Selected(Message):
        """Another offer is selected."""

        def __init__(self, offer: Offer) -> None:
            super().__init__()
            self.offer = offer

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(can_focus=False)
        self._terminal = terminal
        self._title = TITLE if terminal.unicode else ASCII_TITLE
        self._times: Sequence[str] = [""] * len(OFFERS)
        self._lines: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static(literal(self._title))
        yield AnswerList(*(Option(literal(offer.name), id=offer.name) for offer in OFFERS), compact=True)
        yield Static(literal(WHAT_TRAINING_SHOWS), classes="note")
        with Vertical():
            yield Static(id="about")
            yield Example(self._terminal)

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = 0

    def on_resize(self, event: events.Resize) -> None:
        self._show_lines()
        self.call_after_refresh(self._show_about)

    def show_example(self, offer: Offer, images: Images | None) -> None:
        """Show what weights draw that have to do with this offer, if it is still selected."""
        if offer is not self.selected:
            return
        view = self.query_one(Example)
        if images is None:
            view.clear()
        else:
            view.show(images)
        self._show_about()

    def _show_about(self) -> None:
        """Say what the pictures are, if there is room for them."""
        has_room = self.query_one(Example).tile is not None
        self.query_one("#about", Static).update(literal(self.selected.about if has_room else ""))

    def show_times(self, times: Sequence[str]) -> None:
        """The words for how long each offer takes. Draws only lines that changed."""
        self._times = times
        self._show_lines()

    def _show_lines(self) -> None:
        choices = self.query_one(OptionList)
        width = min(self.content_size.width - 2, MOST_WIDTH)
        lines = [line_of(offer, time, width) for offer, time in zip(OFFERS, self._times, strict=True)]
        for index, line in enumerate(lines):
            if index >= len(self._lines) or line != self._lines[index]:
                choices.replace_option_prompt_at_index(index, literal(line))
        self._lines = lines

    @property
    def selected(self) -> Offer:
        return OFFERS[self.query_one(OptionList).highlighted or 0]

    def take_focus(self) -> None:
        self.query_one(OptionList).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.post_message(self.Selected(self.selected))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(OFFERS[event.option_index]))


def time_of(offer: Offer, seconds: float | None, pending: bool) -> str:
    """How long an offer takes: about 6 min; measuring… while that is not known yet."""
    if offer.minutes is not None:
        seconds = offer.minutes * 60
    if seconds is None:
        return "measuring…" if pending else ""
    return f"about {format_roughly(seconds)}"


def line_of(offer: Offer, time: str, width: int) -> str:
    """quick       99.5% right after 2.5 minutes on two cores        about 6 min"""
    room = width - NAME - TIME
    gives = "" if room < LEAST_RESULT else offer.gives[:room]
    return f"{offer.name:<{NAME}}{gives}".ljust(max(NAME, width - TIME)) + f"{time:>{TIME}}"
