"""A writer's claim on a run, which no two processes have at a time. See runs/liveness.py for its files. No torch."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from engine.errors import MovedError, RunError, StorageError
from engine.formatting import printable
from engine.runs import liveness
from engine.runs.liveness import Life, Owner, Sight
from engine.storage.atomic import open_regular, sync_folder, write_checksummed

PATIENCE = 1.0
"""Seconds to try for the lock: a reader that asks whether it is held has it for a moment."""
BEAT_ENDS = 1.0
"""Seconds to wait for a heartbeat under way."""


class Claim:
    """Held from its making to `release`. Raises RunError where another process has one, StorageError where the folder can't be written."""

    def __init__(self, folder: Path, ended: Callable[[], bool]) -> None:
        self.folder = folder
        self._ended = ended
        self._left = threading.Event()
        self._beats = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._count = 0
        try:
            self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageError(f"can't open {folder}: {error.strerror}") from None
        try:
            self._lock = self._locked()
            try:
                self.path = self._claimed()
                self._own = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except BaseException:
                self._lock.close()
                raise
        except OSError as error:
            os.close(self._root)
            where = error.filename if isinstance(error.filename, str) else folder
            raise StorageError(f"can't write {where}: {error.strerror or error}; remove what is in its place, or free some room") from None
        except BaseException:
            os.close(self._root)
            raise

    def begin(self) -> None:
        """Starts the heartbeat."""
        self._beats.start()

    def release(self) -> None:
        """Once only. Works wherever the folder was moved to."""
        self._left.set()
        if self._beats.is_alive():
            self._beats.join(BEAT_ENDS)
        with suppress(OSError):  # else its lock or its process says the same
            os.rename("owner.json", "released.json", src_dir_fd=self._own, dst_dir_fd=self._own)
        with suppress(OSError):  # closing may fail on a file system of the network, and gives the lock back all the same
            self._lock.close()
        for handle in (self._own, self._root):
            with suppress(OSError):
                os.close(handle)

    def check(self) -> None:
        """Raises MovedError where the folder is no longer where it was, RunError where another process took over."""
        try:
            there = os.path.samestat(os.stat(self.folder), os.fstat(self._root))
        except (FileNotFoundError, NotADirectoryError):
            there = False
        except OSError:
            return  # the file system fails, which says nothing of the folder
        if not there:
            raise _moved(self.folder, self._root)
        newest = liveness.newest_owner(self.folder)
        if newest and newest.number > int(self.path.name):
            raise RunError(f"{newest.who} took over the run {self.folder.name}, since this process gave no sign of life; this one stopped")

    # --- taking it ----------------------------------------------------------------------------------------------------

    def _locked(self) -> BinaryIO:
        """The lock file, with its flock where that works; `self._flocked` says which."""
        file = open_regular(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
        until = time.monotonic() + PATIENCE
        try:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._flocked = True
                    return file
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise self._refused(Sight(Life.ALIVE)) from None
                except OSError:  # this file system has no flock: the claims alone decide
                    self._flocked = False
                    return file
                time.sleep(0.02)
        except BaseException:
            file.close()
            raise

    def _claimed(self) -> Path:
        """This writer's claim, a number above the one of the last writer, which is gone. Raises OSError."""
        last = liveness.newest_owner(self.folder)
        sight = liveness.judge(last, self._flocked, self._ended)
        if sight.life is not Life.GONE:
            raise self._refused(sight, last)
        writers = self.folder / "writers"
        writers.mkdir(exist_ok=True)
        number = last.number + 1 if last else 1  # above the one that was judged: there may be a newer one by now
        claim, made = writers / f"{number:07d}", writers / f".{number:07d}-{os.urandom(4).hex()}"
        try:
            made.mkdir()
            write_checksummed(made / "owner.json", {**liveness.process(), "locked": self._flocked})
            (made / "heartbeat").write_bytes(self._record())
            made.rename(claim)  # onto a claim, which is never empty, this fails: one process gets a number
        except (OSError, StorageError):
            if self._newest_number() >= number:  # another process was quicker, and may have tidied up
                raise self._refused(Sight(Life.ALIVE)) from None
            raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
        if self._newest_number() > number:  # this process was slow: the number was free again, after two other writers
            shutil.rmtree(claim, ignore_errors=True)
            raise self._refused(Sight(Life.ALIVE))
        sync_folder(writers)
        self._tidy(claim)
        return claim

    def _newest_number(self) -> int:
        return max((int(claim.name) for claim in liveness.list_claims(self.folder)), default=0)

    def _tidy(self, claim: Path) -> None:
        """Removes the claims of earlier writers, and those that were never made whole."""
        for name in os.listdir(claim.parent):
            number = name.removeprefix(".").partition("-")[0]
            if name != claim.name and number.isdigit() and int(number) <= int(claim.name):
                shutil.rmtree(claim.parent / name, ignore_errors=True)
        with suppress(OSError):
            (self.folder / "owner.json").unlink()

    def _refused(self, sight: Sight, owner: Owner | None = None) -> RunError:
        owner, name = owner or liveness.newest_owner(self.folder), self.folder.name
        who = owner.who if owner else "another process"
        if sight.life is Life.UNKNOWN:
            return RunError(
                f"run {name} may still be trained by {who} ({sight.heard}); try again in {liveness.SILENT:.0f} s, or digitty stop {name} there"
            )
        return RunError(f"run {name} is being trained by {who}; digitty stop {name} stops it")

    # --- the heartbeat ------------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        while not self._left.wait(liveness.BEAT):
            with suppress(OSError):
                self.beat()

    def beat(self) -> None:
        """Raises OSError."""
        self._count += 1
        # Opened each time, since a network file system sends what was written on closing. Written in place, in one piece of
        # always the same length: that needs no room on a full disk, and nobody reads half of it.
        handle = os.open("heartbeat", os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._own)
        try:
            os.pwrite(handle, self._record(), 0)
        finally:
            os.close(handle)

    def _record(self) -> bytes:
        return (json.dumps({"beat": self._count, "time": round(time.time(), 3)}).ljust(79) + "\n").encode()


def _moved(folder: Path, handle: int) -> MovedError:
    """The folder behind `handle` is no longer at `folder`."""
    place = _place(handle)
    if place is None:
        return MovedError(f"the folder of run {folder.name} was moved or deleted while it was written; it stopped", None)
    return MovedError(f"the folder of run {folder.name} was moved to {printable(place)} while it was written; it stopped", place)


def _place(handle: int) -> Path | None:
    """Where a folder that is open is now; None where it was deleted, or this system does not say."""
    with suppress(OSError, ValueError):
        if hasattr(fcntl, "F_GETPATH"):  # macOS
            place = Path(os.fsdecode(fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")))
        else:
            place = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if os.path.samestat(os.stat(place), os.fstat(handle)):
            return place
    return None
