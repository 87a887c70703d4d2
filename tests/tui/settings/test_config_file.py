"""config.toml: what comes before what, and what is said of a mistake."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import finished_run
from user import opened

from engine.cli.entry import run
from engine.cli.progress import ProgressLine
from engine.config.sampling import default_for
from engine.config.training import PRESETS
from engine.jobs.jobs import Jobs
from engine.protocol.requests import DrawRequest, TrainRequest
from engine.storage import paths
from tui.cli.config import make_file, template
from tui.cli.main import digitty
from tui.screens.registry import bindings_by_screen
from tui.settings import config_file, themes
from tui.settings import keymap as keys
from tui.settings import remembered as settings
from tui.settings.config_file import load, sections
from tui.settings.config_file import location as path


@pytest.fixture
def written(home: Path):
    def write(text: str) -> config_file.Config:
        path().parent.mkdir(parents=True, exist_ok=True)
        path().write_text(text)
        return load()

    return write


class Asked(Exception):
    """The request that reached the engine."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch):
    """Runs a command up to the engine's door: what was asked there, and the device."""
    got: list[object] = []

    def caught(self: Jobs, request: object, *_: object) -> None:
        got.append((request, self._device, self._precision))
        raise SystemExit(0)

    for name in ("draw", "train", "evaluate"):
        monkeypatch.setattr(Jobs, name, caught)
    monkeypatch.setattr(ProgressLine, "plain", False)

    def ran(*arguments: str):
        got.clear()
        assert run(digitty, list(arguments)) == 0
        return got[0]

    return ran


def test_without_a_file_all_is_default(home: Path) -> None:
    assert load() == config_file.Config()


def test_the_command_line_comes_before_the_file(written, asked) -> None:
    written('[draw]\nsteps = 20\nsampler = "ddim"\nweights = "mine"\n[engine]\ndevice = "cpu"\nprecision = "fp32"\n[screen]\nplain = true\n')
    request, device, precision = asked("generate", "seven")
    assert isinstance(request, DrawRequest)
    assert (request.sample.steps, request.sample.sampler, request.weights, device, precision) == (20, "ddim", "mine", "cpu", "fp32")
    assert ProgressLine.plain
    request, device, precision = asked("generate", "seven", "--steps", "5", "--precision", "bf16", "--no-plain")
    assert (request.sample.steps, request.sample.sampler, device, precision) == (5, "ddim", "cpu", "bf16")
    assert not ProgressLine.plain


def test_the_guidance_interval_is_a_setting_of_the_file(written, asked) -> None:
    assert not written("[draw]\nguided_from = 0.25\nguided_to = 8\n").problems
    request, *_ = asked("generate", "seven")
    assert (request.sample.guided_from, request.sample.guided_to) == (0.25, 8)
    assert written("[draw]\nguided_from = -1\n").problems == ("config.toml, line 2: guided_from -1 is less than 0",)


@pytest.mark.parametrize(
    ("file", "options", "steps", "redraw_below"),
    [
        ("", [], 1, 0.5),
        ("steps = 20\nredraw_below = 0.3", [], 1, 0.3),
        ("redraw_below = 0.3", ["--steps", "2", "--redraw-below", "0.9"], 2, 0.9),
    ],
)
@pytest.mark.parametrize("student", [("--sampler", "one-step"), ("--weights", "shipped:one-step"), ("--weights", "mine")])
def test_a_student_draws_with_its_own_defaults(
    written, asked, file: str, options: list[str], steps: int, redraw_below: float, student: tuple[str, str]
) -> None:
    finished_run("mine", replace(PRESETS["one-step"], model=replace(PRESETS["best"].model, one_step=True)))
    written(f"[draw]\n{file}\n")
    request, *_ = asked("generate", "seven", *student, *options)
    assert (request.sample.sampler, request.sample.steps, request.sample.redraw_below) == ("one-step", steps, redraw_below)


