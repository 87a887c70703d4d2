"""Folders of pictures: which files count, and which classes they have."""

from __future__ import annotations

import io
import json
import os
import pickle
from pathlib import Path

import pytest
from PIL import Image

from engine.datasets.sources.registry import open_source
from engine.datasets.sources.source import DamagedPictureError, Source
from engine.errors import DigittyError, SettingError


def png(shade: int = 100) -> bytes:
    file = io.BytesIO()
    Image.new("L", (6, 4), shade).save(file, "PNG")
    return file.getvalue()


def tree(root: Path, *names: str) -> Path:
    """Pictures at these places below the folder; a name that ends in a slash is an empty folder, one with another ending holds a word."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png() if name.lower().endswith((".png", ".jpg")) else b"word")
    return root


def listed(source: Source) -> list[tuple[str, str | None, bool]]:
    entries = [source.entry(i) for i in range(len(source))]
    return [(each.name, None if each.label is None else source.class_names[each.label], each.test) for each in entries]


def opened(root: Path) -> Source:
    return open_source(str(root))


def test_a_folder_a_class_as_torchvision_has_it(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    root = tree(tmp_path / "pets", "dog/b.png", "dog/a.JPG", "cat/2019/deep/x.png", "cat/y.png", "Zebra/z.png", "cat/notes.txt")
    source = opened(root)
    theirs = ImageFolder(root)
    assert source.class_names == tuple(theirs.classes) == ("Zebra", "cat", "dog")
    assert {(str(root / name), label) for name, label, _ in listed(source)} == {(path, theirs.classes[label]) for path, label in theirs.samples}
    assert source.name == "pets"
    assert open_source(source.location).fingerprint() == source.fingerprint()
    again = pickle.loads(pickle.dumps(source))
    assert again.read(0).size == (6, 4)
    assert source.warnings == ["left out 1 other file (.txt)"]


def test_a_flat_folder_has_no_classes(tmp_path: Path) -> None:
    source = opened(tree(tmp_path / "flat", "b.png", "a.png", "10.png"))
    assert source.class_names == ()
    assert listed(source) == [("10.png", None, False), ("a.png", None, False), ("b.png", None, False)]


@pytest.mark.parametrize(
    ("train", "test"), [("train", "test"), ("Training", "Testing"), ("train", "val"), ("train", "valid"), ("train", "validation")]
)
def test_halves(tmp_path: Path, train: str, test: str) -> None:
    root = tree(tmp_path, f"{train}/cat/1.png", f"{train}/dog/2.png", f"{test}/cat/3.png", f"{test}/bird/4.png", "more/5.png", f"{test}/6.png")
    source = opened(root)
    assert listed(source) == [(f"{train}/cat/1.png", "cat", False), (f"{train}/dog/2.png", "dog", False), (f"{test}/cat/3.png", "cat", True)]
    told = " ".join(source.warnings)
    assert all(name in told for name in ("more/5.png", "bird", f"{test}/6.png"))


def test_halves_without_classes(tmp_path: Path) -> None:
    source = opened(tree(tmp_path, "train/1.png", "test/2.png"))
    assert (source.class_names, listed(source)) == ((), [("train/1.png", None, False), ("test/2.png", None, True)])


def test_a_lone_folder_is_looked_into(tmp_path: Path) -> None:
    assert opened(tree(tmp_path / "a", "images/cat/1.png", "images/dog/2.png")).class_names == ("cat", "dog")
    assert opened(tree(tmp_path / "b", "train/1.png")).class_names == ()
    assert opened(tree(tmp_path / "c", "cat/1.png")).class_names == ("cat",)
    assert opened(tree(tmp_path / "d", "x/train/cat/1.png", "x/test/cat/2.png")).entry(1).test


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "r", "cat/1.png", "cat/.2.png", ".git/3.png", "__MACOSX/cat/4.png", "cat/Thumbs.db", "dog/", "bird/a.txt", "loose.png", "no.heic"
    )
    (root / "cat/empty.png").touch()
    os.mkfifo(root / "cat/pipe.png")
    (tmp_path / "outside.png").write_bytes(png())
    (root / "cat/away.png").symlink_to(tmp_path / "outside.png")
    (root / "cat/broken.png").symlink_to("nowhere")
    (root / "cat/round").symlink_to(root)
    (root / "cat/same.png").symlink_to("1.png")
    source = opened(root)
    assert [name for name, _, _ in listed(source)] == ["cat/1.png", "cat/same.png"]
    told = "\n".join(source.warnings)
    for name in ("empty.png", "pipe.png", "away.png", "broken.png", "cat/round", "loose.png", "bird, dog", ".heic"):
        assert name in told, name
    for name in (".2.png", "3.png", "4.png", "Thumbs"):
        assert name not in told


def test_names_that_are_not_text_are_read_and_printed(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    with open(folder + b"/\x1b[2J\xff.png", "wb") as file:
        file.write(png())
    source = opened(tmp_path)
    assert source.class_names == ("caf·",)
    assert source.entry(0).name.isprintable()
    assert source.read(0)
    (tmp_path / "metadata.csv").write_bytes(b"file_name,label\ncaf\xe9/\x1b[2J\xff.png,x\n")
    assert opened(tmp_path).class_names == ("x",)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.png", "b.png")
    (root / "b.png").write_bytes(png()[:40])
    source = opened(root)
    assert source.read(0)
    with pytest.raises(DamagedPictureError, match=r"b\.png"):
        source.read(1)
    (root / "a.png").unlink()
    with pytest.raises(DamagedPictureError, match="No such file"):
        source.read(0)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_metadata_labels_and_describes(tmp_path: Path, kind: str) -> None:
    root = tree(tmp_path, "b.png", "a.png", "in/c.png", "unnamed.png")
    rows = [("a.png", "10", 'says "hi", twice'), ("in\\c.png", "9", ""), ("./b.png", "10", "a b\nc"), ("a.png", "9", "again")]
    if kind == "csv":
        quoted = [f'{name},{label},"{text.replace(chr(34), chr(34) * 2)}"' for name, label, text in rows]
        (root / "metadata.csv").write_text("\ufefffile_name,label,text\r\n" + "\r\n".join(quoted), "utf-8")
    else:
        lines = [json.dumps({"file_name": name, "label": int(label), "text": text or None}) for name, label, text in rows]
        (root / "metadata.jsonl").write_text("\n\n".join(lines))
    source = opened(root)
    assert source.class_names == ("9", "10")
    assert listed(source) == [("in/c.png", "9", False), ("a.png", "10", False), ("b.png", "10", False)]
    assert [source.entry(i).text for i in range(3)] == [None, 'says "hi", twice', "a b\nc"]
    told = " ".join(source.warnings)
    assert "unnamed.png" in told
    assert "twice" in told


def test_metadata_in_halves(tmp_path: Path) -> None:
    root = tree(tmp_path, "train/a.png", "train/b.png", "test/a.png", "test/c.png")
    (root / "train/metadata.csv").write_text("file_name,label\na.png,cat\nb.png,dog\n")
    (root / "test/metadata.csv").write_text("file_name,label\na.png,dog\nc.png,cow\n")
    source = opened(root)
    assert listed(source) == [("train/a.png", "cat", False), ("train/b.png", "dog", False), ("test/a.png", "dog", True)]
    assert any("cow" in warning for warning in source.warnings)
    for half in ("train", "test"):
        (root / half / "metadata.csv").unlink()
    (root / "metadata.csv").write_text("file_name,text\ntest/c.png,one\ntrain/a.png,two\n")
    source = opened(root)
    assert listed(source) == [("train/a.png", None, False), ("test/c.png", None, True)]
    assert [source.entry(i).text for i in range(2)] == ["two", "one"]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("metadata.csv", "", "no column file_name"),
        ("metadata.csv", "file_name,label\n", "no lines"),
        ("metadata.csv", "name,label\na.png,x\n", "name, label"),
        ("metadata.csv", "file_name,label\nmissing.png,x\n", "missing.png"),
        ("metadata.csv", "file_name,label\n../../etc/passwd,x\n", "can't be found"),
        ("metadata.csv", "file_name,label\n/etc/passwd,x\n", "can't be found"),
        ("metadata.csv", "file_name,label\n,x\n", "line 2"),
        ("metadata.csv", 'file_name,label\na.png,"' + "x" * 200_000, "CSV"),
        ("metadata.jsonl", '{"file_name": "a.png"', "not JSON"),
        ("metadata.jsonl", "[" * 100_000, "not JSON"),
        ("metadata.jsonl", '["a.png"]', "object"),
        ("metadata.jsonl", '{"file_name": 3}', "file_name"),
        ("metadata.jsonl", '{"file_name": "a.png", "label": [1]}', "label"),
        ("metadata.jsonl", '{"file_name": "a.png", "label": 1.5}', "label"),
        ("metadata.jsonl", '{"file_name": "a.png", "text": 3}', "text"),
    ],
)
def test_metadata_that_can_not_be_used_says_why(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tree(tmp_path, "a.png") / name).write_text(text)
    with pytest.raises(SettingError, match=why) as caught:
        opened(tmp_path)
    assert str(caught.value).isprintable()


def test_two_metadata_files_are_one_too_many(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.png")
    (root / "metadata.csv").write_text("file_name,label\na.png,x\n")
    (root / "metadata.jsonl").write_text('{"file_name": "a.png"}')
    with pytest.raises(SettingError, match="both"):
        opened(root)


@pytest.mark.parametrize("names", [(), ("notes.txt",), ("cat/",), (".a.png",), ("no.svg", "no.heic")])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(SettingError, match="no picture") as caught:
        opened(tree(tmp_path, *names))
    assert caught.value.exit_code == 2


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"no folder .*cats"):
        opened(tmp_path / "cats")


@pytest.mark.parametrize("change", ["add", "remove", "write", "rename"])
def test_a_changed_folder_has_another_fingerprint(tmp_path: Path, change: str) -> None:
    root = tree(tmp_path, "cat/a.png", "dog/b.png")
    before = opened(root).fingerprint()
    if change == "add":
        tree(root, "cat/c.png")
    elif change == "remove":
        (root / "cat/a.png").unlink()
        (root / "cat/a.png").touch()
    elif change == "write":
        os.utime(root / "cat/a.png", (1, 1))
    else:
        (root / "cat/a.png").rename(root / "cat/z.png")
    assert opened(root).fingerprint() != before


def test_too_many_classes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.datasets.sources import layout

    monkeypatch.setattr(layout, "MOST_CLASSES", 2)
    with pytest.raises(DigittyError, match="3 classes"):
        opened(tree(tmp_path, "a/1.png", "b/1.png", "c/1.png"))


def test_folders_without_end_are_left_out(tmp_path: Path) -> None:
    root = tree(tmp_path, "cat/a.png", "/".join(["d"] * 80) + "/b.png")
    assert len(opened(root)) == 1
