"""The person's last choices, kept in a file from one start to the next. Whatever can't be read is left at its default."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from engine import paths, runs
from engine.config import SampleConfig, Sampler, from_dict, to_dict, with_sampler
from engine.errors import DigittyError
from engine.files import write_text
from tui import themes
from tui.config_file import Config

HISTORY = 500
"""Prompts remembered."""


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
        if runs.is_student(own.get("weights", self.weights)):
            sampler = "one-step"
        sample = with_sampler(self.sample, sampler)
        return replace(self, sample=replace(sample, **{**config.sample, "sampler": sampler}), **own)

    def with_sample(self, **changes: object) -> Settings:
        """Raises SettingError where a value is out of its range."""
        return replace(self, sample=replace(self.sample, **changes))  # type: ignore[arg-type]


def load() -> Settings:
    try:
        known = json.loads(_path().read_text())
        sample = from_dict(SampleConfig, known.get("sample", {}))
    except (OSError, ValueError, AttributeError, DigittyError):
        return Settings()
    defaults = Settings()
    plain = {f.name: known[f.name] for f in fields(Settings) if f.name != "sample" and type(known.get(f.name)) is type(getattr(defaults, f.name))}
    if not 1 <= plain.get("count", 1) <= 64:
        del plain["count"]
    return Settings(sample=sample, **plain)


def save(settings: Settings) -> None:
    """How to draw is remembered as far as it differs from the defaults, which may get better. A failure costs only the memory of it."""
    usual = to_dict(SampleConfig())
    sample = {name: value for name, value in to_dict(settings.sample).items() if value != usual[name]}
    with suppress(DigittyError):
        write_text(paths.made(paths.config_dir()) / _path().name, json.dumps({**asdict(settings), "sample": sample}, indent=1))


def load_history() -> list[str]:
    """Prompts, the latest last."""
    try:
        lines = (paths.config_dir() / "history").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in lines if line][-HISTORY:]


def save_history(prompts: list[str]) -> None:
    with suppress(DigittyError):
        write_text(paths.made(paths.config_dir()) / "history", "\n".join(prompts[-HISTORY:]) + "\n")


def _path() -> Path:
    return paths.config_dir() / "settings.json"
