"""The user's config.toml. Command-line options override it, and it overrides the settings that the screen remembers, which override the defaults.

Mistakes are reported with their line. Loads neither torch nor textual: the key map is checked by the screen.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from engine.cli.options import PLAIN
from engine.config.compute import DEVICE, PRECISION, THREADS, check_device
from engine.config.fields import Setting, check_value, settings_of
from engine.errors import SettingError, StorageError
from engine.formatting import printable
from engine.storage import paths
from engine.storage.atomic import read_small
from tui.terminal.capabilities import CHOICES as COLORS
from tui.terminal.graphics import CHOICES as GRAPHICS_CHOICES

COLOR = Setting("auto", "Colours that the terminal can show; auto detects them.", choices=COLORS, option="--color")
GRAPHICS = Setting(
    "auto", "Finished pictures in real pixels or in characters; auto asks the terminal.", choices=GRAPHICS_CHOICES, option="--graphics"
)
LONGEST = 500
"""Characters of a problem."""
KEYS = "keys"
"""The section that holds the key map."""


@cache
def sections() -> Mapping[str, Mapping[str, Setting]]:
    """The settings of each section. No two sections share a name. What describes them is imported here: `--help` needs none of it."""
    from engine.config.sampling import SampleConfig
    from engine.config.training import TrainConfig
    from engine.protocol.requests import DrawRequest
    from tui.settings import themes
    from tui.terminal.window import Alert

    return {
        "draw": {**settings_of(SampleConfig), "weights": settings_of(DrawRequest)["weights"]},
        "train": {"preset": settings_of(TrainConfig)["preset"]},
        "engine": {"device": DEVICE, "precision": PRECISION, "threads": THREADS},
        "screen": {
            "theme": Setting(themes.DEFAULT, "Colours of the screen.", choices=themes.NAMES),
            "color": COLOR,
            "graphics": GRAPHICS,
            "sketch": Setting(True, "Sketch digits in one step while a prompt is typed.", kind=bool),
            "title": Setting(True, "Show the run that trains in the terminal's title and task bar.", kind=bool),
            "notify": Setting(
                "auto", "Announce the end of a run or a long drawing: desktop where the terminal can, else bell.", choices=tuple(Alert)
            ),
            "plain": PLAIN,
            "pictures": Setting(
                paths.AUTO, "Folder of saved pictures; auto: ~/Pictures/digitty, or in the data folder where there is no ~/Pictures."
            ),
        },
    }


@dataclass(frozen=True, slots=True)
class Config:
    """The valid part of the file, and what is wrong with the rest."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """By the names in `sections()`."""
    keys: Mapping[str, Any] = field(default_factory=dict)
    """The key map, as it was written."""
    problems: tuple[str, ...] = ()
    text: str = ""
    unreadable: bool = False
    """Whether the only problem is that the file can't be read at all."""

    @property
    def sample(self) -> dict[str, Any]:
        """The values that are fields of SampleConfig."""
        return {name: self.values[name] for name in sections()["draw"] if name in self.values and name != "weights"} if self.values else {}

    def where(self, section: str, name: str) -> str:
        """config.toml, line 7"""
        current = ""
        for number, line in enumerate(self.text.splitlines(), 1):
            if heading := re.match(r"\s*\[\s*[\"']?([\w-]+)", line):
                current = heading[1]
            elif current == section and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
                return f"{location().name}, line {number}"
        return location().name


def location() -> Path:
    """The path of the file, whether it exists or not."""
    return paths.config_dir() / "config.toml"


def load() -> Config:
    """Read the file. Mistakes are listed among the problems, and the rest is used."""
    try:
        text = read_small(location()).decode("utf-8-sig")
        return _check(tomllib.loads(text), text)
    except StorageError as error:
        return Config(problems=(str(error),), unreadable=True)
    except FileNotFoundError:
        return Config()
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except tomllib.TOMLDecodeError as error:
        return Config(problems=(printable(f"{location().name} is not TOML: {error}", LONGEST),))
    except ValueError:
        problem = "it holds a number with too many digits"
    except RecursionError:
        problem = "it is nested too deeply"
    except (PermissionError, NotADirectoryError) as error:
        return Config(problems=(printable(f"can't read {location()}: {error.strerror}; {paths.WAY_OUT}", LONGEST),), unreadable=True)
    except OSError as error:
        problem = error.strerror or str(error)
    return Config(problems=(printable(f"{location()} can't be read: {problem}; correct or delete it", LONGEST),))


def _check(document: Mapping[str, Any], text: str) -> Config:
    config = Config(text=text)
    values: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    problems: list[str] = []
    for section, table in document.items():
        if section not in (*sections(), KEYS):
            known = ", ".join(f"[{name}]" for name in (*sections(), KEYS))
            problems.append(f"{location().name}: there is no section [{section}]; the sections are {known}")
        elif not isinstance(table, dict):
            problems.append(f"{location().name}: {section} is a section; write [{section}] on its own line and the settings below it")
        elif section == KEYS:
            keys = table
        else:
            for name, value in table.items():
                try:
                    _check_value(section, name, value)
                    values[name] = value
                except SettingError as error:
                    problems.append(f"{config.where(section, name)}: {error}")
    if why := _mismatch(values.get("weights"), values.get("sampler")):
        problems.append(f"{config.where('draw', 'sampler')}: {why}; remove one of the two")
    return Config(values, keys, tuple(printable(problem, LONGEST) for problem in problems), text)


def _mismatch(weights: str | None, sampler: str | None) -> str:
    """Why these weights can't draw with this sampler; empty if they can, and for the weights of a run, which may not exist yet."""
    if not weights or not sampler:
        return ""
    from engine.runs.weights_names import is_student

    if sampler != "one-step" and is_student(weights):
        return f"the weights {weights} are a one-step student, which the sampler {sampler} can't use"
    if sampler == "one-step" and weights in ("shipped:seed", "shipped:fashion"):
        return f"the weights {weights} can't draw with the sampler one-step"
    return ""


def _check_value(section: str, name: str, value: object) -> None:
    """Raises SettingError."""
    specs = sections()[section]
    if name not in specs:
        from difflib import get_close_matches

        similar = get_close_matches(name, specs, 1)
        raise SettingError(f"[{section}] has no {name!r}; " + (f"did you mean {similar[0]}?" if similar else f"its settings are {', '.join(specs)}"))
    if not isinstance(value, str | int | float):
        raise SettingError(f"{name} takes a single value, not a list, a table or a date")
    if isinstance(value, int) and value.bit_length() > 64:
        raise SettingError(f"{name} is too large")
    if isinstance(value, str) and "\0" in value:
        raise SettingError(f"{name} holds a NUL character")
    if name == "device":
        check_device(value)
    elif name == "threads":
        if value != "auto" and (type(value) is not int or value < 1):
            raise SettingError(f"threads {value!r} is neither auto nor a whole number of at least 1")
    elif name == "pictures":
        _check_folder(value)
    elif specs[name].kind is not str or specs[name].choices:
        check_value(name, value, specs[name])
    elif not isinstance(value, str):
        raise SettingError(f"{name} {value!r} is not text in quotes")


def _check_folder(value: object) -> None:
    """Raises SettingError for a folder that would be another one in each working folder."""
    if value != paths.AUTO and (not isinstance(value, str) or not value.startswith(("/", "~"))):
        raise SettingError(f'pictures {value!r} is neither auto nor a full path in quotes, such as "~/digits"')


def to_toml(value: object) -> str:
    """The value as TOML writes it."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
