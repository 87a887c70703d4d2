"""The person's last choices, kept in a file from one start to the next, which any number of screens may share.

Whatever can't be read is left at its default. A disk that refuses costs only the memory of a choice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from engine.config.sampling import SampleConfig, Sampler, with_sampler
from engine.config.serialize import from_dict, to_dict
from engine.errors import DigittyError
from engine.runs.weights_names import is_student
from engine.storage import paths
from engine.storage.atomic import parse_json, read_small, write_text
from tui.settings import themes
from tui.settings.config_file import Config
from tui.settings.shared_file import locked

MOST_SAMPLES = 64
LONGEST = 4096
"""Characters of a setting; a path has no more."""
USUAL = to_dict(SampleConfig())


@dataclass(frozen=True)
class Settings:
    """Shared by the screens."""

    sample: SampleConfig = field(default_factory=SampleConfig)
    """`sample.seed` is the seed of the next drawing."""
    weights: str = "shipped"
    theme: str = themes.DEFAULT
    count: int = 16
    """Samples on the Generate screen."""
    classes: str = "random"
    """What they show: `random`, or a prompt whose digits are repeated."""

    def with_file(self, config: Config) -> Settings:
        """What the person's config.toml sets comes before what is remembered."""
        own = {name: config.values[name] for name in ("weights", "theme") if name in config.values}
        sampler: Sampler = config.sample.get("sampler", self.sample.sampler)
        if is_student(own.get("weights", self.weights)):
            sampler = "one-step"
        sample = with_sampler(self.sample, sampler)
        return replace(self, sample=replace(sample, **{**config.sample, "sampler": sampler}), **own)

    def with_sample(self, **changes: object) -> Settings:
        """Raises SettingError where a value is out of its range."""
        return replace(self, sample=replace(self.sample, **changes))  # type: ignore[arg-type]


def load() -> tuple[Settings, list[str]]:
    """What is remembered, and what is wrong with the rest, which is left at its default."""
    known, problems = _read()
    plain = {name: value for name, value in known.items() if name in _PLAIN}
    return Settings(sample=from_dict(SampleConfig, known.get("sample", {})), **plain), problems


def save(before: Settings, after: Settings) -> None:
    """Remembers what differs between the two, and leaves the rest of the file as another screen may have written it.

    How to draw is remembered as far as it differs from the defaults, which may get better.
    """
    plain = {name: getattr(after, name) for name in _PLAIN if getattr(after, name) != getattr(before, name)}
    was = to_dict(before.sample)
    sample = {name: value for name, value in to_dict(after.sample).items() if value != was[name]}
    if not plain and not sample:
        return
    with suppress(DigittyError, OSError):
        target = paths.ensure_folder(paths.config_dir()) / _path().name
        with locked(target):
            known, _ = _read()
            merged = {**known.pop("sample", {}), **sample}
            drawn = {name: value for name, value in merged.items() if value != USUAL[name]}
            write_text(target, json.dumps({**known, **plain, "sample": drawn}, indent=1))


def _read() -> tuple[dict[str, Any], list[str]]:
    """The valid part of settings.json, and what is wrong with the rest. Fields of a later digitty stay."""
    try:
        known = parse_json(read_small(_path()))
        if not isinstance(known, dict):
            raise ValueError("it is not a JSON object")
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        return {}, [f"{_path()} can't be read, and its settings are left at their defaults: {getattr(error, 'strerror', None) or error}"]
    sample = known.pop("sample", {})
    drawn = {name: value for name, value in sample.items() if name in USUAL and _is_sample(name, value)} if isinstance(sample, dict) else {}
    plain = {name: value for name, value in known.items() if name not in _PLAIN or _is_valid(name, value)}
    wrong = [name for name in known if name not in plain]
    wrong += [name for name in sample if name not in drawn] if isinstance(sample, dict) else ["sample"]
    problems = [f"{_path()} is wrong about {', '.join(wrong)}: left at the default"] if wrong else []
    return {**plain, "sample": drawn}, problems


def _is_sample(name: str, value: object) -> bool:
    try:
        from_dict(SampleConfig, {name: value})
    except (DigittyError, TypeError, ValueError, AttributeError):
        return False
    return True


def _is_valid(name: str, value: object) -> bool:
    if type(value) is not type(_PLAIN[name]):
        return False
    if isinstance(value, int):
        return 1 <= value <= MOST_SAMPLES
    text = str(value)
    return text in themes.NAMES if name == "theme" else 0 < len(text) <= LONGEST and text.isprintable()


_PLAIN: Mapping[str, object] = {f.name: getattr(Settings(), f.name) for f in fields(Settings) if f.name != "sample"}
"""Every setting but `sample`, at its default."""


def _path() -> Path:
    return paths.config_dir() / "settings.json"
