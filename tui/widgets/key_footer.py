"""The keys that work at the moment, on the last line of a screen."""

from __future__ import annotations

from itertools import accumulate
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import ActiveBinding
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.terminal.literal import literal

WHEEL = 4
"""Cells that a notch of the mouse wheel scrolls."""


class FooterKey(NamedTuple):
    key: str
    display: str
    """How the key is written."""
    description: str
    tooltip: str

    @property
    def width(self) -> int:
        """In cells, with the space before the next key."""
        return cell_len(self.display) + 1 + cell_len(self.description) + 1


class KeyFooter(Widget, can_focus=False):
    """One line that draws all keys that fit by itself, responds to clicks on them, and scrolls to the others under the mouse wheel.

    Textual's footer mounts a widget for each key and replaces them all whenever a binding may have changed. That took half of the time of a key
    press.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-footer--key", "key-footer--description", "key-footer--hover"}
    DEFAULT_CSS = """
    KeyFooter {
        dock: bottom;
        height: 1;
        text-wrap: nowrap;
        color: $footer-foreground;
        background: $footer-background;

        .key-footer--key {
            color: $footer-key-foreground;
            background: $footer-key-background;
            text-style: bold;
        }
        .key-footer--description {
            color: $footer-description-foreground;
            background: $footer-description-background;
        }
        .key-footer--hover {
            background: $block-hover-background;
        }
    }
    """

    keys: reactive[tuple[FooterKey, ...]] = reactive(())
    hovered: reactive[int | None] = reactive(None)
    """The index of the key under the mouse."""
    scrolled: reactive[int] = reactive(0)
    """Cells that are out of sight on the left."""

    _update_is_due = False

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._on_bindings_updated)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _on_bindings_updated(self, _: object) -> None:
        if self.app.app_focus and not self._update_is_due:
            self._update_is_due = self.call_after_refresh(self._update_keys)

    def _update_keys(self) -> None:
        self._update_is_due = False
        first: dict[str, ActiveBinding] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show:
                first.setdefault(active.binding.action, active)
        self.keys = tuple(
            FooterKey(binding.key, self.app.get_key_display(binding), binding.description, tooltip) for _, binding, _, tooltip in first.values()
        )

    def watch_keys(self) -> None:
        self.scrolled = 0
        self.hovered = None

    def render_line(self, y: int) -> Strip:
        key, description, hover = (self.get_component_rich_style(f"key-footer--{part}") for part in ("key", "description", "hover"))
        space = Style(bgcolor=self.rich_style.bgcolor)
        segments: list[Segment] = []
        for index, item in enumerate(self.keys[: self._shown]):
            under_mouse = Style(bgcolor=hover.bgcolor) if index == self.hovered else Style.null()
            segments += [Segment(item.display, key + under_mouse), Segment(f" {item.description}", description + under_mouse), Segment(" ", space)]
        return Strip(segments).crop(self.scrolled).adjust_cell_length(self.size.width, space)

    @property
    def _shown(self) -> int:
        """How many keys are shown or scrolled out of sight on the left. On the right a key is left out rather than cut, unless it is the only one."""
        ends = [end - 1 for end in accumulate(item.width for item in self.keys)]
        fitting = sum(end <= self.scrolled + self.size.width for end in ends)
        is_empty = not any(end > self.scrolled for end in ends[:fitting])
        return fitting + is_empty

    def key_at(self, x: int) -> int | None:
        """The index of the key that this column shows."""
        for index, end in enumerate(accumulate(item.width for item in self.keys[: self._shown])):
            if x + self.scrolled < end:
                return None if x + self.scrolled == end - 1 else index
        return None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if (index := self.key_at(event.x)) is not None:
            self.app.simulate_key(self.keys[index].key)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.hovered = self.key_at(event.x)

    def on_leave(self) -> None:
        self.hovered = None

    def watch_hovered(self, index: int | None) -> None:
        self.tooltip = literal(self.keys[index].tooltip) if index is not None and self.keys[index].tooltip else None

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll(-WHEEL)

    def _scroll(self, cells: int) -> None:
        most = max(0, sum(item.width for item in self.keys) - self.size.width)
        self.scrolled = min(max(0, self.scrolled + cells), most)
