"""The ten digits from one noise."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_pictures import digits
from fakes import FakeJobs
from user import SIZES, STEPS, opened

from engine.config.data import MNIST


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


async def test_saving(home: Path) -> None:
    async with opened() as person:
        await person.press("f4")
        await person.sees("0.05 s")
        await person.press("s", "g")
        await person.is_told("digitty-0123456789-seed1.gif")
    assert {path.suffix for path in (home / "data" / "pictures").iterdir()} == {".png", ".gif"}
