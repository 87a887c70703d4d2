"""The handover to a detached process: the training request, and what to compute it on, as JSON on its standard input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from engine.config.compute import Device, Precision, check_device
from engine.config.data_choice import DataChoice
from engine.config.fields import check_bool, check_one_of
from engine.config.serialize import from_dict, to_dict
from engine.config.training import TrainConfig
from engine.errors import SettingError
from engine.process.processors import check_threads
from engine.protocol.requests import TrainRequest, WhenFull
from engine.storage.atomic import parse_json


@dataclass(frozen=True)
class Handover:
    """Everything that determines a detached run."""

    request: TrainRequest
    device: Device = "auto"
    precision: Precision = "auto"
    threads: int | None = None

    def to_json(self) -> str:
        """In ASCII, on one line."""
        data = self.request.data
        request = {**vars(self.request), "config": to_dict(self.request.config), "data": None if data is None else asdict(data)}
        return json.dumps({"request": request, "device": self.device, "precision": self.precision, "threads": self.threads})

    @classmethod
    def from_json(cls, text: bytes) -> Handover:
        """The reverse of `to_json`. Raises SettingError; the configuration is checked as that in a run's config.json."""
        try:
            values = parse_json(text)
        except ValueError as error:
            raise SettingError(f"standard input holds no training request: {error}") from None
        handover = _table("the handover", values, cls)
        request = _table("the training request", handover["request"], TrainRequest)
        for name in ("run", "resume"):
            if request[name] is not None and not isinstance(request[name], str):
                raise SettingError(f"{name} {request[name]!r} is not a name")
        check_one_of("when-full", request["when_full"], WhenFull)
        check_device(handover["device"])
        check_one_of("precision", handover["precision"], Precision)
        if handover["threads"] is not None and type(handover["threads"]) is not int:
            raise SettingError(f"threads {handover['threads']!r} is not a whole number")
        check_threads(handover["threads"])
        check_bool("fit_epochs", request["fit_epochs"])
        config = from_dict(TrainConfig, request["config"])
        data = None if request["data"] is None else DataChoice(**_table("the choice of data", request["data"], DataChoice))
        return cls(**{**handover, "request": TrainRequest(**{**request, "config": config, "data": data})})


def _table(what: str, values: object, cls: type[Handover] | type[TrainRequest] | type[DataChoice]) -> dict[str, Any]:
    """The values by name. Raises SettingError unless they are exactly the fields of `cls`."""
    names = {field.name for field in fields(cls)}
    if not isinstance(values, Mapping) or set(values) != names:
        raise SettingError(f"{what} is not a table of {', '.join(sorted(names))}")
    return dict(values)
