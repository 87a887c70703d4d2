"""The presets that train encoders, whose networks draw nothing, and which settings don't go with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.config.condition import ConditionConfig
from engine.config.model import ModelConfig, NetworkKind
from engine.config.preset_hints import Preset
from engine.config.text import TextConfig
from engine.errors import SettingError

ENCODERS: Mapping[Preset, NetworkKind] = {"hand": "writer", "text": "text", "rank": "tower"}
NETWORK_NAMES: Mapping[NetworkKind, str] = {
    "unet": "a network that draws",
    "writer": "an encoder of handwriting",
    "text": "a reader of captions",
    "tower": "an image tower",
}
READER = ModelConfig(network="text", text=TextConfig())
TOWER = ModelConfig(network="tower", channels=(48, 96, 96), emb_dim=64, text=TextConfig())
WITHOUT_NOISE: Mapping[Preset, str] = {
    "hand": "can't be used with the preset hand, which compares images as they were written",
    "text": "can't be used with the preset text, which reads captions and sees no images",
    "rank": "can't be used with the preset rank, whose captions say what images show as they are",
}
"""Why settings that change images are refused."""


def check_told(given: Collection[str], conditions: ConditionConfig | None) -> None:
    """Raises SettingError for settings that don't go with what a network is told besides classes. `given` are the names of those that are true."""
    if "flip" in given and ("attributes" in given or (conditions is not None and conditions.scales)):
        raise SettingError("flip can't be used with attributes: mirrored strokes lean the other way")
    told = {"attributes": conditions is not None and len(conditions.scales) > 0, "text": conditions is not None and conditions.text}
    for name, is_told in told.items():
        if name in given and "teacher" in given and not is_told:
            raise SettingError(f"{name} can't be chosen with a teacher: a student is told what its teacher is told, and nothing else")


def check_encoder(preset: Preset, network: NetworkKind, writers: str | None, given: Collection[str]) -> None:
    """Raises SettingError where only a part of a run's settings is that of an encoder, or of a network that is told hands.

    `given` are the names of further settings that are true.
    """
    if "hands" in given and "attributes" not in given:
        raise SettingError("hands are told beside attributes; use --hands with --preset attributes or --attributes")
    if (writers is None) if preset == "hand" else (writers is not None and not {"hands", "teacher"} & set(given)):
        raise SettingError("use --writers with --preset hand or with --hands; the writers are qmnist or a file")
    wanted = ENCODERS.get(preset, "unet")
    if network != wanted:
        raise SettingError(f"the preset {preset} trains {NETWORK_NAMES[wanted]}, and this is {NETWORK_NAMES[network]}")
    for name in given:
        if preset in WITHOUT_NOISE:
            raise SettingError(f"{name} {WITHOUT_NOISE[preset]}")
