"""The script of `digitty completion`, run by the shells themselves, and what it completes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import environment

from engine.cli.entry import run
from tui.cli import main as cli
from tui.cli.completion import SHELLS

OTHERS = ["sneakers sneaker", "trousers trouser", "seventeen"]
"""What is completed with weights of clothes, and of a run that is gone."""
BASH = """
eval "$(digitty completion bash)"
for words in "digitty gen" "digitty sev" "digitty three sev" "digitty seven --st" "digitty generate --sampler d" \
    "digitty generate --weights shipped:fashion sne" "digitty generate --weights=shipped:fashion Tro" "digitty generate --weights gone seventee"; do
    COMP_WORDS=($words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
    _digitty_completion digitty
    echo "${COMPREPLY[@]}"
done
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_script(shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(cli.digitty, ["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_DIGITTY_COMPLETE={shell}_complete" in script
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert run(cli.digitty, ["completion"]) == 0
    assert capsys.readouterr().out == script


@pytest.mark.parametrize("own", ["", "/bin/dash", "bash/"])
def test_an_unknown_shell_asks_which(own: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", own)
    if own == "bash/":
        monkeypatch.delenv("SHELL")
    assert run(cli.digitty, ["completion"]) == 2
    assert "Choose one: digitty completion bash, digitty completion zsh, digitty completion fish" in capsys.readouterr().err
    assert run(cli.digitty, ["completion", "tcsh"]) == 2


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_words_and_options(home: Path, tmp_path: Path) -> None:
    program = tmp_path / "digitty"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tui "$@"\n')
    program.chmod(0o755)
    env = environment(home)
    env["PATH"] = f"{tmp_path}:{env['PATH']}"
    done = subprocess.run(["bash", "--norc", "-c", BASH], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "generate",
        "seven seventeen seventy several sevens",
        "seven seventeen seventy several sevens",
        "--steps",
        "ddpm ddim dpmpp",
        *OTHERS,
    ]
    assert not home.exists() or not list(home.iterdir()), "completion writes nothing"


def test_completing_loads_nothing_heavy(home: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom engine.cli.entry import run\nfrom tui.cli.main import digitty\n"
        "os.environ.update(_DIGITTY_COMPLETE='bash_complete', COMP_WORDS='digitty gen', COMP_CWORD='1')\n"
        "run(digitty, [])\nheavy = {'torch', 'textual', 'numpy', 'rich'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(home), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "plain,generate\n"), done.stderr
