"""Anything that a terminal can send: no crash, no hang, and the keyboard works afterwards. `benchmarks/fuzz_input.py` sends 100,000 strings."""

from __future__ import annotations

from pathlib import Path

import pytest
from typist import Session, Typist


@pytest.mark.parametrize(("app", "count"), [("light", 800), ("whole", 100)])
def test_random_strings(home: Path, app: str, count: int) -> None:
    """Through the real driver, most of them under an application that answers quickly."""
    home.mkdir()
    typist = Typist(seed=16)
    with Session(home, app) as session:
        session.type(typist.string() for _ in range(count))
        session.end()
