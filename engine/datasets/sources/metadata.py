"""Parses metadata.csv and metadata.jsonl: `file_name`, and `label` or `text`, as Hugging Face's imagefolder has them. Reads no pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.errors import SettingError
from engine.formatting import one_line, printable
from engine.storage.atomic import parse_json

NAMES = ("metadata.csv", "metadata.jsonl")
LONGEST_TEXT = 10_000
"""Characters of a text; longer ones are cut."""
WAY_OUT = "each line needs a file_name, and a label or a text"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a metadata file."""

    file_name: str
    """With slashes, from the metadata file's folder."""
    label: str | None
    text: str | None


def parse_metadata(name: str, raw: bytes) -> list[Row]:
    """The rows in the content of a metadata file. Raises SettingError, which names the file and the line."""
    text = raw.decode("utf-8-sig", "surrogateescape")  # names of files may be any bytes
    rows = []
    for line, values in _json_lines(name, text) if name.endswith(".jsonl") else _csv_lines(name, text):
        file_name = values.get("file_name")
        if not isinstance(file_name, str) or not file_name:
            raise SettingError(f"line {line} of {printable(name)} has no file_name; {WAY_OUT}")
        rows.append(Row(_clean(file_name), _label(name, line, values.get("label")), _text(name, line, values.get("text"))))
    if not rows:
        raise SettingError(f"{printable(name)} has no lines; {WAY_OUT}")
    return rows


def _json_lines(name: str, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values = parse_json(line)  # type: ignore[arg-type]  # text serves as well as bytes
        except ValueError as error:
            raise SettingError(f"line {number} of {printable(name)} is not JSON ({one_line(error)})") from None
        if not isinstance(values, dict):
            raise SettingError(f"line {number} of {printable(name)} is not a JSON object; {WAY_OUT}")
        yield number, values


def _csv_lines(name: str, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text.replace("\0", ""), newline=""))
    try:
        header = next(reader, [])
        columns = [column.strip() for column in header]
        if "file_name" not in columns:
            found = ", ".join(printable(column, 30) for column in columns[:5]) or "nothing"
            raise SettingError(f"{printable(name)} has no column file_name, but {found}; {WAY_OUT}")
        for row in reader:
            if any(row):
                yield reader.line_num, dict(zip(columns, row, strict=False))
    except csv.Error as error:
        raise SettingError(f"line {reader.line_num} of {printable(name)} is not CSV ({one_line(error)})") from None


def _clean(file_name: str) -> str:
    """With slashes, also where Windows wrote it, and without steps that lead nowhere."""
    parts: list[str] = []
    for part in file_name.replace("\\", "/").split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _label(name: str, line: int, value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str | int):
        return str(value).strip() or None
    raise SettingError(f"line {line} of {printable(name)} has a label that is neither a word nor a number; write one class for each picture")


def _text(name: str, line: int, value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    raise SettingError(f"line {line} of {printable(name)} has a text that is not text; write a sentence in quotes")
