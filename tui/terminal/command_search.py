"""The search of the palette: the commands whose titles begin with what was typed come first."""

from __future__ import annotations

from textual.command import Hit, Hits
from textual.system_commands import SystemCommandsProvider

BEGINS, CONTAINS = 200.0, 100.0
"""Added to the score of a title that begins with the query, and of one in which a word does. Letters that are scattered score below 100."""


class CommandSearch(SystemCommandsProvider):
    """Searches the titles of the application's commands."""

    async def search(self, query: str) -> Hits:
        matcher, text = self.matcher(query), query.strip().lower()
        for title, help_text, callback, *_ in self.app.get_system_commands(self.screen):
            if (match := matcher.match(title)) > 0:
                bonus = BEGINS if title.lower().startswith(text) else CONTAINS if f" {text}" in title.lower() else 0.0
                yield Hit(match + bonus, matcher.highlight(title), callback, help=help_text)
