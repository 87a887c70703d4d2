"""One damaged run is reported and hides no other."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import pytest

from engine.cli import watch
from engine.config.compute import ComputeInfo
from engine.config.training import PRESETS
from engine.runs import metrics_log
from engine.runs.manage import create_run
from engine.runs.run import Run, find_run
from engine.runs.writer import open_writer
from engine.storage.atomic import read_checksummed, write_checksummed

Command = Callable[..., tuple[int, str, str]]


def made(name: str = "r") -> Run:
    """A run that nobody trained yet."""
    return create_run(name, PRESETS["quick"], ComputeInfo("cpu", "fp32", "contiguous", 1))


@pytest.mark.parametrize(
    "line", ['{"step":5,"loss":"x"', '{"step":5,"event":7', '{"step":5,"loss":1e999,"lr":[]', '{"step":5,"epoch":1,"average":{}']
)
def test_one_damaged_run_hides_no_other(command: Command, line: str) -> None:
    """A line with a right CRC, whatever it says."""
    for name in ("before", "odd", "after"):
        run = made(name)
        with open_writer(run) as writer:
            writer.log({"step": 4, "loss": 0.5, "lr": 0.1, "rate": 1.0})
            writer.event("stopped", 4)
    odd = find_run("odd")
    body = line.encode()
    with odd.metrics_path.open("ab") as file:
        file.write(body + b',"crc":"%08x"}\n' % crc32(body))
    code, out, _ = command("runs")
    assert (code, sum("stopped" in told for told in out.splitlines())) == (0, 3)
    assert "step 4/" in next(iter(watch.follow(odd)))


def test_whatever_is_wrong_with_a_run_hides_no_other(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    made("good")
    made("bad")
    size = Run.size

    def fails(self: Run) -> int:
        return size(self) if self.name == "good" else 1 // 0

    monkeypatch.setattr(Run, "size", fails)
    code, out, _ = command("runs")
    assert code == 0
    assert re.search(r"^good +interrupted", out, re.M)
    assert re.search(r"^bad +can't be read \(ZeroDivisionError", out, re.M)


@pytest.mark.parametrize(
    "engine",
    [
        {"threads": "2"},
        {"threads": True},
        {"threads": -1},
        {"threads": 10**30},
        {"device": 3},
        {"precision": None},
        {"layout": []},
        {"esc\033[1m": 1},
    ],
    ids=str,
)
def test_an_engine_table_of_the_wrong_types_is_refused(command: Command, engine: dict[str, Any]) -> None:
    path = made().path / "config.json"
    whole = read_checksummed(path)
    write_checksummed(path, {**whole, "engine": {**whole["engine"], **engine}})
    code, _, err = command("train", "--resume", "r")
    assert code == 2
    assert "run r has a config.json that can't be read" in err
    assert "\033" not in err
    assert "Traceback" not in err


def link_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(link_loop, "Too many levels of symbolic links"), (Path.mkdir, "it is not a regular file"), (os.mkfifo, "it is not a regular file")],
    ids=["link loop", "folder", "pipe"],
)
def test_metrics_that_cannot_be_read_are_reported_and_no_crash(command: Command, spoil: Callable[[Path], None], why: str) -> None:
    path = made().metrics_path
    spoil(path)
    says_why(command, why)


def test_a_disk_that_cannot_be_read_is_reported_and_no_crash(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> BinaryIO:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    with open_writer(made()) as writer:
        writer.event("stopped", 0)
    monkeypatch.setattr(metrics_log, "open_regular", fails)
    says_why(command, "Input/output error")


def says_why(command: Command, why: str) -> None:
    code, out, _ = command("runs")
    assert (code, "interrupted" in out) == (0, False)
    assert re.search(rf"^r +can't read .*metrics.jsonl: {why}; make it readable", out, re.M)
    assert f"metrics.jsonl: {why}" in json.loads(command("runs", "--json")[1])["error"]
    code, out, err = command("watch", "r")
    assert (code, out) == (3, "")
    assert f"metrics.jsonl: {why}" in err
    assert find_run("r").state() == f"unreadable, {why}"
