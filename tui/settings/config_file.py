"""What the person has set in config.toml. The command line comes before it, it before what the screen remembers, that before the defaults.

What is wrong in it is said with its line. Neither torch nor textual is loaded: keys are checked where there is a screen.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from engine.config import training as c
from engine.config.compute import Precision, check_device
from engine.config.sampling import SampleConfig, Sampler, Spacing, Variance
from engine.errors import SettingError, StorageError
from engine.formatting import printable
from engine.storage import paths
from engine.storage.atomic import read_small
from tui.settings import themes
from tui.terminal.capabilities import CHOICES as COLORS


@dataclass(frozen=True, slots=True)
class Setting:
    """What may stand in a section."""

    default: str | int | float | bool
    about: str
    choices: tuple[str, ...] = ()
    """All of them; where there are none, a value is checked as its kind is."""


_SAMPLE = SampleConfig()
SECTIONS: Mapping[str, Mapping[str, Setting]] = {
    "draw": {
        "sampler": Setting(_SAMPLE.sampler, "", get_args(Sampler)),
        "steps": Setting(_SAMPLE.steps, "1 to 1000"),
        "spacing": Setting(_SAMPLE.spacing, "", get_args(Spacing)),
        "guidance": Setting(_SAMPLE.guidance, "1 is none; above 2 diversity suffers"),
        "eta": Setting(_SAMPLE.eta, "noise on the way, 0 to 1, of dpmpp and ddim"),
        "variance": Setting(_SAMPLE.variance, "ddpm's", get_args(Variance)),
        "redraw_below": Setting(_SAMPLE.redraw_below, "probability below which the reader has a digit drawn again; 0 keeps whatever comes"),
        "seed": Setting(_SAMPLE.seed, "of the first drawing"),
        "weights": Setting("shipped", "shipped, shipped:one-step, shipped:seed, RUN, RUN:best, or a file"),
    },
    "train": {"preset": Setting("seed", "", get_args(c.Preset))},
    "engine": {
        "device": Setting("auto", "auto cpu cuda cuda:1 mps"),
        "precision": Setting("auto", "auto measures what is fastest", get_args(Precision)),
        "threads": Setting("auto", "CPU threads at most; auto: OMP_NUM_THREADS, or as many as torch takes and a cgroup allows"),
    },
    "screen": {
        "theme": Setting(themes.DEFAULT, "", themes.NAMES),
        "color": Setting("auto", "what the terminal can show", COLORS),
        "sketch": Setting(True, "digits in one step while a prompt is typed"),
        "plain": Setting(False, "lines instead of bars and pictures, for screen readers"),
    },
}
LONGEST = 500
"""Characters of a problem."""
KEYS = "keys"
"""The section that is a key map."""


@dataclass(frozen=True, slots=True)
class Config:
    """What is in force of the file."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """By name, which no two sections share."""
    keys: Mapping[str, Any] = field(default_factory=dict)
    """The key map, as it was written."""
    problems: tuple[str, ...] = ()
    """What is wrong with the rest."""
    text: str = ""
    unreadable: bool = False
    """Whether the only problem is that the file can't be read at all."""

    @property
    def sample(self) -> dict[str, Any]:
        """Of `values`, SampleConfig's own."""
        return {name: value for name, value in self.values.items() if name in SampleConfig.__dataclass_fields__}

    def where(self, section: str, name: str) -> str:
        """config.toml, line 7"""
        at = ""
        for number, line in enumerate(self.text.splitlines(), 1):
            if heading := re.match(r"\s*\[\s*[\"']?([\w-]+)", line):
                at = heading[1]
            elif at == section and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
                return f"{location().name}, line {number}"
        return location().name


def location() -> Path:
    return paths.config_dir() / "config.toml"


def load() -> Config:
    """What the file says. Whatever is wrong with it is among the problems, and the rest counts."""
    try:
        text = read_small(location()).decode("utf-8-sig")
        return _checked(tomllib.loads(text), text)
    except StorageError as error:
        return Config(problems=(str(error),), unreadable=True)
    except FileNotFoundError:
        return Config()
    except UnicodeDecodeError:
        problem = "can't be read: it is not UTF-8"
    except tomllib.TOMLDecodeError as error:
        return Config(problems=(printable(f"{location().name} is not TOML: {error}", LONGEST),))
    except ValueError:
        problem = "can't be read: it holds a number of too many digits"
    except RecursionError:
        problem = "can't be read: it is nested too deep"
    except (PermissionError, NotADirectoryError) as error:
        return Config(problems=(printable(f"can't read {location()}: {error.strerror}; {paths.WAY_OUT}", LONGEST),), unreadable=True)
    except OSError as error:
        problem = f"can't be read: {error.strerror or error}"
    return Config(problems=(printable(f"{location()} {problem}; correct or delete it", LONGEST),))


def _checked(document: Mapping[str, Any], text: str) -> Config:
    found = Config(text=text)
    values: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    problems: list[str] = []
    for section, table in document.items():
        if section not in (*SECTIONS, KEYS):
            problems.append(f"{location().name}: there is no section [{section}]; there are {', '.join(f'[{s}]' for s in (*SECTIONS, KEYS))}")
        elif not isinstance(table, dict):
            problems.append(f"{location().name}: {section} is a section: [{section}] on a line of its own, its settings below")
        elif section == KEYS:
            keys = table
        else:
            for name, value in table.items():
                try:
                    _check(section, name, value)
                    values[name] = value
                except SettingError as error:
                    problems.append(f"{found.where(section, name)}: {error}")
    return Config(values, keys, tuple(printable(problem, LONGEST) for problem in problems), text)


def _check(section: str, name: str, value: object) -> None:
    """Raises SettingError."""
    known = SECTIONS[section]
    if name not in known:
        near = get_close_matches(name, known, 1)
        raise SettingError(f"[{section}] has no {name!r}; " + (f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"))
    setting = known[name]
    if not isinstance(value, str | int | float):
        raise SettingError(f"{name} takes one value, neither a list nor a table nor a date")
    if isinstance(value, int) and value.bit_length() > 64:
        raise SettingError(f"{name} is too large a number")
    if isinstance(value, str) and "\0" in value:
        raise SettingError(f"{name} holds a NUL character")
    if setting.choices:
        if value not in setting.choices:
            raise SettingError(f"{name} {value!r} is not one of {', '.join(setting.choices)}")
    elif name == "device":
        check_device(value)
    elif name == "threads":
        if value != "auto" and (type(value) is not int or value < 1):
            raise SettingError(f"threads {value!r} is neither a whole number from 1 on nor auto")
    elif name in SampleConfig.__dataclass_fields__:
        SampleConfig(**{name: value})  # type: ignore[arg-type]
    elif type(value) is not type(setting.default):
        raise SettingError(f"{name} {value!r} is not " + ("true or false" if isinstance(setting.default, bool) else "a text in quotes"))


def to_toml(value: object) -> str:
    """As TOML writes it."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
