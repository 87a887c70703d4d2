"""The three pages that teach: the slider, the guesses that follow it, the losses in the background, and what is stopped when nobody looks."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from fakes import FakeJobs
from textual.widgets import Static
from user import User, opened, start

from engine.protocol.lesson import Guess, GuessRequest
from tui.screens.how import HowScreen
from tui.settings.keymap import FIRST_KEY, SCREEN_NAMES
from tui.widgets.curve_view import CurveView
from tui.widgets.slider import Slider

KEY = f"f{FIRST_KEY + SCREEN_NAMES.index('how')}"


def screen_of(person: User) -> HowScreen:
    assert isinstance(person.app.screen, HowScreen)
    return person.app.screen


async def go(person: User, page: int = 0) -> HowScreen:
    await person.press(KEY)
    await person.until(lambda: screen_of(person).lesson is not None)
    await person.press(*["tab"] * page)
    return screen_of(person)


# --- the noise --------------------------------------------------------------------------------------------------------


async def test_the_slider_adds_noise_at_once() -> None:
    async with opened(size=(120, 40)) as person:
        screen = await go(person)
        lesson = screen.lesson
        assert lesson is not None
        await person.sees("x_0: 7 · seven", "x_t: t = 300", "t = 300 of 999 · 79.3% of the image is left")
        await person.press("right", "right", "minus")
        await person.sees("x_t: t = 339")
        assert person.view.images is not None
        assert list(person.view.images) == [lesson.images[7], lesson.noisy(7, 339)[0]]
        await person.press("end")
        await person.sees("t = 999 of 999")
        await person.press("home", "down")
        await person.sees("x_0: 8 · eight", "x_t: t = 0")
        await person.press("up", "up")
        await person.sees("x_0: 6 · six")
        assert person.jobs.guesses == [], "the first page asks the engine for its lesson alone"
        assert len(person.jobs.lessons) == 1


async def test_the_curve_is_alpha_bar_and_marks_the_slider() -> None:
    async with opened(size=(120, 40)) as person:
        screen = await go(person)
        curve = screen.query_one(CurveView).curve
        assert (curve.mark, curve.last) == (300, 999)
        assert all(y == pytest.approx(math.cos((x + 1) / 1000 * math.pi / 2) ** 2, abs=1e-3) for x, y in curve.points)
        assert curve.points[-1][0] == 999


async def test_the_mouse_moves_the_slider_and_picks_on_the_curve() -> None:
    async with opened(size=(120, 40)) as person:
        screen = await go(person)
        slider = screen.query_one(Slider)
        start_of_rail = slider.content_region.x - slider.region.x + 2
        await person.pilot.mouse_down(slider, offset=(start_of_rail, 0))
        await person.until(lambda: screen.t == 0)
        await person.pilot.hover(slider, offset=(start_of_rail + 20, 0))
        await person.until(lambda: screen.t > 100)
        await person.pilot.mouse_up(slider, offset=(start_of_rail + 20, 0))
        kept = screen.t
        await person.pilot.hover(slider, offset=(start_of_rail, 0))
        assert screen.t == kept, "it was let go"
        curve = screen.query_one(CurveView)
        await person.pilot.click(curve, offset=(curve.size.width - 1, 3))
        await person.until(lambda: screen.t == 999)


# --- the guess --------------------------------------------------------------------------------------------------------


async def test_a_guess_stands_beside_the_truth() -> None:
    async with opened(size=(160, 50)) as person:
        screen = await go(person, page=1)
        await person.sees("guessed noise", "guessed image", "error", "true noise", "true image", "noise error 0.2500", "12.0 of 255 greys")
        guess, images = screen.guess, person.view.images
        assert guess is not None
        assert images is not None
        assert (guess.label, guess.t) == (7, 300)
        x_t, guessed_noise, true_noise, guessed, true = guess.images
        assert screen.lesson is not None
        assert x_t != screen.lesson.noisy(7, 300)[0] == images[0], "x_t is that of the slider"
        assert [*images][1:3] == [guessed_noise, guessed]
        assert [*images][4:] == [true_noise, true]
        assert images[3] == bytes(abs(a - b) for a, b in zip(guessed, true, strict=True))


async def test_of_guesses_only_the_last_wanted_is_asked_for() -> None:
    """The slider is moved faster than the network guesses: none but the first and the last guess is made."""
    async with opened(FakeJobs(), size=(120, 40)) as person:
        person.jobs.go_on_guessing.clear()
        screen = await go(person, page=1)
        await person.until(lambda: len(person.jobs.guesses) == 1)
        await person.press(*["right"] * 12)
        await person.sees("t = 540 of 999")
        assert len(person.jobs.guesses) == 1
        person.jobs.go_on_guessing.set()
        await person.until(lambda: screen.guess is not None and screen.guess.t == 540)
        assert person.jobs.guesses == [GuessRequest("shipped", 7, 300), GuessRequest("shipped", 7, 540)]


async def test_a_guess_of_another_digit_is_not_shown_beside_this_one() -> None:
    async with opened(size=(120, 40)) as person:
        await go(person, page=1)
        await person.sees("guessed image")
        person.jobs.go_on_guessing.clear()
        await person.press("down")
        await person.sees_no_more("guessed image")
        person.jobs.go_on_guessing.set()
        await person.sees("guessed image")


async def test_a_failed_guess_is_a_notice_and_the_next_one_works(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(size=(120, 40)) as person:
        guess = person.jobs.guess
        monkeypatch.setattr(person.jobs, "guess", lambda _: (_ for _ in ()).throw(ValueError("out of guesses")))
        await go(person, page=1)
        await person.is_told("out of guesses")
        monkeypatch.setattr(person.jobs, "guess", guess)
        await person.press("right")
        await person.sees("guessed image")


# --- the loss and attention -------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_losses_come_in_the_background_and_are_kept() -> None:
    jobs = FakeJobs()
    jobs.losses_hold_at = 4
    async with opened(jobs, size=(120, 40)) as person:
        screen = await go(person, page=2)
        await person.sees("loss 0.0653 at t = 333", "40%")
        assert len(screen.query_one(CurveView).curve.points) == 4
        jobs.go_on_losing.set()
        await person.until(lambda: len(screen.query_one(CurveView).curve.points) == 10)
        await person.sees_no_more("40%")
        await person.press("tab", "tab", "tab", "f2", "escape", KEY)
        await person.sees("loss 0.0653 at t = 333")
        assert jobs.losses == ["shipped"], "nothing is computed twice"
        await person.press("r")
        await person.until(lambda: jobs.losses == ["shipped", "shipped"])


@pytest.mark.slow
async def test_leaving_the_page_or_the_screen_stops_the_losses() -> None:
    for leave in ("tab", "f3", "escape"):
        jobs = FakeJobs()
        jobs.losses_hold_at = 2
        async with opened(jobs, size=(120, 40)) as person:
            await go(person, page=2)
            await person.sees("20%")
            await person.press(leave)
            await person.until(lambda jobs=jobs, person=person: not person.app.studio.worker._jobs)


@pytest.mark.slow
async def test_the_losses_are_those_of_the_run_that_trains_here() -> None:
    async with opened(FakeJobs(train_holds_at=2), size=(120, 40)) as person:
        await start(person, name="mine")
        await person.sees("step 2/")
        await go(person, page=2)
        await person.until(lambda: person.jobs.losses == ["mine"])
        await person.sees("mine · step")
        assert person.jobs.lessons == ["shipped"]


@pytest.mark.slow
async def test_attention_looks_from_the_place_that_keys_and_clicks_choose() -> None:
    async with opened(size=(120, 40)) as person:
        await go(person, page=2)
        await person.sees("attention", "shift and arrows or a click")

        def looks_at() -> tuple[int, int]:
            """The fake attention sees only the place itself: the white square of the heat map, 4 pixels a side."""
            images = person.view.images
            assert images is not None
            heat = images[1]
            assert heat.count(255) == 16
            return heat.index(255) % 28 // 4, heat.index(255) // 28 // 4

        await person.until(lambda: person.view.images is not None and len(person.view.images) == 2)
        assert looks_at() == (2, 3)
        await person.press("shift+right", "shift+right", "shift+down")
        await person.until(lambda: looks_at() == (4, 4))
        await person.press(*["shift+left"] * 9, *["shift+up"] * 9)
        await person.until(lambda: looks_at() == (0, 0))
        grid = person.view._grid
        assert grid is not None
        origin = person.view._origin(grid)
        await person.pilot.click(person.view, offset=(origin.x + grid.tile_width - 1, origin.y + grid.tile_height - 2))
        await person.until(lambda: looks_at() == (6, 6))
        assert len(set(person.jobs.guesses)) == 1, "one guess holds the attention of every place"


async def test_without_attention_the_curve_has_the_room() -> None:
    jobs = FakeJobs()
    jobs.attends = False
    async with opened(jobs, size=(120, 40)) as person:
        screen = await go(person, page=2)
        await person.sees("no attention", "loss 0.0653")
        assert not person.view.display
        await person.until(lambda: screen.query_one(CurveView).size.width > 110)
        assert "look" not in person.footer
        await person.press("shift+left")


# --- weights, sizes, silence ------------------------------------------------------------------------------------------


async def test_other_weights_begin_another_lesson() -> None:
    async with opened(size=(120, 40)) as person:
        screen = await go(person, page=1)
        await person.sees("guessed image")
        person.app.studio.change_settings(weights="shipped:one-step")
        await person.until(lambda: person.jobs.lessons == ["shipped", "shipped:one-step"] and screen.guess is not None)
        await person.press("escape")  # a notice about the sampler stands over the line
        await person.sees("a one-step student knows only four values of t")
        assert person.jobs.guesses[-1].weights == "shipped:one-step"


async def test_a_lesson_that_fails_says_so_and_other_weights_help(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(size=(120, 40)) as person:
        lesson = person.jobs.lesson
        monkeypatch.setattr(person.jobs, "lesson", lambda _: (_ for _ in ()).throw(ValueError("no images")))
        await person.press(KEY)
        await person.is_told("no images")
        await person.press("right", "down", "tab", "tab", "shift+left", "r")  # nothing to move, and no harm
        monkeypatch.setattr(person.jobs, "lesson", lesson)
        person.app.studio.change_settings(weights="shipped:seed")
        await person.until(lambda: screen_of(person).lesson is not None)


@pytest.mark.parametrize("size", [(40, 12), (60, 20), (80, 24), (160, 50)])
async def test_every_page_at_every_size(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        screen = await go(person)
        assert len(person.view.images or ()) == 2
        assert person.view.tile is not None
        await person.sees("1 The noise", "2 The guess", "3 The loss")
        await person.press("tab")
        await person.until(lambda: len(person.view.images or ()) >= 5)
        await person.press("tab")
        curve = screen.query_one(CurveView)
        await person.until(lambda: bool(curve.curve.points) and curve.size.width >= 20)
        assert screen.query_one("#about", Static).display == (size[1] >= 18)


async def test_a_page_at_rest_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(size=(120, 40)) as person:
        screen = await go(person, page=2)
        await person.sees("loss 0.0653")
        await person.until(lambda: not person.app.studio.worker._jobs)
        drawn: list[object] = []
        monkeypatch.setattr(CurveView, "refresh", lambda self, *_, **__: drawn.append(self))
        screen.show_page(ask=False)
        await person.settle()
        assert drawn == []


async def test_a_late_guess_of_weights_that_are_gone_is_dropped() -> None:
    async with opened(size=(120, 40)) as person:
        person.jobs.go_on_guessing.clear()
        screen = await go(person, page=1)
        await person.until(lambda: len(person.jobs.guesses) == 1)
        person.app.studio.change_settings(weights="shipped:seed")
        person.jobs.go_on_guessing.set()
        await person.until(lambda: screen.guess is not None)
        assert isinstance(screen.guess, Guess)
        assert {request.weights for request in person.jobs.guesses[1:]} == {"shipped:seed"}
        assert replace(person.jobs.guesses[-1], t=screen.guess.t) == person.jobs.guesses[-1]