def test_another_sampler_is_not_changed_where_it_was_asked_for(written, asked) -> None:
    request, *_ = asked("generate", "seven", "--weights", "shipped:one-step", "--sampler", "ddim")
    assert request.sample.sampler == "ddim"


@pytest.mark.parametrize("file", ['sampler = "one-step"', 'weights = "shipped:one-step"', 'weights = "shipped:one-step"\nsampler = "ddim"'])
async def test_a_student_of_the_file_draws_with_its_own_defaults(written, file: str) -> None:
    async with opened(config=written(f"[draw]\n{file}\n")) as person:
        assert person.app.studio.settings.sample == default_for("one-step")


def test_what_a_run_recorded_comes_before_the_file(written, asked, monkeypatch: pytest.MonkeyPatch) -> None:
    written('[train]\npreset = "quick"\n[engine]\nprecision = "fp32"\n')
    request, _, precision = asked("train")
    assert isinstance(request, TrainRequest)
    assert (request.config.preset, precision) == ("quick", "fp32")
    finished_run("mine", PRESETS["seed"])
    request, _, precision = asked("train", "--resume", "mine", "--epochs", "12")
    assert (request.config.preset, request.resume, precision) == ("seed", "mine", "auto")


async def test_the_file_comes_before_what_the_screen_remembers(written) -> None:
    async with opened() as person:
        person.app.theme = "nord"
        person.app.studio.change_settings(sample=person.app.studio.settings.with_sample(steps=7, guidance=2.0).sample)
    written('[draw]\nsteps = 20\n[screen]\ntheme = "dracula"\n')
    async with opened(config=load()) as person:
        assert person.app.theme == "dracula"
        assert (person.app.studio.settings.sample.steps, person.app.studio.settings.sample.guidance) == (20, 2.0)


def test_only_what_differs_from_the_defaults_is_remembered(home: Path) -> None:
    """A default that gets better does so for everybody who never changed it."""
    changed = settings.Settings(weights="mine").with_sample(guidance=3.0)
    settings.save(settings.Settings(), changed)
    assert json.loads(path().with_name("settings.json").read_text())["sample"] == {"guidance": 3.0}
    assert settings.load() == (changed, [])


async def test_a_new_run_has_the_files_preset(written) -> None:
    async with opened(config=written('[train]\npreset = "quick"\n')) as person:
        await person.press("f5", "n")
        await person.sees("minutes on a CPU", "epochs    2 ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[draw]\n\nsteps = 2000\n", "config.toml, line 3: steps 2000 is outside 1 to 1000"),
        ("[draw]\nstpes = 20\n", "config.toml, line 2: [draw] has no 'stpes'; did you mean steps?"),
        ('[draw]\n"steps" = "x"\n', "config.toml, line 2: steps 'x' is not a whole number from 1 to 1000"),
        ("[draw]\nsteps = true\n", "config.toml, line 2: steps True is not a whole number from 1 to 1000"),
        ("[draw]\nweights = 3\n", "config.toml, line 2: weights 3 is not text in quotes"),
        ('[draw]\nsampler = ["ddim"]\n', "config.toml, line 2: sampler takes a single value"),
        ('[screen]\npictures = "here"\n', "config.toml, line 2: pictures 'here' is neither auto nor a full path in quotes"),
        ("[screen]\npictures = 7\n", "config.toml, line 2: pictures 7 is neither auto nor a full path"),
        ("[screen]\nplain = 1\n", "config.toml, line 2: plain 1 is not true or false"),
        ('[screen]\ntheme = "pink"\n', "config.toml, line 2: theme 'pink' is not one of textual-dark, textual-light"),
        ("[scren]\nplain = true\n", "config.toml: there is no section [scren]; the sections are [draw]"),
        ("steps = 3\n", "config.toml: there is no section [steps]"),
        ("draw = 3\n", "config.toml: draw is a section"),
        ("draw = { steps = 0 }\n", "config.toml: steps 0 is outside 1 to 1000"),
        ("[draw]\nsteps = \n", "config.toml is not TOML: Invalid value (at line 2, column 9)"),
        ("[draw\n", "config.toml is not TOML: Expected ']' at the end of a table declaration (at line 1, column 6)"),
    ],
)
def test_a_mistake_is_said_with_its_line(written, asked, capsys: pytest.CaptureFixture[str], text: str, told: str) -> None:
    found = written(text)
    assert len(found.problems) == 1
    assert found.problems[0].startswith(told)
    for arguments in (["generate", "seven"], ["train"], ["evaluate"]):
        assert run(digitty, arguments) == 2
        assert capsys.readouterr().err.startswith(f"digitty: {told}")
    for arguments in (["runs"], ["config"]):  # which do nothing that the file could change
        assert run(digitty, arguments) == 0
    assert f"PROBLEM: {told}" in capsys.readouterr().out


