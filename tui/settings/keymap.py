"""Which key does what: read off what the screens declare, and changed by the person's key map. A binding's tooltip is its line of help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, cast

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key, format_key

from engine.errors import SettingError
from tui.settings.config_file import KEYS, Config

if TYPE_CHECKING:
    from tui.screens.base import AppScreen

MODIFIERS = {"ctrl", "shift", "alt", "super", "meta", "hyper"}
NAMED = {key.value for key in Keys}
SHOWN = {
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "pageup": "page up",
    "pagedown": "page down",
    "escape": "esc",
    "enter": "enter",
    "delete": "delete",
    "backspace": "backspace",
}

TABS = "Prompt, Generate, Grid, Train; or click"
GLOBAL_BINDINGS = (
    Binding("f2,1", "go('prompt')", "screens", key_display="F2–F5", tooltip=TABS, id="prompt"),
    Binding("f3,2", "go('generate')", show=False, tooltip=TABS, id="generate"),
    Binding("f4,3", "go('grid')", show=False, tooltip=TABS, id="grid"),
    Binding("f5,4", "go('train')", show=False, tooltip=TABS, id="train"),
    Binding("w", "choose_weights", "weights", tooltip="the weights to draw with", id="weights"),
    Binding("o", "options", "options", tooltip="how to draw: sampler, steps, guidance, seed", id="options"),
    Binding("T", "change_theme", "theme", tooltip="colours: dark, light, high contrast, more", id="theme"),
    Binding("p,ctrl+p", "command_palette", "palette", tooltip="all of this by name", id="palette"),
    Binding("question_mark,f1", "help", "help", tooltip="this page", id="help"),
    Binding("q", "leave", "quit", tooltip="quit; asks where a run would stop", id="quit"),
    Binding("ctrl+q", "leave", "quit", tooltip="quit; asks where a run would stop", priority=True),
    Binding("ctrl+c", "copy_or_leave", show=False, tooltip="copy what is selected, else quit", priority=True),
)
"""What holds on every screen."""


def declared(node: type[DOMNode]) -> list[Binding]:
    """What a class and its bases in this package bind, its own first; several keys of one binding stay together."""
    own = [cls for cls in node.__mro__ if cls.__module__.startswith("tui.")]
    return [binding for cls in own for binding in vars(cls).get("BINDINGS", ()) if isinstance(binding, Binding)]


def screens() -> Iterator[tuple[str, list[Binding]]]:
    """Each screen's name, and all that is bound while it is shown."""
    from tui.app import DigittyApp
    from tui.screens.prompt import PromptScreen
    from tui.widgets.prompt_input import PromptInput

    for name, screen in cast(dict[str, type[DOMNode]], DigittyApp.MODES).items():
        focused = declared(PromptInput) if screen is PromptScreen else []
        yield name, [*focused, *declared(screen), *declared(DigittyApp)]


def actions() -> dict[str, Binding]:
    """What the key map may give other keys, by the name it has there; the application's own last."""
    found: dict[str, Binding] = {}
    for _, bindings in screens():
        for binding in bindings:
            if binding.id:
                found.setdefault(binding.id, binding)
    return dict(sorted(found.items(), key=lambda item: item[1].action.startswith(("go(", "app."))))


def keys_of(binding: Binding, keymap: Mapping[str, str]) -> list[str]:
    """The keys that it has now, as Textual names them."""
    text = keymap.get(binding.id or "", binding.key)
    return [_character_to_key(key) if len(key) == 1 else key for key in (key.strip() for key in text.split(","))]


def display_name(key: str) -> str:
    """^s, F1, ←, ?"""
    *modifiers, last = key.split("+")
    if "ctrl" in modifiers:
        modifiers.remove("ctrl")
        return "+".join([*modifiers, "^" + display_name(last)])
    if last[:1] == "f" and last[1:].isdigit():
        last = last.upper()
    return "+".join([*modifiers, SHOWN.get(last) or format_key(last)])


def config_name(key: str) -> str:
    """As one writes it in config.toml: ? rather than question_mark."""
    return character if (character := format_key(key)).isascii() and len(character) == 1 else key


# --- help -------------------------------------------------------------------------------------------------------------


def lines(bindings: Iterable[Binding], keymap: Mapping[str, str]) -> list[tuple[str, str]]:
    """Keys and what they do; bindings with the same words share a line: first keys first."""
    rows: dict[str, list[list[str]]] = {}
    for binding in bindings:
        rows.setdefault(binding.tooltip or binding.description, []).append([display_name(key) for key in keys_of(binding, keymap)])
    found = []
    for words, each in rows.items():
        ranks = ([keys[rank] for keys in each if rank < len(keys)] for rank in range(max(map(len, each))))
        found.append(("  ".join(" ".join(dict.fromkeys(rank)) for rank in ranks), words))
    return found


def help_lines(screen: AppScreen) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Those of the screen, and those that hold everywhere."""
    from tui.app import DigittyApp

    everywhere = declared(DigittyApp)
    own = [binding for binding in dict(screens())[screen.NAME] if binding not in everywhere]
    keymap = screen.digitty.keymap
    return lines(own, keymap), lines(everywhere, keymap)


# --- the person's key map ---------------------------------------------------------------------------------------------


def in_force(config: Config) -> tuple[dict[str, str], list[str]]:
    """The key map of config.toml, and all that is wrong with the file."""
    keymap, wrong = checked(config.keys)
    return keymap, [*config.problems, *(f"{config.where(KEYS, name)}: {words}" for name, words in wrong.items())]


def checked(written: Mapping[str, object]) -> tuple[dict[str, str], dict[str, str]]:
    """The key map as Textual takes it, and by name what is wrong with the rest: no action, no key, or one taken where the action is offered."""
    keymap: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, keys in written.items():
        try:
            keymap[name] = _keys(name, keys)
        except SettingError as error:
            wrong[name] = str(error)
    for name in list(keymap):  # once all are known: two actions may change places
        if taken := _taken(name, keymap):
            wrong[name] = taken
    return {name: keys for name, keys in keymap.items() if name not in wrong}, wrong


def _keys(name: str, keys: object) -> str:
    known = actions()
    if name not in known:
        near = get_close_matches(name, known, 1)
        raise SettingError(f"no action is called {name!r}; " + (f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"))
    given = keys.split(",") if isinstance(keys, str) else keys
    if not isinstance(given, list) or not given or not all(isinstance(key, str) and key.strip() for key in given):
        raise SettingError(f'{name} needs a key, "x", or several, ["x", "ctrl+x"]')
    return ",".join(_key(key.strip()) for key in given)


def _taken(name: str, keymap: Mapping[str, str]) -> str:
    for screen, bindings in screens():
        mine = {key for binding in bindings if binding.id == name for key in keys_of(binding, keymap)}
        for binding in bindings:
            if binding.id != name and (both := mine & set(keys_of(binding, keymap))):
                return f"{name}: {display_name(min(both))} is taken on the {screen.title()} screen: {binding.tooltip or binding.description}"
    return ""


def _key(text: str) -> str:
    """Raises SettingError where it names no key."""
    *modifiers, last = text.split("+") if len(text) > 1 else [text]
    if len(last) == 1:
        last = _character_to_key(last) if not modifiers else last
    elif last not in NAMED and format_key(last) == last:
        raise SettingError(f"{text!r} is no key; write x, X, ?, f6, ctrl+x, space, home …")
    if unknown := set(modifiers) - MODIFIERS:
        raise SettingError(f"{text!r} is no key: {min(unknown)!r} is none of {', '.join(sorted(MODIFIERS))}")
    return "+".join([*modifiers, last])
