"""What was asked of pictures, as small facts: 7 · bold · leaning left. Each can take the focus, by keys and by the mouse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from engine.formatting import printable
from engine.prompt.facts import Fact, FactGroup
from tui.terminal.literal import LONGEST

MOST_GROUPS = 4
"""Groups of pictures that are shown; a row from thin to bold has as many as pictures."""
DOT, COMMA, MORE = " · ", ", ", "…"
STEP = "change the fact that has the focus by a step"


class Place(NamedTuple):
    """A fact in the bar: its group, and its name."""

    group: int
    name: str


class Piece(NamedTuple):
    """A few characters of a line."""

    text: str
    at: int | None = None
    """The fact that they are part of."""
    by: int = 0
    """The step that a click on them asks for; 0: they only take the focus."""


class FactBar(Widget, can_focus=True):
    """As many lines as its facts need. The fact that has the focus stands between arrows, which can be clicked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"fact-bar--focused"}
    DEFAULT_CSS = """
    FactBar {
        height: auto; width: 1fr;
        & > .fact-bar--focused { text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,down", "step(-1)", "change", key_display="← →", tooltip=STEP),
        Binding("right,up", "step(1)", show=False, tooltip=STEP),
        Binding("backspace,delete", "drop", "drop", key_display="backspace", tooltip="leave the fact out"),
        Binding("enter", "draw", "draw", tooltip="draw the changed facts in full, and redraw what is not as asked for"),
        Binding("tab", "move(1)", "next", tooltip="move to the next fact, then to the input"),
        Binding("shift+tab", "move(-1)", show=False, tooltip="move to the fact before"),
        Binding("escape", "screen.enter", "input", tooltip="go back to the input"),
    ]

    class Asked(Message):
        """Somebody wants a fact changed by some steps, or left out where `by` is 0."""

        def __init__(self, bar: FactBar, place: Place, by: int) -> None:
            super().__init__()
            self.bar, self.place, self.by = bar, place, by

    class Finished(Message):
        """The changed facts are to be drawn now. With `again`, what is not as asked for is redrawn; otherwise the focus has gone elsewhere."""

        def __init__(self, bar: FactBar, again: bool) -> None:
            super().__init__()
            self.bar, self.again = bar, again

    _drawn: Sequence[Sequence[Piece]] = ()
    """The lines as they were drawn last, which is what a click is about: the focus that it brings moves them."""
    begins_focused = False
    """Whether it takes the focus as soon as it is on the screen."""
    groups: reactive[tuple[FactGroup, ...]] = reactive((), layout=True)
    at: reactive[int] = reactive(0, layout=True)
    """Which fact has the focus, or had it last."""

    @property
    def places(self) -> Sequence[Place]:
        """The facts that are shown, in their order."""
        return [Place(group, fact.name) for group, shown in enumerate(self._shown()) for fact in shown]

    @property
    def place(self) -> Place | None:
        """The fact that has the focus, or had it last."""
        places = self.places
        return places[min(self.at, len(places) - 1)] if places else None

    def _shown(self) -> Sequence[Sequence[Fact]]:
        return [group.facts for group in self.groups[:MOST_GROUPS]]

    def fact_at(self, place: Place) -> Fact | None:
        """The fact in a place, or None where it is gone."""
        groups = self._shown()
        found = groups[place.group] if place.group < len(groups) else ()
        return next((fact for fact in found if fact.name == place.name), None)

    def go_to(self, place: Place | None) -> None:
        """Let this fact have the focus, or where there is none any more, the one in its place."""
        places = self.places
        self.at = places.index(place) if place in places else min(self.at, max(0, len(places) - 1))

    def watch_groups(self) -> None:
        self.display = bool(self.groups)

    def on_mount(self) -> None:
        self.display = bool(self.groups)
        if self.begins_focused:
            self.focus()

    def on_focus(self) -> None:
        self.refresh(layout=True)

    def on_blur(self) -> None:
        self.refresh(layout=True)
        self.post_message(self.Finished(self, again=False))

    # --- actions ------------------------------------------------------------------------------------------------------

    def action_step(self, by: int) -> None:
        if place := self.place:
            self.post_message(self.Asked(self, place, by))

    def action_drop(self) -> None:
        self.action_step(0)

    def action_draw(self) -> None:
        self.post_message(self.Finished(self, again=True))

    async def action_move(self, by: int) -> None:
        if 0 <= self.at + by < len(self.places):
            self.at += by
        else:
            await self.run_action("screen.enter")

    def on_mouse_down(self, event: events.MouseDown) -> None:
        offset = event.get_content_offset(self)
        piece = self._piece_at(offset.x, offset.y) if offset else None
        if piece is None or piece.at is None:
            return
        self.at = piece.at
        if piece.by:
            self.action_step(piece.by)

    # --- drawing ------------------------------------------------------------------------------------------------------

    def _piece_at(self, x: int, y: int) -> Piece | None:
        for piece in self._drawn[y] if y < len(self._drawn) else ():
            if x < cell_len(piece.text):
                return piece
            x -= cell_len(piece.text)
        return None

    def _words(self) -> Iterator[Sequence[Piece]]:
        """What may not be torn apart: each fact with what stands before it."""
        at, focused = 0, min(self.at, len(self.places) - 1) if self.has_focus else None
        for group, shown in enumerate(self._shown()):
            for k, fact in enumerate(shown):
                between = [Piece(DOT if k else COMMA)] if k or group else []
                text = printable(fact.text, LONGEST)
                marked = [Piece("<", at, -1), Piece(text, at), Piece(">", at, 1)] if at == focused else [Piece(text, at)]
                yield [*between, *marked]
                at += 1
        if len(self.groups) > MOST_GROUPS:
            yield [Piece(COMMA), Piece(MORE)]

    def _lines(self, width: int) -> Sequence[Sequence[Piece]]:
        """The pieces of each line. A line ends with the sign behind its last fact."""
        lines: list[list[Piece]] = [[]]
        for word in self._words():
            used, own = (sum(cell_len(piece.text) for piece in pieces) for pieces in (lines[-1], word))
            if lines[-1] and used + own > width:
                if word[0].at is None:
                    lines[-1].append(Piece(word[0].text.rstrip()))
                    word = word[1:]
                lines.append([])
            lines[-1] += word
        return lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render_line(self, y: int) -> Strip:
        self._drawn = lines = self._lines(self.size.width)
        plain = self.rich_style
        focused = self.get_component_rich_style("fact-bar--focused") if self.has_focus else plain
        at = min(self.at, len(self.places) - 1)
        pieces = lines[y] if y < len(lines) else ()
        segments = [Segment(piece.text, self._style(piece, at, plain, focused)) for piece in pieces]
        return Strip(segments).adjust_cell_length(self.size.width, plain)

    @staticmethod
    def _style(piece: Piece, at: int, plain: Style, focused: Style) -> Style:
        return focused if piece.at == at else plain
