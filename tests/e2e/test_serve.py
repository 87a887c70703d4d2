"""Sessions of the screen in a browser: what closing the page and ending the server do. The browser itself is in test_browser.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from serving import Page, served, until, visitor
from terminal import ROOT, environment

from engine.runs.run import find_run


@pytest.fixture
def sessions(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a session is started with."""
    for name, value in environment(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)


async def start_training(page: Page) -> None:
    """From the Prompt screen to a run of the preset seed, under way."""
    await page.type("\x1b[15~")
    await page.sees("No run yet", "seed ")
    for key in ("\x1b[B", "\x1b[B", "\x1b[B", "n"):  # over quick, 30 minutes and best
        await page.type(key)
    await page.sees("preset", "Start")
    await page.type("\x13")  # ctrl+s
    await page.sees("seed-1", "training", "step 6/40")


# --- sessions ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sessions")
async def test_seven_and_closing_the_page_saves_what_trains() -> None:
    async with served() as url, visitor(url) as guest:
        page = Page(await guest.open("?width=80&height=24", Origin=url))
        async with page.socket:
            await page.sees("Type a digit")
            await page.type("seven\r")
            await page.sees("7 · seven", "0.05 s")
            await start_training(page)
            assert find_run("seed-1").state() == "running"
        await until(lambda: not find_run("seed-1").running())
        run = find_run("seed-1")
        assert (run.state(), run.states()[-1][0]) == ("stopped", 6)


@pytest.mark.usefixtures("sessions")
async def test_ending_the_server_saves_what_trains() -> None:
    async with served() as url, visitor(url) as guest:
        page = Page(await guest.open("?width=80&height=24"))
        await page.sees("Type a digit")
        await start_training(page)
    assert find_run("seed-1").state() == "stopped"
    assert find_run("seed-1").states()[-1][0] == 6