def test_what_is_right_counts_beside_what_is_wrong(written) -> None:
    found = written('[draw]\nsteps = 0\nseed = 7\n[keys]\nsave = "z"\n')
    assert (dict(found.values), dict(found.keys), len(found.problems)) == ({"seed": 7}, {"save": "z"}, 1)


def test_what_is_no_text_is_said(home: Path) -> None:
    path().parent.mkdir(parents=True)
    path().write_bytes(b"\xff\xfe")
    assert load().problems == (f"{path()} can't be read: it is not UTF-8; correct or delete it",)


async def test_the_screen_says_it_and_goes_on(written) -> None:
    found = written('[draw]\nsteps = 0\n[keys]\nsave = "q"\nsvae = "z"\nagain = "hyper"\nstop = "Z"\n')
    async with opened(config=found) as person:
        await person.is_told("config.toml, line 2: steps 0 is outside 1 to 1000")
        await person.is_told("config.toml, line 4: save: q is already used on the Prompt screen: quit")
        await person.is_told("config.toml, line 5: no action is called 'svae'; did you mean save?")
        await person.is_told("config.toml, line 6: 'hyper' is not a key")
        assert person.app.keymap == {"stop": "Z"}
        await person.enter("seven")
        await person.sees("0.05 s")


def test_the_template_is_right_and_never_written_over_a_file(home: Path) -> None:
    assert make_file().read_text() == template()
    assert load() == config_file.Config(text=template(), values={}, keys={}), "all of it is commented out"
    assert run(digitty, ["config", "--init"]) == 2
    active = "".join(f"{line[2:] if line.startswith('# ') and ' = ' in line else line}\n" for line in template().splitlines()[2:])
    path().write_text(active)
    found = load()
    assert not found.problems
    assert found.values == {name: setting.default for settings in sections().values() for name, setting in settings.items()}
    screens = bindings_by_screen()
    assert keys.check_keymap(found.keys, screens) == ({name: ",".join(keys.keys_of(b, {})) for name, b in keys.named_bindings(screens).items()}, {})


