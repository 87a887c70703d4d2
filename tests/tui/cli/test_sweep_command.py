"""`digitty sweep`: pictures in rows with their settings and figures, or words, or JSON; a bad list is one sentence and exit code 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_training import cut_off
from fakes import FakeJobs
from PIL import Image

from engine.cli.entry import run
from engine.cli.progress import ProgressLine
from engine.protocol.measured import Measured
from engine.storage import paths
from tui.cli import main as cli

Swept = Callable[..., tuple[int, str, str]]


@pytest.fixture
def jobs() -> FakeJobs:
    return FakeJobs()


@pytest.fixture
def swept(jobs: FakeJobs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Swept:
    """Runs `digitty sweep`: exit code, standard output, standard error."""
    monkeypatch.setattr("tui.cli.sweep.Jobs", lambda *_: jobs)
    monkeypatch.setattr(ProgressLine, "plain", False)
    monkeypatch.setenv("COLUMNS", "100")

    def ran(*arguments: str) -> tuple[int, str, str]:
        code = run(cli.digitty, ["sweep", *arguments])
        return code, *capsys.readouterr()

    return ran


def test_rows_have_their_labels_and_each_picture_its_column_and_figures(swept: Swept) -> None:
    code, out, err = swept("seven", "--guidance", "1,1.4", "--steps", "4,8,14", "--color", "256")
    assert code == 0
    words = [line for line in out.splitlines() if "\x1b" not in line]
    assert words[0] == "guidance 1"
    assert words[2].startswith("4 evaluations, 0.05 s")
    assert words[3] == "guidance 1.4"
    assert [words[1].index(name) for name in ("4 steps", "8 steps", "14 steps")] == [
        words[2].index(name) for name in ("4 evaluations", "8 evaluations", "14 evaluations")
    ], "figures stand below their columns"
    assert "seven · shipped · step 4690 · average · dpmpp · seed 1" in err


@pytest.mark.parametrize("weights", ["shipped,shipped:fashion", "shipped:fashion,shipped:one-step"])
def test_weights_of_different_classes_are_not_compared(swept: Swept, jobs: FakeJobs, weights: str) -> None:
    code, out, err = swept("random", "--weights", weights)
    assert (code, out, jobs.sweeps) == (2, "", [])
    first, _, other = weights.partition(",")
    assert err.startswith(f"digitty: {first} draws ")
    assert f"but {other} draws " in err
    assert "compare weights that draw the same classes" in err


def test_the_same_noise_and_no_redrawing(swept: Swept, jobs: FakeJobs) -> None:
    swept("three", "sevens", "--steps", "2,3", "--seed", "8")
    (request,) = jobs.sweeps
    assert request.labels == (7, 7, 7)
    assert {(cell.sample.seed, cell.sample.redraw_below) for cell in request.cells} == {(8, 0.0)}
    swept("grid", "--steps", "2,3")
    assert jobs.sweeps[-1].indices == (0,) * 10


def test_without_greys_and_on_a_narrow_terminal_everything_is_told(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in ("20", "60", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        _, out, _ = swept("seven", "--steps", "4,8,14", "--color", "none")
        assert all(name in out for name in ("4 steps", "8 steps", "14 steps"))


def test_plain_is_a_line_of_words_for_each_drawing(swept: Swept) -> None:
    _, out, _ = swept("three", "1", "--guidance", "1,2", "--steps", "1,4", "--plain")
    assert out.splitlines() == [
        "guidance 1, 1 step: three, one, 1 evaluation, 0.05 s",
        "guidance 1, 4 steps: three, one, 4 evaluations, 0.05 s",
        "guidance 2, 1 step: three, one, 1 evaluation, 0.05 s",
        "guidance 2, 4 steps: three, one, 4 evaluations, 0.05 s",
    ]


def test_pictures_that_are_not_as_asked_for_are_counted_by_their_settings(swept: Swept, jobs: FakeJobs) -> None:
    miss, hit = Measured((("slant", 14.2),), (), ("slant",)), Measured((("slant", 20.0),))
    jobs.measured = (miss, hit, miss)
    for way in ("--plain", "--color=none"):
        _, out, err = swept("3", "4", "7", "--slant", "-20,20", way)
        assert "4 of 6 digits are not as asked for: slant -20° (2 of 3), slant 20° (2 of 3)" in err.splitlines()
        assert "not as asked" not in out
    jobs.measured = (miss,)
    _, _, err = swept("3", "--slant", "-20,-10,20", "--steps", "2,4,8")
    assert "9 of 9 digits are not as asked for: 2 steps, slant -20°; 2 steps, slant -10°;" in err
    assert "; and 3 more" in err
    assert "1 of 1 digit is not as asked for" in swept("3", "--slant", "20")[2].splitlines()
    assert "not as asked" not in "".join(map(str, swept("3", "--slant", "20", "--json")[1:])), "it has them in full"
    jobs.measured = (hit,)
    assert "not as asked" not in swept("3", "--slant", "20")[2]


def test_json_and_a_sheet(swept: Swept, tmp_path: Path) -> None:
    code, out, err = swept("7", "--steps", "2,4", "--json", "--out", str(tmp_path / "sweep.png"))
    assert code == 0
    values = json.loads(out)
    assert [(cell["caption"], cell["evaluations"], cell["seconds"]) for cell in values["cells"]] == [("2 steps", 2, 0.05), ("4 steps", 4, 0.05)]
    assert values["seconds"] > 0
    assert "saved" in err
    with Image.open(tmp_path / "sweep.png") as picture:
        held = json.loads(picture.text["digitty"])  # type: ignore[attr-defined]
    assert held["cells"] == values["cells"]
    assert swept("7", "--out", str(tmp_path / "sweep.png"))[0] == 2, "it exists"
    assert swept("7", "--out", str(tmp_path / "sweep.png"), "--force")[0] == 0


def test_config_toml_sets_single_values_and_leaves_samplers_their_usual_steps(swept: Swept, jobs: FakeJobs) -> None:
    paths.config_dir().mkdir(parents=True, exist_ok=True)
    (paths.config_dir() / "config.toml").write_text("[draw]\nguidance = 1.7\nsteps = 9\n")
    assert swept("7", "--sampler", "ddim,dpmpp")[0] == 0
    assert [(cell.sample.steps, cell.sample.guidance) for cell in jobs.sweeps[-1].cells] == [(50, 1.7), (9, 1.7)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("seven", "--steps", "4,x"), "steps 'x' is not a whole number; write a list such as 4,8,14"),
        (("seven", "--steps", ","), "empty entry"),
        (("seven", "--guidance", "1,2,3,4,5,6,7,8,9,10,11", "--steps", "1,2,3,4,5,6,7,8,9,10"), "110 drawings, and a sweep has at most 100"),
        (("seven", "--weights", "shipped,none"), "no run named none"),
        (("sevn", "--steps", "2,4"), "did you mean 'seven'?"),
        (("seven", "--out", "x.gif"), "must end in .png"),
        (("20", "sevens"), "20 images is outside 1 to 16"),
        (("seven", "--weights", "cut-off,shipped", "--sampler", "one-step", "--steps", "9"), "outside 1 to 4"),
        ((), "Missing argument"),
    ],
)
def test_what_can_not_be_swept_is_one_sentence(swept: Swept, jobs: FakeJobs, arguments: tuple[str, ...], words: str) -> None:
    cut_off("cut-off")
    code, out, err = swept(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert not jobs.sweeps or "images" in words
