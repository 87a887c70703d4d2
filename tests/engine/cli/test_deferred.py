"""Commands that are imported when they run: the list says what they say, and imports none of them."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from engine.cli.deferred import DeferredGroup
from engine.cli.main import commands
from tui.cli.main import digitty

GROUPS = [pytest.param(commands, id="engine"), pytest.param(digitty, id="digitty")]
COMMANDS = {f"engine.cli.{name}" for name in ("train", "train_detached", "evaluate", "export", "measure", "rank", "watch", "runs")} | {
    f"tui.cli.{name}" for name in ("generate", "sweep", "gallery", "doctor", "config", "serve", "screen")
}
MODULES = """
import sys
from tui.cli.main import digitty
with digitty.make_context("digitty", [], resilient_parsing=True) as context:
    digitty.get_help(context)
print(*sorted(sys.modules), sep="\\n")
"""


@pytest.mark.parametrize("group", GROUPS)
def test_each_deferred_command_has_the_name_and_the_help_of_the_command_itself(group: DeferredGroup) -> None:
    listed = {name: (command.name, command.help, command.hidden) for name, command in group.commands.items()}
    loaded = {name: group.load(name) for name in listed}
    assert {name: command and (command.name, command.help, command.hidden) for name, command in loaded.items()} == listed


@pytest.mark.parametrize("group", GROUPS)
def test_the_list_is_the_one_that_click_makes_of_the_commands_themselves(group: DeferredGroup) -> None:
    for width in (40, 80, 200):
        deferred, loaded = click.HelpFormatter(max_width=width, width=width), click.HelpFormatter(max_width=width, width=width)
        context = click.Context(group, info_name="digitty")
        group.format_commands(context, deferred)
        click.Group.format_commands(group, context, loaded)
        assert deferred.getvalue() == loaded.getvalue()


def test_help_imports_no_command() -> None:
    found = subprocess.run([sys.executable, "-c", MODULES], capture_output=True, text=True, check=True, timeout=120).stdout.split()
    assert "tui.cli.main" in found
    assert [name for name in found if name in COMMANDS] == []
