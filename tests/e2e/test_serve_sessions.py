"""The sessions of `digitty serve`: what their pages may send, when they end, and what is said about that."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from socket import SO_RCVBUF, SOL_SOCKET

import aiohttp
import pytest
from serving import closed, packets, served, until, visitor
from terminal import ROOT, environment

from tui.cli.serve import COMMAND
from tui.web.server import MAX_SESSIONS
from tui.web.session import MAX_COLUMNS, MAX_LINES, MAX_MESSAGE
from tui.web.timeouts import Timeouts


async def pid(socket: aiohttp.ClientWebSocketResponse) -> int:
    """The session's first words: its process."""
    return int((await socket.receive_bytes(timeout=60)).split()[1])


def lives(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """What a session of `packets` was sent."""
    return tmp_path / "notes"


# --- what a page may send ---------------------------------------------------------------------------------------------

NONSENSE = [
    "",
    "[",
    "1",
    "null",
    "{}",
    '["stdin"]',
    '["stdin", 7]',
    '["resize", 7]',
    '["resize", {}]',
    "[" * 100_000,
    "[1e999999",
    f'["x", {"9" * 5000}]',
]


@pytest.mark.parametrize("message", NONSENSE, ids=lambda message: message[:16])
async def test_a_message_that_makes_no_sense_ends_the_session_in_order(message: str, notes: Path) -> None:
    async with served(packets(notes)) as url, visitor(url) as guest, await guest.open() as socket:
        process = await pid(socket)
        await socket.send_str(message)
        code, reason = await closed(socket)
        assert code in (1000, 1007)
        assert "invalid message" in reason
        await until(lambda: not lives(process))
        assert notes.read_text().endswith("saved\n")


@pytest.mark.parametrize("message", ['["unknown", 1]', '["ping", []]', '["resize", {"width": null, "height": null}]', "[[]]"])
async def test_a_message_that_says_nothing_is_ignored(message: str, notes: Path) -> None:
    async with served(packets(notes)) as url, visitor(url) as guest, await guest.open() as socket:
        await pid(socket)
        await socket.send_str(message)
        await socket.send_bytes(b"\0binary")
        await socket.send_json(["ping", 7])
        assert await socket.receive_json(timeout=60) == ["pong", 7]
        await socket.send_str('["stdin", "\\ud800é"]')
        assert await socket.receive_bytes(timeout=60) == "<?é>".encode()


async def test_a_message_too_large_or_broken_ends_the_session(notes: Path) -> None:
    async with served(packets(notes)) as url, visitor(url) as guest:
        async with await guest.open() as socket:
            await pid(socket)
            await socket.send_json(["stdin", "x" * MAX_MESSAGE])
            assert (await closed(socket))[0] == 1009
        async with await guest.open() as socket:
            process = await pid(socket)
            os.write(socket.get_extra_info("socket").fileno(), b"\xff\xff\xff")
            assert (await closed(socket))[0] == 1002
        await until(lambda: not lives(process))
    assert notes.read_text().count("saved") == 2


@pytest.mark.parametrize(
    ("width", "height", "shown"),
    [
        ("80", "24", "80x24"),
        ("1000000000", "1000000000", f"{MAX_COLUMNS}x{MAX_LINES}"),
        ("-5", "0", "1x1"),
        ("NaN", "Infinity", "80x24"),
        ("1e9", "", "80x24"),
        ("9" * 5000, "9", "80x9"),
    ],
)
async def test_a_size_is_one_that_the_screen_can_have(width: str, height: str, shown: str, notes: Path) -> None:
    async with served(packets(notes)) as url, visitor(url) as guest, await guest.open(f"?width={width}&height={height}") as socket:
        assert (await socket.receive_bytes(timeout=60)).split()[2] == shown.encode()
        for size in ('{"width": 1000000000, "height": -3}', '{"width": NaN, "height": 24}', '{"width": 1e9, "height": true}'):
            await socket.send_str(f'["resize", {size}]')
        await socket.send_json(["stdin", "end"])
        assert await socket.receive_bytes(timeout=60) == b'<{"type": "resize", "width": %d, "height": 1}>' % MAX_COLUMNS
        assert await socket.receive_bytes(timeout=60) == b"<end>", "what is no number of cells is no size"


# --- when a session ends ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["close", "abort"])
async def test_a_session_ends_with_its_page(end: str, notes: Path) -> None:
    async with served(packets(notes)) as url, visitor(url) as guest:
        socket = await guest.open()
        process = await pid(socket)
        if end == "close":
            await socket.close()
        else:
            socket._response.connection.transport.abort()  # type: ignore[union-attr]
        await until(lambda: not lives(process))
    assert notes.read_text() == '{"type": "quit"}\nsaved\n'


async def test_a_page_that_reads_nothing_does_not_keep_its_session(notes: Path) -> None:
    async with served(packets(notes, "loud"), Timeouts(send=0.3, close=0.3)) as url, visitor(url) as guest:
        socket = await guest.open()
        process = await pid(socket)
        await until(lambda: not lives(process))  # nobody reads the socket meanwhile
        await socket.close()
    assert notes.read_text().endswith("saved\n")


async def test_a_page_that_only_asks_does_not_keep_its_session(notes: Path) -> None:
    """Pings without end from a page that never reads the answers."""
    async with served(packets(notes), Timeouts(heartbeat=0.5, poll=0.05)) as url, visitor(url) as guest:
        socket = await guest.open()
        process = await pid(socket)
        socket.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)  # soon full

        async def ask() -> None:
            while True:
                await socket.ping(b"x" * 100)

        asking = asyncio.create_task(ask())
        await until(lambda: not lives(process))
        asking.cancel()
    assert notes.read_text().endswith("saved\n")


