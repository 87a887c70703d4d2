"""One line of short facts. Where room is short, whole facts are left out, the least important first."""

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
    """A few words. The higher its rank the earlier it is left out; those of rank 0 stay, and are cut at the line's end."""

    text: str
    rank: int = 0
    role: Literal["plain", "name", "state", "warning"] = "plain"


class FactLine(Widget):
    """Draws itself again only when what it shows changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"fact-line--{role}" for role in ("plain", "name", "state", "warning")}
    DEFAULT_CSS = """
    FactLine {
        height: 1; padding: 0 1;
        & > .fact-line--name { text-style: bold; }
        & > .fact-line--state { text-style: italic; }
        & > .fact-line--warning { color: $warning; text-style: bold; }
    }
    """

    facts: reactive[tuple[Fact, ...]] = reactive(())

    def render(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        for fact in fitting(self.facts, self.content_size.width):
            text.append(BETWEEN if text else "")
            text.append(fact.text, self.get_component_rich_style(f"fact-line--{fact.role}", partial=True))
        return text


def fitting(facts: Sequence[Fact], room: int) -> list[Fact]:
    """Those that have room, in their order."""
    kept = [replace(fact, text=printable(fact.text, LONGEST)) for fact in facts if fact.text]
    while sum(cell_len(fact.text) + len(BETWEEN) for fact in kept) - len(BETWEEN) > room:
        least = max(kept, key=lambda fact: fact.rank)
        if least.rank == 0:
            break
        kept.remove(least)
    return kept
