"""The reader of captions that comes with digitty: its file, and which prompts it may explain. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.config.data import MNIST
from engine.storage import paths

CAPTION_READER = paths.ASSETS / "weights" / "text.safetensors"
_WORD = re.compile(r"[^\W\d_]{2,}")


def can_explain(text: str, class_names: Sequence[str]) -> bool:
    """Whether a prompt for pictures of these classes may be a caption: of digits, and of at least two words. One alone the parser explains best."""
    return tuple(class_names) == MNIST.class_names and CAPTION_READER.exists() and len(_WORD.findall(text)) >= 2
