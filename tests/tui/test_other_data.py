"""The screens with weights of other data: awkward class names, many classes, and none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import finished_run
from textual.widgets import Input
from user import LARGE, SMALL, User, opened

from engine.config.data import DataSpec
from engine.config.training import PRESETS
from tui.widgets.answer import Answer
from tui.widgets.image_view import ImageView

AWKWARD = DataSpec(
    name="Things",
    height=32,
    width=32,
    channels=3,
    class_names=("random", "12", "a, b", "2 cats", "Ankle boot", "café", "猫", "T-shirt/top", "x" * 60, "[b]grid[/b]", "../../etc"),
    train_images=60_000,
    mean=0.0,
    std=0.5,
    source="/data/things",
    digest="sha256:00",
)
MANY = replace(AWKWARD, name="Many", class_names=tuple(f"kind {i}" for i in range(10_000)), digest="sha256:01")
NONE = replace(AWKWARD, name="Photos", class_names=(), digest="sha256:02")


async def choose(person: User, data: DataSpec, name: str = "things") -> None:
    """Weights that draw these data."""
    finished_run(name, PRESETS["quick"].with_data(data))
    person.app.studio.change_settings(weights=name)
    await person.until(lambda: person.app.studio.data == data)


async def drawn(person: User, count: int) -> None:
    def seen() -> bool:
        views = person.app.screen.query(ImageView)
        return any(view.images is not None and len(view.images) == count and view.images.channels == 3 for view in views)

    await person.until(seen)


@pytest.mark.slow
@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_awkward_names_are_typed_shown_and_saved(size: tuple[int, int], home: Path) -> None:
    async with opened(size=size) as person:
        await choose(person, AWKWARD)
        for text, labels, shown in (
            ("three ankle boots", (4, 4, 4), "3 × Ankle boot"),
            ("random, 12", (0, 1), "random, 12"),
            ('"a, b" 2 cats', (2, 3), "a, b, 2 cats"),
            ("[b]grid[/b]", (9,), "[b]grid[/b]"),
            ("猫", (6,), "猫"),
            ("x" * 60, (8,), "xxxxxxxx"),
        ):
            await person.enter(text)
            await person.until(lambda labels=labels: person.jobs.drawings and person.jobs.drawings[-1].labels == labels)
            await person.sees(shown, "0.05 s")
        await person.enter("../../etc")
        await person.sees("❯ ../../etc")
        await person.until(lambda: (last := person.app.screen.query(Answer).last()).result is not None and last.result.recipe.labels == (10,))
        await person.press("ctrl+s")
        await person.is_told("digitty-etc-seed")
        assert [path.parent for path in (home / "data" / "pictures").iterdir()] == [home / "data" / "pictures"]

        await person.press("f4")
        await drawn(person, 11)
        await person.sees("random", "12", "2 cats", "0.05 s")
        await person.press("s")
        await person.is_told("digitty-random-12-a-b-2-cats-ankle-boot")
        await person.press("z")
        await person.sees("random", "esc close")


async def test_a_word_of_other_weights_is_said_to_be_theirs() -> None:
    async with opened(size=LARGE) as person:
        finished_run("things", PRESETS["quick"].with_data(AWKWARD))
        await person.enter("two 猫")
        await person.sees("can't read '猫'", "class of things", "(Things); esc, then w chooses")
        person.app.screen.query_one("#prompt", Input).clear()
        await choose(person, replace(AWKWARD, class_names=("boot", "bag")), "clothes")
        await person.enter("a seven")
        await person.sees("shipped (MNIST)")


@pytest.mark.slow
async def test_grid_pages_ten_thousand_classes() -> None:
    async with opened(size=SMALL) as person:
        await choose(person, MANY)
        await person.press("f4")
        await person.sees("classes 1 to ", " of 10,000", "kind 0", "0.05 s")
        count = len(person.jobs.drawings[-1].labels)
        assert 10 <= count <= 64
        assert person.view.pages == 1
        assert (person.view.tile or 0) >= 14
        await person.press("pageup")
        assert len(person.jobs.drawings) == 1
        await person.press("pagedown")
        await person.sees(f"classes {count + 1} to {2 * count} of 10,000", f"kind {count}")
        assert person.jobs.drawings[-1].labels == tuple(range(count, 2 * count))
        await person.press("pageup")
        await person.until(lambda: person.jobs.drawings[-1].labels[0] == 0)
        await person.press("f2")
        await person.enter("three kind 9999s")
        await person.until(lambda: person.jobs.drawings[-1].labels == (9999,) * 3)
        person.app.screen.query_one("#prompt", Input).clear()
        await person.enter("grid")
        await person.sees("10,000 classes is more than the 64", "kind 0 to kind 63")


@pytest.mark.slow
async def test_without_classes_a_prompt_is_a_count() -> None:
    async with opened(size=SMALL) as person:
        await choose(person, NONE)
        prompt = person.app.screen.query_one("#prompt", Input)
        await person.until(lambda: prompt.placeholder == "a number of pictures: 5 · a dozen · random")
        await person.sees("Type how many pictures to draw")
        await person.enter("three pictures")
        await person.sees("3 pictures", "0.05 s")
        assert person.jobs.drawings[-1].labels == (0, 0, 0)
        await person.enter("1")
        await person.until(lambda: person.jobs.drawings[-1].labels == (0,))
        await person.press("f4")
        await person.until(lambda: len(person.jobs.drawings[-1].labels) == 10)
        assert person.jobs.drawings[-1].indices is None, "each from its own noise"
        await person.press("f3", "enter")
        await person.until(lambda: len(person.jobs.drawings[-1].labels) == 16)
        await person.press("f6", "c", "enter")
        await person.sees("guidance 1")
