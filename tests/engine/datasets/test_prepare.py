"""A source becomes the same images whoever decodes them; the cache is found again, and never half there."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from finish import finish
from memory_source import MemorySource, paint
from PIL import Image

from engine.config.data import MNIST, Preparation
from engine.config.data_choice import DataChoice
from engine.datasets import cache
from engine.datasets import prepare as preparing
from engine.datasets.findings import Findings
from engine.datasets.lock import PrepareLock
from engine.datasets.options import DataOptions
from engine.datasets.picture import Target, to_pixels
from engine.datasets.prepare import PreparedData, prepare, prepare_source, prepare_with_findings, restore
from engine.datasets.sources.container import Listing
from engine.datasets.sources.folder import Folder
from engine.errors import SettingError, StorageError
from engine.protocol.events import Preparing


def made(source: MemorySource, options: DataOptions | None = None) -> PreparedData:
    return finish(prepare_source(lambda _: source, options or DataOptions()))


def arrays(data: PreparedData, train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    return np.load(data.images.path("images.npy", train)), np.load(data.images.path("labels.npy", train))


def leftovers() -> list[str]:
    """What is in the folder of images but no complete data set."""
    folder = cache.datasets_dir() / "images"
    complete = {prepared.folder.name for prepared in cache.all_prepared()}
    return sorted({path.name for path in folder.iterdir()} - complete) if folder.exists() else []


@pytest.mark.parametrize("count", [5, 70], ids=["in this process", "by workers"])
def test_images_are_those_that_pillow_makes_one_by_one(count: int) -> None:
    source = MemorySource(count, texts=True)
    data = made(source)
    images, labels = arrays(data)
    target = Target(32, 32, 3)  # nearest to the shorter side, 40, with the smaller of two equally near
    assert data.spec.shape == (3, 32, 32)
    assert np.array_equal(images, np.stack([to_pixels(paint(number, (48, 40)), target) for number in range(count)]))
    assert labels.tolist() == [number % 2 for number in range(count)]
    assert data.images.names() == [f"{number:05}.png" for number in range(count)]
    assert data.images.texts() == [f"picture {number}" for number in range(count)]
    scaled = images.astype(np.float64) / 127.5 - 1
    assert (data.spec.mean, data.spec.std) == pytest.approx((scaled.mean(), scaled.std()), abs=1e-9)
    digest = hashlib.sha256(str(images.shape).encode() + images.tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    assert data.spec.digest == f"sha256:{digest}"
    assert data.spec.preparation == Preparation()
    assert leftovers() == []


@pytest.mark.slow
@pytest.mark.parametrize("hold_out", [0.0, 0.2])
def test_damaged_pictures_are_left_out_and_named(hold_out: float) -> None:
    bad = frozenset({3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 40})
    data = made(MemorySource(80, damaged=bad), DataOptions(preparation=Preparation(hold_out=hold_out)))
    good = made(MemorySource(80 - len(bad), order=[k for k in range(80) if k not in bad], labels=[k % 2 for k in range(80) if k not in bad]))
    if not hold_out:
        assert data.spec.digest == good.spec.digest  # as if they had never been there
    assert data.spec.train_images + (data.spec.test_images or 0) == 68
    assert data.findings.damaged == 12
    assert len(data.findings.damaged_pictures) == 12
    (warning,) = data.findings.warnings
    assert warning.startswith("12 pictures are damaged and left out: 00003.png (it is truncated);")
    assert warning.endswith("and 2 more")


@pytest.mark.slow
def test_a_picture_that_kills_its_worker_costs_only_itself() -> None:
    data = made(MemorySource(70, deadly=frozenset({20, 33})))
    assert data.spec.train_images == 68
    assert [name for name, _ in data.findings.damaged_pictures] == ["00020.png", "00033.png"]


def test_a_second_call_decodes_nothing_and_says_the_same() -> None:
    source = MemorySource(5)
    first = made(source, DataOptions())
    slow = MemorySource(5, deadly=frozenset(range(5)))  # reading any picture would end this process
    assert made(slow) == first
    assert made(slow, DataOptions(sides=(32, 32))) == first  # what was chosen, chosen by the user


def test_a_changed_source_gives_another_digest_and_the_old_spec_is_refused_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    old = made(MemorySource(6)).spec
    monkeypatch.setattr(preparing, "open_source", lambda *_: MemorySource(7, version="2"))
    finish(restore(old))  # its images are still there
    cache.remove(cache.all_prepared()[0])
    with pytest.raises(SettingError) as refused:
        finish(restore(old))
    new = cache.all_prepared()[0].spec
    assert new.digest != old.digest
    assert new.digest in str(refused.value)
    assert old.digest in str(refused.value)
    assert "--start-from RUN --data" in str(refused.value)


def test_images_removed_from_the_cache_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    options = DataOptions((16, 24), Preparation("pad", "white", ("light",), 0.2), grey=True)
    source = MemorySource(40)
    first = made(source, options)
    cache.remove(first.images)
    assert cache.all_prepared() == []
    monkeypatch.setattr(preparing, "open_source", lambda *_: source)
    finish(restore(first.spec))
    assert cache.find_images(first.spec.digest, first.spec.test_images) is not None


def test_a_source_that_takes_long_to_open_says_how_many_files_it_has_found_and_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "WAIT", 0.001)
    left: list[Listing] = []

    def reopen(listing: Listing) -> MemorySource:
        left.append(listing)
        listing.files["a.png"] = 1
        while not listing.abandoned:
            time.sleep(0.001)
        raise StorageError("nobody waits")

    job = prepare_source(reopen, DataOptions(), "opening /")
    assert next(job) == Preparing("opening /")
    assert Preparing("opening /: 1 files") in (next(job), next(job))
    job.close()
    assert left[0].abandoned


def test_a_listing_that_nobody_waits_for_ends(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageError, match="was stopped"):
        Folder(tmp_path, Listing(abandoned=True))


def test_pictures_that_were_moved_are_asked_for_by_their_option(tmp_path: Path) -> None:
    spec = replace(MNIST, source=str(tmp_path / "gone"), digest="sha256:00", preparation=Preparation())
    with pytest.raises(SettingError, match=r"is gone.*--data NEW"):
        finish(restore(spec))


@pytest.mark.slow
def test_held_out_images_depend_on_the_pictures_and_not_on_their_order() -> None:
    options = DataOptions(preparation=Preparation(hold_out=0.2))
    one = made(MemorySource(50, same=4), options)
    order = list(reversed(range(50)))
    other = made(MemorySource(50, same=4, order=order, labels=[(k if k < 46 else 0) % 2 for k in order], version="2"), options)
    kept, trained = ([{image.tobytes() for image in arrays(data, train)[0]} for data in (one, other)] for train in (False, True))
    assert kept[0] == kept[1]
    assert trained[0] == trained[1]
    assert not kept[0] & trained[0]  # equal pictures are on one side
    assert one.spec.test_images in range(10, 15)
    assert one.spec.preparation is not None
    assert one.spec.preparation.hold_out == 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "kept", "said"),
    [
        (MemorySource(101), 10, True),
        (MemorySource(100), 0, False),
        (MemorySource(110, first_test=105), 5, False),
        (MemorySource(101, same=101), 0, False),
    ],
    ids=["enough", "too few", "a test part", "all equal"],
)
def test_a_tenth_of_many_pictures_is_held_out_where_nothing_is_said(source: MemorySource, kept: int, said: bool) -> None:
    options = DataOptions.of(DataChoice("memory", size="16"))
    data = made(source, options)
    assert data.spec.test_images == kept
    assert any("--hold-out 0 trains on all of them" in each for each in data.findings.choices) == said
    assert made(source, DataOptions.again(data.spec)).spec.digest == data.spec.digest
    everything = made(source, DataOptions.of(DataChoice("memory", size="16", hold_out="0")))
    assert everything.spec.test_images == (kept if source.entry(len(source) - 1).test else 0)


def test_a_source_with_test_pictures_keeps_those() -> None:
    data = made(MemorySource(40, first_test=30), DataOptions(preparation=Preparation(hold_out=0.5)))
    assert (data.spec.train_images, data.spec.test_images) == (30, 10)
    assert "the 10 test images are kept from training; --hold-out is not used" in data.findings.choices


def test_classes_are_chosen_and_numbered_in_the_users_order() -> None:
    data = made(MemorySource(30, class_names=("a", "b", "c")), DataOptions(preparation=Preparation(classes=("c", "a"))))
    assert data.spec.class_names == ("c", "a")
    assert arrays(data)[1].tolist() == [1, 0] * 10
    assert data.findings.left_out == 10


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (MemorySource(4), DataOptions(preparation=Preparation(classes=("lihgt",))), "no class lihgt; did you mean light?"),
        (MemorySource(4, class_names=()), DataOptions(preparation=Preparation(classes=("a",))), "have no classes"),
        (MemorySource(4, labels=[0, 1, 2, 0]), DataOptions(), "00002.png of memory has the label 2, but its 2 classes are numbered from 0"),
        (MemorySource(4, labels=[0, None, 1, None]), DataOptions(), "2 pictures of memory have no class"),
        (MemorySource(3, damaged=frozenset(range(3))), DataOptions(), "pictures of memory can be read"),
        (MemorySource(0), DataOptions(), "no picture that can be read"),
        (MemorySource(4, first_test=0), DataOptions(), "none of the training pictures"),
        (MemorySource(1), DataOptions(preparation=Preparation(hold_out=0.1)), "two different pictures"),
        (MemorySource(9, same=9), DataOptions(preparation=Preparation(hold_out=0.1)), "two different pictures"),
    ],
)
def test_what_cant_be_used_is_refused_in_a_sentence(source: MemorySource, options: DataOptions, message: str) -> None:
    with pytest.raises(SettingError, match=message.replace("?", r"\?")):
        made(source, options)
    assert leftovers() == []


def test_sets_without_classes_of_one_picture_and_of_ten_thousand_classes() -> None:
    none = made(MemorySource(3, class_names=()))
    assert none.spec.class_names == ()
    assert arrays(none)[1].tolist() == [0, 0, 0]
    one = made(MemorySource(1, class_names=("only",)))
    assert (one.spec.train_images, one.findings.class_counts) == (1, (1,))
    many = made(MemorySource(3, class_names=tuple(f"class {k}" for k in range(10_000)), labels=[0, 9_999, 4]))
    assert arrays(many)[1].tolist() == [0, 9_999, 4]
    assert made(MemorySource(3, class_names=many.spec.class_names, deadly=frozenset(range(3)), labels=[0, 9_999, 4])) == many
    flat = MemorySource(2, class_names=(), size=(1, 20), same=2, version="2")
    with pytest.raises(SettingError, match="one flat colour"):
        made(flat)


@pytest.mark.slow
def test_test_images_that_are_training_images_are_said() -> None:
    data = made(MemorySource(40, same=3, first_test=38))  # the last three are as the first, two of them in the test part
    assert data.findings.equal == 3
    assert any(said.startswith("2 test images are exactly like a training image") for said in data.findings.warnings)
    split = made(MemorySource(40, same=3), DataOptions(preparation=Preparation(hold_out=0.5)))
    assert split.findings.equal == 3
    assert not any("exactly like a training image" in said for said in split.findings.warnings)


def test_equal_images_and_unequal_classes_are_said() -> None:
    data = made(MemorySource(40, same=3, labels=[0] * 37 + [1] * 3))
    assert data.findings.equal == 3
    assert data.findings.first_equal[0] == ("00037.png", "00000.png")
    assert any("3 images are exactly like another one" in said for said in data.findings.warnings)
    assert any("37 images of dark, 3 of light" in said for said in data.findings.warnings)


def test_nearly_equal_images_are_said_with_their_names(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((80, 70), Image.Resampling.BICUBIC)
    for name, picture in {"a.png": noise, "b.png": noise.transpose(Image.Transpose.ROTATE_180), "c.jpg": noise}.items():
        picture.save(photos / name)
    data = finish(prepare_with_findings(str(photos), DataOptions()))
    assert (data.findings.equal, data.findings.near, data.findings.first_near) == (0, 1, (("c.jpg", "a.png"),))
    assert any(said.startswith("1 image is nearly like another one") and said.endswith("c.jpg and a.png") for said in data.findings.warnings)


def test_files_that_hold_several_pictures_are_named(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    first, second = (paint(number, (40, 40)) for number in (1, 2))
    first.save(photos / "moving.gif", save_all=True, append_images=[second])
    first.save(photos / "pages.tif", save_all=True, append_images=[second])
    second.save(photos / "still.gif")
    said = finish(prepare_with_findings(str(photos), DataOptions())).findings.warnings
    assert any(each.startswith("2 files hold several pictures") and each.endswith("moving.gif, pages.tif") for each in said)


@pytest.mark.parametrize("count", [1, 3])
def test_a_folder_without_a_readable_picture_names_one_and_says_why(tmp_path: Path, count: int) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(count):
        (photos / f"{number}.png").write_text("<!DOCTYPE html>")
    with pytest.raises(SettingError, match=rf"^none of {count} pictures .* can be read: 0\.png \(it is a web page"):
        finish(prepare_with_findings(str(photos), DataOptions()))


def test_findings_of_earlier_versions_are_read() -> None:
    values = json.loads(json.dumps(made(MemorySource(5)).findings.to_dict()))
    del values["near"], values["first_near"]
    assert Findings.from_dict(values).near == 0
    del values["equal"]
    with pytest.raises(ValueError, match="not findings"):
        Findings.from_dict(values)


@pytest.mark.slow
@pytest.mark.parametrize("count", [5, 200])
def test_closing_early_leaves_no_process_and_no_file(count: int) -> None:
    source, before = MemorySource(count, seconds=0.01), set(psutil.Process().children())
    with closing(prepare_source(lambda _: source, DataOptions())) as job:
        while True:
            event = next(job)
            if isinstance(event, Preparing) and event.fraction:
                break
        assert leftovers()  # it was under way
    assert leftovers() == []
    assert set(psutil.Process().children()) <= before
    assert made(source).spec.train_images == count  # and the lock is free


def test_a_source_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    version = tmp_path / "version"
    version.write_text("1")
    source = MemorySource(5, version=str(version))
    job = prepare_source(lambda _: source, DataOptions())
    next(job), next(job)  # it is open, and being read
    version.write_text("2")
    with pytest.raises(SettingError, match="changed while it was read"):
        finish(job)
    assert made(source).spec.train_images == 5


def test_a_disk_that_fills_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    other = made(MemorySource(3)).spec
    real = cache.complete_folder

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "complete_folder", full)
    with pytest.raises(StorageError, match=r"No space left on device; free some space, or set DIGITTY_HOME"):
        made(MemorySource(6, version="2"))
    assert leftovers() == []
    monkeypatch.setattr(cache, "complete_folder", real)
    assert cache.find_images(other.digest) is not None


def test_images_that_cant_fit_are_refused_before_any_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.datasets.making.shutil.disk_usage", lambda _: type("Usage", (), {"free": 100})())
    with pytest.raises(StorageError, match=r"the images need 18 kB, and .* has 100 B left"):
        made(MemorySource(6))


@pytest.mark.parametrize(("mode", "sides", "why"), [("RGB", None, "in colour.* with --grey"), ("L", (160, 160), "128 pixels.* 160x160; use --size")])
def test_images_whose_strokes_cant_be_measured_are_refused_before_any_is_decoded(mode: str, sides: tuple[int, int] | None, why: str) -> None:
    source, options = MemorySource(6, mode=mode), DataOptions(sides)
    for decoded in (0, 1):  # also where they are in the cache already
        with pytest.raises(SettingError, match=why):
            finish(prepare_source(lambda _: source, options, for_strokes=True))
        assert len(cache.all_prepared()) == decoded
        made(source, options)
    grey = finish(prepare_source(lambda _: MemorySource(6), DataOptions(grey=True), for_strokes=True))
    assert grey.spec.channels == 1


@pytest.mark.parametrize("damage", ["truncated", "missing", "changed", "spec"])
def test_a_damaged_cache_is_made_again(damage: str) -> None:
    source = MemorySource(6)
    first = made(source)
    images = first.images.path("images.npy")
    if damage == "truncated":
        os.truncate(images, 1000)
    elif damage == "missing":
        images.unlink()
    elif damage == "changed":  # one bit, in a file of the same size
        raw = bytearray(images.read_bytes())
        raw[500] ^= 1
        images.write_bytes(raw)
    else:
        (first.images.folder / cache.DATA).write_text("{}")
    assert cache.find_images(first.spec.digest) is None
    again = made(source)
    assert again.spec == first.spec
    assert cache.find_images(first.spec.digest) is not None


def test_a_cache_that_was_copied_is_still_good() -> None:
    first = made(MemorySource(6))
    os.utime(first.images.path("images.npy"))  # as a copy has other times
    assert cache.find_images(first.spec.digest) is not None


@pytest.mark.slow
@pytest.mark.parametrize("kill", ["SIGTERM", "SIGKILL", "SIGINT"])
def test_a_killed_process_leaves_no_worker_and_no_half_cache(kill: str, tmp_path: Path) -> None:
    code = (
        "import json, sys\nfrom memory_source import MemorySource\nfrom engine.datasets.prepare import prepare_source\n"
        "from engine.datasets.options import DataOptions\nfrom engine.datasets.workers import Worker\nfound = []\nbefore = Worker.__init__\n"
        "def noted(self):\n    before(self)\n    found.append(self.process.pid)\n"
        "Worker.__init__ = noted\n"
        "for event in prepare_source(lambda _: MemorySource(3000, seconds=0.02), DataOptions()):\n"
        "    if getattr(event, 'fraction', None):\n        print(json.dumps(found), flush=True)\n"
    )
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert process.stdout is not None
    workers = json.loads(process.stdout.readline())
    assert workers
    process.send_signal(getattr(signal, kill))
    process.stdout.close()
    process.wait(timeout=30)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert cache.all_prepared() == []
    assert finish(prepare_source(lambda _: MemorySource(3, version="2"), DataOptions())).spec.train_images == 3


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_two_that_prepare_the_same_do_it_once() -> None:
    source = MemorySource(5)
    first = prepare_source(lambda _: source, DataOptions())
    next(first), next(first)  # it has the lock
    second = prepare_source(lambda _: MemorySource(5, deadly=frozenset(range(5))), DataOptions())
    next(second)
    assert next(second) == Preparing("waiting for another process, which prepares memory")
    assert finish(first) == finish(second)


def test_mnist_itself_needs_no_cache() -> None:
    assert finish(prepare("mnist", DataOptions())) == MNIST
    assert not cache.datasets_dir().exists()


def test_a_cache_that_cant_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIGITTY_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="can't create the folder"):
        made(MemorySource(3))


def test_what_a_killed_process_left_is_removed_by_the_next_one() -> None:
    folder = cache.datasets_dir() / "images"
    for name in (f"{cache.UNFINISHED_KEY}gone", f"{cache.REMOVED}old", f"{cache.UNFINISHED_KEY}busy"):
        (folder / name).mkdir(parents=True)
        (folder / name / "images.npy").write_bytes(b"half")
    busy = PrepareLock(cache.lock_path("busy"))
    assert busy.acquire()
    made(MemorySource(3))
    assert leftovers() == [f"{cache.UNFINISHED_KEY}busy"]
    busy.release()
    cache.sweep()
    assert leftovers() == []
