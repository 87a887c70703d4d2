"""What the tests of the screens share: style sheets that are parsed once a process and applied faster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet


@pytest.fixture(scope="session", autouse=True)
def _parse_style_sheets_once() -> Iterator[None]:
    """Let applications that start one after another share the rules of equal style sheets, as one application's stylesheet shares them already."""
    parse, parsed = Stylesheet._parse_rules, dict[Any, Any]()

    def parse_once(self: Stylesheet, *source: Any, **more: Any) -> Any:
        key = (source, tuple(sorted(more.items())), tuple(sorted(self._variables.items())))
        if key not in parsed:
            parsed[key] = parse(self, *source, **more)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        patch.setattr(RuleSet, "__hash__", object.__hash__)  # the same by identity, without a call of Python for each rule and widget
        yield
