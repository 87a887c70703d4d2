"""`digitty config`: where the settings are, which values are in force, and where each comes from."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from pathlib import Path

import click

from engine.cli.output import print_line, print_path
from engine.errors import SettingError
from engine.formatting import printable
from engine.storage import paths
from engine.storage.atomic import write_text
from tui.settings import remembered
from tui.settings.config_file import KEYS, Config, load, location, sections, to_toml

ORDER = "Command-line options override config.toml, which overrides the defaults; on the screen, it also overrides the settings remembered there."
WIDTH = 100
"""Characters of a comment in the template."""


@click.command(help="Show where the settings are, which values are in force, and which key does what.")
@click.option("--init", is_flag=True, help="Write a commented config.toml to start from; never replaces an existing file.")
def config(init: bool) -> None:
    if init:
        print_path(make_file())
        return
    from tui.screens.registry import bindings_by_screen  # which imports textual
    from tui.settings import keymap

    user_config, screens = load(), bindings_by_screen()
    changed_keys, problems = keymap.load_keymap(user_config, screens)
    missing = "" if user_config.text or user_config.problems else "  (none yet; create it with: digitty config --init)"
    print_line(f"{location()}{missing}")
    print_line(ORDER)
    for problem in problems:
        print_line(f"PROBLEM: {problem}")
    for section, settings in sections().items():
        print_line("")
        print_line(f"[{section}]")
        for name, setting in settings.items():
            value, origin = _in_force(user_config, name, setting.default)
            print_line(f"{name:<12} {to_toml(value):<16} {origin}".rstrip())
    print_line("")
    print_line(f"[{KEYS}]")
    for name, binding in keymap.named_bindings(screens).items():
        keys = " ".join(keymap.display_name(key) for key in keymap.keys_of(binding, changed_keys))
        meaning, *others = keymap.meanings(screens, name)
        print_line(f"{name:<12} {keys:<10} {meaning}" + ("  (config.toml)" if name in changed_keys else ""))
        for other in others:
            print_line(f"{'':<23} {other}")


def _in_force(user_config: Config, name: str, default: object) -> tuple[object, str]:
    """The value of a setting, and where it comes from."""
    screen, _ = remembered.load()
    remembered_values = {**asdict(screen.sample), "weights": screen.weights, "theme": screen.theme}
    if name == "pictures":
        origin = f", {location().name}" if name in user_config.values else ""
        return user_config.values.get(name, default), f"{printable(paths.pictures_dir(user_config.values.get(name, paths.AUTO)))}{origin}"
    if name in user_config.values:
        return user_config.values[name], location().name
    if name in remembered_values and remembered_values[name] != default:
        return remembered_values[name], "remembered by the screen"
    return default, ""


def make_file() -> Path:
    """Write a commented file to start from. Raises SettingError if there is one already, StorageError if it can't be written."""
    target = location()
    if target.exists():
        raise SettingError(f"{target} exists; edit it, or delete it first")
    paths.ensure_folder(target.parent)
    write_text(target, template())
    return target


def template() -> str:
    """Every setting at its default, commented out."""
    from tui.screens.registry import bindings_by_screen
    from tui.settings.keymap import config_name, meanings, named_bindings

    lines = ["# Settings for digitty. Remove the # before a setting to change it.", f"# {ORDER}", ""]
    for section, settings in sections().items():
        lines.append(f"[{section}]")
        for name, setting in settings.items():
            choices = f"One of: {', '.join(setting.choices)}." if setting.choices and setting.kind is str else ""
            lines += _commented_out(f"{name} = {to_toml(setting.default)}", f"{setting.help} {choices}".rstrip())
        lines.append("")
    lines += [f"[{KEYS}]", '# Keys: x, X, ?, f6, ctrl+x, space, …; several: ["x", "ctrl+x"]. A letter works only outside input fields.']
    screens = bindings_by_screen()
    for name, binding in named_bindings(screens).items():
        keys = ", ".join(to_toml(config_name(key)) for key in binding.key.split(","))
        lines += _commented_out(f"{name} = [{keys}]" if "," in keys else f"{name} = {keys}", "; ".join(meanings(screens, name)))
    return "\n".join(lines) + "\n"


def _commented_out(line: str, comment: str) -> list[str]:
    if len(comment) < WIDTH:
        return [f"# {line:<26} # {comment}"]
    return [*(f"## {part}" for part in textwrap.wrap(comment, WIDTH, break_long_words=False, break_on_hyphens=False)), f"# {line}"]
