"""A writer's claim on a run, which only one process can hold at a time. runs/liveness.py describes its files. No torch."""

from __future__ import annotations

import fcntl
import json
import os
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
from engine.storage.atomic import open_regular, remove_tree, sync_folder, write_checksummed

PATIENCE = 1.0
"""Seconds to try for the lock. A reader that checks the lock holds it for a moment."""
LAST_BEAT = 1.0
"""Seconds to wait for a heartbeat that is being written."""


class Claim:
    """A claim on the run in `folder`, held from its creation to `release`. `has_ended` says whether the run's metrics end with its end.

    Raises RunError if another process has a claim, StorageError if the folder can't be written.
    """

    def __init__(self, folder: Path, has_ended: Callable[[], bool]) -> None:
        self.folder = folder
        self._has_ended = has_ended
        self._released = threading.Event()
        self._heartbeat = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._count = 0
        try:
            self._folder_handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageError(f"can't open {folder}: {error.strerror}") from None
        try:
            self._lock = self._take_lock()
            try:
                self.path = self._take_claim()
                self._claim_handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except BaseException:
                self._lock.close()
                raise
        except OSError as error:
            os.close(self._folder_handle)
            where = error.filename if isinstance(error.filename, str) else folder
            raise StorageError(f"can't write {where}: {error.strerror or error}; remove whatever is in its place, or free some space") from None
        except BaseException:
            os.close(self._folder_handle)
            raise

    def start_heartbeat(self) -> None:
        self._heartbeat.start()

    def release(self) -> None:
        """Give the claim up, wherever the folder is now. May be called only once."""
        self._released.set()
        if self._heartbeat.is_alive():
            self._heartbeat.join(LAST_BEAT)
        with suppress(OSError):  # otherwise the free lock or the missing process tells readers
            os.rename("owner.json", "released.json", src_dir_fd=self._claim_handle, dst_dir_fd=self._claim_handle)
        with suppress(OSError):  # closing may fail on a network file system, but frees the lock
            self._lock.close()
        for handle in (self._claim_handle, self._folder_handle):
            with suppress(OSError):
                os.close(handle)

    def check(self) -> None:
        """Raises MovedError if the folder is no longer where it was, RunError if another process took the run over."""
        try:
            in_place = os.path.samestat(os.stat(self.folder), os.fstat(self._folder_handle))
        except (FileNotFoundError, NotADirectoryError):
            in_place = False
        except OSError:
            return  # a failing file system says nothing about the folder
        if not in_place:
            raise _moved_error(self.folder, self._folder_handle)
        newest = liveness.newest_owner(self.folder)
        if newest and newest.number > int(self.path.name):
            raise RunError(f"{newest.who} took over run {self.folder.name} after this process had shown no heartbeat; this process has stopped")

    # --- taking the claim ----------------------------------------------------------------------------------------------------

    def _take_lock(self) -> BinaryIO:
        """Open the lock file and take its flock. `self._has_flock` says whether this file system has one."""
        file = open_regular(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
        until = time.monotonic() + PATIENCE
        try:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._has_flock = True
                    return file
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise self._in_use_error(Sight(Life.ALIVE)) from None
                except OSError:  # this file system has no flock, so the claims alone decide
                    self._has_flock = False
                    return file
                time.sleep(0.02)
        except BaseException:
            file.close()
            raise

    def _take_claim(self) -> Path:
        """Make this writer's claim, numbered above that of the last writer, which is gone. Raises OSError and RunError."""
        last = liveness.newest_owner(self.folder)
        sight = liveness.judge(last, self._has_flock, self._has_ended)
        if sight.life is not Life.GONE:
            raise self._in_use_error(sight, last)
        writers = self.folder / "writers"
        writers.mkdir(exist_ok=True)
        number = last.number + 1 if last else 1  # above the one that was judged; there may be a newer one by now
        claim, new = writers / f"{number:07d}", writers / f".{number:07d}-{os.urandom(4).hex()}"
        try:
            new.mkdir()
            write_checksummed(new / "owner.json", {**liveness.process(), "locked": self._has_flock})
            (new / "heartbeat").write_bytes(self._record())
            new.rename(claim)  # fails if the claim exists, since it is never empty: only one process gets a number
        except (OSError, StorageError):
            if self._newest_number() >= number:  # another process was quicker, and may have removed the new folder
                raise self._in_use_error(Sight(Life.ALIVE)) from None
            raise
        finally:
            remove_tree(new)
        if self._newest_number() > number:  # this process was slow: two other writers came and went, and the number was free again
            remove_tree(claim)
            raise self._in_use_error(Sight(Life.ALIVE))
        sync_folder(writers)
        self._tidy(claim)
        return claim

    def _newest_number(self) -> int:
        return max((int(claim.name) for claim in liveness.list_claims(self.folder)), default=0)

    def _tidy(self, claim: Path) -> None:
        """Remove the claims of earlier writers, and those that were left unfinished."""
        for name in os.listdir(claim.parent):
            number = name.removeprefix(".").partition("-")[0]
            if name != claim.name and number.isdigit() and int(number) <= int(claim.name):
                remove_tree(claim.parent / name)
        with suppress(OSError):
            (self.folder / "owner.json").unlink()

    def _in_use_error(self, sight: Sight, owner: Owner | None = None) -> RunError:
        owner, name = owner or liveness.newest_owner(self.folder), self.folder.name
        who = owner.who if owner else "another process"
        if sight.life is Life.UNKNOWN:
            return RunError(
                f"run {name} may still be trained by {who} ({sight.heard}); "
                f"try again in {liveness.SILENT:.0f} s, or stop it there with: digitty stop {name}"
            )
        return RunError(f"run {name} is being trained by {who}; stop it with: digitty stop {name}")

    # --- the heartbeat ------------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        while not self._released.wait(liveness.BEAT):
            with suppress(OSError):
                self.beat()

    def beat(self) -> None:
        """Write one heartbeat. Raises OSError."""
        self._count += 1
        # The file is opened each time, since a network file system sends the data on closing. It is written in place, in one piece
        # that always has the same length: this needs no room on a full disk, and no reader sees half of it.
        handle = os.open("heartbeat", os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._claim_handle)
        try:
            os.pwrite(handle, self._record(), 0)
        finally:
            os.close(handle)

    def _record(self) -> bytes:
        return (json.dumps({"beat": self._count, "time": round(time.time(), 3)}).ljust(79) + "\n").encode()


def _moved_error(folder: Path, handle: int) -> MovedError:
    """The error to raise if the folder behind `handle` is no longer at `folder`."""
    place = _find_folder(handle)
    if place is None:
        return MovedError(f"the folder of run {folder.name} was moved or deleted during training; training stopped", None)
    return MovedError(f"the folder of run {folder.name} was moved to {printable(place)} during training; training stopped", place)


def _find_folder(handle: int) -> Path | None:
    """The path of an open folder; None if it was deleted or the system does not tell."""
    with suppress(OSError, ValueError):
        if hasattr(fcntl, "F_GETPATH"):  # macOS
            place = Path(os.fsdecode(fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")))
        else:
            place = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if os.path.samestat(os.stat(place), os.fstat(handle)):
            return place
    return None
