"""Who may reach `digitty serve`: tokens and keys, names and origins, requests that make no sense, and strangers that only cost."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from contextlib import suppress

import aiohttp
import pytest
from serving import TOKEN, served, visitor

from engine.cli.entry import run
from tui.cli.main import digitty
from tui.web.access import is_loopback
from tui.web.log import RareLines, rare_lines
from tui.web.timeouts import Timeouts

HEAD = "\r\nHost: 127.0.0.1\r\n"

FOREIGN = re.compile(r"""(?:href|src)\s*=\s*["']?(?:\w+:)?//[^>]*|url\(["']?(?:\w+:)?//[^)]*""")
"""An address on another host from which a page takes something."""


async def said(url: str, request: bytes) -> bytes:
    """What the server answers to these bytes, until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(request)
    try:
        async with asyncio.timeout(60):
            return await reader.read(1 << 16)
    finally:
        writer.close()


async def status(url: str, request: str | bytes) -> int:
    data = request.encode("latin-1") if isinstance(request, str) else request
    return int((await said(url, data + b"Connection: close\r\n\r\n")).split()[1])


# --- the token and the key --------------------------------------------------------------------------------------------


async def test_no_session_opens_without_the_key() -> None:
    async with served() as url, visitor(url) as guest:
        for path in ("/?token=", "/?token=wrong", f"/?token={TOKEN[:-1]}", "/?token=%FF", "/?token=%ED%A0%80"):
            async with guest.session.get(url + path) as answer:
                assert answer.status == 403, path
        for protocols in [(), ("digitty",), ("digitty", TOKEN), ("digitty", guest.key[:-1]), (guest.key,), (guest.key, "digitty")]:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await guest.session.ws_connect(f"{url}/ws?token={TOKEN}", protocols=protocols)
            assert refused.value.status == 403, protocols


async def test_the_key_is_for_the_page_of_this_port_and_no_cookie() -> None:
    """Browsers send cookies to every port of a host, and so to another user's server."""
    async with served() as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/", params={"token": TOKEN, "fontsize": "20"}, allow_redirects=False) as answer:
            assert answer.status == 302
            where, _, key = answer.headers["Location"].partition("#key=")
            assert where == "/?fontsize=20", "the token does not stay in the address"
            assert len(key) == 32
            assert "Set-Cookie" not in answer.headers
        async with session.get(f"{url}/") as page:
            text = await page.text()
            assert page.status == 200
            assert "Set-Cookie" not in page.headers
            assert TOKEN not in text
            assert key not in text
            assert text.index("window.WebSocket = class") < text.index("textual.js")
            assert FOREIGN.findall(text.replace(url, "")) == [], "nothing comes from another host"
            assert f'data-session-websocket-url="ws://{url.removeprefix("http://")}/ws"' in text
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy
        for path in ("/static/js/textual.js", "/download/x", "/nothing"):
            async with session.get(url + path) as other:
                assert "sandbox" in other.headers["Content-Security-Policy"], "no other file gets at the key that the page keeps"


async def test_a_key_ends_with_its_server() -> None:
    async with served() as one, served() as other, visitor(one) as guest, visitor(other) as second:
        assert guest.key != second.key
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await guest.session.ws_connect(f"{other}/ws", protocols=("digitty", guest.key))


# --- names and origins ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "10.0.0.7:8000", "localhost.evil.example:8000", ""])
async def test_another_name_for_this_machine_is_refused(name: str) -> None:
    """DNS rebinding: a page elsewhere whose name comes to mean 127.0.0.1."""
    async with served() as url, visitor(url) as guest:
        async with guest.session.get(f"{url}/", headers={"Host": name}) as answer:
            assert answer.status in (400, 403)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await guest.open(Host=name)


@pytest.mark.parametrize("name", ["localhost:9000", "127.0.0.1", "[::1]:8000"])
async def test_a_forwarded_port_is_fine(name: str) -> None:
    async with served("head -c 1") as url, visitor(url) as guest:
        async with guest.session.get(f"{url}/", headers={"Host": name}) as answer:
            assert answer.status == 200
            assert f'"ws://{name}/ws"' in await answer.text()
        await (await guest.open(Host=name, Origin=f"http://{name}")).close()


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:1", "http://127.0.0.1", "null", "https://evil.example:8000", "http://[", ""]
)
async def test_a_page_from_elsewhere_opens_no_session(origin: str) -> None:
    async with served() as url, visitor(url) as guest:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await guest.open(Origin=origin)
        assert refused.value.status == 403


