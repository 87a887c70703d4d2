"""A session of `digitty serve` without a screen: notes in the file of its first argument what it is sent, and quits when asked.

The second argument changes that: `deaf` reads nothing, `stubborn` does not quit, `loud` writes all the time.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

notes, habit = Path(sys.argv[1]), (sys.argv[2:] or [""])[0]


def send(payload: bytes) -> None:
    data = b"D" + len(payload).to_bytes(4, "big") + payload
    while data:
        data = data[os.write(1, data) :]


def shout() -> None:
    while True:
        send(b"x" * 100_000)


def received() -> bytes:
    size = int.from_bytes(sys.stdin.buffer.read(5)[1:], "big")
    return sys.stdin.buffer.read(size)


os.write(1, b"__GANGLION__\n")
send(f"pid {os.getpid()} {os.environ['COLUMNS']}x{os.environ['ROWS']} ".encode())
if habit == "deaf":
    time.sleep(3600)
if habit == "loud":
    threading.Thread(target=shout, daemon=True).start()
with notes.open("ab", buffering=0) as file:
    while payload := received():
        file.write(payload + b"\n")
        if payload == b'{"type": "quit"}' and habit != "stubborn":
            file.write(b"saved\n")
            os._exit(0)
        send(b"<" + payload + b">")
