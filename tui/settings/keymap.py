"""Which key does what: read from the bindings that the screens declare, and changed by config.toml. A binding's tooltip is its line of help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key, format_key

from engine.errors import SettingError
from tui.settings.config_file import KEYS, Config

BindingsByScreen = Mapping[str, Sequence[Binding]]
"""Everything that is bound while a screen is shown, by the screen's name. `tui.screens.registry` has it."""

MODIFIERS = {"ctrl", "shift", "alt", "super", "meta", "hyper"}
NAMED = {key.value for key in Keys}
DISPLAY_NAMES = {
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

SCREEN_NAMES = ("prompt", "generate", "grid", "train", "compare", "gallery", "how")
"""In the order of the tabs: F2 and 1 go to the first."""
FIRST_KEY = 2
_LAST_KEY = FIRST_KEY + len(SCREEN_NAMES) - 1


def _screen_bindings() -> list[Binding]:
    """F2 or 1 to the first screen, F3 or 2 to the second; the footer shows them as one."""
    tooltip = "go to a screen (or click)"
    return [
        Binding(
            f"f{FIRST_KEY + i},{i + 1}",
            f"go('{name}')",
            "screens",
            show=i == 0,
            key_display=f"F{FIRST_KEY}–F{_LAST_KEY}" if i == 0 else None,
            tooltip=tooltip,
            id=name,
        )
        for i, name in enumerate(SCREEN_NAMES)
    ]


GLOBAL_BINDINGS = (
    *_screen_bindings(),
    Binding("w", "choose_weights", "weights", tooltip="choose the weights to draw with", id="weights"),
    Binding("o", "options", "options", tooltip="choose how to draw: sampler, steps, guidance…", id="options"),
    Binding("T", "change_theme", "theme", tooltip="choose colours: dark, light, high contrast…", id="theme"),
    Binding("p,ctrl+p", "command_palette", "palette", tooltip="search all commands by name", id="palette"),
    Binding("m,f9", "messages", "messages", tooltip="show all messages with their whole texts", id="messages"),
    Binding("question_mark,f1", "help", "help", tooltip="show this help", id="help"),
    Binding("q", "leave", "quit", tooltip="quit; asks first if a run would stop", id="quit"),
    Binding("ctrl+q", "leave", "quit", tooltip="quit; asks first if a run would stop", priority=True),
    Binding("ctrl+c", "copy_or_leave", show=False, tooltip="copy selected text; quit if none is selected", priority=True),
)
"""What the application binds on every screen."""


def declared_bindings(node: type[DOMNode]) -> list[Binding]:
    """The bindings that a class and its bases in this package declare, its own first; the keys of one binding stay together."""
    own = [cls for cls in node.__mro__ if cls.__module__.startswith("tui.")]
    return [binding for cls in own for binding in vars(cls).get("BINDINGS", ()) if isinstance(binding, Binding)]


def named_bindings(screens: BindingsByScreen) -> dict[str, Binding]:
    """The bindings whose keys config.toml may change, by their name there; the application's own last."""
    by_name: dict[str, Binding] = {}
    for bindings in screens.values():
        for binding in bindings:
            if binding.id:
                by_name.setdefault(binding.id, binding)
    return dict(sorted(by_name.items(), key=lambda item: item[1].action.startswith(("go(", "app."))))


def meanings(screens: BindingsByScreen, name: str) -> list[str]:
    """What the binding of this name does, its line of help; where screens differ, a line for each meaning: "Generate, Grid: stop the drawing"."""
    by_text: dict[str, list[str]] = {}
    for screen, bindings in screens.items():
        for text in dict.fromkeys(binding.tooltip or binding.description for binding in bindings if binding.id == name):
            by_text.setdefault(text, []).append(screen.title())
    return [*by_text] if len(by_text) == 1 else [f"{', '.join(names)}: {text}" for text, names in by_text.items()]


def keys_of(binding: Binding, keymap: Mapping[str, str]) -> list[str]:
    """The binding's current keys, as Textual names them."""
    text = keymap.get(binding.id or "", binding.key)
    return [_character_to_key(key) if len(key) == 1 else key for key in (key.strip() for key in text.split(","))]


def key_in_inputs(name: str, keymap: Mapping[str, str]) -> str:
    """The key of one of the application's actions, as the screen shows it: one that works while an input has the focus, if there is one."""
    keys = next(keys_of(binding, keymap) for binding in GLOBAL_BINDINGS if binding.id == name)
    return display_name(next((key for key in keys if len(format_key(key)) > 1), keys[0]))


def display_name(key: str) -> str:
    """A key as the screen shows it: ^s, F1, ←, ?"""
    *modifiers, last = key.split("+")
    if "ctrl" in modifiers:
        modifiers.remove("ctrl")
        return "+".join([*modifiers, "^" + display_name(last)])
    if last[:1] == "f" and last[1:].isdigit():
        last = last.upper()
    return "+".join([*modifiers, DISPLAY_NAMES.get(last) or format_key(last)])


def config_name(key: str) -> str:
    """A key as people write it in config.toml: ? rather than question_mark."""
    return character if (character := format_key(key)).isascii() and len(character) == 1 else key


def help_rows(bindings: Iterable[Binding], keymap: Mapping[str, str]) -> list[tuple[str, str]]:
    """The keys and what they do. Bindings with the same help share a row: the first key of each, then the second ones."""
    keys_by_help: dict[str, list[list[str]]] = {}
    for binding in bindings:
        keys = [display_name(key) for key in keys_of(binding, keymap)]
        keys_by_help.setdefault(binding.tooltip or binding.description, []).append(keys)
    rows = []
    for text, keys_of_each in keys_by_help.items():
        ranks = ([keys[rank] for keys in keys_of_each if rank < len(keys)] for rank in range(max(map(len, keys_of_each))))
        rows.append(("  ".join(" ".join(dict.fromkeys(rank)) for rank in ranks), text))
    return rows


# --- the keys that config.toml changes --------------------------------------------------------------------------------


def load_keymap(config: Config, screens: BindingsByScreen) -> tuple[dict[str, str], list[str]]:
    """The valid part of config.toml's key map, and everything that is wrong with the file."""
    keymap, problems = check_keymap(config.keys, screens)
    return keymap, [*config.problems, *(f"{config.where(KEYS, name)}: {problem}" for name, problem in problems.items())]


def check_keymap(chosen_keys: Mapping[str, object], screens: BindingsByScreen) -> tuple[dict[str, str], dict[str, str]]:
    """The key map as Textual takes it, and by name what is wrong with the rest: an unknown action, an unknown key, or a key that is taken."""
    keymap: dict[str, str] = {}
    problems: dict[str, str] = {}
    bindings = named_bindings(screens)
    for name, keys in chosen_keys.items():
        try:
            keymap[name] = _parse_keys(name, keys, bindings)
        except SettingError as error:
            problems[name] = str(error)
    for name in list(keymap):  # once all are known: two actions may swap their keys
        if conflict := _find_conflict(name, keymap, screens):
            problems[name] = conflict
    return {name: keys for name, keys in keymap.items() if name not in problems}, problems


def _parse_keys(name: str, keys: object, actions: Iterable[str]) -> str:
    names = list(actions)
    if name not in names:
        near = get_close_matches(name, names, 1)
        raise SettingError(f"no action is called {name!r}; " + (f"did you mean {near[0]}?" if near else f"the actions are {', '.join(names)}"))
    key_names = keys.split(",") if isinstance(keys, str) else keys
    if not isinstance(key_names, list) or not key_names or not all(isinstance(key, str) and key.strip() for key in key_names):
        raise SettingError(f'{name} needs a key, "x", or several, ["x", "ctrl+x"]')
    return ",".join(_parse_key(key.strip()) for key in key_names)


def _find_conflict(name: str, keymap: Mapping[str, str], screens: BindingsByScreen) -> str:
    """What is wrong where a key of this action already does something else on a screen that offers both."""
    for screen, bindings in screens.items():
        own_keys = {key for binding in bindings if binding.id == name for key in keys_of(binding, keymap)}
        for binding in bindings:
            if binding.id != name and (both := own_keys & set(keys_of(binding, keymap))):
                return f"{name}: {display_name(min(both))} is already used on the {screen.title()} screen: {binding.tooltip or binding.description}"
    return ""


def _parse_key(text: str) -> str:
    """Raises SettingError where it names no key."""
    *modifiers, last = text.split("+") if len(text) > 1 else [text]
    if len(last) == 1:
        last = _character_to_key(last) if not modifiers else last
    elif last not in NAMED and format_key(last) == last:
        raise SettingError(f"{text!r} is not a key; write x, X, ?, f6, ctrl+x, space, home …")
    if unknown := set(modifiers) - MODIFIERS:
        raise SettingError(f"{text!r} is not a key: {min(unknown)!r} is not one of {', '.join(sorted(MODIFIERS))}")
    return "+".join([*modifiers, last])
