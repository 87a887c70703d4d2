"""A prompt that the parser refuses is explained by the engine's text encoder: drawn in other words, or asked back."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
from fakes import FakeJobs
from user import opened

from engine.config.data import MNIST
from engine.config.sampling import SampleConfig
from engine.errors import PromptError
from engine.protocol.events import Ended
from engine.protocol.understood import Understood
from engine.runs import caption_reader
from tui.cli.prompts import Line, plan_drawings
from tui.screens.second_reading import SecondReading


@pytest.fixture(autouse=True)
def a_reader_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caption_reader, "CAPTION_READER", tmp_path / "text.safetensors")
    (tmp_path / "text.safetensors").touch()


async def test_what_the_encoder_understands_is_drawn_and_the_input_is_cleared() -> None:
    jobs = FakeJobs()
    jobs.meanings = {"let me see a sevven": Understood("7")}
    async with opened(jobs) as person:
        await person.enter("let me see a sevven")
        await person.until(lambda: [request.labels for request in jobs.drawings] == [(7,)])
        await person.sees("❯ let me see a sevven")
        assert person.app.screen.query_one("#prompt").value == ""  # type: ignore[attr-defined]


async def test_what_waits_behind_a_drawing_is_said_to_be_read() -> None:
    jobs = FakeJobs(draw_holds_at=3)
    jobs.meanings = {"let me see a sevven": Understood("7")}
    async with opened(jobs) as person:
        await person.enter("three")
        await person.sees("step 3/14")
        await person.enter("let me see a sevven")
        await person.sees("reading 'let me see a sevven' once the drawing before it is finished…")
        jobs.go_on_drawing.set()
        await person.sees_no_more("reading 'let me")
        await person.sees("❯ let me see a sevven")


async def test_what_it_does_not_understand_is_asked_back_and_stays_to_be_corrected() -> None:
    jobs = FakeJobs()
    jobs.meanings = {"a zesty seven": Understood(problem="can't tell what 'zesty' means; did you mean 'thin 7'?", near="thin 7")}
    async with opened(jobs) as person:
        await person.enter("a zesty seven")
        await person.sees("did you mean 'thin 7'?")
        assert person.app.screen.query_one("#prompt").value == "a zesty seven"  # type: ignore[attr-defined]
        await person.press("ctrl+u")
        await person.enter("two bananas")
        await person.sees("can't read 'bananas'")  # the parser's own words, where the encoder adds nothing
    assert not jobs.drawings
    assert jobs.questions == ["a zesty seven", "two bananas"]


def test_an_answer_that_comes_after_another_prompt_is_not_drawn() -> None:
    studio, drawn = Mock(), list[str]()
    studio.data = MNIST
    reading = SecondReading(studio, lambda text, meant: drawn.append(meant), lambda error, text: drawn.append(text))
    for is_refused_meanwhile in (True, False):
        assert reading.ask("let me see a sevven", PromptError("can't read 'let'"))
        listener = studio.router.submit.call_args.args[2]
        if is_refused_meanwhile:
            assert not reading.ask("elephant", PromptError("can't read 'elephant'"))
        listener(Understood("7"))
        listener(Ended("finished"))
        assert drawn == ([] if is_refused_meanwhile else ["7"])


def test_generate_draws_it_and_says_as_what_it_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    def plan(text: str, found: Understood) -> tuple[int | None, ...]:
        (drawing,) = plan_drawings([Line(text)], 1, SampleConfig(), "shipped", MNIST, understand=lambda asked: found)
        assert drawing.prompt == text
        return tuple(drawing.request.labels)

    assert plan("let me see a sevven", Understood("7")) == (7,)
    assert "read 'let me see a sevven' as '7'" in capsys.readouterr().err
    with pytest.raises(PromptError, match="says nothing of a digit"):
        plan("my dog ate it", Understood(problem="'my dog ate it' says nothing of a digit"))
    with pytest.raises(PromptError, match="can't read 'dog'"):
        plan("my dog ate it", Understood())
    with pytest.raises(PromptError, match="can't read 'dog'"):
        plan("dog", Understood("7"))  # nothing is asked about a single word
