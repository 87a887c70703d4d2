"""Attributes and variants on the command line, from the options to the pixels: with a tiny network that was given conditions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.weights import ModelWeights
from engine.cli import entry
from engine.cli.progress import ProgressLine
from engine.config.condition import SCORES, AttributeScales, Condition, ConditionConfig, Interval, Scale
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.text import TextConfig
from engine.models.conditioner import Told, encode
from engine.models.unet import UNet
from engine.protocol.condition_values import condition_from_json
from engine.sampling.pipeline import Pipeline
from engine.storage.pictures import StoredSheet, load_any, load_picture
from tui.cli.main import digitty
from tui.render.recipe_text import recipe_lines

SCALES = tuple(
    AttributeScales(name, Scale(tuple(middle + spread * z for z in SCORES)))
    for name, middle, spread in (("thickness", 2.7, 0.7), ("slant", 5.0, 14.0))
)
MODEL = ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16, groups=4, conditions=ConditionConfig(SCALES, ("looped", "crossed")))
DRAW = ("generate", "seven", "2", "--thickness", "3.5px", "--slant", "-20..-10", "--without", "looped", "--steps", "2", "--weights", "w.safetensors")
ASKED = (("thickness", Interval(3.5, 3.5)), ("slant", Interval(-20, -10)))
CONDITIONS = Condition(7, ASKED), Condition(2, ASKED, (("looped", False),))
SAME = "the same picture, to the pixel"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(unmeasured: None, one_thread: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs digitty in a folder with weights that draw something: exit code, standard output, standard error."""
    monkeypatch.setattr(ProgressLine, "plain", True)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    torch.manual_seed(0)
    net = UNet(MODEL)
    for parameter in net.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    checkpoint.save_weights(folder / "w.safetensors", ModelWeights(net.state_dict(), MODEL, ScheduleConfig(), 3, "x", "average"))

    def ran(*arguments: str) -> tuple[int, str, str]:
        return entry.run(digitty, list(arguments)), *capsys.readouterr()

    return ran


@pytest.mark.parametrize("ending", [".png", ".gif"])
def test_what_was_asked_for_is_kept_and_drawn_again_to_the_pixel(command: Command, ending: str) -> None:
    code, out, err = command(*DRAW, "--json", "--redraw-below", "0", "--out", f"a{ending}")
    assert code == 0, err
    asked = {"thickness": [3.5, 3.5], "slant": [-20.0, -10.0]}
    fields = json.loads(out)
    assert fields["conditions"] == [{"attributes": asked}, {"attributes": asked, "variants": {"looped": False}}]
    assert [set(each) for each in fields["measured"]] == [{"thickness", "slant", "missed"}, {"thickness", "slant", "looped", "missed"}]
    assert fields["redrawn"] == 0
    assert load_picture(Path(f"a{ending}")).recipe.conditions == CONDITIONS
    code, out, err = command("generate", "--from", f"a{ending}", "--plain")
    assert (code, SAME in err) == (0, True), err


def test_a_picture_of_a_folder_is_drawn_again_alone(command: Command) -> None:
    assert command(*DRAW, "--redraw-below", "0", "--out", "pictures/")[0] == 0
    assert load_picture(Path("pictures/0002-2.png")).recipe.conditions == CONDITIONS[1:]
    code, _, err = command("generate", "--from", "pictures/0002-2.png", "--plain", "--weights", "w.safetensors")
    assert code == 0
    assert SAME in err or "drawn in a batch with others" in err, "which may round in another way"


def test_an_option_changes_one_thing_of_a_recipe(command: Command) -> None:
    command(*DRAW, "--redraw-below", "0", "--out", "a.png")
    code, _, err = command("generate", "--from", "a.png", "--slant", "10", "--plain", "--out", "b.png")
    assert (code, "differs in" in err, "other conditions" in err) == (0, True, True), err
    changed = load_picture(Path("b.png")).recipe
    leaning = (ASKED[0], ("slant", Interval(10, 10)))
    assert changed.conditions == (Condition(7, leaning), Condition(2, leaning, (("looped", False),)))
    command("generate", "--from", "a.png", "8", "--out", "c.png")
    assert load_picture(Path("c.png")).recipe.conditions is None, "another prompt asks for nothing but its digits"


