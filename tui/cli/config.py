"""`digitty config`: where the settings are, what is in force, and from where it comes."""

from __future__ import annotations

from dataclasses import asdict

import click

from engine.cli.reporters import show, show_path
from tui.settings import config_file
from tui.settings import remembered as settings

ORDER = "The command line comes first, then config.toml, then what the screen remembers, then the defaults."


@click.command(help="Show where the settings are, what is in force, and which keys do what.")
@click.option("--init", is_flag=True, help="Write a commented config.toml to start from; never over one that exists.")
def config(init: bool) -> None:
    if init:
        show_path(config_file.make())
        return
    from tui.settings import keymap as keys

    found = config_file.load()
    keymap, problems = keys.in_force(found)
    there = "" if found.text or found.problems else "  (none yet; digitty config --init makes one)"
    show(f"{config_file.path()}{there}")
    show(ORDER)
    for problem in problems:
        show(f"PROBLEM: {problem}")
    for section, known in config_file.SECTIONS.items():
        show("")
        show(f"[{section}]")
        for name, setting in known.items():
            value, origin = _in_force(found, name, setting.default)
            show(f"{name:<12} {config_file.shown(value):<16} {origin}".rstrip())
    show("")
    show(f"[{config_file.KEYS}]")
    for name, binding in keys.actions().items():
        shown = " ".join(keys.shown(key) for key in keys.keys_of(binding, keymap))
        show(f"{name:<12} {shown:<10} {binding.tooltip}" + ("  (config.toml)" if name in keymap else ""))


def _in_force(found: config_file.Config, name: str, default: object) -> tuple[object, str]:
    """The value, and where it comes from."""
    remembered, _ = settings.load()
    known = {**asdict(remembered.sample), "weights": remembered.weights, "theme": remembered.theme}
    if name in found.values:
        return found.values[name], config_file.path().name
    if name in known and known[name] != default:
        return known[name], "remembered, on the screen"
    return default, ""
