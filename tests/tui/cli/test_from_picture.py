"""`digitty generate --from`: the recipe of a picture is drawn again, to the pixel where nothing differs; else the difference is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.weights import ModelWeights
from engine.cli import entry
from engine.config.compute import ComputeInfo
from engine.config.model import ModelConfig, ScheduleConfig
from engine.storage.images import save_drawing
from engine.storage.pictures import load_picture
from tui.cli.main import digitty

Command = Callable[..., tuple[int, str]]
MODEL = ModelConfig(channels=(8, 8, 8), time_dim=16, emb_dim=16, groups=4)
DRAW = ("generate", "3 1", "--weights", "w.safetensors", "--steps", "3", "--seed", "5", "--plain")
SAME = "the same picture, to the pixel"
pytestmark = pytest.mark.usefixtures("unmeasured", "one_thread")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs digitty in this process, in a folder with weights that draw something: exit code, standard error."""
    import torch
    from torch import nn

    from engine.models.unet import UNet

    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    torch.manual_seed(0)
    net = UNet(MODEL)
    nn.init.normal_(net.conv_out.weight, std=0.3)
    checkpoint.save_weights(folder / "w.safetensors", ModelWeights(net.state_dict(), MODEL, ScheduleConfig(), 3, "x", "average"))

    def ran(*arguments: str) -> tuple[int, str]:
        code = entry.run(digitty, list(arguments))
        return code, capsys.readouterr().err

    return ran


def edit_recipe(path: Path, **changes: Any) -> None:
    """Change fields of a PNG's recipe, as another machine or an older version would have written it."""
    with Image.open(path) as picture:
        recipe = json.loads(picture.text["digitty"])  # type: ignore[attr-defined]
        info = PngImagePlugin.PngInfo()
        info.add_text("digitty", json.dumps({**recipe, **changes}))
        picture.save(path, "PNG", pnginfo=info)


@pytest.mark.parametrize("ending", [".png", ".gif"])
def test_a_picture_is_drawn_again_to_the_pixel(command: Command, ending: str) -> None:
    assert command(*DRAW, "--out", f"a{ending}")[0] == 0
    code, told = command("generate", "--from", f"a{ending}", "--out", f"b{ending}", "--plain")
    assert code == 0
    assert SAME in told
    assert load_picture(Path(f"a{ending}")).images() == load_picture(Path(f"b{ending}")).images()


def test_one_thing_is_changed(command: Command) -> None:
    command(*DRAW, "--out", "a.png")
    code, told = command("generate", "--from", "a.png", "--guidance", "2", "--out", "b.png", "--plain")
    assert code == 0
    assert "guidance 2 instead of 1.4" in told
    assert " of 1,568 pixels" in told
    before, after = load_picture(Path("a.png")).recipe, load_picture(Path("b.png")).recipe
    assert after == replace(before, sample=replace(before.sample, guidance=2.0))


def test_config_toml_changes_no_recipe(command: Command, home: Path) -> None:
    command(*DRAW, "--out", "a.png")
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text('[draw]\nsteps = 9\nseed = 8\nweights = "shipped"\n')
    assert SAME in command("generate", "--from", "a.png", "--plain")[1]


def test_other_words_keep_the_rest_of_the_recipe(command: Command) -> None:
    command(*DRAW, "--out", "a.png")
    assert "other labels" in command("generate", "--from", "a.png", "8", "9", "--out", "b.png", "--plain")[1]
    recipe = load_picture(Path("b.png")).recipe
    assert recipe.labels == (8, 9)
    assert (recipe.sample.seed, recipe.sample.steps, recipe.weights.name) == (5, 3, "w.safetensors")