def test_what_is_missed_is_said_in_words(command: Command) -> None:
    code, out, err = command("generate", "seven", "--thickness", "9.5", "--steps", "2", "--weights", "w.safetensors", "--plain")
    assert code == 0, err
    assert "seven, thickness 9.5 px, seed 1" in out
    assert "1 redrawn, 1 of 1 digit is not as asked for: 7 has thickness " in out
    assert out.endswith(" px instead of 9.5 px\n")
    code, _, err = command("generate", "seven", "--thickness", "9.5", "--steps", "2", "--weights", "w.safetensors", "--no-plain")
    assert "1 redrawn · 1 not as asked\n" in err
    assert "1 of 1 digit is not as asked for" in err


def test_a_sweep_over_attributes(command: Command) -> None:
    code, out, err = command(
        "sweep", "7", "--slant", "-20,0", "--thickness", "2,4", "--steps", "2", "--weights", "w.safetensors", "--json", "--out", "s.png"
    )
    assert code == 0, err
    sweep = json.loads(out)
    assert [cell["caption"] for cell in sweep["cells"]] == [f"thickness {t} px, slant {s}°" for t in (2, 4) for s in (-20, 0)]
    assert [set(cell["measured"][0]) for cell in sweep["cells"]] == [{"thickness", "slant", "missed"}] * 4
    sheet = load_any(Path("s.png"))
    assert isinstance(sheet, StoredSheet)
    assert [recipe.conditions for recipe in sheet.recipes][1] == (Condition(7, (("thickness", Interval(2, 2)), ("slant", Interval(0, 0)))),)
    assert "thickness 2 px, slant 0°" in recipe_lines(sheet.recipes[1])


def test_words_ask_for_the_same_as_options_and_options_narrow_them(command: Command) -> None:
    rest = ("--count", "2", "--steps", "2", "--redraw-below", "0", "--weights", "w.safetensors", "--json")
    bold = (("thickness", Interval(low=3.064)),)  # 2.7 + 0.52 * 0.7

    def asked(*arguments: str) -> list[object]:
        code, out, err = command("generate", *arguments, *rest)
        assert code == 0, err
        found = json.loads(out)
        return [condition_from_json(values, label) for values, label in zip(found["conditions"], found["labels"], strict=True)]

    assert asked("a bold crossed 7 and a 3") == [Condition(7, bold, (("crossed", True),)), Condition(3)] * 2
    assert (
        asked("a bold 7", "--slant", "5", "--thickness", "..4")
        == [Condition(7, (("thickness", replace(bold[0][1], high=4)), ("slant", Interval(5, 5))))] * 2
    )
    assert {condition.attributes for condition in asked("bold random") if isinstance(condition, Condition)} == {bold}
    _, out, _ = command("sweep", "bold 7", "--slant", "0,9", "--steps", "2", "--weights", "w.safetensors", "--json")
    assert [cell["recipe"]["conditions"]["distinct"][0]["attributes"]["slant"][0] for cell in json.loads(out)["cells"]] == [0, 9]


@pytest.mark.parametrize(
    ("prompt", "scores"),
    [
        ("a bold 3 and a thin 7", [(0.52, 4), (-4, -0.52)]),
        ("one thin 7 followed by a bold 3", [(-4, -0.52), (0.52, 4)]),
        ("an 8 that is not bold", [(-4, 0.52)]),
        ("a bold 3, but a 7 that isn't very thin", [(0.52, 4), (-1.28, 4)]),
        ("two plain 3s", None),
    ],
)
def test_each_picture_is_told_what_describes_it_and_no_more(
    command: Command, monkeypatch: pytest.MonkeyPatch, prompt: str, scores: list[tuple[float, float]] | None
) -> None:
    heard: list[Told] = []

    def tell(pipeline: Pipeline, conditions: Sequence[Condition]) -> Told:
        heard.append(told := encode(conditions, pipeline.network.config.conditions or ConditionConfig(), pipeline.device))
        return told

    monkeypatch.setattr(Pipeline, "tell", tell)
    code, _, err = command("generate", prompt, "--steps", "1", "--redraw-below", "0", "--weights", "w.safetensors")
    assert code == 0, err
    if scores is None:
        assert not heard, "a three has no variant that it could be without"
        return
    (told,) = heard
    torch.testing.assert_close(told.scores[:, 0], torch.tensor(scores, dtype=torch.float32), atol=1e-3, rtol=0)
    assert told.asked.tolist() == [[True, False]] * len(scores)
    assert not told.variants.any()


