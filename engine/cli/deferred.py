"""Commands whose modules are imported when they run, so that `--help` and the other commands don't wait for them."""

from __future__ import annotations

from importlib import import_module

import click


class Deferred(click.Command):
    """The name and the help of a command in another module. `Commands` loads the command itself once it is needed."""

    def __init__(self, name: str, module: str, help: str, *, attribute: str | None = None, hidden: bool = False) -> None:
        """`help` repeats the command's own. `attribute` is the command's name in the module, by default `name`."""
        super().__init__(name, help=help, hidden=hidden)
        self._module, self._attribute = module, attribute or name

    def load(self) -> click.Command:
        """Import the module; the command."""
        command = getattr(import_module(self._module), self._attribute)
        assert isinstance(command, click.Command)
        return command


class DeferredGroup(click.Group):
    """A group that lists its commands without importing their modules."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self.load(cmd_name)

    def load(self, name: str) -> click.Command | None:
        """The command of this name itself."""
        command = self.commands.get(name)
        return command.load() if isinstance(command, Deferred) else command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does it, from the help that is known without loading."""
        shown = {name: self.commands[name] for name in self.list_commands(ctx) if not self.commands[name].hidden}
        limit = formatter.width - 6 - max(map(len, shown), default=0)
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(limit)) for name, command in shown.items()])
