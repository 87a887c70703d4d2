"""One line of short facts. Where the line is too short, whole facts are left out, the least important first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from engine.formatting import printable
from tui.terminal.literal import LONGEST

BETWEEN = "  "


@dataclass(frozen=True, slots=True)
class Fact:
    """A few words. Facts of the highest rank are left out first. Those of rank 0 always stay, and are cut at the line's end."""

    text: str
    rank: int = 0
    role: Literal["plain", "name", "state", "held-out", "warning"] = "plain"


class FactLine(Widget):
    """Drawn again only when its facts change."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"fact-line--{role}" for role in ("plain", "name", "state", "held-out", "warning")}
    DEFAULT_CSS = """
    FactLine {
        height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
        & > .fact-line--name { text-style: bold; }
        & > .fact-line--state { text-style: italic; }
        & > .fact-line--held-out { color: $text-secondary; }
        & > .fact-line--warning { color: $warning; text-style: bold; }
    }
    """

    facts: reactive[tuple[Fact, ...]] = reactive(())

    def render(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        for fact in select_fitting(self.facts, self.content_size.width):
            text.append(BETWEEN if text else "")
            text.append(fact.text, self.get_component_rich_style(f"fact-line--{fact.role}", partial=True))
        return text


def select_fitting(facts: Sequence[Fact], width: int) -> list[Fact]:
    """The facts that fit into `width` cells, in their order. Facts of rank 0 are always among them."""
    fitting = [replace(fact, text=printable(fact.text, LONGEST)) for fact in facts if fact.text]
    while sum(cell_len(fact.text) + len(BETWEEN) for fact in fitting) - len(BETWEEN) > width:
        least = max(fitting, key=lambda fact: fact.rank)
        if least.rank == 0:
            break
        fitting.remove(least)
    return fitting