@pytest.mark.parametrize("ending", [".png", ".gif"])
def test_open_intervals_and_redrawn_noise_are_drawn_again_to_the_pixel(command: Command, ending: str) -> None:
    """What is asked for, no picture of this network shows, so that each is drawn as often as it may be, and the nearest is kept."""
    words = "an 8 that is not bold, leaning far left, and a very bold 7", "--steps", "2", "--weights", "w.safetensors"
    code, out, err = command("generate", *words, "--json", "--out", f"a{ending}")
    assert code == 0, err
    recipe = load_picture(Path(f"a{ending}")).recipe
    asked = [condition.attributes for condition in recipe.conditions or ()]
    assert asked == [(("thickness", Interval(high=3.064)), ("slant", Interval(high=-12))), (("thickness", Interval(low=3.596)),)]
    assert json.loads(out)["redrawn"] == 2
    code, out, err = command("generate", "--from", f"a{ending}", "--plain")
    assert (code, SAME in err) == (0, True), err
    assert "2 redrawn" in out
    assert "not as asked for: 8 has slant " in out or "not as asked for: 8 has thickness " in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("generate 7 --slant 70 --weights w.safetensors", "slant 70° is outside -60 to 60°"),
        ("generate 3 --variant crossed --weights w.safetensors", "a 3 can't be crossed; only a 7 can, so leave out --variant"),
        ("generate 7 --width 9 --weights w.safetensors", "was not trained with width, only with thickness, slant, looped and crossed"),
        (
            "generate 7 --slant 20 --weights shipped:labels",
            "shipped:labels was not trained with slant; draw with shipped, which was (use --weights shipped)",
        ),
        ("generate 7 --slant 20 --weights shipped:one-step", "draw with shipped, which was (use --weights shipped)"),
        ("generate 7 --slant 20 --sampler one-step", "draw with shipped, which was (leave out --sampler one-step)"),
        ("generate 7 --slant 20 --sampler one-step --weights shipped", "draw with shipped, which was (leave out --sampler one-step)"),
        (
            "generate 7 --slant 20 --sampler one-step --weights shipped:one-step",
            "shipped:one-step was not trained with slant; draw with shipped, which was (leave out --sampler one-step, and use --weights shipped)",
        ),
        (
            "generate a bold seven --sampler one-step --weights shipped",
            "the one-step student shipped:one-step is told digits alone; shipped can be asked for it: leave out --sampler one-step\n",
        ),
        ("generate a bold seven --weights shipped:one-step", "is told digits alone; shipped can be asked for it: use --weights shipped\n"),
        ("generate 7 --weights shipped:fashion --variant crossed", "shipped:fashion was not trained with crossed"),
        ("generate 7 --thickness ..", "thickness '..' is not a value"),
        ("generate --prompts p.txt --variant crossed --weights w.safetensors", "p.txt, line 2: a 3 can't be crossed"),
        ("sweep 7 --slant 10,20 --weights shipped:labels", "shipped:labels was not trained with slant"),
        ("sweep 7 --slant 0,10..20", "slant 10..20 is an interval, and a sweep takes single values"),
        ("sweep a bold 7 --thickness 2,4 --weights w.safetensors", "thickness 2 px contradicts the prompt, which asks for 3.06 px or more; leave"),
        ("7 --slant 20 --weights shipped:labels", "shipped:labels was not trained with slant"),
        ("--slant -20 7 --weights shipped:seed", "shipped:seed was not trained with slant"),
    ],
)
def test_what_can_not_be_asked_for_is_one_sentence(command: Command, arguments: str, problem: str) -> None:
    Path("p.txt").write_text("7\n3\n")
    code, out, err = command(*arguments.split(), *(["--out", "x/"] if "generate" in arguments else []))
    assert (code, out) == (2, "")
    assert problem in err
    assert len(err.splitlines()) == 1
    assert not Path("x").exists()


