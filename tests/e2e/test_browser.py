"""The screen in headless Chromium, at the address that `digitty serve` prints: a seven, a reload, a closed tab, another size, a wrong token."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyte
import pytest
from chromium import find_chromium
from PIL import Image
from terminal import PATIENCE, environment

from engine.runs.manage import delete_run
from engine.runs.run import all_runs, find_run
from tui.cli.serve import COMMAND

pytestmark = pytest.mark.browser

FAKE = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).with_name('served_app.py')))}"
"""A session over jobs without torch, whose training holds at step 6."""
SERVE = "import sys, tui.cli.serve; tui.cli.serve.COMMAND = sys.argv.pop(1); from tui.cli.main import main; main()"
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"]
"""Root has no sandbox; containers have a small /dev/shm; and nothing is to be fetched from elsewhere."""


class Tab:
    """A page of the browser, and what the terminal in it was sent."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.fetched: list[str] = []
        self._show(80, 24)
        page.on("websocket", self._follow)
        page.on("requestfinished", lambda request: self.fetched.append(request.url))

    def _show(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)

    def _follow(self, socket: Any) -> None:
        self._show(80, 24)
        socket.on("framesent", self._sent)
        socket.on("framereceived", self._received)

    def _sent(self, payload: str | bytes) -> None:
        kind, *values = json.loads(payload)
        if kind == "resize":
            self._show(values[0]["width"], values[0]["height"])

    def _received(self, payload: str | bytes) -> None:
        if isinstance(payload, bytes):
            self._stream.feed(payload)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def until(self, seen: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not seen():
            assert time.monotonic() < deadline, "never seen:\n" + "\n".join(self.lines)
            self.page.wait_for_timeout(100)  # what the page says is heard meanwhile

    def sees(self, *texts: str) -> None:
        self.until(lambda: all(text in "\n".join(self.lines) for text in texts))

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.is_open()

    def is_open(self) -> None:
        self.sees("Type a digit", "enter draw")

    def ask(self, prompt: str) -> None:
        self.page.keyboard.type(prompt)
        self.page.keyboard.press("Enter")

    def go_to_train(self) -> None:
        """By letters, since F5 might be the browser's."""
        self.page.keyboard.press("Escape")
        self.until(lambda: "enter draw" not in self.lines[-1])  # else 4 comes with it, as alt+4
        self.page.keyboard.press("4")

    def start_training(self) -> None:
        self.go_to_train()
        self.sees("No run yet", "seed ")
        for key in ("ArrowDown", "ArrowDown", "ArrowDown", "n"):  # over quick, 30 minutes and best
            self.page.keyboard.press(key)
        self.sees("preset", "Start")
        self.page.keyboard.press("Control+s")
        self.sees("seed-1", "training", "step 6/40")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One for all tests, which is started in seconds."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as drive:
        browser = drive.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Any) -> Iterator[Tab]:
    """With cookies and storage of its own."""
    context = chromium.new_context(viewport={"width": 1000, "height": 600})
    yield Tab(context.new_page())
    context.close()