def test_weights_are_found_beside_the_picture(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command(*DRAW, "--out", "a.png")
    monkeypatch.chdir(tmp_path)
    assert SAME in command("generate", "--from", "here/a.png", "--plain")[1]


def test_missing_weights_are_named(command: Command) -> None:
    command(*DRAW, "--out", "a.png")
    Path("w.safetensors").rename("renamed.safetensors")
    code, told = command("generate", "--from", "a.png", "--plain")
    assert code == 2
    assert "the weights w.safetensors (average, step 3) are not here" in told
    assert "--weights" in told
    code, told = command("generate", "--from", "a.png", "--weights", "renamed.safetensors", "--plain")
    assert code == 0
    assert SAME in told  # the digest is the same, whatever the file is called


def test_weights_that_changed_are_named(command: Command) -> None:
    command(*DRAW, "--out", "a.png")
    path = Path("w.safetensors")
    loaded = checkpoint.load_weights(path)
    checkpoint.save_weights(path, replace(loaded, tensors={name: tensor * 0.5 for name, tensor in loaded.tensors.items()}))
    code, told = command("generate", "--from", "a.png", "--plain")
    assert code == 0
    assert "differs in" in told
    assert f"({checkpoint.load_weights(path).digest}) instead of" in told


def test_precision_and_layout_are_those_of_the_recipe(command: Command) -> None:
    """The machine's own choice is another one, fp32 and contiguous."""
    command(*DRAW, "--out", "a.png")
    engine = {"device": "cpu", "precision": "fp32", "layout": "channels_last", "threads": 1}
    edit_recipe(Path("a.png"), engine=engine)
    command("generate", "--from", "a.png", "--plain", "--out", "b.png")
    assert load_picture(Path("b.png")).recipe.engine == ComputeInfo(**engine)
    _, told = command("generate", "--from", "a.png", "--plain", "--precision", "fp32")
    assert "memory layout contiguous instead of channels_last" in told


def test_a_device_that_is_missing_is_replaced_and_named(command: Command) -> None:
    import torch

    missing = "mps" if torch.cuda.is_available() else "cuda:0"
    command(*DRAW, "--device", "cpu", "--out", "a.png")
    edit_recipe(Path("a.png"), engine={"device": missing, "precision": "bf16", "layout": "channels_last"})
    code, told = command("generate", "--from", "a.png", "--plain")
    assert code == 0
    assert f" instead of {missing}; precision fp32 instead of bf16" in told
    code, told = command("generate", "--from", "a.png", "--plain", "--device", missing)
    assert code == 4
    assert "device was found" in told


def test_a_picture_of_an_older_version_is_drawn_again(command: Command) -> None:
    command(*DRAW, "--out", "a.png")
    with Image.open("a.png") as picture:
        recipe = json.loads(picture.text["digitty"])  # type: ignore[attr-defined]
        old = {name: recipe[name] for name in ("format", "version", "labels", "indices", "sample", "engine")}
        old["weights"] = {name: recipe["weights"][name] for name in ("name", "step", "kind")}
        info = PngImagePlugin.PngInfo()
        info.add_text("digitty", json.dumps(old))
        picture.save("a.png", "PNG", pnginfo=info)
    assert SAME in command("generate", "--from", "a.png", "--plain")[1]


def test_a_picture_that_was_painted_over_differs_without_a_reason(command: Command) -> None:
    command(*DRAW, "--out", "a.png")
    stored = load_picture(Path("a.png"))
    images = stored.images()
    save_drawing(Path("a.png"), stored.recipe, replace(images, data=bytes([255 - images.data[0]]) + images.data[1:]), [])
    assert "differs in 1 of 1,568 pixels; nothing else differs" in command("generate", "--from", "a.png", "--plain")[1]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no file"),
        (b"", "neither a PNG nor a GIF"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"GIF89a" + bytes(20), "no digitty recipe"),
    ],
)
def test_a_file_that_is_not_ours_is_one_sentence(command: Command, content: bytes | None, told: str) -> None:
    if content is not None:
        Path("x.png").write_bytes(content)
    code, err = command("generate", "--from", "x.png")
    assert code == 2
    assert err.startswith("digitty: ")
    assert told in err
    assert len(err.splitlines()) == 1


def test_count_needs_a_prompt(command: Command) -> None:
    command(*DRAW, "--out", "a.png")
    code, told = command("generate", "--from", "a.png", "--count", "2")
    assert code == 2
    assert "--count repeats a prompt" in told
