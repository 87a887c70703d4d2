"""The command line: one line for whatever can't be done, with its exit code, and nothing half-written; pictures with their recipe for what can."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from terminal import environment

from engine.cli.entry import run
from engine.cli.train import train_request
from engine.config.compute import ComputeInfo
from engine.config.data_choice import DataChoice
from engine.config.training import PRESETS
from engine.errors import RunError
from engine.jobs.jobs import Jobs
from engine.runs.manage import create_run
from tui.cli.main import digitty

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs digitty in this process, in an empty folder: exit code, standard output, standard error."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def ran(*arguments: str) -> tuple[int, str, str]:
        code = run(digitty, list(arguments))
        told = capsys.readouterr()
        return code, told.out, told.err

    return ran


def refused(command: Command, *arguments: str, code: int = 2) -> str:
    """The one line that a refusal has."""
    got, out, err = command(*arguments)
    assert got == code, err
    assert not out
    *progress, last = err.splitlines()
    assert last.startswith("digitty: ")
    assert not progress or code == 3, err
    assert not list(Path.cwd().iterdir()), "something half-written was left"
    return last


# --- what can't be done -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("dance", "No such command 'dance'"),
        ("--loud", "No such option"),
        ("generate seven --loud", "No such option"),
        ("generate", "there is no prompt to draw"),
        ("generate sevn", "did you mean 'seven'"),
        ("generate seven --steps 0", "steps 0 is outside 1 to 1000"),
        ("generate seven --steps 1001", "steps 1001 is outside 1 to 1000"),
        ("generate seven --steps x", "'x' is not a valid integer"),
        ("generate seven --count 0", "count 0 is outside 1 to 100,000"),
        ("generate seven --count 100001", "count 100001 is outside 1 to 100,000"),
        ("generate grid --count 100000", "1,000,000 digits is more than the 100,000 allowed"),
        ("generate seven --guidance nan", "guidance nan is not a finite number"),
        ("generate seven --guidance inf", "guidance inf is not a finite number"),
        ("generate seven --eta 2", "eta 2 is outside 0 to 1"),
        ("generate seven --seed -1", "seed -1 is outside 0 to"),
        ("generate seven --sampler euler", "'euler' is not one of"),
        ("generate seven --out missing/x.png", "no folder missing"),
        ("generate seven --out x.jpg", "must end in .png, .npz or .gif"),
        ("generate seven --out x", "must end in .png, .npz or .gif"),
        ("generate seven --count 65 --out x.gif", "a GIF holds at most 64 digits"),
        ("train --steps 0", "steps 0 is outside 1 to"),
        ("train --epochs 0", "epochs 0 is outside 1 to"),
        ("train --lr nan", "lr nan is not a finite number"),
        ("train --lr inf", "lr inf is not a finite number"),
        ("train --lr 0", "lr 0 trains nothing"),
        ("train --batch-size 0", "batch-size 0 is outside 1 to"),
        ("train --preset huge", "'huge' is not one of"),
        ("train --run a/b", "a run can't be named"),
        ("train --run x --resume y", "use only one of them"),
        ("train --resume nowhere", "no run named nowhere"),
        ("evaluate --count 0", "count 0 is outside 1 to"),
        ("evaluate --guidance nan", "guidance nan is not a finite number"),
        ("export nowhere x.txt", "must end in .safetensors"),
    ],
)
def test_one_line_says_what_is_wrong(command: Command, arguments: str, told: str) -> None:
    assert told in refused(command, *arguments.split())


def test_a_run_that_exists_names_resume(command: Command, home: Path) -> None:
    (home / "data" / "runs" / "mine").mkdir(parents=True)
    (home / "data" / "runs" / "mine" / "config.json").touch()
    assert "--resume mine" in refused(command, "train", "--run", "mine")


def test_only_a_run_has_best_weights_and_metrics(command: Command) -> None:
    create_run("mine", PRESETS["quick"], ComputeInfo("cpu", "fp32", "contiguous"))
    assert "mine has no best weights yet" in refused(command, "export", "mine:best", "x.safetensors")
    assert "shipped has no metrics; give the name of a run" in refused(command, "export", "shipped", "x.csv")


@pytest.mark.parametrize(
    ("asked", "steps"), [({"steps": 3000}, 3000), ({"steps": 10}, 10), ({"steps": 3000, "epochs": 1}, 469), ({"epochs": 3}, 1407), ({}, 938)]
)
def test_as_many_steps_as_were_asked_for(asked: dict[str, int], steps: int) -> None:
    """The preset's epochs, of which quick has two, don't end a run whose steps were chosen."""
    names = ("start_from", "teacher", "epochs", "steps", "batch_size", "lr", "lr_schedule", "timesteps", "seed", "limit", "compile")
    request = train_request(None, None, {"preset": "quick", **dict.fromkeys(names), **asked})
    assert request.config.total_steps == steps


def test_options_about_the_data(command: Command) -> None:
    """They belong to a source, which belongs to a new run; MNIST's preset stays the guide's, other images get the one that draws best."""
    assert "--size says how to prepare your own images; name them with --data" in refused(command, "train", "--size", "32")
    assert "the nearest is 32" in refused(command, "train", "--data", "x", "--size", "30")
    create_run("mine", PRESETS["quick"], ComputeInfo("cpu", "fp32", "contiguous"))
    assert "--size can't be changed with --resume" in refused(command, "train", "--resume", "mine", "--data", "x", "--size", "32")
    none = dict.fromkeys(("preset", "start_from", "epochs", "steps", "timesteps", "limit"))
    asked = train_request(None, None, {**none, "data": "x", "size": "64", "grey": True, "limit": 100_000})
    assert (asked.data, asked.limit, asked.fit_epochs, asked.config) == (DataChoice("x", "64", grey=True), 100_000, True, PRESETS["best"])
    assert train_request(None, None, dict(none)).config == PRESETS["seed"]
    assert not train_request(None, None, {**none, "data": "x", "epochs": 3}).fit_epochs


def test_no_epochs_at_all_are_refused_on_resume_too(command: Command) -> None:
    create_run("mine", PRESETS["quick"], ComputeInfo("cpu", "fp32", "contiguous"))
    assert "epochs 0 is outside" in refused(command, "train", "--resume", "mine", "--epochs", "0")


def test_a_folder_that_cannot_be_written_to(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.storage.images.os.access", lambda *_: False)
    assert "is not writable" in refused(command, "generate", "seven", "--out", "x.png")


def test_no_room_for_digittys_own_folders(command: Command, unmeasured: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITTY_HOME", "/proc/nowhere")
    told = refused(command, "train", "--precision", "fp32", "--limit", "10", code=3)
    assert "set DIGITTY_HOME to a folder you can write to" in told


def test_that_is_noticed_before_torch_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom engine.cli.main import commands\nfrom engine.cli.entry import run\n"
        "code = run(commands, ['train'])\nassert 'torch' not in sys.modules\nsys.exit(code)"
    )
    env = environment(Path("/proc/nowhere"))
    ran = subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "set DIGITTY_HOME to a folder you can write to" in ran.stderr


def test_weights_of_something_else(command: Command, tmp_path: Path) -> None:
    for name, content in (("text.safetensors", b"not weights at all"), ("empty.pth", b""), ("missing.safetensors", None)):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        assert name in refused(command, "generate", "seven", "--weights", str(path), "--out", "x.png")
    assert "no run named nowhere" in refused(command, "generate", "seven", "--weights", "nowhere")


@pytest.mark.parametrize("weights", ["~nosuchuser/x.pth", "~nosuchuser/run"])
def test_a_home_that_no_one_has(command: Command, weights: str) -> None:
    assert "no home folder is known for ~nosuchuser" in refused(command, "generate", "seven", "--weights", weights)


@pytest.mark.parametrize("arguments", ["generate seven --out x.png", "evaluate --count 20 --out x.png", "export shipped:seed x.pth"])
def test_a_file_that_exists_is_replaced_with_force_alone(command: Command, arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(arguments.split()[-1])
    path.write_text("precious")
    path.chmod(0o600)
    code, out, err = command(*arguments.split())
    assert (code, out, err) == (2, "", f"digitty: {path} exists; choose another name, or replace it with --force\n")
    assert path.read_text() == "precious"
    if arguments.startswith("export"):
        assert command(*arguments.split(), "--force")[0] == 0
        assert path.stat().st_size > 1_000_000
        assert path.stat().st_mode & 0o777 == 0o600
        return

    def reached(*_: object) -> None:
        raise RunError("it draws")

    monkeypatch.setattr(Jobs, arguments.split()[0].replace("generate", "draw"), reached)
    assert command(*arguments.split(), "--force")[::2] == (2, "digitty: it draws\n")


def test_the_screen_needs_a_terminal(home: Path, tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-m", "tui"], env=environment(home), cwd=tmp_path, capture_output=True, text=True, timeout=60, input="")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count("\n") == 1
    assert "use: digitty generate seven" in ran.stderr


# --- what needs no engine ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["generate", "--help"], ["runs"], ["generate", "sevn"]])
def test_neither_torch_nor_textual_is_imported_for_words(home: Path, tmp_path: Path, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom engine.cli.entry import run\nfrom tui.cli.main import digitty\n"
        f"code = run(digitty, {arguments!r})\n"
        "heavy = {'torch', 'textual', 'numpy', 'rich'} & set(sys.modules)\nassert not heavy, heavy\nsys.exit(code)"
    )
    ran = subprocess.run([sys.executable, "-c", code], env=environment(home), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == (2 if "sevn" in arguments else 0), ran.stderr


def test_the_screen_is_there_before_torch(home: Path, tmp_path: Path) -> None:
    code = "import sys\nimport tui.app\nassert 'textual' in sys.modules\nassert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], env=environment(home), cwd=tmp_path, check=True, timeout=60)


def test_help_names_the_commands_and_the_exit_codes(command: Command) -> None:
    code, out, err = command("--help")
    assert (code, err) == (0, "")
    for word in ("generate", "train", "evaluate", "runs", "export", "doctor", "Exit codes"):
        assert word in out


def test_version(command: Command) -> None:
    assert command("--version")[1].startswith("digitty, version ")


def test_no_runs_yet(command: Command) -> None:
    assert command("runs") == (0, "", "no runs yet; start one with: digitty train\n")
    assert command("runs", "--json") == (0, "", "")


# --- drawing ----------------------------------------------------------------------------------------------------------


def test_npz_holds_images_and_labels(command: Command, tiny_weights: Path, warm_home: Path, unmeasured: None) -> None:
    import numpy as np

    code, _, err = command("generate", "0-9", "--count", "2", "--out", "x.npz", "--weights", str(tiny_weights), "--precision", "fp32", "--steps", "2")
    assert code == 0, err
    assert "saved x.npz" in err
    with np.load("x.npz") as made:
        assert (made["images"].shape, made["images"].dtype) == ((20, 28, 28), np.uint8)
        assert made["labels"].dtype == np.int64
        assert made["labels"].tolist() == [*range(10)] * 2
    assert [path.name for path in Path.cwd().iterdir()] == ["x.npz"]


def test_a_png_holds_the_recipe_that_draws_it_again(command: Command, tiny_weights: Path, warm_home: Path, unmeasured: None) -> None:
    how = ["--weights", str(tiny_weights), "--precision", "fp32", "--steps", "3", "--seed", "41"]
    assert command("generate", "3 1 4", "--out", "a.png", *how)[0] == 0
    assert command("generate", "314", "--out", "b.png", *how)[0] == 0
    with Image.open("a.png") as a, Image.open("b.png") as b:
        recipe = json.loads(a.info["digitty"])
        assert a.tobytes() == b.tobytes()
        assert a.size == ((3 * 29 - 1) * 8, 28 * 8)
    assert (recipe["labels"], recipe["sample"]["seed"], recipe["sample"]["steps"]) == ([3, 1, 4], 41, 3)
    from engine.checkpoints.weights import load_weights

    digest = load_weights(tiny_weights).digest
    assert recipe["weights"] == {"name": "tiny.safetensors", "step": 3, "kind": "average", "digest": digest}


def test_a_gif_shows_the_denoising(command: Command, tiny_weights: Path, warm_home: Path, unmeasured: None) -> None:
    code, out, err = command("generate", "grid", "--out", "x.gif", "--weights", str(tiny_weights), "--precision", "fp32", "--steps", "5")
    assert code == 0, err
    assert out.strip(), "the digits are drawn in characters where there is no terminal"
    assert "\x1b" not in out
    with Image.open("x.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 6
        assert json.loads(animation.info["comment"])["indices"] == [0] * 10


def test_colours_are_half_blocks(command: Command, tiny_weights: Path, warm_home: Path, unmeasured: None) -> None:
    code, out, _ = command("--color", "truecolor", "generate", "7", "--weights", str(tiny_weights), "--precision", "fp32", "--steps", "1")
    assert code == 0
    assert "▀" in out or "▄" in out
    assert "\x1b[38;2;" in out


def test_a_run_trained_listed_exported_and_resumed(command: Command, warm_home: Path, unmeasured: None) -> None:
    config = ["--preset", "quick", "--limit", "64", "--batch-size", "16", "--precision", "fp32"]
    code, out, err = command("train", *config, "--steps", "2", "--run", "mine", "--json")
    assert code == 0, err
    told = [json.loads(line)["event"] for line in out.splitlines()]
    assert told[-1] == "TrainDone"
    assert {"TrainStarted", "TrainStep", "Saved"} <= set(told)
    assert "mine" in command("runs")[1]
    assert json.loads(command("runs", "--json")[1])["state"] == "finished"
    assert "--resume mine" in command("train", "--run", "mine")[2]
    assert command("export", "mine", "mine.safetensors") == (0, "mine.safetensors\n", "trained on MNIST, licence CC BY-SA 3.0\n")
    assert command("generate", "7", "--weights", "mine.safetensors", "--precision", "fp32", "--steps", "1")[0] == 0
    code, _, err = command("train", "--resume", "mine", "--epochs", "1")
    assert code == 0, err
    assert "run mine finished at step 4" in err
    assert "increase --epochs" in command("train", "--resume", "mine")[2]
