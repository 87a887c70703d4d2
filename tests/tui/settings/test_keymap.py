"""Keys: every action has one that no tmux, screen, VS Code or browser keeps for itself, and is shown; the person's key map holds."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from fakes import finished_run
from textual.widgets import Input
from user import opened

from engine.config.training import PRESETS
from tui.screens.base import AppScreen
from tui.screens.registry import SCREENS, bindings_by_screen, own_bindings
from tui.settings import keymap as keys
from tui.settings.config_file import Config
from tui.settings.keymap import check_keymap, declared_bindings, keys_of, named_bindings

EATEN = {
    "tmux": {"ctrl+b"},
    "GNU screen": {"ctrl+a"},
    "VS Code": {
        "f1",
        "f5",
        "f6",
        "f9",
        "f10",
        "f11",
        "ctrl+p",
        "ctrl+q",
        "ctrl+e",
        "ctrl+f",
        "ctrl+g",
        "ctrl+j",
        "ctrl+k",
        "ctrl+n",
        "ctrl+r",
        "ctrl+w",
    },
    "a browser": {"f3", "f5", "f6", "f7", "f11", "f12", "ctrl+n", "ctrl+t", "ctrl+w", "ctrl+l", "ctrl+s", "ctrl+q"},
    "a shell's terminal": {"ctrl+s", "ctrl+q", "ctrl+z"},
    "a desktop": {"f2", "f4", "f8"},
}
"""Whose they are by default, or may be. Together, nothing but ctrl+c is left of the keys with ctrl, and no F-key."""
ALONE = {"repaint", "suspend_process"}
"""Actions that no other key needs to reach: a terminal that keeps their key has no use for them."""


def test_every_action_has_a_key_that_nobody_eats() -> None:
    eaten = set().union(*EATEN.values())
    for screen, bindings in bindings_by_screen().items():
        reached: dict[str, set[str]] = {}
        for binding in bindings:
            reached.setdefault(binding.action, set()).update(keys_of(binding, {}))
        for action, by in reached.items():
            assert action in ALONE or by - eaten, f"{action} on the {screen} screen needs {by}"


def test_whoever_leaves_an_input_has_letters() -> None:
    for screen, bindings in bindings_by_screen().items():
        for action, id in (("help", "help"), ("leave", "quit"), ("command_palette", "palette"), ("change_theme", "theme")):
            mine = [key for binding in bindings if binding.id == id for key in keys_of(binding, {})]
            assert any(len(key) == 1 or key == "question_mark" for key in mine), f"{action} on {screen}"


@pytest.mark.parametrize("key", ["f2", "f3", "f4", "f5", "f6", "f7"])
async def test_help_shows_every_key(key: str) -> None:
    async with opened(size=(100, 60)) as person:
        await person.press(key)
        beneath = person.app.screen
        assert isinstance(beneath, AppScreen)
        await person.press("f1")
        await person.sees("Everywhere", "esc closes")
        for binding in bindings_by_screen()[beneath.NAME]:
            assert binding.tooltip or binding.description, binding
            line = next((line for line in person.screen.splitlines() if (binding.tooltip or binding.description) in line), "")
            assert line, f"{binding.action}: {binding.tooltip or binding.description!r} is not in\n{person.screen}"
            for shown in map(keys.display_name, keys_of(binding, {})):
                assert f" {shown} " in line, f"{shown} for {binding.action}"


@pytest.mark.parametrize("key", ["f2", "f3", "f4", "f5", "f6", "f7"])
async def test_help_is_whole_where_the_terminal_is_small(key: str) -> None:
    async with opened() as person:
        await person.press(key, "f1")
        await person.sees("Everywhere")
        assert all(line.strip() in ("", "│") or line.count("│") == 2 or set(line.strip()) <= set("╭─╮╰╯") for line in person.screen.splitlines())
        await person.press("end")
        await person.sees("esc closes")


def dialogs() -> dict[str, str]:
    """What opens each: keys from the Train screen."""
    return {"options": "o", "weights": "w", "new run": "n", "runs": "v", "help": "question_mark"}


@pytest.mark.parametrize("name", dialogs())
async def test_a_dialogs_own_keys_are_written_on_it(name: str) -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await person.press("f5", dialogs()[name])
        await person.until(lambda: not isinstance(person.app.screen, AppScreen))
        dialog = type(person.app.screen)
        await person.until(lambda: "esc" in person.screen)
        for binding in declared_bindings(dialog):
            shown = [keys.display_name(key).replace("^", "ctrl+") for key in keys_of(binding, {})]
            is_plain = "esc" in shown or binding.action.startswith(("dismiss", "app."))
            assert is_plain or any(f"{key} " in person.screen for key in shown), f"{shown} of {name}"
        await person.press("escape")
        await person.until(lambda: isinstance(person.app.screen, AppScreen))


def test_ids_mean_one_thing_and_lead_somewhere() -> None:
    from tui.app import DigittyApp

    for screen, bindings in bindings_by_screen().items():
        found = [binding for binding in bindings if binding.id]
        assert len({binding.id for binding in found}) == len(found), screen
        for binding in found:
            name = binding.action.partition("(")[0]
            assert any(inspect.getattr_static(cls, f"action_{name}", None) for cls in (SCREENS[screen], DigittyApp)), binding


# --- the person's key map ---------------------------------------------------------------------------------------------


async def test_a_key_map_holds_on_the_screen_in_the_footer_and_in_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keymap = {"help": "h", "save": ["j", "ctrl+o"], "train": "f12, 9", "quit": "Q", "weights": "W"}
    async with opened(config=Config(keys=keymap)) as person:
        await person.enter("seven")
        await person.sees("0.05 s")
        await person.until(lambda: "^o save" in person.footer and "^q quit" in person.footer)  # the second no key map takes away
        await person.press("escape")
        await person.until(lambda: "j save" in person.footer and "h help" in person.footer and "Q quit" in person.footer)
        await person.press("j")
        await person.is_told("digitty-7-seed1.png")
        await person.press("s", "q", "f1", "question_mark")
        assert isinstance(person.app.screen, AppScreen), "the old keys are free"
        await person.press("h")
        await person.sees("j  ^o", "F12", "W ")
        await person.press("escape", "9")
        await person.until(lambda: getattr(person.app.screen, "NAME", "") == "train")
        await person.press("Q")
        await person.until(lambda: not person.app.is_running)


async def test_two_actions_change_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(config=Config(keys={"save": "r", "again": "s"})) as person:
        await person.enter("seven")
        await person.sees("0.05 s")
        await person.press("escape", "s")
        await person.sees("seed 2")
        await person.press("r")
        await person.is_told("digitty-7-seed2.png")


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("svae", "z", "no action is called 'svae'; did you mean save?"),
        ("dance", "z", "no action is called 'dance'; the actions are type, enlarge"),
        ("save", "", 'save needs a key, "x", or several, ["x", "ctrl+x"]'),
        ("save", 7, "save needs a key"),
        ("save", [], "save needs a key"),
        ("save", ["x", 7], "save needs a key"),
        ("save", "contrl+x", "'contrl+x' is not a key: 'contrl' is not one of alt, ctrl"),
        ("save", "F13x", "'F13x' is not a key"),
        ("save", "r", "save: r is already used on the Prompt screen: draw the prompt again with a new random seed"),
        ("save", "enter", "save: enter is already used on the Prompt screen"),
        ("save", "escape", "save: esc is already used"),
        ("pause", "q", "pause: q is already used on the Generate screen: quit"),
        ("help", "ctrl+q", "help: ^q is already used"),
        ("gif", "T", "gif: T is already used on the Generate screen: choose colours"),
    ],
)
def test_what_is_wrong_with_a_key_is_said(name: str, given: object, told: str) -> None:
    keymap, wrong = check_keymap({name: given}, bindings_by_screen())
    assert not keymap
    assert wrong[name].startswith(told)


@pytest.mark.parametrize("given", ["j", "J", "?", ":", "f12", "ctrl+x", "alt+shift+up", "f10", "insert", "ctrl+@", ["f12", ";"]])
def test_what_is_a_key_is_taken(given: object) -> None:
    keymap, wrong = check_keymap(dict.fromkeys(("help",), given), bindings_by_screen())
    assert not wrong, wrong
    assert keymap["help"]


@pytest.mark.parametrize("name", SCREENS)
async def test_help_on_esc_names_an_input_only_where_there_is_one(name: str) -> None:
    async with opened() as person:
        person.app.action_go(name)
        await person.until(lambda: person.app.current_mode == name and person.screen and person.footer)
        (text,) = {binding.tooltip for binding in own_bindings(SCREENS[name]) if binding.key == "escape"}
        assert ("input" in text) == bool(person.app.screen.query(Input))


def test_every_name_has_help() -> None:
    assert all(binding.tooltip for binding in named_bindings(bindings_by_screen()).values())
