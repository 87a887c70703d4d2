"""Handwritings on the command line, from words and options to pixels and back: with a tiny network that was given hands."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.weights import ModelWeights
from engine.cli import entry
from engine.cli.progress import ProgressLine
from engine.config.condition import ConditionConfig
from engine.config.condition_options import AskedOptions
from engine.config.data import MNIST
from engine.config.hand import HandSource
from engine.config.model import ModelConfig, ScheduleConfig
from engine.models.unet import UNet
from engine.prompt.parser import parse
from engine.sampling.hands import hand_of_seed
from engine.storage.pictures import load_picture
from tui.cli.main import digitty

TOLD = ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16, groups=4, conditions=ConditionConfig(hand=64))
OTHERS = replace(TOLD, conditions=ConditionConfig())
REST = ("--steps", "4", "--redraw-below", "0", "--weights", "w.safetensors")
SAME = "the same picture, to the pixel"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(unmeasured: None, one_thread: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs digitty in a folder with weights that were told hands, and others that were not: exit code, standard output, standard error."""
    monkeypatch.setattr(ProgressLine, "plain", True)
    monkeypatch.chdir(tmp_path)
    for name, model in (("w", TOLD), ("others", OTHERS)):
        torch.manual_seed(0)
        net = UNet(model)
        for parameter in net.parameters():
            if not parameter.any():
                nn.init.normal_(parameter, std=0.3)
        checkpoint.save_weights(tmp_path / f"{name}.safetensors", ModelWeights(net.state_dict(), model, ScheduleConfig(), 3, "x", "average"))

    def ran(*arguments: str) -> tuple[int, str, str]:
        return entry.run(digitty, list(arguments)), *capsys.readouterr()

    return ran


def drawn(command: Command, *arguments: str) -> dict[str, list[object]]:
    code, out, err = command("generate", *arguments, *REST, "--json")
    assert code == 0, err
    found: dict[str, list[object]] = json.loads(out)
    return found


def test_a_hand_is_the_same_in_words_and_as_an_option_and_changes_the_picture(command: Command) -> None:
    in_words = drawn(command, "7 in hand 12", "--out", "a.png")
    assert in_words["hands"] == [12]
    assert in_words["conditions"] == [{"hand": list(hand_of_seed(12))}]
    assert drawn(command, "7", "--hand", "12", "--out", "b.png")["conditions"] == in_words["conditions"]
    drawn(command, "7", "--hand", "13", "--out", "c.png")
    one, same, other = (load_picture(Path(f"{name}.png")).images().data for name in "abc")
    assert (one == same, one == other) == (True, False)
    code, _, err = command("generate", "--from", "a.png", "--hand", "13", "--plain")
    assert (code, "other conditions" in err) == (0, True), err


def test_digits_in_one_hand_stand_on_one_line_and_are_drawn_again_to_the_pixel(command: Command) -> None:
    fields = drawn(command, "270126 in one hand", "--seed", "3", "--out", "a.png")
    assert len(set(map(str, fields["hands"]))) == 1
    stored = load_picture(Path("a.png"))
    assert stored.width == 6 * stored.height
    code, _, err = command("generate", "--from", "a.png", "--plain")
    assert (code, SAME in err) == (0, True), err
    code, out, err = command("generate", f"3 in hand {fields['hands'][0]}", *REST, "--plain")
    assert (code, f"hand {fields['hands'][0]}" in out) == (0, True), "it can be named again"


def test_hands_that_are_left_open_follow_from_the_seed_and_differ_each_time(command: Command) -> None:
    first, again = (drawn(command, "2 6 in one hand", "--count", "3", "--seed", "5")["hands"] for _ in range(2))
    assert first == again
    assert first[::2] == first[1::2]
    assert len(set(map(str, first))) == 3
    assert drawn(command, "2 6 in one hand", "--seed", "6")["hands"] != first[:2]
    assert len(set(map(str, drawn(command, "three sevens in different hands")["hands"]))) == 3


def test_a_hand_is_read_from_files_of_digits(command: Command) -> None:
    drawn(command, "7 in hand 12", "--out", "a.png")
    drawn(command, "3 in hand 5", "--out", "b.png")
    codes = [drawn(command, "8", *(word for file in files for word in ("--hand", file)))["conditions"] for files in (["a.png"], ["a.png", "b.png"])]
    assert codes[0] != codes[1]
    assert all(sum(number**2 for number in code[0]["hand"]) == pytest.approx(1, abs=1e-2) for code in codes)  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("7", "--hand", "none.png"), "no file none.png; a hand is a number, or a picture"),
        (("7", "--hand", "note.png"), "damaged, or not a picture"),
        (("7", "--hand", "blank.png"), "blank.png shows no digit; use a picture of one to ten"),
        (("7", "--hand", "12", "--hand", "13"), "--hand 12 names a hand, so it can't stand beside another number"),
        (("7", "--hand", "12", "--hand", "a.png"), "can't stand beside a file; write the name of a file as ./12"),
        (("7 in hand 12", "--hand", "13"), "the prompt and --hand both say whose handwriting"),
        (("7 in the hand of answer 2",), "'the hand of answer 2' is for the Prompt screen"),
        (("7", "--hand", "12", "--weights", "others.safetensors"), "others.safetensors was not trained with a hand"),
        (("7", "--hand", "12", "--weights", "shipped:labels"), "shipped:labels was not trained with a hand; draw with shipped, which was"),
        (
            ("7 in hand 12", "--weights", "others.safetensors"),
            "shipped can be asked for it: use --weights shipped",
        ),
        (("7 in hand 12", "--weights", "shipped:labels"), "shipped can be asked for it: use --weights shipped"),
    ],
)
def test_what_is_no_hand_is_one_sentence(command: Command, arguments: tuple[str, ...], problem: str) -> None:
    from PIL import Image

    Path("note.png").write_text("seven")
    Image.new("L", (40, 40), 255).save("blank.png")
    code, out, err = command("generate", *REST, *arguments, "--out", "x.png")
    assert (code, out) == (2, "")
    assert problem in err
    assert len([line for line in err.splitlines() if line.startswith("digitty:")]) == 1
    assert not Path("x.png").exists()


@pytest.mark.parametrize("word", ["-1", "1.5", "1,5", "1e3", "+3", "−2", "", str(2**63), "9" * 5000])
def test_a_number_that_no_hand_has_is_refused_before_anything_is_loaded(command: Command, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setattr("tui.cli.generate.draw_with_progress", lambda *_: pytest.fail("it loads torch"))
    code, _, err = command("generate", "7", "--hand", word, *REST)
    assert (code, "a hand is a whole number from 0 to 9223372036854775807, or a picture of a digit" in err) == (2, True), err


@pytest.mark.parametrize("word", ["0", "007", "99999999", str(2**63 - 1)])
def test_an_option_takes_the_numbers_that_a_prompt_takes(word: str) -> None:
    asked = parse(f"7 in hand {word}", random.Random(0), MNIST.class_names, TOLD.conditions)
    assert asked.conditions is not None
    assert [phrase.hand.number for phrase in asked.conditions if phrase.hand] == [int(word)]
    assert AskedOptions(hand=(word,)).hand_source() == HandSource(int(word))
