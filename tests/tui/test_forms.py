"""Every form and dialog is worked with keys alone: tab goes round, escape leaves, and a wrong value keeps the focus until it is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_pictures import blend
from fake_training import ENGINE
from fakes import finished_run
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Select
from textual.widgets._select import SelectOverlay
from user import User, opened

from engine.config.sampling import SampleConfig
from engine.config.training import PRESETS
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.storage.images import save_drawing
from tui.dialogs.dialog import Dialog
from tui.screens.base import AppScreen
from tui.screens.registry import SCREENS
from tui.widgets.field_checks import WRONG

DIALOGS = {
    "options": ("grid", "o"),
    "weights": ("grid", "w"),
    "messages": ("grid", "m"),
    "help": ("grid", "question_mark"),
    "new run": ("train", "n"),
    "runs": ("train", "v"),
    "redraw": ("gallery", "e"),
    "enlarged": ("gallery", "z"),
}
"""The screen and the key that opens each."""


def saved_picture(folder: Path) -> None:
    """A picture for Gallery and its dialogs."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe, images = Recipe((7,), (0,), SampleConfig(), WeightsInfo("shipped", 1, "average"), ENGINE), Images(blend(7, 1, 0, 1.0), 1)
    save_drawing(folder / "seven.png", recipe, images, [images])


async def open_place(person: User, place: str) -> None:
    """Go to a screen, or open a dialog, with nothing in between."""
    mode, key = DIALOGS.get(place, (place, ""))
    person.app.action_go(mode)
    await person.until(lambda: person.app.current_mode == mode and person.screen and person.footer)
    if key:
        if mode == "gallery":
            await person.sees("dpmpp")  # the recipe: the picture is read
        await person.press("escape", key)
        await person.until(lambda: isinstance(person.app.screen, Dialog) and "esc" in person.screen)
    await person.settle()


def fields(person: User) -> list[Widget]:
    """All that can have the focus."""
    return list(person.app.screen.focus_chain)


async def focus_by_tab(person: User, widget: Widget) -> None:
    for _ in range(30):
        if person.app.focused is widget:
            return
        await person.press("tab")
    raise AssertionError(f"tab never comes to {widget}")


def test_every_dialog_is_walked() -> None:
    """A new dialog belongs into DIALOGS, unless it is a question with a few answers."""
    from importlib import import_module

    import tui.dialogs
    from tui.dialogs.choice import ChoiceDialog

    modules = [import_module(f"tui.dialogs.{path.stem}") for path in Path(tui.dialogs.__path__[0]).glob("*.py") if path.stem != "__init__"]
    found = {cls for module in modules for cls in vars(module).values() if isinstance(cls, type) and issubclass(cls, Dialog)}
    names = {cls.__name__ for cls in found if not issubclass(cls, ChoiceDialog)} - {"Dialog", "FormDialog"}
    assert names == {"".join(part.title() for part in name.split()) + "Dialog" for name in DIALOGS}


@pytest.mark.slow
@pytest.mark.parametrize("place", [*SCREENS, *DIALOGS])
async def test_tab_goes_round_and_escape_leaves_from_everywhere(place: str, home: Path) -> None:
    finished_run("mine", PRESETS["quick"])
    saved_picture(home / "data" / "pictures")
    async with opened() as person:
        await open_place(person, place)
        place_screen = person.app.screen
        for key in ("tab", "shift+tab"):
            seen = [person.app.focused]
            for _ in fields(person):
                await person.press(key)
                seen.append(person.app.focused)
            assert set(fields(person)) <= set(seen), f"{key} comes to everything"
            for _ in range(3):  # and on, with a list unfolded or not
                await person.press(key)
            assert person.app.screen is place_screen
        for widget in fields(person):
            if person.app.screen is not place_screen:
                await open_place(person, place)
                place_screen = person.app.screen
                widget = next(other for other in fields(person) if (type(other), other.id) == (type(widget), widget.id))
            await focus_by_tab(person, widget)
            await person.press("escape")
            if isinstance(place_screen, Dialog):
                await person.until(lambda: isinstance(person.app.screen, AppScreen))
            else:
                assert person.app.focused is None
                assert person.app.screen is place_screen