# --- the command line -------------------------------------------------------------------------------------------------


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
        ("--host a..b --public --token 0123456789abcdef", "is not a host name"),
    ],
)
def test_other_machines_are_let_in_only_on_purpose(arguments: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(digitty, ["serve", *arguments.split()]) == 2
    assert told in capsys.readouterr().err


def test_what_is_this_machine() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]")))
    assert not any(map(is_loopback, ("", "0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example", "example.org")))


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(digitty, ["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "choose another with --port" in capsys.readouterr().err


# --- requests that make no sense --------------------------------------------------------------------------------------


async def test_requests_that_make_no_sense_are_refused_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    upgrade = "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    refused = {
        "GET / HTTP/1.1\r\nHost: [\r\n": 400,
        "GET / HTTP/1.1\r\nHost: [::::]\r\n": 400,
        "GET / HTTP/1.1\r\nHost: a b\r\n": 400,
        "GET / HTTP/1.1\r\nHost: \xff\r\n": 400,
        "GET / HTTP/1.1\r\n": 400,
        f"GET /?token=\xff HTTP/1.1{HEAD}": 400,
        f"GET /ws HTTP/1.1{HEAD}Origin: http://[\r\n": 403,
        f"GET /ws HTTP/1.1{HEAD}{upgrade}Sec-WebSocket-Protocol: digitty, \xff\r\n": 403,
        f"POST / HTTP/1.1{HEAD}": 405,
        f"OPTIONS /ws HTTP/1.1{HEAD}": 405,
        f"DELETE /?token=wrong HTTP/1.1{HEAD}": 405,
        f"GET /static/ HTTP/1.1{HEAD}": 404,
        f"GET /static/js HTTP/1.1{HEAD}": 404,
        f"GET /static/../server.py HTTP/1.1{HEAD}": 404,
        f"GET /static/js/%2e%2e/%2e%2e/server.py HTTP/1.1{HEAD}": 404,
        f"GET /download/x HTTP/1.1{HEAD}": 404,
        f"GET /{'a' * 10_000} HTTP/1.1{HEAD}": 400,
        f"GET / HTTP/1.1{HEAD}{'X: y' * 5000}\r\n": 400,
    }
    with rare_lines():
        async with served() as url:
            for request, code in [*refused.items(), *refused.items()]:
                assert await status(url, request) == code, request[:80]
            assert await status(url, f"GET / HTTP/1.1{HEAD}Cookie: digitty-8000=\xff\r\n") == 200
            assert await status(url, f"GET /static/js/textual.js HTTP/1.1{HEAD}") == 200
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("digitty serve: Error handling request") for line in lines)
    assert len(lines) <= 4, "of each kind one"


# --- strangers that only cost -----------------------------------------------------------------------------------------


async def test_silent_strangers_do_not_lock_the_owner_out() -> None:
    async with served("head -c 1", max_pending=8) as url:
        port = int(url.rpartition(":")[2])
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        async with visitor(url) as guest, guest.session.get(f"{url}/static/js/textual.js") as script:
            assert len(await script.read()) > 100_000
            async with await guest.open() as page:
                more = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
                assert not page.closed, "a session is no stranger"
                await page.ping()
        for reader, _ in [*idle, *more][:-8]:  # the oldest made room
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 60)
        for _, writer in [*idle, *more]:
            writer.close()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow"])
async def test_a_request_that_never_comes_is_not_waited_for(begun: bytes) -> None:
    async with served(timeouts=Timeouts(request=0.2)) as url:
        with suppress(ConnectionError):
            assert b"200" not in await said(url, begun)


async def test_accepting_survives_having_no_file_descriptor_left(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with rare_lines():
        async with served(timeouts=Timeouts(retry=0.001)) as url:
            loop, accept, failures = asyncio.get_running_loop(), asyncio.get_running_loop().sock_accept, list(range(20))

            async def sock_accept(listener: socket.socket) -> tuple[socket.socket, object]:
                if failures:
                    failures.pop()
                    raise OSError(24, "Too many open files")
                return await accept(listener)

            monkeypatch.setattr(loop, "sock_accept", sock_accept)
            assert await status(url, f"GET / HTTP/1.1{HEAD}") == 200, "the one that was waited for when the patch came"
            assert await status(url, f"GET / HTTP/1.1{HEAD}") == 200
    assert not failures
    assert capsys.readouterr().err == "digitty serve: can't accept a connection: Too many open files\n"


def test_one_line_a_minute_for_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    logger = logging.Logger("aiohttp.server")
    logger.addHandler(RareLines(lambda: now))
    for second in range(0, 130, 10):
        now = float(second)
        logger.warning("from %s", f"port {second}\x1b[2J")
        try:
            raise ValueError("Host: \x1b[31m\nsecond line")
        except ValueError:
            logger.exception("Error handling request")
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2][:12] for line in lines] == [
        "from port 0·",
        "Error handli",
        "from port 60",
        "Error handli",
        "from port 12",
        "Error handli",
    ]
    assert "(5 more like this)" in lines[2]
    assert "ValueError: Host: ·[31m·second line (" in lines[1]
    assert all(line.isprintable() for line in lines)
