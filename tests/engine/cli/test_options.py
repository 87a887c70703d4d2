"""The options of commands: their names, order, kinds and defaults are an interface that scripts rely on."""

from __future__ import annotations

import click
import pytest

from engine.cli.evaluate import evaluate
from engine.cli.train import train
from engine.config.fields import settings_of
from engine.config.sampling import SampleConfig
from engine.config.training import TrainConfig
from tui.cli.generate import generate

SAMPLING = {
    "--sampler": "dpmpp",
    "--steps": 14,
    "--spacing": "arctan",
    "--eta": 0.0,
    "--variance": "beta",
    "--guidance": 1.4,
    "--guided-from": 0.5,
    "--guided-to": 4.0,
    "--redraw-below": 0.9,
    "--seed": 1,
    "--weights": "shipped",
}
COMPUTE = {"--device": "auto", "--precision": "auto", "--threads": None}
TRAIN = {
    **dict.fromkeys(
        ("--preset", "--data", "--size", "--fit", "--background", "--grey", "--classes", "--hold-out", "--data-root", "--start-from", "--teacher")
    ),
    **dict.fromkeys(("--pairs", "--writers", "--epochs", "--steps", "--minutes", "--batch-size", "--lr", "--lr-schedule", "--schedule")),
    **dict.fromkeys(
        (
            "--timesteps",
            "--flip",
            "--augment",
            "--balance",
            "--attributes",
            "--hands",
            "--text",
            "--seed",
            "--run",
            "--resume",
            "--limit",
            "--keep-every",
            "--compile",
        )
    ),
    **COMPUTE,
    "--plain": False,
    "--json": False,
    "--when-full": "stop",
    "--detach": False,
}
ASKED = {**dict.fromkeys(("--thickness", "--slant", "--width", "--length")), "--variant": (), "--without": (), "--hand": ()}
GENERATE = {"--from": None, "--force": False, "--json": False, **COMPUTE, "--color": None, "--graphics": None, "--plain": False}
COMMANDS: dict[str, tuple[click.Command, dict[str, object]]] = {
    "generate": (
        generate,
        {"--prompts": None, "--count": 1, **ASKED, **SAMPLING, "--out": None, **GENERATE},
    ),
    "evaluate": (
        evaluate,
        {
            "--count": 1000,
            **SAMPLING,
            "--captions": False,
            "--train-reader": False,
            "--out": None,
            "--force": False,
            **COMPUTE,
            "--plain": False,
            "--json": False,
        },
    ),
    "train": (train, TRAIN),
}


def options(command: click.Command) -> list[click.Option]:
    return [option for option in command.params if isinstance(option, click.Option) and not option.hidden]


@pytest.mark.parametrize(("command", "expected"), COMMANDS.values(), ids=COMMANDS)
def test_options_their_order_and_their_defaults(command: click.Command, expected: dict[str, object]) -> None:
    given = command.make_context("test", ["seven"] if command is generate else []).params
    found = {option.opts[0]: given.get(option.name or "", option.default) for option in options(command)}
    assert list(found) == list(expected)
    assert found == expected


@pytest.mark.parametrize(("command", "expected"), COMMANDS.values(), ids=COMMANDS)
def test_every_option_says_what_it_does(command: click.Command, expected: dict[str, object]) -> None:
    assert [option.name for option in options(command) if not option.help] == []


def test_kinds_are_those_of_the_fields() -> None:
    types = {option.opts[0]: option.type for option in options(train)}
    assert isinstance(types["--epochs"], type(click.INT))
    assert isinstance(types["--lr"], type(click.FLOAT))
    assert isinstance(types["--lr-schedule"], click.Choice)
    assert list(types["--lr-schedule"].choices) == list(settings_of(TrainConfig)["lr_schedule"].choices)
    assert train.make_context("train", ["--name", "mine", "--compile", "--epochs", "3"]).params["run"] == "mine"


def test_help_is_the_description_of_the_field() -> None:
    found = {option.name: option.help for option in options(generate)}
    assert {name: found[name] for name in settings_of(SampleConfig)} == {name: setting.help for name, setting in settings_of(SampleConfig).items()}
