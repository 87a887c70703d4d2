"""`digitty config`: where the settings are, what is in force, and from where it comes."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from pathlib import Path

import click

from engine.cli.output import print_line, print_path
from engine.errors import SettingError
from engine.storage import paths
from engine.storage.atomic import write_text
from tui.settings import config_file
from tui.settings import remembered as settings
from tui.settings.config_file import KEYS, SECTIONS, location
from tui.settings.config_file import to_toml as shown

ORDER = "The command line comes first, then config.toml, then what the screen remembers, then the defaults."


@click.command(help="Show where the settings are, what is in force, and which keys do what.")
@click.option("--init", is_flag=True, help="Write a commented config.toml to start from; never over one that exists.")
def config(init: bool) -> None:
    if init:
        print_path(make_file())
        return
    from tui.settings import keymap as keys

    found = config_file.load()
    keymap, problems = keys.in_force(found)
    there = "" if found.text or found.problems else "  (none yet; digitty config --init makes one)"
    print_line(f"{config_file.location()}{there}")
    print_line(ORDER)
    for problem in problems:
        print_line(f"PROBLEM: {problem}")
    for section, known in config_file.SECTIONS.items():
        print_line("")
        print_line(f"[{section}]")
        for name, setting in known.items():
            value, origin = _in_force(found, name, setting.default)
            print_line(f"{name:<12} {config_file.to_toml(value):<16} {origin}".rstrip())
    print_line("")
    print_line(f"[{config_file.KEYS}]")
    for name, binding in keys.actions().items():
        shown = " ".join(keys.display_name(key) for key in keys.keys_of(binding, keymap))
        print_line(f"{name:<12} {shown:<10} {binding.tooltip}" + ("  (config.toml)" if name in keymap else ""))


def _in_force(found: config_file.Config, name: str, default: object) -> tuple[object, str]:
    """The value, and where it comes from."""
    remembered, _ = settings.load()
    known = {**asdict(remembered.sample), "weights": remembered.weights, "theme": remembered.theme}
    if name in found.values:
        return found.values[name], config_file.location().name
    if name in known and known[name] != default:
        return known[name], "remembered, on the screen"
    return default, ""


WIDTH = 100
"""Characters of a comment in the template."""


def make_file() -> Path:
    """A commented file to start from. Raises SettingError where there is one already, StorageError where it can't be written."""
    target = location()
    if target.exists():
        raise SettingError(f"{target} exists; edit it, or delete it first")
    paths.ensure_folder(target.parent)
    write_text(target, template())
    return target


def template() -> str:
    """Every setting at its default, commented out."""
    from tui.settings.keymap import actions, config_name

    lines = ["# digitty's settings. Take a # away to set one. The command line comes first, then this file, then what the screen remembers.", ""]
    for section, known in SECTIONS.items():
        lines.append(f"[{section}]")
        for name, setting in known.items():
            about = "; ".join(part for part in (setting.about, " ".join(setting.choices)) if part)
            lines += _commented(f"{name} = {shown(setting.default)}", about)
        lines.append("")
    lines += [f"[{KEYS}]", '# x, X, ?, f6, ctrl+x, space …; several: ["x", "ctrl+x"]. Letters act outside inputs.']
    for name, binding in actions().items():
        keys = ", ".join(shown(config_name(key)) for key in binding.key.split(","))
        lines += _commented(f"{name} = [{keys}]" if "," in keys else f"{name} = {keys}", binding.tooltip)
    return "\n".join(lines) + "\n"


def _commented(line: str, about: str) -> list[str]:
    if len(about) < WIDTH:
        return [f"# {line:<26} # {about}"]
    return [f"## {part}" for part in textwrap.wrap(about, WIDTH)] + [f"# {line}"]
