"""The reader of captions that comes with digitty: its file, and which prompts it may explain. No torch."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from engine.config.data import MNIST
from engine.prompt.parser import parse_or_change_if_readable
from engine.runs.conditional_weights import EVERYTHING
from engine.storage import paths

CAPTION_READER = paths.ASSETS / "weights" / "text.safetensors"
_WORD = re.compile(r"[^\W\d_]{2,}")


def can_explain(text: str, class_names: Sequence[str]) -> bool:
    """Whether a prompt for pictures of these classes may be a caption that the parser can't read: of digits, and of at least two words.

    One alone the parser explains best. What the parser can read, if only for other weights, it reads alone.
    """
    if tuple(class_names) != MNIST.class_names or len(_WORD.findall(text)) < 2 or not CAPTION_READER.exists():
        return False
    return parse_or_change_if_readable(text, random.Random(0), class_names, EVERYTHING) is None