def test_what_the_prompt_asks_for_in_words_is_drawn_as_the_options_would(command: Command) -> None:
    shared = ("--json", "--redraw-below", "0", "--steps", "2", "--weights", "w.safetensors")
    code, out, err = command("generate", "7 with thickness 3.5, slant -20 and an unlooped 2", *shared)
    assert code == 0, err
    in_words = json.loads(out)
    assert in_words["conditions"] == [
        {"attributes": {"thickness": [3.5, 3.5], "slant": [-20, -20]}},
        {"variants": {"looped": False}},
    ]
    code, out, err = command("generate", "a bold 7", "--slant", "20", *shared)
    assert code == 0, err
    (asked,) = json.loads(out)["conditions"]
    assert asked["attributes"] == {"thickness": [pytest.approx(2.7 + 0.52 * 0.7), None], "slant": [20, 20]}
    assert command("generate", "bold 7", "--thickness", "1", *shared)[0] == 2


@pytest.mark.parametrize(
    ("prompt", "weights", "why"),
    [
        ("a bold seven", "shipped:labels", "understood 7 · bold, but these weights are told only which class to draw, not what it should look like"),
        ("a wide seven", "w.safetensors", "these weights are not told width"),
        ("seven in hand 12", "w.safetensors", "these weights are told no handwriting"),
        ("bolder", "w.safetensors", "'bolder' changes the last answer on the Prompt screen; here, say what"),
    ],
)
def test_what_the_weights_are_not_told_is_refused_in_one_line(command: Command, prompt: str, weights: str, why: str) -> None:
    code, out, err = command("generate", prompt, "--weights", weights)
    assert (code, out) == (2, "")
    assert why in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a bold seven", ["a bold seven"]),
        ("let me see a massive sevven tilting to the left", ["let me see a massive sevven tilting to the left"]),  # read as bold 7 leaning left
        ("a bold 3 and a 7", ["bold 3", None]),
    ],
)
def test_weights_that_read_captions_are_told_the_words_of_a_prompt(command: Command, prompt: str, words: list[str | None]) -> None:
    reads = replace(MODEL, conditions=ConditionConfig(SCALES, ("looped", "crossed"), text=True), text=TextConfig(("bold",), 50, 16, 1))
    net = UNet(reads)
    nn.init.normal_(net.state_dict()["conditioner.text.out.weight"], std=0.3)
    checkpoint.save_weights(Path("reads.safetensors"), ModelWeights(net.state_dict(), reads, ScheduleConfig(), 3, "x", "average"))
    options = ("--steps", "2", "--redraw-below", "0", "--weights", "reads.safetensors")
    code, out, err = command("generate", prompt, *options, "--json", "--out", "a.png")
    assert code == 0, err
    assert [each.get("text") for each in json.loads(out)["conditions"]] == words
    assert [each.text for each in load_picture(Path("a.png")).recipe.conditions or ()] == words
    code, _, err = command("generate", "--from", "a.png", "--plain")
    assert (code, SAME in err) == (0, True), err
    code, _, err = command("generate", "--from", "a.png", "--plain", "--weights", "w.safetensors")
    assert (code, "words" in err) == (2, True), "other weights are not told words"


@pytest.mark.slow
def test_an_evaluation_by_captions_says_how_well_pictures_fit_them(command: Command) -> None:
    code, out, err = command("evaluate", "--captions", "--count", "12", "--steps", "1", "--weights", "w.safetensors", "--json")
    assert code == 0, err
    found = json.loads(out)["captions"]
    assert 0 <= found["fit"] < found["real_fit"] <= 1, "noise fits captions worse than digits do"
    assert found["preferred_interval"][0] <= found["preferred"] <= found["preferred_interval"][1]
    code, out, err = command("evaluate", "--captions", "--count", "12", "--weights", "shipped:labels")
    assert (code, out) == (2, "")
    assert "shipped:labels was not trained with thickness" in err
