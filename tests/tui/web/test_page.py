"""The page of `digitty serve`, without a browser."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from tui.web.page import STATIC, add_script


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://[::1]:1", "https://example.org"])
def test_the_page_keeps_its_own_files_and_names_no_other_host(origin: str) -> None:
    template = (files("textual_serve") / "templates" / "app_index.html").read_text()
    page = add_script(template.replace("{{ config.static.url }}", f"{origin}/static/"), origin)
    links = re.findall(r"(?:href|src)=\"([^\"]+)\"", page)
    assert {"/static/css/xterm.css", "/static/js/textual.js"} <= set(links)
    assert all(link.startswith("data:") or STATIC.fullmatch(link) for link in links)
    assert "googleapis" not in page
