"""`digitty rank`: pictures of any kind, best first; what the caption says; what is wrong in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.cli.progress import ProgressLine
from engine.cli.rank import split_arguments
from engine.config.compute import ComputeInfo
from engine.config.sampling import SampleConfig
from engine.data import mnist
from engine.errors import PromptError, SettingError
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.sampling.rank import read_caption
from engine.sampling.ranker import Ranker
from engine.storage.images import save_drawing

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ten digits of MNIST as files: 7 2 1 0 4 1 4 9 5 9."""
    monkeypatch.setattr(ProgressLine, "plain", True)
    monkeypatch.chdir(tmp_path)
    images, labels = mnist.load(False, limit=10)
    for k, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        Image.fromarray(image.numpy()).save(tmp_path / f"{k}-{label}.png")
    return tmp_path


def test_the_digits_that_a_caption_names_come_first(here: Path, command: Command) -> None:
    code, out, err = command("rank", "a", "nine", str(here))
    lines = out.splitlines()
    assert (code, len(lines)) == (0, 10)
    assert {Path(line.split()[1]).name for line in lines[:2]} == {"7-9.png", "9-9.png"}
    scores = [float(line.split()[0]) for line in lines]
    assert scores == sorted(scores, reverse=True)
    assert err.splitlines()[-1] == "understood 9"  # and no progress


def test_ink_on_paper_several_digits_and_saved_pictures_are_read(here: Path, command: Command, tmp_path: Path) -> None:
    images, _ = mnist.load(False, limit=3)
    tiles = [np.asarray(Image.fromarray(image.numpy()).resize((168, 168), Image.Resampling.BICUBIC)) for image in images]
    Image.fromarray((240 - 0.8 * np.concatenate(tiles, 1)).astype(np.uint8)).save(tmp_path / "page.jpg", quality=95)
    recipe = Recipe((7, 2, 1), (0, 1, 2), SampleConfig(), WeightsInfo("x", 1, "average", "sha256:0"), ComputeInfo("cpu", "fp32", "contiguous", 1))
    save_drawing(tmp_path / "drawn.png", recipe, Images(images.numpy().tobytes(), 3, 28, 28), ())
    Image.fromarray(255 - images[1].numpy()).save(tmp_path / "paper.png")
    code, out, _ = command("rank", "two", "page.jpg", "drawn.png", "paper.png", "0-7.png", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [each["rank"] for each in found] == [1, 2, 3, 4]
    by_name = {each["picture"]: each for each in found}
    assert found[-1]["picture"] == "0-7.png"
    assert (by_name["page.jpg"]["digit"], by_name["page.jpg"]["digits"]) == (by_name["drawn.png"]["digit"], by_name["drawn.png"]["digits"]) == (2, 3)
    assert by_name["paper.png"]["score"] == by_name["drawn.png"]["score"]


def test_what_can_not_be_read_is_named_and_left_out(here: Path, command: Command) -> None:
    (here / "bad\x1b[2J.png").write_bytes(b"none")
    Image.new("L", (28, 28)).save(here / "black.png")
    code, out, err = command("rank", "seven", "0-7.png", "none.png", str(here / "bad\x1b[2J.png"), "black.png")
    assert (code, len(out.splitlines())) == (0, 1)
    assert all(name in err for name in ("left out can't read none.png", "black.png shows no digit", "it is damaged"))
    assert "\x1b" not in out + err
    code, out, err = command("rank", "seven", "none.png")
    assert (code, out) == (2, "")
    assert "no picture could be ranked" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rank"], "say first what to look for"),
        (["rank", "seven"], "name pictures or folders after the caption"),
        (["rank", "what should i cook", "."], "nothing of a digit"),
        (["rank", "a digit", "."], "says nothing of a digit that pictures can be ranked by"),
        (["rank", "bolder", "."], "changes another picture"),
        (["rank", "a bold 3 and a thin 7", "."], "describes 2 digits"),
        (["rank", "a thin bold 7", "."], "bold"),
        (["rank", "a frobnicated seven", "."], "'frobnicated'"),
        (["rank", "seven", "empty/"], "empty holds no pictures"),
        (["rank", "seven", ".", "--weights", "shipped"], "shipped is a network that draws, and not an image tower"),
    ],
)
def test_what_is_wrong_is_one_sentence(here: Path, command: Command, arguments: list[str], says: str) -> None:
    (here / "empty").mkdir()
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_a_caption_is_what_stands_before_the_first_path(here: Path) -> None:
    (here / "looped").mkdir()
    assert split_arguments(["a", "bold", "seven", "x.PNG", "y"]) == ("a bold seven", [Path("x.PNG"), Path("y")])
    assert split_arguments(["bold 7", "looped"]) == ("bold 7", [Path("looped")])
    with pytest.raises(SettingError, match="say first"):
        split_arguments(["0-7.png", "seven"])


def test_what_a_caption_says_is_read_as_prompts_are(shipped_ranker: Ranker) -> None:
    reader = shipped_ranker.reader
    for text, facts, left_out in (
        ("a bold seven leaning left", ("7", "bold", "leaning left"), ()),
        ("an 8 that is not bold", ("8", "not bold"), ()),
        ("a crosed seven", ("7", "crossed"), ()),
        ("seven with slant 20° in hand 3", ("7",), ("slant 20°", "hand 3")),
        ("a bold digit", ("any", "bold"), ()),
    ):
        caption = read_caption(text, reader)
        assert (caption.facts, caption.left_out) == (facts, left_out), text
    with pytest.raises(PromptError, match="says nothing"):
        read_caption("a digit with slant 20°", reader)


def test_the_shipped_tower_tells_what_differs_in_one_fact(shipped_ranker: Ranker) -> None:
    """Of captions that differ in a word, or in a "not", the true one fits better: of ten thousand test images see docs/results.md."""
    from engine.data.measured import measure_each
    from engine.data.shown import ShownImages
    from engine.evaluation.ranking import draw_changed, draw_pairs, judge_changed, judge_pairs

    images, labels = mnist.load(False, limit=300)
    conditions = shipped_ranker.tower.config.conditions
    assert conditions is not None
    shown, codes = ShownImages(measure_each(shipped_ranker.data, images, labels), conditions), shipped_ranker.encode_pictures(images)
    changed = judge_changed(shipped_ranker, codes, [*draw_changed(shown, range(300))])
    pairs = judge_pairs(shipped_ranker, codes, [*draw_pairs(shown, range(300))])
    for found, least in ((changed, 0.85), (pairs, 0.8)):
        for name in ("all", "with a not"):
            assert sum(found[name]) / len(found[name]) > least


@pytest.fixture(scope="module")
def shipped_ranker() -> Ranker:
    from engine.checkpoints.tower import load_tower

    torch.set_num_threads(1)
    return Ranker(load_tower())