def test_config_shows_what_is_in_force(written, capsys: pytest.CaptureFixture[str]) -> None:
    written('[draw]\nsteps = 20\n[keys]\nsave = "f12"\n')
    path().with_name("settings.json").write_text(json.dumps({"theme": "nord"}))
    assert run(digitty, ["config"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == str(path())
    assert "steps 20 config.toml" in lines
    assert 'theme "nord" remembered by the screen' in lines
    assert "guidance 1.4" in lines
    assert "save F12 Prompt: save the last drawing as PNG with its recipe (config.toml)" in lines


def test_config_says_what_a_key_does_on_each_screen_that_has_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(digitty, ["config"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    screens = bindings_by_screen()
    for name in keys.named_bindings(screens):
        for bindings in screens.values():
            for binding in (each for each in bindings if each.id == name):
                assert " ".join(binding.tooltip.split()) in out, name
    assert "stop x Generate, Grid: stop the drawing Train: save and stop" in out


def test_no_line_of_the_template_ends_within_a_name() -> None:
    lines = template().splitlines()
    assert not [line for line in lines if line.endswith("-")]
    choices = [choice for section in sections().values() for setting in section.values() for choice in setting.choices]
    for name in (*themes.NAMES, *choices):
        assert any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", line) for line in lines), name


def test_reading_it_loads_neither_torch_nor_textual() -> None:
    probe = "print(*{m.split('.')[0] for m in sys.modules} & {'torch', 'textual', 'aiohttp'})"
    code = f"import sys, tui.cli.main\nfrom tui.settings import config_file\nconfig_file.load()\n{probe}"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120, cwd=Path(__file__).parents[3])
    assert told.stdout.split() == []


# --- files that may be anything ---------------------------------------------------------------------------------------

ODD: dict[str, tuple[bytes, str]] = {
    "too many digits": (b"[draw]\nseed = " + b"9" * 5000, "number with too many digits"),
    "too many digits in hex": (b"[draw]\nseed = 0x" + b"f" * 5000, "line 2: seed is too large"),
    "a large guidance": (b"[draw]\nguidance = 0x" + b"f" * 5000, "line 2: guidance is too large"),
    "nested too deep": (b"x = " + b"[" * 3000 + b"]" * 3000, "nested too deep"),
    "nested": (b"[draw]\nseed = " + b"[" * 100 + b"]" * 100, "line 2: seed takes a single value"),
    "a table": (b"[draw]\nweights = {a = 1}", "line 2: weights takes a single value"),
    "NUL": (b'[draw]\nweights = "a\\u0000.pth"', "line 2: weights holds a NUL character"),
    "bytes": (b"\xff\xfe", "it is not UTF-8"),
    "escape sequences": (b'["\\u001b[2J"]\na = 1\n', "no section [·[2J]"),
    "torn": (b"[draw", "is not TOML"),
    "large": (b"#" * (2 << 20), "larger than"),
}


@pytest.fixture
def odd(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs commands with an odd config.toml: those that can go on do; the others name the file and the way out."""

    def check(words: str) -> None:
        (problem,) = load().problems
        assert words in problem
        assert "config.toml" in problem
        assert problem.isprintable()
        assert len(problem) <= config_file.LONGEST
        for command, code in (("runs", 0), ("config", 0), ("generate", 2), ("train", 2), ("evaluate", 2)):
            assert run(digitty, [command, *(["seven"] if command == "generate" else [])]) == code
            told = capsys.readouterr()
            if command == "config":
                assert f"PROBLEM: {problem}" in told.out
            if code == 2:
                assert told.err == f"digitty: {problem}; to see the settings in force, run: digitty config\n"

    path().parent.mkdir(parents=True)
    return check


@pytest.mark.parametrize(("content", "words"), ODD.values(), ids=ODD)
def test_an_odd_file_is_named_and_commands_that_can_go_on(odd, content: bytes, words: str) -> None:
    path().write_bytes(content)
    odd(words)


@pytest.mark.parametrize("kind", ["pipe", "folder", "sparse", "loop"])
def test_what_is_no_ordinary_file_is_not_waited_for(odd, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path())
    elif kind == "folder":
        path().mkdir()
    elif kind == "loop":
        path().symlink_to(path())
    else:
        with path().open("wb") as file:
            file.truncate(4 << 30)
    odd({"pipe": "not a regular file", "folder": "irectory", "sparse": "larger than", "loop": "symbolic links"}[kind])


def test_a_byte_order_mark_is_no_fault(written) -> None:
    assert written("\ufeff[draw]\nsteps = 20\n").values == {"steps": 20}


@pytest.mark.parametrize("folder", ["/dev/null/digitty", "/somewhere/else"])
def test_a_folder_of_settings_that_can_not_be_one_names_itself_and_the_way_out(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.storage.paths.config_dir", lambda: Path(folder))
    if folder == "/somewhere/else":
        monkeypatch.setattr(config_file, "read_small", refuse)
    found = load()
    assert found.unreadable
    (problem,) = found.problems
    assert problem.startswith(f"can't read {folder}/config.toml: ")
    assert problem.endswith(paths.WAY_OUT)


def refuse(path: Path) -> bytes:
    """As the home of another user does; root may read all."""
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
