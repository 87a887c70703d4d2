"""An input field for what to train on, which completes names, folders and files."""

from __future__ import annotations

from collections.abc import Callable

from textual.suggester import Suggester

from tui.widgets.line_input import LineInput


class _Completion(Suggester):
    """What `complete` makes of the text."""

    def __init__(self, complete: Callable[[str], str | None]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        return self._complete(value)


class SourceInput(LineInput):
    """The right arrow takes the rest of the text that is shown dimmed."""

    def __init__(self, complete: Callable[[str], str | None], *, placeholder: str, id: str) -> None:
        super().__init__(placeholder=placeholder, compact=True, id=id, suggester=_Completion(complete))
