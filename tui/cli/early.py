"""Whether a command line will need torch, from its words alone: click, which could parse it, takes longer to import than this may take."""

from __future__ import annotations

import os
from collections.abc import Sequence

LIGHT_COMMANDS = ("completion", "config", "data", "delete", "gallery", "help", "pause", "rename", "resume", "runs", "serve", "stop", "watch")
"""Commands that do without torch, or need it long after they have started."""


def will_need_torch(arguments: Sequence[str]) -> bool:
    """A guess: the screen, a prompt, or a command that computes. Either mistake costs only time."""
    return "_DIGITTY_COMPLETE" not in os.environ and not {*LIGHT_COMMANDS, "--help", "--version"}.intersection(arguments)
