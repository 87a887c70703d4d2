"""Which terminals get which colours, and whether Textual obeys."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tui.terminal.capabilities import CHOICES, ColorDepth, Terminal, apply_to_textual, detect, frame_rate, wants_color, why_unusable

T, C256, C16, NONE = ColorDepth.TRUECOLOR, ColorDepth.COLORS_256, ColorDepth.COLORS_16, ColorDepth.NONE


@pytest.mark.parametrize(
    ("env", "color"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, T),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit"}, T),
        ({"TERM": "xterm-256color"}, C256),
        # over SSH COLORTERM is gone: the name decides
        ({"TERM": "xterm-kitty"}, T),
        ({"TERM": "alacritty"}, T),
        ({"TERM": "foot"}, T),
        ({"TERM": "foot-extra"}, T),
        ({"TERM": "xterm-ghostty"}, T),
        ({"TERM": "ghostty"}, T),
        ({"TERM": "wezterm"}, T),
        ({"TERM": "st-256color"}, T),
        ({"TERM": "tmux-direct"}, T),
        ({"TERM": "xterm-direct"}, T),
        ({"TERM": "xterm"}, C256),
        ({"TERM": "screen"}, C256),
        ({"TERM": "tmux"}, C256),
        ({"TERM": "tmux-256color"}, C256),
        ({"TERM": "screen.xterm-256color"}, C256),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0", "COLORTERM": "truecolor"}, T),
        ({"TERM": "screen-256color", "STY": "12.pts-0.host", "COLORTERM": "truecolor"}, C256),
        ({"TERM": "xterm-256color", "WT_SESSION": "c0ffee"}, T),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, T),
        ({"TERM": "linux"}, C16),
        ({"TERM": "ansi"}, C16),
        ({"TERM": "xterm-16color"}, C16),
        ({"TERM": "rxvt"}, C16),
        ({"TERM": "vt100"}, NONE),
        ({"TERM": "dumb"}, NONE),
        ({}, NONE),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, NONE),
        ({"TERM": "xterm-kitty", "NO_COLOR": ""}, T),  # no-color.org: an empty one does not count
        ({"TERM": "xterm", "TEXTUAL_COLOR_SYSTEM": "standard"}, C16),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "TERM_PROGRAM": "vscode"}, T),
        ({"TERM": "xterm-256color", "SSH_CONNECTION": "a 1 b 22"}, C256),  # mosh, PuTTY, and whatever else says no more
        ({"TERM": "unknown"}, NONE),
    ],
)
def test_colors_by_environment(env: dict[str, str], color: ColorDepth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", no_tmux)
    assert detect(env).color is color


def no_tmux(*_: object, **__: object) -> None:
    raise FileNotFoundError("tmux")


@pytest.mark.parametrize(
    ("answer", "inside", "color"),
    [
        ("256,RGB,bpaste,title xterm-256color", {}, T),
        ("bpaste,focus,title xterm-256color", {}, C256),
        ("bpaste,title xterm-256color", {"COLORTERM": "truecolor"}, T),  # which tmux turns into 256
        ("bpaste,title xterm-kitty", {}, C256),
        ("bpaste,focus,title linux", {"COLORTERM": "truecolor"}, C16),  # the window it was started in is gone
        ("title xterm", {}, C16),
        ("title vt100", {}, NONE),
        (" xterm-256color", {}, C256),  # before tmux 3.2
        ("", {}, C256),  # a server that is gone
        ("RGB xterm-256color", {"NO_COLOR": "1"}, NONE),
    ],
)
def test_tmux_is_asked_for_the_terminal_around_it(monkeypatch: pytest.MonkeyPatch, answer: str, inside: dict[str, str], color: ColorDepth) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, answer + "\n"))
    assert detect({"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0", **inside}).color is color


@pytest.mark.parametrize(
    ("env", "why"), [({"TERM": "dumb"}, "TERM=dumb can't"), ({"TERM": "unknown"}, "TERM=unknown can't"), ({}, "TERM is not set")]
)
def test_what_can_show_no_screen(env: dict[str, str], why: str) -> None:
    assert why_unusable(env).startswith(why)
    assert not why_unusable({"TERM": "vt100"})


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": ""}, False),
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"FORCE_COLOR": "3", "NO_COLOR": "1"}, False),
    ],
)
def test_colors_where_there_is_no_terminal(env: dict[str, str], wanted: bool) -> None:
    assert wants_color(env) is wanted


@pytest.mark.parametrize(("value", "light"), [("0;15", True), ("15;0", False), ("0;default;7", True), ("12;8", False), ("", False)])
def test_a_light_background_by_its_name(value: str, light: bool) -> None:
    assert detect({"TERM": "rxvt", "COLORFGBG": value}).light is light


@pytest.mark.parametrize("choice", CHOICES[1:])
def test_a_choice_overrides_everything(choice: str) -> None:
    assert detect({"TERM": "xterm-kitty", "NO_COLOR": "1"}, choice).color == choice


def test_an_unknown_choice_is_named() -> None:
    with pytest.raises(ValueError, match="'88' is not one of auto, truecolor, 256, 16, none"):
        detect({}, "88")


@pytest.mark.parametrize(
    ("env", "unicode", "braille"),
    [
        ({"TERM": "xterm", "LANG": "en_US.UTF-8"}, True, True),
        ({"TERM": "xterm", "LANG": "de_DE.utf8@euro"}, True, True),
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "LANG": "C"}, False, False),
        ({"TERM": "xterm", "LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, False, False),
        ({"TERM": "xterm", "LC_CTYPE": "UTF-8", "LANG": "C"}, True, True),  # as macOS sends it over SSH
        ({"TERM": "xterm", "LANG": "en_US.UTF-8", "LC_ALL": "en_US.ISO-8859-1"}, False, False),
        ({"TERM": "xterm", "LANG": "en_US"}, False, False),
        ({"TERM": "linux", "LANG": "en_US.UTF-8"}, True, False),
        ({"TERM": "vt100", "LANG": "en_US.UTF-8"}, False, False),
    ],
)
def test_which_characters_can_be_drawn(env: dict[str, str], unicode: bool, braille: bool) -> None:
    terminal = detect(env)
    assert (terminal.unicode, terminal.braille) == (unicode, braille)


def test_remote_means_ssh_and_fewer_frames() -> None:
    near, far = detect({"TERM": "xterm"}), detect({"TERM": "xterm", "SSH_CONNECTION": "10.0.0.1 5022 10.0.0.2 22"})
    assert (near.remote, far.remote) == (False, True)
    assert frame_rate(far) < frame_rate(near)


@pytest.mark.parametrize(
    ("color", "system", "bare"), [(T, "TRUECOLOR", False), (C256, "EIGHT_BIT", False), (C16, "STANDARD", False), (NONE, "STANDARD", True)]
)
def test_textual_takes_what_apply_sets(color: ColorDepth, system: str, bare: bool) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("TEXTUAL")} | {"TERM": "xterm", "NO_COLOR": ""}
    apply_to_textual(Terminal(color, remote=True), env)
    code = "from textual.app import App; a = App(); print(a.console._color_system.name, a.no_color, a.animation_level)"
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert out.split() == [system, str(bare), "none"]


def test_apply_keeps_the_persons_own_animations_and_local_ones() -> None:
    env = {"TEXTUAL_ANIMATIONS": "full"}
    apply_to_textual(Terminal(remote=True), env)
    assert env["TEXTUAL_ANIMATIONS"] == "full"
    local: dict[str, str] = {}
    apply_to_textual(Terminal(), local)
    assert local == {"TEXTUAL_COLOR_SYSTEM": "truecolor"}


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, tui.terminal.capabilities; print(*{m.partition('.')[0] for m in sys.modules} & {'textual', 'rich', 'torch', 'numpy', 'PIL'})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