async def test_a_session_that_reads_nothing_ends_with_its_page(notes: Path) -> None:
    async with served(packets(notes, "deaf"), Timeouts(save=0.3)) as url, visitor(url) as guest:
        socket = await guest.open()
        process = await pid(socket)
        for _ in range(10):
            await socket.send_json(["stdin", "x" * (MAX_MESSAGE - 100)])
        assert await closed(socket) == (1011, "The session stopped reading its input and was ended. Reload the page.")
        await until(lambda: not lives(process))


async def test_a_session_that_does_not_quit_is_made_to(notes: Path) -> None:
    async with served(f"trap '' TERM; {packets(notes, 'stubborn')}", Timeouts(save=0.3)) as url, visitor(url) as guest:
        socket = await guest.open()
        process = await pid(socket)
        await socket.close()
        await until(lambda: not lives(process))
    assert notes.read_text() == '{"type": "quit"}\n'


async def test_ending_the_server_ends_every_session_and_says_so(notes: Path) -> None:
    async with AsyncExitStack() as guests:
        async with served(packets(notes)) as url:
            guest = await guests.enter_async_context(visitor(url))
            sockets = [await guest.open() for _ in range(2)]
            processes = [await pid(socket) for socket in sockets]
            ends = [asyncio.create_task(closed(socket)) for socket in sockets]
        assert [await end for end in ends] == [(1001, "digitty serve has ended.")] * 2
    assert not any(map(lives, processes))
    assert notes.read_text().count("saved") == 2


async def test_there_is_an_end_to_sessions() -> None:
    async with served("head -c 1", Timeouts(free_session=0.1)) as url, visitor(url) as guest:
        sockets = [await guest.open() for _ in range(MAX_SESSIONS)]
        code, reason = await closed(await guest.open())
        assert (code, reason[:19]) == (1013, "4 sessions are open")
        for socket in sockets:
            await socket.close()


async def test_a_page_can_be_reloaded_where_no_session_is_left(notes: Path) -> None:
    async with served(packets(notes)) as url, visitor(url) as guest:
        sockets = [await guest.open() for _ in range(MAX_SESSIONS)]
        opening = asyncio.create_task(guest.open())
        await asyncio.sleep(0.1)
        await sockets[0].close()
        again = await opening
        assert await pid(again)
        for socket in [*sockets[1:], again]:
            await socket.close()


# --- what the page says of a session that died ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo Traceback >&2; printf 'digitty: no \\033[31mroom\\n\\n' >&2; exit 3", "The session ended: no ·[31mroom"),
        ("exit 7", "The session ended: its process ended with code 7"),
        ("kill -9 $$", "The session ended: its process ended with code -9"),
        ("echo __GANGLION__; echo 'lost its way' >&2", "The session ended: lost its way"),
        (f"printf '{'é' * 1000}' >&2", "The session ended: " + "é" * 50),
        ("printf 'D\\377\\377\\377\\377'", "The session ended: its process ended with code 0"),
        ("echo __GANGLION__; printf 'M\\000\\000\\000\\001{'; exec sleep 3600", "The session ended: its output was invalid"),
    ],
)
async def test_a_session_that_dies_says_why(command: str, reason: str) -> None:
    async with served(command, Timeouts(save=0.5)) as url, visitor(url) as guest, await guest.open() as socket:
        assert await closed(socket) == (1011, reason)


async def test_a_session_that_can_not_be_started_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_process(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    async with served("exit 0") as url, visitor(url) as guest:
        monkeypatch.setattr(asyncio, "create_subprocess_shell", no_process)
        for _ in range(MAX_SESSIONS + 1):
            async with await guest.open() as socket:
                assert await closed(socket) == (1011, "The session did not start: Too many open files")


# --- the real command -------------------------------------------------------------------------------------------------


async def test_a_session_runs_no_file_of_the_working_folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session's own command, in a folder with modules that would note that they ran. They shadow what the start imports."""
    for name, value in environment(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder, ran = tmp_path / "work", tmp_path / "ran"
    folder.mkdir()
    for module in ("random", "torch", "logging", "textual", "site"):
        (folder / f"{module}.py").write_text(f"open({str(ran)!r}, 'a').write({module!r})\nraise SystemExit(77)\n")
    monkeypatch.chdir(folder)
    async with served(f"{COMMAND} --help") as url, visitor(url) as guest, await guest.open() as socket:
        assert "ended with code" in (await closed(socket, 120))[1]
    unsafe = await asyncio.create_subprocess_exec(sys.executable, "-m", "tui", "--help", stdout=asyncio.subprocess.DEVNULL)
    assert not ran.exists(), ran.read_text()
    assert await unsafe.wait() == 77, "without -P they do run"
    assert ran.exists()
