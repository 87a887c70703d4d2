"""The names that the U-Net's parameters have in files: those of the guide's model. Knows no tensors.

The guide's .pth names its layers after the pixels of each level, enc28, down14, enc14, …, and every file that digitty ever wrote does the
same. Files keep those names, though the modules of `UNet` are lists of levels: older versions of digitty, the guide's own code and the scripts
of users read what is written today, and one set of names is all that a reader must know. Reading accepts the module's names as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

V = TypeVar("V")

DEEPEST = 7
"""Pixels of the guide's deepest level. The names count from there, whatever the size of the images: 7, 14, 28, …"""


def to_file_names(tensors: Mapping[str, V], levels: int) -> dict[str, V]:
    """The values by their names in files, for a network of `levels` levels. Other names stay. All stay if two would become one."""
    renamed = {_replace_prefix(name, _file_prefixes(levels)): tensor for name, tensor in tensors.items()}
    return renamed if len(renamed) == len(tensors) else dict(tensors)


def to_module_names(tensors: Mapping[str, V], levels: int) -> dict[str, V]:
    """The reverse of `to_file_names`: the values by the names in `UNet(config).state_dict()`."""
    prefixes = {file: module for module, file in _file_prefixes(levels).items()}
    return {_replace_prefix(name, prefixes): tensor for name, tensor in tensors.items()}


def _file_prefixes(levels: int) -> dict[str, str]:
    """What each module of a level is called in files."""
    prefixes = {f"attend.{levels - 2}": "attention14"}
    for k in range(levels):
        side, up = DEEPEST << levels - 1 - k, levels - 1 - k
        prefixes |= {f"down.{k}.downsample": f"down{side}", f"down.{k}.block": f"enc{side}"}
        prefixes |= {f"up.{up}.upsample": f"up{side}", f"up.{up}.block": f"dec{side}"}
    return prefixes


def _replace_prefix(name: str, prefixes: Mapping[str, str]) -> str:
    for prefix, replacement in prefixes.items():
        if name.startswith(f"{prefix}."):
            return replacement + name.removeprefix(prefix)
    return name
