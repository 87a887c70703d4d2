"""The screen in a browser: who may reach it, what closing the page does, and a seven in headless Chromium."""

from __future__ import annotations

import asyncio
import io
import json
import shlex
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pyte
import pytest
from aiohttp import web
from PIL import Image
from terminal import ROOT, environment

from engine import runs
from engine.entry import run
from tui.cli import digitty
from tui.serve import COMMAND, is_loopback
from tui.served import SESSIONS, Served

TOKEN = "a token of 27 characters ok"
FAKE = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).with_name('served_app.py')))}"
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


@pytest.fixture
def sessions(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a session is started with."""
    for name, value in environment(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)


@asynccontextmanager
async def served(command: str = FAKE, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """A server, and its address."""
    server = Served(command, host, 0, TOKEN)
    runner = web.AppRunner(await server._make_app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """One that has come in by the token."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:  # unsafe: an address is no name
        async with session.get(f"{url}/?token={TOKEN}") as page:
            assert page.status == 200
        yield session


class Page:
    """A session's terminal."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    async def sees(self, *texts: str, seconds: float = 90.0) -> None:
        async def shown() -> None:
            while not all(text in self.text for text in texts):
                message = await self.socket.receive()
                if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSE):
                    raise AssertionError(f"closed: {self.text}")
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._stream.feed(message.data)

        try:
            await asyncio.wait_for(shown(), seconds)
        except TimeoutError:
            raise AssertionError(f"never seen:\n{self.text}") from None

    async def type(self, text: str) -> None:
        await self.socket.send_json(["stdin", text])


async def until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.05)


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_nothing_is_served_without_the_token() -> None:
    async with served() as url, aiohttp.ClientSession() as session:
        for path in (
            "/",
            "/?token=",
            "/?token=wrong",
            f"/?token={TOKEN[:-1]}",
            "/static/js/textual.js",
            f"/static/js/textual.js?token={TOKEN}",
            "/download/x",
        ):
            async with session.get(url + path) as answer:
                assert answer.status == 403, path
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{url}/ws")
        assert refused.value.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(f"{url}/ws?token={TOKEN}")


async def test_the_token_comes_with_the_first_address_and_is_a_cookie_afterwards() -> None:
    async with served() as url, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(f"{url}/?token={TOKEN}", allow_redirects=False) as answer:
            assert answer.status == 302
            assert answer.headers["Location"] == "/", "it does not stay in the address"
            assert "HttpOnly" in answer.headers["Set-Cookie"]
            assert "SameSite=Lax" in answer.headers["Set-Cookie"]
        async with session.get(f"{url}/") as page:
            text = await page.text()
            assert page.status == 200
            assert TOKEN not in text
            assert f'data-session-websocket-url="ws://{url.removeprefix("http://")}/ws"' in text
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "10.0.0.7:8000", "localhost.evil.example:8000", ""])
async def test_another_name_for_this_machine_is_refused(name: str) -> None:
    """DNS rebinding: a page elsewhere whose name comes to mean 127.0.0.1."""
    async with served() as url, client(url) as session, session.get(f"{url}/", headers={"Host": name}) as answer:
        assert answer.status in (400, 403)


@pytest.mark.parametrize("name", ["localhost:9000", "127.0.0.1", "[::1]:8000"])
async def test_a_forwarded_port_is_fine(name: str) -> None:
    async with served() as url, client(url) as session:
        cookies = {cookie.key: cookie.value for cookie in session.cookie_jar}
        async with session.get(f"{url}/", headers={"Host": name}, cookies=cookies) as answer:
            assert answer.status == 200
            assert f'"ws://{name}/ws"' in await answer.text()


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:1", "http://127.0.0.1", "null", "https://evil.example:8000"])
async def test_a_page_from_elsewhere_opens_no_session(origin: str) -> None:
    async with served() as url, client(url) as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{url}/ws", headers={"Origin": origin})
        assert refused.value.status == 403


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--host 0.0.0.0", "needs --public and a token"),
        ("--host 0.0.0.0 --public", "needs --public and a token"),
        ("--host 192.168.0.7 --token 0123456789abcdef", "needs --public and a token"),
        ("--host example.org --public", "needs --public and a token"),
        ("--host :: --public", "needs --public and a token"),
        ("--token short", "at least 16 characters"),
        ("--host 0.0.0.0 --public --token short", "at least 16 characters"),
    ],
)
def test_other_machines_are_let_in_only_on_purpose(arguments: str, told: str, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert run(digitty, ["serve", *arguments.split()]) == 2
    assert told in capsys.readouterr().err


def test_what_is_this_machine() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]")))
    assert not any(map(is_loopback, ("", "0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example", "example.org")))


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(digitty, ["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "choose another with --port" in capsys.readouterr().err


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
    async with served() as url, client(url) as session:
        async with session.ws_connect(f"{url}/ws?width=80&height=24", headers={"Origin": url}) as socket:
            page = Page(socket)
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
    async with served() as url, client(url) as session:
        page = Page(await session.ws_connect(f"{url}/ws?width=80&height=24"))
        await page.sees("Type a digit")
        await start_training(page)
    assert runs.find("seed-1").state() == "stopped"
    assert runs.find("seed-1").states()[-1][0] == 6


@pytest.mark.usefixtures("sessions")
async def test_there_is_an_end_to_sessions() -> None:
    async with served("head -c 1") as url, client(url) as session:
        sockets = [await session.ws_connect(f"{url}/ws") for _ in range(SESSIONS)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{url}/ws")
        assert refused.value.status == 503
        for socket in sockets:
            await socket.close()


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