@pytest.mark.slow
@pytest.mark.parametrize("place", ["generate", "options", "new run"])
async def test_a_list_unfolds_by_enter_and_folds_by_escape_tab_and_enter(place: str) -> None:
    async with opened() as person:
        await open_place(person, place)
        for select in person.app.screen.query(Select):
            if select.disabled:
                continue
            await focus_by_tab(person, select)
            before = select.value
            for key in ("escape", "tab", "enter"):
                await person.press("enter")
                await person.until(lambda select=select: select.expanded and isinstance(person.app.focused, SelectOverlay))
                if place == "generate":  # a dialog has no line of keys
                    await person.until(lambda: "esc close the list" in person.footer)
                await person.press(key)
                await person.until(lambda select=select: not select.expanded)
                assert not isinstance(person.app.focused, SelectOverlay)
                assert select.value == before
                await focus_by_tab(person, select)
            await person.press("enter", "down", "enter")
            await person.until(lambda select=select: not select.expanded)
            assert person.app.focused is select


@pytest.mark.slow
async def test_the_letters_of_a_choice_find_it() -> None:
    async with opened() as person:
        await open_place(person, "options")
        sampler = person.app.screen.query_one("#sampler", Select)
        await focus_by_tab(person, sampler)
        await person.press("enter")
        person.burst(*"ddi")
        await person.press("enter")
        await person.until(lambda: sampler.value == "ddim")


@pytest.mark.slow
async def test_buttons_and_lists_act_on_enter() -> None:
    async with opened() as person:
        await open_place(person, "options")
        await focus_by_tab(person, person.app.screen.query_one("#cancel", Button))
        await person.press("enter")
        await person.until(lambda: isinstance(person.app.screen, AppScreen))
        await open_place(person, "weights")
        assert isinstance(person.app.focused, OptionList)
        await person.press("enter")
        await person.until(lambda: isinstance(person.app.screen, AppScreen))


WRONG_VALUES = [
    ("generate", "count", "65", "outside 1 to 64", "6"),
    ("generate", "count", "", "not a whole number", "16"),
    ("generate", "classes", "xyzzy", "xyzzy", "seven"),
    ("generate", "steps", "0", "outside 1 to 1000", "14"),
    ("generate", "guidance", "much", "not a number", "1.5"),
    ("generate", "seed", "-1", "outside", "3"),
    ("options", "steps", "1001", "outside 1 to 1000", "10"),
    ("options", "guidance", "nan", "not a finite number", "1"),
    ("options", "redraw_below", "2", "outside 0 to 1", "0.5"),
    ("options", "eta", "", "not a number", "0"),
    ("options", "seed", "x", "not a whole number", "1"),
    ("new run", "data", "/no/such/folder", "/no/such/folder", "mnist"),
    ("new run", "size", "30", "not a multiple of 4", "32"),
    ("new run", "size", "big", "not a size in pixels", ""),
    ("new run", "epochs", "many", "not a whole number", "3"),
    ("new run", "epochs", "0", "outside", "3"),
    ("new run", "steps", "x", "not a whole number", ""),
    ("new run", "minutes", "x", "minutes 'x'", ""),
    ("new run", "name", "a/b", "can't be named", "fine"),
    ("new run", "name", "mine", "exists", "mine-2"),
]


