"""Weights and sampler: whichever is chosen, wherever, the other follows, so that what is shown is what draws."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from fake_training import ENGINE
from fakes import FakeJobs
from textual.widgets import Select
from user import User, opened

from engine.cli.entry import run
from engine.config.data import MNIST, DataSpec
from engine.config.sampling import SampleConfig, Sampler, with_sampler
from engine.config.training import PRESETS
from engine.errors import SettingError
from engine.jobs.jobs import Jobs
from engine.protocol.requests import DrawRequest, EvaluateRequest
from engine.runs.manage import create_run
from engine.runs.weights_names import SHIPPED, data_of, fit_weights, is_student
from engine.storage import paths
from tui.cli.main import digitty
from tui.settings import config_file, remembered
from tui.settings.config_file import Config
from tui.settings.remembered import Settings

SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
WEIGHTS = (*(name for name in SHIPPED if data_of(name) == MNIST), "usual", "student", "missing", "missing.safetensors")
OTHER = DataSpec("shapes", 8, 8, 1, ("square", "circle"), 90, -0.4, 0.7, "/data/shapes.npz", "sha256:00")


@pytest.fixture
def runs(home: Path) -> None:
    model = PRESETS["best"].model
    create_run("usual", PRESETS["best"], ENGINE)
    create_run("student", replace(PRESETS["one-step"], model=replace(model, one_step=True)), ENGINE)
    create_run("shapes", replace(PRESETS["best"], model=replace(model, data=OTHER)), ENGINE)
    create_run("shapes-student", replace(PRESETS["one-step"], model=replace(model, data=OTHER, one_step=True)), ENGINE)


def settings_file(**values: object) -> Path:
    path = paths.ensure_folder(paths.config_dir()) / "settings.json"
    path.write_text(json.dumps(values))
    return path


def fit(settings: Settings) -> bool:
    return is_student(settings.weights) == (settings.sample.sampler == "one-step")


@pytest.mark.usefixtures("runs")
def test_remembered_pairs_are_mended_once_and_with_a_message() -> None:
    for weights, sampler in itertools.product(WEIGHTS, SAMPLERS):
        settings_file(weights=weights, sample={"sampler": sampler, "guidance": 3.0, "seed": 7})
        found, problems = remembered.load()
        assert fit(found), (weights, sampler)
        assert (found.sample.guidance, found.sample.seed) == (3.0, 7)
        matched = is_student(weights) == (sampler == "one-step")
        if matched:
            assert (found.weights, found.sample.sampler, problems) == (weights, sampler, [])
        else:
            now = f"{found.weights} and {found.sample.sampler}"
            assert problems == [f"The weights {weights} can't draw with the sampler {sampler}, so weights and sampler are now {now}."]
        assert remembered.load() == (found, []), "the file is mended"


@pytest.mark.usefixtures("runs")
def test_of_an_old_pair_what_drew_stays_else_the_weights() -> None:
    settings_file(weights="shipped", sample={"sampler": "one-step"})
    assert remembered.load()[0].weights == "shipped:one-step"
    settings_file(weights="shipped:seed", sample={"sampler": "one-step"})
    found, _ = remembered.load()
    assert (found.weights, found.sample) == ("shipped:seed", SampleConfig())
    settings_file(weights="student", sample={"sampler": "ddim"})
    found, _ = remembered.load()
    assert (found.weights, found.sample.sampler, found.sample.steps) == ("student", "one-step", 1)


@pytest.mark.usefixtures("runs")
def test_whatever_config_toml_says_beside_what_is_remembered_they_fit() -> None:
    pairs = [(weights, sampler) for weights, sampler in itertools.product((None, *WEIGHTS), (None, *SAMPLERS))]
    for (weights, sampler), (old_weights, old_sampler) in itertools.product(pairs, [("usual", "ddim"), ("shipped:one-step", "one-step")]):
        config = Config({name: value for name, value in (("weights", weights), ("sampler", sampler)) if value})
        settings = Settings(with_sampler(SampleConfig(), old_sampler), old_weights).overridden_by(config)  # type: ignore[arg-type]
        assert fit(settings), (weights, sampler)
        if sampler and not weights:
            assert settings.sample.sampler == sampler
        if weights and (weights, sampler) != ("shipped", "one-step"):
            assert settings.weights == weights


@pytest.mark.usefixtures("runs")
def test_whichever_is_changed_the_other_follows() -> None:
    for weights, sampler, chosen in itertools.product(WEIGHTS, SAMPLERS, (*WEIGHTS, *SAMPLERS)):
        if is_student(weights) != (sampler == "one-step"):
            continue
        before = Settings(with_sampler(SampleConfig(), sampler), weights)
        change = {"sample": with_sampler(before.sample, chosen)} if chosen in SAMPLERS else {"weights": chosen}  # type: ignore[arg-type]
        after = replace(before, **change).linked(before)  # type: ignore[arg-type]
        assert fit(after)
        assert chosen in (after.weights, after.sample.sampler)


@pytest.mark.usefixtures("runs")
def test_weights_of_other_pictures_have_no_shipped_ones_to_follow_with() -> None:
    for weights, sampler, why in (("shapes", "one-step", "distil a student"), ("shapes-student", "ddim", "choose other weights first")):
        with pytest.raises(SettingError, match=why):
            fit_weights(weights, sampler)  # type: ignore[arg-type]
        assert fit_weights(weights, "ddim" if sampler == "one-step" else "one-step") == weights


def test_a_file_says_whether_it_holds_a_student() -> None:
    assert is_student(str(SHIPPED["shipped:one-step"]))
    assert not is_student(str(SHIPPED["shipped:seed"]))


# --- config.toml and the command line -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'weights = "shipped:one-step"\nsampler = "ddim"',
            "line 3: the weights shipped:one-step are a one-step student",
        ),
        ('sampler = "one-step"\nweights = "shipped:seed"', "line 2: the weights shipped:seed can't draw with the sampler one-step; remove one"),
        ('weights = "student"\nsampler = "dpmpp"', "line 3: the weights student are a one-step student"),
        ('weights = "shipped"\nsampler = "one-step"', ""),
        ('weights = "student"\nsampler = "one-step"', ""),
        ('weights = "usual"', ""),
    ],
)
@pytest.mark.usefixtures("runs")
def test_a_pair_in_config_toml_that_can_not_work_is_named(text: str, problem: str) -> None:
    (paths.ensure_folder(paths.config_dir()) / "config.toml").write_text(f"[draw]\n{text}\n")
    problems = config_file.load().problems
    assert (not problems) if not problem else problem in problems[0]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., DrawRequest | EvaluateRequest]:
    """The request that the command line makes."""
    got: list[DrawRequest | EvaluateRequest] = []

    def catch(self: Jobs, request: DrawRequest | EvaluateRequest) -> None:
        got.append(request)
        raise SettingError("caught")

    monkeypatch.setattr(Jobs, "draw", catch)
    monkeypatch.setattr(Jobs, "evaluate", catch)

    def request(config: str, *arguments: str) -> DrawRequest | EvaluateRequest:
        (paths.ensure_folder(paths.config_dir()) / "config.toml").write_text(config)
        assert run(digitty, list(arguments)) == 2
        return got.pop()

    return request


@pytest.mark.parametrize(
    ("config", "options", "weights", "sampler"),
    [
        ("", "--sampler one-step", "shipped:one-step", "one-step"),
        ("", "--weights shipped --sampler one-step", "shipped:one-step", "one-step"),
        ("", "--weights student", "student", "one-step"),
        ("", "--weights shipped:one-step", "shipped:one-step", "one-step"),
        ("", "--weights shipped:seed", "shipped:seed", "dpmpp"),
        ('sampler = "one-step"', "", "shipped:one-step", "one-step"),
        ('sampler = "one-step"', "--weights usual", "usual", "dpmpp"),
        ('sampler = "one-step"', "--weights shipped", "shipped", "dpmpp"),
        ('sampler = "one-step"', "--sampler ddim", "shipped", "ddim"),
        ('weights = "usual"', "--sampler one-step", "shipped:one-step", "one-step"),
        ('weights = "student"', "--sampler ddim", "shipped", "ddim"),
    ],
)
@pytest.mark.usefixtures("runs")
def test_on_the_command_line_what_was_named_there_wins(
    asked: Callable[..., DrawRequest], config: str, options: str, weights: str, sampler: str
) -> None:
    request = asked(f"[draw]\n{config}\n", "generate", "seven", *options.split())
    assert (request.weights, request.sample.sampler) == (weights, sampler)


def test_evaluate_names_the_student_that_draws_too(asked: Callable[..., EvaluateRequest]) -> None:
    assert asked("", "evaluate", "--sampler", "one-step").weights == "shipped:one-step"


# --- the screens ----------------------------------------------------------------------------------------------------------


async def choose_sampler(person: User, screen: str, sampler: Sampler) -> None:
    select = person.app.screen.query_one("#sampler", Select)
    select.focus()
    select.value = sampler
    await person.settle()
    person.app.screen.query_one("#steps").focus()
    await person.press("enter")


@pytest.mark.slow
@pytest.mark.parametrize("screen", ["options", "generate"])
async def test_choosing_a_sampler_on_a_screen_changes_the_weights_and_says_so(screen: str) -> None:
    async with opened() as person:
        await person.sees("idle")
        await person.press("escape", *(["o"] if screen == "options" else ["f3"]))
        await person.until(lambda: person.app.screen.query_one("#sampler", Select))
        await choose_sampler(person, screen, "one-step")
        await person.until(lambda: person.app.studio.settings.weights == "shipped:one-step")
        await person.is_told("The weights are now shipped:one-step: shipped can't draw with one-step.")
        assert "shipped:one-step" in person.app.studio.status.facts
        await person.press("f2")
        await person.enter("seven")
        await person.sees("one-step · 1 step", "shipped:one-step")
        assert person.jobs.drawings[-1].weights == "shipped:one-step"


@pytest.mark.usefixtures("runs")
async def test_options_refuse_a_sampler_for_which_there_are_no_weights() -> None:
    async with opened(config=Config({"weights": "shapes"})) as person:
        await person.press("escape", "o")
        await person.until(lambda: person.app.screen.query_one("#sampler", Select))
        await choose_sampler(person, "options", "one-step")
        await person.sees("shapes can't draw in one step; distil a student")
        assert person.app.studio.settings.sample == SampleConfig()


async def test_what_an_earlier_digitty_remembered_draws_after_a_notice() -> None:
    settings_file(weights="shipped:seed", sample={"sampler": "one-step"})
    async with opened(FakeJobs()) as person:
        await person.is_told("The weights shipped:seed can't draw with the sampler one-step")
        await person.enter("seven")
        await person.sees("7 · seven", "dpmpp", "shipped:seed")


async def test_far_too_few_steps_get_a_hint_on_the_screen_too() -> None:
    async with opened() as person:
        await person.sees("idle")
        person.app.studio.change_settings(sample=with_sampler(SampleConfig(), "ddpm"))
        assert person.app.studio.settings.sample.steps == 1000
        assert not person.notices
        person.app.studio.change_settings(sample=SampleConfig("ddpm", 14))
        await person.is_told("ddpm leaves speckles after 14 steps; it usually takes 1000, while dpmpp needs 14.")


@pytest.mark.parametrize("steps", [14, 200, 1000])
def test_the_steps_of_a_sampler_are_remembered_even_if_they_are_another_samplers_usual_ones(steps: int) -> None:
    before = Settings()
    remembered.save(before, after := replace(before, sample=SampleConfig("ddpm", steps, guidance=2.0)))
    assert remembered.load() == (after, [])
    remembered.save(after, back := replace(after, sample=with_sampler(after.sample, "dpmpp")))
    assert remembered.load() == (back, [])
    assert back.sample.steps == 14


def test_an_earlier_digitty_left_out_that_ddpm_had_the_steps_of_dpmpp() -> None:
    settings_file(sample={"sampler": "ddpm"})
    assert remembered.load()[0].sample == SampleConfig("ddpm", 1000)