@contextmanager
def serving(home: Path, command: str) -> Iterator[str]:
    """The address that the server prints."""
    env = {**environment(home), "DIGITTY_TOKEN": "a token of 27 characters ok".replace(" ", "-")}
    start = [sys.executable, "-c", SERVE, command, "serve", "--port", "0"]
    with subprocess.Popen(start, env=env, cwd=home.parent, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()
            server.wait(PATIENCE)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser") / "home"


@pytest.fixture(scope="module")
def server(chromium: Any, shared_home: Path) -> Iterator[str]:
    """One for all tests that need no engine."""
    with serving(shared_home, FAKE) as url:
        yield url


@pytest.fixture
def url(server: str, shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address; its runs are this test's, and none is there yet."""
    monkeypatch.setenv("DIGITTY_HOME", str(shared_home))
    for run in all_runs():
        delete_run(run)
    return server


def stopped_at(tab: Tab) -> tuple[str, int]:
    """State and step of the run, once it trains no more."""
    tab.until(lambda: not find_run("seed-1").running())
    run = find_run("seed-1")
    return run.state(), run.states()[-1][0]


def test_a_wrong_token_opens_nothing(tab: Tab, url: str) -> None:
    wrong = urlsplit(url)._replace(query="token=another-one-of-28-characters").geturl()
    assert tab.page.goto(wrong).status == 403
    for address in (wrong, url.partition("?")[0]):
        tab.page.goto(address)
        tab.page.wait_for_timeout(1500)  # longer than a session takes to draw its first line, were there one
        assert not any(tab.lines)
    tab.open(url)


def test_the_whole_screen_is_shown_and_has_the_keyboard(tab: Tab, url: str) -> None:
    """No row is cut off, nothing scrolls, and everything can be done without the mouse, from the first key to the restart."""
    tab.open(url)
    tab.ask("three sevens")
    tab.sees("❯ three sevens")
    shown = tab.page.locator(".xterm-screen").bounding_box()
    assert (shown["x"], shown["y"]) == (0, 0)
    assert shown["height"] <= tab.page.viewport_size["height"]
    for _ in range(2):
        tab.page.keyboard.press("Space")
    tab.page.mouse.wheel(0, 1000)
    assert tab.page.evaluate("[scrollX, scrollY]") == [0, 0]
    tab.page.keyboard.press("Control+q")
    tab.until(lambda: tab.page.evaluate("document.activeElement.tagName") == "BUTTON")
    tab.page.keyboard.press("Enter")
    tab.is_open()


def test_what_is_copied_and_sent_arrives_in_the_browser(tab: Tab, url: str) -> None:
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.open(url)
    tab.ask("seven")
    tab.sees("7 · seven", "0.05 s")
    tab.page.keyboard.press("Control+s")
    tab.sees("Saved ")
    tab.page.keyboard.press("Escape")
    tab.until(lambda: "enter draw" not in tab.lines[-1])
    tab.page.keyboard.press("y")
    tab.sees("Sent the path")
    tab.until(lambda: tab.page.evaluate("navigator.clipboard.readText()").endswith(".png"))
    with tab.page.expect_download() as download:
        tab.page.keyboard.press("Shift+Y")
    assert Image.open(download.value.path()).text["digitty"]


def test_a_reload_saves_what_trains_and_begins_anew(tab: Tab, url: str) -> None:
    tab.open(url)
    tab.start_training()
    assert find_run("seed-1").state() == "running"
    tab.page.reload()
    assert stopped_at(tab) == ("stopped", 6)
    tab.is_open()
    tab.ask("three")
    tab.sees("3 · three")
    tab.go_to_train()
    tab.sees("seed-1", "stopped", "continue")


def test_a_closed_tab_saves_what_trains(tab: Tab, url: str) -> None:
    tab.open(url)
    tab.start_training()
    other = Tab(tab.page.context.new_page())
    tab.page.close()
    assert stopped_at(other) == ("stopped", 6)


def test_the_screen_follows_the_window(tab: Tab, url: str) -> None:
    tab.open(url)
    tab.ask("seven")
    tab.sees("7 · seven")
    seen = set()
    for width, height in ((1400, 900), (700, 450), (1000, 600)):
        before = tab.width, tab.height
        tab.page.set_viewport_size({"width": width, "height": height})
        tab.until(lambda before=before: (tab.width, tab.height) != before)
        tab.until(lambda: "F1 help" in tab.lines[-1])  # the footer is at the bottom, wherever that is now
        tab.sees("❯ seven", "7 · seven")
        seen.add((tab.width, tab.height))
    assert len(seen) == 3
    tab.ask("three")
    tab.sees("3 · three")


def test_a_seven(tab: Tab, chromium: Any, warm_home: Path) -> None:
    with serving(warm_home, f"{COMMAND} --precision fp32") as url:
        tab.open(url)
        tab.ask("seven")
        tab.sees("7 · seven", " s · ", "idle")
        tab.page.wait_for_timeout(1000)  # to be painted
        row = 1 + max(y for y, line in enumerate(tab.lines) if line.strip().startswith("❯ seven"))
        box = tab.page.locator(".xterm-screen").bounding_box()
        shot = Image.open(io.BytesIO(tab.page.screenshot())).convert("L")
        across, down = box["width"] / tab.width, box["height"] / tab.height
        left, top = box["x"] + 2 * across, box["y"] + row * down
        assert read(shot.resize((28, 28), Image.Resampling.BOX, (left, top, left + 28 * across, top + 14 * down))) == 7
        origin = "{0.scheme}://{0.netloc}/".format(urlsplit(url))
        assert all(address.startswith(origin) for address in tab.fetched), tab.fetched


def read(digit: Image.Image) -> int:
    """As the project's classifier does."""
    import torch

    from engine.checkpoints.classifier import load_classifier

    picture = torch.frombuffer(bytearray(digit.tobytes()), dtype=torch.uint8).view(1, 28, 28)
    return int(load_classifier().features_and_logits(picture)[1].argmax())