@pytest.mark.slow
@pytest.mark.parametrize("place", sorted({place for place, *_ in WRONG_VALUES}))
async def test_a_wrong_value_keeps_the_focus_is_marked_and_the_mark_goes_once_it_is_right(place: str) -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await open_place(person, place)
        form = person.app.screen
        for _, name, bad, told, good in (row for row in WRONG_VALUES if row[0] == place):
            case, field = f"{name} {bad!r}", form.query_one(f"#{name}", Input)
            await focus_by_tab(person, field)
            field.select_all()
            await person.press("backspace")
            person.burst(*bad)
            await person.press("enter")
            await person.sees(told)
            assert person.app.screen is form, case
            assert person.app.focused is field, case
            assert field.has_class(WRONG), case
            drawings, trainings = len(person.jobs.drawings), len(person.jobs.trainings)
            await correct(person, field, good)
            assert told not in person.screen, case
            assert not field.has_class(WRONG), case
            assert (len(person.jobs.drawings), len(person.jobs.trainings)) == (drawings, trainings), f"{case}: nothing happened meanwhile"
        if place != "new run":
            await person.press("enter")
            done: Callable[[], bool] = lambda: person.app.focused is None  # noqa: E731
            await person.until(done)


async def correct(person: User, field: Input, good: str) -> None:
    """Type the right value into the field that has the focus."""
    field.select_all()
    await person.press("backspace")
    person.burst(*good)
    await person.settle()
    await person.until(lambda: field.value == good and not field.has_class(WRONG))
    await person.settle()


@pytest.mark.slow
async def test_a_wrong_value_becomes_right_by_another_field() -> None:
    async with opened() as person:
        await open_place(person, "options")
        screen = person.app.screen
        screen.query_one("#sampler", Select).value = "one-step"
        steps = screen.query_one("#steps", Input)
        await person.until(lambda: steps.value == "1")
        await person.sees("1 to 4; 1 is enough for one-step")
        steps.value = "9"
        await person.press("ctrl+s")
        await person.sees("steps 9 is outside 1 to 4")
        assert person.app.focused is steps
        screen.query_one("#sampler", Select).value = "ddim"
        await person.sees("14 are enough")
        await person.sees_no_more("outside 1 to 4")
        assert not steps.has_class(WRONG)


async def test_all_wrong_fields_are_marked_and_the_first_one_has_the_focus() -> None:
    async with opened() as person:
        await open_place(person, "options")
        screen = person.app.screen
        screen.query_one("#guidance", Input).value = "x"
        screen.query_one("#seed", Input).value = "y"
        await person.press("ctrl+s")
        await person.sees("guidance 'x' is not a number", "seed 'y' is not a whole number")
        assert person.app.focused is screen.query_one("#guidance")


async def test_of_several_wrong_values_on_generate_the_one_to_correct_first_is_told_first() -> None:
    async with opened() as person:
        await open_place(person, "generate")
        count, classes = (person.app.screen.query_one(f"#{name}", Input) for name in ("count", "classes"))
        classes.value, count.value = "xyzzy", "65"
        await person.press("enter")
        await person.sees("outside 1 to 64")
        assert person.app.focused is count
        count.value = "3"
        await person.sees("xyzzy';")
        classes.value = "seven"
        await person.sees_no_more("xyzzy")


async def test_a_wrong_name_of_a_run_keeps_the_focus_until_it_is_right() -> None:
    finished_run("mine", PRESETS["quick"])
    finished_run("other", PRESETS["quick"])
    async with opened() as person:
        await open_place(person, "runs")
        await person.press("r")
        field = person.app.screen.query_one("#name", Input)
        await person.until(lambda: person.app.focused is field)
        old = field.value
        for bad, told in (("a/b", "can't be named"), ({"mine": "other", "other": "mine"}[old], "already")):
            field.value = bad
            await person.press("enter")
            await person.sees(told)
            assert person.app.focused is field
            assert field.has_class(WRONG)
            field.value = "fine"
            await person.sees_no_more(told)
            assert not field.has_class(WRONG)
        await person.press("enter")
        await person.until(lambda: isinstance(person.app.focused, OptionList) and "fine" in person.screen)
