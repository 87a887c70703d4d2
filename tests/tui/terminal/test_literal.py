"""Foreign text on the screen is never markup and never a control sequence, whatever a name, a path, an error or a file holds."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from fakes import FakeJobs
from user import opened

from engine.errors import StorageError
from tui.dialogs.choice import Choice, ChoiceDialog
from tui.settings.config_file import Config
from tui.terminal.literal import literal

MARKUP = ("[/]", "[/b]", "[red]x", "[@click=app.quit()]x[/]", "[link='x']", "[$nonsense]", "[", "\\[b]", "[b")
CONTROLS = ("\x1b[31m", "\x1b]0;title\x07", "\x9b31m", "\x90q\x9c", "a\nb", "a\r\x1b[2Kb", "\u202eabc", "\u2066abc\u2069", "\u2028", "\x00", "\ud8ff")
TUI = Path(__file__).parents[3] / "tui"


def control_characters(text: str) -> list[str]:
    return [char for char in text if not char.isprintable() and char not in "\u200d\xad"]


# --- markup -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*MARKUP, *CONTROLS])
def test_literal_text_shows_as_it_is_but_for_controls(text: str) -> None:
    shown = literal(text)
    assert not shown.spans
    assert not control_characters(shown.plain)
    assert shown.plain == "".join(char if char.isprintable() else "·" for char in text)


async def test_every_notice_is_plain_text_on_one_line() -> None:
    async with opened(size=(120, 40)) as person:
        person.app.notify(f"app {MARKUP[0]}")
        await person.sees("app [/]")
        person.app.screen.notify(f"screen {MARKUP[2]}", title="[/]")
        await person.sees("[/]: screen [red]x")
        person.app.screen.query_one("#prompt").notify("widget \x1b[31m\nnext line")
        await person.sees("widget ·[31m·next line")


@pytest.mark.parametrize("name", ["[/a]", "[red]x", "\x1b[31m\nx", os.fsdecode(b"\xff[b]")])
async def test_a_drawing_is_saved_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    async with opened(size=(200, 24), config=Config({"pictures": str(folder)})) as person:
        await person.enter("seven")
        await person.sees("0.05 s")  # which is told once it is drawn
        await person.press("ctrl+s")
        await person.is_told(f"{literal(name)}/digitty-7-seed1.png")
        await person.sees("Saved")  # drawn, and nothing fell over
    assert (folder / "digitty-7-seed1.png").exists()


async def test_prompts_errors_and_questions_show_what_they_hold() -> None:
    fake = FakeJobs()
    async with opened(fake, size=(120, 40)) as person:
        await person.enter("[/b] seven [red]")
        await person.sees("[/b]")
        fake.failures.append(StorageError("no room in [/x] \x1b[31m[red]y"))
        person.app.screen.query_one("#prompt").clear()  # type: ignore[attr-defined]
        await person.enter("seven")
        await person.sees("no room in [/x] ·[31m[red]y")
        person.app.push_screen(ChoiceDialog("Delete [/x]?", [Choice("y", "[/y] it", ("y",))], escape="[keep] it"))
        await person.sees("Delete [/x]?", "[/y] it", "[keep] it")


# --- the kind ---------------------------------------------------------------------------------------------------------

PARSES_MARKUP = {"Static", "Label", "Option", "Button", "update", "replace_option_prompt"}
"""Calls whose text Textual parses as markup unless it is a Content."""
SAFE = {"literal", "literal_lines", "assemble", "_page", "hello", "_hello", "_in_two_columns", "table_of", "readings_of", "join"}
"""Calls that make a Content, or a Text, without parsing."""


def is_ours(node: ast.expr) -> bool:
    """Whether the text is our own constant, or comes from `literal` and the like."""
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            return name.isupper()
        case ast.IfExp(body=body, orelse=orelse):
            return is_ours(body) and is_ours(orelse)
        case ast.Call(func=ast.Attribute(value=content, attr="stylize")):
            return is_ours(content)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in SAFE
    return False


def handed_to_markup(source: str) -> list[str]:
    """The calls of a module in which Textual would parse foreign text as markup."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[*_, text]) if name in PARSES_MARKUP and not is_ours(text):
                found.append(ast.unparse(node))
            case ast.Call(func=ast.Name(id="Content") | ast.Attribute(attr="from_markup"), args=[text, *_]) if not is_ours(text):
                found.append(ast.unparse(node))
            case ast.Assign(value=text) | ast.AugAssign(value=text) | ast.AnnAssign(value=text) if text is None or not is_ours(text):
                stored = (part for part in ast.walk(node) if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store))
                found += [ast.unparse(part) for part in stored if part.attr in ("border_title", "border_subtitle", "tooltip")]
    return found


OWN_TEXT = {"Option(row, id=answer)", "Option(line, id=name)", "self.view.update(status, numbers)", "self.pictures.update(entries, favourites)"}
"""Content by another name, and what is no text."""


WIDGETS = [path for path in TUI.rglob("*.py") if "from textual." in path.read_text(encoding="utf-8") and path.name != "literal.py"]


@pytest.mark.parametrize("path", WIDGETS, ids=lambda path: path.stem)
def test_no_widget_parses_foreign_text(path: Path) -> None:
    assert {*handed_to_markup(path.read_text(encoding="utf-8"))} <= OWN_TEXT


def test_that_test_finds_what_it_looks_for() -> None:
    assert handed_to_markup("Static(f'[b]{name}[/]')\nself.query_one(X).update(name)\nContent(name)\nw.tooltip = name\nOption(str(e))") != []
    for bad in ("Static(name)", "Label(f'{name}')", "line.update(str(error))", "Content(name)", "Content.from_markup(name)", "w.border_title = x"):
        assert handed_to_markup(bad) == [bad.partition(" = ")[0]]
    assert handed_to_markup("a, w.tooltip = x, y\nw.tooltip += x") == ["w.tooltip"] * 2
    assert handed_to_markup("w.tooltip = literal(name) if name else None\nw.tooltip: str = '[b]x[/]'\nw.name = name") == []
    assert handed_to_markup("Static(literal(name))\nStatic('[b]x[/]')\nStatic(KEYS if x else NONE)") == []
