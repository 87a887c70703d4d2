"""The palette's commands: everything that help lists, made from the same bindings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from textual.binding import Binding

from tui.settings.keymap import display_name, keys_of


class PaletteCommand(NamedTuple):
    """An action as the palette shows it."""

    title: str
    """What the search looks through."""
    keys: str
    action: str


def palette_commands(bindings: Iterable[Binding], keymap: Mapping[str, str], label: Callable[[Binding], str]) -> Iterator[PaletteCommand]:
    """A command for each action. `label` gives a binding's present name, such as resume for pause; it may be empty."""
    keys_by_action: dict[str, list[str]] = {}
    first: dict[str, Binding] = {}
    for binding in bindings:
        action = binding.action.removeprefix("screen.")
        first.setdefault(action, binding)
        keys_by_action.setdefault(action, []).extend(display_name(key) for key in keys_of(binding, keymap))
    titles: set[str] = set()
    for action, binding in first.items():
        keys = list(dict.fromkeys(keys_by_action[action]))
        title = _title(binding, label(binding) or binding.description)
        if title in titles:
            title = f"{title} ({keys[0]})"
        titles.add(title)
        if action != "command_palette":
            yield PaletteCommand(title, " ".join(keys), binding.action)


def _title(binding: Binding, label: str) -> str:
    """New: start a run, or continue one for longer."""
    name, _, argument = binding.action.partition("(")
    if name == "go":
        return f"Screen: {argument.strip(chr(39) + ')').title()}"
    text = binding.tooltip or binding.description
    title = f"{label}: {text}" if label and label != text else text
    return title[:1].upper() + title[1:]
