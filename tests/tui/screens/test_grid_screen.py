"""The ten digits from one noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_pictures import digits
from fake_training import ENGINE
from fakes import FakeJobs
from user import SIZES, STEPS, opened

from engine.config.condition import SCORES, AttributeScales, ConditionConfig, Scale
from engine.config.data import MNIST
from engine.config.training import PRESETS
from engine.protocol.measured import Measured
from engine.runs.manage import create_run
from tui.settings.config_file import Config


@pytest.mark.parametrize("size", SIZES)
async def test_ten_captioned_digits_from_one_noise(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.press("f4")
        await person.sees(*(f"{label} {name}" for label, name in enumerate(MNIST.class_names)), "0.05 s", "seed 1 · dpmpp", "shipped")
        (request,) = person.jobs.drawings
        assert request.labels == tuple(range(10))
        assert request.indices == (0,) * 10
        assert person.view.images is not None
        assert list(person.view.images) == list(digits())
        await person.press("home")
        await person.sees(f"after step 0/{STEPS} · noise")
        assert len(set(person.view.images)) == 1, "one noise for all"


async def test_r_draws_from_a_new_noise_and_enter_with_changed_settings() -> None:
    async with opened() as person:
        await person.press("f4")
        await person.sees("0.05 s", "seed 1 ·")
        await person.press("r")
        await person.sees("0.05 s", "seed 2 ·")
        person.app.studio.change_settings(sample=person.app.studio.settings.with_sample(guidance=2.0).sample)
        await person.press("enter")
        await person.until(lambda: len(person.jobs.drawings) == 3)
        assert [request.sample.seed for request in person.jobs.drawings] == [1, 2, 2]


@pytest.mark.slow
async def test_coming_back_shows_what_was_drawn() -> None:
    async with opened() as person:
        await person.press("f4")
        await person.sees("0.05 s")
        await person.press("f2", "f4")
        await person.sees("0 zero", "0.05 s")
        assert len(person.jobs.drawings) == 1


async def test_a_drawing_goes_on_while_another_screen_is_shown() -> None:
    async with opened(FakeJobs(draw_holds_at=3)) as person:
        await person.press("f4")
        await person.sees(f"step 3/{STEPS}")
        await person.press("f2")
        await person.sees("drawing")
        person.jobs.go_on_drawing.set()
        await person.sees("idle")
        await person.press("f4")
        await person.sees("0.05 s", "9 nine")


@pytest.mark.slow
async def test_saving(home: Path) -> None:
    async with opened() as person:
        await person.press("f4")
        await person.sees("0.05 s")
        await person.press("s", "g")
        await person.is_told("digitty-0123456789-seed1.gif")
    assert {path.suffix for path in (home / "data" / "pictures").iterdir()} == {".png", ".gif"}


# --- rows by attribute ------------------------------------------------------------------------------------------------


@pytest.fixture
def strokes() -> Config:
    """Weights that are told attributes."""
    scale = Scale(tuple(5.0 + 10.0 * score for score in SCORES))
    told = ConditionConfig((AttributeScales("slant", scale), AttributeScales("width", Scale(tuple(13 + score for score in SCORES)))))
    run = create_run("strokes", replace(PRESETS["quick"], model=replace(PRESETS["quick"].model, conditions=told)), ENGINE)
    run.best_path.parent.mkdir(exist_ok=True)
    run.best_path.touch()
    return Config({"weights": "strokes"})


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (40, 12)])
async def test_an_attribute_has_rows_of_five_values_from_one_noise(strokes: Config, size: tuple[int, int]) -> None:
    async with opened(size=size, config=strokes) as person:
        await person.press("f4")
        await person.sees("0.05 s")
        await person.press("a")
        await person.until(lambda: len(person.jobs.drawings) == 2 and person.app.screen.has_drawing)  # type: ignore[attr-defined]
        await person.sees("what slant does", "0 -11°", "0 -3°" if size[0] < 110 else "9 -11°")
        request = person.jobs.drawings[-1]
        asked = [(condition.label, condition.interval("slant").low) for condition in request.conditions or ()]
        by_class = [(label, value) for label in range(10) for value in (-11, -3, 5, 13, 21)]
        assert asked == (by_class if size[0] < 110 else [(label, value) for value in (-11, -3, 5, 13, 21) for label in range(10)])
        assert (request.indices, request.sample.redraw_below) == ((0,) * 50, 0), "what is redrawn would have other noise"
        assert person.view._grid is not None
        assert person.view._grid.columns == {80: 5, 160: 10, 40: 3}[size[0]]
        await person.press("a")
        await person.sees("what width does")
        await person.press("a")
        await person.until(lambda: len(person.jobs.drawings) == 4)
        assert person.jobs.drawings[-1].conditions is None


@pytest.mark.parametrize(("size", "captions"), [((80, 24), ("0 -11°!", "0 5° → 9°")), ((160, 50), ("0 -11° → -20°", "0 5° → 9°"))])
async def test_captions_mark_what_is_not_as_asked_for(strokes: Config, size: tuple[int, int], captions: tuple[str, ...]) -> None:
    asked = [value for value in (-11, -3, 5, 13, 21) for _ in range(10)] if size[0] > 110 else [-11, -3, 5, 13, 21] * 10
    seen = {-11: -20.2, 5: 9.4, 21: 20.0}
    jobs = FakeJobs()
    jobs.measured = tuple(Measured((("slant", seen[each]),), (), ("slant",) * (each != 21)) if each in seen else Measured() for each in asked)
    async with opened(jobs, size=size, config=strokes) as person:
        await person.press("f4")
        await person.sees("0.05 s")
        await person.press("a")
        await person.sees("what slant does", *captions, "0 -3°", "0 21°", "20 not as asked")
        assert "21°!" not in person.screen
        await person.press("left")
        await person.sees("after step", captions[1])


async def test_weights_that_are_told_no_attribute_say_which_are(strokes: Config) -> None:
    async with opened(config=Config({"weights": "shipped:labels"})) as person:
        await person.press("f4")
        await person.sees("0.05 s")
        await person.press("a")
        await person.is_told("shipped and strokes can be asked for it: w chooses those weights")
        assert len(person.jobs.drawings) == 1
