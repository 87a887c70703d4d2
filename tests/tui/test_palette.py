"""The palette has all that help lists, finds it by its words, and does what the keys do."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.actions import parse
from textual.app import SystemCommand
from textual.binding import Binding
from user import User, opened

from tui.dialogs.help import HelpDialog
from tui.screens.base import AppScreen
from tui.screens.registry import SCREENS, bindings_by_screen, own_bindings
from tui.settings.config_file import Config
from tui.settings.keymap import help_rows
from tui.settings.palette import palette_commands
from tui.terminal.command_search import CommandSearch

LEAVES_THE_SCREEN = {"leave", "copy_or_leave", "suspend_process"}


async def go(person: User, name: str) -> AppScreen:
    person.app.action_go(name)
    await person.until(lambda: person.app.current_mode == name and person.screen and person.footer)
    assert isinstance(person.app.screen, AppScreen)
    return person.app.screen


def commands(person: User) -> list[SystemCommand]:
    return list(person.app.get_system_commands(person.app.screen))


@pytest.mark.parametrize("name", SCREENS)
async def test_it_has_every_line_of_help(name: str) -> None:
    async with opened() as person:
        screen = await go(person, name)
        titles = [command.title for command in commands(person)]
        assert len(set(titles)) == len(titles)
        for binding in bindings_by_screen()[name]:
            action = binding.action.removeprefix("screen.")
            if action == "command_palette":
                continue
            texts = [f"Screen: {action[4:-2].title()}"] if action.startswith("go(") else [binding.tooltip or binding.description]
            assert any(text.lower() in title.lower() for title in titles for text in texts), binding
        for keys, text in help_rows(own_bindings(type(screen)), person.app.keymap):
            shown = next(command.help for command in commands(person) if text.lower() in command.title.lower())
            assert set(shown.removeprefix("key: ").split()) <= set(keys.split()), text


@pytest.mark.parametrize("name", SCREENS)
async def test_every_command_leads_somewhere(name: str) -> None:
    async with opened() as person:
        screen = await go(person, name)
        for node, command in [(screen, c) for c in palette_commands(own_bindings(type(screen)), {}, lambda binding: "")]:
            namespace, action, _ = parse(command.action)
            target = {"app": person.app}.get(namespace, node)
            assert any(hasattr(target, prefix + action) for prefix in ("action_", "_action_")), command


def useless(screen: AppScreen) -> list[Binding]:
    """Keys that the footer leaves out because they can do nothing now."""
    found: dict[str, Binding] = {}
    for binding in own_bindings(type(screen)):
        if binding.show and binding.key != "escape" and not screen.footer_label(binding):
            found.setdefault(binding.action, binding)
    return list(found.values())


@pytest.mark.slow
async def test_titles_that_begin_with_the_query_come_first() -> None:
    async with opened() as person:
        train = [("train", word, f"{word.title()}: ") for word in ("new", "pause", "runs", "stop", "detach", "continue")]
        grid = [("grid", word, f"{word.title()}: ") for word in ("weights", "options", "theme", "quit", "messages")]
        generate = [("generate", word, f"{word}: ") for word in ("GIF", "PNG")]
        prompt = [("prompt", "save", "Save: "), ("prompt", "keys", "Keys: "), ("prompt", "screen g", "Screen: G")]
        for mode, query, title in (*train, *grid, *generate, *prompt):
            await go(person, mode)
            search = CommandSearch(person.app.screen)
            hits = sorted([hit async for hit in search.search(query)], key=lambda hit: -hit.score)  # type: ignore[union-attr]
            assert str(hits[0].text).startswith(title), (query, [hit.text for hit in hits][:4])


@pytest.mark.parametrize("name", SCREENS)
async def test_an_action_that_can_do_little_now_says_why(name: str) -> None:
    async with opened() as person:
        screen = await go(person, name)
        if name == "grid":
            screen.stop_work()
            screen.done = screen.job = None  # type: ignore[attr-defined]
        for binding in useless(screen):
            person.app.notices.log.clear()
            before = person.app.focused, person.screen
            await person.app.run_action(binding.action, screen)
            changed = lambda before=before: person.notices or (person.app.focused, person.screen) != before  # noqa: E731
            await person.until(changed)


@pytest.mark.slow
async def test_a_command_is_found_by_its_words_and_runs() -> None:
    async with opened() as person:
        await person.press("f5", "ctrl+p")
        person.burst(*"new start a run")
        await person.sees("New: start a run")
        await person.pilot.pause(0.3)
        await person.press("enter")
        await person.sees("preset", "epochs")


async def test_keys_opens_help_which_escape_closes() -> None:
    async with opened() as person:
        await person.press("ctrl+p")
        person.burst(*"keys")
        await person.sees("Keys: what")
        await person.pilot.pause(0.3)
        await person.press("enter")
        await person.until(lambda: isinstance(person.app.screen, HelpDialog))
        await person.press("escape")
        await person.until(lambda: isinstance(person.app.screen, AppScreen))


async def test_a_screenshot_says_where_it_is_or_why_there_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    async with opened(size=(160, 24), config=Config(values={"pictures": str(folder)})) as person:
        person.app.action_screenshot()
        await person.is_told("Saved ")
        (saved,) = folder.iterdir()
        assert person.notices == f"Saved {saved}"
        assert "<svg" in saved.read_text()[:200]
        saved.unlink()
        folder.rmdir()
        folder.write_text("in its place")
        person.app.action_screenshot()
        await person.is_told("No screenshot was saved: ")
        assert "choose another with pictures" in person.notices
