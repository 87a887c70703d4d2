"""Which command lines begin to load torch before they are parsed."""

from __future__ import annotations

import pytest

from tui.cli.early import LIGHT_COMMANDS, will_need_torch
from tui.cli.main import digitty


@pytest.mark.parametrize(
    "line", ["", "seven", "generate seven", "sweep 7 --steps 2,4", "train --preset quick", "evaluate", "--device cpu", "three sevens"]
)
def test_what_computes_needs_torch(line: str) -> None:
    assert will_need_torch(line.split())


@pytest.mark.parametrize("line", ["--help", "generate --help", "--version", "runs", "help train", "config", "completion bash", "--color 16 gallery"])
def test_what_only_tells_does_not(line: str) -> None:
    assert not will_need_torch(line.split())


def test_completions_of_a_shell_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_DIGITTY_COMPLETE", "bash_complete")
    assert not will_need_torch(["generate", "se"])


def test_light_commands_exist() -> None:
    assert {*LIGHT_COMMANDS} - {"help"} <= {*digitty.commands}
