"""The user's last choices, in a file that any number of screens may share.

A setting that cannot be read keeps its default. If the disk refuses to write, only the choice is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from engine.config.sampling import SampleConfig, Sampler, default_for, fit_sampler, with_sampler
from engine.config.serialize import from_dict, to_dict
from engine.errors import DigittyError, SettingError
from engine.runs.readers import usual_redraw_below
from engine.runs.weights_names import fit_weights, is_student
from engine.storage import paths
from engine.storage.atomic import parse_json, read_small, write_text
from engine.storage.shared_file import locked
from tui.settings import themes
from tui.settings.config_file import Config

MAX_SAMPLES = 64
MAX_LENGTH = 4096
"""Characters of a setting, which may be a path."""
DEFAULT_SAMPLE = to_dict(SampleConfig())


@dataclass(frozen=True)
class Settings:
    """The settings that all screens share."""

    sample: SampleConfig = field(default_factory=SampleConfig)
    """`sample.seed` is the random seed of the next drawing."""
    weights: str = "shipped"
    theme: str = themes.DEFAULT
    count: int = 16
    """Samples on the Generate screen."""
    classes: str = "random"
    """The classes on the Generate screen: `random`, or a prompt whose digits are repeated."""
    lock_seed: bool = False
    """Whether all drawings take the seed of `sample`, rather than each the next."""
    own_redrawing: bool = False
    """Whether the user chose a `redraw_below` that happens to be the sampler's default, for weights whose default is another."""

    @property
    def redraw_below(self) -> float:
        """The threshold in use: that of `sample` if the user chose it, else the default for the weights."""
        chosen = self.own_redrawing or self.sample.redraw_below != default_for(self.sample.sampler).redraw_below
        return self.sample.redraw_below if chosen else usual_redraw_below(self.weights, self.sample.sampler)

    def with_redrawing(self, redraw_below: float) -> Settings:
        """These settings with a threshold that the user chose; the default for the weights stays a default."""
        own, usual = default_for(self.sample.sampler).redraw_below, usual_redraw_below(self.weights, self.sample.sampler)
        return replace(self.with_sample(redraw_below=redraw_below), own_redrawing=redraw_below == own != usual)

    def overridden_by(self, config: Config) -> Settings:
        """These settings with the values of the user's config.toml, which override remembered ones. Weights and sampler fit each other."""
        theme, weights = config.values.get("theme", self.theme), config.values.get("weights", self.weights)
        sampler: Sampler | None = config.sample.get("sampler")
        if sampler and (weights == "shipped" or "weights" not in config.values):
            with suppress(SettingError):
                weights = fit_weights(weights, sampler)
        sample = fit_sampler(with_sampler(self.sample, sampler or self.sample.sampler), is_student(weights))
        sample = replace(sample, **{**config.sample, "sampler": sample.sampler})
        own = "redraw_below" in config.sample or self.own_redrawing
        return replace(self, sample=sample, weights=weights, theme=theme, own_redrawing=own)

    def linked(self, before: Settings) -> Settings:
        """These settings with weights and a sampler that fit each other: whichever of the two is as it was before follows the other.

        Raises SettingError if there are no weights that the sampler can use.
        """
        if self.weights != before.weights:
            return replace(self, sample=fit_sampler(self.sample, is_student(self.weights)))
        if self.sample.sampler != before.sample.sampler:
            return replace(self, weights=fit_weights(self.weights, self.sample.sampler))
        return self

    def _mended(self) -> Settings:
        """These settings, with another sampler where an earlier digitty remembered one that the weights can't use."""
        if self.weights == "shipped" and self.sample.sampler == "one-step":
            return replace(self, weights="shipped:one-step")  # which is what drew
        return replace(self, sample=fit_sampler(self.sample, is_student(self.weights)))

    def with_sample(self, **changes: object) -> Settings:
        """The settings with other values in `sample`. Raises SettingError if a value is out of its range."""
        return replace(self, sample=replace(self.sample, **changes))  # type: ignore[arg-type]


def load() -> tuple[Settings, list[str]]:
    """The remembered settings, and messages about those that cannot be read, which keep their defaults, or that were mended."""
    table, problems = _read()
    plain = {name: value for name, value in table.items() if name in _PLAIN}
    sample = table.get("sample", {})
    found = Settings(sample=from_dict(SampleConfig, {**_usual(sample), **sample}), **plain)
    mended = found._mended()
    if mended != found:
        save(found, mended)
        pair = f"{mended.weights} and {mended.sample.sampler}"
        problems.append(f"The weights {found.weights} can't draw with the sampler {found.sample.sampler}, so weights and sampler are now {pair}.")
    return mended, problems


def save(before: Settings, after: Settings) -> None:
    """Save the settings that differ between the two. The rest of the file stays as another screen may have written it.

    Values in `sample` are saved only if they differ from the defaults of its sampler, so that later, better defaults take effect.
    """
    plain = {name: getattr(after, name) for name in _PLAIN if getattr(after, name) != getattr(before, name)}
    old, new = to_dict(before.sample), to_dict(after.sample)
    old_usual, new_usual = _usual(old), _usual(new)
    sample = {name: value for name, value in new.items() if value != old[name] or new_usual[name] != old_usual[name]}
    if not plain and not sample:
        return
    with suppress(DigittyError, OSError):
        target = paths.ensure_folder(paths.config_dir()) / _path().name
        with locked(target):
            table, _ = _read()
            merged = {**table.pop("sample", {}), **sample}
            usual = {**_usual(merged), "sampler": SampleConfig.sampler}
            changed = {name: value for name, value in merged.items() if value != usual[name]}
            write_text(target, json.dumps({**table, **plain, "sample": changed}, indent=1))


def _read() -> tuple[dict[str, Any], list[str]]:
    """The valid part of settings.json, and messages about the rest. Fields of a later digitty stay."""
    try:
        table = parse_json(read_small(_path()))
        if not isinstance(table, dict):
            raise ValueError("it is not a JSON object")
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        return {}, [f"{_path()} can't be read, so the defaults are used: {getattr(error, 'strerror', None) or error}"]
    sample = table.pop("sample", {})
    values = sample if isinstance(sample, dict) else {}
    valid_sample = {name: value for name, value in values.items() if name in DEFAULT_SAMPLE and _is_valid_sample(name, value)}
    plain = {name: value for name, value in table.items() if name not in _PLAIN or _is_valid(name, value)}
    wrong = [name for name in table if name not in plain]
    wrong += [name for name in values if name not in valid_sample] if isinstance(sample, dict) else ["sample"]
    problems = [f"{_path()} has invalid values; the defaults are used for: {', '.join(wrong)}"] if wrong else []
    return {**plain, "sample": valid_sample}, problems


def _usual(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of the sampler that `sample` names."""
    return to_dict(default_for(sample.get("sampler", SampleConfig.sampler)))


def _is_valid_sample(name: str, value: object) -> bool:
    try:
        from_dict(SampleConfig, {name: value})
    except (DigittyError, TypeError, ValueError, AttributeError):
        return False
    return True


def _is_valid(name: str, value: object) -> bool:
    if type(value) is not type(_PLAIN[name]):
        return False
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return 1 <= value <= MAX_SAMPLES
    text = str(value)
    return text in themes.NAMES if name == "theme" else 0 < len(text) <= MAX_LENGTH and text.isprintable()


_PLAIN: Mapping[str, object] = {f.name: getattr(Settings(), f.name) for f in fields(Settings) if f.name != "sample"}
"""The default of every setting but `sample`."""


def _path() -> Path:
    return paths.config_dir() / "settings.json"
