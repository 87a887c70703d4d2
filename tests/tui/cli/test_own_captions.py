"""A folder's own captions, through the commands: trained on with its pictures, then drawn by their words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from engine.checkpoints.training_state import load_state
from engine.cli import entry
from engine.cli.progress import ProgressLine
from engine.config.condition import Condition
from engine.config.training import PRESETS
from engine.data.texts import load_texts
from engine.runs.run import find_run, latest_state
from engine.storage.pictures import load_picture
from tui.cli.main import digitty

COLORS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (40, 40, 220), "pale": (210, 210, 210)}
SIDES = ("left", "right")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(unmeasured: None, one_thread: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs digitty in a folder of its own, with a network as small as can be in the place of `quick`: exit code, standard output, standard error."""
    small = replace(PRESETS["quick"].model, channels=(8, 16), groups=4, time_dim=16, emb_dim=16)
    monkeypatch.setitem(PRESETS, "quick", replace(PRESETS["quick"], model=small, preview_every=0))  # type: ignore[arg-type]
    monkeypatch.setattr(ProgressLine, "plain", True)
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: str) -> tuple[int, str, str]:
        return entry.run(digitty, list(arguments)), *capsys.readouterr()

    return ran


def draw_pictures(folder: Path, *, color: bool, labels: bool) -> None:
    """Sixteen pictures: one half has a colour, or is grey, and a caption says which."""
    folder.mkdir()
    lines = ["file_name,text" + ",label" * labels]
    for number in range(16):
        name, side = list(COLORS)[number % 4], SIDES[number // 4 % 2]
        paint = COLORS[name] if color else (60 + 40 * (number % 4),) * 3
        picture = Image.new("RGB", (16, 24), (10, 10, number))
        picture.paste(paint, (0 if side == "left" else 8, 0, 8 if side == "left" else 16, 24))
        (picture if color else picture.convert("L")).save(folder / f"{number}.png")
        lines.append(f"{number}.png,a {name} half on the {side}" + f",{'warm' if name == 'red' else 'cold'}" * labels)
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize(("color", "labels"), [(True, False), (False, True)])
def test_captions_of_a_folder_are_trained_on_and_drawn_by_their_words(command: Command, color: bool, labels: bool) -> None:
    draw_pictures(Path("halves"), color=color, labels=labels)
    train = ("train", "--data", "halves", "--preset", "quick", "--size", "16x24", "--batch-size", "8", "--seed", "3")
    assert command(*train, "--steps", "6", "--name", "whole")[0] == 0
    model = find_run("whole").config().model
    assert model.text is not None
    assert {"red", "half", "left"} <= set(model.text.words)
    assert model.data.channels == (3 if color else 1)
    trained = load_state(latest_state(find_run("whole"))).model
    assert trained["conditioner.pooled.weight"].any(), "layers that start at zero learn"
    assert trained["cross.1.out.weight"].any()

    draw = ("generate", "--weights", "whole", "--steps", "2", "--redraw-below", "0", "--out")
    code, out, err = command(*draw, "a.png", "--json", "a red half, on the left")
    assert code == 0, err
    label = None if labels else 0
    assert json.loads(out)["conditions"] == [{"text": "a red half, on the left"}]
    assert load_picture(Path("a.png")).recipe.conditions == (Condition(label, text="a red half, on the left"),)
    assert command(*draw, "b.png", "a blue half on the right")[0] == 0
    pixels = [load_picture(Path(name)).images for name in ("a.png", "b.png")]
    assert pixels[0] != pixels[1]
    code, _, err = command("generate", "--from", "a.png", "--plain")
    assert (code, "the same picture, to the pixel" in err) == (0, True), err

    code, _, err = command(*draw, "c.png", "a redd half")
    assert (code, "no caption that these weights learned from has the word 'redd'; did you mean 'a red half'?" in err) == (2, True), err
    assert command(*draw, "d.png", "warm" if labels else "two pictures")[0] == 0, "prompts of today mean what they did"
    assert load_picture(Path("d.png")).recipe.conditions is None
    code, out, err = command("sweep", "--weights", "whole", "--steps", "1,2", "--json", "three red halves")
    assert code == 0, err
    assert [cell["recipe"]["conditions"] for cell in json.loads(out)["cells"]] == [{"distinct": [{"text": "red half"}], "of_image": [0, 0, 0]}] * 2


@pytest.mark.slow
def test_a_run_keeps_its_captions_and_other_captions_are_other_data(command: Command) -> None:
    draw_pictures(Path("halves"), color=True, labels=False)
    train = ("train", "--data", "halves", "--preset", "quick", "--size", "16x24", "--batch-size", "8")
    assert command(*train, "--steps", "1", "--name", "parts")[0] == 0
    first = find_run("parts").config().data
    Path("halves/metadata.csv").write_text(Path("halves/metadata.csv").read_text().replace("half", "part"))
    assert command(*train, "--steps", "1", "--name", "others")[0] == 0
    others = find_run("others").config()
    assert others.model.text is not None
    assert "part" in others.model.text.words
    assert (others.data.digest, others.data.texts == first.texts) == (first.digest, False)
    assert command("train", "--resume", "parts", "--steps", "2")[0] == 0, "with the captions that it began with"
    assert "a red half on the left" in load_texts(find_run("parts").config().data)
