"""The metrics file: no damage is taken for data, no line is read twice or torn, and the quick reader says what the plain one says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from math import inf, nan
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.runs import metrics_log as metrics
from engine.runs.metrics_log import BLOCK, Follower, Restarted, Steps, decode, encode

STEP = {"step": 12, "loss": 0.0712, "lr": 0.001, "rate": 8.25, "time": 1760000000.5}
EPOCH = {"epoch": 1, "step": 12, "average": 0.0231, "seconds": 61.5, "best": True}
EVENT = {"event": "unsaved", "step": 12, "time": 1760000000.5, "message": "no room: „voll“\n"}
on_disk = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def step(number: int, loss: float = 0.5) -> dict[str, Any]:
    return {**STEP, "step": number, "loss": loss}


def sealed(body: bytes) -> bytes:
    """A line with a right CRC, whatever it says."""
    return body + b',"crc":"%08x"}\n' % crc32(body)


def flat(batches: Iterator[Steps | dict[str, Any] | Restarted]) -> list[Any]:
    """Batches as single records: of steps (step, loss)."""
    told: list[Any] = []
    for batch in batches:
        told += list(zip(batch.steps, batch.losses, strict=True)) if isinstance(batch, Steps) else [batch]
    return told


def short(record: Any) -> Any:
    """A step record as `flat` has it."""
    is_step = isinstance(record, dict) and type(record.get("loss")) in (int, float)
    return (record["step"], float(str(record["loss"]))) if is_step else record  # by way of str: a whole number may be too large


# --- one line ---------------------------------------------------------------------------------------------------------


def test_a_line_is_as_promised() -> None:
    assert encode({"step": 3, "loss": 1e-05}) == b'{"step":3,"loss":1e-05,"crc":"52f7e306"}\n'  # printf … | gzip -c | tail -c8 | od -An -tx4
    assert encode(EVENT).count(b"\n") == 1


@pytest.mark.parametrize("record", [STEP, EPOCH, EVENT, {"step": 0}, {"step": (1 << 63) - 1}])
def test_what_is_written_is_read(record: dict[str, Any]) -> None:
    assert decode(encode(record)) == record
    assert decode(encode(record)[:-1]) == record
    assert list(decode(encode(record)) or {}) == list(record)


@pytest.mark.parametrize("record", [STEP, EPOCH, EVENT])
def test_every_byte_that_flips_is_noticed(record: dict[str, Any]) -> None:
    whole = encode(record)
    for at, right in enumerate(whole):
        for wrong in range(256):
            assert wrong == right or decode(whole[:at] + bytes([wrong]) + whole[at + 1 :]) is None, (at, wrong)


def test_what_is_missing_or_twice_is_noticed() -> None:
    whole = encode(STEP)
    for at in range(len(whole) - 1):
        assert decode(whole[:at]) is None
        assert decode(whole[:at] + whole[at + 1 :]) is None
    assert decode(whole + whole) is None
    assert decode(whole[:40] + whole) is None


@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_what_is_no_number_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode({"step": 1, "loss": number})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[",
        b'"step"',
        b'{"loss":1.0',
        b'{"step":-1',
        b'{"step":1.0',
        b'{"step":true',
        b'{"step":"1"',
        b'{"step":null',
        b'{"step":9223372036854775808',
        b'{"step":1,"loss":NaN',
        b'{"step":1,"loss":Infinity',
        b'{"step":01',
        b'{"step":1,"loss":1.',
        b'{"step":1,"loss":+1',
        b'{"step":1}',
        b'{"step":1,"x":"\xff"',
        b'{"step":1,"x":' + b"[" * 100_000,
        b'{"step":' + b"1" * 5000,
        b'{"step":1,"loss":"x"',
        b'{"step":1,"loss":null',
        b'{"step":1,"loss":true',
        b'{"step":1,"loss":1e999',
        b'{"step":1,"loss":' + b"9" * 400,
        b'{"step":1,"loss":0.5,"rate":"fast"',
        b'{"step":1,"loss":0.5,"lr":1,"rate":2,"time":3,"epoch":1.5',
        b'{"step":1,"loss":0.5,"lr":1,"rate":2,"time":3,"event":4',
        b'{"step":1,"loss":0.5,"lr":1,"rate":1e999,"time":3',
        b'{"step":1,"epoch":1,"average":"x","seconds":1',
        b'{"step":1,"event":["stopped"]',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_right_seal_alone_makes_no_record(body: bytes, path: Path) -> None:
    assert decode(sealed(body)) is None
    path.write_bytes(encode(step(1)) + sealed(body) + encode(step(2)))
    assert flat(Follower(path).batches()) == [(1, 0.5), (2, 0.5)]


@given(st.binary(max_size=200), st.booleans())
@example(b"\xef\xbb\xbf{}", True)
@example(b"{\0", True)
@settings(deadline=None)
def test_any_bytes_are_a_record_or_none(data: bytes, seal: bool) -> None:
    record = decode(sealed(data) if seal else data)
    assert record is None or type(record["step"]) is int


# --- the quick reader -------------------------------------------------------------------------------------------------

numbers = st.one_of(
    st.sampled_from(["0.1000000000000000055511151231257827", "123456789012345678901234567890", "1" * 400, "1" * 5000]),
    st.sampled_from(
        [
            "0",
            "-0",
            "1",
            "0.0",
            "1e-05",
            "1E5",
            "2.5e+10",
            "-1.5e-300",
            "1e999",
            "0.1000000000000000055511151231257827",
            "123456789012345678901234567890",
        ]
    ),
    st.sampled_from(["01", "1.", ".5", "+1", "1e", "0x1", "NaN", "Infinity", "1_0", "١", "null", "true", "[]", "{}", ""]),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
)
counts = st.one_of(st.integers(0, 20), st.integers(10**17, 1 << 64)).map(str) | st.sampled_from(["007", "-3", "1.0", "1e2", "", "٣"])


def filled(layout: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return st.tuples(*parts).map(lambda found: (layout % found).encode())


bodies = st.one_of(
    filled('{"step":%s,"loss":%s,"lr":%s,"rate":%s,"time":%s', counts, numbers, numbers, numbers, numbers),
    filled('{"step":%s,"loss":%s,"lr":1,"rate":2,"time":3,"more":%s', counts, numbers, numbers),
    filled('{"step":%s,"loss":%s,"lr":1,"rate":2,"time":3,"%s":%s', counts, numbers, st.sampled_from(["loss", "step", "lr"]), numbers),
    filled('{"step": %s, "loss":%s', counts, numbers),
    filled('{"epoch":1,"step":%s,"average":%s', counts, numbers),
    filled('{"event":"saved","step":%s', counts),
)
lines_of = st.lists(st.tuples(bodies, st.sampled_from(["whole"] * 6 + ["seal", "body", "blank"])), max_size=12)


def damaged(body: bytes, how: str) -> bytes:
    whole = sealed(body)
    return {"whole": whole, "seal": whole[:-4] + b'x"}\n', "body": b"{ " + whole[1:], "blank": b"\n"}[how]


@pytest.mark.slow
@given(lines_of)
@example([(b'{"step":1,"loss":123456789012345678901234567890,"lr":1,"rate":1,"time":1', "whole")])
@example([(b'{"step":1,"loss":1,"lr":' + b"1" * 5000 + b',"rate":1,"time":1', "whole")])
@settings(on_disk, max_examples=300)
def test_the_quick_reader_says_what_the_plain_one_says(path: Path, told: list[tuple[bytes, str]]) -> None:
    lines = b"".join(damaged(body, how) for body, how in told)
    path.write_bytes(lines)
    assert [short(record) for record in flat(Follower(path).batches())] == [short(record) for record in Follower(path).records()]


def test_each_flipped_byte_among_many_lines_costs_a_line_or_two(path: Path) -> None:
    whole = b"".join(encode(step(n, n / 7)) for n in range(1, 4))
    said = {(n, n / 7) for n in range(1, 4)}
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        left = flat(Follower(path).batches())
        assert len(left) in (1, 2)
        assert set(left) < said


def test_steps_come_together_and_the_rest_between_them(path: Path) -> None:
    path.write_bytes(b"".join(map(encode, [step(1), step(2), EPOCH, EVENT, step(20), step(30, 0.25)])))
    first, epoch, event, second = Follower(path).batches()
    assert isinstance(first, Steps)
    assert isinstance(second, Steps)
    assert (epoch, event) == (EPOCH, EVENT)
    assert (list(first.steps), list(second.steps), list(second.losses)) == ([1, 2], [20, 30], [0.5, 0.25])
    assert second.last == step(30, 0.25)
    assert list(Follower(path).records()) == [step(1), step(2), EPOCH, EVENT, step(20), step(30, 0.25)]


def test_steps_rise_within_a_batch(path: Path) -> None:
    told = [1, 2, 5, 4, 5, 5, 6, 1]
    path.write_bytes(b"".join(encode(step(n)) for n in told))
    assert [list(batch.steps) for batch in Follower(path).batches() if isinstance(batch, Steps)] == [[1, 2, 5], [4, 5], [5, 6], [1]]


# --- following --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [1, 13, 70_000])
def test_each_line_once_and_no_torn_one(path: Path, by: int) -> None:
    records = [step(n, n / 7) for n in range(1, 40 if by < 1000 else 4000)]
    stream = b"".join(map(encode, records))
    one, many = Follower(path), Follower(path)
    assert list(one.records()) == flat(many.batches()) == []  # nothing there yet
    seen, batched = list[Any](), list[Any]()
    with path.open("ab", buffering=0) as file:
        for at in range(0, len(stream), by):
            file.write(stream[at : at + by])
            seen += one.records()
            batched += flat(many.batches())
    assert seen == records
    assert batched == [(r["step"], r["loss"]) for r in records]


def test_reading_in_slices_is_reading_at_once(path: Path) -> None:
    path.write_bytes(b"".join(encode(step(n, n / 7)) for n in range(1, 6000)))
    follower, slices = Follower(path), []
    while not slices or follower.behind:
        slices.append(flat(follower.batches(budget=0)))
    assert len(slices) > 3
    assert all(slices)
    assert [each for told in slices for each in told] == flat(Follower(path).batches())


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 200), st.booleans()), max_size=6))
@on_disk
def test_a_writer_that_dies_and_one_that_cuts(path: Path, lives: list[tuple[int, int, bool]]) -> None:
    path.unlink(missing_ok=True)
    follower, seen, written = Follower(path), list[Any](), list[Any]()
    for count, torn, looked in lives:
        metrics.cut_torn_tail(path)
        records = [step(len(written) + n) for n in range(1, count + 1)]
        written += records
        with path.open("ab") as file:
            file.write(b"".join(map(encode, records)) + encode(EVENT)[: min(torn, len(encode(EVENT)) - 1)])
        if looked:
            seen += follower.records()
    metrics.cut_torn_tail(path)
    assert seen + list(follower.records()) == written


@pytest.mark.parametrize("count", [0, 2, 5, 9])
@pytest.mark.parametrize("how", ["truncated", "replaced"])
def test_another_file_is_read_from_its_start(path: Path, how: str, count: int) -> None:
    """Shorter, as long, or longer: it never goes on in the middle of a line."""
    path.write_bytes(b"".join(encode(step(n)) for n in range(1, 6)))
    follower = Follower(path)
    assert len(flat(follower.batches())) == 5
    other = path.with_suffix(".other") if how == "replaced" else path
    other.write_bytes(b"".join(encode(step(n, 0.125)) for n in range(1, count + 1)))
    if how == "replaced":
        os.replace(other, path)
    anew, *rest = flat(follower.batches())
    assert isinstance(anew, Restarted)
    assert rest == [(n, 0.125) for n in range(1, count + 1)]
    assert flat(follower.batches()) == []


def test_a_file_cut_back_to_a_line_and_continued(path: Path) -> None:
    lines = [encode(step(n)) for n in range(1, 6)]
    path.write_bytes(b"".join(lines))
    follower = Follower(path)
    assert len(list(follower.records())) == 5
    path.write_bytes(b"".join(lines[:3]) + encode(step(4, 0.25)) + encode(step(5, 0.25)) + encode(step(6, 0.25)))
    assert [record["loss"] for record in follower.records()] == [0.5] * 3 + [0.25] * 3


def test_a_line_without_end_is_passed_over_in_bounded_memory(path: Path) -> None:
    path.write_bytes(encode(step(1)) + b"x" * (3 * BLOCK) + encode(step(2)) + encode(step(3)))
    follower = Follower(path)
    assert flat(follower.batches()) == [(1, 0.5), (3, 0.5)]
    assert [record["step"] for record in metrics.read_backwards(path)] == [3, 1]
    path.write_bytes(encode(step(1)) + b"x" * (3 * BLOCK))
    follower = Follower(path)
    assert flat(follower.batches()) == [(1, 0.5)]
    with path.open("ab") as file:
        file.write(b"\n" + encode(step(2)))
    assert flat(follower.batches()) == [(2, 0.5)]


def test_no_file_is_no_news(path: Path) -> None:
    follower = Follower(path)
    path.mkdir()
    assert list(follower.records()) == []
    with pytest.raises(OSError, match="not a regular file"):
        list(metrics.read_backwards(path))
    path.rmdir()
    assert list(follower.records()) == list(metrics.read_backwards(path)) == []
    path.write_bytes(encode(EVENT))
    assert list(follower.records()) == [EVENT]
    path.unlink()
    assert list(follower.records()) == []


# --- from the end -----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 2 * BLOCK), max_size=5), st.integers(0, 2 * BLOCK), st.integers(1, 4 * BLOCK))
@example([], 1, 1)
@example([BLOCK - 50], BLOCK, 1)
@settings(on_disk, max_examples=60)
def test_backwards_is_forwards_reversed(path: Path, sizes: list[int], torn: int, reach: int) -> None:
    records = [{"step": n, "pad": "p" * size} for n, size in enumerate(sizes)]
    lines = [encode(record) for record in records]
    path.write_bytes(b"".join(lines) + b"t" * torn)
    kept = [record for record, each in zip(records, lines, strict=True) if len(each) <= BLOCK]  # longer ones may be left out
    assert [record for record in metrics.read_backwards(path) if record in kept] == kept[::-1]
    assert list(Follower(path).records()) == kept
    near = list(metrics.read_backwards(path, reach=reach))
    assert near == list(metrics.read_backwards(path))[: len(near)]


def test_the_last_of_a_kind(path: Path) -> None:
    records = [{**EVENT, "step": 0}, *(step(n, 1 / n) for n in range(1, 3000)), EPOCH]
    path.write_bytes(b"".join(map(encode, records)) + encode(EVENT)[:-9])
    assert metrics.find_last(path, lambda record: True) == EPOCH
    assert metrics.find_last(path, lambda record: "loss" in record) == step(2999, 1 / 2999)
    assert metrics.find_last(path, lambda record: record["step"] == 17) == step(17, 1 / 17)
    assert metrics.find_last(path, lambda record: "event" in record, holding=b'"event"') == {**EVENT, "step": 0}
    assert metrics.find_last(path, lambda record: False) is None
    assert list(metrics.read_backwards(path, b'"event"', reach=1000)) == []


@given(whole=st.integers(0, 3), torn=st.integers(0, 2 * BLOCK))
@on_disk
def test_a_tail_of_any_length_is_cut(path: Path, whole: int, torn: int) -> None:
    lines = b"".join(encode({"step": n, "pad": "p" * 70_000}) for n in range(whole))
    path.write_bytes(lines + b"x" * torn)
    metrics.cut_torn_tail(path)
    assert path.read_bytes() == lines


def test_there_need_be_nothing_to_cut(path: Path) -> None:
    metrics.cut_torn_tail(path)
    assert not path.exists()
