"""The screen in a browser: who may reach it, what closing the page does, and a seven in headless Chromium."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import time
from pathlib import Path

import pyte
import pytest
from PIL import Image
from serving import TOKEN, Page, served, until, visitor
from terminal import ROOT, environment

from engine import runs
from tui.serve import COMMAND

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


@pytest.fixture
def sessions(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a session is started with."""
    for name, value in environment(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)


async def start_training(page: Page) -> None:
    """From the Prompt screen to a run of the preset that is offered, under way."""
    await page.type("\x1b[15~")
    await page.sees("No run yet")
    await page.type("n")
    await page.sees("preset", "Start")
    await page.type("\r")
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
            assert runs.find("seed-1").state() == "running"
        await until(lambda: not runs.find("seed-1").running())
        run = runs.find("seed-1")
        assert (run.state(), run.states()[-1][0]) == ("stopped", 6)


@pytest.mark.usefixtures("sessions")
async def test_ending_the_server_saves_what_trains() -> None:
    async with served() as url, visitor(url) as guest:
        page = Page(await guest.open("?width=80&height=24"))
        await page.sees("Type a digit")
        await start_training(page)
    assert runs.find("seed-1").state() == "stopped"
    assert runs.find("seed-1").states()[-1][0] == 6


# --- a browser --------------------------------------------------------------------------------------------------------


class Watched(Page):
    """What a browser's page was sent, and how many cells it has."""

    def __init__(self) -> None:
        self.width, self.height = 80, 24
        self.data = b""

    def sent(self, payload: str | bytes) -> None:
        if isinstance(payload, str) and payload.startswith('["resize"'):
            size = json.loads(payload)[1]
            self.width, self.height = size["width"], size["height"]

    def received(self, payload: str | bytes) -> None:
        if isinstance(payload, bytes):
            self.data += payload

    @property
    def text(self) -> str:
        screen = pyte.Screen(self.width, self.height)
        pyte.ByteStream(screen).feed(self.data)
        return "\n".join(screen.display)

    async def shows(self, *texts: str, seconds: float = 240.0) -> None:
        deadline = time.monotonic() + seconds
        while not all(text in self.text for text in texts):
            assert time.monotonic() < deadline, f"never seen:\n{self.text}"
            await asyncio.sleep(0.5)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.usefixtures("sessions", "warm_home")
async def test_a_seven_in_chromium() -> None:
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    async with served(f"{COMMAND} --precision fp32") as url, playwright.async_playwright() as drive:
        browser = await drive.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1000, "height": 600})
        watched, fetched = Watched(), list[str]()
        page.on("websocket", lambda socket: (socket.on("framesent", watched.sent), socket.on("framereceived", watched.received)))
        page.on("requestfinished", lambda request: fetched.append(request.url))
        await page.goto(f"{url}/?token={TOKEN}")
        await watched.shows("Type a digit")
        await watched.shows("enter draw")
        await page.locator(".xterm-screen").click()
        await page.keyboard.type("seven")
        await page.keyboard.press("Enter")
        await watched.shows("7 · seven", " s · ", "idle")
        await asyncio.sleep(1)  # to be painted
        row = 1 + max(y for y, line in enumerate(watched.text.splitlines()) if line.strip() == "❯ seven")
        box = await page.locator(".xterm-screen").bounding_box()
        shot = Image.open(io.BytesIO(await page.screenshot())).convert("L")
        across, down = box["width"] / watched.width, box["height"] / watched.height
        left, top = box["x"] + 2 * across, box["y"] + row * down
        assert read(shot.resize((28, 28), Image.Resampling.BOX, (left, top, left + 28 * across, top + 14 * down))) == 7
        assert all(address.startswith(f"{url}/") for address in fetched), fetched
        await browser.close()


def read(digit: Image.Image) -> int:
    """As the project's classifier does."""
    import torch

    from engine.classifier import load_classifier

    picture = torch.frombuffer(bytearray(digit.tobytes()), dtype=torch.uint8).view(1, 28, 28)
    return int(load_classifier().features_and_logits(picture)[1].argmax())
