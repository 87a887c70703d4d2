"""The strip beside a digit shows its denoising: what was denoised above, the guess made from it below; live, and on wide screens alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fake_pictures import blend
from fakes import FakeJobs
from user import STEPS, User, opened

from tui.widgets.filmstrip import Filmstrip

SEED = 1


def strip_of(person: User) -> Filmstrip:
    return person.app.screen.query_one(Filmstrip)


def pictures(strip: Filmstrip) -> tuple[list[bytes], list[bytes]]:
    """The upper and the lower row."""
    assert strip.images is not None
    both = list(strip.images)
    return both[: len(both) // 2], both[len(both) // 2 :]


def states(steps: Sequence[int], of: int) -> list[bytes]:
    return [blend(7, SEED, 0, step / of) for step in steps]


def guesses(steps: Sequence[int], of: int) -> list[bytes]:
    return [blend(7, SEED, 0, (1 + step / of) / 2) for step in steps]


@pytest.mark.parametrize(("size", "steps"), [((100, 30), [0, 3, 6, 8, 11, 14]), ((120, 40), [0, 4, 7, 10, 14]), ((200, 60), [0, 2, 5, 7, 9, 12, 14])])
async def test_a_finished_strip_goes_from_noise_to_the_digit(size: tuple[int, int], steps: list[int]) -> None:
    async with opened(size=size) as person:
        await person.enter("seven")
        await person.sees("200 steps/s", "noise", f"step {steps[1]}", "digit", "guess")
        upper, lower = pictures(strip_of(person))
        assert upper == states(steps, STEPS)
        assert lower == guesses(steps, STEPS)
        strip = strip_of(person)
        assert strip.region.right <= size[0]
        assert strip.region.height <= 60 - 4


async def test_the_strip_fills_while_the_digit_is_drawn() -> None:
    async with opened(FakeJobs(draw_holds_at=7, pace=0.05), size=(100, 30)) as person:
        await person.enter("seven")
        await person.sees(f"step 7/{STEPS}")
        await person.until(lambda: pictures(strip_of(person))[0][2] == states([6], STEPS)[0])
        upper, lower = pictures(strip_of(person))
        assert upper[:3] == states([0, 3, 6], STEPS)
        assert lower[:3] == guesses([0, 3, 6], STEPS)
        assert [*upper[3:], *lower[3:]] == [bytes(784)] * 6, "what is not known yet is black"


async def test_a_step_away_from_its_station_stands_in_until_that_comes() -> None:
    async with opened(FakeJobs(draw_holds_at=8), size=(100, 30)) as person:
        await person.enter("seven")
        await person.sees(f"step 8/{STEPS}")
        await person.until(lambda: pictures(strip_of(person))[0][3] == states([7], STEPS)[0])


async def test_the_one_step_student_has_a_strip_of_two() -> None:
    async with opened(size=(120, 40)) as person:
        person.app.studio.change_settings(weights="shipped:one-step")
        await person.enter("seven")
        await person.sees("200 steps/s", "noise", "guess")
        upper, lower = pictures(strip_of(person))
        assert upper == states([0, 1], 1)
        assert lower == guesses([0, 1], 1)


async def test_a_digit_that_is_redrawn_starts_its_strip_again() -> None:
    async with opened(FakeJobs(draw_holds_at=3, again=1), size=(100, 30)) as person:
        await person.enter("seven")
        await person.sees("redrawing 1", f"step 3/{STEPS}")
        await person.until(lambda: pictures(strip_of(person))[0][2:] == [bytes(784)] * 4)


@pytest.mark.parametrize(("size", "prompt"), [((80, 24), "seven"), ((99, 40), "seven"), ((120, 40), "3 1 4")])
async def test_narrow_screens_and_several_digits_have_no_strip(size: tuple[int, int], prompt: str) -> None:
    async with opened(size=size) as person:
        await person.enter(prompt)
        await person.sees("200 steps/s")
        assert "noise" not in person.screen
        assert not [strip for strip in person.app.screen.query(Filmstrip) if strip.size.area]


async def test_a_resize_chooses_other_stations_from_the_same_frames() -> None:
    async with opened(size=(80, 24)) as person:
        await person.enter("seven")
        await person.sees("200 steps/s")
        await person.pilot.resize_terminal(120, 40)
        await person.sees("noise", "step 10", "digit")
        assert pictures(strip_of(person))[0] == states([0, 4, 7, 10, 14], STEPS)
        await person.pilot.resize_terminal(90, 24)
        await person.sees_no_more("noise")


async def test_the_drawing_of_several_asks_for_no_guesses() -> None:
    async with opened() as person:
        await person.enter("3 1 4")
        await person.sees("200 steps/s")
        await person.enter("seven")
        await person.until(lambda: len(person.jobs.drawings) == 2)
        assert [request.guesses for request in person.jobs.drawings] == [False, True]
